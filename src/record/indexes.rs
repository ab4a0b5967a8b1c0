//! Indexes: `pg_stat_user_indexes`, `pg_statio_user_indexes`, `pg_index`, `pg_constraint`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::server::ServerLife;
use super::{Bytes, QueryId, Span};

/// One row of `pg_stat_user_indexes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_user_indexes under their own names"
)]
pub struct StatUserIndex {
    pub relid: u32,
    pub indexrelid: u32,
    pub schemaname: String,
    pub relname: String,
    pub indexrelname: String,
    pub idx_scan: i64,
    pub idx_tup_read: i64,
    pub idx_tup_fetch: i64,
    /// 16+.
    pub last_idx_scan: Option<Timestamp>,
}

/// One row of `pg_statio_user_indexes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_statio_user_indexes under their own names"
)]
pub struct StatioUserIndex {
    pub indexrelid: u32,
    pub idx_blks_read: i64,
    pub idx_blks_hit: i64,
}

/// One index of `pg_index` outside the system schemas, arrays as arrays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of pg_index under their own names")]
pub struct IndexFacts {
    pub indexrelid: u32,
    pub indrelid: u32,
    pub schemaname: String,
    /// Name of the table.
    pub relname: String,
    /// Name of the index.
    pub indexrelname: String,
    /// `pg_class.relkind` of the index: `i`, or `I` for the parent of a partitioned index.
    pub relkind: String,
    /// `pg_am.amname`, such as `btree`.
    pub amname: String,
    pub indnkeyatts: i16,
    /// Attribute numbers; 0 stands for an expression. Key columns first, then INCLUDE columns.
    pub indkey: Vec<i16>,
    pub indclass: Vec<u32>,
    pub indcollation: Vec<u32>,
    pub indoption: Vec<i16>,
    pub indisunique: bool,
    pub indisprimary: bool,
    pub indisexclusion: bool,
    pub indimmediate: bool,
    pub indisreplident: bool,
    pub indisclustered: bool,
    pub indisvalid: bool,
    pub indisready: bool,
    /// 15+.
    pub indnullsnotdistinct: Option<bool>,
    /// `pg_get_expr(indexprs)`.
    pub expressions: Option<String>,
    /// `pg_get_expr(indpred)`.
    pub predicate: Option<String>,
    /// `pg_class.reloptions` of the index.
    pub reloptions: Vec<String>,
    /// Name of the constraint that owns the index (`pg_constraint.conindid`, type p, u or x).
    pub constraint_name: Option<String>,
    /// Parent in `pg_inherits` for the index of a partition.
    pub parent: Option<u32>,
    /// `pg_get_indexdef`.
    pub definition: String,
    /// `pg_relation_size`.
    pub size_bytes: Option<Bytes>,
    /// A build of it is running (`pg_stat_progress_create_index`), or it is invalid and a build of any
    /// index of its table is.
    pub building: bool,
    /// A build of another role is running in this database, and of which index is hidden.
    #[serde(default)]
    pub builds_hidden: bool,
    /// `pg_class.reltuples` of the index; -1 means unknown (14+), 0 in older files.
    #[serde(default)]
    pub reltuples: f32,
    /// `pg_class.relpages` of the index.
    #[serde(default)]
    pub relpages: i32,
    /// Its tablespace, where that is not the database's own.
    #[serde(default)]
    pub tablespace: Option<String>,
    /// Columns of the index with a statistics target of their own: their number and the target.
    #[serde(default)]
    pub stat_targets: Vec<(i16, i32)>,
    /// It has a comment.
    #[serde(default)]
    pub has_comment: bool,
    /// It, or its table, belongs to an extension (`pg_depend`, type e).
    #[serde(default)]
    pub extension_owned: bool,
}

/// One foreign key of `pg_constraint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_constraint under their own names"
)]
pub struct ForeignKey {
    pub conname: String,
    /// The referencing (child) table.
    pub conrelid: u32,
    /// The referenced (parent) table.
    pub confrelid: u32,
    /// Referencing columns, by attribute number.
    pub conkey: Vec<i16>,
    /// Referenced columns, by attribute number.
    pub confkey: Vec<i16>,
    /// The unique index of the referenced table that it depends on; 0 in older files.
    #[serde(default)]
    pub conindid: u32,
    /// The key of the partitioned table that this one of a partition comes from, on either side; 0
    /// where there is none, and in older files.
    #[serde(default)]
    pub conparentid: u32,
}

/// Scans of one index on another node, a standby.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeIndexScans {
    /// Name of the node, as in [`super::replication::Standby::name`].
    pub node: String,
    /// `pg_stat_user_indexes` there, read once.
    pub rows: Vec<StatUserIndex>,
    /// Since when it has counted, and which server it is; `None` in older files.
    #[serde(default)]
    pub life: Option<ServerLife>,
    /// The name by which its sender knows it (`pg_stat_replication.application_name`).
    #[serde(default)]
    pub application_name: Option<String>,
}

/// Scans that a saved run found on one node of the same cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedScans {
    /// The run's unique name.
    pub run_id: String,
    /// Name of the node; `None` for the primary, whichever server was it then.
    pub standby: Option<String>,
    /// The name by which a standby's sender knows it.
    pub application_name: Option<String>,
    /// Since when the node had counted; `None` where that is not known.
    pub since: Option<Timestamp>,
    /// When the counters were read.
    pub until: Timestamp,
    /// What ran in the run's window; `None` if nothing is known to have run.
    pub workload: Option<String>,
    /// Its indexes.
    pub rows: Vec<SavedIndex>,
}

/// One index in a saved run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedIndex {
    /// Schema of the table.
    pub schemaname: String,
    /// Name of the index.
    pub indexrelname: String,
    /// `pg_get_indexdef`: an index of the same name may have been another one then.
    pub definition: String,
    /// Scans since the counters began.
    pub idx_scan: i64,
}

/// What the planner does without indexes that may be dropped (`HypoPG` 1.4 hides them).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HiddenIndexes {
    /// The indexes that were hidden, by the oid that a verdict is about.
    pub indexes: Vec<u32>,
    /// Statements that were planned with and without them.
    pub statements: u64,
    /// Statements that have no plan.
    pub without_plan: u64,
    /// Statements for which there was no time.
    pub not_asked: u64,
    /// Plans that were not the same.
    pub changes: Vec<HiddenChange>,
}

/// A statement whose plan is another one without an index, or without several together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HiddenChange {
    /// The statement.
    pub query_id: QueryId,
    /// The indexes that were hidden.
    pub indexrelids: Vec<u32>,
    /// Total cost with all indexes.
    pub cost_before: Option<f64>,
    /// Total cost without them; `None` where there was no plan.
    pub cost_after: Option<f64>,
    /// The plan has the same nodes and conditions, on another index.
    pub same_shape: bool,
}

/// Indexes of the current database: counters at both ends of the window, facts once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct IndexWindow {
    /// `pg_stat_user_indexes`.
    pub stat_user_indexes: Option<Span<StatUserIndex>>,
    /// `pg_statio_user_indexes`.
    pub statio_user_indexes: Option<Span<StatioUserIndex>>,
    /// `pg_index`.
    pub facts: Option<Vec<IndexFacts>>,
    /// `pg_constraint`, type f.
    pub foreign_keys: Option<Vec<ForeignKey>>,
    /// The same counters on standbys (they keep their own).
    pub standbys: Vec<NodeIndexScans>,
    /// Number of standbys that stream from this primary but were not asked (no `--replica`):
    /// whether an index is used there is not known.
    pub standbys_not_asked: Option<u32>,
    /// `application_name` of those that were not asked, empty where it is hidden.
    #[serde(default)]
    pub standbys_not_asked_names: Vec<String>,
    /// Standbys that were named but whose counters could not be read, each with the reason.
    #[serde(default)]
    pub standbys_unread: Vec<String>,
    /// Physical replication slots that nobody used when they were read: the scans of their standbys
    /// are not known. Absent in older files.
    #[serde(default)]
    pub slots_away: Vec<String>,
    /// What saved runs found (`--usage`).
    #[serde(default)]
    pub saved: Vec<SavedScans>,
    /// Plans without the indexes that may be dropped; `None` where `HypoPG` was not asked.
    #[serde(default)]
    pub hidden: Option<HiddenIndexes>,
}
