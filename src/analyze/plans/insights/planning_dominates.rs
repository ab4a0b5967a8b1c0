//! `planning-dominates`: planning takes longer than the execution.

use crate::analyze::conclusions::Severity;
use crate::analyze::rules::thresholds as t;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "planning-dominates",
    finding: Promotion::Never,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    look.must_be_executed()?;
    let (Some(planning), Some(execution)) = (look.tree.planning_ms, look.tree.execution_ms) else {
        return Err("planning and execution were not timed".to_owned());
    };
    if planning <= execution || planning <= t::PLANNING_MIN_MS {
        return Ok(Vec::new());
    }
    let remark = Remark::of_plan(look, Severity::Info)
        .title(&format!(
            "planning takes {planning:.1} ms, execution {execution:.1} ms"
        ))
        .detail(
            "the planner takes longer than what it plans. It was measured once, in a session whose \
             catalogue cache may have been empty: planning-heavy has the mean of all calls where \
             track_planning is on",
        )
        .note(
            "a prepared statement is planned once for many executions (a generic plan after the \
             fifth); fewer partitions, indexes and joins leave less to plan",
        );
    Ok(vec![remark])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights_of, missing_of, of, ran, run};

    #[test]
    fn planning_longer_than_executing() {
        let document = |planning: f64| {
            json!({"Plan": ran("Result", &json!({}), vec![]), "Execution Time": 50.0,
                "Planning Time": planning})
        };
        let found = of("planning-dominates", insights_of(&document(60.0), true)).unwrap();
        assert_eq!(found.title, "planning takes 60.0 ms, execution 50.0 ms");
        assert_eq!(
            (found.weight, found.position),
            (None, None),
            "it is in no execution time"
        );
        assert_eq!(
            of("planning-dominates", insights_of(&document(4.0), true)),
            None
        );
        let untimed = json!({"Plan": ran("Result", &json!({}), vec![])});
        assert!(missing_of(&run(), "planning-dominates", &untimed, true).is_some());
    }
}
