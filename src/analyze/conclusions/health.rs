//! What endangers the server in the long run, beside the load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Health: one row per subject, and the facts behind it. A list is `null` where it was not read;
/// the subject's row then says why.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// RFC 3339, by the server's clock: when the facts were read, after the window.
    pub read_at: Option<String>,
    /// One row per subject, always the same ones.
    pub subjects: Vec<HealthSubject>,
    /// Who keeps VACUUM from removing dead rows, oldest first, ten at most.
    pub horizon: Option<Vec<HorizonHolder>>,
    /// Every database by the age of its oldest rows, oldest first.
    pub wraparound: Option<Vec<AgedDatabase>>,
    /// The oldest tables of this database, ten at most.
    pub oldest_tables: Option<Vec<AgedTable>>,
    /// Sequences by how much of their numbers is used, fullest first, ten at most.
    pub sequences: Option<Vec<SequenceUse>>,
    /// Constraints that hold for new rows only.
    pub not_validated: Option<Vec<NotValidatedConstraint>>,
    /// Transactions that were open after the window, longest first, ten at most.
    pub transactions: Option<Vec<LongTransaction>>,
    /// Sessions that others waited for inside the window, most waited for first, ten at most.
    pub blocking: Option<Vec<BlockingTree>>,
    /// Checkpoints in the window.
    pub checkpoints: Option<Checkpoints>,
    /// Temporary files of this database in the window.
    pub temp_files: Option<TempFiles>,
}

/// How a subject is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// Looked at, and nothing is wrong.
    Ok,
    /// Good to know.
    Info,
    /// Worth a change.
    Warning,
    /// Act now.
    Critical,
    /// It could not be looked at.
    NotMeasured,
}

/// One line of health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthSubject {
    /// `dead rows`, `statistics`, `bloat`, `horizon`, `wraparound`, `sequences`, `constraints`,
    /// `transactions`, `blocking`, `checkpoints`, `connections`, `temporary files`, `slots`, `settings`.
    pub subject: String,
    /// The worst of its findings.
    pub status: HealthState,
    /// The number that matters, in words.
    pub summary: Option<String>,
    /// Since when it is so: RFC 3339, or `null` where that is not known.
    pub since: Option<String>,
    /// Why it was not measured, or not completely.
    pub reason: Option<String>,
}

/// What holds the horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HolderKind {
    /// A session.
    Session,
    /// A prepared transaction.
    PreparedTransaction,
    /// A replication slot.
    Slot,
    /// A standby without a slot, by `hot_standby_feedback`.
    Standby,
}

/// What a holder keeps from being removed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// Dead rows of this database.
    Rows,
    /// Dead rows of system tables only (a slot's `catalog_xmin`).
    Catalog,
    /// Dead rows of another database.
    OtherDatabase,
}

/// Somebody who keeps VACUUM from removing dead rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HorizonHolder {
    /// What it is.
    pub kind: HolderKind,
    /// Such as `psql (pid 42)`, or the name of the slot.
    pub name: String,
    /// Process of a session.
    pub pid: Option<i32>,
    /// What it keeps.
    pub holds: Holds,
    /// Its database.
    pub database: Option<String>,
    /// Transactions since the oldest one that it may still see.
    pub xid_age: i64,
    /// RFC 3339: since when; `null` where the server does not tell.
    pub since: Option<String>,
    /// The same as a length.
    pub held_ms: Option<f64>,
    /// What it is doing, in words.
    pub state: String,
    /// Its statement, or its last one, without constants.
    pub query: Option<String>,
    /// The session on the standby behind it, where the standby was asked.
    pub behind: Option<String>,
    /// The slot is in use.
    pub active: Option<bool>,
}

/// A database on its way to wraparound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgedDatabase {
    /// Name.
    pub database: String,
    /// `age(datfrozenxid)`.
    pub xid_age: i64,
    /// Transactions until the server refuses to begin new ones.
    pub xids_left: i64,
    /// `mxid_age(datminmxid)`.
    pub mxid_age: i64,
    /// Multixacts until the server refuses to make new ones.
    pub mxids_left: i64,
}

/// A table whose oldest rows are not frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgedTable {
    /// Schema.
    pub schema: String,
    /// Table; its TOAST table counts as the table.
    pub table: String,
    /// `age(relfrozenxid)`.
    pub xid_age: Option<i64>,
    /// `mxid_age(relminmxid)`.
    pub mxid_age: Option<i64>,
}

/// A sequence and what is left of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SequenceUse {
    /// Schema.
    pub schema: String,
    /// Sequence.
    pub sequence: String,
    /// The column that limits it, or the first that takes from it: `schema.table.column`.
    pub column: Option<String>,
    /// Type of that column.
    pub column_type: Option<String>,
    /// Last value, as a string because it may have 64 bits.
    pub last_value: String,
    /// The last value that it or the column can have.
    pub limit: String,
    /// Which of the two it is: `sequence` or `column`.
    pub limited_by: String,
    /// Part of its numbers that is used (0 to 1, more where the column cannot hold the last value).
    pub used_ratio: f64,
    /// Values that are left, as a string.
    pub left: String,
    /// It begins anew at its limit.
    pub cycles: bool,
}

/// A constraint that holds for new rows only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotValidatedConstraint {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Constraint.
    pub constraint: String,
    /// `check`, `foreign key` or `not null`.
    pub kind: String,
}

/// An open transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LongTransaction {
    /// Process.
    pub pid: i32,
    /// `application_name`.
    pub application_name: String,
    /// Role.
    pub role: Option<String>,
    /// Database.
    pub database: Option<String>,
    /// `state`.
    pub state: Option<String>,
    /// RFC 3339: `xact_start`.
    pub since: String,
    /// How long it had been open.
    pub open_ms: f64,
    /// It has written.
    pub writes: bool,
    /// Its statement, or its last one, without constants.
    pub query: Option<String>,
}

/// A session of a blocking tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockingSession {
    /// Process; 0 is a prepared transaction.
    pub pid: i32,
    /// 0 is the root, 1 waits for the root, and so on.
    pub depth: u32,
    /// `application_name`, or the name of the prepared transaction.
    pub name: String,
    /// Role.
    pub role: Option<String>,
    /// Database.
    pub database: Option<String>,
    /// `state`.
    pub state: Option<String>,
    /// `wait_event` of one that waits for a lock.
    pub waits_for: Option<String>,
    /// How long it was seen waiting: it waited at least so long.
    pub waited_ms: Option<f64>,
    /// RFC 3339: when its transaction began.
    pub transaction_since: Option<String>,
    /// RFC 3339: when its statement began, or, of an idle one, its last.
    pub statement_since: Option<String>,
    /// Its statement, or its last one, without constants.
    pub query: Option<String>,
}

/// Sessions that wait for one that waits for nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockingTree {
    /// RFC 3339: when it was seen first.
    pub first_seen: Option<String>,
    /// RFC 3339: when it was seen last.
    pub last_seen: Option<String>,
    /// It was there in the last sample.
    pub lasts: bool,
    /// The longest wait that was seen in it, of one session: at least so long.
    pub longest_wait_ms: f64,
    /// Sessions that waited at once, at most.
    pub waiting_max: u32,
    /// The root first, then those who wait, each after the one it waits for, at the moment of the most.
    pub sessions: Vec<BlockingSession>,
}

/// Checkpoints in the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoints {
    /// By `checkpoint_timeout`; skipped ones are counted too.
    pub timed: i64,
    /// By the amount of write-ahead log, a command or a backup.
    pub requested: i64,
    /// Time spent writing.
    pub write_ms: f64,
    /// Time spent synchronising.
    pub sync_ms: f64,
    /// Buffers written, in bytes per second of the window.
    pub written_bytes_per_sec: f64,
}

/// Temporary files in the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TempFiles {
    /// Files.
    pub files: i64,
    /// Bytes; counted when a file is removed.
    pub bytes: i64,
    /// Bytes per second of the window.
    pub bytes_per_sec: f64,
}
