//! What was loaded by `seed`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A load of generated rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SeedSummary {
    /// In the order in which they were filled.
    pub tables: Vec<SeedTable>,
    /// Rows of all tables, as the server counted them.
    pub rows: u64,
    /// Size of the rows as they were sent, before indexes.
    pub copied_bytes: u64,
    /// Time that copying took, over all tables.
    pub copy_ms: f64,
    /// From the first lock to the end of COMMIT: copying, indexes, constraints, sequences.
    pub transaction_ms: f64,
    /// Rows per second of `copy_ms`; `null` where nothing was copied.
    pub rows_per_sec: Option<f64>,
    /// The factor of `--scale`.
    pub scale_ratio: f64,
    /// The number of `--seed`.
    pub seed: u64,
    /// Threads that made rows.
    pub jobs: u64,
    /// Columns and tables that are filled otherwise than asked for, with the reason.
    pub left: Vec<String>,
    /// What was done otherwise, or left out, with the reason.
    pub notes: Vec<String>,
}

/// A table that was filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeedTable {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Rows, as the server counted them.
    pub rows: u64,
    /// Size of the rows as they were sent.
    pub copied_bytes: u64,
    /// Time that copying took.
    pub copy_ms: f64,
    /// Rows per second of `copy_ms`; `null` where nothing was copied.
    pub rows_per_sec: Option<f64>,
    /// Its rows are frozen: COPY FREEZE.
    pub frozen: bool,
    /// Statistics were gathered.
    pub analyzed: bool,
}
