//! What an instrumented pool saw.

use serde::{Deserialize, Serialize};

use crate::stats::LatencyHistogram;

use super::Millis;

/// Counters of acquires. Identities:
/// `acquires = immediate + waited + timed_out + cancelled + failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AcquireCounters {
    /// Acquires that ended in any way.
    pub acquires: u64,
    /// A permit was free at once.
    pub immediate: u64,
    /// A permit came after a wait.
    pub waited: u64,
    /// No permit, or no connection, within the acquire timeout.
    pub timed_out: u64,
    /// The caller went away while it waited.
    pub cancelled: u64,
    /// A permit came, but no connection could be made.
    pub failed: u64,
}

impl AcquireCounters {
    /// The identity of the type holds.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.acquires
            == self.immediate + self.waited + self.timed_out + self.cancelled + self.failed
    }
}

/// One reading of the pool's gauges.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PoolGauge {
    /// Since the start of the window.
    pub at: Millis,
    /// Open connections.
    pub size: u32,
    /// Open and not leased; `None` in runs of older versions.
    #[serde(default)]
    pub idle: Option<u32>,
    /// Leased.
    pub in_use: u32,
    /// Waiting for a permit.
    pub waiting: u32,
}

/// A pool over the window, warm-up excluded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PoolRecord {
    /// `deadpool`, `sqlx` or `none`.
    pub pool: String,
    /// Largest number of connections.
    pub pool_size: u32,
    /// Concurrent clients that used it.
    pub clients: u32,
    /// Length of the window, until the last request of it ended.
    pub length: Millis,
    /// Of it, the time in which requests began; `None` in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Millis>,
    /// Counters.
    pub counters: AcquireCounters,
    /// Wait for a permit, of every acquire that got one or gave up (0 if immediate).
    pub permit_wait: LatencyHistogram,
    /// TCP, TLS, startup and authentication of new connections.
    pub connect: LatencyHistogram,
    /// Check of a used connection before it is handed out again: from its permit to the hand-over.
    pub recycle: LatencyHistogram,
    /// From hand-over to return.
    pub lease: LatencyHistogram,
    /// Lease minus statement time, of every lease.
    #[serde(default)]
    pub held_idle: LatencyHistogram,
    /// Σ acquire: permit waits, connects, recycles, and what lies between them.
    #[serde(default)]
    pub acquire_total: Millis,
    /// Σ lease.
    pub lease_total: Millis,
    /// Σ (lease − statement latency): held and did nothing.
    pub held_idle_total: Millis,
    /// Σ of the times after leases in which the pool took the connection back, and nobody else could have it.
    #[serde(default)]
    pub returning_total: Millis,
    /// Time integral of connections in use, clipped to the window, over its length.
    pub in_use_mean: f64,
    /// Largest number in use at once.
    pub in_use_max: u32,
    /// Gauges over time, at least 10 a second.
    pub gauges: Vec<PoolGauge>,
}

impl PoolRecord {
    /// Σ of the times in which a permit was gone: leases, connecting and checking before them, and what came after. In
    /// milliseconds.
    #[must_use]
    pub fn occupied_ms(&self) -> f64 {
        let total = |h: &LatencyHistogram| h.mean_ms().unwrap_or(0.0) * h.count() as f64;
        self.lease_total.0 + total(&self.connect) + total(&self.recycle) + self.returning_total.0
    }
}
