//! `pg_stat_statements`: samples become deltas here, and only here.
//!
//! A window is read as a chain of samples. Every row keeps a baseline; when a row was reset or
//! evicted inside the window, what it had up to the sample before is banked, the interval in which
//! it happened is lost, and the row is marked `partial`. So no delta is ever negative.

mod accumulate;
mod counters;
mod once;

pub use accumulate::StatementAccumulator;
pub use counters::StatementCounters;
pub use once::counted_so_far;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::server::Disturbance;
use super::{Millis, QueryId};

/// The server's own key of an entry. `toplevel` is `None` before extension 1.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_statements under their own names"
)]
pub struct StatementKey {
    pub userid: u32,
    pub dbid: u32,
    pub queryid: QueryId,
    pub toplevel: Option<bool>,
}

/// One row as read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementRow {
    /// The server's key.
    pub key: StatementKey,
    /// Cumulative counters.
    pub counters: StatementCounters,
    /// `stddev_exec_time` over the life of the entry: population standard deviation.
    pub stddev_exec_time: Millis,
    /// `stats_since` (1.11+).
    pub stats_since: Option<Timestamp>,
}

/// One reading of the view.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatementSample {
    /// Time since the start of the window on dbperf's clock.
    pub at: Millis,
    /// Rows with a visible `queryid`.
    pub rows: Vec<StatementRow>,
    /// Rows whose `queryid` is hidden from the role.
    pub hidden_rows: u64,
}

/// What one entry did between two moments. Never negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementDelta {
    /// The server's key.
    pub key: StatementKey,
    /// Later minus earlier.
    pub counters: StatementCounters,
    /// Population standard deviation of the executions of the window, derived from the two ends;
    /// `None` for a partial row or without a call.
    pub stddev_exec_time: Option<Millis>,
    /// The entry was reset or evicted inside the window: a part of its executions is missing.
    pub partial: bool,
    /// The counters have only run since this moment (1.11+).
    pub stats_since: Option<Timestamp>,
}

impl StatementDelta {
    /// Mean execution time; `None` without a call.
    #[must_use]
    pub fn mean_exec_time(&self) -> Option<Millis> {
        (self.counters.calls > 0)
            .then(|| Millis(self.counters.total_exec_time.0 / self.counters.calls as f64))
    }
}

/// Calls and execution time per statement id within one short interval, for inference.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatementInterval {
    /// Start since the start of the window.
    pub from: Millis,
    /// End since the start of the window.
    pub to: Millis,
    /// Δcalls and Δ`total_exec_time` by `queryid` (all users, databases and levels of the id,
    /// dbperf's own excluded); ids without a call are absent.
    pub calls: BTreeMap<i64, (i64, Millis)>,
    /// Entries that were lost in this interval (reset, evicted or unreadable).
    pub lost_entries: u64,
}

/// The text of a statement, as the view keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementText {
    /// `pg_stat_statements.query`; constants are `$n`.
    pub query: String,
    /// Fingerprint of the parse tree (`pg_query`); `None` where the text does not parse.
    pub fingerprint: Option<String>,
}

/// `pg_stat_statements` over the window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatementWindow {
    /// Extension version, such as `1.10`.
    pub extension_version: String,
    /// Deltas of every entry with a call in the window, dbperf's own excluded.
    pub deltas: Vec<StatementDelta>,
    /// dbperf's own entries (marker comment), to state the cost of observing.
    pub own: Vec<StatementDelta>,
    /// Texts by `queryid`.
    pub texts: BTreeMap<i64, StatementText>,
    /// Short intervals in the order of time.
    pub intervals: Vec<StatementInterval>,
    /// Entries seen in an earlier sample and missing in the last one: their last part is unknown.
    pub evicted: u64,
    /// Rows whose `queryid` the role may not see, in the last sample.
    pub hidden_rows: u64,
    /// What disturbed the counters.
    pub disturbances: Vec<Disturbance>,
    /// Part of the window during which the counters were continuous (0 to 1): intervals in which
    /// the whole view was reset or unreadable count as not covered.
    pub covered_ratio: f64,
}
