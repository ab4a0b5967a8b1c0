//! Traces as the application recorded them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one file of traces, or of metrics of pools, tells. Sampling decides which requests have a trace: shares are
/// told, rates are not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Traces {
    /// The files.
    pub files: Vec<String>,
    /// Spans that were read.
    pub spans: u64,
    /// First start of a span, RFC 3339, by the application's clock.
    pub started_at: Option<String>,
    /// Last end of a span, RFC 3339.
    pub ended_at: Option<String>,
    /// By route, most time first.
    pub endpoints: Vec<TracedRoute>,
    /// Pools of the application by its own metrics.
    pub pools: Vec<TracedPoolUse>,
    /// What did not add up.
    pub warnings: Vec<String>,
}

/// Requests of one route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TracedRoute {
    /// Such as `GET /orders/{id}`.
    pub name: String,
    /// Server spans.
    pub requests: u64,
    /// Those with an error.
    pub failures: u64,
    /// Mean duration.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: Option<f64>,
    /// 95th percentile.
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Where the time of all its requests went; the shares add up to 1.
    pub parts: Vec<TracedPart>,
    /// The same of the slowest 5 %.
    pub slow_parts: Vec<TracedPart>,
    /// Mean time between its client and it, over the requests whose client is in the same file; not in `mean_ms`.
    pub outside_mean_ms: Option<f64>,
    /// What it ran in the database, most time first.
    pub statements: Vec<TracedCall>,
}

/// A part of a request's time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TracedPart {
    /// `database`, `pool_wait`, `other_calls` or `app`; where they overlap, in this order.
    pub part: String,
    /// Mean of a request; `null` where no span of the file tells it.
    pub mean_ms: Option<f64>,
    /// Of the duration.
    pub share_ratio: Option<f64>,
}

/// A statement of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TracedCall {
    /// Its text without literals, or what the span calls it.
    pub name: String,
    /// Its fingerprint, which `statements[]` has too.
    pub fingerprint: Option<String>,
    /// Spans over requests.
    pub calls_per_request: f64,
    /// Mean duration of a span: execution and round trips.
    pub mean_ms: f64,
}

/// A pool by the application's own metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TracedPoolUse {
    /// Its name.
    pub name: String,
    /// Acquires that were timed.
    pub waits: u64,
    /// Mean time to acquire a connection.
    pub wait_mean_ms: Option<f64>,
    /// Uses that were timed.
    pub uses: u64,
    /// Mean time for which a connection was held.
    pub use_mean_ms: Option<f64>,
    /// Acquires that timed out.
    pub timeouts: u64,
    /// Largest number of connections by state.
    pub connections_max: BTreeMap<String, u64>,
    /// Largest number of waiting acquires.
    pub pending_max: Option<u64>,
}
