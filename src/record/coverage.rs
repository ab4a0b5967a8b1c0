//! What was looked at, what was not, and why.

use serde::{Deserialize, Serialize};

use super::Millis;

/// How a collector ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything was read.
    Ok,
    /// A part was read; the reason says which part is missing.
    Partial,
    /// It was tried and failed; the reason says how.
    Failed,
    /// It was not tried; the reason says why.
    Skipped,
}

/// One collector's account of itself. A failed collector is data, never a silent zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The view or the step, such as `pg_stat_statements`.
    pub collector: String,
    /// How it ended.
    pub status: Status,
    /// Why it is not `ok`, with the cure where there is one.
    pub reason: Option<String>,
    /// Time spent waiting for the server, over all samples.
    pub duration: Option<Millis>,
}

impl Coverage {
    /// A collector that read everything.
    #[must_use]
    pub fn ok(collector: &str, duration: Millis) -> Self {
        Self {
            collector: collector.to_owned(),
            status: Status::Ok,
            reason: None,
            duration: Some(duration),
        }
    }

    /// A collector that did not read everything, with the reason.
    #[must_use]
    pub fn not_ok(collector: &str, status: Status, reason: impl Into<String>) -> Self {
        Self {
            collector: collector.to_owned(),
            status,
            reason: Some(reason.into()),
            duration: None,
        }
    }
}
