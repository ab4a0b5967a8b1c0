//! Scans: rows read for nothing, heap fetches, lossy bitmaps, wrapped columns.

use crate::analyze::conclusions::{Evidence, Insight, Severity};
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::conditions::conditions;
use crate::analyze::rules::thresholds as t;

use super::{Look, graded, insight};

pub(super) fn find(look: &Look<'_>, visit: &Visit<'_>, found: &mut Vec<Insight>) {
    if look.analyzed {
        found.extend(filter_discards_rows(visit));
        found.extend(heap_fetches(visit));
        found.extend(bitmap_lossy(visit));
        found.extend(index_descents(visit));
    } else {
        found.extend(filter_expected_to_discard(look, visit));
    }
    found.extend(casted_column(look, visit));
}

fn filter_discards_rows(visit: &Visit<'_>) -> Option<Insight> {
    let actual = visit.node.actual?;
    let removed = visit.node.number("Rows Removed by Filter")?;
    let total = removed * actual.loops;
    let share = removed / (removed + actual.rows);
    if total < t::FILTER_MIN_ROWS_REMOVED {
        return None;
    }
    let severity = graded(share, t::FILTER_INFO_RATIO, t::FILTER_WARNING_RATIO)?;
    let filter = visit.node.text("Filter").unwrap_or("its filter");
    let detail = format!(
        "{filter} discards {:.1} % of the rows read ({total:.0} of {:.0}); an index on its columns \
         would read only those that are kept",
        100.0 * share,
        total + actual.rows * actual.loops,
    );
    Some(insight(
        "filter-discards-rows",
        severity,
        visit.node,
        Evidence::Measured,
        detail,
    ))
}

fn filter_expected_to_discard(look: &Look<'_>, visit: &Visit<'_>) -> Option<Insight> {
    if !visit.node.is_seq_scan() {
        return None;
    }
    let filter = visit.node.text("Filter")?;
    let rows = f64::from(look.table(visit.node)?.reltuples);
    if rows < t::SEQ_SCAN_MIN_TABLE_ROWS {
        return None;
    }
    let share = (1.0 - visit.estimated_rows / rows).clamp(0.0, 1.0);
    let severity = graded(share, t::FILTER_INFO_RATIO, t::FILTER_WARNING_RATIO)?;
    let detail = format!(
        "the planner expects {filter} to keep {:.0} of {rows:.0} rows; an index on its columns \
         would read only those that are kept",
        visit.estimated_rows,
    );
    Some(insight(
        "filter-discards-rows",
        severity,
        visit.node,
        Evidence::Estimated,
        detail,
    ))
}

fn heap_fetches(visit: &Visit<'_>) -> Option<Insight> {
    // Heap Fetches is a total, rows are per loop.
    let fetches = visit.node.number("Heap Fetches").filter(|f| *f > 0.0)?;
    let actual = visit.node.actual?;
    let share = fetches / (actual.rows * actual.loops).max(1.0);
    let severity = graded(
        share,
        t::HEAP_FETCHES_INFO_RATIO,
        t::HEAP_FETCHES_WARNING_RATIO,
    )?;
    let detail = format!(
        "{fetches:.0} heap fetches ({:.0} % of the rows): the visibility map is not up to date; \
         VACUUM the table, or vacuum it more often. A table that was just loaded is not vacuumed yet",
        100.0 * share.min(1.0),
    );
    Some(insight(
        "heap-fetches",
        severity,
        visit.node,
        Evidence::Measured,
        detail,
    ))
}

fn bitmap_lossy(visit: &Visit<'_>) -> Option<Insight> {
    let lossy = visit
        .node
        .number_with_workers("Lossy Heap Blocks")
        .filter(|l| *l > 0.0)?;
    let exact = visit
        .node
        .number_with_workers("Exact Heap Blocks")
        .unwrap_or(0.0);
    let detail = format!(
        "the bitmap was lossy for at least {lossy:.0} blocks ({exact:.0} exact): every row on them \
         was checked again; more work_mem or a more selective index would avoid it",
    );
    Some(insight(
        "bitmap-lossy",
        Severity::Info,
        visit.node,
        Evidence::Measured,
        detail,
    ))
}

/// PostgreSQL 18 counts the descents of an index scan.
fn index_descents(visit: &Visit<'_>) -> Option<Insight> {
    let searches = visit.node.number("Index Searches")?;
    let per_loop = searches / visit.node.actual?.loops;
    if per_loop <= t::INDEX_SEARCHES_PER_LOOP {
        return None;
    }
    let detail = format!(
        "{per_loop:.0} descents of the index per execution, as `= ANY` over far values or a skip \
         scan makes them",
    );
    Some(insight(
        "repeated-index-descents",
        Severity::Info,
        visit.node,
        Evidence::Measured,
        detail,
    ))
}

/// A condition on a wrapped column whose bare column leads an index.
fn casted_column(look: &Look<'_>, visit: &Visit<'_>) -> Option<Insight> {
    let table = look.table(visit.node)?;
    let indexes = look.run.indexes.facts.as_ref()?;
    let filter = visit.node.text("Filter")?;
    conditions(filter)?.into_iter().find_map(|condition| {
        let wrapped = condition.wrapped?;
        let column = table
            .columns
            .iter()
            .find(|c| c.attname == condition.column)?;
        // A varchar compared as text needs no conversion.
        let relabelled = wrapped == "::text" && column.type_name.starts_with("character varying");
        let index = indexes
            .iter()
            .find(|i| i.indrelid == table.relid && i.indkey.first() == Some(&column.attnum))?;
        let detail = format!(
            "the filter applies {wrapped} to {}, so the index {} on the bare column cannot serve \
             it; compare the bare column, or index the expression",
            column.attname, index.indexrelname,
        );
        (!relabelled).then(|| {
            insight(
                "casted-column",
                Severity::Info,
                visit.node,
                Evidence::Estimated,
                detail,
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, node, of, ran};
    use super::*;

    #[test]
    fn a_filter_that_discards_rows_is_measured_per_loop() {
        let scan = |removed: f64, loops: f64| {
            let extra = json!({"Relation Name": "tasks", "Filter": "(a = $1)", "Actual Loops": loops,
                "Actual Rows": 10.0, "Rows Removed by Filter": removed});
            of(
                "filter-discards-rows",
                insights(&ran("Seq Scan", &extra, vec![]), true),
            )
        };
        let found = scan(990.0, 10.0).unwrap();
        assert_eq!(
            (found.severity, found.evidence),
            (Severity::Warning, Evidence::Measured)
        );
        assert!(found.detail.contains("99.0 %") && found.detail.contains("9900 of 10000"));
        assert_eq!(scan(15.0, 100.0).unwrap().severity, Severity::Info);
        assert_eq!(scan(990.0, 1.0), None, "fewer than 1000 rows");
        assert_eq!(scan(9.0, 1000.0), None, "less than half");
    }

    #[test]
    fn estimates_are_judged_on_big_tables_only() {
        let scan = |relation: &str, rows: f64| {
            let extra = json!({"Relation Name": relation, "Filter": "(a = $1)", "Plan Rows": rows});
            of(
                "filter-discards-rows",
                insights(&node("Seq Scan", &extra, vec![]), false),
            )
        };
        let found = scan("tasks", 500.0).unwrap();
        assert_eq!(
            (found.severity, found.evidence),
            (Severity::Warning, Evidence::Estimated)
        );
        assert!(found.detail.contains("500 of 100000"), "{}", found.detail);
        assert_eq!(scan("tasks", 90_000.0), None);
        assert_eq!(scan("unknown", 500.0), None);
    }

    #[test]
    fn heap_fetches_are_a_total() {
        let scan = |fetches: f64| {
            let extra =
                json!({"Heap Fetches": fetches, "Actual Loops": 10.0, "Actual Rows": 100.0});
            of(
                "heap-fetches",
                insights(&ran("Index Only Scan", &extra, vec![]), true),
            )
        };
        assert_eq!(scan(0.0), None);
        assert_eq!(scan(100.0).unwrap().severity, Severity::Info);
        assert_eq!(scan(950.0).unwrap().severity, Severity::Warning);
    }

    #[test]
    fn lossy_blocks_and_descents_are_seen() {
        let extra = json!({"Lossy Heap Blocks": 5, "Exact Heap Blocks": 7, "Index Searches": 40});
        let all = insights(&ran("Bitmap Heap Scan", &extra, vec![]), true);
        assert!(
            of("bitmap-lossy", all.clone())
                .unwrap()
                .detail
                .contains("5 blocks (7 exact)")
        );
        assert!(
            of("repeated-index-descents", all)
                .unwrap()
                .detail
                .contains("40 descents")
        );
    }

    #[test]
    fn a_wrapped_column_with_an_index_is_named() {
        let scan = |filter: &str| {
            let extra = json!({"Relation Name": "tasks", "Filter": filter});
            of(
                "casted-column",
                insights(&node("Seq Scan", &extra, vec![]), false),
            )
        };
        assert!(
            scan("(lower(name) = $1)")
                .unwrap()
                .detail
                .contains("i_name")
        );
        assert_eq!(scan("(name = $1)"), None);
        assert_eq!(scan("(lower(a) = $1)"), None, "a has no index");
    }
}
