//! Plans written by hand, and the insights that they give.

use serde_json::{Value, json};

use crate::analyze::conclusions::{Insight, NotEvaluated};
use crate::analyze::fixture;
use crate::analyze::plans::account::Account;
use crate::analyze::plans::tree::PlanTree;
use crate::record::Run;

use super::look::Look;

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

/// A run with the table `tasks` of 100 000 rows and an index on its column `name`.
pub(super) fn run() -> Run {
    let mut run = fixture::run_with_indexes(vec![(fixture::index(50, 1, "i_name", &[4]), 1)]);
    for (name, value) in [
        ("work_mem", "4096"),
        ("max_connections", "100"),
        ("autovacuum_analyze_threshold", "50"),
        ("autovacuum_analyze_scale_factor", "0.1"),
    ] {
        fixture::set(&mut run, name, value);
    }
    run
}

/// Everything that is found in a document of EXPLAIN, and what could not be decided.
pub(super) fn look(
    run: &Run,
    document: &Value,
    analyzed: bool,
) -> (Vec<Insight>, Vec<NotEvaluated>) {
    let tree = PlanTree::read(document).unwrap();
    let account = Account::of(&tree);
    super::find(&Look {
        tree: &tree,
        account: &account,
        analyzed,
        run,
    })
}

/// All insights on a plan; the table `tasks` has 100 000 rows.
pub(super) fn insights(plan: &Value, analyzed: bool) -> Vec<Insight> {
    insights_of(&json!({ "Plan": plan }), analyzed)
}

pub(super) fn insights_of(document: &Value, analyzed: bool) -> Vec<Insight> {
    look(&run(), document, analyzed).0
}

/// The insight of one rule.
pub(super) fn of(rule: &str, all: Vec<Insight>) -> Option<Insight> {
    all.into_iter().find(|i| i.rule == rule)
}

/// Why a rule was not decided on a plan.
pub(super) fn missing(rule: &str, plan: &Value, analyzed: bool) -> Option<String> {
    missing_of(&run(), rule, &json!({ "Plan": plan }), analyzed)
}

pub(super) fn missing_of(
    run: &Run,
    rule: &str,
    document: &Value,
    analyzed: bool,
) -> Option<String> {
    let (_, missing) = look(run, document, analyzed);
    missing
        .into_iter()
        .find(|m| m.rule == rule)
        .map(|m| m.reason)
}

#[test]
fn tiny_plans_have_no_insights() {
    let sort = json!({"Sort Space Type": "Disk", "Sort Space Used": 100_000});
    let mut plan = ran("Sort", &sort, vec![]);
    assert!(!insights(&plan, true).is_empty());
    plan["Total Cost"] = json!(9.0);
    assert!(insights(&plan, true).is_empty());
}

#[test]
fn names_are_unique_and_estimates_decide_little() {
    let names: std::collections::BTreeSet<_> = super::INSIGHTS.iter().map(|r| r.id).collect();
    assert_eq!(names.len(), super::INSIGHTS.len());
    let (_, missing) = look(
        &run(),
        &json!({ "Plan": node("Sort", &json!({}), vec![]) }),
        false,
    );
    assert!(missing.len() > 10, "{missing:?}");
    assert!(missing.iter().all(|m| !m.reason.is_empty()));
}
