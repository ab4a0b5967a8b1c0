//! `explain`: plans with what is remarkable about them.

mod given;
mod input;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::TargetArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::redact::redacted_command;
use super::values::duration;
use super::{output, target};
use crate::analyze;
use crate::explain::{Allowed, Execute, ExplainOptions};
use crate::record::plan::ExplainedPlan;
use crate::record::{Coverage, Run};
use input::Input;

/// Plans of a file, without constants and values, and what was read of a log.
///
/// # Errors
/// The file is neither a log nor a plan, or it holds none.
pub(super) fn plans_of(
    name: &str,
    prefix: Option<&str>,
    context: &Context,
) -> Result<(Vec<ExplainedPlan>, Option<Coverage>), Failure> {
    let (told, coverage) = match Input::of(name, prefix)? {
        Input::Sql(_) => {
            return Err(Failure::input(format!(
                "{name} holds statements and no plan: `dbperf explain` asks for their plans"
            )));
        }
        Input::Plans(name, plans) => (given::plans(&name, plans, false), None),
        Input::Log(log) => {
            let terms = given::Terms {
                prefix,
                top: u32::MAX,
                literals: false,
            };
            let (told, coverage) = given::log(&log, &terms, context)?;
            (told, Some(coverage))
        }
    };
    Ok((told.into_iter().map(|told| told.plan).collect(), coverage))
}

/// Flags of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// URL (`postgres://…`), `key=value` string or database name.
    ///
    /// Without it `DBPERF_DATABASE_URL`, `DATABASE_URL` and libpq's `PG…` variables are tried. A single argument is
    /// what is explained, unless `--query-id` says that.
    #[arg(value_name = "DSN")]
    dsn: Option<String>,
    /// What to explain: a statement, a file, or `-` for standard input.
    ///
    /// A file holds statements, or plans that are there already, for which no server is needed: the output of EXPLAIN as
    /// text or JSON, or a server's log with the output of `auto_explain`.
    #[arg(value_name = "SQL|-|FILE")]
    what: Option<String>,
    /// Explain the statement that `pg_stat_statements` has under this id.
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    query_id: Option<i64>,
    /// Value of the next parameter ($1, $2 …), as the server reads its type from text; `\N` is NULL.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    param: Vec<String>,
    /// Execute SELECT statements, read-only, and show what each node did.
    #[arg(long)]
    analyze: bool,
    /// Execute changes, too, in a transaction that is rolled back; needs `--target-db`.
    #[arg(long)]
    analyze_dml: bool,
    /// Name of the database in which changes may be executed; must be the connected one.
    #[arg(long, value_name = "NAME", requires = "analyze_dml")]
    target_db: Option<String>,
    /// Execute a change in spite of this; may be repeated.
    #[arg(long, value_enum, value_name = "WHAT", requires = "analyze_dml")]
    allow: Vec<AllowArg>,
    /// Longest time of one EXPLAIN.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    statement_timeout: Duration,
    /// A plan that the planner estimates above this cost is not executed.
    #[arg(long, value_name = "COST", default_value_t = 1e7, value_parser = cost)]
    max_cost: f64,
    /// Of a log, show this many statements, those with the slowest execution. [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// `log_line_prefix` of a stderr log, where it cannot be worked out from the file.
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Show constants of statements and plans, which are data.
    #[arg(long)]
    include_literals: bool,
    /// Use a throwaway server, filled with the sample application, and remove it afterwards.
    #[arg(long)]
    lab: bool,
    /// Folder with the PostgreSQL programs for the throwaway server.
    #[arg(long, value_name = "DIR", requires = "lab")]
    pg_bin: Option<PathBuf>,
}

/// What speaks against executing a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AllowArg {
    /// The name of the host or the database says production.
    ProductionName,
    /// Standbys or backups stream from the server.
    Standbys,
    /// More than five other sessions are connected to the database.
    OtherSessions,
    /// Triggers of the table fire.
    Triggers,
}

/// What was asked for, told apart.
#[derive(Debug)]
enum What {
    /// A statement of `pg_stat_statements`.
    QueryId(i64),
    /// An argument.
    Argument(String),
}

/// `explain`.
///
/// # Errors
/// The command line makes no sense, an input cannot be read, or the server cannot be asked.
pub(super) async fn run(args: &ExplainArgs, context: &Context) -> Result<Exit, Failure> {
    let (dsn, what) = args.told_apart()?;
    let values = args.values();
    let interrupt = Interrupt::listen()?;
    let asked = match what {
        What::QueryId(id) => server::Asked::QueryId(id),
        What::Argument(argument) => match Input::of(&argument, args.prefix.as_deref())? {
            Input::Sql(statements) => server::Asked::Statements(statements),
            Input::Plans(name, plans) => {
                args.needs_no_server(dsn.is_some(), false)?;
                let told = given::plans(&name, plans, args.include_literals);
                return conclude(&given::run(args.command(), None), &told, context);
            }
            Input::Log(log) => {
                args.needs_no_server(dsn.is_some(), true)?;
                let terms = given::Terms {
                    prefix: args.prefix.as_deref(),
                    top: args.top.unwrap_or(TOP),
                    literals: args.include_literals,
                };
                let (told, coverage) = given::log(&log, &terms, context)?;
                return conclude(&given::run(args.command(), Some(coverage)), &told, context);
            }
        },
    };
    if let Some(flag) = args.of_logs() {
        return Err(Failure::usage(format!(
            "{flag} is for server logs, and this is none"
        )));
    }
    if values.is_some() && asked.count() > 1 {
        return Err(Failure::usage(format!(
            "--param gives the values of one statement, and there are {}: explain them one by one",
            asked.count()
        )));
    }
    let terms = server::Terms {
        options: ExplainOptions {
            statement_timeout: args.statement_timeout,
            cost_limit: args.max_cost,
            ..ExplainOptions::default()
        },
        execute: args.execute(),
        values,
        literals: args.include_literals,
        target_db: args.target_db.clone(),
    };
    let target = args.target(dsn);
    let walk = server::explain(&target, asked, &terms, &interrupt, context);
    let explained = Box::pin(walk).await;
    target::release(&interrupt, context).await;
    let (mut run, plans) = explained?;
    run.meta.command = args.command();
    conclude(&run, &plans, context)
}

/// The report, and how the command ends.
fn conclude(run: &Run, answers: &[server::Told], context: &Context) -> Result<Exit, Failure> {
    let plans: Vec<ExplainedPlan> = answers.iter().map(|told| told.plan.clone()).collect();
    let conclusions = analyze::explained(run, &plans);
    let written = output::write(&conclusions, context)?;
    if written != Exit::Done {
        return Ok(written);
    }
    if run.meta.interrupted {
        return Ok(Exit::Interrupted);
    }
    if let Some(told) = answers.iter().find(|told| told.failed) {
        let reason = match (&told.plan.error, &told.not_executed) {
            (Some(error), _) => format!("there is no plan: {error}"),
            (None, Some(why)) => format!("it was not executed: {why}"),
            (None, None) => "there is no plan".to_owned(),
        };
        let name = told.plan.source.as_deref().map(|s| format!("{s}: "));
        return Err(Failure::new(
            Exit::Precondition,
            format!("{}{reason}", name.unwrap_or_default()),
        ));
    }
    Ok(output::verdict(&conclusions, context))
}

impl ExplainArgs {
    /// A single argument is what is explained, unless an id says that.
    fn told_apart(&self) -> Result<(Option<String>, What), Failure> {
        // With --query-id a connection string is all that may stand there; without, it is the first of two.
        let server = match self.query_id {
            Some(_) => self.dsn.is_some(),
            None => self.what.is_some(),
        };
        if self.query_id.is_some() && self.what.is_some() {
            return Err(Failure::usage(
                "--query-id names the statement already: leave the other one out",
            ));
        }
        if self.lab && server {
            return Err(Failure::usage(
                "--lab starts a server of its own: leave the connection string out",
            ));
        }
        match (&self.dsn, &self.what, self.query_id) {
            (dsn, _, Some(id)) => Ok((dsn.clone(), What::QueryId(id))),
            (dsn, Some(what), None) => Ok((dsn.clone(), What::Argument(what.clone()))),
            (Some(what), None, None) => Ok((None, What::Argument(what.clone()))),
            (None, None, None) => Err(Failure::usage(
                "nothing to explain: give a statement, a file, `-` for standard input, or --query-id ID",
            )),
        }
    }

    /// Flags that only a server understands go with no plan that is there already.
    fn needs_no_server(&self, dsn: bool, log: bool) -> Result<(), Failure> {
        let flags = [
            ("a connection string", dsn),
            ("--analyze", self.analyze),
            ("--analyze-dml", self.analyze_dml),
            ("--param", !self.param.is_empty()),
            ("--lab", self.lab),
        ];
        let given = flags
            .into_iter()
            .find(|(_, given)| *given)
            .map(|(flag, _)| flag);
        let given = given.or(if log { None } else { self.of_logs() });
        match given {
            None => Ok(()),
            Some(flag) => Err(Failure::usage(format!(
                "the file has plans, which are read as they are: leave {flag} out"
            ))),
        }
    }

    /// A flag that is given and that only logs understand.
    fn of_logs(&self) -> Option<&'static str> {
        let flags = [
            ("--prefix", self.prefix.is_some()),
            ("--top", self.top.is_some()),
        ];
        flags
            .into_iter()
            .find(|(_, given)| *given)
            .map(|(flag, _)| flag)
    }

    /// The command line as it may be shown.
    fn command(&self) -> String {
        if self.include_literals {
            redacted_command(&std::env::args().collect::<Vec<_>>())
        } else {
            self.command_line()
        }
    }

    /// The command line without what is data in it: a statement and the values of its parameters.
    fn command_line(&self) -> String {
        let (mut words, mut value_follows) = (Vec::new(), false);
        for word in std::env::args() {
            let statement = [&self.dsn, &self.what].into_iter().flatten();
            let is_sql = statement.clone().any(|s| *s == word)
                && word.contains(char::is_whitespace)
                && !input::looks_like_a_server(&word)
                && !std::path::Path::new(&word).is_file();
            words.push(if value_follows {
                HIDDEN.to_owned()
            } else if is_sql {
                input::without_constants(&word)
            } else if word.starts_with("--param=") {
                format!("--param={HIDDEN}")
            } else {
                word.clone()
            });
            value_follows = word == "--param";
        }
        redacted_command(&words)
    }

    fn values(&self) -> Option<Vec<Option<String>>> {
        let values: Vec<_> = self.param.iter().map(|text| value(text)).collect();
        (!values.is_empty()).then_some(values)
    }

    fn execute(&self) -> Execute {
        if !self.analyze_dml {
            return if self.analyze {
                Execute::Reads
            } else {
                Execute::Nothing
            };
        }
        // Nobody shares a throwaway server.
        let allowed = |what| self.lab || self.allow.contains(&what);
        Execute::Changes(Allowed {
            production_name: allowed(AllowArg::ProductionName),
            standbys: allowed(AllowArg::Standbys),
            other_sessions: allowed(AllowArg::OtherSessions),
            triggers: allowed(AllowArg::Triggers),
        })
    }

    fn target(&self, dsn: Option<String>) -> TargetArgs {
        TargetArgs {
            dsn,
            lab: self.lab,
            lab_standby: false,
            lab_pgbouncer: false,
            pgbouncer_pool_size: None,
            pg_bin: self.pg_bin.clone(),
            replica: Vec::new(),
            pgbouncer: None,
        }
    }
}

/// Statements of a log that are shown.
const TOP: u32 = 10;

/// What stands where a value stood.
const HIDDEN: &str = "***";

/// `\N` is NULL, as in COPY; one more backslash makes it a text.
fn value(text: &str) -> Option<String> {
    match text {
        r"\N" => None,
        r"\\N" => Some(r"\N".to_owned()),
        other => Some(other.to_owned()),
    }
}

fn cost(text: &str) -> Result<f64, String> {
    let cost = text.parse().ok();
    cost.filter(|cost: &f64| cost.is_finite() && *cost > 0.0)
        .ok_or_else(|| "expected a cost above 0, such as 1e7".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: ExplainArgs,
    }

    fn args(words: &[&str]) -> ExplainArgs {
        let all = ["explain"].iter().chain(words);
        Line::try_parse_from(all).unwrap().args
    }

    fn apart(words: &[&str]) -> Result<String, String> {
        let told = args(words).told_apart();
        told.map(|(dsn, what)| format!("{dsn:?} {what:?}"))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn the_last_argument_is_what_is_explained_unless_an_id_is_given() {
        assert_eq!(
            apart(&["SELECT 1"]).unwrap(),
            r#"None Argument("SELECT 1")"#
        );
        assert_eq!(
            apart(&["postgres://h/db", "-"]).unwrap(),
            r#"Some("postgres://h/db") Argument("-")"#
        );
        assert_eq!(
            apart(&["shop", "--query-id", "-42"]).unwrap(),
            r#"Some("shop") QueryId(-42)"#
        );
        assert_eq!(apart(&["--query-id", "7"]).unwrap(), "None QueryId(7)");
        assert_eq!(
            apart(&["--lab", "SELECT 1"]).unwrap(),
            r#"None Argument("SELECT 1")"#
        );
    }

    #[test]
    fn what_makes_no_sense_says_so() {
        for (words, part) in [
            (&[][..], "nothing to explain"),
            (
                &["--lab", "shop", "SELECT 1"],
                "leave the connection string out",
            ),
            (
                &["--lab", "shop", "--query-id", "1"],
                "leave the connection string out",
            ),
            (
                &["shop", "SELECT 1", "--query-id", "1"],
                "names the statement already",
            ),
        ] {
            let error = apart(words).unwrap_err();
            assert!(error.contains(part), "{words:?}: {error}");
        }
        let refused = Line::try_parse_from(["explain", "SELECT 1", "--target-db", "x"]);
        assert!(refused.is_err(), "--target-db alone would be ignored");
    }

    #[test]
    fn null_is_written_as_in_copy() {
        let values = args(&[
            "SELECT $1",
            "--param",
            r"\N",
            "--param",
            r"\\N",
            "--param",
            "-1",
        ]);
        let text = |s: &str| Some(s.to_owned());
        assert_eq!(values.values(), Some(vec![None, text(r"\N"), text("-1")]));
        assert_eq!(args(&["SELECT 1"]).values(), None);
    }
}
