//! `profile`: the shape of a database's data as a file, without its rows.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::TargetArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::{output, target, whole_file, workload_plans};
use crate::pg::{Conninfo, PgError, Session, SessionOptions};
use crate::seed::plans::Roots;
use crate::seed::profile::{self, Profile, StatementProfile, Values};
use crate::workload::Workload;

/// The seed number of the sample data in a lab.
const SEED: u64 = 42;
/// What is missing is listed up to this many lines; the file has all.
const SHOWN: usize = 10;

/// Flags of `profile`.
#[derive(Debug, Args)]
pub(super) struct ProfileArgs {
    /// URL (`postgres://…`), `key=value` string or database name.
    ///
    /// Without it `DBPERF_DATABASE_URL`, `DATABASE_URL` and libpq's `PG…` variables are tried.
    #[arg(value_name = "DSN", conflicts_with = "lab")]
    dsn: Option<String>,
    /// What the file tells of values.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ValuesArg::Hash)]
    values: ValuesArg,
    /// Add the shape of the plans of this workload's statements, to compare them after seeding. None is executed.
    #[arg(long, value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Use a throwaway server, filled with the sample application, and remove it afterwards.
    #[arg(long)]
    lab: bool,
    /// Folder with the PostgreSQL programs for the throwaway server.
    #[arg(long, value_name = "DIR", requires = "lab")]
    pg_bin: Option<PathBuf>,
}

/// What is told of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ValuesArg {
    /// How often each value occurs, and nothing of the value.
    None,
    /// Equal values can be recognised within a column and along foreign keys, and none can be computed back.
    Hash,
    /// The values themselves: they are data.
    Keep,
}

impl From<ValuesArg> for Values {
    fn from(values: ValuesArg) -> Self {
        match values {
            ValuesArg::None => Self::None,
            ValuesArg::Hash => Self::Hash,
            ValuesArg::Keep => Self::Keep,
        }
    }
}

/// `profile`.
///
/// # Errors
/// The workload cannot be read, the server cannot be asked, or the file cannot be written.
pub(super) async fn run(args: &ProfileArgs, context: &Context) -> Result<Exit, Failure> {
    if let Some(path) = &context.output {
        // Before the work, not after it.
        whole_file::check(path).map_err(|e| unwritten(path, &e))?;
    }
    let workload = args.workload()?;
    let interrupt = Interrupt::listen()?;
    let reading = read(args, workload.as_ref(), &interrupt, context);
    let read = Box::pin(reading).await;
    target::release(&interrupt, context).await;
    let (profile, database) = read?;
    let exit = write(&profile, context)?;
    for line in summary(&profile, &database) {
        context.say(&line);
    }
    if !profile.tables.is_empty() {
        return Ok(exit);
    }
    let why = if profile.schema.tables.is_empty() {
        format!("database {database} has no tables that this role sees")
    } else {
        format!("nothing is known of the rows of any table of database {database}")
    };
    Err(Failure::new(Exit::Precondition, why))
}

impl ProfileArgs {
    fn target(&self) -> TargetArgs {
        TargetArgs {
            dsn: self.dsn.clone(),
            lab: self.lab,
            lab_standby: false,
            lab_pgbouncer: false,
            pgbouncer_pool_size: None,
            pg_bin: self.pg_bin.clone(),
            replica: Vec::new(),
            pgbouncer: None,
        }
    }

    fn workload(&self) -> Result<Option<Workload>, Failure> {
        self.workload
            .as_deref()
            .map(workload_plans::read)
            .transpose()
    }
}

async fn read(
    args: &ProfileArgs,
    workload: Option<&Workload>,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<(Profile, String), Failure> {
    let servers = target::prepare(&args.target(), SEED, interrupt, context).await?;
    let conninfo = &servers.target.conninfo;
    let options = SessionOptions::new("profile");
    let connecting = Session::connect(conninfo, &options);
    let session = Box::pin(interrupt.or(connecting)).await?;
    let session = session.map_err(|e| Failure::precondition(&e))?;
    let database = session.database().to_owned();
    let progress = Progress::of(context, "Reading catalogue and statistics", 0);
    let bar = progress.bar();
    let told = move |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let reading = Box::pin(profile::read(&session, args.values.into(), &told));
    let read = match interrupt.or(reading).await {
        Ok(read) => read,
        Err(interrupted) => {
            // That it is gone already is as good.
            let _ = session.cancel().await;
            return Err(interrupted);
        }
    };
    let mut profile = read.map_err(|e| Failure::precondition(&e))?;
    progress.done(&format!("Read {} tables", profile.schema.tables.len()));
    if let Some(workload) = workload {
        let planning = plans_of(&session, conninfo, workload, &mut profile, context);
        let planned = Box::pin(interrupt.or(planning)).await;
        if planned.is_err() {
            let _ = session.cancel().await;
        }
        planned?.map_err(|e| Failure::precondition(&e))?;
    }
    session.close().await;
    Ok((profile, database))
}

/// Asks for the plans of the workload's statements.
async fn plans_of(
    catalogue: &Session,
    conninfo: &Conninfo,
    workload: &Workload,
    profile: &mut Profile,
    context: &Context,
) -> Result<(), PgError> {
    let roots = Roots::of(&profile.schema);
    let asking = workload_plans::ask(catalogue, conninfo, "profile", &roots, workload, context);
    let plans = Box::pin(asking).await?;
    for (name, plan) in plans {
        match plan {
            Ok((shape, rows)) => profile
                .statements
                .push(StatementProfile { name, shape, rows }),
            Err(why) => profile.missing.push(format!("plan of {name}: {why}")),
        }
    }
    Ok(())
}

fn write(profile: &Profile, context: &Context) -> Result<Exit, Failure> {
    let Some(path) = &context.output else {
        let mut bytes = Vec::new();
        profile.write(&mut bytes).map_err(|e| {
            Failure::new(Exit::Bug, format!("cannot write the profile as JSON: {e}"))
        })?;
        return output::to_stdout(&bytes);
    };
    whole_file::write(path, |out| profile.write(out)).map_err(|e| unwritten(path, &e))?;
    Ok(Exit::Done)
}

fn unwritten(path: &std::path::Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::new(
        Exit::Precondition,
        format!("cannot write the profile to {path}: {error}; name another file with -o"),
    )
}

/// What the file says, and what not.
fn summary(profile: &Profile, database: &str) -> Vec<String> {
    let count = |count: usize, one: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {one}{plural}")
    };
    let columns = profile.tables.iter().map(|table| table.columns.len()).sum();
    let all = profile.schema.tables.len();
    let values = match profile.values {
        Values::None => "without any value",
        Values::Hash => "with tokens in the place of values",
        Values::Keep => "WITH THE VALUES themselves, which are data",
    };
    let mut lines = vec![format!(
        "Profile of database {database}: {} with {}, {values}",
        count(profile.tables.len(), "table"),
        count(columns, "column"),
    )];
    if profile.tables.len() < all {
        let left = all - profile.tables.len();
        lines.push(format!(
            "{left} of {} have no statistics that this role sees: their columns and constraints are in the file, and \
             nothing of their rows",
            count(all, "table")
        ));
    }
    if !profile.statements.is_empty() {
        lines.push(format!(
            "Plans of {}",
            count(profile.statements.len(), "statement")
        ));
    }
    if !profile.missing.is_empty() {
        lines.push("Missing:".to_owned());
        let shown = profile.missing.iter().take(SHOWN);
        lines.extend(shown.map(|what| format!("  {what}")));
        if profile.missing.len() > SHOWN {
            let more = profile.missing.len() - SHOWN;
            lines.push(format!(
                "  and {more} more, listed in the file under `missing`"
            ));
        }
    }
    lines
}
