//! `sort-spilled`: a sort that did not fit into `work_mem`.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::tree::Node;

use super::look::Look;
use super::memory::{bytes_text, to_sort};
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "sort-spilled",
    finding: Promotion::Saves,
    judge,
};

/// A tuple in a sort is its data, aligned to 8 bytes, and an aligned header (`relation_byte_size`
/// of the planner).
const TUPLE_HEADER_BYTES: f64 = 24.0;

fn judge(look: &Look<'_>) -> Judgement {
    if !look.analyzed && look.work_mem().is_none() {
        return Err(
            "the plan was not executed, and the setting work_mem is not visible".to_owned(),
        );
    }
    let found = look.relevant().filter_map(|visit| {
        if look.analyzed {
            spilled(look, visit)
        } else {
            expected(look, visit)
        }
    });
    Ok(found.collect())
}

fn spilled(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let disk = largest_on_disk(visit.node)?;
    let rows = rows_sorted(visit)?;
    let in_words = bytes_text(disk);
    let remark = Remark::new(look, visit, Severity::Warning)
        .title(&format!("the sort writes {in_words} to disk"))
        .detail(format!(
            "{rows:.0} rows were sorted and {in_words} of them written to temporary files, since \
             they do not fit into work_mem{}. An index in the order of the sort needs no sort, \
             fewer columns make a smaller one",
            look.work_mem()
                .map_or(String::new(), |bytes| format!(" ({})", bytes_text(bytes)))
        ));
    let chunks = look.version() < 150_000;
    let bytes = to_sort(rows, (disk / rows).max(8.0), chunks);
    Some(remark.wants_work_mem(look, visit, bytes))
}

/// Rows that one process sorted at a time: what came in, since a LIMIT may take less out.
fn rows_sorted(visit: &Visit<'_>) -> Option<f64> {
    let input = visit.node.children.first().and_then(|c| c.actual);
    let rows = input.or(visit.node.actual)?.rows;
    (rows > 0.0).then_some(rows)
}

/// Bytes on disk of the process that wrote most; `None` where all stayed in memory.
fn largest_on_disk(node: &Node) -> Option<f64> {
    let whole = sort_space(node.text("Sort Space Type"), node.number("Sort Space Used"));
    let workers = node.each_worker().map(|w| {
        let kind = w.get("Sort Space Type").and_then(|t| t.as_str());
        sort_space(
            kind,
            w.get("Sort Space Used").and_then(serde_json::Value::as_f64),
        )
    });
    let groups = ["Full-sort Groups", "Pre-sorted Groups"].map(|key| {
        let peak = node
            .fields
            .get(key)?
            .pointer("/Sort Space Disk/Peak Sort Space Used")?;
        Some(peak.as_f64()? * 1024.0)
    });
    let all = workers.chain([whole]).chain(groups).flatten();
    all.filter(|bytes| *bytes > 0.0).max_by(f64::total_cmp)
}

fn sort_space(kind: Option<&str>, kilobytes: Option<f64>) -> Option<f64> {
    (kind == Some("Disk")).then_some(kilobytes? * 1024.0)
}

fn expected(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let bounded = look
        .above(visit)
        .is_some_and(|v| v.node.node_type == "Limit");
    if visit.node.node_type != "Sort" || bounded {
        return None;
    }
    let work_mem = look.work_mem()?;
    let width = (visit.node.plan_width / 8.0).ceil() * 8.0;
    let bytes = visit.node.plan_rows * (width + TUPLE_HEADER_BYTES);
    (bytes > work_mem).then(|| {
        Remark::new(look, visit, Severity::Info)
            .evidence(Evidence::Estimated)
            .title(&format!("the sort of {} is expected to go to disk", bytes_text(bytes)))
            .detail(format!(
                "the planner expects {:.0} rows of {:.0} bytes, which do not fit into a work_mem of \
                 {}; an index in the order of the sort needs no sort",
                visit.node.plan_rows,
                visit.node.plan_width,
                bytes_text(work_mem),
            ))
            .note("execute it (--explain-analyze) before work_mem is changed for it")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing_of, node, of, ran, run};
    use super::*;

    #[test]
    fn a_sort_on_disk_is_measured_with_the_memory_that_would_hold_it() {
        let sort = |kind: &str| {
            let extra = json!({"Sort Space Type": kind, "Sort Space Used": 8192,
                "Actual Rows": 100_000.0, "Plan Rows": 100_000});
            of("sort-spilled", insights(&ran("Sort", &extra, vec![]), true))
        };
        let found = sort("Disk").unwrap();
        assert_eq!(found.title, "the sort writes 8.0 MiB to disk");
        assert_eq!(found.severity, Severity::Warning);
        // 84 bytes on disk, 96 and a chunk's header in memory, 24 in an array of 2^17.
        assert_eq!(
            found.remediation.sql.as_deref(),
            Some("SET LOCAL work_mem = '16MB';")
        );
        assert_eq!(sort("Memory"), None);
    }

    #[test]
    fn the_largest_of_the_processes_counts_and_groups_of_an_incremental_sort_do() {
        let workers = json!({"Sort Space Type": "Memory", "Sort Space Used": 100,
            "Workers": [{"Sort Space Type": "Disk", "Sort Space Used": 9000},
                        {"Sort Space Type": "Disk", "Sort Space Used": 3000}]});
        let found = of(
            "sort-spilled",
            insights(&ran("Sort", &workers, vec![]), true),
        )
        .unwrap();
        assert!(found.title.contains("8.8 MiB"), "{}", found.title);
        let groups = json!({"Pre-sorted Groups": {"Group Count": 2,
            "Sort Space Disk": {"Average Sort Space Used": 5000, "Peak Sort Space Used": 6000}}});
        let plan = ran("Incremental Sort", &groups, vec![]);
        assert!(of("sort-spilled", insights(&plan, true)).is_some());
    }

    #[test]
    fn without_work_mem_an_estimate_is_not_judged() {
        let mut run = run();
        run.server.as_mut().unwrap().settings.clear();
        let document = json!({"Plan": node("Sort", &json!({}), vec![])});
        let why = missing_of(&run, "sort-spilled", &document, false).unwrap();
        assert!(why.contains("work_mem"), "{why}");
        assert_eq!(missing_of(&run, "sort-spilled", &document, true), None);
    }

    #[test]
    fn an_expected_spill_is_an_estimate() {
        let sort = |rows: f64| {
            let plan = node(
                "Sort",
                &json!({"Plan Rows": rows, "Plan Width": 40}),
                vec![],
            );
            of("sort-spilled", insights(&plan, false))
        };
        let found = sort(100_000.0).unwrap();
        assert_eq!(
            (found.severity, found.evidence),
            (Severity::Info, Evidence::Estimated)
        );
        assert_eq!(found.remediation.sql, None);
        assert_eq!(
            sort(60_000.0),
            None,
            "60 000 rows of 64 bytes fit into 4 MB"
        );
    }
}
