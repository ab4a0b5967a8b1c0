//! `jit-cost`: just-in-time compilation that takes a large part of the execution.

use crate::analyze::conclusions::Severity;
use crate::analyze::rules::thresholds as t;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "jit-cost",
    // `jit-heavy` says it of all executions of the window, where the extension measures them.
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    look.must_be_executed()?;
    let Some(jit) = look.tree.jit_ms else {
        let on = look.run.server.as_ref().and_then(|s| s.setting_on("jit")) == Some(true);
        let above = look.setting("jit_above_cost").filter(|cost| *cost >= 0.0);
        return match above {
            Some(above) if on && look.tree.root.total_cost > above => Err(
                "jit is on and the plan costs more than jit_above_cost, yet nothing was compiled: \
                 the server was built without LLVM, or lacks its library"
                    .to_owned(),
            ),
            _ => Ok(Vec::new()),
        };
    };
    let share = look
        .of_execution(jit)
        .ok_or("the execution time is not known")?;
    if jit <= t::JIT_MIN_MS || share.ratio <= t::JIT_RATIO {
        return Ok(Vec::new());
    }
    let total = look.tree.execution_ms.unwrap_or(0.0);
    let remark = Remark::of_plan(look, Severity::Warning)
        .weighs(share)
        .title(&format!("just-in-time compilation takes {jit:.1} of {total:.1} ms"))
        .detail(
            "the statement costs more than jit_above_cost by the planner's estimate, so its \
             expressions were compiled; for what it then executed, that took too long",
        )
        .sql("SET LOCAL jit = off;".to_owned())
        .note(
            "for the transactions of this statement, and it ends with each of them; no lock. \
             ALTER ROLE … SET jit = off holds for an application of short statements (RESET takes it \
             back), a higher jit_above_cost for the server",
        );
    Ok(vec![remark])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights_of, look, missing_of, of, ran, run};
    use crate::analyze::fixture::set;

    #[test]
    fn compilation_is_compared_with_the_execution() {
        let document = |jit: f64| {
            json!({"Plan": ran("Result", &json!({}), vec![]), "Execution Time": 50.0,
                "JIT": {"Timing": {"Total": jit}}})
        };
        let found = of("jit-cost", insights_of(&document(40.0), true)).unwrap();
        assert_eq!(
            found.title,
            "just-in-time compilation takes 40.0 of 50.0 ms"
        );
        assert!((found.weight.unwrap().plan_ratio - 0.8).abs() < 1e-9);
        assert_eq!(of("jit-cost", insights_of(&document(4.0), true)), None);
    }

    #[test]
    fn a_build_without_llvm_is_not_evaluated() {
        let document = json!({"Plan": ran("Result", &json!({"Total Cost": 200_000.0}), vec![])});
        let mut run = run();
        assert!(of("jit-cost", look(&run, &document, true).0).is_none());
        assert_eq!(
            missing_of(&run, "jit-cost", &document, true),
            None,
            "jit is not known to be on"
        );
        set(&mut run, "jit", "on");
        set(&mut run, "jit_above_cost", "100000");
        let why = missing_of(&run, "jit-cost", &document, true).unwrap();
        assert!(why.contains("without LLVM"), "{why}");
    }
}
