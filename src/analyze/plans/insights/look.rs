//! A plan with all that its rules may look at.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::plans::account::{Account, Visit};
use crate::analyze::plans::tree::{Node, PlanTree};
use crate::record::Run;
use crate::record::tables::TableFacts;

/// A plan with all that its rules may look at.
pub(in crate::analyze::plans) struct Look<'a> {
    pub(in crate::analyze::plans) tree: &'a PlanTree,
    pub(in crate::analyze::plans) account: &'a Account<'a>,
    /// It was executed.
    pub(in crate::analyze::plans) analyzed: bool,
    pub(in crate::analyze::plans) run: &'a Run,
}

/// A share of the plan, and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    /// 0 to 1.
    pub(super) ratio: f64,
    /// Measured times, or the planner's costs.
    pub(super) evidence: Evidence,
}

/// Why a rule on executed rows says nothing of an estimate.
const NOT_EXECUTED: &str = "the plan was not executed, so it has estimates only (EXPLAIN ANALYZE: \
                            --explain-analyze with a workload that runs the statement, or --plans \
                            with a log of auto_explain)";

impl<'a> Look<'a> {
    /// The catalogue's facts of the table that a node reads.
    pub(super) fn table(&self, node: &Node) -> Option<&'a TableFacts> {
        find_table(self.run, node)
    }

    pub(super) fn visits(&self) -> impl Iterator<Item = &'a Visit<'a>> {
        self.account.visits.iter()
    }

    /// The nodes that were executed.
    pub(super) fn executed(&self) -> Result<impl Iterator<Item = &'a Visit<'a>>, String> {
        self.must_be_executed()?;
        Ok(self.visits().filter(|v| v.node.actual.is_some()))
    }

    /// The plan was executed, or why a rule that needs that is not decided.
    pub(super) fn must_be_executed(&self) -> Result<(), String> {
        if self.analyzed {
            Ok(())
        } else {
            Err(NOT_EXECUTED.to_owned())
        }
    }

    /// Estimates are compared with the size of the table, which only the catalogue has.
    pub(super) fn executed_or_tables(&self) -> Result<(), String> {
        if self.analyzed || self.run.tables.facts.is_some() {
            Ok(())
        } else {
            Err("the plan was not executed, and the tables were not read (pg_class)".to_owned())
        }
    }

    /// Executed nodes of an executed plan, all nodes of another.
    pub(super) fn relevant(&self) -> impl Iterator<Item = &'a Visit<'a>> {
        let analyzed = self.analyzed;
        self.visits()
            .filter(move |v| !analyzed || v.node.actual.is_some())
    }

    /// The visit of a node of this plan.
    pub(super) fn visit_of(&self, node: &Node) -> Option<&'a Visit<'a>> {
        self.visits().find(|v| std::ptr::eq(v.node, node))
    }

    /// The visit above.
    pub(super) fn above(&self, visit: &Visit<'_>) -> Option<&'a Visit<'a>> {
        Some(&self.account.visits[visit.parent?])
    }

    /// What a node took by itself, as a share of the statement.
    pub(super) fn own(&self, visit: &Visit<'_>) -> Share {
        match (self.statement_ms(), visit.own_ms) {
            (Some(total), Some(own)) => measured(own / total),
            _ => estimated(visit.cost_ratio),
        }
    }

    /// What a node and everything below it took, as a share of the statement.
    pub(super) fn with_children(&self, visit: &Visit<'_>) -> Share {
        match (self.statement_ms(), visit.elapsed_ms) {
            (Some(total), Some(elapsed)) => measured(elapsed / total),
            _ => estimated(
                self.account
                    .subtree(visit.position)
                    .iter()
                    .map(|v| v.cost_ratio)
                    .sum(),
            ),
        }
    }

    /// Time of the statement where it was measured.
    pub(super) fn statement_ms(&self) -> Option<f64> {
        self.account.statement_ms().filter(|ms| *ms > 0.0)
    }

    /// Milliseconds as a share of the execution.
    pub(super) fn of_execution(&self, ms: f64) -> Option<Share> {
        let total = self.tree.execution_ms.filter(|total| *total > 0.0)?;
        Some(measured(ms / total))
    }

    /// A server setting as a number in its own unit.
    pub(super) fn setting(&self, name: &str) -> Option<f64> {
        self.run.server.as_ref()?.setting(name)?.parse().ok()
    }
}

fn measured(ratio: f64) -> Share {
    Share {
        ratio: ratio.clamp(0.0, 1.0),
        evidence: Evidence::Measured,
    }
}

fn estimated(ratio: f64) -> Share {
    Share {
        ratio: ratio.clamp(0.0, 1.0),
        evidence: Evidence::Estimated,
    }
}

/// The catalogue's facts of the table that a node reads; without VERBOSE the name must be unique.
pub(crate) fn find_table<'a>(run: &'a Run, node: &Node) -> Option<&'a TableFacts> {
    let relation = node.relation.as_deref()?;
    let mut found = run.tables.facts.as_ref()?.iter().filter(|table| {
        let schema = node.schema.as_deref();
        table.relname == relation && schema.is_none_or(|s| s == table.schemaname)
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Severity by two rising thresholds.
pub(super) fn graded(value: f64, info: f64, warning: f64) -> Option<Severity> {
    if value > warning {
        Some(Severity::Warning)
    } else {
        (value > info).then_some(Severity::Info)
    }
}
