//! Statements that somebody asked about, and the nodes of their plans.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plan, Statement};

/// What stands under `statements`: counted over a window by most commands, asked about by `explain`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum AnyStatement {
    /// Of `analyze` and its sections.
    Counted(Statement),
    /// Of `explain`.
    Explained(ExplainedStatement),
}

/// A statement of `explain`. Nothing was counted over a window, so its counters are absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedStatement {
    /// Where it was found, such as `orders.sql:12` or `queryid 42`; `null` for the only one of a command line.
    pub source: Option<String>,
    /// The server's id of it; `null` before PostgreSQL 14 and where the plan does not tell.
    pub query_id: Option<String>,
    /// Fingerprint of the parse tree; `null` where there is no text, or where it does not parse.
    pub fingerprint: Option<String>,
    /// Its text, constants as `$n` unless they were asked for; `null` where only the plan is known.
    pub query: Option<String>,
    /// Types of its parameters as the server infers them, in order; empty where there is none or no server was asked.
    pub parameter_types: Vec<String>,
    /// How often it stands in the log with a plan; `null` where it is not from a log.
    pub logged: Option<LoggedPlans>,
    /// The plan. Of several in a log, that of the slowest execution.
    pub plan: Plan,
    /// What was done and what was not, such as why it was not executed.
    pub notes: Vec<String>,
}

/// Executions of one statement whose plans stand in a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoggedPlans {
    /// Executions that were logged with a plan.
    pub count: u64,
    /// Σ of their durations.
    pub total_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// When the longest ended, RFC 3339.
    pub slowest_at: Option<String>,
    /// Databases in which it ran.
    pub databases: Vec<String>,
    /// Distinct shapes of its plans: the same nodes on the same tables and indexes are one.
    pub shapes: u64,
}

/// One node of a plan. Times and blocks are of the node alone, without its children.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanNode {
    /// Depth below the top node.
    pub depth: usize,
    /// Place of the parent in the list.
    pub parent: Option<usize>,
    /// Such as `Index Scan using tasks_pkey on tasks`.
    pub label: String,
    /// `Subplan Name`, such as `InitPlan 1` or `CTE recent`.
    pub subplan_name: Option<String>,
    /// Conditions and keys, such as `Filter: (status = $1)`.
    pub conditions: Vec<String>,
    /// What else EXPLAIN tells of the node, such as `Sort Method: external merge  Disk: 4.0 MiB`.
    pub details: Vec<String>,
    /// `Total Cost` of the node with its children, in the planner's unit.
    pub total_cost: f64,
    /// Share of the plan's cost that is the node's own (0 to 1).
    pub cost_ratio: f64,
    /// Rows that the planner expects, of all loops and processes together where it was executed, else of one loop.
    pub estimated_rows: f64,
    /// Rows that came, of all loops and processes together; `null` where it was not executed.
    pub actual_rows: Option<f64>,
    /// The larger of both over the smaller, each at least 1; `null` where it was not executed, where fewer rows came
    /// because a node above had enough, and for nodes whose number of rows is no estimate of their own.
    pub rows_off_factor: Option<f64>,
    /// Executions, processes of parallel workers included; `null` where it was not executed.
    pub loops: Option<f64>,
    /// The plan was executed and this node was not.
    pub never_executed: bool,
    /// Time in the node and below it.
    pub elapsed_ms: Option<f64>,
    /// Time in this node alone.
    pub own_ms: Option<f64>,
    /// The same as a share of the top node's time (0 to 1).
    pub own_ratio: Option<f64>,
    /// Blocks found in shared buffers.
    pub shared_hit_blocks: Option<f64>,
    /// Blocks read into shared buffers.
    pub shared_read_blocks: Option<f64>,
    /// Blocks of temporary files, read and written.
    pub temp_blocks: Option<f64>,
    /// Time reading blocks; `null` unless `track_io_timing` is on.
    pub io_read_ms: Option<f64>,
}
