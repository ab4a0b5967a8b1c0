//! Cluster and database counters: `pg_stat_database`, `pg_stat_io`, `pg_stat_wal`, background
//! writer and checkpointer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Millis, Span};

/// One row of `pg_stat_database`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_database under their own names"
)]
pub struct StatDatabase {
    pub datid: u32,
    pub datname: Option<String>,
    pub numbackends: i32,
    pub xact_commit: i64,
    pub xact_rollback: i64,
    pub blks_read: i64,
    pub blks_hit: i64,
    pub tup_returned: i64,
    pub tup_fetched: i64,
    pub tup_inserted: i64,
    pub tup_updated: i64,
    pub tup_deleted: i64,
    pub conflicts: i64,
    pub temp_files: i64,
    pub temp_bytes: i64,
    pub deadlocks: i64,
    pub blk_read_time: Millis,
    pub blk_write_time: Millis,
    /// 14+.
    pub session_time: Option<Millis>,
    /// 14+; added when a statement ends, not while it runs.
    pub active_time: Option<Millis>,
    /// 14+; added when a transaction ends.
    pub idle_in_transaction_time: Option<Millis>,
    /// 14+.
    pub sessions: Option<i64>,
    /// 14+.
    pub sessions_abandoned: Option<i64>,
    /// 14+.
    pub sessions_fatal: Option<i64>,
    /// 14+.
    pub sessions_killed: Option<i64>,
    pub stats_reset: Option<Timestamp>,
}

/// The one row of `pg_stat_checkpointer` (17+) or the same columns of `pg_stat_bgwriter` before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_checkpointer under their own names"
)]
pub struct StatCheckpointer {
    /// 18: `num_done`-based views still count skipped ones here.
    pub num_timed: i64,
    pub num_requested: i64,
    pub write_time: Millis,
    pub sync_time: Millis,
    pub buffers_written: i64,
    pub stats_reset: Option<Timestamp>,
}

/// The one row of `pg_stat_bgwriter`, the columns that every version has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_bgwriter under their own names"
)]
pub struct StatBgwriter {
    pub buffers_clean: i64,
    pub maxwritten_clean: i64,
    pub buffers_alloc: i64,
    pub stats_reset: Option<Timestamp>,
}

/// The one row of `pg_stat_wal` (14+), the columns that every version has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_wal under their own names"
)]
pub struct StatWal {
    pub wal_records: i64,
    pub wal_fpi: i64,
    pub wal_bytes: i64,
    pub wal_buffers_full: i64,
    pub stats_reset: Option<Timestamp>,
}

/// One row of `pg_stat_io` (16+). NULL means impossible for this row, not zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_io under their own names"
)]
pub struct StatIo {
    pub backend_type: String,
    pub object: String,
    pub context: String,
    pub reads: Option<i64>,
    pub read_time: Option<Millis>,
    pub writes: Option<i64>,
    pub write_time: Option<Millis>,
    pub extends: Option<i64>,
    pub extend_time: Option<Millis>,
    pub hits: Option<i64>,
    pub evictions: Option<i64>,
    pub fsyncs: Option<i64>,
    pub fsync_time: Option<Millis>,
    pub stats_reset: Option<Timestamp>,
}

/// Database and cluster counters at both ends of the window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DatabaseWindow {
    /// All rows of `pg_stat_database`.
    pub stat_database: Option<Span<StatDatabase>>,
    /// `pg_stat_checkpointer`, or `pg_stat_bgwriter` before 17.
    pub stat_checkpointer: Option<Span<StatCheckpointer>>,
    /// `pg_stat_bgwriter`.
    pub stat_bgwriter: Option<Span<StatBgwriter>>,
    /// `pg_stat_wal`, 14+.
    pub stat_wal: Option<Span<StatWal>>,
    /// `pg_stat_io`, 16+.
    pub stat_io: Option<Span<StatIo>>,
}
