//! Traces become means and shares by route.

use crate::record::load::SlowTail;
use crate::record::traces::{TraceSet, TracedEndpoint, TracedPool};

use super::conclusions::{TracedCall, TracedPart, TracedPoolUse, TracedRoute, Traces};

/// The slowest part of the requests that is looked at by itself.
const SLOW_SHARE: f64 = 0.05;

/// Fewest requests of which the slowest are a group of their own: below, they are one request.
const SLOW_MIN_REQUESTS: u64 = 20;

/// What the files of traces tell.
#[must_use]
pub fn conclude(sets: &[TraceSet]) -> Vec<Traces> {
    sets.iter().map(traces).collect()
}

fn traces(set: &TraceSet) -> Traces {
    Traces {
        files: set.files.clone(),
        spans: set.spans,
        started_at: set.started_at.map(|at| at.to_string()),
        ended_at: set.ended_at.map(|at| at.to_string()),
        endpoints: set.endpoints.iter().map(route).collect(),
        pools: set.pools.iter().map(pool).collect(),
        warnings: set.warnings.clone(),
    }
}

fn route(endpoint: &TracedEndpoint) -> TracedRoute {
    let requests = endpoint.requests as f64;
    let quantile = |q| endpoint.duration.quantile_ms(q);
    let statements = endpoint.statements.iter().filter(|s| s.calls > 0);
    TracedRoute {
        name: endpoint.name.clone(),
        requests: endpoint.requests,
        failures: endpoint.failures,
        mean_ms: endpoint.duration_total.0 / requests,
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        parts: parts(endpoint),
        slow_parts: slow_parts(endpoint),
        outside_mean_ms: (endpoint.with_client > 0)
            .then(|| endpoint.outside.0 / endpoint.with_client as f64),
        statements: statements
            .map(|statement| TracedCall {
                name: statement.name.clone(),
                fingerprint: statement.fingerprint.clone(),
                calls_per_request: statement.calls as f64 / requests,
                mean_ms: statement.total.0 / statement.calls as f64,
            })
            .collect(),
    }
}

/// Sums as means over requests and shares of the whole.
fn divided(sums: [(&str, Option<f64>); 4], requests: f64, whole_ms: f64) -> Vec<TracedPart> {
    let part = |(part, sum): (&str, Option<f64>)| TracedPart {
        part: part.to_owned(),
        mean_ms: sum.map(|ms| ms / requests),
        share_ratio: sum.filter(|_| whole_ms > 0.0).map(|ms| ms / whole_ms),
    };
    sums.into_iter().map(part).collect()
}

fn parts(endpoint: &TracedEndpoint) -> Vec<TracedPart> {
    let sums = [
        ("database", Some(endpoint.database.0)),
        ("pool_wait", endpoint.pool_wait.map(|m| m.0)),
        ("other_calls", Some(endpoint.other_calls.0)),
        ("app", Some(endpoint.own.0)),
    ];
    divided(sums, endpoint.requests as f64, endpoint.duration_total.0)
}

fn slow_parts(endpoint: &TracedEndpoint) -> Vec<TracedPart> {
    if endpoint.requests < SLOW_MIN_REQUESTS {
        return Vec::new();
    }
    let Some(tail) = endpoint.by_latency.slowest(SLOW_SHARE) else {
        return Vec::new();
    };
    let sum = |name: &str, tail: &SlowTail| tail.parts.get(name).map_or(0.0, |m| m.0);
    let sums = [
        ("database", Some(sum("db", &tail))),
        ("pool_wait", endpoint.pool_wait.map(|_| sum("pool", &tail))),
        ("other_calls", Some(sum("other", &tail))),
        ("app", Some(sum("app", &tail))),
    ];
    divided(sums, tail.requests, tail.latency.0)
}

fn pool(pool: &TracedPool) -> TracedPoolUse {
    let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
    TracedPoolUse {
        name: pool.name.clone(),
        waits: pool.waits,
        wait_mean_ms: mean(pool.wait.0, pool.waits),
        uses: pool.uses,
        use_mean_ms: mean(pool.used.0, pool.uses),
        timeouts: pool.timeouts,
        connections_max: pool.connections_max.clone(),
        pending_max: pool.pending_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{ImportFile, import};

    #[test]
    fn shares_of_a_route_add_up_and_its_slow_requests_are_told_apart() {
        let bytes = include_bytes!("../../fixtures/load/otel-node-2.12.0/default.jsonl.gz");
        let sets = import(vec![ImportFile::of_bytes("t", bytes)])
            .unwrap()
            .traces;
        let traces = &conclude(&sets)[0];
        assert_eq!(traces.spans, 1622);
        let route = traces
            .endpoints
            .iter()
            .find(|e| e.name == "GET /lords/herald/messages");
        let route = route.unwrap();
        assert!((route.mean_ms - 8.637).abs() < 6e-4);
        for parts in [&route.parts, &route.slow_parts] {
            let shares: f64 = parts.iter().filter_map(|p| p.share_ratio).sum();
            assert!((shares - 1.0).abs() < 1e-6, "{parts:?}");
        }
        assert!(route.slow_parts[0].mean_ms > route.parts[0].mean_ms);
        assert_eq!(route.outside_mean_ms, None);
        let lords = route
            .statements
            .iter()
            .find(|s| s.name.starts_with("SELECT name FROM lord"));
        assert!((lords.unwrap().calls_per_request - 371.0 / 62.0).abs() < 1e-9);
    }

    #[test]
    fn a_pool_that_no_span_shows_is_not_measured_and_few_requests_have_no_slow_ones() {
        let endpoint = TracedEndpoint {
            requests: 2,
            duration_total: crate::record::Millis(10.0),
            own: crate::record::Millis(10.0),
            ..TracedEndpoint::default()
        };
        let route = route(&endpoint);
        assert_eq!(route.parts[1].mean_ms, None);
        assert_eq!(route.parts[3].share_ratio, Some(1.0));
        assert!(route.slow_parts.is_empty());
    }
}
