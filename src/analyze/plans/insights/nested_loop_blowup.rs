//! `nested-loop-blowup`: an inner side that ran far more often than the planner thought.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;
use crate::analyze::rules::thresholds as t;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "nested-loop-blowup",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look.executed()?.filter_map(|v| blown(look, v)).collect())
}

fn blown(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    if visit.node.node_type != "Nested Loop" {
        return None;
    }
    let (outer, inner) = (visit.node.child("Outer")?, visit.node.child("Inner")?);
    let (rows, ran) = (outer.actual?.rows, inner.actual?);
    let share = look.with_children(look.visit_of(inner)?);
    let blown = rows >= t::BLOWUP_OUTER_FACTOR * outer.plan_rows.max(1.0)
        && ran.loops >= t::MANY_LOOPS
        && share.ratio > t::LOOPS_MIN_TIME_RATIO;
    blown.then(|| {
        Remark::new(look, visit, Severity::Warning)
            .weighs(share)
            .title(&format!("its inner side runs {:.0} times", ran.loops))
            .detail(format!(
                "the outer side returned {rows:.0} rows instead of the {:.0} that were estimated, \
                 so the inner side ran {:.0} times and took {:.0} % of the time; with the right \
                 estimate the planner would weigh a hash or merge join",
                outer.plan_rows,
                ran.loops,
                100.0 * share.ratio,
            ))
            .note(
                "mend the estimate of the outer side (row-misestimate names where it starts and \
                 how); `SET LOCAL enable_nestloop = off` shows what the other join would take, and \
                 is no cure",
            )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing, node, of, ran};

    #[test]
    fn loops_that_the_planner_did_not_expect() {
        let join = |loops: f64, planned: f64| {
            let outer =
                json!({"Plan Rows": planned, "Actual Rows": loops, "Actual Total Time": 1.0});
            let inner = json!({"Parent Relationship": "Inner", "Actual Loops": loops,
                "Actual Total Time": 40.0 / loops, "Actual Rows": 1.0, "Plan Rows": 1});
            let children = vec![
                ran("Seq Scan", &outer, vec![]),
                ran("Index Scan", &inner, vec![]),
            ];
            let plan = ran("Nested Loop", &json!({}), children);
            of("nested-loop-blowup", insights(&plan, true))
        };
        let found = join(5_000.0, 10.0).unwrap();
        assert!(
            found.detail.contains("5000 times and took 80 %"),
            "{}",
            found.detail
        );
        assert!((found.weight.unwrap().plan_ratio - 0.8).abs() < 1e-9);
        assert_eq!(join(500.0, 10.0), None, "few loops");
        assert_eq!(join(5_000.0, 4_000.0), None, "as it was planned");
        let plan = node("Nested Loop", &json!({}), vec![]);
        assert!(missing("nested-loop-blowup", &plan, false).is_some());
    }
}
