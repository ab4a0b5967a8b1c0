//! `bitmap-lossy`: a bitmap that forgot which rows of a page it wanted.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;

use super::look::Look;
use super::memory::to_map;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "bitmap-lossy",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look.executed()?.filter_map(|v| lossy(look, v)).collect())
}

fn lossy(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let count = |key| visit.node.number_with_workers(key);
    let lossy = count("Lossy Heap Blocks").filter(|l| *l > 0.0)?;
    let exact = count("Exact Heap Blocks").unwrap_or(0.0);
    let rechecked = visit
        .node
        .number("Rows Removed by Index Recheck")
        .unwrap_or(0.0);
    // Before PostgreSQL 18 the blocks of workers are not counted.
    let least = if visit.processes > 1.0 && look.version() < 180_000 {
        "at least "
    } else {
        ""
    };
    let remark = Remark::new(look, visit, Severity::Info)
        .title(&format!("the bitmap is lossy for {least}{lossy:.0} blocks"))
        .detail(format!(
            "work_mem held row by row only {exact:.0} of {:.0} blocks; on {least}{lossy:.0} every \
             row had to be checked again, and {:.0} did not belong. A more selective index needs a \
             smaller bitmap",
            exact + lossy,
            rechecked * visit.node.actual?.loops,
        ));
    Some(remark.wants_work_mem(look, visit, to_map(exact + lossy)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing, node, of, ran};

    #[test]
    fn lossy_blocks_are_found_with_the_memory_for_all() {
        let scan = |lossy: u32| {
            let extra = json!({"Lossy Heap Blocks": lossy, "Exact Heap Blocks": 100_000,
                "Rows Removed by Index Recheck": 3});
            of(
                "bitmap-lossy",
                insights(&ran("Bitmap Heap Scan", &extra, vec![]), true),
            )
        };
        let found = scan(40_000).unwrap();
        assert_eq!(found.title, "the bitmap is lossy for 40000 blocks");
        assert!(
            found.detail.contains("only 100000 of 140000 blocks"),
            "{}",
            found.detail
        );
        // 140 000 pages of 64 bytes and a tenth more.
        assert_eq!(
            found.remediation.sql.as_deref(),
            Some("SET LOCAL work_mem = '10MB';")
        );
        assert_eq!(scan(0), None);
        let plan = node("Bitmap Heap Scan", &json!({}), vec![]);
        assert!(missing("bitmap-lossy", &plan, false).is_some());
    }
}
