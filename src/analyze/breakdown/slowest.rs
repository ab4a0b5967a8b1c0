//! The parts of the slowest requests, where each request told its own.

use crate::analyze::conclusions::{Basis, PartKind, SlowRequests};
use crate::record::load::{Operation, PartsByLatency};
use crate::record::traces::TracedEndpoint;

use super::evidence::Evidence;
use super::parts::{Component, assemble};

/// The part of the requests that is called the slowest: those beyond the 95th percentile.
const SLOWEST_RATIO: f64 = 0.05;

/// Requests that told their parts without which nothing is said of the slowest (ours): five of them.
const MIN_REQUESTS: u64 = 100;

/// What the times of the requests span.
const AT_CLIENT: &str = "response time at the client";
const INSIDE: &str = "time inside the API";

/// The slowest requests of an endpoint: by its traces, or else as the client told them.
pub(super) fn of_endpoint(
    operation: &Operation,
    traced: Option<&TracedEndpoint>,
    evidence: &Evidence,
) -> Option<SlowRequests> {
    let of_traces = traced.and_then(|t| of(&t.by_latency, INSIDE, evidence));
    of_traces.or_else(|| of(operation.by_latency.as_ref()?, AT_CLIENT, evidence))
}

/// The requests of all endpoints, to find the slowest among them.
#[derive(Debug, Default)]
pub(super) struct Together {
    traced: PartsByLatency,
    at_client: PartsByLatency,
    /// What statements spend on their way, over all requests; `None` once an endpoint does not tell it.
    on_the_way: Option<(f64, u64)>,
    untold: bool,
}

impl Together {
    pub(super) fn add(
        &mut self,
        operation: &Operation,
        traced: Option<&TracedEndpoint>,
        evidence: &Evidence,
    ) {
        if let Some(traced) = traced {
            self.traced.add(&traced.by_latency);
        }
        if let Some(parts) = &operation.by_latency {
            self.at_client.add(parts);
        }
        match on_the_way(evidence) {
            Some(way) => {
                let (sum, requests) = self.on_the_way.get_or_insert_default();
                *sum += way * operation.requests as f64;
                *requests += operation.requests;
            }
            None => self.untold = true,
        }
    }

    pub(super) fn conclude(self) -> Option<SlowRequests> {
        let way = self.on_the_way.filter(|_| !self.untold);
        let way = way.map(|(sum, requests)| sum / requests.max(1) as f64);
        told(&self.traced, INSIDE, way).or_else(|| told(&self.at_client, AT_CLIENT, way))
    }
}

/// What statements spend on their way to the server and back, per request.
fn on_the_way(evidence: &Evidence) -> Option<f64> {
    let both = evidence.db_exec.as_ref().zip(evidence.db_latency.as_ref());
    both.map(|(exec, latency)| (latency.ms - exec.mean_ms).max(0.0))
}

/// The slowest requests; `None` where too few told their parts. `evidence` is of all requests: what a statement
/// spends on its way is taken to be the same for slow ones.
fn of(parts: &PartsByLatency, spans: &str, evidence: &Evidence) -> Option<SlowRequests> {
    told(parts, spans, on_the_way(evidence))
}

fn told(parts: &PartsByLatency, spans: &str, on_the_way: Option<f64>) -> Option<SlowRequests> {
    let told_requests: u64 = parts.bins.values().map(|b| b.requests).sum();
    if told_requests < MIN_REQUESTS {
        return None;
    }
    let tail = parts.slowest(SLOWEST_RATIO)?;
    let mean = |name: &str| tail.parts.get(name).map(|ms| ms.0 / tail.requests);
    let mean_ms = tail.latency.0 / tail.requests;
    let statements = mean("db");
    let db_exec = match (statements, on_the_way) {
        (Some(ms), Some(way)) => Component::known(PartKind::DbExec, ms - way, Basis::Derived)
            .noted(Some(
            "statements as the application sees them, less what they spend on their way on average"
                .to_owned(),
        )),
        (Some(ms), None) => {
            let mut bound = Component::known(PartKind::DbExec, ms, Basis::Bound);
            bound.high_ms = Some(ms);
            bound.noted(Some("execution and round trips together".to_owned()))
        }
        (None, _) => Component::unknown(PartKind::DbExec, "the requests did not tell it"),
    };
    let measured = |kind: PartKind, ms: Option<f64>| match ms {
        Some(ms) => Component::known(kind, ms, Basis::Measured),
        None => Component::unknown(kind, "the requests did not tell it"),
    };
    let outside = mean("network");
    let way = on_the_way.filter(|_| statements.is_some());
    let network = match (outside, way) {
        (None, None) => measured(PartKind::Network, None),
        (outside, way) => Component::known(
            PartKind::Network,
            outside.unwrap_or(0.0) + way.unwrap_or(0.0),
            Basis::Derived,
        )
        .noted(outside.is_none().then(|| "API to server only".to_owned())),
    };
    let app = match (mean("app"), mean("other")) {
        (None, None) => None,
        (app, other) => Some(app.unwrap_or(0.0) + other.unwrap_or(0.0)),
    };
    let components = vec![
        db_exec,
        measured(PartKind::PoolWait, mean("pool")),
        network,
        measured(PartKind::App, app),
    ];
    Some(SlowRequests {
        slowest_ratio: SLOWEST_RATIO,
        told_requests,
        spans: spans.to_owned(),
        mean_ms,
        parts: assemble(mean_ms, components),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::breakdown::evidence::Told;

    #[test]
    fn what_slow_requests_wait_for_is_not_what_others_do() {
        let mut parts = PartsByLatency::default();
        for _ in 0..950 {
            parts.record(10.0, [("db", 6.0), ("pool", 0.0), ("app", 4.0)]);
        }
        for _ in 0..50 {
            parts.record(110.0, [("db", 6.0), ("pool", 100.0), ("app", 4.0)]);
        }
        let told = |ms| Told {
            ms,
            basis: Basis::Measured,
            note: String::new(),
        };
        let mut evidence = Evidence {
            db_latency: Some(told(6.0)),
            ..Evidence::default()
        };
        let slow = of(&parts, INSIDE, &evidence).unwrap();
        assert!((slow.mean_ms - 110.0).abs() < 1e-9);
        let share = |slow: &SlowRequests, kind: PartKind| {
            slow.parts.iter().find(|p| p.part == kind).unwrap().clone()
        };
        let wait = share(&slow, PartKind::PoolWait);
        assert!((wait.share_ratio.unwrap() - 100.0 / 110.0).abs() < 1e-9);
        assert_eq!(share(&slow, PartKind::DbExec).basis, Basis::Bound);
        evidence.db_exec = Some(crate::analyze::breakdown::api::DbExec {
            mean_ms: 5.0,
            ends: None,
            basis: Basis::Derived,
            note: String::new(),
            attributions: Vec::new(),
        });
        let slow = of(&parts, INSIDE, &evidence).unwrap();
        assert!((share(&slow, PartKind::DbExec).mean_ms.unwrap() - 5.0).abs() < 1e-9);
        assert!((share(&slow, PartKind::Network).mean_ms.unwrap() - 1.0).abs() < 1e-9);
        assert!(share(&slow, PartKind::Unattributed).mean_ms.unwrap().abs() < 1e-9);
        let few = PartsByLatency::default();
        assert_eq!(of(&few, INSIDE, &evidence), None);
    }
}
