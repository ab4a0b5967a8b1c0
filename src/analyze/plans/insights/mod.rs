//! What is remarkable about a plan.
//!
//! Rules that need executed rows stay silent on estimates; the few that can be judged from
//! estimates say so in their evidence. Thresholds are in [`crate::analyze::rules::thresholds`].

mod joins;
mod memory;
mod scans;
mod whole;

use crate::analyze::conclusions::{Evidence, Insight, Severity};
use crate::analyze::rules::thresholds as t;
use crate::record::Run;
use crate::record::tables::TableFacts;

use super::account::{Account, Visit};
use super::tree::{Node, PlanTree};

/// A plan with all that its rules may look at.
pub(super) struct Look<'a> {
    pub(super) tree: &'a PlanTree,
    pub(super) account: &'a Account<'a>,
    /// It was executed.
    pub(super) analyzed: bool,
    pub(super) run: &'a Run,
}

impl<'a> Look<'a> {
    /// The catalogue's facts of the table that a node reads.
    fn table(&self, node: &Node) -> Option<&'a TableFacts> {
        find_table(self.run, node)
    }

    fn visits(&self) -> impl Iterator<Item = &Visit<'a>> {
        self.account.visits.iter()
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

/// All insights, weightiest first. Plans that touch next to nothing have none.
pub(super) fn find(look: &Look<'_>) -> Vec<Insight> {
    if is_tiny(look.tree) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (position, visit) in look.visits().enumerate() {
        let before = found.len();
        if look.analyzed && visit.node.actual.is_none() {
            continue;
        }
        scans::find(look, visit, &mut found);
        joins::find(look, visit, &mut found);
        memory::find(look, visit, &mut found);
        for insight in &mut found[before..] {
            insight.position = Some(position);
        }
    }
    whole::find(look, &mut found);
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then(a.evidence.cmp(&b.evidence))
    });
    found
}

fn is_tiny(tree: &PlanTree) -> bool {
    let blocks = |key| tree.root.number(key);
    let buffers = blocks("Shared Hit Blocks").zip(blocks("Shared Read Blocks"));
    tree.root.total_cost < t::PLAN_MIN_TOTAL_COST
        || buffers.is_some_and(|(hit, read)| hit + read < t::PLAN_MIN_BUFFERS)
}

/// An insight on one node.
fn insight(
    rule: &str,
    severity: Severity,
    node: &Node,
    evidence: Evidence,
    detail: String,
) -> Insight {
    Insight {
        rule: rule.to_owned(),
        severity,
        node: node.label(),
        position: None,
        detail,
        evidence,
    }
}

/// Severity by three rising thresholds: info, warning, warning above.
fn graded(value: f64, info: f64, warning: f64) -> Option<Severity> {
    if value > warning {
        Some(Severity::Warning)
    } else {
        (value > info).then_some(Severity::Info)
    }
}

#[cfg(test)]
mod testing {
    use serde_json::{Value, json};

    use super::*;
    use crate::analyze::fixture;

    /// A node with a cost that is worth a look; `extra` adds or replaces keys.
    pub(super) fn node(kind: &str, extra: &Value, children: Vec<Value>) -> Value {
        let mut node = json!({
            "Node Type": kind, "Total Cost": 1000.0, "Plan Rows": 100, "Plan Width": 40,
            "Parent Relationship": "Outer"
        });
        let object = node.as_object_mut().unwrap();
        object.insert("Plans".to_owned(), Value::Array(children));
        object.extend(extra.as_object().unwrap().clone());
        node
    }

    /// The same, executed: 100 rows in one loop of 50 ms.
    pub(super) fn ran(kind: &str, extra: &Value, children: Vec<Value>) -> Value {
        let mut node = node(kind, extra, children);
        let object = node.as_object_mut().unwrap();
        for (key, value) in [
            ("Actual Rows", 100.0),
            ("Actual Loops", 1.0),
            ("Actual Total Time", 50.0),
        ] {
            object.entry(key).or_insert(json!(value));
        }
        node
    }

    /// Names and severities of all insights; the table `tasks` has 100 000 rows.
    pub(super) fn insights(plan: &Value, analyzed: bool) -> Vec<Insight> {
        insights_of(&json!({ "Plan": plan }), analyzed)
    }

    pub(super) fn insights_of(document: &Value, analyzed: bool) -> Vec<Insight> {
        let mut run = fixture::run_with_indexes(vec![(fixture::index(50, 1, "i_name", &[4]), 1)]);
        fixture::set(&mut run, "work_mem", "4096");
        let tree = PlanTree::read(document).unwrap();
        let account = Account::of(&tree);
        find(&Look {
            tree: &tree,
            account: &account,
            analyzed,
            run: &run,
        })
    }

    /// The insight of one rule.
    pub(super) fn of(rule: &str, all: Vec<Insight>) -> Option<Insight> {
        all.into_iter().find(|i| i.rule == rule)
    }

    #[test]
    fn tiny_plans_have_no_insights() {
        let sort = json!({"Sort Space Type": "Disk", "Sort Space Used": 100_000});
        let mut plan = ran("Sort", &sort, vec![]);
        assert!(!insights(&plan, true).is_empty());
        plan["Total Cost"] = json!(9.0);
        assert!(insights(&plan, true).is_empty());
    }
}
