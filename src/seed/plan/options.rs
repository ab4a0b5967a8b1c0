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
    /// The same number makes the same rows.
    pub seed: u64,
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
    pub(super) fn of(table: &Name, subject: &str, reason: impl Into<String>) -> Self {
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
