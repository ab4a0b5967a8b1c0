//! Several pools under the same load, in turns.

use serde::{Deserialize, Serialize};

use crate::stats::LatencyHistogram;

use super::Millis;
use super::load::{Arrival, DriverRecord, LoadResult};
use super::pool::PoolRecord;

/// Pools that were measured in interleaved blocks of the same load: A B C C B A …
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolComparison {
    /// How requests arrived.
    pub arrival: Arrival,
    /// Clients pause between requests, so that the load is not as fast as it can be.
    pub thinks: bool,
    /// Length of a block.
    pub block: Millis,
    /// Load before each block that is not recorded.
    pub block_warmup: Millis,
    /// Blocks that each pool was to have.
    pub rounds: u32,
    /// In the order in which they were named; the first is what the others are compared with.
    pub pools: Vec<ComparedPool>,
    /// Two blocks of the first pool in a row, before all others: what differs there is noise.
    pub twice: Vec<PoolBlock>,
}

/// One pool of a comparison.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ComparedPool {
    /// `deadpool`, `sqlx` or `none`; a number follows where a pool is compared with itself.
    pub name: String,
    /// Its blocks in the order of time.
    pub blocks: Vec<PoolBlock>,
    /// Latency of all blocks.
    pub latency: LatencyHistogram,
    /// The pool over all blocks; `None` without a block.
    pub pool: Option<PoolRecord>,
    /// Connections made before the blocks, when the pool was new.
    pub first_connects: LatencyHistogram,
    /// Why it has no more blocks.
    pub failure: Option<String>,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PoolBlock {
    /// From 0; blocks of one round lie close together.
    pub round: u32,
    /// First request to last answer.
    pub length: Millis,
    /// Requests that ended, failures included.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Median of the latency.
    pub p50: Option<Millis>,
    /// 99th percentile of the latency.
    pub p99: Option<Millis>,
    /// Mean time of an acquire.
    pub acquire_mean: Option<Millis>,
    /// What the driver knows of itself.
    pub driver: DriverRecord,
}

impl PoolBlock {
    /// What one replay was.
    #[must_use]
    pub fn new(round: u32, load: &LoadResult, pool: Option<&PoolRecord>) -> Self {
        let acquires = pool.filter(|pool| pool.counters.acquires > 0);
        Self {
            round,
            length: load.length.unwrap_or_default(),
            requests: load.total.requests,
            failures: load.total.failures,
            p50: load.total.latency.percentile("50"),
            p99: load.total.latency.percentile("99"),
            acquire_mean: acquires
                .map(|pool| Millis(pool.acquire_total.0 / pool.counters.acquires as f64)),
            driver: load.driver.clone().unwrap_or_default(),
        }
    }

    /// Requests per second that did not fail; `None` of no time.
    #[must_use]
    pub fn throughput(&self) -> Option<f64> {
        let done = self.requests.saturating_sub(self.failures) as f64;
        (self.length.0 > 0.0).then(|| done / self.length.secs())
    }

    /// CPU time of the driver per request; `None` where it is not known, or of several threads, of which only
    /// the busiest is known.
    #[must_use]
    pub fn driver_cpu_per_request(&self) -> Option<Millis> {
        let ratio = self.driver.cpu_ratio.filter(|_| self.driver.threads == 1)?;
        (self.requests > 0).then(|| Millis(ratio * self.length.0 / self.requests as f64))
    }
}
