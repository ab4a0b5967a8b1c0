//! `pg_stat_activity`, sampled.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Millis, QueryId};

/// The `backend_type` of a session whose type the role may not see.
pub const HIDDEN_TYPE: &str = "(hidden)";

/// All samples of a window. dbperf's own sessions are left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ActivitySeries {
    /// The interval that was asked for.
    pub interval: Millis,
    /// Samples in the order of time. A missed tick is a missing sample, never a copy.
    pub samples: Vec<ActivitySample>,
    /// Ticks at which no sample could be taken in time.
    pub missed: u64,
    /// Texts of statements of sessions that waited for a lock or held one that others waited for, without
    /// comments and constants, each once. Absent in older files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
}

/// One reading of `pg_stat_activity`: client backends and parallel workers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ActivitySample {
    /// Time since the start of the window on dbperf's clock.
    pub at: Millis,
    /// Sessions in any state but `idle`.
    pub sessions: Vec<SessionSample>,
    /// Number of idle client sessions by `application_name`.
    pub idle: BTreeMap<String, u32>,
    /// Those of them that are in other databases than the one that is looked at. Absent in older files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub idle_elsewhere: BTreeMap<String, u32>,
}

/// One session that was not idle at the moment of the sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionSample {
    /// `pid`.
    pub pid: i32,
    /// `leader_pid`: set for a parallel worker.
    pub leader_pid: Option<i32>,
    /// `datname`.
    pub datname: Option<String>,
    /// `usename`.
    pub usename: Option<String>,
    /// `application_name`.
    pub application_name: String,
    /// `backend_type`: `client backend` or `parallel worker`.
    pub backend_type: String,
    /// `state`; NULL where the role may not see it.
    pub state: Option<String>,
    /// `wait_event_type`; NULL while active means not waiting as far as is instrumented.
    pub wait_event_type: Option<String>,
    /// `wait_event`.
    pub wait_event: Option<String>,
    /// `query_id` (14+).
    pub query_id: Option<QueryId>,
    /// `query_start`: tells one long statement from several short ones.
    pub query_start: Option<Timestamp>,
    /// `xact_start`.
    pub xact_start: Option<Timestamp>,
    /// `state_change`.
    pub state_change: Option<Timestamp>,
    /// `pg_blocking_pids(pid)`, asked only for waits of type Lock.
    pub blocked_by: Vec<i32>,
    /// Tags in the comments of its statement, such as `route` or `controller`. Absent in older files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Of a session that waits for a lock or holds up others: the place of its statement (of an idle one,
    /// its last) in [`ActivitySeries::texts`]. Other texts are not kept. Absent in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<u32>,
}

impl SessionSample {
    /// What the session does is hidden from the role.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.state.is_none() && self.backend_type == HIDDEN_TYPE
    }

    /// The session executes a statement at this moment.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(
            self.state.as_deref(),
            Some("active" | "fastpath function call")
        )
    }

    /// The session holds a transaction open without executing.
    #[must_use]
    pub fn is_idle_in_transaction(&self) -> bool {
        matches!(
            self.state.as_deref(),
            Some("idle in transaction" | "idle in transaction (aborted)")
        )
    }
}
