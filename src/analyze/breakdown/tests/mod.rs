//! The identity, and joins whose right answer is known by construction.

mod api;
mod evidence;
mod replay;

use std::time::Duration;

use crate::analyze::conclusions::{PartKind, TimePart};
use crate::record::load::{
    Arrival, Latency, LoadResult, LoadSource, Operation, OperationParts, PercentileMethod,
    ReplayedStatement,
};
use crate::record::statements::{
    StatementCounters, StatementDelta, StatementKey, StatementText, StatementWindow,
};
use crate::record::{Millis, QueryId};
use crate::stats::LatencyHistogram;

fn delta(id: i64, calls: i64, exec_ms: f64) -> StatementDelta {
    StatementDelta {
        key: StatementKey {
            userid: 10,
            dbid: 5,
            queryid: QueryId(id),
            toplevel: Some(true),
        },
        counters: StatementCounters {
            calls,
            total_exec_time: Millis(exec_ms),
            ..StatementCounters::default()
        },
        stddev_exec_time: None,
        partial: false,
        stats_since: None,
    }
}

pub(super) fn statements(rows: &[(i64, &str, i64, f64)]) -> StatementWindow {
    StatementWindow {
        deltas: rows.iter().map(|r| delta(r.0, r.2, r.3)).collect(),
        texts: rows
            .iter()
            .map(|r| {
                let text = StatementText {
                    query: r.1.to_owned(),
                    fingerprint: None,
                };
                (r.0, text)
            })
            .collect(),
        covered_ratio: 1.0,
        ..StatementWindow::default()
    }
}

fn operation(name: &str, requests: u64, mean_ms: f64) -> Operation {
    Operation {
        name: name.to_owned(),
        requests,
        latency: Latency {
            mean: Some(Millis(mean_ms)),
            ..Latency::default()
        },
        ..Operation::default()
    }
}

fn result(tool: &str, operations: Vec<Operation>) -> LoadResult {
    let requests: u64 = operations.iter().map(|o| o.requests).sum();
    let spent: f64 = operations
        .iter()
        .map(|o| o.latency.mean.unwrap().0 * o.requests as f64)
        .sum();
    LoadResult {
        source: LoadSource {
            tool: tool.to_owned(),
            version: None,
            files: Vec::new(),
            arrival: Arrival::Closed,
            percentile_method: PercentileMethod::Histogram,
            warnings: Vec::new(),
            ..LoadSource::default()
        },
        length: Some(Millis(60_000.0)),
        started_at: None,
        ended_at: None,
        total: operation("total", requests, spent / requests as f64),
        operations,
        intervals: Vec::new(),
        stages: Vec::new(),
        driver_saturated: None,
        driver_cpu_ratio: None,
        driver: None,
    }
}

fn replayed(sql: &str, calls: u64, latency_ms: f64) -> ReplayedStatement {
    let mut latency = LatencyHistogram::new();
    latency.record_n(Duration::from_secs_f64(latency_ms / 1000.0), calls);
    ReplayedStatement {
        fingerprint: None,
        name: sql.split(' ').next_back().unwrap().to_owned(),
        sql: sql.to_owned(),
        calls,
        rows: 0,
        latency,
    }
}

fn part(parts: &[TimePart], kind: PartKind) -> &TimePart {
    parts.iter().find(|p| p.part == kind).unwrap()
}

fn ms(parts: &[TimePart], kind: PartKind) -> f64 {
    part(parts, kind).mean_ms.unwrap()
}

fn shares(parts: &[TimePart]) -> f64 {
    parts.iter().filter_map(|p| p.share_ratio).sum()
}

fn near(actual: f64, expected: f64) {
    assert!(
        (actual - expected).abs() <= 0.002 * expected.max(5.0),
        "{actual} is not {expected}"
    );
}
