//! Requests of an operation, of a stage, or of all.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::load::{Latency, Operation};
use crate::stats::LatencyHistogram;

use super::recorder::Moments;

/// Requests of an operation, or of a stage.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) skipped: u64,
    pub(super) latency: LatencyHistogram,
    pub(super) schedule_lag: Option<LatencyHistogram>,
    pub(super) errors: BTreeMap<String, u64>,
}

impl Totals {
    pub(super) fn record(&mut self, moments: Moments, latency: Duration, key: Option<&str>) {
        self.requests += 1;
        self.latency.record(latency);
        if let Some(due) = moments.due {
            let lag = moments.started.saturating_duration_since(due);
            let histogram = self.schedule_lag.get_or_insert_default();
            histogram.record(lag);
        }
        if let Some(key) = key {
            self.failures += 1;
            *self.errors.entry(key.to_owned()).or_default() += 1;
        }
    }

    /// Something that should have happened did not: a failed request without a latency.
    pub(super) fn fail(&mut self, key: &str) {
        self.requests += 1;
        self.failures += 1;
        *self.errors.entry(key.to_owned()).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.skipped += other.skipped;
        self.latency.add(&other.latency);
        if let Some(lag) = &other.schedule_lag {
            self.schedule_lag.get_or_insert_default().add(lag);
        }
        for (key, count) in &other.errors {
            *self.errors.entry(key.clone()).or_default() += count;
        }
    }

    pub(super) fn into_operation(self, name: String) -> Operation {
        Operation {
            name,
            requests: self.requests,
            failures: self.failures,
            latency: Latency::from_histogram(self.latency),
            errors: self.errors,
            schedule_lag: self.schedule_lag,
            skipped: self.skipped,
            ..Operation::default()
        }
    }
}

/// All operations together. Statements stay with their operations, and what was pushed stays out but for its
/// failures.
pub(super) fn total(operations: &[Operation], pushed: &[bool]) -> Operation {
    let mut all = Totals::default();
    let mut rest = Operation::default();
    for (operation, pushed) in operations.iter().zip(pushed) {
        for (key, count) in &operation.errors {
            *all.errors.entry(key.clone()).or_default() += count;
        }
        all.failures += operation.failures;
        all.skipped += operation.skipped;
        if *pushed {
            all.requests += operation.failures;
            continue;
        }
        all.requests += operation.requests;
        if let Some(histogram) = &operation.latency.histogram {
            all.latency.add(histogram);
        }
        if let Some(lag) = &operation.schedule_lag {
            all.schedule_lag.get_or_insert_default().add(lag);
        }
        add_parts(&mut rest, operation);
    }
    Operation {
        parts: rest.parts,
        phases: rest.phases,
        server_timing: rest.server_timing,
        by_latency: rest.by_latency,
        ..all.into_operation("Total".to_owned())
    }
}

/// Sums of what was measured inside of requests.
fn add_parts(all: &mut Operation, operation: &Operation) {
    if let Some(mine) = &operation.parts {
        let parts = all.parts.get_or_insert_default();
        parts.schedule_lag += mine.schedule_lag;
        parts.pool_wait += mine.pool_wait;
        parts.statement_latency += mine.statement_latency;
        parts.held_idle += mine.held_idle;
    }
    if let Some(phases) = &operation.phases {
        all.phases.get_or_insert_default().add(phases);
    }
    for (name, mine) in &operation.server_timing {
        let sum = all.server_timing.entry(name.clone()).or_default();
        sum.requests += mine.requests;
        sum.total += mine.total;
    }
    if let Some(parts) = &operation.by_latency {
        all.by_latency.get_or_insert_default().add(parts);
    }
}
