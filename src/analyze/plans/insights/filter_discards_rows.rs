//! `filter-discards-rows`: rows that are read only to be thrown away.

use crate::analyze::conclusions::Evidence;
use crate::analyze::plans::account::Visit;
use crate::analyze::rules::thresholds as t;

use super::look::{Look, graded};
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "filter-discards-rows",
    finding: Promotion::Saves,
    judge,
};

/// What an index needs before it is made.
const NOTE: &str = "missing-index and or-across-columns name the index where one is known to serve \
                    this filter; every write to the table pays for an index";

fn judge(look: &Look<'_>) -> Judgement {
    look.executed_or_tables()?;
    let found = look.relevant().filter_map(|visit| {
        if look.analyzed {
            measured(look, visit)
        } else {
            expected(look, visit)
        }
    });
    Ok(found.collect())
}

fn measured(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let actual = visit.node.actual?;
    // A condition on groups or joined rows is no condition on rows that were read.
    visit.node.relation.as_ref()?;
    let removed = visit.node.number("Rows Removed by Filter")?;
    let total = removed * actual.loops;
    let share = removed / (removed + actual.rows);
    if total < t::FILTER_MIN_ROWS_REMOVED {
        return None;
    }
    let severity = graded(share, t::FILTER_INFO_RATIO, t::FILTER_WARNING_RATIO)?;
    let filter = visit.node.text("Filter").unwrap_or("its filter");
    let remark = Remark::new(look, visit, severity)
        .title(&format!(
            "its filter discards {:.1} % of the rows read",
            100.0 * share
        ))
        .detail(format!(
            "{filter} discards {:.1} % of the rows read ({total:.0} of {:.0}); an index on its \
             columns would read only those that are kept",
            100.0 * share,
            total + actual.rows * actual.loops,
        ))
        .note(NOTE);
    Some(remark)
}

fn expected(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
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
    let remark = Remark::new(look, visit, severity)
        .evidence(Evidence::Estimated)
        .title(&format!(
            "its filter is expected to discard {:.1} % of the rows read",
            100.0 * share
        ))
        .detail(format!(
            "the planner expects {filter} to keep {:.0} of {rows:.0} rows; an index on its columns \
             would read only those that are kept",
            visit.estimated_rows,
        ))
        .note(NOTE);
    Some(remark)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing_of, node, of, ran, run};
    use crate::analyze::conclusions::{Evidence, Severity};

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
        assert_eq!(found.title, "its filter discards 99.0 % of the rows read");
        assert!(found.detail.contains("9900 of 10000"));
        assert_eq!(scan(15.0, 100.0).unwrap().severity, Severity::Info);
        assert_eq!(scan(990.0, 1.0), None, "fewer than 1000 rows");
        assert_eq!(scan(9.0, 1000.0), None, "less than half");
    }

    #[test]
    fn a_condition_on_groups_reads_nothing_for_nothing() {
        let extra = json!({"Filter": "(count(*) > $1)", "Rows Removed by Filter": 90_000.0,
            "Strategy": "Hashed"});
        let plan = ran("Aggregate", &extra, vec![]);
        assert_eq!(of("filter-discards-rows", insights(&plan, true)), None);
    }

    #[test]
    fn without_the_catalogue_an_estimate_is_not_judged() {
        let mut run = run();
        run.tables.facts = None;
        for rule in ["filter-discards-rows", "or-across-columns"] {
            let document = json!({"Plan": node("Seq Scan", &json!({}), vec![])});
            assert!(
                missing_of(&run, rule, &document, false)
                    .unwrap()
                    .contains("pg_class")
            );
            assert_eq!(missing_of(&run, rule, &document, true), None);
        }
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
        let weight = found.weight.unwrap();
        assert_eq!(weight.evidence, Evidence::Estimated);
        assert_eq!(scan("tasks", 90_000.0), None);
        assert_eq!(scan("unknown", 500.0), None);
    }
}
