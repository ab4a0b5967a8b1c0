//! `workers-missing`: fewer parallel workers than the plan wanted.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "workers-missing",
    finding: Promotion::Never,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look.executed()?.filter_map(|v| short(look, v)).collect())
}

fn short(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let planned = visit.node.number("Workers Planned")?;
    let launched = visit.node.number("Workers Launched")?;
    (launched < planned).then(|| {
        Remark::new(look, visit, Severity::Info)
            .weighs(look.with_children(visit))
            .title(&format!(
                "{launched:.0} of {planned:.0} planned workers were started"
            ))
            .detail(
                "the plan was chosen for more processes than it got: other statements had the \
                 workers of max_parallel_workers or max_worker_processes at that moment",
            )
            .note(
                "under a load of many short statements fewer workers each \
                 (max_parallel_workers_per_gather) waste less than a higher max_parallel_workers",
            )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing, node, of, ran};

    #[test]
    fn workers_that_did_not_start() {
        let gather = |launched: u32| {
            let extra = json!({"Workers Planned": 2, "Workers Launched": launched});
            of(
                "workers-missing",
                insights(&ran("Gather", &extra, vec![]), true),
            )
        };
        assert_eq!(
            gather(1).unwrap().title,
            "1 of 2 planned workers were started"
        );
        assert_eq!(gather(2), None);
        let plan = node("Gather", &json!({"Workers Planned": 2}), vec![]);
        assert!(missing("workers-missing", &plan, false).is_some());
    }
}
