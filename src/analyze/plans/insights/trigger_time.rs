//! `trigger-time`: triggers take a large part of the execution.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::tree::Trigger;
use crate::analyze::rules::thresholds as t;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "trigger-time",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    look.must_be_executed()?;
    let sum: f64 = look.tree.triggers.iter().map(|t| t.time_ms).sum();
    if sum <= 0.0 {
        return Ok(Vec::new());
    }
    let share = look
        .of_execution(sum)
        .ok_or("the execution time is not known")?;
    let total = look.tree.execution_ms.unwrap_or(0.0);
    let slowest = look
        .tree
        .triggers
        .iter()
        .max_by(|a, b| a.time_ms.total_cmp(&b.time_ms));
    let (Some(slowest), true) = (slowest, share.ratio > t::TRIGGER_RATIO) else {
        return Ok(Vec::new());
    };
    let name = name(slowest);
    let key = slowest.constraint.is_some();
    let remark = Remark::of_plan(look, Severity::Warning)
        .weighs(share)
        .title(&format!("triggers take {sum:.1} of {total:.1} ms"))
        .detail(format!(
            "the slowest is {name}: {:.1} ms in {:.0} calls, {:.3} ms each",
            slowest.time_ms,
            slowest.calls,
            slowest.time_ms / slowest.calls.max(1.0),
        ))
        .note(if key {
            "it checks a foreign key: each call looks for rows on the other side, and without an \
             index there it reads all of them (missing-fk-index)"
        } else {
            "a trigger for each statement with transition tables does once what one for each row \
             does for every row"
        });
    Ok(vec![remark])
}

fn name(trigger: &Trigger) -> String {
    let what = match (&trigger.constraint, &trigger.name) {
        (Some(constraint), _) => format!("the constraint {constraint}"),
        (None, Some(name)) => format!("the trigger {name}"),
        (None, None) => "a trigger".to_owned(),
    };
    match &trigger.relation {
        Some(relation) => format!("{what} on {relation}"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights_of, missing_of, node, of, ran, run};

    #[test]
    fn the_slowest_trigger_is_named() {
        let document = |ms: f64| {
            json!({"Plan": ran("ModifyTable", &json!({}), vec![]), "Execution Time": 80.0,
                "Triggers": [
                    {"Trigger Name": "audit", "Relation": "tasks", "Time": 1.0, "Calls": 10},
                    {"Trigger Name": "RI_ConstraintTrigger_a_1", "Constraint Name": "tasks_plan_fkey",
                     "Relation": "tasks", "Time": ms, "Calls": 10}]})
        };
        let found = of("trigger-time", insights_of(&document(20.0), true)).unwrap();
        assert_eq!(found.title, "triggers take 21.0 of 80.0 ms");
        assert!(
            found
                .detail
                .contains("the constraint tasks_plan_fkey on tasks"),
            "{}",
            found.detail
        );
        assert!(found.remediation.note.unwrap().contains("missing-fk-index"));
        assert_eq!(of("trigger-time", insights_of(&document(2.0), true)), None);
        let plan = json!({"Plan": node("ModifyTable", &json!({}), vec![])});
        assert!(missing_of(&run(), "trigger-time", &plan, false).is_some());
    }
}
