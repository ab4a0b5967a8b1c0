//! Load results: of dbperf's own driver, or imported from another tool.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stats::LatencyHistogram;

use super::Millis;

/// How requests arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// On a schedule, whatever the answers do.
    Open,
    /// The next request waits for the answer of the one before.
    Closed,
    /// The file does not say.
    Unknown,
}

/// Where the percentiles come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PercentileMethod {
    /// Every latency was recorded in a histogram of three significant digits.
    Histogram,
    /// The tool rounded (Locust: 1 ms below 100 ms, 10 ms below 1 s, 100 ms below 10 s).
    RoundedByTool,
}

/// What is known of where a load result comes from; it limits what may be concluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadSource {
    /// `dbperf replay`, `locust` …
    pub tool: String,
    /// Version where the file tells it.
    pub version: Option<String>,
    /// The workload file or the imported files.
    pub files: Vec<String>,
    /// How requests arrived. A closed loop hides the waits of requests it never sent.
    pub arrival: Arrival,
    /// Where the percentiles come from.
    pub percentile_method: PercentileMethod,
    /// Things in the files that did not add up.
    pub warnings: Vec<String>,
}

/// Latency of one operation as far as the source tells it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Exact mean.
    pub mean: Option<Millis>,
    /// Smallest.
    pub min: Option<Millis>,
    /// Largest.
    pub max: Option<Millis>,
    /// Percentiles by the key in per cent, such as `99.9`; from `histogram` where there is one.
    pub percentiles: BTreeMap<String, Millis>,
    /// All latencies, where every one was recorded.
    pub histogram: Option<LatencyHistogram>,
}

impl Latency {
    /// The percentile `key` (`50`, `95`, `99`, `99.9`).
    #[must_use]
    pub fn percentile(&self, key: &str) -> Option<Millis> {
        if let Some(histogram) = &self.histogram {
            let quantile: f64 = key.parse().ok()?;
            return histogram.quantile_ms(quantile / 100.0).map(Millis);
        }
        self.percentiles.get(key).copied()
    }

    /// Latency with everything taken from a histogram.
    #[must_use]
    pub fn from_histogram(histogram: LatencyHistogram) -> Self {
        let summary = histogram.summary();
        Self {
            mean: summary.map(|s| Millis(s.mean_ms)),
            min: histogram.quantile_ms(0.0).map(Millis),
            max: summary.map(|s| Millis(s.max_ms)),
            percentiles: BTreeMap::new(),
            histogram: Some(histogram),
        }
    }
}

/// One operation: an endpoint of an API, or an operation of a workload.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Operation {
    /// Such as `GET /lords/architect/initiatives`.
    pub name: String,
    /// Requests that ended, failures included.
    pub requests: u64,
    /// Failed, timed-out and cancelled ones among them.
    pub failures: u64,
    /// Latency of all requests, failures included.
    pub latency: Latency,
    /// Failures by SQLSTATE, or by the tool's own words.
    pub errors: BTreeMap<String, u64>,
    /// Parts measured inside; only dbperf's own driver knows them.
    pub parts: Option<OperationParts>,
    /// Delay between the moment at which a request was due and its start; `None` in a closed loop.
    #[serde(default)]
    pub schedule_lag: Option<LatencyHistogram>,
    /// Requests that were due and not sent, because they were too late; not among `requests`.
    #[serde(default)]
    pub skipped: u64,
}

/// Where the time of an operation went, as sums over all its requests. Identity:
/// `Σ latency = schedule_lag + pool_wait + hold`, `hold = statement_latency + held_idle`, up to the
/// driver's own overhead, which is shown as unattributed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OperationParts {
    /// From the moment at which requests were due to their start; 0 in a closed loop.
    #[serde(default)]
    pub schedule_lag: Millis,
    /// Acquire in total: permit wait, connect, recycle; failed acquires included.
    pub pool_wait: Millis,
    /// Send to last row, over all statements.
    pub statement_latency: Millis,
    /// Lease minus statement latency: the connection was held and did nothing.
    pub held_idle: Millis,
    /// Statements by their place in the operation.
    pub statements: Vec<ReplayedStatement>,
}

/// One statement of an operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReplayedStatement {
    /// Its name in the workload file.
    pub name: String,
    /// Its text with `$n` parameters.
    pub sql: String,
    /// Executions, failed ones included.
    pub calls: u64,
    /// Rows returned or affected.
    pub rows: u64,
    /// Send to last row.
    pub latency: LatencyHistogram,
}

/// A slice of time of a load result.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadInterval {
    /// Start, by the load tool's clock.
    pub started_at: Option<Timestamp>,
    /// Start since the start of dbperf's window; `None` where the clocks could not be aligned.
    pub from: Option<Millis>,
    /// Length.
    pub length: Millis,
    /// Users or clients at that time.
    pub users: Option<u32>,
    /// Requests that ended in it, by operation.
    pub requests: BTreeMap<String, u64>,
    /// Failures that ended in it, by operation.
    pub failures: BTreeMap<String, u64>,
    /// Sum of the latencies of all requests in it, where the source tells it.
    pub latency_total: Option<Millis>,
}

/// A stage of the load: a stretch with one number of users or clients.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stage {
    /// Such as `100 users`.
    pub name: String,
    /// Users or clients; 0 in an open loop.
    pub users: u32,
    /// Requests due per second at the end of the stage, in an open loop.
    #[serde(default)]
    pub rate_per_sec: Option<f64>,
    /// Length.
    pub length: Millis,
    /// What was done in it. Percentiles are present only where the source recorded every latency
    /// of the stage.
    pub total: Operation,
}

/// Everything one load tool reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadResult {
    /// Where it comes from.
    pub source: LoadSource,
    /// First request to last answer, warm-up excluded.
    pub length: Option<Millis>,
    /// Begin by the load tool's clock.
    pub started_at: Option<Timestamp>,
    /// End by the load tool's clock.
    pub ended_at: Option<Timestamp>,
    /// All operations together, as the tool itself adds them up.
    pub total: Operation,
    /// By operation.
    pub operations: Vec<Operation>,
    /// Over time.
    pub intervals: Vec<LoadInterval>,
    /// By stage.
    pub stages: Vec<Stage>,
    /// The driver was the limit: `None` where that was not measured.
    pub driver_saturated: Option<bool>,
    /// CPU time of the driver over the time of its threads (0 to 1).
    pub driver_cpu_ratio: Option<f64>,
    /// What dbperf's own driver knows of itself.
    #[serde(default)]
    pub driver: Option<DriverRecord>,
}

/// What dbperf's own driver knows of itself, over the window. `None` where the system does not tell.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DriverRecord {
    /// Threads that drove the load.
    pub threads: u32,
    /// CPU time over the time of the busiest thread (0 to 1).
    pub cpu_ratio: Option<f64>,
    /// Time in which the thread that waited longest could have run and had no core, over its time (0 to 1).
    pub run_delay_ratio: Option<f64>,
    /// How late a thread woke up in one of twenty readings.
    pub late_p95: Option<Millis>,
    /// Cores of this machine that nothing ran on, on average.
    pub free_cores: Option<f64>,
}
