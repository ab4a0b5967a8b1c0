//! What the application's own traces say of an endpoint.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Basis;
use crate::record::load::{Latency, LoadResult, LoadSource, Operation};
use crate::record::traces::TracedEndpoint;
use crate::record::{Millis, Run};
use crate::stats::Interval;

use super::api::{Attribution, DbExec};
use super::catalogue::Catalogue;
use super::names::same;

/// Share of the time of an endpoint's database spans that statements of the server must explain: with less, the
/// execution inside the server is not known (ours).
const MIN_MATCHED_RATIO: f64 = 0.9;

/// The traced endpoint of every operation that has one. Of several sets of traces the one with most requests counts.
pub(super) fn by_operation<'a>(
    run: &'a Run,
    result: &LoadResult,
) -> BTreeMap<String, &'a TracedEndpoint> {
    let mut found = BTreeMap::new();
    for operation in &result.operations {
        let all = run.traces.iter().flat_map(|set| &set.endpoints);
        let fits = all.filter(|e| e.requests > 0 && same(&e.name, &operation.name));
        if let Some(endpoint) = fits.max_by_key(|e| e.requests) {
            found.insert(operation.name.clone(), endpoint);
        }
    }
    found
}

/// The requests that traces know of, where no load tool tells any: their times are those inside the API.
pub(super) fn as_load(run: &Run) -> Option<LoadResult> {
    if !run.api.is_empty() || run.replay.is_some() {
        return None;
    }
    let set = run.traces.iter().max_by_key(|set| set.spans)?;
    let operation = |endpoint: &TracedEndpoint| Operation {
        name: endpoint.name.clone(),
        requests: endpoint.requests,
        failures: endpoint.failures,
        latency: Latency {
            mean: Some(Millis(
                endpoint.duration_total.0 / endpoint.requests.max(1) as f64,
            )),
            ..Latency::from_histogram(endpoint.duration.clone())
        },
        ..Operation::default()
    };
    let operations: Vec<Operation> = set.endpoints.iter().map(operation).collect();
    let requests: u64 = operations.iter().map(|o| o.requests).sum();
    let spent: f64 = set.endpoints.iter().map(|e| e.duration_total.0).sum();
    Some(LoadResult {
        source: LoadSource {
            tool: "traces, times inside the API".to_owned(),
            files: set.files.clone(),
            ..LoadSource::default()
        },
        started_at: set.started_at,
        ended_at: set.ended_at,
        total: Operation {
            name: "all".to_owned(),
            requests,
            failures: operations.iter().map(|o| o.failures).sum(),
            latency: Latency {
                mean: (requests > 0).then(|| Millis(spent / requests as f64)),
                ..Latency::default()
            },
            ..Operation::default()
        },
        operations,
        ..LoadResult::default()
    })
}

/// Execution inside the server per request: calls per request by the traces, times the mean execution time by the
/// server. `None` where the server does not know enough of the statements.
pub(super) fn execution(endpoint: &TracedEndpoint, catalogue: &Catalogue<'_>) -> Option<DbExec> {
    let requests = endpoint.requests as f64;
    let (mut exec_ms, mut matched, mut all) = (0.0, 0.0, 0.0);
    let mut attributions = Vec::new();
    for statement in &endpoint.statements {
        all += statement.total.0;
        let ids = match &statement.fingerprint {
            Some(fingerprint) => catalogue.ids_of_fingerprint(fingerprint),
            None => &[],
        };
        let totals = catalogue.totals_of(ids);
        let Some(mean) = totals.mean_ms() else {
            continue;
        };
        let calls = statement.calls as f64 / requests;
        matched += statement.total.0;
        // What one call takes inside the server cannot be more than its span.
        exec_ms += (calls * mean).min(statement.total.0 / requests);
        attributions.extend(ids.iter().map(|id| Attribution {
            id: *id,
            calls_per_request: calls * catalogue.totals_of(&[*id]).calls as f64
                / totals.calls as f64,
            basis: Basis::Measured,
            interval: None,
        }));
    }
    if all <= 0.0 {
        // Without a statement there is no execution.
        return (endpoint.database.0 <= 0.0).then(|| DbExec {
            mean_ms: 0.0,
            ends: None,
            basis: Basis::Measured,
            note: "its traces have no statement".to_owned(),
            attributions: Vec::new(),
        });
    }
    if matched < MIN_MATCHED_RATIO * all {
        return None;
    }
    let left = (all - matched) / requests;
    Some(DbExec {
        mean_ms: exec_ms,
        ends: (left > 0.0).then_some(Interval {
            low: exec_ms,
            high: exec_ms + left,
        }),
        basis: Basis::Derived,
        note: "calls per request by the traces × mean execution time in the window".to_owned(),
        attributions,
    })
}

/// Calls per request, by the traces.
pub(super) fn calls(endpoint: &TracedEndpoint) -> f64 {
    let calls: u64 = endpoint.statements.iter().map(|s| s.calls).sum();
    calls as f64 / endpoint.requests.max(1) as f64
}
