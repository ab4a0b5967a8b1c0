//! Traces of an application: where the time of its requests went, as it recorded itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stats::LatencyHistogram;

use super::Millis;
use super::load::PartsByLatency;

/// Everything that was read of traces. Sampling decides which requests have one: shares are told, rates are not.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TraceSet {
    /// The files.
    pub files: Vec<String>,
    /// Spans that were read.
    pub spans: u64,
    /// First start of a span, by the application's clock.
    pub started_at: Option<Timestamp>,
    /// Last end of a span, by the application's clock.
    pub ended_at: Option<Timestamp>,
    /// By route, most time first.
    pub endpoints: Vec<TracedEndpoint>,
    /// Metrics of the application's own pools, where the file has them.
    pub pools: Vec<TracedPool>,
    /// What did not add up: traces without a root, spans that end before they start …
    pub warnings: Vec<String>,
}

/// Requests of one route, as server spans.
///
/// Identity, over all of them: `duration = pool_wait + database + other_calls + own`, where spans that overlap
/// count once, in this order of precedence: a database span before a pool span before another client's span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TracedEndpoint {
    /// Such as `GET /orders/{id}`.
    pub name: String,
    /// Server spans.
    pub requests: u64,
    /// Server spans with an error status.
    pub failures: u64,
    /// Durations of the server spans.
    pub duration: LatencyHistogram,
    /// Exact sum of the durations.
    pub duration_total: Millis,
    /// Time in which at least one database span ran: execution and round trips, as the client of the database sees it.
    pub database: Millis,
    /// Time in spans of acquiring a connection; `None` where the route uses the database and no request of it has
    /// such a span, and where no trace of the file has one.
    pub pool_wait: Option<Millis>,
    /// Time in client spans of other services.
    pub other_calls: Millis,
    /// What is left of the server spans: the application's own work.
    pub own: Millis,
    /// Requests whose server span has a client span as parent, in the same file.
    pub with_client: u64,
    /// Client span minus server span over `with_client`: the network between client and API, and queueing in
    /// front of the handler.
    pub outside: Millis,
    /// The parts `pool`, `db`, `other`, `app` (and `network` with a client span) by the request's duration.
    pub by_latency: PartsByLatency,
    /// What the requests ran in the database.
    pub statements: Vec<TracedStatement>,
}

/// One statement of a route.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TracedStatement {
    /// Its text without literals, or the operation and table that the span names.
    pub name: String,
    /// The fingerprint of its text, where the span has a text that PostgreSQL's parser reads.
    pub fingerprint: Option<String>,
    /// Spans.
    pub calls: u64,
    /// Sum of their durations.
    pub total: Millis,
}

/// A pool of the application by its own metrics (`db.client.connection.*`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TracedPool {
    /// `db.client.connection.pool.name`.
    pub name: String,
    /// Acquires that were timed.
    pub waits: u64,
    /// Sum of `wait_time`.
    pub wait: Millis,
    /// Uses of a connection that were timed.
    pub uses: u64,
    /// Sum of `use_time`.
    pub used: Millis,
    /// Acquires that timed out.
    pub timeouts: u64,
    /// Largest number of connections by state (`idle`, `used`).
    pub connections_max: BTreeMap<String, u64>,
    /// Largest number of waiting acquires.
    pub pending_max: Option<u64>,
}
