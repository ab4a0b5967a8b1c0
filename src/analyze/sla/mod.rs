//! Targets, and what was measured against them.
//!
//! The default is the user's guide: response times, errors, throughput, machine, pool, database,
//! page and WebSocket. A target that nothing was measured for says so and why; it is never met by
//! default.

mod measure;
mod page;
mod parse;
mod targets;

pub use parse::SlaError;

use crate::record::load::{LoadResult, Operation};
use crate::record::run::{Host, Run};

use super::conclusions::{Conclusions, LoadOperation, SlaRow, SlaStatus, Subject};
use super::figures;

use measure::Measured;
use targets::{Metric, Spec};

/// Names of the rows that the report and the checklist look up.
pub mod name {
    /// Median response time.
    pub const RESPONSE_P50: &str = "response time p50";
    /// 95th percentile of the response time.
    pub const RESPONSE_P95: &str = "response time p95";
    /// 99th percentile of the response time.
    pub const RESPONSE_P99: &str = "response time p99";
    /// 99.9th percentile of the response time.
    pub const RESPONSE_P999: &str = "response time p99.9";
    /// Failed requests over all requests.
    pub const ERRORS: &str = "errors";
    /// Requests per second.
    pub const THROUGHPUT: &str = "throughput";
    /// CPU of the server's machine.
    pub const CPU: &str = "CPU";
    /// Memory of the server's machine.
    pub const MEMORY: &str = "memory";
    /// Connections in use over the pool's size.
    pub const POOL_UTILISATION: &str = "pool utilisation";
    /// Time with a connection over time with one or waiting for one.
    pub const POOL_EFFICIENCY: &str = "pool efficiency";
    /// 95th percentile of a statement's latency.
    pub const DATABASE_P95: &str = "database p95";
    /// Findings of the rule `slow-statement`.
    pub const SLOW_STATEMENTS: &str = "slow statements";
    /// Largest 95th percentile of the replication lag.
    pub const REPLICATION_LAG: &str = "replication lag p95";
    /// First Paint.
    pub const PAGE_FIRST_PAINT: &str = "page first paint";
    /// First Contentful Paint.
    pub const PAGE_FCP: &str = "page FCP";
    /// Largest Contentful Paint.
    pub const PAGE_LCP: &str = "page LCP";
    /// Cumulative Layout Shift.
    pub const PAGE_CLS: &str = "page CLS";
    /// Time to Interactive.
    pub const PAGE_TTI: &str = "page TTI";
    /// Lighthouse performance score.
    pub const PAGE_LIGHTHOUSE: &str = "page Lighthouse";
    /// Delivery of a WebSocket message.
    pub const WEBSOCKET_MESSAGE: &str = "WebSocket message";
}

/// `Subject::kind` of a row about one operation of the load.
pub const ENDPOINT: &str = "endpoint";

/// `Subject::kind` of a row about one stage of the load.
pub const STAGE: &str = "stage";

/// A set of targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Sla {
    targets: Vec<Target>,
}

/// One target with its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Target {
    spec: &'static Spec,
    limit: f64,
}

/// What targets need beside the conclusions.
#[derive(Debug, Clone, Copy)]
pub struct SlaFacts<'a> {
    /// The machine that dbperf ran on.
    pub host: &'a Host,
    /// dbperf's own replay, whose statements were timed one by one.
    pub replay: Option<&'a LoadResult>,
}

impl<'a> SlaFacts<'a> {
    /// The facts of one run.
    #[must_use]
    pub fn of(run: &'a Run) -> Self {
        Self {
            host: &run.host,
            replay: run.replay.as_ref(),
        }
    }

    fn operations(&self) -> impl Iterator<Item = &'a Operation> {
        self.replay.into_iter().flat_map(|r| &r.operations)
    }
}

/// Every target as a row: first those of the whole, in the order of the default file, then the
/// 95th percentile and the errors of each endpoint and stage.
#[must_use]
pub fn conclude(conclusions: &Conclusions, facts: SlaFacts<'_>, sla: &Sla) -> Vec<SlaRow> {
    let mut rows: Vec<SlaRow> = sla
        .targets
        .iter()
        .map(|target| {
            target.row(
                None,
                measure::whole(target.spec, target.limit, conclusions, facts),
            )
        })
        .collect();
    let Some(load) = &conclusions.load else {
        return rows;
    };
    let endpoints = load.operations.iter().map(|o| (ENDPOINT, &o.name, o));
    let stages = load.stages.iter().map(|s| (STAGE, &s.name, &s.total));
    for (kind, name, operation) in endpoints.chain(stages) {
        let subject = Subject {
            kind: kind.to_owned(),
            name: name.clone(),
        };
        rows.extend(sla.rows_of(&subject, operation));
    }
    rows
}

impl Sla {
    /// The rows of one endpoint or stage.
    fn rows_of<'a>(
        &'a self,
        subject: &'a Subject,
        operation: &'a LoadOperation,
    ) -> impl Iterator<Item = SlaRow> + 'a {
        self.targets.iter().filter_map(|target| {
            let measured = match target.spec.metric {
                Metric::ResponseP95 => measure::p95(operation, target.limit),
                Metric::Errors => measure::errors(operation, target.limit),
                _ => return None,
            };
            Some(target.row(Some(subject.clone()), measured))
        })
    }
}

impl Target {
    fn row(&self, subject: Option<Subject>, measured: Measured) -> SlaRow {
        let (actual, status, note) = match measured {
            Measured::Value(value, note) => {
                let met = self.spec.met(value, self.limit);
                let status = if met {
                    SlaStatus::Pass
                } else {
                    SlaStatus::Fail
                };
                (Some(self.spec.unit.show(value)), status, note)
            }
            Measured::Unbounded(actual, note) => (Some(actual), SlaStatus::Fail, Some(note)),
            Measured::Missing(reason) => (None, SlaStatus::NotMeasured, Some(reason)),
        };
        SlaRow {
            name: self.spec.name.to_owned(),
            subject,
            target: self.spec.words(self.limit),
            actual,
            status,
            note,
        }
    }
}

/// The row of the whole with this name.
#[must_use]
pub fn row<'a>(rows: &'a [SlaRow], name: &str) -> Option<&'a SlaRow> {
    rows.iter().find(|r| r.name == name && r.subject.is_none())
}

/// The outcome of all rows about one endpoint or stage: missed if one is missed, met if all are;
/// `None` without any row.
#[must_use]
pub fn status_of(rows: &[SlaRow], kind: &str, name: &str) -> Option<SlaStatus> {
    rows.iter()
        .filter(|r| {
            r.subject
                .as_ref()
                .is_some_and(|s| s.kind == kind && s.name == name)
        })
        .map(|r| r.status)
        .max_by_key(|status| match status {
            SlaStatus::Pass => 0,
            SlaStatus::NotMeasured => 1,
            SlaStatus::Fail => 2,
        })
}

#[cfg(test)]
mod tests;
