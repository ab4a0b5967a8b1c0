//! Requests of an operation, of a stage, or of all.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::load::{Latency, Operation, OperationParts};
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

    pub(super) fn into_operation(self, name: String, parts: Option<OperationParts>) -> Operation {
        Operation {
            name,
            requests: self.requests,
            failures: self.failures,
            latency: Latency::from_histogram(self.latency),
            errors: self.errors,
            parts,
            schedule_lag: self.schedule_lag,
            skipped: self.skipped,
            ..Operation::default()
        }
    }
}

/// All operations together. Statements stay with their operations.
pub(super) fn total(operations: &[Operation]) -> Operation {
    let mut all = Totals::default();
    let mut parts = OperationParts::default();
    for operation in operations {
        if let Some(histogram) = &operation.latency.histogram {
            all.latency.add(histogram);
        }
        if let Some(lag) = &operation.schedule_lag {
            all.schedule_lag.get_or_insert_default().add(lag);
        }
        for (key, count) in &operation.errors {
            *all.errors.entry(key.clone()).or_default() += count;
        }
        all.requests += operation.requests;
        all.failures += operation.failures;
        all.skipped += operation.skipped;
        if let Some(mine) = &operation.parts {
            parts.schedule_lag += mine.schedule_lag;
            parts.pool_wait += mine.pool_wait;
            parts.statement_latency += mine.statement_latency;
            parts.held_idle += mine.held_idle;
        }
    }
    all.into_operation("Total".to_owned(), Some(parts))
}
