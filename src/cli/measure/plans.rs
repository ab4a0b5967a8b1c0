//! Plans of the statements that matter, after the window.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::what_if::WhatIfOptions;
use crate::analyze::statements;
use crate::cli::context::Context;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::target::Servers;
use crate::explain::{self, Candidate, ExplainOptions};
use crate::pg::{SearchPath, Session, SessionOptions};
use crate::record::run::Run;
use crate::record::statements::StatementDelta;
use crate::record::{self, Coverage, Millis, Status};
use crate::workload::Workload;

/// What is asked of the server beside the counters.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Plans {
    /// Statements to get plans of, at most.
    pub(in crate::cli) count: usize,
    /// Execute the workload's SELECT statements once more with EXPLAIN ANALYZE.
    pub(in crate::cli) analyze: bool,
    /// Whether the planner is asked about indexes that do not exist.
    pub(in crate::cli) what_if: WhatIfOptions,
}

/// Longest time that one EXPLAIN may take.
pub(super) const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks for the plans of the statements with the most time. Runs after the window: planning can
/// count as an index scan.
pub(super) async fn get_plans(
    run: &mut Run,
    servers: &Servers,
    workload: Option<&Workload>,
    plans: Plans,
    interrupt: &Interrupt,
    context: &Context,
) {
    let Some(server) = &run.server else { return };
    let candidates = candidates(run, server.database_oid, workload, plans);
    if candidates.is_empty() {
        run.coverage.push(Coverage::not_ok(
            "explain",
            Status::Skipped,
            if plans.count == 0 {
                "--explain 0"
            } else {
                "no statement to explain"
            },
        ));
        return;
    }
    let progress = Progress::step(context, "Asking for plans");
    let started = Instant::now();
    let session_options = SessionOptions {
        statement_timeout: EXPLAIN_TIMEOUT,
        search_path: SearchPath::Role,
        ..SessionOptions::new(&run.meta.run_id)
    };
    let session = Session::connect(&servers.target.conninfo, &session_options);
    let session = match interrupt.or(session).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => {
            run.coverage.push(Coverage::not_ok(
                "explain",
                Status::Failed,
                error.to_string(),
            ));
            return;
        }
        Err(_) => return,
    };
    let options = ExplainOptions {
        major: Some(session.major()),
        ..ExplainOptions::default()
    };
    let asked = explain::plans(session.client(), &candidates, &options);
    if let Ok((records, coverage)) = interrupt.or(asked).await {
        progress.done(&format!("Asked for {} plans", records.len()));
        run.plans = records;
        run.coverage.extend(coverage.into_iter().map(|mut row| {
            row.duration.get_or_insert(Millis::from(started.elapsed()));
            row
        }));
    } else {
        // The session ends anyway; the statement need not go on without it.
        let _ = session.cancel().await;
        return;
    }
    session.close().await;
}

/// The statements with the most execution time in the connected database, each with parameters of
/// the workload where it has the same statement. Of the ids of one statement the one with the most
/// time is asked for; roles share it.
pub(super) fn candidates(
    run: &Run,
    database_oid: u32,
    workload: Option<&Workload>,
    plans: Plans,
) -> Vec<Candidate> {
    let Some(window) = &run.statements else {
        return Vec::new();
    };
    let candidate = |delta: &StatementDelta| {
        let text = window.texts.get(&delta.key.queryid.0)?;
        let sent = text
            .fingerprint
            .as_deref()
            .and_then(|fingerprint| as_sent(workload?, fingerprint));
        let (text, sample_params) = match sent {
            // The view counts constants as parameters too; the workload's own text does not.
            Some((sql, values)) => (sql, Some(values)),
            None => (text.query.clone(), None),
        };
        explain::explainable(&text).then_some(Candidate {
            query_id: delta.key.queryid,
            text,
            sample_params,
            analyze: plans.analyze,
        })
    };
    let mut asked = BTreeSet::new();
    statements::groups(window)
        .iter()
        .filter(|group| {
            let key = group.leading().key;
            key.dbid == database_oid && key.toplevel != Some(false)
        })
        .filter_map(|group| {
            let mut members = group.members.iter();
            members.find_map(|delta| candidate(delta))
        })
        .filter(|candidate| asked.insert(candidate.query_id))
        .take(plans.count)
        .collect()
}

/// A statement as the workload sends it, with one draw of its parameters; `None` where a value comes
/// from another statement's row and is not known here.
fn as_sent(workload: &Workload, fingerprint: &str) -> Option<(String, Vec<Option<String>>)> {
    for (o, operation) in workload.operations.iter().enumerate() {
        for (s, statement) in operation.statements.iter().enumerate() {
            if record::fingerprint(&statement.sql).as_deref() == Some(fingerprint) {
                let drawn = workload.sample_params(o, s, 1)?;
                let known = drawn.iter().all(Option::is_some);
                return known.then(|| (statement.sql.clone(), drawn));
            }
        }
    }
    None
}
