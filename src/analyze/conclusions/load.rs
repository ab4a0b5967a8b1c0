//! Load as the driver or the load tool saw it.

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
    /// All operations together.
    pub total: LoadOperation,
    /// The driver was the limit: the numbers are the driver's, not the server's.
    pub driver_saturated: Option<bool>,
    /// By operation.
    pub operations: Vec<LoadOperation>,
    /// By stage.
    pub stages: Vec<LoadStage>,
    /// Things in the source that did not add up.
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
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadStage {
    /// Such as `100 users`.
    pub name: String,
    /// Users or clients.
    pub users: u32,
    /// Length.
    pub length_ms: f64,
    /// What was done in it.
    pub total: LoadOperation,
}
