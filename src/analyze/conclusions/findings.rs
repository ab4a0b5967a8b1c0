//! Findings, what could not be decided, targets and the checklist.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How well a statement is known.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The change was made and the load was measured again.
    Proved,
    /// Measured in this run.
    Measured,
    /// The planner or a model says so.
    Estimated,
    /// A rule of thumb.
    RuleOfThumb,
}

/// How much it matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth a change.
    Warning,
    /// Act now.
    Critical,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// `statement`, `index`, `table`, `endpoint`, `pool`, `standby`, `setting`, `server` …
    pub kind: String,
    /// Its name; a statement's `queryid`.
    pub name: String,
}

/// What to do, never applied by dbperf.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Remediation {
    /// SQL, where SQL does it.
    pub sql: Option<String>,
    /// SQL that takes it back.
    pub undo_sql: Option<String>,
    /// Words, locks and risks.
    pub note: Option<String>,
}

/// Something found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Rule, as in `docs/rules/`.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// How well it is known.
    pub evidence: Evidence,
    /// One line with the number that matters.
    pub title: String,
    /// The evidence in numbers, and why.
    pub detail: String,
    /// What it is about.
    pub subject: Subject,
    /// Time given back per second of load, an upper bound where it is not proved.
    pub saves_ms_per_sec: Option<f64>,
    /// What to do.
    pub remediation: Remediation,
}

/// A rule that could not be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotEvaluated {
    /// Rule.
    pub rule: String,
    /// The fact that is missing, and how to get it.
    pub reason: String,
}

/// Outcome of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SlaStatus {
    /// Met.
    Pass,
    /// Missed.
    Fail,
    /// Not known.
    NotMeasured,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlaRow {
    /// Such as `response time p95`.
    pub name: String,
    /// The endpoint or stage that the row is about; absent where it is the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Such as `< 100 ms`.
    pub target: String,
    /// What was measured, with its unit; `null` if nothing was.
    pub actual: Option<String>,
    /// Outcome.
    pub status: SlaStatus,
    /// What was measured against what, or why it was not.
    pub note: Option<String>,
}

/// One row of the checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChecklistItem {
    /// Section of the guide.
    pub section: String,
    /// Item of the guide.
    pub item: String,
    /// Outcome.
    pub status: SlaStatus,
    /// What it rests on, or why it is not known.
    pub evidence: String,
}
