//! `stale-statistics`: the planner's statistics of a table are old, or were never taken.

use crate::analyze::conclusions::Severity;
use crate::analyze::indexes::sql::qualified;
use crate::record::tables::StatUserTable;

use super::draft::Draft;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "stale-statistics",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let tables = facts.tables()?;
    let base = facts.number_setting("autovacuum_analyze_threshold")?;
    let scale = facts.number_setting("autovacuum_analyze_scale_factor")?;
    let known = facts.run.tables.facts.as_deref().unwrap_or_default();
    let found = tables.last.iter().filter_map(|stats| {
        let table = known.iter().find(|t| t.relid == stats.relid);
        let rows = table.map_or(stats.n_live_tup as f64, |t| f64::from(t.reltuples.max(0.0)));
        let threshold = base + scale * rows;
        let changed = stats.n_mod_since_analyze;
        let never = is_never_analyzed(stats) && stats.n_live_tup > t::NEVER_ANALYZED_MIN_ROWS;
        let old = changed as f64 > t::AUTOVACUUM_BEHIND_FACTOR * threshold;
        (never || old).then(|| {
            let name = qualified(&stats.schemaname, &stats.relname);
            let title = if never {
                format!(
                    "{} with {} rows was never analysed",
                    stats.relname, stats.n_live_tup
                )
            } else {
                format!("{changed} rows of {} changed since ANALYZE", stats.relname)
            };
            Draft::new(RULE.id, Severity::Warning)
                .about("table", &format!("{}.{}", stats.schemaname, stats.relname))
                .title(&title)
                .detail(format!(
                    "Autovacuum analyses it after {threshold:.0} changes; until then the planner \
                     estimates from an old or no picture. Partitioned parents are never analysed \
                     by autovacuum"
                ))
                .sql(format!("ANALYZE {name};"))
                .note("SHARE UPDATE EXCLUSIVE lock; plans may change; there is nothing to undo")
                .fire(facts)
        })
    });
    Ok(found.collect())
}

fn is_never_analyzed(stats: &StatUserTable) -> bool {
    stats.last_analyze.is_none() && stats.last_autoanalyze.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run_with_indexes, set, span, table_stats};
    use crate::analyze::rules::testing::Case;

    fn case(change: impl Fn(&mut StatUserTable)) -> Case {
        let mut run = run_with_indexes(vec![]);
        set(&mut run, "autovacuum_analyze_threshold", "50");
        set(&mut run, "autovacuum_analyze_scale_factor", "0.1");
        let mut stats = table_stats(1, "tasks");
        change(&mut stats);
        run.tables.stat_user_tables = Some(span(vec![stats.clone()], vec![stats]));
        Case::of(run)
    }

    #[test]
    fn many_changes_and_no_analyze_are_found() {
        let finding = case(|s| s.n_mod_since_analyze = 21_000).the_finding(&RULE);
        assert!(finding.title.contains("21000 rows of tasks changed"));
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("ANALYZE public.tasks;")
        );
        let finding = case(|s| s.last_autoanalyze = None).the_finding(&RULE);
        assert!(
            finding
                .title
                .contains("tasks with 100000 rows was never analysed")
        );
    }

    #[test]
    fn few_changes_and_small_tables_are_quiet() {
        case(|s| s.n_mod_since_analyze = 20_000).assert_quiet(&RULE);
        case(|s| {
            s.last_autoanalyze = None;
            s.n_live_tup = 1_000;
        })
        .assert_quiet(&RULE);
    }
}
