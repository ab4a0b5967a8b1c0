//! `hash-batched`: a hash table that did not fit into memory.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;

use super::look::Look;
use super::memory::{bytes_text, to_aggregate, to_hash};
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "hash-batched",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    let found = look.executed()?.filter_map(|visit| {
        if visit.node.node_type == "Hash" {
            join(look, visit)
        } else {
            aggregate(look, visit)
        }
    });
    Ok(found.collect())
}

fn join(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let node = visit.node;
    let batches = node
        .number("Hash Batches")
        .filter(|batches| *batches > 1.0)?;
    let rows = visit.actual_rows?.max(visit.estimated_rows);
    let shared = node.fields.get("Parallel Aware") == Some(&serde_json::Value::Bool(true));
    let processes = if shared { visit.processes } else { 1.0 };
    let computed = to_hash(rows, node.plan_width) / processes;
    // The number of batches is a power of two: more than half of them were needed.
    let peak = node.number("Peak Memory Usage").unwrap_or(0.0) * 1024.0;
    let bytes = if computed < peak * batches / 2.0 {
        peak * batches
    } else {
        computed
    };
    // The work is in the join above: the table is written and read again batch by batch.
    let worker = look.above(visit).unwrap_or(visit);
    let remark = Remark::new(look, visit, Severity::Warning)
        .weighs(look.own(worker))
        .title(&format!(
            "the hash of {rows:.0} rows takes {batches:.0} batches"
        ))
        .detail(format!(
            "the hash table does not fit into memory ({} in use), so both sides of the join are \
             written to temporary files and read again in {batches:.0} batches. Fewer rows or \
             columns on the hashed side need less",
            bytes_text(peak),
        ));
    Some(remark.wants_work_mem(look, visit, bytes / look.hash_multiplier()))
}

fn aggregate(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let node = visit.node;
    let batches = node.number("HashAgg Batches").unwrap_or(0.0);
    let disk = node.number_with_workers("Disk Usage").unwrap_or(0.0) * 1024.0;
    if batches <= 1.0 && disk <= 0.0 {
        return None;
    }
    // What HAVING removed was a group as well.
    let removed = node.number("Rows Removed by Filter").unwrap_or(0.0);
    let groups = node.actual?.rows + removed;
    let remark = Remark::new(look, visit, Severity::Warning)
        .title(&format!("the grouping writes {} to disk", bytes_text(disk)))
        .detail(format!(
            "{groups:.0} groups do not fit into memory: rows of the others were written to \
             temporary files and read again, in {batches:.0} batches. Fewer groups or narrower keys \
             need less, an index in the order of the keys needs no hash",
        ));
    let bytes = to_aggregate(groups, node.plan_width);
    Some(remark.wants_work_mem(look, visit, bytes / look.hash_multiplier()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing, node, of, ran};

    #[test]
    fn batches_of_a_join_are_named_with_the_memory_that_would_hold_them() {
        let hash = |batches: u32| {
            let extra = json!({"Hash Batches": batches, "Peak Memory Usage": 4096,
                "Actual Rows": 200_000.0, "Plan Rows": 200_000});
            let join = ran("Hash Join", &json!({}), vec![ran("Hash", &extra, vec![])]);
            of("hash-batched", insights(&join, true))
        };
        let found = hash(4).unwrap();
        assert_eq!(found.title, "the hash of 200000 rows takes 4 batches");
        // 200 000 × 72 bytes and 2^18 buckets, and a tenth more, over a multiplier of 2.
        assert_eq!(
            found.remediation.sql.as_deref(),
            Some("SET LOCAL work_mem = '9MB';")
        );
        assert_eq!(hash(1), None);
    }

    #[test]
    fn groups_on_disk_are_found() {
        let extra = json!({"Strategy": "Hashed", "HashAgg Batches": 5, "Disk Usage": 2048});
        let found = of(
            "hash-batched",
            insights(&ran("Aggregate", &extra, vec![]), true),
        )
        .unwrap();
        assert_eq!(found.title, "the grouping writes 2.0 MiB to disk");
        let extra = json!({"Strategy": "Hashed", "HashAgg Batches": 1, "Disk Usage": 0});
        assert_eq!(
            of(
                "hash-batched",
                insights(&ran("Aggregate", &extra, vec![]), true)
            ),
            None
        );
    }

    #[test]
    fn estimates_decide_nothing() {
        let plan = node("Hash", &json!({}), vec![]);
        assert!(
            missing("hash-batched", &plan, false)
                .unwrap()
                .contains("not executed")
        );
    }
}
