//! What the planner said about indexes that the database does not have.

use serde::{Deserialize, Serialize};

use super::plan::PlanRecord;
use super::{Bytes, QueryId};

/// Where the planner saw the indexes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhatIfMethod {
    /// Hypothetical indexes of `HypoPG` of this version, in dbperf's own session.
    Hypopg(String),
    /// Built in a throwaway server, hidden and shown in turn, and dropped afterwards.
    Built,
}

/// Costs of the workload's statements with indexes that do not exist. Nothing was executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhatIf {
    /// Where the planner saw the indexes.
    pub method: WhatIfMethod,
    /// Plain plans of the statements with the most time, with the indexes that exist.
    pub statements: Vec<PlanRecord>,
    /// The planner's statistics of the columns of the tables in these plans, without any value.
    pub columns: Vec<ColumnStats>,
    /// The indexes that were tried.
    pub indexes: Vec<TriedIndex>,
    /// What the planner said.
    pub trials: Vec<Trial>,
    /// Most bytes that the recommended indexes may take together.
    pub max_bytes: Option<Bytes>,
    /// Why not everything was tried that should have been.
    pub cut_short: Option<String>,
}

/// An index that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedIndex {
    /// `CREATE INDEX ON …` without a name.
    pub definition: String,
    /// Its size: estimated by `HypoPG`, or of the index that was built.
    pub size_bytes: Option<Bytes>,
    /// Why the server refused it.
    pub refused: Option<String>,
}

/// The plan of one statement with some of the indexes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The statement.
    pub query_id: QueryId,
    /// Positions in [`WhatIf::indexes`] of those that were there, ascending.
    pub indexes: Vec<usize>,
    /// `Total Cost` of the plan, in the planner's unit.
    pub total_cost: f64,
    /// The part of it that is for reading pages (`seq_page_cost` and `random_page_cost`). `None` where it was
    /// not asked for; absent in older files.
    #[serde(default)]
    pub page_cost: Option<f64>,
    /// Those of them that the plan uses, ascending.
    pub used: Vec<usize>,
}

/// One row of `pg_stats` without its values, with the column's layout and collation and the table's
/// visibility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnStats {
    /// The table, or an index of which it is an expression.
    pub attrelid: u32,
    /// The column.
    pub attname: String,
    /// `attnum`. Absent in older files, as the next two.
    #[serde(default)]
    pub attnum: i16,
    /// `attlen`: bytes of every value, or negative where their lengths differ.
    #[serde(default)]
    pub attlen: Option<i16>,
    /// `attalign`: `c`, `s`, `i` or `d`.
    #[serde(default)]
    pub attalign: Option<String>,
    /// The collation compares bytes, as `C` does; `None` for a type without collation.
    pub bytewise: Option<bool>,
    /// `pg_class.relallvisible`.
    pub relallvisible: i32,
    /// `n_distinct`: negative is minus a share of the rows. `None` before ANALYZE or without SELECT.
    pub n_distinct: Option<f32>,
    /// `null_frac`.
    pub null_frac: Option<f32>,
    /// `avg_width` in bytes.
    pub avg_width: Option<i32>,
}
