//! `heap-fetches`: an index-only scan that goes to the table after all.

use crate::analyze::conclusions::Severity;
use crate::analyze::indexes::sql::qualified;
use crate::analyze::plans::account::Visit;
use crate::analyze::rules::thresholds as t;

use super::look::{Look, graded};
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "heap-fetches",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look.executed()?.filter_map(|v| fetches(look, v)).collect())
}

fn fetches(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    // Heap Fetches is a total, rows are per loop.
    let fetches = visit.node.number("Heap Fetches").filter(|f| *f > 0.0)?;
    let actual = visit.node.actual?;
    let removed = visit.node.number("Rows Removed by Filter").unwrap_or(0.0);
    let share = fetches / ((actual.rows + removed) * actual.loops).max(1.0);
    let severity = graded(
        share,
        t::HEAP_FETCHES_INFO_RATIO,
        t::HEAP_FETCHES_WARNING_RATIO,
    )?;
    let never = look.table(visit.node).is_some_and(|table| {
        let stats = look.run.tables.stat_user_tables.as_ref();
        let row = stats.and_then(|s| s.last.iter().find(|row| row.relid == table.relid));
        row.is_some_and(|row| row.last_vacuum.is_none() && row.last_autovacuum.is_none())
    });
    let why = if never {
        "it has not been vacuumed since it was loaded (or since the statistics were reset)"
    } else {
        "it changes faster than vacuum comes round"
    };
    // One fetch from a fresh page is no reason for a change.
    let severity = if fetches < t::HEAP_FETCHES_MIN {
        Severity::Info
    } else {
        severity
    };
    let sql = look
        .table(visit.node)
        .map(|table| format!("VACUUM {};", qualified(&table.schemaname, &table.relname)));
    let remark = Remark::new(look, visit, severity)
        .title(&format!("the index-only scan fetches {:.0} % of its rows from the table", 100.0 * share.min(1.0)))
        .detail(format!(
            "{fetches:.0} heap fetches: the visibility map of the table is not up to date, since {why}"
        ))
        .sql(sql)
        .note(
            "SHARE UPDATE EXCLUSIVE lock, beside reads and writes; nothing to undo. It holds until \
             the pages change again: autovacuum_vacuum_scale_factor, and since PostgreSQL 13 \
             autovacuum_vacuum_insert_scale_factor, make it come round more often. A transaction \
             that stays open holds the map back",
        );
    Some(remark)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, look, missing, node, of, ran, run};
    use super::*;

    fn scan(fetches: f64) -> serde_json::Value {
        let extra = json!({"Heap Fetches": fetches, "Actual Loops": 10.0, "Actual Rows": 1000.0,
            "Relation Name": "tasks"});
        ran("Index Only Scan", &extra, vec![])
    }

    #[test]
    fn heap_fetches_are_a_total() {
        let found = |fetches| of("heap-fetches", insights(&scan(fetches), true));
        assert_eq!(found(0.0), None);
        assert_eq!(found(1000.0).unwrap().severity, Severity::Info);
        let many = found(9500.0).unwrap();
        assert_eq!(many.severity, Severity::Warning);
        assert_eq!(
            many.remediation.sql.as_deref(),
            Some("VACUUM public.tasks;")
        );
        assert!(
            many.detail.contains("faster than vacuum"),
            "{}",
            many.detail
        );
    }

    #[test]
    fn a_table_that_was_only_loaded_is_told_apart() {
        let mut run = run();
        let stats = run.tables.stat_user_tables.as_mut().unwrap();
        stats.last[0].last_autovacuum = None;
        let found = look(&run, &json!({"Plan": scan(9500.0)}), true).0;
        assert!(
            of("heap-fetches", found)
                .unwrap()
                .detail
                .contains("since it was loaded")
        );
    }

    #[test]
    fn estimates_decide_nothing() {
        let plan = node("Index Only Scan", &json!({}), vec![]);
        assert!(
            missing("heap-fetches", &plan, false)
                .unwrap()
                .contains("not executed")
        );
    }
}
