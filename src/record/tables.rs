//! Tables: `pg_stat_user_tables`, `pg_statio_user_tables`, and the catalogue's facts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::what_if::ColumnStats;
use super::{Bytes, Span};

/// One row of `pg_stat_user_tables`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_user_tables under their own names"
)]
pub struct StatUserTable {
    pub relid: u32,
    pub schemaname: String,
    pub relname: String,
    pub seq_scan: i64,
    pub seq_tup_read: i64,
    /// NULL for a table without any index.
    pub idx_scan: Option<i64>,
    pub idx_tup_fetch: Option<i64>,
    pub n_tup_ins: i64,
    pub n_tup_upd: i64,
    pub n_tup_del: i64,
    pub n_tup_hot_upd: i64,
    /// Updates whose new row went to another page (16+). Absent in older files.
    #[serde(default)]
    pub n_tup_newpage_upd: Option<i64>,
    pub n_live_tup: i64,
    pub n_dead_tup: i64,
    pub n_mod_since_analyze: i64,
    pub last_vacuum: Option<Timestamp>,
    pub last_autovacuum: Option<Timestamp>,
    pub last_analyze: Option<Timestamp>,
    pub last_autoanalyze: Option<Timestamp>,
}

/// One row of `pg_statio_user_tables`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_statio_user_tables under their own names"
)]
pub struct StatioUserTable {
    pub relid: u32,
    pub heap_blks_read: i64,
    pub heap_blks_hit: i64,
    pub idx_blks_read: Option<i64>,
    pub idx_blks_hit: Option<i64>,
    pub toast_blks_read: Option<i64>,
    pub toast_blks_hit: Option<i64>,
}

/// One table of `pg_class` outside the system schemas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableFacts {
    /// `pg_class.oid`.
    pub relid: u32,
    /// `pg_namespace.nspname`.
    pub schemaname: String,
    /// `relname`.
    pub relname: String,
    /// `relkind`: `r`, `p` or `m`.
    pub relkind: String,
    /// `reltuples`; -1 means never vacuumed or analysed (14+).
    pub reltuples: f32,
    /// `relpages`.
    pub relpages: i32,
    /// `reloptions`.
    pub reloptions: Vec<String>,
    /// Parent in `pg_inherits` for a partition.
    pub parent: Option<u32>,
    /// How a partitioned table is partitioned. Absent in older files.
    #[serde(default)]
    pub partition_key: Option<PartitionKey>,
    /// `pg_table_size`: heap, TOAST and maps, without indexes.
    pub size_bytes: Option<Bytes>,
    /// Columns that are not dropped, in the order of `attnum`.
    pub columns: Vec<ColumnFacts>,
}

impl TableFacts {
    /// The name of a column by its `attnum`.
    #[must_use]
    pub fn column_name(&self, attnum: i16) -> Option<&str> {
        self.columns
            .iter()
            .find(|c| c.attnum == attnum)
            .map(|c| c.attname.as_str())
    }
}

/// One column of `pg_attribute`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnFacts {
    /// `attnum`.
    pub attnum: i16,
    /// `attname`.
    pub attname: String,
    /// `format_type(atttypid, atttypmod)`.
    pub type_name: String,
    /// `attnotnull`.
    pub not_null: bool,
    /// `attstattarget`: -1 (before PostgreSQL 17) or absent for the default. Absent in older files.
    #[serde(default)]
    pub stattarget: Option<i32>,
}

/// One row of `pg_statistic_ext`: statistics over several columns or an expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_statistic_ext under their own names"
)]
pub struct ExtendedStatistics {
    /// The table.
    pub stxrelid: u32,
    /// Schema of the statistics object.
    pub schemaname: String,
    pub stxname: String,
    /// Attribute numbers; expressions are not among them.
    pub stxkeys: Vec<i16>,
    /// `d` distinct values, `f` dependencies, `m` most common values, `e` expressions.
    pub stxkind: Vec<String>,
}

/// The partition key of a partitioned table (`pg_partitioned_table`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionKey {
    /// `partstrat`: `r` range, `l` list, `h` hash.
    pub partstrat: String,
    /// `partattrs`: attribute numbers in order; 0 stands for an expression.
    pub partattrs: Vec<i16>,
    /// `pg_get_partkeydef`, such as `RANGE (created_at)`.
    pub definition: String,
}

/// Tables of the current database: counters at both ends of the window, facts once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TableWindow {
    /// `pg_stat_user_tables`.
    pub stat_user_tables: Option<Span<StatUserTable>>,
    /// `pg_statio_user_tables`.
    pub statio_user_tables: Option<Span<StatioUserTable>>,
    /// `pg_class`.
    pub facts: Option<Vec<TableFacts>>,
    /// `pg_statistic_ext`. Absent in older files.
    #[serde(default)]
    pub extended_statistics: Option<Vec<ExtendedStatistics>>,
    /// `pg_stats` without values, of large and of written tables, and of the expressions of their
    /// indexes. Absent in older files.
    #[serde(default)]
    pub column_stats: Option<Vec<ColumnStats>>,
}
