//! Load as the driver or the load tool saw it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Load results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// `dbperf replay`, `locust` …
    pub source: String,
    /// `open`, `closed` or `unknown`.
    pub arrival: String,
    /// What one has to know to read the percentiles.
    pub percentile_note: Option<String>,
    /// Which failures are in the times: `all`, or `answered`, without refused connections and timeouts; `null` where
    /// the source does not say.
    #[serde(default)]
    pub failures_timed: Option<String>,
    /// First request to last answer, warm-up excluded; `null` where the source does not tell.
    #[serde(default)]
    pub length_ms: Option<f64>,
    /// All operations together.
    pub total: LoadOperation,
    /// The driver was the limit: the numbers are the driver's, not the server's.
    pub driver_saturated: Option<bool>,
    /// What dbperf's own driver knows of itself.
    pub driver: Option<LoadDriver>,
    /// By operation.
    pub operations: Vec<LoadOperation>,
    /// By stage.
    pub stages: Vec<LoadStage>,
    /// What in the source did not add up, was left out or could not be told.
    pub warnings: Vec<String>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LoadOperation {
    /// Name.
    pub name: String,
    /// Requests, failures included.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Why `failures` is only the least there were; `null` where the source tells every one.
    #[serde(default)]
    pub failures_untold: Option<String>,
    /// Requests per second over the measured time.
    pub throughput_per_sec: Option<f64>,
    /// Mean.
    pub mean_ms: Option<f64>,
    /// Median.
    pub p50_ms: Option<f64>,
    /// 95th percentile.
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// 99.9th percentile.
    pub p999_ms: Option<f64>,
    /// Largest.
    pub max_ms: Option<f64>,
    /// 99th percentile of the delay between schedule and start; `null` in a closed loop.
    pub schedule_lag_p99_ms: Option<f64>,
    /// Requests that were due and not sent, because they were too late; not among `requests`.
    #[serde(default)]
    pub skipped: u64,
    /// Failures of dbperf's own load by SQLSTATE, HTTP status, or words; empty for other tools.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// Where the client's time went on the wire; `null` where the tool does not tell.
    #[serde(default)]
    pub phases: Option<LoadPhases>,
    /// What the service told of itself in `Server-Timing`, by the entry's name.
    #[serde(default)]
    pub server_timing: Vec<LoadServerTiming>,
}

/// Phases of requests: means over the requests that told them; `null` where the tool does not tell one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LoadPhases {
    /// Requests that told their phases.
    pub requests: u64,
    /// Waiting for a free connection of the client.
    pub blocked_ms: Option<f64>,
    /// Looking up the name; 0 for a connection that was there.
    pub dns_ms: Option<f64>,
    /// Opening the TCP connection; 0 for one that was there.
    pub connecting_ms: Option<f64>,
    /// TLS handshake; 0 for a connection that was there.
    pub tls_ms: Option<f64>,
    /// Sending the request.
    pub sending_ms: Option<f64>,
    /// To the first byte of the answer.
    pub waiting_ms: Option<f64>,
    /// To its last byte.
    pub receiving_ms: Option<f64>,
    /// Shortest time in which a TCP connection was opened.
    pub round_trip_ms: Option<f64>,
}

/// One entry of `Server-Timing`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LoadServerTiming {
    /// Such as `db`.
    pub name: String,
    /// Requests that had it.
    pub requests: u64,
    /// Mean over those.
    pub mean_ms: f64,
}

/// dbperf's own driver in the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadDriver {
    /// Threads that drove the load.
    pub threads: u32,
    /// CPU time of the busiest thread over the window (0 to 1).
    pub cpu_ratio: Option<f64>,
    /// Time in which a thread was ready and had no core, over the window (0 to 1).
    pub run_delay_ratio: Option<f64>,
    /// How late a thread woke up in one of twenty readings.
    pub late_p95_ms: Option<f64>,
    /// Cores of the driver's machine that nothing ran on, on average.
    pub free_cores: Option<f64>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadStage {
    /// Such as `100 users`.
    pub name: String,
    /// Users or clients; 0 in an open loop.
    pub users: u32,
    /// Requests due per second at its end, in an open loop.
    pub rate_per_sec: Option<f64>,
    /// Length.
    pub length_ms: f64,
    /// What was done in it.
    pub total: LoadOperation,
}
