//! Breakdown of an API's load result: one response time per request, joined with the server's
//! statements by a mapping file or by inference.

use std::collections::BTreeMap;

use crate::analyze::conclusions::{
    Basis, Breakdown, Endpoint, EndpointStatement, PartKind, TimePart,
};
use crate::import::EndpointMap;
use crate::record::Run;
use crate::record::load::{LoadResult, Operation};
use crate::record::traces::TracedEndpoint;
use crate::stats::Interval;

use super::MapError;
use super::catalogue::Catalogue;
use super::evidence::Evidence;
use super::parts::{Component, assemble, sort};
use super::whole::Whole;
use super::{inferred, mapped, slowest, tagged, traced, waits};

/// A statement of an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attribution {
    pub(super) id: i64,
    pub(super) calls_per_request: f64,
    pub(super) basis: Basis,
    pub(super) interval: Option<Interval>,
}

/// Execution inside the server per request of an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DbExec {
    pub(super) mean_ms: f64,
    /// Interval of `mean_ms`.
    pub(super) ends: Option<Interval>,
    pub(super) basis: Basis,
    pub(super) note: String,
    pub(super) attributions: Vec<Attribution>,
}

/// The breakdown of an API's result.
///
/// # Errors
/// The mapping names what the run does not have.
pub(super) fn conclude(
    run: &Run,
    result: &LoadResult,
    catalogue: Result<&Catalogue<'_>, &str>,
    map: Option<&EndpointMap>,
) -> Result<Breakdown, MapError> {
    let requests = requests_in_window(run, result);
    let traced = traced::by_operation(run, result);
    let mut notes = Vec::new();
    let whole = Whole::of(run, result, catalogue, &requests);
    let mut attributed = attribute(run, result, catalogue, map, &requests, &traced, &whole)?;
    notes.append(&mut attributed.notes);
    let counted = result.operations.iter().filter(|o| o.requests > 0);
    let known: Vec<(&Operation, Evidence)> = counted
        .map(|o| {
            let traced = traced.get(&o.name).copied();
            (o, evidence(o, traced, &attributed, catalogue, &whole))
        })
        .collect();
    let waits = whole.shared_wait(&known);
    let mut all_slow = slowest::Together::default();
    let mut endpoints: Vec<Endpoint> = known
        .into_iter()
        .map(|(operation, mut evidence)| {
            if evidence.pool_wait.is_none() {
                evidence.pool_wait = waits.get(&operation.name).cloned();
            }
            let traced = traced.get(&operation.name).copied();
            let slowest = slowest::of_endpoint(operation, traced, &evidence);
            all_slow.add(operation, traced, &evidence);
            let found = attributed.found.get(&operation.name);
            Endpoint {
                slowest,
                ..endpoint(operation, &evidence, found)
            }
        })
        .collect();
    sort(&mut endpoints);
    let mut sum = whole.total(result, &endpoints);
    sum.slowest = all_slow.conclude();
    waits::add(run, &mut endpoints, &mut sum);
    for endpoint in &mut endpoints {
        say_what_is_left(&mut endpoint.parts);
    }
    say_what_is_left(&mut sum.parts);
    notes.extend(clock(run, result));
    Ok(Breakdown {
        source: result.source.tool.clone(),
        total: sum,
        endpoints,
        notes,
    })
}

/// Execution inside the server by endpoint, and why it is not known of the others.
struct Attributed {
    found: BTreeMap<String, DbExec>,
    reason: String,
    notes: Vec<String>,
}

/// The best evidence of which statements an endpoint runs: traces, then what the user says, then tags, then inference.
fn attribute(
    run: &Run,
    result: &LoadResult,
    catalogue: Result<&Catalogue<'_>, &str>,
    map: Option<&EndpointMap>,
    requests: &BTreeMap<String, f64>,
    traced: &BTreeMap<String, &TracedEndpoint>,
    whole: &Whole,
) -> Result<Attributed, MapError> {
    let mut notes = Vec::new();
    let mut found: BTreeMap<String, DbExec> = BTreeMap::new();
    let mut refused = None;
    match &catalogue {
        Err(reason) => refused = Some((*reason).to_owned()),
        Ok(catalogue) => {
            for (name, endpoint) in traced {
                let exec = traced::execution(endpoint, catalogue);
                found.extend(exec.map(|exec| (name.clone(), exec)));
            }
            let mut resolved = mapped::Resolved::new();
            if let Some(map) = map {
                resolved = mapped::resolve(run, map, catalogue)?;
                for (name, exec) in mapped::execution(&resolved, requests, catalogue) {
                    found.entry(name).or_insert(exec);
                }
                notes.extend(unused(map, result));
            }
            for (name, exec) in tagged::execution(run, result, requests, catalogue) {
                found.entry(name).or_insert(exec);
            }
            let mut asked = result.operations.iter().filter(|o| o.requests > 0);
            if let (Some(only), None) = (asked.next(), asked.next())
                && let Some(exec) = whole.of_only_endpoint()
            {
                found.entry(only.name.clone()).or_insert(exec);
            }
            let missing = |o: &Operation| o.requests > 0 && !found.contains_key(&o.name);
            if result.operations.iter().any(missing) {
                match inferred::execution(result, catalogue, &resolved) {
                    Ok(others) => {
                        for (name, exec) in others {
                            found.entry(name).or_insert(exec);
                        }
                    }
                    Err(reason) => refused = Some(reason),
                }
            }
        }
    }
    notes.extend(refused.clone());
    Ok(Attributed {
        found,
        reason: refused.unwrap_or_else(|| "no statement was attributed to it".to_owned()),
        notes,
    })
}

/// What is known of one endpoint by itself.
fn evidence(
    operation: &Operation,
    traced: Option<&TracedEndpoint>,
    attributed: &Attributed,
    catalogue: Result<&Catalogue<'_>, &str>,
    whole: &Whole,
) -> Evidence {
    let db_exec = attributed.found.get(&operation.name).cloned();
    let calls = match (traced, &db_exec) {
        (Some(traced), _) => Some(traced::calls(traced)),
        (None, Some(exec)) => Some(exec.attributions.iter().map(|a| a.calls_per_request).sum()),
        (None, None) => None,
    };
    let mut evidence = Evidence {
        no_db_exec: match catalogue {
            Err(reason) => reason.to_owned(),
            Ok(_) => attributed.reason.clone(),
        },
        round_trips: calls.and_then(|calls| whole.round_trips(calls)),
        db_exec,
        inside_only: whole.inside_only(),
        ..Evidence::default()
    };
    if let Some(traced) = traced {
        evidence.take_traces(traced, operation);
    }
    evidence.take_server_timing(operation);
    evidence.take_phases(operation);
    evidence
}

/// When the load ran, by its own clock, so that clocks that differ are seen.
fn clock(run: &Run, result: &LoadResult) -> Option<String> {
    let (from, to) = (result.started_at?, result.ended_at?);
    let begin = from.duration_since(run.meta.started_at).as_secs_f64();
    let end = run.meta.ended_at.duration_since(to).as_secs_f64();
    let place = |seconds: f64, inside: &str, outside: &str| {
        let side = if seconds < 0.0 { outside } else { inside };
        format!("{:.1} s {side}", seconds.abs())
    };
    Some(format!(
        "by the load tool's clock, taken as it is, its first request began {} the begin of the window and its last \
         answer came {} the end of it",
        place(begin, "after", "before"),
        place(end, "before", "after")
    ))
}

/// What the source does not tell apart is known by name at least.
fn say_what_is_left(parts: &mut [TimePart]) {
    let names = [
        (PartKind::DbExec, "execution in the database"),
        (PartKind::PoolWait, "waits for a connection"),
        (PartKind::Network, "the network"),
        (PartKind::App, "the application's own work"),
    ];
    let told = |kind: PartKind| parts.iter().any(|p| p.part == kind && p.mean_ms.is_some());
    let untold: Vec<&str> = names
        .into_iter()
        .filter(|(kind, _)| !told(*kind))
        .map(|(_, name)| name)
        .collect();
    let left = parts.iter_mut().find(|p| p.part == PartKind::Unattributed);
    if let Some(left) = left {
        left.note.get_or_insert_with(|| match untold.as_slice() {
            [] => "what no source tells, such as the queue in front of the application's handler"
                .to_owned(),
            [one] => format!("{one}, which no source tells"),
            [first @ .., last] => format!("{} and {last} together", first.join(", ")),
        });
    }
}

/// Requests by endpoint while the server was observed: by the numbers over time where the clocks
/// are aligned and endpoints told apart, or else all of the result.
fn requests_in_window(run: &Run, result: &LoadResult) -> BTreeMap<String, f64> {
    let mut counted: BTreeMap<String, f64> = BTreeMap::new();
    for interval in &result.intervals {
        let Some((from, to)) = result.span_of(interval) else {
            continue;
        };
        let inside = (to.min(run.meta.window.0) - from.max(0.0)).max(0.0);
        let part = if to > from { inside / (to - from) } else { 0.0 };
        for (name, number) in &interval.requests {
            *counted.entry(name.clone()).or_default() += *number as f64 * part;
        }
    }
    let told = |o: &Operation| counted.contains_key(&o.name);
    if !result.operations.is_empty() && result.operations.iter().any(told) {
        return counted;
    }
    result
        .operations
        .iter()
        .map(|o| (o.name.clone(), o.requests as f64))
        .collect()
}

fn unused(map: &EndpointMap, result: &LoadResult) -> Option<String> {
    let missing: Vec<&str> = map
        .endpoints
        .iter()
        .map(|e| e.name.as_str())
        .filter(|name| !result.operations.iter().any(|o| o.name == *name))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "the mapping names endpoints that the load result does not have: {}",
            missing.join(", ")
        )
    })
}

fn endpoint(operation: &Operation, evidence: &Evidence, found: Option<&DbExec>) -> Endpoint {
    let mean_ms = operation.latency.mean.map(|m| m.0);
    let parts = mean_ms.map_or_else(Vec::new, |mean| assemble(mean, evidence.components(mean)));
    let statement = |a: &Attribution| EndpointStatement {
        query_id: a.id.to_string(),
        calls_per_request: a.calls_per_request,
        basis: a.basis,
        low: a.interval.map(|i| i.low),
        high: a.interval.map(|i| i.high),
    };
    Endpoint {
        name: operation.name.clone(),
        requests: operation.requests,
        failures: operation.failures,
        mean_ms,
        p95_ms: operation.latency.percentile("95").map(|m| m.0),
        parts,
        slowest: None,
        statements: found.map_or_else(Vec::new, |e| e.attributions.iter().map(statement).collect()),
    }
}

/// Execution cannot take longer than the response; where it seems to, the response is a bound.
pub(super) fn within(mean_ms: f64, exec: &DbExec) -> Component {
    let mut component = Component::known(PartKind::DbExec, exec.mean_ms, exec.basis);
    component.low_ms = exec.ends.map(|e| e.low.min(mean_ms));
    component.high_ms = exec.ends.map(|e| e.high.min(mean_ms));
    component.note = Some(exec.note.clone());
    if exec.mean_ms > mean_ms {
        component.mean_ms = Some(mean_ms);
        component.basis = Basis::Bound;
        component.note = Some(format!(
            "{}; it came to {:.3} ms, more than the response time: other clients ran these \
             statements too, or they run beside the request",
            exec.note, exec.mean_ms
        ));
    }
    component
}
