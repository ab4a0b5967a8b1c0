//! What dbperf concludes: the one document that every report format renders.
//!
//! Field names are the JSON contract (`schema_version` 1): they end in their unit, `null` means
//! not measured, with the reason in `coverage` or `not_evaluated`.

mod breakdown;
mod database;
mod explained;
mod findings;
mod health;
mod load;
mod pages;
mod pgbouncer;
mod pool;
mod proof;
mod replication;
mod traces;

pub use breakdown::{
    Basis, Breakdown, Endpoint, EndpointStatement, PartKind, PartWait, SlowRequests, TimePart,
    TotalBreakdown,
};
pub use database::{
    ConsideredIndex, DatabaseTime, HelpedStatement, Index, IndexVerdict, Insight, InsightWeight,
    JudgedBy, MissingIndex, MissingIndexKind, Plan, Statement, StatementLeader, TableAdvice,
    TableScan, WaitShare, WriteBytesBasis, WritingStatement,
};
pub use explained::{AnyStatement, ExplainedStatement, LoggedPlans, PlanNode};
pub use findings::{
    ChecklistItem, Evidence, Finding, NotEvaluated, Remediation, Severity, SlaRow, SlaStatus,
    Subject,
};
pub use health::{
    AgedDatabase, AgedTable, BlockingSession, BlockingTree, Checkpoints, Health, HealthState,
    HealthSubject, HolderKind, Holds, HorizonHolder, LongTransaction, NotValidatedConstraint,
    SequenceUse, TempFiles,
};
pub use load::{Load, LoadDriver, LoadOperation, LoadPhases, LoadServerTiming, LoadStage};
pub use pages::{Page, PageNumber};
pub use pgbouncer::{PgBouncer, PgBouncerDatabase, PgBouncerPool, PgBouncerReplay};
pub use pool::{
    ComparedPool, Estimate, Expected, Fleet, ObservedPool, Pool, PoolChange, PoolComparison,
    PoolSetting, Pooler, Recommendation, ReplayPool, Scaling, ScalingPeak, Summary, SweepPoint,
    SweepWait,
};
pub use proof::{
    NotTried, Proof, ProofInterval, ProofOperation, ProofSide, ProofVerdict, Proofs, Tried,
    WriteCost,
};
pub use replication::{Lag, LagFigure, Replication, SlotState, StandbyState, StandbyVerdict};
pub use traces::{TracedCall, TracedPart, TracedPoolUse, TracedRoute, Traces};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::fidelity::Fidelity;
use crate::record::{CaptureSummary, SeedSummary};

/// Version of the JSON contract.
pub const SCHEMA_VERSION: u32 = 1;

/// The whole document. A section that a command does not fill is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conclusions {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was run and when.
    pub run: RunInfo,
    /// The server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerInfo>,
    /// What was looked at and what was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<CoverageRow>,
    /// What broke the continuity of the counters in the window, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbances: Vec<String>,
    /// The cost of measuring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overhead: Option<Overhead>,
    /// The server's time by wait class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_time: Option<DatabaseTime>,
    /// Where a request's time went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Breakdown>,
    /// Statements by their share of the window's execution time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<AnyStatement>>")]
    pub statements: Option<Vec<Statement>>,
    /// Who takes most of each resource other than time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statement_leaders: Vec<StatementLeader>,
    /// The statements of `explain`, which were not counted over a window; in the JSON they are `statements` too.
    #[serde(
        rename = "statements",
        skip_deserializing,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(skip)]
    pub explained: Option<Vec<ExplainedStatement>>,
    /// What the statements above add up to, and what that leaves out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statements_coverage: Option<StatementsCoverage>,
    /// Index verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indexes: Option<Vec<Index>>,
    /// Indexes that would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_indexes: Option<Vec<MissingIndex>>,
    /// What was tried of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proofs: Option<Proofs>,
    /// Every index that was thought of for the table that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_advice: Option<TableAdvice>,
    /// Connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Standbys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// What endangers the server in the long run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// A captured workload, and what was read to make it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture: Option<CaptureSummary>,
    /// Rows that were generated and loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<SeedSummary>,
    /// Generated rows beside the profile that they were generated from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<Fidelity>,
    /// Load as the driver or the load tool saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// What traces of the application tell, by file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<Traces>,
    /// Pages as a browser saw them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Page>,
    /// Findings, most time given back first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// Rules that could not be decided, and which fact was missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_evaluated: Option<Vec<NotEvaluated>>,
    /// Targets and what was measured against them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla: Option<Vec<SlaRow>>,
    /// The guide's checklist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Vec<ChecklistItem>>,
}

impl Conclusions {
    /// A document without any section.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            run: RunInfo {
                run_id: String::new(),
                started_at: String::new(),
                ended_at: String::new(),
                window_ms: 0.0,
                since: None,
                dbperf_version: String::new(),
                command: String::new(),
                interrupted: false,
                lab: false,
                load_command: None,
            },
            server: None,
            coverage: Vec::new(),
            disturbances: Vec::new(),
            overhead: None,
            database_time: None,
            breakdown: None,
            statements: None,
            statement_leaders: Vec::new(),
            explained: None,
            statements_coverage: None,
            indexes: None,
            missing_indexes: None,
            proofs: None,
            table_advice: None,
            pool: None,
            replication: None,
            health: None,
            capture: None,
            seed: None,
            fidelity: None,
            load: None,
            traces: Vec::new(),
            pages: Vec::new(),
            findings: None,
            not_evaluated: None,
            sla: None,
            checklist: None,
        }
    }
}

/// What was run and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunInfo {
    /// Unique name of the run.
    pub run_id: String,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub ended_at: String,
    /// Length of the window; zero where the counters were read once.
    pub window_ms: f64,
    /// The counters were read once and count since a reset; `null` where there was a window.
    #[serde(default)]
    pub since: Option<SinceInfo>,
    /// Version of dbperf.
    pub dbperf_version: String,
    /// The command line, secrets redacted.
    pub command: String,
    /// The window was cut short.
    pub interrupted: bool,
    /// The server was a throwaway cluster.
    pub lab: bool,
    /// The user's own load command; `null` without one.
    pub load_command: Option<LoadCommandInfo>,
}

/// Since when counters that were read once have counted. A moment that the server does not tell is `null`, and then no
/// rate is told either.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SinceInfo {
    /// When they were read, on the server's clock; RFC 3339.
    pub read_at: String,
    /// When `pg_stat_statements` was reset (extension 1.9+).
    pub statements_reset_at: Option<String>,
    /// Age of the counters of statements.
    pub statements_ms: Option<f64>,
    /// When the counters of tables and indexes were reset or began.
    pub database_reset_at: Option<String>,
    /// Age of the counters of tables and indexes.
    pub database_ms: Option<f64>,
}

/// The user's own load command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadCommandInfo {
    /// Program and arguments, secrets redacted.
    pub command: String,
    /// Exit code; `null` where a signal ended it.
    pub exit_code: Option<i32>,
    /// Cores that it used on average over the window.
    #[serde(default)]
    pub cpu_cores: Option<f64>,
    /// Cores that it can use at most: one for a tool that drives its load with one thread.
    #[serde(default)]
    pub cpu_cores_max: Option<f64>,
}

/// The server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerInfo {
    /// `server_version`.
    pub version: String,
    /// `server_version_num`.
    pub version_num: u32,
    /// `pg_control_system().system_identifier`.
    pub system_identifier: Option<String>,
    /// `current_database()`.
    pub database: String,
    /// `pg_database_size`.
    pub size_bytes: Option<u64>,
    /// The server is a standby.
    pub in_recovery: bool,
    /// The session was encrypted.
    pub tls: bool,
    /// Address without secrets.
    pub address: String,
    /// Which source of the target won.
    pub target_source: String,
    /// Role of the session.
    pub role: String,
    /// Processor cores, where known.
    pub cores: Option<u32>,
    /// Extensions by name.
    pub extensions: BTreeMap<String, String>,
    /// Settings that the conclusions rest on.
    pub settings: BTreeMap<String, String>,
}

/// One row of `coverage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageRow {
    /// View or step.
    pub collector: String,
    /// `ok`, `partial`, `failed` or `skipped`.
    pub status: String,
    /// Why it is not `ok`.
    pub reason: Option<String>,
    /// Time spent waiting for the server.
    pub duration_ms: Option<f64>,
}

/// The cost of measuring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overhead {
    /// Execution time of dbperf's own statements on the server.
    pub own_exec_ms: Option<f64>,
    /// The same over the window, as a share of one core's time.
    pub own_exec_ratio: Option<f64>,
    /// CPU time of the load driver over the time of its threads.
    pub driver_cpu_ratio: Option<f64>,
}

/// What the statement list rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatementsCoverage {
    /// Σ execution time of all entries in the window, dbperf's own excluded.
    pub total_exec_ms: f64,
    /// Σ calls.
    pub calls: i64,
    /// Entries with a call in the window.
    pub entries: u64,
    /// Part of the window in which the counters were continuous (0 to 1).
    pub covered_ratio: f64,
    /// Σ execution time over Δ`pg_stat_database.active_time` (14+), both for the same databases.
    pub exec_over_active_ratio: Option<f64>,
    /// Entries that were evicted in the window.
    pub evicted: u64,
    /// Entries hidden from the role.
    pub hidden_rows: u64,
}
