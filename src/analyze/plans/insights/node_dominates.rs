//! `node-dominates`: where most of the plan's time is.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::rules::thresholds as t;

use super::look::{Look, graded};
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "node-dominates",
    finding: Promotion::Never,
    judge,
};

/// The node with most own time, or most own cost where nothing was timed.
fn judge(look: &Look<'_>) -> Judgement {
    let top = look
        .visits()
        .max_by(|a, b| look.own(a).ratio.total_cmp(&look.own(b).ratio));
    let top = top.filter(|_| look.tree.root.total_cost > 0.0 || look.statement_ms().is_some());
    let top = top.ok_or("the plan has neither times nor costs")?;
    let share = look.own(top);
    let Some(severity) = graded(share.ratio, t::NODE_INFO_RATIO, t::NODE_WARNING_RATIO) else {
        return Ok(Vec::new());
    };
    let total = look
        .statement_ms()
        .filter(|_| share.evidence == Evidence::Measured);
    let trifle = total.is_none_or(|ms| ms < t::NODE_MIN_PLAN_MS);
    let what = total.map_or_else(
        || "of the plan's estimated cost".to_owned(),
        |ms| format!("of the plan's {ms:.1} ms"),
    );
    let percent = format!("{:.0} % {what}", 100.0 * share.ratio);
    let remark = Remark::new(look, top, if trifle { Severity::Info } else { severity })
        .evidence(share.evidence)
        .title(&format!("{percent} is in this node alone"))
        .detail(format!(
            "{percent} is spent in {} itself, without what runs below it: a change that spares \
             other nodes gives back little",
            top.node.label()
        ))
        .note("the other insights on this node say why, where a reason was found");
    Ok(vec![remark])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, node, of, ran};
    use super::*;

    #[test]
    fn the_node_with_most_own_time_is_named() {
        let scan = |ms: f64| json!({"Relation Name": "tasks", "Actual Total Time": ms});
        let sort = |ms: f64| {
            let plan = ran("Sort", &json!({}), vec![ran("Seq Scan", &scan(ms), vec![])]);
            of("node-dominates", insights(&plan, true)).unwrap()
        };
        let found = sort(45.0);
        assert_eq!(
            (found.node.as_str(), found.severity),
            ("Seq Scan on tasks", Severity::Warning)
        );
        assert!(
            found.title.starts_with("90 % of the plan's 50.0 ms"),
            "{}",
            found.title
        );
        assert_eq!(
            (found.position, found.evidence),
            (Some(1), Evidence::Measured)
        );
        let weight = found.weight.unwrap();
        assert!((weight.plan_ratio - 0.9).abs() < 1e-9 && weight.share_ratio.is_none());
        assert_eq!(sort(5.0).node, "Sort");
    }

    #[test]
    fn costs_have_to_do_where_nothing_was_timed() {
        let scan = node("Seq Scan", &json!({"Total Cost": 800.0}), vec![]);
        let found = of(
            "node-dominates",
            insights(&node("Sort", &json!({}), vec![scan]), false),
        );
        let found = found.unwrap();
        assert_eq!(
            (found.node.as_str(), found.evidence),
            ("Seq Scan", Evidence::Estimated)
        );
        assert_eq!(found.severity, Severity::Info);
    }

    #[test]
    fn evenly_spread_time_has_no_such_node() {
        let scans = (0..10).map(|_| ran("Seq Scan", &json!({"Actual Total Time": 5.0}), vec![]));
        let plan = ran("Append", &json!({}), scans.collect());
        assert_eq!(of("node-dominates", insights(&plan, true)), None);
    }
}
