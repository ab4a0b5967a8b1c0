//! A finding in the making.

use crate::analyze::conclusions::{Evidence, Finding, Remediation, Severity, Subject};

use super::{Facts, Outcome};
use crate::analyze::figures;

/// A finding in the making; [`Draft::fire`] ends it.
pub(super) struct Draft(Finding);

impl Draft {
    /// A finding of `rule` about nothing yet, `measured`.
    pub(super) fn new(rule: &str, severity: Severity) -> Self {
        Self(Finding {
            rule: rule.to_owned(),
            severity,
            evidence: Evidence::Measured,
            title: String::new(),
            detail: String::new(),
            subject: Subject {
                kind: String::new(),
                name: String::new(),
            },
            saves_ms_per_sec: None,
            remediation: Remediation::default(),
        })
    }

    /// How well it is known, where not measured.
    pub(super) fn evidence(mut self, evidence: Evidence) -> Self {
        self.0.evidence = evidence;
        self
    }

    /// What it is about.
    pub(super) fn about(mut self, kind: &str, name: &str) -> Self {
        self.0.subject = Subject {
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
        self
    }

    /// One line with the number that matters, without control characters.
    pub(super) fn title(mut self, title: &str) -> Self {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        self.0.title = title.chars().map(clean).collect();
        self
    }

    /// The evidence in numbers, and why; the window is added at the end.
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Time given back per second of load, at most.
    pub(super) fn saves(mut self, ms_per_sec: impl Into<Option<f64>>) -> Self {
        self.0.saves_ms_per_sec = ms_per_sec.into();
        self
    }

    /// SQL that helps.
    pub(super) fn sql(mut self, sql: impl Into<Option<String>>) -> Self {
        self.0.remediation.sql = sql.into();
        self
    }

    /// SQL that takes it back.
    pub(super) fn undo(mut self, undo: impl Into<Option<String>>) -> Self {
        self.0.remediation.undo_sql = undo.into();
        self
    }

    /// Words, locks and risks.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.0.remediation.note = Some(note.into());
        self
    }

    /// The finding, with the window and the node it was seen on.
    pub(super) fn fire(mut self, facts: &Facts<'_>) -> Outcome {
        let node = match &facts.run.server {
            Some(server) if server.in_recovery => ", seen on a standby",
            Some(_) => ", seen on the primary",
            None => "",
        };
        let end = if self.0.detail.ends_with('.') {
            ""
        } else {
            "."
        };
        let period = period(facts, &self.0.subject.kind);
        self.0.detail = format!("{}{end} {period}{node}.", self.0.detail);
        Outcome::Fired(self.0)
    }
}

/// The time that the numbers of a finding cover.
fn period(facts: &Facts<'_>, kind: &str) -> String {
    let Some(since) = &facts.run.meta.since else {
        return format!("Window: {:.0} s", facts.window_sec());
    };
    let age = match kind {
        "statement" | "endpoint" => since.statements_age(),
        _ => since.database_age(),
    };
    match age {
        Some(age) => format!("Counted since a reset {} ago", figures::age(age.0)),
        None => "Counted since a reset, the time of which the server does not tell".to_owned(),
    }
}
