//! Plans as the server gave them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Millis, QueryId};

/// How a plan was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanMode {
    /// Planned without parameter values (a forced generic plan): estimates only.
    Generic,
    /// Planned with real parameter values, not executed: estimates only.
    Custom,
    /// Executed by EXPLAIN ANALYZE with real parameter values in a read-only transaction.
    Analyzed,
}

/// The plan of one statement, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// The statement in `pg_stat_statements`.
    pub query_id: QueryId,
    /// How it was obtained.
    pub mode: PlanMode,
    /// The first element of EXPLAIN (FORMAT JSON): an object with `Plan`; conditions
    /// (`Filter`, `Index Cond` …) hold `$n`, or literals only where they stand in the text itself.
    pub plan: Option<Value>,
    /// Why there is no plan.
    pub error: Option<String>,
}

/// A statement that somebody asked about, and its plan or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedPlan {
    /// Where it was found, such as `orders.sql:12`; `None` for the only one of a command line.
    pub source: Option<String>,
    /// The server's id of it, where a plan or the user tells it.
    pub query_id: Option<QueryId>,
    /// Fingerprint of its parse tree.
    pub fingerprint: Option<String>,
    /// Its text as it may be shown.
    pub text: Option<String>,
    /// Types of its parameters as the server infers them.
    pub parameter_types: Vec<String>,
    /// Executions that a log has with a plan.
    pub logged: Option<LoggedExecutions>,
    /// How the plan was obtained.
    pub mode: PlanMode,
    /// The first element of EXPLAIN (FORMAT JSON).
    pub plan: Option<Value>,
    /// Why there is no plan.
    pub error: Option<String>,
    /// What was done and what was not.
    pub notes: Vec<String>,
}

/// Executions of one statement that a log has with a plan.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoggedExecutions {
    /// How many.
    pub count: u64,
    /// Σ of their durations.
    pub total: Millis,
    /// The longest.
    pub longest: Millis,
    /// When the longest ended.
    pub longest_at: Option<Timestamp>,
    /// Databases, as far as the log tells.
    pub databases: BTreeSet<String>,
    /// Distinct shapes of plans: node types, tables and indexes.
    pub shapes: u64,
}
