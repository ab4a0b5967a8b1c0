//! Where a request's time went.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a number was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Read off a clock or a counter.
    Measured,
    /// Arithmetic on measured values.
    Derived,
    /// A model, with an interval.
    Inferred,
    /// Only a bound is known.
    Bound,
    /// Not known.
    NotMeasured,
}

/// A part of a request's time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// Execution inside the server, lock waits included.
    DbExec,
    /// Waiting for a connection.
    PoolWait,
    /// Client to API, and round trips between API and server.
    Network,
    /// The application's own work.
    App,
    /// What is left; never spread over the others.
    Unattributed,
}

/// One part, of the mean over all requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimePart {
    /// Which part.
    pub part: PartKind,
    /// Mean per request; `null` where it is not known.
    pub mean_ms: Option<f64>,
    /// Share of the client's mean response time (0 to 1).
    pub share_ratio: Option<f64>,
    /// Lower end of the share's interval.
    pub low_ratio: Option<f64>,
    /// Upper end of the share's interval.
    pub high_ratio: Option<f64>,
    /// How it was obtained.
    pub basis: Basis,
    /// What one has to know to read it.
    pub note: Option<String>,
    /// Of execution in the database: what it waited for, by the samples of the server's sessions. Empty where that is
    /// not known, and of other parts.
    #[serde(default)]
    pub waits: Vec<PartWait>,
}

/// What execution in the database waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartWait {
    /// `wait_event_type`; `CPU*` where the session did not wait as far as PostgreSQL tells.
    pub wait_class: String,
    /// Share of the execution (0 to 1).
    pub share_ratio: f64,
    /// Error of the share, by the number of independent samples.
    pub share_error_ratio: f64,
}

/// The slowest requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlowRequests {
    /// Their share of all requests that told their parts (0 to 1).
    pub slowest_ratio: f64,
    /// Requests that told their parts.
    pub told_requests: u64,
    /// What the times span: `response time at the client` or `time inside the API`.
    pub spans: String,
    /// Their mean.
    pub mean_ms: f64,
    /// Parts of that mean; with unattributed the shares add up to 1.
    pub parts: Vec<TimePart>,
}

/// The breakdown in total and by endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Breakdown {
    /// Where the response times come from, such as `dbperf replay` or `locust`.
    pub source: String,
    /// All requests together.
    pub total: TotalBreakdown,
    /// By endpoint, most total time first.
    pub endpoints: Vec<Endpoint>,
    /// Why statements could not be attributed, where they could not.
    pub notes: Vec<String>,
}

/// All requests together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TotalBreakdown {
    /// Requests that ended in the window, failures included.
    pub requests: u64,
    /// Mean response time at the client.
    pub mean_ms: f64,
    /// Parts; with unattributed the shares add up to 1.
    pub parts: Vec<TimePart>,
    /// The slowest of them; `null` where requests did not tell their parts one by one.
    #[serde(default)]
    pub slowest: Option<SlowRequests>,
}

/// One endpoint or operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoint {
    /// Such as `GET /lords/architect/initiatives`.
    pub name: String,
    /// Requests, failures included.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Mean response time at the client.
    pub mean_ms: Option<f64>,
    /// 95th percentile at the client.
    pub p95_ms: Option<f64>,
    /// Parts.
    pub parts: Vec<TimePart>,
    /// The slowest of them; `null` where requests did not tell their parts one by one.
    #[serde(default)]
    pub slowest: Option<SlowRequests>,
    /// Statements that a request runs.
    pub statements: Vec<EndpointStatement>,
}

/// A statement of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointStatement {
    /// `queryid` as a string.
    pub query_id: String,
    /// Executions per request.
    pub calls_per_request: f64,
    /// How that was obtained.
    pub basis: Basis,
    /// Lower end of the interval of an inferred number.
    pub low: Option<f64>,
    /// Upper end of the interval of an inferred number.
    pub high: Option<f64>,
}
