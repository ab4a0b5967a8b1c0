//! `table-bloat`: half of a large table is free space and dead rows.

use crate::analyze::conclusions::Severity;
use crate::analyze::indexes::sql::qualified;
use crate::record::health::TableBloat;
use crate::record::tables::TableFacts;

use super::draft::Draft;
use super::text::{percent, size};
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "table-bloat",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let health = facts.run.health.as_ref();
    let measured = health.and_then(|h| h.bloat.as_ref());
    let measured = measured.ok_or_else(|| facts.missing("pgstattuple"))?;
    let tables = facts.run.tables.facts.as_ref();
    let tables = tables.ok_or_else(|| facts.missing("pg_class"))?;
    let mut outcomes: Vec<Outcome> = measured
        .iter()
        .filter_map(|bloat| {
            let table = tables.iter().find(|t| t.relid == bloat.relid)?;
            Some(outcome(facts, bloat, table))
        })
        .collect();
    let left_out = health.map_or(0, |h| h.bloat_left_out);
    if left_out > 0 {
        outcomes.push(Outcome::NotEvaluated(facts.missing("pgstattuple")));
    }
    Ok(outcomes)
}

fn outcome(facts: &Facts<'_>, bloat: &TableBloat, table: &TableFacts) -> Outcome {
    let length = bloat.table_len as f64;
    // What the table was told to leave free is no waste.
    let kept_free = (1.0 - fillfactor(table)) * length;
    let free = (bloat.approx_free_space as f64 - kept_free).max(0.0);
    let waste = free + bloat.dead_tuple_len as f64;
    let ratio = waste / length.max(1.0);
    if length < t::BLOAT_MIN_BYTES || ratio < t::BLOAT_RATIO {
        return Outcome::Quiet;
    }
    let name = format!("{}.{}", table.schemaname, table.relname);
    let quoted = qualified(&table.schemaname, &table.relname);
    let bytes = |n: i64| size(u64::try_from(n).unwrap_or(0));
    Draft::new(RULE.id, Severity::Warning)
        .about("table", &name)
        .title(&format!(
            "{} of {name} ({}) is free space or dead rows",
            percent(ratio),
            bytes(bloat.table_len)
        ))
        .detail(format!(
            "{} free, {} of dead rows, by pgstattuple_approx, which read {:.0} % of the pages and \
             took the free space of the others from their map. Sequential scans read all of it, \
             and it takes memory from live rows. Free space is used again by new rows",
            bytes(bloat.approx_free_space),
            bytes(bloat.dead_tuple_len),
            bloat.scanned_percent
        ))
        .sql(format!("VACUUM (FULL, ANALYZE) {quoted};"))
        .note(
            "ACCESS EXCLUSIVE lock for as long as the table is copied, and the disk needs room for \
             the copy: in a maintenance window, or pg_repack, which locks for moments only. No \
             undo. First see that it does not come back: autovacuum, and who holds the horizon",
        )
        .fire(facts)
}

/// Part of a page that is filled at first (0 to 1).
fn fillfactor(table: &TableFacts) -> f64 {
    let options = table.reloptions.iter();
    let mut set = options.filter_map(|o| o.strip_prefix("fillfactor="));
    let percent = set.next().and_then(|v| v.parse::<f64>().ok());
    percent.unwrap_or(100.0) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, table};
    use crate::analyze::health::testing::window;
    use crate::analyze::rules::testing::Case;

    const MIB: i64 = 1 << 20;

    fn case(free_mib: i64, dead_mib: i64, options: &[&str]) -> Case {
        let mut run = run();
        let mut health = window();
        health.bloat = Some(vec![TableBloat {
            relid: 1,
            table_len: 200 * MIB,
            scanned_percent: 40.0,
            approx_free_space: free_mib * MIB,
            dead_tuple_len: dead_mib * MIB,
        }]);
        run.health = Some(health);
        let mut facts = table(1, "tasks");
        facts.reloptions = options.iter().map(|o| (*o).to_owned()).collect();
        run.tables.facts = Some(vec![facts]);
        Case::of(run)
    }

    #[test]
    fn half_of_a_large_table_is_a_warning() {
        let finding = case(60, 40, &[]).the_finding(&RULE);
        assert_eq!(
            finding.title,
            "50.0 % of public.tasks (200.0 MiB) is free space or dead rows"
        );
        case(60, 39, &[]).assert_quiet(&RULE);
    }

    #[test]
    fn space_that_is_left_free_on_purpose_is_no_waste() {
        case(110, 0, &["fillfactor=90"]).assert_quiet(&RULE);
        case(120, 0, &["fillfactor=90"]).the_finding(&RULE);
    }

    #[test]
    fn without_the_extension_nothing_is_known() {
        let mut absent = case(190, 0, &[]);
        absent.run.health.as_mut().unwrap().bloat = None;
        assert!(absent.missing_fact(&RULE).contains("pgstattuple"));
        let mut partly = case(0, 0, &[]);
        partly.run.health.as_mut().unwrap().bloat_left_out = 2;
        let outcomes = partly.outcomes(&RULE);
        assert!(
            outcomes
                .iter()
                .any(|o| matches!(o, Outcome::NotEvaluated(_)))
        );
    }
}
