//! Reads plans: what a node cost by itself, and what is remarkable about it.
//!
//! No asking for plans (that is `explain`) and no judging of statements (that is
//! [`super::rules`]). The accounting follows what EXPLAIN documents about loops, parallel workers,
//! subplans and early stops; it is written beside the code in [`account`].

pub mod account;
mod adopt;
pub mod conditions;
pub mod disjunctions;
pub mod insights;
mod nodes;
mod text;
pub mod tree;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::record::plan::{PlanMode, PlanRecord};
use crate::record::tables::TableFacts;
use crate::record::{QueryId, Run};

use super::conclusions::{Evidence, Plan};
use super::rules::thresholds as t;
use account::Account;
pub use adopt::{Adopted, adopt};
use insights::look::{Look, find_table};
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
        serialization_ms: None,
        wal_bytes: None,
        settings: BTreeMap::new(),
        nodes: Vec::new(),
        insights: Vec::new(),
        not_evaluated: Vec::new(),
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
            plan.execution_ms = tree.execution_ms.or_else(|| account.statement_ms());
            plan.trigger_ms = tree.trigger_ms;
            plan.serialization_ms = tree.serialization_ms;
            plan.wal_bytes = tree.root.fields.get("WAL Bytes").and_then(Value::as_u64);
            plan.settings.clone_from(&tree.settings);
            plan.nodes = nodes::list(&account);
            (plan.insights, plan.not_evaluated) = insights::find(&Look {
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

/// The table that a node of a statement's best plan reads, by the node's place among all; `None` where
/// it reads none, or its plan does not tell which.
#[must_use]
pub fn table_at<'a>(run: &'a Run, query_id: &str, position: usize) -> Option<&'a TableFacts> {
    let records = best_records(run);
    let (_, record) = records.iter().find(|(id, _)| id.to_string() == query_id)?;
    let tree = PlanTree::read(record.plan.as_ref()?).ok()?;
    let account = Account::of(&tree);
    find_table(run, account.visits.get(position)?.node)
}

/// What a statement took in the window.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Share of the window's database time (0 to 1).
    pub share_ratio: Option<f64>,
    /// Execution time per second of the window.
    pub ms_per_sec: f64,
    /// Mean execution time.
    pub mean_ms: Option<f64>,
}

/// Gives the insights of a plan the time that they stand for in the window. The shares of the one
/// execution that was measured count as measured only where it took about as long as the window's
/// executions do on average; others ran with other values, or found other things in memory.
pub fn weigh(plan: &mut Plan, taken: Taken) {
    let alike = match (plan.execution_ms, taken.mean_ms) {
        (Some(one), Some(mean)) if one > 0.0 && mean > 0.0 => {
            (one / mean).max(mean / one) <= t::EXECUTION_LIKENESS_FACTOR
        }
        _ => false,
    };
    for insight in &mut plan.insights {
        let Some(weight) = &mut insight.weight else {
            continue;
        };
        weight.share_ratio = taken.share_ratio.map(|share| share * weight.plan_ratio);
        weight.ms_per_sec = Some(taken.ms_per_sec * weight.plan_ratio);
        if !alike {
            weight.evidence = weight.evidence.max(Evidence::Estimated);
        }
    }
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

    #[test]
    fn an_execution_unlike_the_others_makes_shares_estimates() {
        let record = PlanRecord {
            query_id: QueryId(1),
            mode: PlanMode::Analyzed,
            plan: Some(
                json!({"Plan": {"Node Type": "Seq Scan", "Total Cost": 500.0,
                "Plan Rows": 10, "Plan Width": 8, "Actual Rows": 10, "Actual Loops": 1,
                "Actual Total Time": 40.0}}),
            ),
            error: None,
        };
        let weight = |mean_ms| {
            let mut plan = conclude(&record, &fixture::run());
            weigh(
                &mut plan,
                Taken {
                    share_ratio: Some(0.5),
                    ms_per_sec: 300.0,
                    mean_ms,
                },
            );
            plan.insights.remove(0).weight.unwrap()
        };
        let like = weight(Some(60.0));
        assert_eq!(like.evidence, Evidence::Measured);
        assert_eq!(
            (like.share_ratio, like.ms_per_sec),
            (Some(0.5), Some(300.0))
        );
        assert_eq!(weight(Some(900.0)).evidence, Evidence::Estimated);
        assert_eq!(weight(None).evidence, Evidence::Estimated);
    }
}
