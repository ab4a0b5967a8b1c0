//! What endangers a server in the long run: ages, open transactions, sequences, constraints.
//!
//! Read once, after the window. Ages are counted by the server in transactions, back from the
//! next one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::QueryId;

/// Everything that was read once. `None` means that it was not read; `coverage` says why.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HealthWindow {
    /// `clock_timestamp()` of the server when it was read.
    pub read_at: Option<Timestamp>,
    /// `pg_database`, every database of the cluster.
    pub databases: Option<Vec<DatabaseAge>>,
    /// The oldest tables of this database by each of the two ages, system tables among them.
    pub oldest_tables: Option<Vec<TableAge>>,
    /// Sessions with a transaction or a snapshot, dbperf's own left out.
    pub transactions: Option<Vec<OpenTransaction>>,
    /// Sessions of other roles whose transactions are hidden from this one.
    pub hidden_sessions: u64,
    /// `pg_prepared_xacts`.
    pub prepared: Option<Vec<PreparedTransaction>>,
    /// `pg_stat_progress_vacuum`.
    pub vacuums: Option<Vec<ProgressVacuum>>,
    /// `pg_sequence` with last values.
    pub sequences: Option<Vec<Sequence>>,
    /// `pg_constraint`, those that are not validated but enforced.
    pub not_validated: Option<Vec<NotValidated>>,
    /// Prepared transactions for which sessions waited at the end of the window.
    pub prepared_blockers: Vec<PreparedBlocker>,
    /// `pgstattuple_approx` of the largest tables, where the extension is installed.
    #[serde(default)]
    pub bloat: Option<Vec<TableBloat>>,
    /// Large tables that it was not asked for, or not in time.
    #[serde(default)]
    pub bloat_left_out: u64,
    /// `pgstatindex` of large btrees, where the extension is installed. Absent in older files.
    #[serde(default)]
    pub index_bloat: Option<Vec<IndexBloat>>,
    /// The same sessions on the standbys that were asked.
    pub standbys: Vec<StandbyTransactions>,
}

/// A database and how long ago its oldest rows were frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseAge {
    /// `datname`.
    pub datname: String,
    /// `datallowconn`: nobody can connect to `template0`, but autovacuum freezes it too.
    pub datallowconn: bool,
    /// `age(datfrozenxid)`.
    pub frozen_xid_age: i32,
    /// `mxid_age(datminmxid)`.
    pub min_mxid_age: i32,
}

/// A table and how long ago its oldest rows were frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableAge {
    /// Schema of the table.
    pub schemaname: String,
    /// The table.
    pub relname: String,
    /// It is the TOAST table of `relname`.
    pub is_toast: bool,
    /// `age(relfrozenxid)`.
    pub frozen_xid_age: Option<i32>,
    /// `mxid_age(relminmxid)`.
    pub min_mxid_age: Option<i32>,
}

/// A session with a transaction or a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenTransaction {
    /// `pid`.
    pub pid: i32,
    /// `datname`; none for a sender of write-ahead log.
    pub datname: Option<String>,
    /// `usename`.
    pub usename: Option<String>,
    /// `application_name`.
    pub application_name: String,
    /// `backend_type`.
    pub backend_type: String,
    /// `state`.
    pub state: Option<String>,
    /// `xact_start`.
    pub xact_start: Option<Timestamp>,
    /// `state_change`.
    pub state_change: Option<Timestamp>,
    /// `age(backend_xid)`: of a transaction that has written.
    pub xid_age: Option<i32>,
    /// `age(backend_xmin)`: of the oldest transaction that its snapshot may still see.
    pub xmin_age: Option<i32>,
    /// `query_id` (14+).
    pub query_id: Option<QueryId>,
    /// What it executes, or executed last, without comments and constants.
    pub query: Option<String>,
}

/// One row of `pg_prepared_xacts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedTransaction {
    /// `gid`.
    pub gid: String,
    /// `prepared`.
    pub prepared: Timestamp,
    /// `owner`.
    pub owner: Option<String>,
    /// `database`.
    pub database: Option<String>,
    /// `age(transaction)`.
    pub xid_age: i32,
}

/// One row of `pg_stat_progress_vacuum`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressVacuum {
    /// `pid`.
    pub pid: i32,
    /// `datname`.
    pub datname: Option<String>,
    /// `relid`; none where the role may not see it.
    pub relid: Option<u32>,
    /// `phase`.
    pub phase: Option<String>,
    /// `heap_blks_total`.
    pub heap_blks_total: Option<i64>,
    /// `heap_blks_scanned`.
    pub heap_blks_scanned: Option<i64>,
    /// `heap_blks_vacuumed`.
    pub heap_blks_vacuumed: Option<i64>,
    /// `index_vacuum_count`.
    pub index_vacuum_count: Option<i64>,
    /// `pg_stat_activity.xact_start`.
    pub xact_start: Option<Timestamp>,
}

/// A sequence and the columns that take from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// `pg_class.oid`.
    pub relid: u32,
    /// Schema.
    pub schemaname: String,
    /// Name.
    pub relname: String,
    /// `seqmin`.
    pub seqmin: i64,
    /// `seqmax`.
    pub seqmax: i64,
    /// `seqincrement`.
    pub seqincrement: i64,
    /// `seqcycle`.
    pub seqcycle: bool,
    /// The role may read its value: it has `SELECT` or `USAGE`.
    pub readable: bool,
    /// Its value was read.
    pub value_read: bool,
    /// `pg_sequence_last_value`; `None` of one that was read means that it never gave a value.
    pub last_value: Option<i64>,
    /// Columns that it is owned by, or whose default takes from it.
    pub columns: Vec<SequenceColumn>,
}

/// A column that takes its values from a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceColumn {
    /// Schema of the table.
    pub schemaname: String,
    /// Table.
    pub relname: String,
    /// Column.
    pub attname: String,
    /// Type without modifier, that below a domain, such as `integer`.
    pub type_name: String,
}

/// A constraint that is enforced for new rows only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotValidated {
    /// `pg_constraint.oid`.
    pub oid: u32,
    /// Schema of the table.
    pub schemaname: String,
    /// Table.
    pub relname: String,
    /// `conname`.
    pub conname: String,
    /// `contype`: `c`, `f` or (18+) `n`.
    pub contype: String,
    /// `conparentid`: of the constraint of the partitioned table; 0 without one.
    pub conparentid: u32,
}

/// A session that waits for a lock of a prepared transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedBlocker {
    /// `pid` of the session that waits.
    pub pid: i32,
    /// `gid` of a transaction that holds a lock on the same object.
    pub gid: String,
}

/// One row of `pgstattuple_approx`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableBloat {
    /// `pg_class.oid`.
    pub relid: u32,
    /// `table_len`, in bytes.
    pub table_len: i64,
    /// `scanned_percent`: part of the pages that were read.
    pub scanned_percent: f64,
    /// `approx_free_space`, in bytes.
    pub approx_free_space: i64,
    /// `dead_tuple_len`, in bytes.
    pub dead_tuple_len: i64,
}

/// One row of `pgstatindex`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexBloat {
    /// `pg_class.oid` of the index.
    pub indexrelid: u32,
    /// `index_size`, in bytes.
    pub index_size: i64,
    /// `internal_pages`.
    pub internal_pages: i64,
    /// `leaf_pages`.
    pub leaf_pages: i64,
    /// `empty_pages`.
    pub empty_pages: i64,
    /// `deleted_pages`.
    pub deleted_pages: i64,
    /// `avg_leaf_density`, in percent; `None` without a leaf.
    pub avg_leaf_density: Option<f64>,
}

/// Transactions of a standby, which hold back the primary where the standby gives feedback.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StandbyTransactions {
    /// Name of the standby.
    pub node: String,
    /// The `application_name` under which the primary sees it.
    pub application_name: Option<String>,
    /// The standby's clock.
    pub read_at: Option<Timestamp>,
    /// Sessions with a transaction or a snapshot.
    pub transactions: Vec<OpenTransaction>,
}
