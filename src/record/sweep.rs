//! Sizes of one pool under the same load, in blocks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Millis;
use super::load::{Arrival, DriverRecord, LoadResult};
use super::pool::PoolRecord;
use crate::stats::LatencyHistogram;

/// A pool measured at several sizes under the same load, in blocks whose order no drift can fake: each size is
/// measured early and late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolSweep {
    /// `deadpool` or `sqlx`.
    pub pool: String,
    /// How requests arrived.
    pub arrival: Arrival,
    /// Clients of a closed loop; of an open one the most at once.
    pub clients: u32,
    /// Requests due per second, in an open loop.
    pub rate_per_sec: Option<f64>,
    /// Squared coefficient of variation of the times between arrivals of an open loop: 1 of Poisson's, 0 of even ones.
    #[serde(default)]
    pub arrival_scv: Option<f64>,
    /// Clients pause between requests, so that the load is not as fast as it can be.
    pub thinks: bool,
    /// The size that is asked about.
    pub current: u32,
    /// Largest size that was to be measured.
    pub largest: u32,
    /// Why no larger one, where something else than the load set the bound.
    pub bound: Option<String>,
    /// What the 99th percentile of the response time is to stay below.
    pub target_p99: Option<Millis>,
    /// Length of a block.
    pub block: Millis,
    /// Load before each block that is not recorded.
    pub block_warmup: Millis,
    /// In the order of time.
    pub blocks: Vec<SizeBlock>,
    /// Why there are no more blocks, where something went wrong.
    pub failure: Option<String>,
    /// It was stopped before its end.
    pub interrupted: bool,
}

/// What a block is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// To find the size.
    Explore,
    /// To prove it.
    Verify,
}

/// A block that is to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeTurn {
    /// Connections of the pool.
    pub pool_size: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// Blocks of one round lie close together.
    pub round: u32,
}

/// One size for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SizeBlock {
    /// Connections of the pool.
    pub pool_size: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// From 0; blocks of one round lie close together.
    pub round: u32,
    /// Begin of its window, by dbperf's clock.
    pub started_at: Option<Timestamp>,
    /// Time over which requests are counted: that in which they could begin; of a size that does not keep up with a
    /// rate, from the first request to the last answer.
    pub length: Millis,
    /// Requests that ended, failures included.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Latency of all requests.
    pub latency: LatencyHistogram,
    /// The pool, without its gauges.
    pub pool: PoolRecord,
    /// What the driver knows of itself.
    pub driver: DriverRecord,
    /// The driver was the limit.
    pub driver_saturated: Option<bool>,
}

impl SizeBlock {
    /// What one replay was.
    #[must_use]
    pub fn new(turn: SizeTurn, load: &LoadResult, pool: PoolRecord) -> Self {
        Self {
            pool_size: turn.pool_size,
            purpose: turn.purpose,
            round: turn.round,
            started_at: load.started_at,
            length: load.length.unwrap_or_default(),
            requests: load.total.requests,
            failures: load.total.failures,
            latency: load.total.latency.histogram.clone().unwrap_or_default(),
            pool: PoolRecord {
                gauges: Vec::new(),
                ..pool
            },
            driver: load.driver.clone().unwrap_or_default(),
            driver_saturated: load.driver_saturated,
        }
    }

    /// Requests per second that did not fail; `None` of no time.
    #[must_use]
    pub fn throughput(&self) -> Option<f64> {
        let done = self.requests.saturating_sub(self.failures) as f64;
        (self.length.0 > 0.0).then(|| done / self.length.secs())
    }
}
