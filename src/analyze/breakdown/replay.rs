//! Breakdown of dbperf's own replay: everything but the inside of a statement's latency is measured.

use std::collections::BTreeMap;

use crate::analyze::conclusions::{Basis, Breakdown, Endpoint, EndpointStatement, PartKind};
use crate::record::load::{LoadResult, Operation, OperationParts};

use super::catalogue::Catalogue;
use super::parts::{Component, assemble, joined, sort, total};

const NETWORK_NOTE: &str = "round trips between client and server, planning, transfer of the \
                            result and the driver's work: statement latency less execution";
/// Share of the mean above which the schedule lag is worth a word (ours).
const SHOWN_LAG_RATIO: f64 = 0.02;

const APP_NOTE: &str = "pauses of the workload while it held a connection (held idle); the driver's own \
                        work between statements counts with the network";

pub(super) fn conclude(result: &LoadResult, catalogue: Result<&Catalogue<'_>, &str>) -> Breakdown {
    let mut notes = Vec::new();
    if let Err(reason) = &catalogue {
        notes.push(format!(
            "{reason}; the latency of statements could not be split and is unattributed"
        ));
    }
    notes.extend(schedule_lag(&result.total));
    let mut endpoints: Vec<Endpoint> = result
        .operations
        .iter()
        .filter(|o| o.requests > 0)
        .map(|o| endpoint(o, catalogue))
        .collect();
    sort(&mut endpoints);
    Breakdown {
        source: result.source.tool.clone(),
        total: total(&endpoints, &[]),
        endpoints,
        notes,
    }
}

/// The time before a request began belongs to no part of it.
fn schedule_lag(total: &Operation) -> Option<String> {
    let parts = total.parts.as_ref()?;
    let lag = parts.schedule_lag.0 / total.requests.max(1) as f64;
    let mean = total.latency.mean?.0;
    (lag > SHOWN_LAG_RATIO * mean).then(|| {
        format!(
            "{lag:.2} ms of the mean are schedule lag: requests began later than they were due; that time \
             is in the latency, and unattributed"
        )
    })
}

fn endpoint(operation: &Operation, catalogue: Result<&Catalogue<'_>, &str>) -> Endpoint {
    let mean_ms = operation.latency.mean.map(|m| m.0);
    let (components, statements) = match &operation.parts {
        Some(parts) => components(operation, parts, catalogue),
        None => (
            vec![
                Component::unknown(PartKind::DbExec, "the driver recorded no parts"),
                Component::unknown(PartKind::PoolWait, "the driver recorded no parts"),
                Component::unknown(PartKind::Network, "the driver recorded no parts"),
                Component::unknown(PartKind::App, "the driver recorded no parts"),
            ],
            Vec::new(),
        ),
    };
    Endpoint {
        name: operation.name.clone(),
        requests: operation.requests,
        failures: operation.failures,
        mean_ms,
        p95_ms: operation.latency.percentile("95").map(|m| m.0),
        parts: mean_ms.map_or_else(Vec::new, |mean| assemble(mean, components)),
        slowest: None,
        statements,
    }
}

/// Execution time of an operation's statements, as sums over all its requests.
#[derive(Default)]
struct Execution {
    exec_ms: f64,
    /// Latency of statements without counters.
    unmatched_ms: f64,
    matched: usize,
    clamped: bool,
    partial: bool,
    unmatched: Vec<String>,
    calls: BTreeMap<i64, (f64, Basis)>,
}

fn execution(parts: &OperationParts, catalogue: &Catalogue<'_>) -> Execution {
    let mut found = Execution::default();
    for statement in &parts.statements {
        if statement.calls == 0 {
            continue;
        }
        let spent = statement.latency.mean_ms().unwrap_or(0.0) * statement.latency.count() as f64;
        let ids = match &statement.fingerprint {
            Some(fingerprint) => catalogue.ids_of_fingerprint(fingerprint),
            None => catalogue.ids_of(&statement.sql),
        };
        let totals = catalogue.totals_of(ids);
        let Some(mean) = totals.mean_ms() else {
            found.unmatched_ms += spent;
            found.unmatched.push(statement.name.clone());
            continue;
        };
        found.matched += 1;
        found.partial |= totals.partial;
        // The mean is over everybody who ran the statement, and over the warm-up; a statement
        // cannot have executed for longer than it took.
        let executed = mean * statement.calls as f64;
        found.clamped |= executed > spent * 1.01;
        found.exec_ms += executed.min(spent);
        for id in ids {
            let part = catalogue.totals_of(&[*id]).calls as f64 / totals.calls as f64;
            let basis = if ids.len() == 1 {
                Basis::Measured
            } else {
                Basis::Derived
            };
            let entry = found.calls.entry(*id).or_insert((0.0, basis));
            entry.0 += part * statement.calls as f64;
        }
    }
    found
}

fn components(
    operation: &Operation,
    parts: &OperationParts,
    catalogue: Result<&Catalogue<'_>, &str>,
) -> (Vec<Component>, Vec<EndpointStatement>) {
    let requests = operation.requests as f64;
    let latency_ms = parts.statement_latency.0 / requests;
    let pool_wait = Component::known(
        PartKind::PoolWait,
        parts.pool_wait.0 / requests,
        Basis::Measured,
    );
    let app = Component::known(PartKind::App, parts.held_idle.0 / requests, Basis::Measured)
        .noted(Some(APP_NOTE.to_owned()));
    let split = catalogue
        .map_err(str::to_owned)
        .map(|c| execution(parts, c))
        .and_then(|e| {
            if e.matched == 0 && !e.unmatched.is_empty() {
                Err("none of its statements has an entry in pg_stat_statements".to_owned())
            } else {
                Ok(e)
            }
        });
    let execution = match split {
        Ok(execution) => execution,
        Err(reason) => {
            let unsplit = "without execution times the latency of statements cannot be split";
            return (
                vec![
                    Component::unknown(PartKind::DbExec, reason),
                    pool_wait,
                    Component::unknown(PartKind::Network, unsplit),
                    app,
                ],
                Vec::new(),
            );
        }
    };
    let exec_ms = execution.exec_ms / requests;
    let network_ms = latency_ms - execution.unmatched_ms / requests - exec_ms;
    let components = vec![
        Component::known(PartKind::DbExec, exec_ms, Basis::Derived)
            .noted(joined(&remarks(operation, &execution))),
        pool_wait,
        Component::known(PartKind::Network, network_ms, Basis::Derived)
            .noted(Some(NETWORK_NOTE.to_owned())),
        app,
    ];
    let statements = execution
        .calls
        .into_iter()
        .map(|(id, (calls, basis))| EndpointStatement {
            query_id: id.to_string(),
            calls_per_request: calls / requests,
            basis,
            low: None,
            high: None,
        })
        .collect();
    (components, statements)
}

fn remarks(operation: &Operation, execution: &Execution) -> Vec<String> {
    let mut notes = Vec::new();
    if !execution.unmatched.is_empty() {
        notes.push(format!(
            "no entry in pg_stat_statements for {}: its latency is unattributed",
            execution.unmatched.join(", ")
        ));
    }
    if execution.clamped {
        notes.push(
            "the mean execution time of a statement is above its latency here (other clients or \
             the warm-up ran it more slowly): its latency is taken"
                .to_owned(),
        );
    }
    if execution.partial {
        notes.push(
            "an entry was reset or evicted in the window: its mean is of the rest".to_owned(),
        );
    }
    if operation.failures > 0 {
        notes.push(format!(
            "{} of {} requests failed; the server counts no execution that fails",
            operation.failures, operation.requests
        ));
    }
    notes
}
