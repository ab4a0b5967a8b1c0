//! `autovacuum-behind`: a table has twice the dead rows at which autovacuum should have come.

use crate::analyze::conclusions::Severity;
use crate::analyze::indexes::sql::qualified;
use crate::record::tables::{StatUserTable, TableFacts};

use super::draft::Draft;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "autovacuum-behind",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let tables = facts.tables()?;
    let defaults = Defaults::read(facts)?;
    let known = facts.run.tables.facts.as_ref();
    let known = known.ok_or_else(|| facts.missing("pg_class"))?;
    let found =
        tables.last.iter().filter_map(|stats| {
            let table = known.iter().find(|t| t.relid == stats.relid)?;
            let threshold = defaults.threshold(table, stats);
            let behind = stats.n_dead_tup as f64 > t::AUTOVACUUM_BEHIND_FACTOR * threshold;
            behind.then(|| {
                let name = qualified(&stats.schemaname, &stats.relname);
                let last = stats.last_autovacuum.max(stats.last_vacuum);
                let last = last.map_or_else(|| "never".to_owned(), |at| format!("at {at}"));
                Draft::new(RULE.id, Severity::Warning)
                .about("table", &format!("{}.{}", stats.schemaname, stats.relname))
                .title(&format!("{} has {} dead rows", stats.relname, stats.n_dead_tup))
                .detail(format!(
                    "Autovacuum should have come at {threshold:.0} dead rows; the table was last \
                     vacuumed {last}. It may be running now, or a long transaction holds it back"
                ))
                .sql(format!("VACUUM (ANALYZE) {name};"))
                .note(format!(
                    "SHARE UPDATE EXCLUSIVE lock; truncation takes ACCESS EXCLUSIVE for a moment \
                     (TRUNCATE false avoids it). To have it come earlier: ALTER TABLE {name} SET \
                     (autovacuum_vacuum_scale_factor = 0.02), RESET takes it back"
                ))
                .fire(facts)
            })
        });
    Ok(found.collect())
}

/// Autovacuum's settings: a table is vacuumed at `threshold + scale_factor × reltuples` dead rows,
/// from 18 on at `max_threshold` at the latest.
struct Defaults {
    threshold: f64,
    scale_factor: f64,
    max_threshold: Option<f64>,
}

impl Defaults {
    fn read(facts: &Facts<'_>) -> Result<Self, String> {
        let max = facts.number_setting("autovacuum_vacuum_max_threshold");
        Ok(Self {
            threshold: facts.number_setting("autovacuum_vacuum_threshold")?,
            scale_factor: facts.number_setting("autovacuum_vacuum_scale_factor")?,
            max_threshold: max.ok().filter(|max| *max >= 0.0),
        })
    }

    /// A table's own options come first.
    fn threshold(&self, table: &TableFacts, stats: &StatUserTable) -> f64 {
        let own = |name: &str| {
            let options = table.reloptions.iter().filter_map(|o| o.split_once('='));
            let value = options
                .filter(|(key, _)| *key == name)
                .map(|(_, v)| v.parse().ok());
            value.flatten().next()
        };
        let rows = f64::from(table.reltuples);
        let rows = if rows < 0.0 {
            stats.n_live_tup as f64
        } else {
            rows
        };
        let base: f64 = own("autovacuum_vacuum_threshold").unwrap_or(self.threshold);
        let scale: f64 = own("autovacuum_vacuum_scale_factor").unwrap_or(self.scale_factor);
        let threshold = base + scale * rows;
        let max = own("autovacuum_vacuum_max_threshold").or(self.max_threshold);
        max.map_or(threshold, |max: f64| threshold.min(max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run_with_indexes, set, span, table_stats};
    use crate::analyze::rules::testing::Case;

    fn case(dead: i64) -> Case {
        let mut run = run_with_indexes(vec![]);
        set(&mut run, "autovacuum_vacuum_threshold", "50");
        set(&mut run, "autovacuum_vacuum_scale_factor", "0.2");
        let mut stats = table_stats(1, "tasks");
        stats.n_dead_tup = dead;
        run.tables.stat_user_tables = Some(span(vec![stats.clone()], vec![stats]));
        Case::of(run)
    }

    #[test]
    fn twice_the_threshold_is_behind() {
        // 100 000 rows: the threshold is 20 050.
        let finding = case(41_000).the_finding(&RULE);
        assert!(finding.title.contains("tasks has 41000 dead rows"));
        assert!(finding.detail.contains("20050"));
        case(40_000).assert_quiet(&RULE);
    }

    #[test]
    fn the_table_s_own_options_and_the_cap_come_first() {
        let mut case = case(3_000);
        let options = &mut case.run.tables.facts.as_mut().unwrap()[0].reloptions;
        options.push("autovacuum_vacuum_scale_factor=0.01".to_owned());
        assert!(case.the_finding(&RULE).detail.contains("1050"));
        set(&mut case.run, "autovacuum_vacuum_max_threshold", "500");
        assert!(case.the_finding(&RULE).detail.contains("at 500 dead"));
    }

    #[test]
    fn settings_that_are_not_visible_decide_nothing() {
        let mut case = case(41_000);
        case.run.server.as_mut().unwrap().settings.clear();
        assert!(
            case.missing_fact(&RULE)
                .contains("autovacuum_vacuum_threshold")
        );
    }
}
