//! `row-misestimate`: the planner expected far more or fewer rows, told where the error begins.
//!
//! Errors multiply on the way up, so only the node that adds its own is named:
//!
//! ```text
//! error(node) = log10(rows that came ÷ rows that were estimated), both at least 1
//! own(node)   = error(node) − Σ error of its inputs
//! ```

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::tree::Node;
use crate::analyze::rules::thresholds as t;

use super::look::{Look, Share, graded};
use super::remark::Remark;
use super::statistics::cure;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "row-misestimate",
    finding: Promotion::Causes,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look
        .executed()?
        .filter_map(|v| starts_here(look, v))
        .collect())
}

fn starts_here(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let whole = error(visit)?;
    let inherited = inherited(look, visit);
    let own = whole - inherited;
    let least = t::MISESTIMATE_INFO_FACTOR.log10();
    // What adds to an error in the same direction; one that mends its inputs' errors is no origin.
    if own.abs() <= least || own.signum() != whole.signum() {
        return None;
    }
    let severity = graded(
        10.0_f64.powf(whole.abs()),
        t::MISESTIMATE_INFO_FACTOR,
        t::MISESTIMATE_WARNING_FACTOR,
    )?;
    let (came, expected) = (visit.actual_rows?, visit.estimated_rows);
    let direction = if own > 0.0 { "more" } else { "fewer" };
    let factor = 10.0_f64.powf(whole.abs());
    let chosen = chosen_by_it(look, visit);
    let severity = if chosen.is_none() {
        Severity::Info
    } else {
        severity
    };
    let effect = chosen.map_or(
        "nothing above it was chosen by this number".to_owned(),
        |above| format!("{} above it was chosen by this number", above.node.label()),
    );
    let cure = cure(look, visit);
    let remark = Remark::new(look, visit, severity)
        .weighs(chosen.map_or_else(|| look.own(visit), |above| by_inference(look, above)))
        .title(&format!(
            "{factor:.0} times {direction} rows than estimated"
        ))
        .detail(format!(
            "{} estimated, {} came{}. The error begins here; {effect}. {}",
            rows(expected),
            rows(came),
            condition(visit.node).map_or(String::new(), |c| format!(" for {c}")),
            cure.cause,
        ))
        .sql(cure.sql)
        .undo(cure.undo_sql)
        .note(cure.note);
    Some(remark)
}

fn rows(count: f64) -> String {
    if count < 10.0 && count.fract() > 0.0 {
        format!("{count:.1} rows")
    } else {
        format!("{count:.0} rows")
    }
}

/// The part of the plan that rests on an estimate is a conclusion, not a measurement.
fn by_inference(look: &Look<'_>, above: &Visit<'_>) -> Share {
    Share {
        evidence: crate::analyze::conclusions::Evidence::Estimated,
        ..look.with_children(above)
    }
}

/// How far off a node is, in powers of ten: above 0 if more rows came. `None` for nodes whose number
/// of rows is not an estimate of their own, and 0 for one that was stopped early.
fn error(visit: &Visit<'_>) -> Option<f64> {
    if !visit.has_own_estimate() {
        return None;
    }
    let (came, expected) = (visit.actual_rows?.max(1.0), visit.estimated_rows.max(1.0));
    let error = (came / expected).log10();
    // A node that may stop early legitimately returns fewer rows than estimated.
    Some(if visit.may_stop_early && error < 0.0 {
        0.0
    } else {
        error
    })
}

/// The error that a node's inputs bring: of a join the product, of an Append its largest part.
fn inherited(look: &Look<'_>, visit: &Visit<'_>) -> f64 {
    if let Some(cte) = visit.node.text("CTE Name") {
        let source = look.visits().find(|v| v.node.cte() == Some(cte));
        return source.and_then(error).unwrap_or(0.0);
    }
    let inputs = look.account.subtree(visit.position).iter().filter(|v| {
        v.parent == Some(visit.position) && !v.node.is_init_plan() && !v.node.is_sub_plan()
    });
    let errors = inputs.map(|v| error(v).unwrap_or_else(|| inherited(look, v)));
    if visit.node.is_join() {
        errors.sum()
    } else {
        errors
            .max_by(|a, b| a.abs().total_cmp(&b.abs()))
            .unwrap_or(0.0)
    }
}

/// The nearest node above that the planner chose by the number of these rows.
fn chosen_by_it<'a>(look: &Look<'a>, visit: &Visit<'_>) -> Option<&'a Visit<'a>> {
    let mut at = look.above(visit);
    while let Some(above) = at {
        let chosen = above.node.is_join()
            || matches!(
                above.node.node_type.as_str(),
                "Sort" | "Incremental Sort" | "Memoize" | "Gather" | "Gather Merge"
            )
            || (above.node.node_type == "Aggregate"
                && above.node.text("Strategy") == Some("Hashed"));
        if chosen {
            return Some(above);
        }
        at = look.above(above);
    }
    None
}

/// The condition that decides how many rows come.
fn condition(node: &Node) -> Option<String> {
    let keys = [
        "Hash Cond",
        "Merge Cond",
        "Join Filter",
        "Index Cond",
        "Recheck Cond",
        "Filter",
    ];
    let all: Vec<&str> = keys.iter().filter_map(|key| node.text(key)).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{insights, look, missing, node, of, ran, run};
    use super::*;
    use crate::analyze::conclusions::Insight;

    fn scan(side: &str, planned: f64, came: f64, filter: &str) -> Value {
        let extra = json!({"Plan Rows": planned, "Actual Rows": came, "Relation Name": "tasks",
            "Parent Relationship": side, "Filter": filter});
        ran("Seq Scan", &extra, vec![])
    }

    fn found(plan: &Value) -> Vec<Insight> {
        let all = insights(plan, true);
        all.into_iter()
            .filter(|i| i.rule == "row-misestimate")
            .collect()
    }

    fn sorted(scan: Value) -> Vec<Insight> {
        let rows = scan["Plan Rows"].clone();
        let sort = json!({"Plan Rows": rows, "Actual Rows": scan["Actual Rows"]});
        found(&ran("Sort", &sort, vec![scan]))
    }

    #[test]
    fn misestimates_are_graded() {
        assert_eq!(sorted(scan("Outer", 100.0, 900.0, "(a = $1)")), []);
        let info = sorted(scan("Outer", 100.0, 2_000.0, "(a = $1)"));
        assert_eq!((info.len(), info[0].severity), (1, Severity::Info));
        assert_eq!(info[0].title, "20 times more rows than estimated");
        let warning = sorted(scan("Outer", 100.0, 20_000.0, "(a = $1)"));
        assert_eq!((warning.len(), warning[0].severity), (1, Severity::Warning));
        assert_eq!(
            warning[0].node, "Seq Scan on tasks",
            "not the sort that inherits it"
        );
        assert!(
            warning[0].detail.contains("Sort above it was chosen"),
            "{}",
            warning[0].detail
        );
        let fewer = sorted(scan("Outer", 1000.0, 1.0, "(a = $1)"));
        assert_eq!(fewer[0].title, "1000 times fewer rows than estimated");
    }

    #[test]
    fn where_nothing_was_chosen_by_it_it_is_a_remark() {
        let alone = found(&scan("Outer", 100.0, 20_000.0, "(a = $1)"));
        assert_eq!(alone[0].severity, Severity::Info);
        assert!(alone[0].detail.contains("nothing above it"));
    }

    #[test]
    fn it_is_told_where_it_begins() {
        let join = |outer: f64, rows: f64| {
            let inner = scan("Inner", 1.0, 1.0, "(b = $1)");
            let extra = json!({"Plan Rows": 100, "Actual Rows": rows, "Hash Cond": "(t.a = o.b)"});
            let children = vec![scan("Outer", 100.0, outer, "(a = $1)"), inner];
            let join = ran("Hash Join", &extra, children);
            let top = json!({"Plan Rows": 100, "Actual Rows": rows});
            let all = found(&ran("Sort", &top, vec![join]));
            all.into_iter().map(|i| i.node).collect::<Vec<_>>()
        };
        assert_eq!(
            join(5_000.0, 5_000.0),
            ["Seq Scan on tasks"],
            "the join inherits it"
        );
        assert_eq!(join(100.0, 5_000.0), ["Hash Join"], "its inputs are right");
        assert_eq!(
            join(5_000.0, 100.0),
            ["Seq Scan on tasks"],
            "the join mends it"
        );
        assert_eq!(
            join(2_000.0, 400_000.0),
            ["Hash Join", "Seq Scan on tasks"],
            "it adds its own"
        );
    }

    #[test]
    fn an_early_stop_excuses_too_many() {
        let extra = json!({"Plan Rows": 1, "Actual Rows": 1.0});
        let scan = |came| scan("Outer", 1000.0, came, "(a = $1)");
        assert_eq!(found(&ran("Limit", &extra, vec![scan(1.0)])), []);
        assert_eq!(found(&ran("Limit", &extra, vec![scan(50_000.0)])).len(), 1);
    }

    #[test]
    fn a_cte_is_told_once_and_groups_of_their_own_are_told() {
        let source = json!({"Plan Rows": 10, "Actual Rows": 5000.0, "Relation Name": "tasks",
            "Parent Relationship": "InitPlan", "Subplan Name": "CTE x", "Filter": "(a = $1)"});
        let reader = json!({"Plan Rows": 10, "Actual Rows": 5000.0, "CTE Name": "x"});
        let top = json!({"Plan Rows": 10, "Actual Rows": 5000.0});
        let children = vec![
            ran("Seq Scan", &source, vec![]),
            ran("CTE Scan", &reader, vec![]),
        ];
        let nodes = |plan: &Value| found(plan).into_iter().map(|i| i.node).collect::<Vec<_>>();
        assert_eq!(nodes(&ran("Sort", &top, children)), ["Seq Scan on tasks"]);
        let groups = json!({"Strategy": "Hashed", "Plan Rows": 200, "Actual Rows": 90_000.0,
            "Group Key": ["tasks.a", "tasks.b"]});
        let input = scan("Outer", 100_000.0, 100_000.0, "(a > $1)");
        assert_eq!(
            nodes(&ran("Aggregate", &groups, vec![input])),
            ["HashAggregate"]
        );
    }

    #[test]
    fn estimates_decide_nothing() {
        let plan = node("Seq Scan", &json!({}), vec![]);
        assert!(
            missing("row-misestimate", &plan, false)
                .unwrap()
                .contains("not executed")
        );
    }

    #[test]
    fn old_statistics_are_the_first_suspect() {
        let mut run = run();
        let stats = run.tables.stat_user_tables.as_mut().unwrap();
        stats.last[0].n_mod_since_analyze = 50_000;
        let top = json!({"Plan Rows": 100, "Actual Rows": 20_000.0});
        let plan = ran(
            "Sort",
            &top,
            vec![scan("Outer", 100.0, 20_000.0, "(a = $1)")],
        );
        let insight = of(
            "row-misestimate",
            look(&run, &json!({ "Plan": plan }), true).0,
        )
        .unwrap();
        assert_eq!(
            insight.remediation.sql.as_deref(),
            Some("ANALYZE public.tasks;")
        );
        assert!(
            insight.detail.contains("50000 rows changed"),
            "{}",
            insight.detail
        );
    }
}
