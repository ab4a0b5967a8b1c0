//! An insight in the making.

use crate::analyze::conclusions::{Evidence, Insight, InsightWeight, Remediation, Severity};
use crate::analyze::plans::account::Visit;

use super::look::{Look, Share};

/// An insight in the making; the list adds the name of its rule.
pub(super) struct Remark(Insight);

impl Remark {
    /// On a node, which it weighs by its own time; `measured`.
    pub(super) fn new(look: &Look<'_>, visit: &Visit<'_>, severity: Severity) -> Self {
        Self(Insight {
            rule: String::new(),
            severity,
            node: visit.node.label(),
            position: Some(visit.position),
            title: String::new(),
            detail: String::new(),
            evidence: Evidence::Measured,
            weight: None,
            remediation: Remediation::default(),
        })
        .weighs(look.own(visit))
    }

    /// On the plan as a whole; without weight until [`Self::weighs`].
    pub(super) fn of_plan(look: &Look<'_>, severity: Severity) -> Self {
        let mut remark = Self::new(look, &look.account.visits[0], severity);
        remark.0.position = None;
        remark.0.weight = None;
        remark
    }

    /// How well it is known, where not measured.
    pub(super) fn evidence(mut self, evidence: Evidence) -> Self {
        self.0.evidence = evidence;
        self
    }

    /// The time that it stands for, where that is not the node's own.
    pub(super) fn weighs(mut self, share: Share) -> Self {
        self.0.weight = Some(InsightWeight {
            plan_ratio: share.ratio,
            share_ratio: None,
            ms_per_sec: None,
            evidence: share.evidence,
        });
        self
    }

    /// A few words with the number that matters, without control characters.
    pub(super) fn title(mut self, title: &str) -> Self {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        self.0.title = title.chars().map(clean).collect();
        self
    }

    /// The numbers behind it, its cause and what would help.
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
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

    /// The insight of a rule.
    pub(super) fn insight(mut self, rule: &str) -> Insight {
        rule.clone_into(&mut self.0.rule);
        self.0
    }
}
