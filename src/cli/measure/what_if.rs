//! What the planner would do with indexes that do not exist, after the window.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::plans::{self, EXPLAIN_TIMEOUT, Plans};
use crate::analyze::missing_indexes::Questions;
use crate::cli::context::Context;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::target::Servers;
use crate::collect;
use crate::explain::{self, Candidate, ExplainOptions, WhatIfProbe};
use crate::pg::{Connector, Opened, SearchPath, Session, SessionOptions, catalog, column};
use crate::record::run::Run;
use crate::record::what_if::{WhatIf, WhatIfMethod};
use crate::record::{Bytes, Coverage, Millis, QueryId, Status};
use crate::workload::Workload;

/// Statements of a workload that are asked about, those with the most time.
const STATEMENTS: usize = 60;
/// Longest time that the questions may take together.
const QUESTIONS: Duration = Duration::from_secs(30);
/// The same where the counters were read once, which is to be answered at once.
const QUICK_QUESTIONS: Duration = Duration::from_secs(1);
/// Longest time that building candidates in a lab may take.
const BUILDING: Duration = Duration::from_secs(15);
const NOT_INSTALLED: &str =
    "HypoPG is not installed in this database: indexes are judged by their scans alone";
/// The row of the coverage.
const COLLECTOR: &str = "what_if";

/// Whether and how the planner is asked.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct WhatIfOptions {
    /// It is asked at all.
    pub(in crate::cli) wanted: bool,
    /// `HypoPG` may be used where it is installed.
    pub(in crate::cli) hypopg: bool,
    /// Most bytes that the recommended indexes may take together.
    pub(in crate::cli) max_bytes: Option<u64>,
}

/// Why nothing was asked.
struct Skipped(Status, String);

impl Skipped {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is the argument of `map_err`"
    )]
    fn failed(why: impl ToString) -> Self {
        Self(Status::Failed, why.to_string())
    }
}

/// Asks the planner about the indexes that the plans of the workload want, and keeps its answers.
pub(super) async fn ask(
    run: &mut Run,
    servers: &Servers,
    workload: Option<&Workload>,
    plans: Plans,
    interrupt: &Interrupt,
    context: &Context,
) {
    if !plans.what_if.wanted || plans.count == 0 {
        return;
    }
    let started = Instant::now();
    let statements = statements(run, workload);
    if statements.is_empty() {
        return;
    }
    // Known without another connection.
    let server = run.server.as_ref();
    let extensions = server.map(|server| &server.extensions);
    let why_not = match extensions {
        _ if servers.lab => None,
        _ if !plans.what_if.hypopg => Some("--no-hypopg"),
        Some(all) if !all.contains_key("hypopg") => Some(NOT_INSTALLED),
        _ => None,
    };
    if let Some(why) = why_not {
        let row = Coverage::not_ok(COLLECTOR, Status::Skipped, why);
        run.coverage.push(row);
        return;
    }
    let progress = Progress::step(context, "Asking the planner about indexes");
    let walk = walk(run, servers, &statements, plans.what_if);
    let row = match interrupt.or(Box::pin(walk)).await {
        Ok(Ok(())) => Coverage::ok(COLLECTOR, Millis::from(started.elapsed())),
        Ok(Err(Skipped(status, why))) => Coverage::not_ok(COLLECTOR, status, why),
        Err(_) => Coverage::not_ok(COLLECTOR, Status::Failed, "interrupted"),
    };
    let what_if = run.what_if.as_ref();
    progress.done(&format!(
        "Asked the planner about {} indexes",
        what_if.map_or(0, |w| w.indexes.len())
    ));
    let cut = what_if.and_then(|w| w.cut_short.clone());
    run.coverage.push(match cut {
        Some(why) if row.status == Status::Ok => Coverage {
            status: Status::Partial,
            reason: Some(why),
            ..row
        },
        _ => row,
    });
}

/// Statements with the most time, each once: several roles may run the same.
fn statements(run: &Run, workload: Option<&Workload>) -> Vec<Candidate> {
    let Some(server) = &run.server else {
        return Vec::new();
    };
    let plain = Plans {
        count: STATEMENTS,
        analyze: false,
        what_if: WhatIfOptions::default(),
    };
    let mut seen = BTreeSet::new();
    plans::candidates(run, server.database_oid, workload, plain)
        .into_iter()
        .filter(|c| seen.insert(c.query_id))
        .collect()
}

async fn walk(
    run: &mut Run,
    servers: &Servers,
    statements: &[Candidate],
    asked: WhatIfOptions,
) -> Result<(), Skipped> {
    let session_options = SessionOptions {
        statement_timeout: EXPLAIN_TIMEOUT,
        search_path: SearchPath::Role,
        ..SessionOptions::new(&run.meta.run_id)
    };
    let session = Session::connect(&servers.target.conninfo, &session_options).await;
    let session = session.map_err(Skipped::failed)?;
    let walked = with_session(run, servers, &session, statements, asked).await;
    session.close().await;
    walked
}

async fn with_session(
    run: &mut Run,
    servers: &Servers,
    session: &Session,
    statements: &[Candidate],
    asked: WhatIfOptions,
) -> Result<(), Skipped> {
    let hypopg = if servers.lab {
        None
    } else {
        Some(installed(session).await?)
    };
    let options = ExplainOptions::default();
    let (records, _) = explain::plans(session.client(), statements, &options).await;
    let relations = tables(run, statements);
    let columns = collect::planner_columns::read(session, &relations).await;
    let mut what_if = WhatIf {
        method: hypopg.as_ref().map_or(WhatIfMethod::Built, |(_, version)| {
            WhatIfMethod::Hypopg(version.clone())
        }),
        statements: records,
        columns: columns.map_err(Skipped::failed)?,
        indexes: Vec::new(),
        trials: Vec::new(),
        max_bytes: asked.max_bytes.map(Bytes),
        cut_short: None,
    };
    let answered = match hypopg {
        Some((schema, _)) => {
            let mut probe = WhatIfProbe::hypothetical(session.client(), &schema, options);
            questions(run, &mut what_if, &mut probe, statements).await
        }
        None => build(run, servers, &mut what_if, statements, options).await,
    };
    // Without one answer the record would read as "no index helps".
    if what_if.indexes.is_empty() || !what_if.trials.is_empty() {
        run.what_if = Some(what_if);
    }
    answered
}

/// In a lab the indexes are built, in a session that may write.
async fn build(
    run: &Run,
    servers: &Servers,
    what_if: &mut WhatIf,
    statements: &[Candidate],
    options: ExplainOptions,
) -> Result<(), Skipped> {
    let opened = Connector::new(servers.target.conninfo.clone())
        .connect()
        .await;
    let Opened { client, task, .. } = opened.map_err(Skipped::failed)?;
    let mut probe = WhatIfProbe::built(&client, options);
    let answered = questions(run, what_if, &mut probe, statements).await;
    let dropped = probe.finish().await;
    drop(client);
    let _ = task.await;
    answered.and(dropped.map_err(Skipped::failed))
}

/// Schema and version of `HypoPG`.
async fn installed(session: &Session) -> Result<(String, String), Skipped> {
    let view = &catalog::HYPOPG;
    let rows = session.read(view, &[]).await.map_err(Skipped::failed)?;
    let Some(row) = rows.first() else {
        return Err(Skipped(Status::Skipped, NOT_INSTALLED.to_owned()));
    };
    let text = |name| column::get(row, view.name, name).map_err(Skipped::failed);
    Ok((text("nspname")?, text("extversion")?))
}

/// Tables whose names stand in the statements.
fn tables<'a>(run: &'a Run, statements: &[Candidate]) -> Vec<(u32, &'a str)> {
    let named = |name: &str| statements.iter().any(|s| s.text.contains(name));
    let facts = run.tables.facts.iter().flatten();
    facts
        .filter(|t| named(&t.relname))
        .map(|t| (t.relid, t.relname.as_str()))
        .collect()
}

/// Question after question, until the advice is ready or the time is over.
async fn questions(
    run: &Run,
    what_if: &mut WhatIf,
    probe: &mut WhatIfProbe<'_>,
    statements: &[Candidate],
) -> Result<(), Skipped> {
    let asked = what_if.clone();
    let mut questions = Questions::of(run, &asked);
    let tried = probe.prepare(&questions.definitions(), BUILDING).await;
    what_if.indexes = tried.map_err(Skipped::failed)?;
    questions.tried(&what_if.indexes);
    let by_id: BTreeMap<QueryId, &Candidate> = statements.iter().map(|s| (s.query_id, s)).collect();
    let started = Instant::now();
    let limit = if run.meta.since.is_some() {
        QUICK_QUESTIONS
    } else {
        QUESTIONS
    };
    loop {
        let mut by_set: BTreeMap<Vec<usize>, Vec<&Candidate>> = BTreeMap::new();
        for ask in questions.next() {
            let statement = by_id.get(&ask.query_id).copied();
            by_set.entry(ask.indexes).or_default().extend(statement);
        }
        if by_set.is_empty() {
            return Ok(());
        }
        for (indexes, statements) in by_set {
            if started.elapsed() > limit {
                what_if.cut_short = Some(format!(
                    "the {} s for questions to the planner were over: better indexes may exist",
                    limit.as_secs()
                ));
                return Ok(());
            }
            let costs = probe.costs(&indexes, &statements).await;
            for (id, trial) in costs.map_err(Skipped::failed)? {
                match trial {
                    Ok(trial) => {
                        questions.answered(&trial);
                        what_if.trials.push(trial);
                    }
                    Err(why) => {
                        questions.give_up(id);
                        give_up(what_if, id, &why);
                    }
                }
            }
        }
    }
}

/// A statement that has no plan any more is not asked about again.
fn give_up(what_if: &mut WhatIf, id: QueryId, why: &str) {
    let mut records = what_if.statements.iter_mut();
    if let Some(record) = records.find(|r| r.query_id == id) {
        record.plan = None;
        record.error = Some(why.to_owned());
    }
    what_if.cut_short = Some(format!("statement {id} could not be planned again: {why}"));
}
