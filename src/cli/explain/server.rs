//! The part of `explain` that asks a server.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::input::{Statement, without_constants};
use crate::cli::args::TargetArgs;
use crate::cli::context::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::measure::{run_id, without_server};
use crate::cli::progress::Progress;
use crate::cli::target::{self, Servers};
use crate::collect::pg_stat_statements::Source;
use crate::collect::{HostMeter, pg_class, pg_index, pg_stat_user_tables, relation_size};
use crate::explain::{self, Answer, Execute, ExplainOptions, Question};
use crate::pg::{PgError, SearchPath, Session, SessionOptions, read_extensions, read_server};
use crate::record::indexes::IndexWindow;
use crate::record::plan::{ExplainedPlan, PlanMode};
use crate::record::server::Server;
use crate::record::tables::TableWindow;
use crate::record::{self, Coverage, Millis, Run, Span, Status};

/// What the server is asked about.
#[derive(Debug)]
pub(super) enum Asked {
    /// Statements of the user.
    Statements(Vec<Statement>),
    /// A statement of `pg_stat_statements`.
    QueryId(i64),
}

impl Asked {
    /// How many.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Statements(all) => all.len(),
            Self::QueryId(_) => 1,
        }
    }
}

/// How it is asked.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) options: ExplainOptions,
    pub(super) execute: Execute,
    pub(super) values: Option<Vec<Option<String>>>,
    pub(super) literals: bool,
    pub(super) target_db: Option<String>,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) plan: ExplainedPlan,
    /// It was to be executed and was not: why.
    pub(super) not_executed: Option<String>,
    /// What was asked for did not come.
    pub(super) failed: bool,
}

/// Two guarded sessions: one sees the system catalogues only, the other has the role's own search path, by which the
/// names in statements are found.
struct Sessions {
    catalogue: Session,
    application: Session,
}

/// Connects and asks.
///
/// # Errors
/// The server cannot be reached, the statement of an id is not there, or the values do not fit.
pub(super) async fn explain(
    target: &TargetArgs,
    asked: Asked,
    terms: &Terms,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<(Run, Vec<Told>), Failure> {
    const SEED: u64 = 42;
    let started_at = Timestamp::now();
    let host = HostMeter::start();
    let servers = target::prepare(target, SEED, interrupt, context).await?;
    let id = run_id();
    let progress = Progress::step(context, "Asking for plans");
    let sessions = Box::pin(interrupt.or(Sessions::open(&servers, &id, terms))).await?;
    let sessions = sessions.map_err(|e| Failure::precondition(&e))?;
    let walk = sessions.walk(&servers, asked, terms, interrupt);
    let walked = Box::pin(walk).await;
    if let Ok((_, told)) = &walked {
        progress.done(&format!("Asked for {} plans", told.len()));
    }
    sessions.close().await;
    let (facts, told) = walked?;
    let mut run = without_server(id, started_at, host.finish(facts.server.cores.is_some()));
    run.server = Some(facts.server);
    run.coverage = facts.coverage;
    run.tables = facts.tables;
    run.indexes = facts.indexes;
    run.meta.lab = servers.lab;
    run.meta.interrupted = interrupt.asked();
    Ok((run, told))
}

/// What the judgement of plans needs to know of the server.
struct Facts {
    server: Server,
    coverage: Vec<Coverage>,
    tables: TableWindow,
    indexes: IndexWindow,
}

/// A change goes only to the database that was named.
fn confirm(sessions: &Sessions, servers: &Servers, terms: &Terms) -> Result<(), Failure> {
    if servers.lab || !matches!(terms.execute, Execute::Changes(_)) {
        return Ok(());
    }
    let database = sessions.application.database();
    match terms.target_db.as_deref() {
        Some(named) if named == database => Ok(()),
        Some(named) => Err(Failure::new(
            Exit::Precondition,
            format!(
                "--target-db says {named}, but the connection goes to {database}: nothing was executed"
            ),
        )),
        None => Err(Failure::usage(format!(
            "--analyze-dml executes changes: confirm the database with --target-db {database}"
        ))),
    }
}

impl Sessions {
    async fn open(servers: &Servers, id: &str, terms: &Terms) -> Result<Self, PgError> {
        let conninfo = &servers.target.conninfo;
        let pinned = SessionOptions::new(id);
        let role = SessionOptions {
            statement_timeout: terms.options.statement_timeout,
            search_path: SearchPath::Role,
            ..SessionOptions::new(id)
        };
        Ok(Self {
            catalogue: Session::connect(conninfo, &pinned).await?,
            application: Session::connect(conninfo, &role).await?,
        })
    }

    async fn walk(
        &self,
        servers: &Servers,
        asked: Asked,
        terms: &Terms,
        interrupt: &Interrupt,
    ) -> Result<(Facts, Vec<Told>), Failure> {
        let prepare = async {
            confirm(self, servers, terms)?;
            let server = read_server(&self.catalogue, &servers.target).await;
            let server = server.map_err(|e| Failure::precondition(&e))?;
            let statements = match asked {
                Asked::Statements(all) => all.into_iter().map(|s| (s, true)).collect(),
                Asked::QueryId(id) => vec![(of_id(self, id, &server).await?, false)],
            };
            Ok::<_, Failure>((server, statements))
        };
        let (server, statements) = self.or_cancel(interrupt, Box::pin(prepare)).await??;
        let mut told = Vec::new();
        for (statement, own) in statements {
            match self.ask(&statement, own, terms, interrupt).await {
                Ok(answer) => told.push(tell(statement, answer?, terms)),
                // What came before is shown.
                Err(interrupted) if told.is_empty() => return Err(interrupted),
                Err(_) => break,
            }
        }
        let mut facts = Facts {
            server,
            coverage: Vec::new(),
            tables: TableWindow::default(),
            indexes: IndexWindow::default(),
        };
        if !interrupt.asked() && told.iter().any(|t| t.plan.plan.is_some()) {
            self.facts(&mut facts).await;
        }
        Ok((facts, told))
    }

    async fn close(self) {
        self.catalogue.close().await;
        self.application.close().await;
    }

    /// Runs a step; a signal ends it and what the server does for it.
    async fn or_cancel<T>(
        &self,
        interrupt: &Interrupt,
        step: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let done = interrupt.or(step).await;
        if done.is_err() {
            // That they are gone already is as good.
            let _ = self.application.cancel().await;
            let _ = self.catalogue.cancel().await;
        }
        done
    }

    /// One statement. The outer error is a signal.
    async fn ask(
        &self,
        statement: &Statement,
        own: bool,
        terms: &Terms,
        interrupt: &Interrupt,
    ) -> Result<Result<Answer, Failure>, Failure> {
        /// Rungs that each may take the whole time, and what the way there and back takes.
        const RUNGS: u32 = 4;
        const GRACE: Duration = Duration::from_secs(10);
        let question = Question {
            text: statement.text.clone(),
            values: terms.values.clone(),
            execute: terms.execute,
            literals: terms.literals,
            own,
        };
        let asking = explain::ask(
            &self.application,
            &self.catalogue,
            &question,
            &terms.options,
        );
        let limit = terms.options.statement_timeout * RUNGS + GRACE;
        let asking = self.or_cancel(interrupt, timeout(limit, Box::pin(asking)));
        if let Ok(answer) = asking.await? {
            return Ok(answer.map_err(|e| Failure::usage(e.to_string())));
        }
        let _ = self.application.cancel().await;
        Ok(Err(Failure::new(
            Exit::Precondition,
            format!(
                "{} did not answer within {} s, although statements may take {} s there",
                self.application.address(),
                limit.as_secs(),
                terms.options.statement_timeout.as_secs()
            ),
        )))
    }

    /// What the judgement of plans needs to know of tables and indexes. A reading that fails is told.
    async fn facts(&self, facts: &mut Facts) {
        let session = &self.catalogue;
        let mut failed = |view: &str, error: &PgError| {
            let row = Coverage::not_ok(view, Status::Failed, error.to_string());
            facts.coverage.push(row);
        };
        let sizes = relation_size::read(session).await.unwrap_or_default();
        match pg_class::read(session, &sizes).await {
            Ok(tables) => facts.tables.facts = Some(tables.facts),
            Err(error) => failed("pg_class", &error),
        }
        match pg_index::read(session, &sizes).await {
            Ok(indexes) => facts.indexes.facts = Some(indexes),
            Err(error) => failed("pg_index", &error),
        }
        match pg_stat_user_tables::read(session).await {
            // One moment is both ends: nothing is said about a window.
            Ok(rows) => {
                facts.tables.stat_user_tables = Some(Span {
                    first_at: Millis(0.0),
                    first: rows.clone(),
                    last_at: Millis(0.0),
                    last: rows,
                });
            }
            Err(error) => failed("pg_stat_user_tables", &error),
        }
    }
}

/// The answer as it is reported.
fn tell(statement: Statement, answer: Answer, terms: &Terms) -> Told {
    // Among others a command without a plan is passed over; alone it is what was asked for.
    let passed_over = statement.source.is_some() && !explain::explainable(&statement.text);
    let failed = (answer.error.is_some() && !passed_over) || answer.not_executed.is_some();
    let mut notes = answer.notes;
    notes.extend(
        answer
            .not_executed
            .iter()
            .map(|why| format!("Not executed: {why}.")),
    );
    let with_values = terms.values.is_some() && answer.mode != PlanMode::Generic;
    if !terms.literals && (with_values || has_constants(&statement.text)) {
        notes.push("Constants and values are hidden; --include-literals shows them.".to_owned());
    }
    Told {
        failed,
        not_executed: answer.not_executed,
        plan: ExplainedPlan {
            fingerprint: record::fingerprint(&statement.text),
            text: Some(if terms.literals {
                statement.text
            } else {
                without_constants(&statement.text)
            }),
            source: statement.source,
            query_id: answer.query_id,
            parameter_types: answer.parameter_types,
            logged: None,
            mode: answer.mode,
            plan: answer.plan,
            error: answer.error,
            notes,
        },
    }
}

fn has_constants(text: &str) -> bool {
    pg_query::normalize(text).is_ok_and(|normal| normal != text)
}

/// The statement that `pg_stat_statements` has under an id.
async fn of_id(sessions: &Sessions, id: i64, server: &Server) -> Result<Statement, Failure> {
    let session = &sessions.catalogue;
    let precondition = |e: PgError| Failure::precondition(&e);
    let missing = |why: String| Failure::new(Exit::Precondition, why);
    let extensions = read_extensions(session).await.map_err(precondition)?;
    let source = extensions.get("pg_stat_statements").and_then(Source::new);
    let source = source.ok_or_else(|| {
        missing(format!(
            "--query-id needs pg_stat_statements, which database {} does not have: CREATE EXTENSION pg_stat_statements",
            server.database
        ))
    })?;
    let sample = source.read(session).await.map_err(precondition)?;
    let found: Vec<u32> = sample
        .rows
        .iter()
        .filter(|row| row.key.queryid.0 == id)
        .map(|row| row.key.dbid)
        .collect();
    if found.is_empty() {
        let hidden = match sample.hidden_rows {
            0 => String::new(),
            rows => format!(
                "; {rows} statements of other roles are hidden from {} (GRANT pg_read_all_stats shows them)",
                server.privileges.role
            ),
        };
        return Err(missing(format!(
            "pg_stat_statements has no statement with queryid {id}: it did not run since the last reset, or its entry \
             was evicted, or the id is of another server{hidden}"
        )));
    }
    if !found.contains(&server.database_oid) {
        let names = found
            .iter()
            .filter_map(|oid| server.database_names.get(oid));
        let names: Vec<&str> = names.map(String::as_str).collect();
        return Err(missing(format!(
            "the statement with queryid {id} ran in database {}, and this is {}: connect there",
            names.join(", "),
            server.database
        )));
    }
    let texts = source
        .read_texts(session, &[id])
        .await
        .map_err(precondition)?;
    match texts
        .get(id)
        .filter(|text| *text != "<insufficient privilege>")
    {
        Some(text) => Ok(Statement {
            source: Some(format!("queryid {id}")),
            text: text.to_owned(),
        }),
        None => Err(missing(format!(
            "pg_stat_statements does not show the text of queryid {id}: it is hidden from {} (GRANT pg_read_all_stats \
             shows it), or the server could not keep it",
            server.privileges.role
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_without_its_constants() {
        assert_eq!(
            without_constants("SELECT * FROM t WHERE a = 'canary' AND b = $1 AND c = 7"),
            "SELECT * FROM t WHERE a = $2 AND b = $1 AND c = $3"
        );
        let hidden = without_constants("SELEC 'canary' FROM 42");
        assert!(
            !hidden.contains("canary") && !hidden.contains("42"),
            "{hidden}"
        );
        assert!(!has_constants("SELECT a FROM t") && has_constants("SELECT 1"));
    }
}
