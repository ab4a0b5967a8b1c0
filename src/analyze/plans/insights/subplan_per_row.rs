//! `subplan-per-row`: a correlated subquery that runs once for every row.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;
use crate::analyze::rules::thresholds as t;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "subplan-per-row",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look.executed()?.filter_map(|v| per_row(look, v)).collect())
}

fn per_row(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let loops = visit.node.actual?.loops;
    let share = look.with_children(visit);
    let per_row =
        visit.node.is_sub_plan() && loops >= t::MANY_LOOPS && share.ratio > t::LOOPS_MIN_TIME_RATIO;
    per_row.then(|| {
        Remark::new(look, visit, Severity::Warning)
            .weighs(share)
            .title(&format!("a subquery runs {loops:.0} times, once per row"))
            .detail(format!(
                "{} ran {loops:.0} times and took {:.0} % of the time, since it refers to the row \
                 around it",
                visit.node.subplan_name.as_deref().unwrap_or("the subquery"),
                100.0 * share.ratio,
            ))
            .note(
                "a join with the grouped subquery runs it once; where few rows of it are needed, a \
                 LATERAL subquery with an index on its condition",
            )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing, node, of, ran};

    #[test]
    fn subplans_run_per_row() {
        let scan = |loops: f64, relation: &str| {
            let sub = json!({"Parent Relationship": relation, "Actual Loops": loops,
                "Actual Total Time": 40.0 / loops, "Actual Rows": 1.0, "Plan Rows": 1});
            let plan = ran(
                "Seq Scan",
                &json!({}),
                vec![ran("Index Scan", &sub, vec![])],
            );
            of("subplan-per-row", insights(&plan, true))
        };
        let found = scan(2000.0, "SubPlan").unwrap();
        assert_eq!(
            (found.node.as_str(), found.position),
            ("Index Scan", Some(1))
        );
        assert_eq!(scan(20.0, "SubPlan"), None);
        assert_eq!(scan(2000.0, "Outer"), None);
        let plan = node("Seq Scan", &json!({}), vec![]);
        assert!(missing("subplan-per-row", &plan, false).is_some());
    }
}
