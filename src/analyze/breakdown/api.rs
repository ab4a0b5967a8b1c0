//! Breakdown of an API's load result: one response time per request, joined with the server's
//! statements by a mapping file or by inference.

use std::collections::BTreeMap;

use crate::analyze::conclusions::{
    Basis, Breakdown, Endpoint, EndpointStatement, PartKind, TimePart,
};
use crate::import::EndpointMap;
use crate::record::Run;
use crate::record::load::{LoadResult, Operation};
use crate::stats::Interval;

use super::MapError;
use super::catalogue::Catalogue;
use super::parts::{Component, assemble, sort, total};
use super::{inferred, mapped};

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
    let mut notes = Vec::new();
    let mut found: BTreeMap<String, DbExec> = BTreeMap::new();
    let mut refused = None;
    match &catalogue {
        Err(reason) => refused = Some((*reason).to_owned()),
        Ok(catalogue) => {
            let mut resolved = mapped::Resolved::new();
            if let Some(map) = map {
                resolved = mapped::resolve(run, map, catalogue)?;
                found = mapped::execution(&resolved, &requests, catalogue);
                notes.extend(unused(map, result));
            }
            if result
                .operations
                .iter()
                .any(|o| !found.contains_key(&o.name))
            {
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
    let reason = refused.unwrap_or_else(|| "no statement was attributed to it".to_owned());
    let counted = result.operations.iter().filter(|o| o.requests > 0);
    let mut endpoints: Vec<Endpoint> = counted
        .map(|o| endpoint(o, found.get(&o.name), &reason))
        .collect();
    sort(&mut endpoints);
    let complete = endpoints.iter().all(|e| found.contains_key(&e.name));
    let together = match &catalogue {
        Ok(catalogue) if !complete || endpoints.is_empty() => {
            together(result, &requests, catalogue)
        }
        _ => None,
    };
    let mut sum = total(&endpoints, together.as_ref());
    if endpoints.is_empty()
        && let Some(mean) = result.total.latency.mean
    {
        // The source has no endpoints: only all requests together are known.
        sum.requests = result.total.requests;
        sum.mean_ms = mean.0;
        let db_exec =
            together.unwrap_or_else(|| Component::unknown(PartKind::DbExec, reason.clone()));
        sum.parts = assemble(mean.0, rest(mean.0, db_exec));
    }
    for endpoint in &mut endpoints {
        say_what_is_left(&mut endpoint.parts);
    }
    say_what_is_left(&mut sum.parts);
    Ok(Breakdown {
        source: result.source.tool.clone(),
        total: sum,
        endpoints,
        notes,
    })
}

/// What the source does not tell apart is known by name at least.
fn say_what_is_left(parts: &mut [TimePart]) {
    let known = parts
        .iter()
        .any(|p| p.part == PartKind::DbExec && p.mean_ms.is_some());
    let left = parts.iter_mut().find(|p| p.part == PartKind::Unattributed);
    if let Some(left) = left {
        let all = if known {
            ""
        } else {
            "execution in the database, "
        };
        left.note.get_or_insert_with(|| {
            format!(
                "{all}the network, the application's own work and its waits for a connection \
                 together"
            )
        });
    }
}

/// Requests by endpoint while the server was observed: by the numbers over time where the clocks
/// are aligned and endpoints told apart, or else all of the result.
fn requests_in_window(run: &Run, result: &LoadResult) -> BTreeMap<String, f64> {
    let mut counted: BTreeMap<String, f64> = BTreeMap::new();
    for interval in &result.intervals {
        let Some(from) = interval.from else {
            continue;
        };
        let end = from.0 + interval.length.0;
        let inside = (end.min(run.meta.window.0) - from.0.max(0.0)).max(0.0);
        let part = if interval.length.0 > 0.0 {
            inside / interval.length.0
        } else {
            0.0
        };
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

fn endpoint(operation: &Operation, found: Option<&DbExec>, reason: &str) -> Endpoint {
    let mean_ms = operation.latency.mean.map(|m| m.0);
    let parts = mean_ms.map_or_else(Vec::new, |mean| {
        let db_exec = found.map_or_else(
            || Component::unknown(PartKind::DbExec, reason),
            |exec| within(mean, exec),
        );
        assemble(mean, rest(mean, db_exec))
    });
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
        statements: found.map_or_else(Vec::new, |e| e.attributions.iter().map(statement).collect()),
    }
}

/// Execution cannot take longer than the response; where it seems to, the response is a bound.
fn within(mean_ms: f64, exec: &DbExec) -> Component {
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

/// What a load tool cannot see.
fn rest(mean_ms: f64, db_exec: Component) -> Vec<Component> {
    let left = (mean_ms - db_exec.mean_ms.unwrap_or(0.0)).max(0.0);
    let pool_wait = Component {
        part: PartKind::PoolWait,
        mean_ms: None,
        low_ms: Some(0.0),
        high_ms: Some(left),
        basis: Basis::Bound,
        note: Some(
            "the wait for a connection is inside the application; it is no more than what is \
             unattributed"
                .to_owned(),
        ),
    };
    vec![
        db_exec,
        pool_wait,
        Component::unknown(
            PartKind::Network,
            "the load tool does not tell it from the application",
        ),
        Component::unknown(
            PartKind::App,
            "it needs traces or Server-Timing of the application",
        ),
    ]
}

/// Execution of all statements of the database over all requests.
fn together(
    result: &LoadResult,
    requests: &BTreeMap<String, f64>,
    catalogue: &Catalogue<'_>,
) -> Option<Component> {
    let mean_ms = result.total.latency.mean?.0;
    let by_endpoint: f64 = requests.values().sum();
    let number = if by_endpoint > 0.0 {
        by_endpoint
    } else {
        result.total.requests as f64
    };
    if number <= 0.0 {
        return None;
    }
    let exec = DbExec {
        mean_ms: catalogue.exec_ms() / number,
        ends: None,
        basis: Basis::Derived,
        note: "execution time of all statements of the database in the window over all requests; \
               other clients' statements are counted in"
            .to_owned(),
        attributions: Vec::new(),
    };
    Some(within(mean_ms, &exec))
}
