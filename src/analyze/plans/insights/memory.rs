//! Memory: sorts and hashes that went to disk, or are expected to.

use crate::analyze::conclusions::{Evidence, Insight, Severity};
use crate::analyze::plans::account::Visit;

use super::{Look, insight};

/// A tuple in a sort is its data, aligned to 8 bytes, and an aligned header (`relation_byte_size`
/// of the planner).
const TUPLE_HEADER_BYTES: f64 = 24.0;

pub(super) fn find(look: &Look<'_>, visit: &Visit<'_>, found: &mut Vec<Insight>) {
    if look.analyzed {
        found.extend(sort_spilled(visit));
        found.extend(hash_batched(visit));
        found.extend(memoize_thrash(visit));
    } else {
        found.extend(sort_expected_to_spill(look, visit));
    }
}

fn sort_spilled(visit: &Visit<'_>) -> Option<Insight> {
    if !visit.node.any_process_says("Sort Space Type", "Disk") {
        return None;
    }
    let kilobytes = visit
        .node
        .number_with_workers("Sort Space Used")
        .unwrap_or(0.0);
    let detail = format!(
        "the sort wrote {kilobytes:.0} kB to disk; an index in the order of the sort would avoid \
         it, or more work_mem, which every node of every connection may use"
    );
    Some(insight(
        "sort-spilled",
        Severity::Warning,
        visit.node,
        Evidence::Measured,
        detail,
    ))
}

fn sort_expected_to_spill(look: &Look<'_>, visit: &Visit<'_>) -> Option<Insight> {
    let bounded = visit
        .parent
        .is_some_and(|p| look.account.visits[p].node.node_type == "Limit");
    if visit.node.node_type != "Sort" || bounded {
        return None;
    }
    let work_mem = work_mem_bytes(look)?;
    let width = (visit.node.plan_width / 8.0).ceil() * 8.0;
    let bytes = visit.node.plan_rows * (width + TUPLE_HEADER_BYTES);
    (bytes > work_mem).then(|| {
        let detail = format!(
            "the planner expects to sort {:.0} kB with a work_mem of {:.0} kB, so the sort goes to \
             disk; an index in the order of the sort would avoid it",
            bytes / 1024.0,
            work_mem / 1024.0,
        );
        insight(
            "sort-spilled",
            Severity::Info,
            visit.node,
            Evidence::Estimated,
            detail,
        )
    })
}

fn work_mem_bytes(look: &Look<'_>) -> Option<f64> {
    let kilobytes: f64 = look
        .run
        .server
        .as_ref()?
        .setting("work_mem")?
        .parse()
        .ok()?;
    Some(kilobytes * 1024.0)
}

fn hash_batched(visit: &Visit<'_>) -> Option<Insight> {
    let node = visit.node;
    let batches = node
        .number("Hash Batches")
        .or_else(|| node.number("HashAgg Batches"))
        .unwrap_or(0.0);
    let disk = node.number_with_workers("Disk Usage").unwrap_or(0.0);
    if batches <= 1.0 && disk <= 0.0 {
        return None;
    }
    let detail = format!(
        "the hash table did not fit into memory: {batches:.0} batches, {disk:.0} kB reported on \
         disk; more work_mem (times hash_mem_multiplier), or fewer rows or columns into the hash"
    );
    Some(insight(
        "hash-batched",
        Severity::Warning,
        node,
        Evidence::Measured,
        detail,
    ))
}

fn memoize_thrash(visit: &Visit<'_>) -> Option<Insight> {
    let count = |key| visit.node.number_with_workers(key);
    let (hits, misses) = (count("Cache Hits")?, count("Cache Misses")?);
    let evictions = count("Cache Evictions").unwrap_or(0.0);
    if evictions <= 0.0 || hits >= misses {
        return None;
    }
    let detail = format!(
        "the cache missed {misses:.0} times, hit {hits:.0} times and evicted {evictions:.0} \
         entries: it is too small to help"
    );
    Some(insight(
        "memoize-thrash",
        Severity::Info,
        visit.node,
        Evidence::Measured,
        detail,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, node, of, ran};
    use super::*;

    #[test]
    fn a_sort_on_disk_is_measured() {
        let sort = json!({"Sort Space Type": "Disk", "Sort Space Used": 9000});
        let found = of("sort-spilled", insights(&ran("Sort", &sort, vec![]), true)).unwrap();
        assert!(found.detail.contains("9000 kB"));
        let sort = json!({"Sort Space Type": "Memory", "Sort Space Used": 90});
        assert_eq!(
            of("sort-spilled", insights(&ran("Sort", &sort, vec![]), true)),
            None
        );
    }

    #[test]
    fn a_sort_larger_than_work_mem_is_expected_to_spill_unless_a_limit_bounds_it() {
        let sort = |rows: f64| node("Sort", &json!({"Plan Rows": rows}), vec![]);
        let found = |plan| of("sort-spilled", insights(&plan, false));
        assert_eq!(
            found(sort(100_000.0)).unwrap().evidence,
            Evidence::Estimated
        );
        assert_eq!(found(sort(1_000.0)), None);
        assert_eq!(
            found(node("Limit", &json!({}), vec![sort(100_000.0)])),
            None
        );
    }

    #[test]
    fn hashes_in_batches() {
        let found = |extra| of("hash-batched", insights(&ran("Hash", &extra, vec![]), true));
        assert!(
            found(json!({"Hash Batches": 8}))
                .unwrap()
                .detail
                .contains("8 batches")
        );
        assert!(found(json!({"HashAgg Batches": 1, "Disk Usage": 500})).is_some());
        assert_eq!(found(json!({"Hash Batches": 1})), None);
    }

    #[test]
    fn a_cache_that_only_misses() {
        let memo =
            |hits: i64| json!({"Cache Hits": hits, "Cache Misses": 50, "Cache Evictions": 9});
        let found = |hits| {
            of(
                "memoize-thrash",
                insights(&ran("Memoize", &memo(hits), vec![]), true),
            )
        };
        assert!(found(10).is_some());
        assert_eq!(found(100), None);
    }
}
