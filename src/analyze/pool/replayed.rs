//! What the replay's own pool measured.

use crate::analyze::conclusions::{ReplayPool, Summary};
use crate::record::pool::PoolRecord;
use crate::stats::LatencyHistogram;

/// The record in the form of the contract.
pub(super) fn conclude(pool: &PoolRecord) -> ReplayPool {
    let counters = pool.counters;
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    ReplayPool {
        pool: pool.pool.clone(),
        pool_size: pool.pool_size,
        clients: pool.clients,
        acquires: counters.acquires,
        immediate: counters.immediate,
        waited: counters.waited,
        timed_out: counters.timed_out,
        cancelled: counters.cancelled,
        failed: counters.failed,
        permit_wait_ms: summary(&pool.permit_wait),
        connect_ms: summary(&pool.connect),
        recycle_ms: summary(&pool.recycle),
        lease_ms: summary(&pool.lease),
        held_idle_ratio: share(pool.held_idle_total.0, pool.lease_total.0),
        utilisation_ratio: share(pool.in_use_mean, f64::from(pool.pool_size)),
    }
}

fn summary(histogram: &LatencyHistogram) -> Option<Summary> {
    let known = histogram.summary()?;
    Some(Summary {
        count: known.count,
        mean: known.mean_ms,
        p50: known.p50_ms,
        p95: known.p95_ms,
        p99: known.p99_ms,
        p999: known.p999_ms,
        max: known.max_ms,
    })
}
