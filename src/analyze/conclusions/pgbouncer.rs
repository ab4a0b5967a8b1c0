//! `PgBouncer` in front of the server.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `PgBouncer` counted in the window, and what it means for the client's view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PgBouncer {
    /// As it calls itself.
    pub version: Option<String>,
    /// Address without secrets.
    pub address: String,
    /// The settings that limit connections and waits.
    pub settings: BTreeMap<String, String>,
    /// Readings of the pools that the gauges rest on.
    pub samples: u64,
    /// Counters by database, most queries first: `PgBouncer` does not count by user.
    pub databases: Vec<PgBouncerDatabase>,
    /// Gauges by pool: one user on one database.
    pub pools: Vec<PgBouncerPool>,
    /// The replay's latency by `PgBouncer`'s account.
    pub replay: Option<PgBouncerReplay>,
    /// Why the two views were not compared.
    pub no_replay: Option<String>,
    /// What makes these numbers doubtful.
    pub warnings: Vec<String>,
}

/// Counters of one database between the first and the last reading inside the replay, or of the window
/// without one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PgBouncerDatabase {
    /// Name in `PgBouncer`.
    pub database: String,
    /// `session`, `transaction` or `statement`.
    pub pool_mode: Option<String>,
    /// Server connections of each pool.
    pub pool_size: Option<u64>,
    /// Queries: everything that a client sends up to the next time it waits for an answer.
    pub queries: u64,
    /// Transactions.
    pub transactions: u64,
    /// Assignments of a server connection; `null` before 1.23.
    pub assignments: Option<u64>,
    /// What the mean wait is the mean of: `assignment`, `transaction` or `query`; `null` where there is
    /// none: session mode before 1.23 does not count what waits.
    pub wait_per: Option<String>,
    /// Mean wait for a server connection.
    pub wait_mean_ms: Option<f64>,
    /// Mean time of a query from the client's request on, wait included.
    pub query_mean_ms: Option<f64>,
    /// The same less the wait: on the server, and on the way there and back.
    pub query_without_wait_mean_ms: Option<f64>,
    /// Mean time of a transaction from the client's request on, wait included.
    pub transaction_mean_ms: Option<f64>,
    /// Wait over the time of queries (0 to 1).
    pub wait_share_ratio: Option<f64>,
}

/// Gauges of one pool over the readings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PgBouncerPool {
    /// Database in `PgBouncer`.
    pub database: String,
    /// User.
    pub user: String,
    /// Mean number of server connections in use.
    pub servers_in_use_mean: f64,
    /// Largest number in use.
    pub servers_in_use_max: u64,
    /// Mean number of server connections that were open and free.
    pub servers_idle_mean: f64,
    /// Mean number of clients that have a server connection, or want none.
    pub clients_active_mean: f64,
    /// Mean number of clients that wait for a server connection.
    pub clients_waiting_mean: f64,
    /// Largest number that waited at once.
    pub clients_waiting_max: u64,
    /// Longest wait that was seen of a client that still waited.
    pub longest_wait_ms: f64,
}

/// The statement latency of the replay, split by what `PgBouncer` measured of it. Waiting and server are
/// means over the queries that `PgBouncer` saw end; with the rest they add up to the latency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PgBouncerReplay {
    /// Database in `PgBouncer`.
    pub database: String,
    /// Statements that the client counted.
    pub statements: u64,
    /// Queries that `PgBouncer` counted at the same time, interpolated at the beginning, which is between
    /// two readings.
    pub queries: f64,
    /// Mean latency of a statement, measured by the client.
    pub latency_mean_ms: f64,
    /// Of it, waiting for a server connection, measured by `PgBouncer`.
    pub waiting_mean_ms: f64,
    /// Waiting over latency (0 to 1).
    pub waiting_share_ratio: f64,
    /// Of it, between `PgBouncer` and the server and inside it, measured by `PgBouncer`.
    pub server_mean_ms: f64,
    /// The rest: between client and `PgBouncer`, and the client's own work; `null` where it is smaller
    /// than the error of the other two.
    pub link_mean_ms: Option<f64>,
}
