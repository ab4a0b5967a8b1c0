//! `large-offset`: rows produced only to be skipped.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;
use crate::analyze::rules::thresholds as t;

use super::look::{Look, Share};
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "large-offset",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look.executed()?.filter_map(|v| skips(look, v)).collect())
}

fn skips(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    if visit.node.node_type != "Limit" {
        return None;
    }
    let input = visit.node.child("Outer")?.actual?.rows;
    let kept = visit.node.actual?.rows;
    let skipped = input - kept;
    (skipped >= t::LARGE_OFFSET_ROWS).then(|| {
        let whole = look.with_children(visit);
        Remark::new(look, visit, Severity::Warning)
            .weighs(Share {
                ratio: whole.ratio * skipped / input,
                ..whole
            })
            .title(&format!(
                "OFFSET skips {skipped:.0} rows to return {kept:.0}"
            ))
            .detail(format!(
                "{input:.0} rows were produced in order and {skipped:.0} of them thrown away; each \
                 further page costs more than the last"
            ))
            .note(
                "keyset pagination reads only the page: WHERE (sort key, id) > (the last one seen) \
                 ORDER BY sort key, id LIMIT n, with an index on both",
            )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing, node, of, ran};

    #[test]
    fn rows_that_are_skipped_weigh_their_part_of_the_time() {
        let page = |rows: f64| {
            let scan = json!({"Actual Rows": rows, "Plan Rows": rows});
            let plan = ran(
                "Limit",
                &json!({"Actual Rows": 20.0}),
                vec![ran("Seq Scan", &scan, vec![])],
            );
            of("large-offset", insights(&plan, true))
        };
        let found = page(20_020.0).unwrap();
        assert_eq!(found.title, "OFFSET skips 20000 rows to return 20");
        assert!((found.weight.unwrap().plan_ratio - 20_000.0 / 20_020.0).abs() < 1e-9);
        assert_eq!(page(5_000.0), None);
        let plan = node("Limit", &json!({}), vec![]);
        assert!(missing("large-offset", &plan, false).is_some());
    }
}
