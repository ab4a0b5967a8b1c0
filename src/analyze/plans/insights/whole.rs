//! The plan as a whole: what dominates it, workers, JIT, planning, triggers.

use crate::analyze::conclusions::{Evidence, Insight, Severity};
use crate::analyze::plans::account::Visit;
use crate::analyze::rules::thresholds as t;

use super::{Look, graded, insight};

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Insight>) {
    found.extend(node_dominates(look));
    if look.analyzed {
        for visit in look.visits() {
            found.extend(workers_missing(visit));
        }
        found.extend(jit_cost(look));
        found.extend(planning_dominates(look));
        found.extend(trigger_time(look));
    }
}

/// The node with most own time, or most own cost where nothing was timed.
fn node_dominates(look: &Look<'_>) -> Option<Insight> {
    let total = look.account.total_ms().filter(|ms| *ms > 0.0);
    let share = |v: &Visit<'_>| match total {
        Some(total) => v.own_ms.unwrap_or(0.0) / total,
        None => v.cost_ratio,
    };
    let top = look.visits().max_by(|a, b| share(a).total_cmp(&share(b)))?;
    let ratio = share(top);
    let severity = graded(ratio, t::NODE_INFO_RATIO, t::NODE_WARNING_RATIO)?;
    let trifle = total.is_none_or(|ms| ms < t::NODE_MIN_PLAN_MS);
    let severity = if trifle { Severity::Info } else { severity };
    let (evidence, what) = total.map_or_else(
        || {
            (
                Evidence::Estimated,
                "of the plan's estimated cost".to_owned(),
            )
        },
        |ms| (Evidence::Measured, format!("of the plan's {ms:.1} ms")),
    );
    let detail = format!("{:.0} % {what} is in this node alone", 100.0 * ratio);
    Some(insight(
        "node-dominates",
        severity,
        top.node,
        evidence,
        detail,
    ))
}

fn workers_missing(visit: &Visit<'_>) -> Option<Insight> {
    let planned = visit.node.number("Workers Planned")?;
    let launched = visit.node.number("Workers Launched")?;
    (launched < planned).then(|| {
        let detail = format!(
            "{launched:.0} of {planned:.0} planned workers were started; concurrent load uses \
             them up (max_parallel_workers)"
        );
        insight(
            "workers-missing",
            Severity::Info,
            visit.node,
            Evidence::Measured,
            detail,
        )
    })
}

fn jit_cost(look: &Look<'_>) -> Option<Insight> {
    let (jit, total) = (look.tree.jit_ms?, look.tree.execution_ms?);
    let costly = jit > t::JIT_MIN_MS && jit > t::JIT_RATIO * total;
    costly.then(|| {
        let detail = format!(
            "just-in-time compilation took {jit:.1} of {total:.1} ms; for short statements \
             `jit = off` or a higher jit_above_cost is cheaper"
        );
        insight(
            "jit-cost",
            Severity::Warning,
            &look.tree.root,
            Evidence::Measured,
            detail,
        )
    })
}

fn planning_dominates(look: &Look<'_>) -> Option<Insight> {
    let (planning, execution) = (look.tree.planning_ms?, look.tree.execution_ms?);
    let dominates = planning > execution && planning > t::PLANNING_MIN_MS;
    dominates.then(|| {
        let detail = format!(
            "planning took {planning:.1} ms and execution {execution:.1} ms; prepared statements \
             plan once. The first call in a session also fills the catalogue cache"
        );
        insight(
            "planning-dominates",
            Severity::Info,
            &look.tree.root,
            Evidence::Measured,
            detail,
        )
    })
}

fn trigger_time(look: &Look<'_>) -> Option<Insight> {
    let (triggers, total) = (look.tree.trigger_ms?, look.tree.execution_ms?);
    (triggers > t::TRIGGER_RATIO * total && total > 0.0).then(|| {
        let detail = format!(
            "triggers took {triggers:.1} of {total:.1} ms; foreign key checks are triggers, see \
             missing-fk-index"
        );
        insight(
            "trigger-time",
            Severity::Warning,
            &look.tree.root,
            Evidence::Measured,
            detail,
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, insights_of, node, of, ran};
    use super::*;

    #[test]
    fn the_node_with_most_own_time_is_named() {
        let scan = ran(
            "Seq Scan",
            &json!({"Relation Name": "tasks", "Actual Total Time": 45.0}),
            vec![],
        );
        let found = of(
            "node-dominates",
            insights(&ran("Sort", &json!({}), vec![scan]), true),
        )
        .unwrap();
        assert_eq!(
            (found.node.as_str(), found.severity),
            ("Seq Scan on tasks", Severity::Warning)
        );
        assert!(
            found.detail.contains("90 % of the plan's 50.0 ms"),
            "{}",
            found.detail
        );
        let scan = node("Seq Scan", &json!({"Total Cost": 800.0}), vec![]);
        let found = of(
            "node-dominates",
            insights(&node("Sort", &json!({}), vec![scan]), false),
        )
        .unwrap();
        assert_eq!(
            (found.node.as_str(), found.evidence),
            ("Seq Scan", Evidence::Estimated)
        );
    }

    #[test]
    fn workers_that_did_not_start() {
        let gather = json!({"Workers Planned": 2, "Workers Launched": 1});
        let found = of(
            "workers-missing",
            insights(&ran("Gather", &gather, vec![]), true),
        );
        assert!(found.unwrap().detail.contains("1 of 2"));
    }

    #[test]
    fn what_stands_beside_the_tree() {
        let document = |jit: f64, planning: f64, trigger: f64| {
            json!({"Plan": ran("Result", &json!({}), vec![]), "Execution Time": 50.0,
                "Planning Time": planning, "JIT": {"Timing": {"Total": jit}},
                "Triggers": [{"Time": trigger}]})
        };
        let quiet = insights_of(&document(4.0, 1.0, 1.0), true);
        for rule in ["jit-cost", "planning-dominates", "trigger-time"] {
            assert_eq!(of(rule, quiet.clone()), None);
        }
        let loud = insights_of(&document(40.0, 60.0, 20.0), true);
        for rule in ["jit-cost", "planning-dominates", "trigger-time"] {
            assert!(of(rule, loud.clone()).is_some(), "{rule}");
        }
    }
}
