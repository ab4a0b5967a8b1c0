//! `stale-statistics` on a plan: a scan whose estimate rests on statistics of another time. The rule of
//! the same name finds the table itself.

use std::collections::BTreeSet;

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;

use super::look::Look;
use super::remark::Remark;
use super::statistics::{analyze, stale};
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "stale-statistics",
    // The table is the finding.
    finding: Promotion::Never,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    let tables = &look.run.tables;
    tables
        .facts
        .as_ref()
        .ok_or("the tables were not read (pg_class)")?;
    let stats = tables.stat_user_tables.as_ref();
    stats.ok_or("pg_stat_user_tables was not read, so the age of statistics is not known")?;
    let mut seen = BTreeSet::new();
    let found = look
        .relevant()
        .filter_map(|v| rests_on_old(look, v, &mut seen));
    Ok(found.collect())
}

/// The first scan of each table.
fn rests_on_old(look: &Look<'_>, visit: &Visit<'_>, seen: &mut BTreeSet<u32>) -> Option<Remark> {
    let table = look.table(visit.node)?;
    if !seen.insert(table.relid) {
        return None;
    }
    let cure = analyze(table, &stale(look, table)?);
    let remark = Remark::new(look, visit, Severity::Warning)
        .title("its estimate rests on old statistics")
        .detail(format!(
            "{}. The estimates of this scan, and what was chosen by them, may be off",
            cure.cause
        ))
        .sql(cure.sql)
        .note(cure.note);
    Some(remark)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{look, missing_of, node, of, run};

    #[test]
    fn a_scan_of_a_table_with_old_statistics_is_named_once() {
        let mut run = run();
        let scan = || node("Seq Scan", &json!({"Relation Name": "tasks"}), vec![]);
        let document = json!({"Plan": node("Append", &json!({}), vec![scan(), scan()])});
        assert_eq!(of("stale-statistics", look(&run, &document, false).0), None);
        let stats = run.tables.stat_user_tables.as_mut().unwrap();
        stats.last[0].n_mod_since_analyze = 50_000;
        let all = look(&run, &document, false).0;
        assert_eq!(
            all.iter().filter(|i| i.rule == "stale-statistics").count(),
            1
        );
        let insight = of("stale-statistics", all).unwrap();
        assert_eq!(insight.node, "Seq Scan on tasks");
        assert_eq!(
            insight.remediation.sql.as_deref(),
            Some("ANALYZE public.tasks;")
        );
        run.tables.stat_user_tables = None;
        let why = missing_of(&run, "stale-statistics", &document, false).unwrap();
        assert!(why.contains("not known"), "{why}");
    }
}
