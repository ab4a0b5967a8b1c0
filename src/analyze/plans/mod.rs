//! Reads plans: what a node cost by itself, and what is remarkable about it.
//!
//! No asking for plans (that is `explain`) and no judging of statements (that is
//! [`super::rules`]). The accounting follows what EXPLAIN documents about loops, parallel workers,
//! subplans and early stops; it is written beside the code in [`account`].

pub mod account;
pub mod conditions;
pub(crate) mod insights;
mod nodes;
mod text;
pub mod tree;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::record::plan::{PlanMode, PlanRecord};
use crate::record::{QueryId, Run};

use super::conclusions::Plan;
use account::Account;
use insights::Look;
use tree::PlanTree;

/// The best record of every statement: a plan before an error, then the mode that knows most.
#[must_use]
pub fn best_records(run: &Run) -> BTreeMap<QueryId, &PlanRecord> {
    let rank = |r: &PlanRecord| (r.plan.is_some(), r.mode as u8);
    let mut best: BTreeMap<QueryId, &PlanRecord> = BTreeMap::new();
    for record in &run.plans {
        let slot = best.entry(record.query_id).or_insert(record);
        if rank(record) > rank(slot) {
            *slot = record;
        }
    }
    best
}

/// A plan in short: one line per node, and its insights. A record without a plan keeps its reason.
#[must_use]
pub fn conclude(record: &PlanRecord, run: &Run) -> Plan {
    read(
        record.mode,
        record.plan.as_ref(),
        record.error.as_ref(),
        run,
    )
}

/// [`conclude`] of what a record is made of.
#[must_use]
pub fn read(mode: PlanMode, json: Option<&Value>, error: Option<&String>, run: &Run) -> Plan {
    let mut plan = Plan {
        text_ref: mode_name(mode).to_owned(),
        text: None,
        error: error.cloned(),
        total_cost: None,
        planning_ms: None,
        execution_ms: None,
        trigger_ms: None,
        nodes: Vec::new(),
        insights: Vec::new(),
    };
    let Some(json) = json else {
        return plan;
    };
    match PlanTree::read(json) {
        Ok(tree) => {
            let account = Account::of(&tree);
            plan.text = Some(text::render(&account));
            plan.total_cost = Some(tree.root.total_cost);
            plan.planning_ms = tree.planning_ms;
            plan.execution_ms = tree.execution_ms;
            plan.trigger_ms = tree.trigger_ms;
            plan.nodes = nodes::list(&account);
            plan.insights = insights::find(&Look {
                tree: &tree,
                account: &account,
                analyzed: mode == PlanMode::Analyzed,
                run,
            });
        }
        Err(error) => plan.error = Some(error.to_string()),
    }
    plan
}

fn mode_name(mode: PlanMode) -> &'static str {
    match mode {
        PlanMode::Generic => "generic",
        PlanMode::Custom => "custom",
        PlanMode::Analyzed => "analyzed",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::analyze::fixture;
    use crate::record::QueryId;

    #[test]
    fn an_error_is_kept_and_a_foreign_document_is_one() {
        let mut record = PlanRecord {
            query_id: QueryId(1),
            mode: PlanMode::Generic,
            plan: None,
            error: Some("permission denied".to_owned()),
        };
        let plan = conclude(&record, &fixture::run());
        assert_eq!(plan.error.as_deref(), Some("permission denied"));
        assert_eq!((plan.text, plan.total_cost), (None, None));
        record.plan = Some(json!({"nothing": 1}));
        let plan = conclude(&record, &fixture::run());
        assert!(plan.error.unwrap().contains("`Plan`"));
    }
}
