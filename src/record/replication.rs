//! Replication: the primary's view of its standbys, and the standbys' view of themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Lsn, Millis};

/// Positions over time, all on dbperf's clock: milliseconds since the start of the window, taken
/// at the middle of the round trip that read them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReplicationWindow {
    /// `pg_current_wal_lsn()` of the primary; empty if the server is itself a standby.
    pub primary: Vec<LsnPoint>,
    /// Rows of `pg_stat_replication`, sampled: of every sender, in the order of time.
    pub senders: Vec<SenderSample>,
    /// When `pg_stat_replication` was last read, rows or none; rows of that reading have this moment.
    /// `None` if it never was, and in older files.
    #[serde(default)]
    pub senders_read_at: Option<Millis>,
    /// Standbys that dbperf was connected to (`--replica`, `--lab-standby`).
    pub standbys: Vec<Standby>,
    /// `pg_replication_slots`, read once at the end.
    pub slots: Option<Vec<Slot>>,
}

/// A position at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LsnPoint {
    /// Since the start of the window.
    pub at: Millis,
    /// The position.
    pub lsn: Lsn,
}

/// One row of `pg_stat_replication` at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_replication under their own names"
)]
pub struct SenderSample {
    /// Since the start of the window.
    pub at: Millis,
    pub pid: i32,
    pub application_name: String,
    pub client_addr: Option<String>,
    pub state: Option<String>,
    pub sent_lsn: Option<Lsn>,
    pub write_lsn: Option<Lsn>,
    pub flush_lsn: Option<Lsn>,
    pub replay_lsn: Option<Lsn>,
    /// NULL means idle and caught up, not zero.
    pub write_lag: Option<Millis>,
    pub flush_lag: Option<Millis>,
    pub replay_lag: Option<Millis>,
    pub sync_state: Option<String>,
    /// `pg_replication_slots.slot_type` of the slot that it uses. Absent in older files.
    #[serde(default)]
    pub slot_type: Option<String>,
}

impl SenderSample {
    /// Whether this row can be that of a standby: not a backup, an archiver of WAL (`pg_receivewal`,
    /// which tells what it wrote and never what it replayed) or a subscriber. A row that is hidden
    /// from the role, and one of a receiver that has told nothing yet, can.
    #[must_use]
    pub fn may_be_standby(&self) -> bool {
        let told_nothing = self.write_lsn.is_none() && self.flush_lsn.is_none();
        let is_hidden = self.state.is_none();
        self.slot_type.as_deref() != Some("logical")
            && self.state.as_deref() != Some("backup")
            && (self.replay_lsn.is_some() || told_nothing || is_hidden)
    }
}

impl ReplicationWindow {
    /// The rows of `senders` whose process may serve a standby, in the order of time. What a process
    /// serves is what its last row says, for an archiver tells what it is with its first reply only;
    /// one that used a logical slot, in any row or at the end, is a subscriber.
    pub fn standby_senders(&self) -> impl Iterator<Item = &SenderSample> {
        let mut serves: BTreeMap<i32, bool> = BTreeMap::new();
        for sender in &self.senders {
            serves.insert(sender.pid, sender.may_be_standby());
        }
        let logical = |slot_type: &str| slot_type == "logical";
        let senders = self.senders.iter();
        let seen = senders.filter(|s| s.slot_type.as_deref().is_some_and(logical));
        let slots = self.slots.iter().flatten();
        let at_end = slots.filter(|slot| logical(&slot.slot_type));
        let subscribers = seen
            .map(|s| s.pid)
            .chain(at_end.filter_map(|s| s.active_pid));
        for pid in subscribers {
            serves.insert(pid, false);
        }
        let senders = self.senders.iter();
        senders.filter(move |s| serves.get(&s.pid) == Some(&true))
    }
}

/// One standby, asked directly.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Standby {
    /// Its `cluster_name`, or else its address without secrets.
    pub name: String,
    /// Address without secrets.
    pub address: String,
    /// The `application_name` under which the primary sees it, where known
    /// (from `primary_conninfo`, or else its `cluster_name`).
    pub application_name: Option<String>,
    /// `recovery_min_apply_delay`.
    pub recovery_min_apply_delay: Option<Millis>,
    /// Its own `wal_receiver_timeout`; 0 is never. Absent in older files.
    #[serde(default)]
    pub wal_receiver_timeout: Option<Millis>,
    /// Readings over time.
    pub samples: Vec<StandbySample>,
    /// `pg_stat_database.conflicts` of all databases, at the start and at the end. Absent in older files.
    #[serde(default)]
    pub conflicts: Option<(i64, i64)>,
    /// Readings that failed, with the first reason.
    pub failed_samples: u64,
    /// First reason of a failed reading.
    pub failure: Option<String>,
}

/// One reading of a standby.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandbySample {
    /// Since the start of the window.
    pub at: Millis,
    /// `pg_is_in_recovery()`; false after promotion.
    pub in_recovery: bool,
    /// `pg_last_wal_receive_lsn()`.
    pub receive_lsn: Option<Lsn>,
    /// `pg_last_wal_replay_lsn()`.
    pub replay_lsn: Option<Lsn>,
    /// `pg_get_wal_replay_pause_state()` (14+), or `paused`/`not paused` before.
    pub replay_pause_state: Option<String>,
    /// `pg_last_xact_replay_timestamp()`.
    pub last_xact_replay_timestamp: Option<Timestamp>,
    /// `pg_stat_wal_receiver.status`; `None` means there is no receiver.
    pub receiver_status: Option<String>,
    /// Age of `pg_stat_wal_receiver.last_msg_receipt_time` on the standby's own clock.
    pub last_msg_age: Option<Millis>,
}

/// One row of `pg_replication_slots`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_replication_slots under their own names"
)]
pub struct Slot {
    pub slot_name: String,
    pub slot_type: String,
    pub active: bool,
    pub restart_lsn: Option<Lsn>,
    pub wal_status: Option<String>,
    pub safe_wal_size: Option<i64>,
    /// Of a logical slot. Absent in older files, as what follows.
    #[serde(default)]
    pub database: Option<String>,
    /// The process that uses it.
    #[serde(default)]
    pub active_pid: Option<i32>,
    /// `age(xmin)`: transactions since the oldest one that its consumer may still see.
    #[serde(default)]
    pub xmin_age: Option<i32>,
    /// `age(catalog_xmin)`: the same for the catalogue.
    #[serde(default)]
    pub catalog_xmin_age: Option<i32>,
    /// 17+.
    #[serde(default)]
    pub inactive_since: Option<Timestamp>,
}

impl Slot {
    /// It is a standby's, which is not connected.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.slot_type == "physical" && !self.active
    }
}
