//! `limit-wrong-index`: an index walked in the order of the LIMIT, past rows that do not match.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::tree::Node;
use crate::analyze::rules::thresholds as t;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "limit-wrong-index",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look.executed()?.filter_map(|v| walked(look, v)).collect())
}

fn walked(look: &Look<'_>, limit: &Visit<'_>) -> Option<Remark> {
    if limit.node.node_type != "Limit" {
        return None;
    }
    let input = limit.node.child("Outer")?;
    let scan = ordered_scan(input)?;
    let actual = scan.actual?;
    let removed = scan.number("Rows Removed by Filter").unwrap_or(0.0);
    let read = (removed + actual.rows) * actual.loops;
    // What the Limit itself skipped is an OFFSET, not a wrong index.
    let lost = read - input.actual?.rows * input.actual?.loops;
    let share = lost / read.max(1.0);
    if lost < t::LIMIT_SCAN_MIN_ROWS_REMOVED || share < t::LIMIT_SCAN_RATIO {
        return None;
    }
    let visit = look.visit_of(scan)?;
    let index = scan.index.as_deref().unwrap_or("the index");
    let remark = Remark::new(look, visit, Severity::Warning)
        .title(&format!("{lost:.0} rows of {index} are passed over to fill a LIMIT"))
        .detail(format!(
            "the planner walked {index} in the order that the LIMIT asks for, expecting to meet the \
             rows soon, and {lost:.0} ({:.0} %) did not match {}",
            100.0 * share,
            scan.text("Filter").unwrap_or("the conditions above it"),
        ))
        .note(
            "an index with the columns of the filter first and those of the order after them finds \
             the rows at once. It depends on the value: test a frequent and a rare one",
        );
    Some(remark)
}

/// The index scan that gives the rows in their order, below nodes that keep it.
fn ordered_scan(node: &Node) -> Option<&Node> {
    match node.node_type.as_str() {
        "Index Scan" | "Index Only Scan" => Some(node),
        "Nested Loop" | "LockRows" | "Result" | "Gather Merge" => {
            ordered_scan(node.child("Outer")?)
        }
        "Subquery Scan" => ordered_scan(node.child("Subquery")?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{insights, missing, node, of, ran};

    fn scan(removed: f64) -> Value {
        let extra = json!({"Rows Removed by Filter": removed, "Actual Rows": 20.0, "Plan Rows": 20,
            "Index Name": "by_date", "Relation Name": "tasks"});
        ran("Index Scan", &extra, vec![])
    }

    fn limit(input: Value) -> Option<crate::analyze::conclusions::Insight> {
        let plan = ran("Limit", &json!({"Actual Rows": 20.0}), vec![input]);
        of("limit-wrong-index", insights(&plan, true))
    }

    #[test]
    fn rows_passed_over_on_the_way_to_a_limit() {
        let found = limit(scan(50_000.0)).unwrap();
        assert!(found.node.contains("by_date"));
        assert!(found.title.contains("50000 rows of by_date"));
        assert_eq!(found.position, Some(1));
        assert_eq!(limit(scan(500.0)), None);
        let sorted = ran("Sort", &json!({"Actual Rows": 20.0}), vec![scan(50_000.0)]);
        assert_eq!(
            limit(sorted),
            None,
            "a sort reads all of its input whatever the order"
        );
    }

    #[test]
    fn rows_lost_in_a_join_count_and_an_offset_does_not() {
        let outer = json!({"Actual Rows": 50_000.0, "Plan Rows": 50, "Index Name": "by_date"});
        let join = ran(
            "Nested Loop",
            &json!({"Actual Rows": 20.0, "Plan Rows": 20}),
            vec![ran("Index Scan", &outer, vec![])],
        );
        assert!(limit(join).is_some());
        let offset = json!({"Actual Rows": 50_000.0, "Plan Rows": 50_000, "Index Name": "by_date"});
        assert_eq!(limit(ran("Index Scan", &offset, vec![])), None);
        let plan = node("Limit", &json!({}), vec![]);
        assert!(missing("limit-wrong-index", &plan, false).is_some());
    }
}
