//! Joins and limits: misestimates, loops, offsets, the wrong index under a limit.

use crate::analyze::conclusions::{Evidence, Insight, Severity};
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::tree::Node;
use crate::analyze::rules::thresholds as t;

use super::{Look, graded, insight};

pub(super) fn find(look: &Look<'_>, visit: &Visit<'_>, found: &mut Vec<Insight>) {
    if !look.analyzed {
        return;
    }
    found.extend(row_misestimate(visit));
    found.extend(nested_loop_blowup(look, visit));
    found.extend(subplan_per_row(look, visit));
    found.extend(large_offset(visit));
    found.extend(limit_wrong_index(visit));
}

fn row_misestimate(visit: &Visit<'_>) -> Option<Insight> {
    let actual = visit.actual_rows?.max(1.0);
    let estimated = visit.estimated_rows.max(1.0);
    let factor = (actual / estimated).max(estimated / actual);
    // A node that may stop early legitimately returns fewer rows than estimated.
    if visit.may_stop_early && estimated > actual {
        return None;
    }
    let severity = graded(
        factor,
        t::MISESTIMATE_INFO_FACTOR,
        t::MISESTIMATE_WARNING_FACTOR,
    )?;
    let detail = format!(
        "{estimated:.0} rows were estimated and {actual:.0} came, {factor:.0} times off: check the \
         age of the statistics (ANALYZE), raise the statistics target of the column, or CREATE \
         STATISTICS on columns that depend on each other",
    );
    Some(insight(
        "row-misestimate",
        severity,
        visit.node,
        Evidence::Measured,
        detail,
    ))
}

fn child<'a>(node: &'a Node, side: &str) -> Option<&'a Node> {
    let mut children = node.children.iter();
    children.find(|c| c.relationship.as_deref() == Some(side))
}

fn nested_loop_blowup(look: &Look<'_>, visit: &Visit<'_>) -> Option<Insight> {
    if visit.node.node_type != "Nested Loop" {
        return None;
    }
    let (outer, inner) = (child(visit.node, "Outer")?, child(visit.node, "Inner")?);
    let (rows, ran) = (outer.actual?.rows, inner.actual?);
    let share = time_share(look, inner)?;
    let blown = rows >= t::BLOWUP_OUTER_FACTOR * outer.plan_rows.max(1.0)
        && ran.loops >= t::MANY_LOOPS
        && share > t::LOOPS_MIN_TIME_RATIO;
    blown.then(|| {
        let detail = format!(
            "the outer side returned {rows:.0} rows instead of {:.0}, so the inner side ran \
             {:.0} times and took {:.0} % of the time; better statistics on the outer side would \
             choose another join",
            outer.plan_rows,
            ran.loops,
            100.0 * share,
        );
        insight(
            "nested-loop-blowup",
            Severity::Warning,
            visit.node,
            Evidence::Measured,
            detail,
        )
    })
}

/// Time of a node and everything below it, as a share of the plan's time.
fn time_share(look: &Look<'_>, node: &Node) -> Option<f64> {
    let visit = look.visits().find(|v| std::ptr::eq(v.node, node))?;
    let total = look.account.total_ms().filter(|total| *total > 0.0)?;
    Some(visit.elapsed_ms? / total)
}

fn subplan_per_row(look: &Look<'_>, visit: &Visit<'_>) -> Option<Insight> {
    let loops = visit.node.actual?.loops;
    let share = time_share(look, visit.node)?;
    let per_row = visit.node.relationship.as_deref() == Some("SubPlan")
        && loops >= t::MANY_LOOPS
        && share > t::LOOPS_MIN_TIME_RATIO;
    per_row.then(|| {
        let detail = format!(
            "the subquery ran {loops:.0} times, once per row, and took {:.0} % of the time; a join \
             or a lateral subquery with LIMIT would run it once",
            100.0 * share,
        );
        insight(
            "subplan-per-row",
            Severity::Warning,
            visit.node,
            Evidence::Measured,
            detail,
        )
    })
}

fn large_offset(visit: &Visit<'_>) -> Option<Insight> {
    if visit.node.node_type != "Limit" {
        return None;
    }
    let input = child(visit.node, "Outer")?.actual?;
    let skipped = input.rows - visit.node.actual?.rows;
    (skipped >= t::LARGE_OFFSET_ROWS).then(|| {
        let detail = format!(
            "{skipped:.0} rows were produced and skipped by OFFSET; keyset pagination (WHERE key > \
             the last one seen) reads only the page",
        );
        insight(
            "large-offset",
            Severity::Warning,
            visit.node,
            Evidence::Measured,
            detail,
        )
    })
}

fn limit_wrong_index(visit: &Visit<'_>) -> Option<Insight> {
    if visit.node.node_type != "Limit" {
        return None;
    }
    let scan = child(visit.node, "Outer")?;
    let ordered = matches!(scan.node_type.as_str(), "Index Scan" | "Index Only Scan");
    let actual = scan.actual?;
    let removed = scan.number("Rows Removed by Filter")?;
    let total = removed * actual.loops;
    let share = removed / (removed + actual.rows);
    let wrong = ordered && total >= t::LIMIT_SCAN_MIN_ROWS_REMOVED && share >= t::LIMIT_SCAN_RATIO;
    wrong.then(|| {
        let detail = format!(
            "the index was walked in the order of the LIMIT and {total:.0} rows ({:.0} %) did not \
             match the filter; an index with the filter's columns first, then the sort columns, \
             finds them at once. It depends on the value: test several",
            100.0 * share,
        );
        insight(
            "limit-wrong-index",
            Severity::Warning,
            scan,
            Evidence::Measured,
            detail,
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, of, ran};
    use super::*;

    #[test]
    fn misestimates_are_graded_and_an_early_stop_excuses_them() {
        let scan = |rows: f64| {
            ran(
                "Seq Scan",
                &json!({"Plan Rows": 100, "Actual Rows": rows}),
                vec![],
            )
        };
        let found = |plan| of("row-misestimate", insights(&plan, true));
        assert_eq!(found(scan(900.0)), None);
        assert_eq!(found(scan(2_000.0)).unwrap().severity, Severity::Info);
        assert_eq!(found(scan(20_000.0)).unwrap().severity, Severity::Warning);
        assert!(found(scan(1.0)).is_some());
        let limit = json!({"Plan Rows": 1, "Actual Rows": 1.0});
        assert_eq!(found(ran("Limit", &limit, vec![scan(1.0)])), None);
    }

    #[test]
    fn loops_that_the_planner_did_not_expect() {
        let join = |loops: f64| {
            let outer = json!({"Plan Rows": 10, "Actual Rows": loops, "Actual Total Time": 1.0});
            let inner = json!({"Parent Relationship": "Inner", "Actual Loops": loops,
                "Actual Total Time": 40.0 / loops, "Actual Rows": 1.0, "Plan Rows": 1});
            let children = vec![
                ran("Seq Scan", &outer, vec![]),
                ran("Index Scan", &inner, vec![]),
            ];
            of(
                "nested-loop-blowup",
                insights(&ran("Nested Loop", &json!({}), children), true),
            )
        };
        assert!(
            join(5_000.0)
                .unwrap()
                .detail
                .contains("5000 times and took 80 %")
        );
        assert_eq!(join(500.0), None);
    }

    #[test]
    fn subplans_run_per_row() {
        let sub = json!({"Parent Relationship": "SubPlan", "Actual Loops": 2000.0,
            "Actual Total Time": 0.02, "Actual Rows": 1.0, "Plan Rows": 1});
        let plan = ran(
            "Seq Scan",
            &json!({}),
            vec![ran("Index Scan", &sub, vec![])],
        );
        assert!(of("subplan-per-row", insights(&plan, true)).is_some());
    }

    #[test]
    fn offsets_and_limits() {
        let scan = json!({"Actual Rows": 20_020.0, "Plan Rows": 20_020});
        let plan = ran(
            "Limit",
            &json!({"Actual Rows": 20.0}),
            vec![ran("Seq Scan", &scan, vec![])],
        );
        assert!(
            of("large-offset", insights(&plan, true))
                .unwrap()
                .detail
                .contains("20000 rows")
        );
        let scan = json!({"Rows Removed by Filter": 50_000.0, "Actual Rows": 20.0, "Plan Rows": 20,
            "Index Name": "by_date"});
        let limit = json!({"Actual Rows": 20.0});
        let plan = ran("Limit", &limit, vec![ran("Index Scan", &scan, vec![])]);
        let found = of("limit-wrong-index", insights(&plan, true)).unwrap();
        assert!(found.node.contains("by_date"));
    }
}
