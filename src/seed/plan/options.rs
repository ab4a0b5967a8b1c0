//! What is asked of a plan, and why there is none.

use std::fmt;

use crate::seed::schema::Name;

/// What is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanOptions {
    /// Factor on the rows of every table.
    pub scale: f64,
    /// Rows of given tables, whatever the factor: names with or without their schema.
    pub rows: Vec<(String, u64)>,
    /// Tables that are left as they are: names with or without their schema.
    pub excluded: Vec<String>,
    /// The same number makes the same rows.
    pub seed: u64,
}

impl PlanOptions {
    /// Rows of this table are asked for by its name.
    pub(in crate::seed) fn asks_for_rows(&self, table: &Name) -> bool {
        self.rows.iter().any(|(asked, _)| table.is_called(asked))
    }
}

/// Something that cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The table.
    pub table: Name,
    /// The column or constraint, where it is not the whole table.
    pub subject: Option<String>,
    /// Why, and what would help.
    pub reason: String,
}

impl Problem {
    pub(in crate::seed) fn of(table: &Name, subject: &str, reason: impl Into<String>) -> Self {
        Self {
            table: table.clone(),
            subject: Some(subject.to_owned()),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.table)?;
        if let Some(subject) = &self.subject {
            write!(f, ", {subject}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
