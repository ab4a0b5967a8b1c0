//! What was captured from logs.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A captured workload, and what was read to make it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaptureSummary {
    /// The logs, in the order of their time.
    pub sources: Vec<CaptureSource>,
    /// When the first event happened, by the clock of the captured server.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// From the first event to the last.
    pub span_ms: f64,
    /// Databases of the sessions, as far as the logs name them.
    pub databases: Vec<String>,
    /// Sessions.
    pub sessions: u64,
    /// Calls in the file, failed ones included.
    pub calls: u64,
    /// Calls in the file that failed on the captured server.
    pub failed: u64,
    /// Statements that differ in more than constants, comments and spelling.
    pub distinct_statements: u64,
    /// At least one statement may change something.
    pub writes: bool,
    /// The statements with the most time, at most 1000.
    pub statements: Vec<CaptureStatement>,
    /// Calls that cannot be replayed, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// What else was not taken as it stands, in words.
    pub notes: Vec<String>,
}

/// A log file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaptureSource {
    /// Its name.
    pub file: String,
    /// `stderr`, `csvlog` or `jsonlog`.
    pub format: String,
    /// Bytes that were read, unpacked.
    pub size_bytes: u64,
    /// Lines.
    pub lines: u64,
    /// Records that were understood.
    pub records: u64,
    /// Places where there was something else.
    pub damaged: u64,
    /// Line of the first of these.
    pub first_damaged_line: Option<u64>,
    /// Why the file ended early.
    pub cut_off: Option<String>,
}

/// A statement of a captured workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaptureStatement {
    /// Fingerprint of the parse tree; `None` where the text does not parse.
    pub fingerprint: Option<String>,
    /// Its text with `$n` for constants.
    pub query: String,
    /// Calls that did not fail.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Their time, as far as the log tells it.
    pub total_ms: f64,
    /// Why its calls are not in the file.
    pub left_out: Option<String>,
}
