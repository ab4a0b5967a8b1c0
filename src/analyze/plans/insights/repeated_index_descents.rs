//! `repeated-index-descents`: an index scan that starts from the root again and again.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;
use crate::analyze::rules::thresholds as t;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "repeated-index-descents",
    finding: Promotion::Never,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    let scans: Vec<&Visit<'_>> = look
        .executed()?
        .filter(|v| v.node.node_type.contains("Index"))
        .collect();
    let counted = scans
        .iter()
        .any(|v| v.node.fields.contains_key("Index Searches"));
    if !scans.is_empty() && !counted {
        return Err("EXPLAIN counts index searches from PostgreSQL 18 on".to_owned());
    }
    Ok(scans
        .into_iter()
        .filter_map(|v| descents(look, v))
        .collect())
}

fn descents(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let searches = visit.node.number("Index Searches")?;
    let per_loop = searches / visit.node.actual?.loops;
    if per_loop <= t::INDEX_SEARCHES_PER_LOOP {
        return None;
    }
    let remark = Remark::new(look, visit, Severity::Info)
        .title(&format!(
            "{per_loop:.0} descents of the index per execution"
        ))
        .detail(
            "the index is searched from its root again for each value of a list (`= ANY`) that is \
             far from the last one, or for each value of a leading column that the statement does \
             not name (a skip scan)",
        )
        .note(
            "an index that begins with the columns of the condition needs one descent; a long list \
             of values is often a join with a table of them",
        );
    Some(remark)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing, of, ran};

    #[test]
    fn descents_are_counted_per_execution() {
        let scan = |searches: u32, loops: f64| {
            let extra = json!({"Index Searches": searches, "Actual Loops": loops});
            of(
                "repeated-index-descents",
                insights(&ran("Index Scan", &extra, vec![]), true),
            )
        };
        assert_eq!(
            scan(40, 1.0).unwrap().title,
            "40 descents of the index per execution"
        );
        assert_eq!(scan(40, 10.0), None);
    }

    #[test]
    fn before_18_nobody_counted() {
        let plan = ran("Index Scan", &json!({}), vec![]);
        assert!(
            missing("repeated-index-descents", &plan, true)
                .unwrap()
                .contains("18")
        );
        let none = ran("Seq Scan", &json!({}), vec![]);
        assert_eq!(missing("repeated-index-descents", &none, true), None);
    }
}
