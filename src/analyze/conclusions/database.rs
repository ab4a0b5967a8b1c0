//! The server's time, its statements, plans and indexes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::explained::PlanNode;
use super::{Evidence, NotEvaluated, Proof, Remediation, Severity};

/// The server's time by wait class, from samples of `pg_stat_activity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseTime {
    /// Number of samples.
    pub samples: u64,
    /// Mean number of active sessions, parallel workers included.
    pub average_active_sessions: f64,
    /// Mean number of client sessions that are active or idle in transaction.
    pub busy_connections: f64,
    /// Shares, largest first.
    pub by_wait_class: Vec<WaitShare>,
}

/// The share of one wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitShare {
    /// `wait_event_type`, or `CPU*`: not waiting as far as is instrumented.
    pub wait_class: String,
    /// `wait_event`; `null` for `CPU*`.
    pub wait_event: Option<String>,
    /// Share of active session time (0 to 1).
    pub share_ratio: f64,
    /// Half width of the 95 % interval of the share (Wilson, correlated samples discounted).
    pub share_error_ratio: f64,
    /// Backend seconds in the window: share × average active sessions × length.
    pub backend_sec: f64,
}

/// One statement over the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    /// `queryid` as a string; of several, that of the entry with the most execution time.
    pub query_id: String,
    /// All ids that PostgreSQL gave this statement, the one above first: entries of one user, database and level whose
    /// texts have the same parse tree but for constants and the lengths of lists. The numbers are those of all.
    #[serde(default)]
    pub query_ids: Vec<String>,
    /// Fingerprint of the parse tree.
    pub fingerprint: Option<String>,
    /// Normalised text.
    pub query: String,
    /// Role.
    pub user: Option<String>,
    /// Database.
    pub database: Option<String>,
    /// `toplevel`: `false` for a statement inside a function.
    pub toplevel: Option<bool>,
    /// Executions that ended without an error.
    pub calls: i64,
    /// Rows.
    pub rows: i64,
    /// Σ execution time.
    pub total_exec_ms: f64,
    /// Mean execution time.
    pub mean_exec_ms: Option<f64>,
    /// Standard deviation of the window's executions.
    pub stddev_exec_ms: Option<f64>,
    /// Σ planning time; `null` unless `track_planning` is on.
    pub total_plan_ms: Option<f64>,
    /// Blocks found in shared buffers.
    pub shared_blks_hit: i64,
    /// Blocks read from outside shared buffers.
    pub shared_blks_read: i64,
    /// Time reading blocks; `null` unless `track_io_timing` is on.
    pub blk_read_ms: Option<f64>,
    /// Blocks that it changed first since they were last written.
    #[serde(default)]
    pub shared_blks_dirtied: i64,
    /// Temporary blocks written.
    pub temp_blks_written: i64,
    /// Time reading and writing temporary blocks; `null` unless `track_io_timing` is on (extension 1.10+).
    #[serde(default)]
    pub temp_blk_ms: Option<f64>,
    /// WAL bytes.
    pub wal_bytes: i64,
    /// Full page images in the WAL.
    #[serde(default)]
    pub wal_fpi: i64,
    /// Time of just-in-time compilation (extension 1.10+).
    #[serde(default)]
    pub jit_ms: Option<f64>,
    /// Parallel workers that its plans asked for (extension 1.12+).
    #[serde(default)]
    pub parallel_workers_to_launch: Option<i64>,
    /// Parallel workers that it got (extension 1.12+).
    #[serde(default)]
    pub parallel_workers_launched: Option<i64>,
    /// Share of the window's execution time (0 to 1).
    pub share_ratio: Option<f64>,
    /// The entry was reset or evicted in the window: a part of it is missing.
    pub statistics_reset: bool,
    /// The plan, where one was fetched.
    pub plan: Option<Plan>,
}

impl Statement {
    /// Whether an entry is part of this statement.
    #[must_use]
    pub fn has_id(&self, query_id: &str) -> bool {
        self.query_id == query_id || self.query_ids.iter().any(|id| id == query_id)
    }

    /// Rows per execution; `None` without one.
    #[must_use]
    pub fn rows_per_call(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.rows as f64 / self.calls as f64)
    }
}

/// The statement that takes most of a resource other than time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatementLeader {
    /// The key of `statements[]` that holds the amount. For `stddev_exec_ms` the share is that of the squared
    /// deviations, calls times variance, which add up over statements.
    pub resource: String,
    /// The statement, as in `statements[]`.
    pub query_id: String,
    /// Its role.
    pub user: Option<String>,
    /// Its database.
    pub database: Option<String>,
    /// Its share of all (0 to 1).
    pub share_ratio: f64,
}

/// A plan in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// How it was obtained: `generic` (without values), `custom` (with values, not executed) or `analyzed` (executed).
    pub text_ref: String,
    /// One line per node, indented by depth; `null` where the plan could not be had.
    pub text: Option<String>,
    /// Why there is no plan.
    pub error: Option<String>,
    /// Total cost in the planner's unit.
    pub total_cost: Option<f64>,
    /// `Planning Time`; `null` where the plan does not tell.
    #[serde(default)]
    pub planning_ms: Option<f64>,
    /// `Execution Time`; `null` where it was not executed.
    #[serde(default)]
    pub execution_ms: Option<f64>,
    /// Time in triggers, foreign key checks among them, which is in no node; `null` where none fired.
    #[serde(default)]
    pub trigger_ms: Option<f64>,
    /// Time of making the rows ready for the wire, which is in no node; `null` before PostgreSQL 17 and where it was
    /// not executed.
    #[serde(default)]
    pub serialization_ms: Option<f64>,
    /// Write-ahead log that the execution wrote; `null` where the plan does not tell.
    #[serde(default)]
    pub wal_bytes: Option<u64>,
    /// Settings of the planner that are not the server's built-in ones, as they were for this plan; empty where there
    /// is none, and where the plan does not tell.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Every node in the order EXPLAIN prints, the top node first; empty where the plan could not be had.
    #[serde(default)]
    pub nodes: Vec<PlanNode>,
    /// What is remarkable about it, weightiest first.
    pub insights: Vec<Insight>,
    /// Insights that could not be decided on this plan, each with the fact that is missing.
    #[serde(default)]
    pub not_evaluated: Vec<NotEvaluated>,
}

/// Something remarkable in a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Insight {
    /// Rule, such as `filter-discards-rows`; its page is in `docs/rules/`.
    pub rule: String,
    /// How much it matters inside the plan.
    pub severity: Severity,
    /// The node, such as `Seq Scan on tasks`.
    pub node: String,
    /// Place of the node in the plan's `nodes`, from 0; `null` where it is about the whole plan.
    #[serde(default)]
    pub position: Option<usize>,
    /// What it is in a few words, with the number that matters.
    #[serde(default)]
    pub title: String,
    /// The numbers behind it, its cause, and what would help.
    pub detail: String,
    /// How well it is known.
    pub evidence: Evidence,
    /// The time that it stands for; `null` where that is not known.
    #[serde(default)]
    pub weight: Option<InsightWeight>,
    /// What to do about it.
    #[serde(default)]
    pub remediation: Remediation,
}

/// The time that an insight stands for: that of its node, or of the part of the plan it concerns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InsightWeight {
    /// Share of the plan's time (0 to 1); of its estimated cost where nothing was timed.
    pub plan_ratio: f64,
    /// Share of the window's database time (0 to 1): the statement's share × `plan_ratio`. `null`
    /// outside of a window.
    pub share_ratio: Option<f64>,
    /// Time per second of the window. `null` outside of a window.
    pub ms_per_sec: Option<f64>,
    /// `measured` where the node was timed in an execution that was like those of the window,
    /// `estimated` where the planner's costs had to do.
    pub evidence: Evidence,
}

/// What to do with an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IndexVerdict {
    /// Leave it.
    Keep,
    /// Nobody uses it.
    DropUnused,
    /// Another one is the same.
    DropDuplicate,
    /// Another one serves everything it serves.
    DropRedundant,
    /// It is invalid.
    InvalidRebuild,
}

/// Where the size of an entry is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WriteBytesBasis {
    /// The average widths of its columns (`pg_stats`), their alignment and NULLs.
    ColumnWidths,
    /// The size of the index over its entries, with the free space in it.
    IndexSize,
}

impl WriteBytesBasis {
    /// The one of two that says less.
    #[must_use]
    pub fn weaker(self, other: Self) -> Self {
        if self == Self::ColumnWidths {
            other
        } else {
            self
        }
    }
}

/// One index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Index {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Index.
    pub index: String,
    /// Size.
    pub size_bytes: Option<u64>,
    /// Scans in the window; `null` where the counters were disturbed.
    pub scans: Option<i64>,
    /// Scans since the statistics were reset.
    pub scans_total: Option<i64>,
    /// Entries that writes added to it per second of the window; of a partial index at most. `null` where the
    /// writes of its table were not read.
    #[serde(default)]
    pub entries_per_sec: Option<f64>,
    /// Bytes of these entries, estimated: an entry is counted with its header and line pointer, without what the
    /// write-ahead log and page splits add. `null` where the size of an entry is not known.
    #[serde(default)]
    pub write_bytes_per_sec: Option<f64>,
    /// Where the size of an entry is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_bytes_basis: Option<WriteBytesBasis>,
    /// These bytes over all write-ahead log of the window (14+), which also holds what tables write and whole
    /// pages after checkpoints: at least this part is the index's. Absent where the log was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal_ratio: Option<f64>,
    /// What to do.
    pub verdict: IndexVerdict,
    /// Why.
    pub reason: String,
    /// How well it is known.
    pub evidence: Evidence,
    /// SQL that carries it out; nothing is ever applied by dbperf.
    pub remediation_sql: Option<String>,
    /// SQL that takes it back.
    pub undo_sql: Option<String>,
    /// What came of trying it.
    // On the heap, because few of very many indexes are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Box<Proof>>,
}

/// Where the wish for an index comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissingIndexKind {
    /// A foreign key without one.
    ForeignKey,
    /// Conditions of a plan.
    Candidate,
}

/// An index that would help.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MissingIndex {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Key columns in order.
    pub columns: Vec<String>,
    /// Where the wish comes from.
    pub kind: MissingIndexKind,
    /// SQL that creates it.
    pub create_sql: String,
    /// Estimated size.
    pub size_bytes: Option<u64>,
    /// Plan cost without it.
    pub cost_before: Option<f64>,
    /// Plan cost with it, where the planner was asked.
    pub cost_after: Option<f64>,
    /// Time given back per second of load.
    pub saves_ms_per_sec: Option<f64>,
    /// How well it is known.
    pub evidence: Evidence,
    /// Why.
    pub reason: String,
    /// What came of trying it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Columns that are carried along so that the table need not be read.
    #[serde(default)]
    pub include: Vec<String>,
    /// Condition of a partial index.
    #[serde(default)]
    pub predicate: Option<String>,
    /// Access method, such as `btree`; `null` where no planner was asked.
    #[serde(default)]
    pub method: Option<String>,
    /// Who judged it; `null` where no planner was asked.
    #[serde(default)]
    pub judged_by: Option<JudgedBy>,
    /// Statements that get cheaper, most time first. What they save by this index adds up to
    /// `saves_ms_per_sec`.
    #[serde(default)]
    pub helps: Vec<HelpedStatement>,
    /// Statements that would have to write to it.
    #[serde(default)]
    pub costs: Vec<WritingStatement>,
    /// What they take for that per second of load, by a usual time of one entry; `null` where it was not asked.
    #[serde(default)]
    pub costs_ms_per_sec: Option<f64>,
    /// An index that exists and begins it: with the new one it can go.
    #[serde(default)]
    pub extends: Option<String>,
}

impl MissingIndex {
    /// Nothing about nothing, for what a kind of wish does not know.
    pub(crate) fn none() -> Self {
        Self {
            schema: String::new(),
            table: String::new(),
            columns: Vec::new(),
            kind: MissingIndexKind::Candidate,
            create_sql: String::new(),
            size_bytes: None,
            cost_before: None,
            cost_after: None,
            saves_ms_per_sec: None,
            evidence: Evidence::Estimated,
            reason: String::new(),
            include: Vec::new(),
            predicate: None,
            method: None,
            judged_by: None,
            helps: Vec::new(),
            costs: Vec::new(),
            costs_ms_per_sec: None,
            extends: None,
            proof: None,
        }
    }
}

/// Which planner judged an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JudgedBy {
    /// The database's own, with hypothetical indexes of `HypoPG`.
    Hypopg,
    /// That of a throwaway server in which the index was built and dropped again.
    Built,
}

/// A statement that an index makes cheaper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HelpedStatement {
    /// `queryid` as a string.
    pub query_id: String,
    /// Its text in short.
    pub query: String,
    /// Plan cost without any of the recommended indexes.
    pub cost_before: f64,
    /// Plan cost with all of them.
    pub cost_after: f64,
    /// Time given back by this index, per second of load: the statement's own time times the share
    /// of its cost that this index saves beside those that save more. `null` where the time that the
    /// counters cover is not known.
    pub saves_ms_per_sec: Option<f64>,
}

/// A statement that has to write to an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WritingStatement {
    /// `queryid` as a string.
    pub query_id: String,
    /// Its text in short.
    pub query: String,
    /// Index entries per second that it would make; `null` where the time that the counters cover is
    /// not known.
    pub entries_per_sec: Option<f64>,
    /// Time that these take per second of load.
    pub costs_ms_per_sec: Option<f64>,
}

/// What was thought of for one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableAdvice {
    /// Schema; empty where the table is not known.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Why nothing can be said; `null` where something can.
    pub note: Option<String>,
    /// Live rows, as the counters or the planner have them.
    pub rows: f64,
    /// Statements that read all of it, with the reason.
    pub scans: Vec<TableScan>,
    /// Indexes, the recommended ones first, then by what each gives back alone.
    pub considered: Vec<ConsideredIndex>,
}

/// A statement whose plan reads all of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableScan {
    /// `queryid` as a string.
    pub query_id: String,
    /// Its text in short.
    pub query: String,
    /// Rows that it keeps, by the planner's estimate.
    pub rows_kept: f64,
    /// Why the planner reads all of it.
    pub reason: String,
}

/// An index that was thought of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsideredIndex {
    /// `CREATE INDEX ON …` without a name.
    pub definition: String,
    /// Its size, where it was tried.
    pub size_bytes: Option<u64>,
    /// It is recommended.
    pub recommended: bool,
    /// Time given back per second of load if it were the only one.
    pub saves_alone_ms_per_sec: Option<f64>,
    /// Why it is or is not recommended.
    pub reason: String,
}
