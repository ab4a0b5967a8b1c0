//! Plans as the server gave them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::QueryId;

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
