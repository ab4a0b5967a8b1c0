//! `table-bloat`: half of a large table is free space and dead rows.

use std::collections::HashMap;

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::heap;
use crate::analyze::indexes::sql::qualified;
use crate::analyze::indexes::widths::Widths;
use crate::record::health::TableBloat;
use crate::record::tables::TableFacts;

use super::draft::Draft;
use super::text::{percent, size};
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "table-bloat",
    judge,
};

const PAGE_BYTES: f64 = 8192.0;

fn judge(facts: &Facts<'_>) -> Judgement {
    let health = facts.run.health.as_ref();
    let measured = health.and_then(|h| h.bloat.as_ref());
    let packed = Packed::of(facts);
    if measured.is_none() && packed.is_none() {
        return Err(facts.missing("pgstattuple"));
    }
    let tables = facts.run.tables.facts.as_ref();
    let tables = tables.ok_or_else(|| facts.missing("pg_class"))?;
    let measured: HashMap<u32, &TableBloat> = measured
        .into_iter()
        .flatten()
        .map(|b| (b.relid, b))
        .collect();
    let mut outcomes = Vec::new();
    let (mut estimated, mut unknown) = (0, 0);
    for table in tables {
        if let Some(bloat) = measured.get(&table.relid) {
            outcomes.push(outcome(facts, bloat, table));
        } else if is_large(table) {
            match packed.as_ref().and_then(|p| p.outcome(facts, table)) {
                Some(outcome) => {
                    estimated += 1;
                    outcomes.push(outcome);
                }
                None => unknown += 1,
            }
        }
    }
    let left_out = health.map_or(0, |h| h.bloat_left_out);
    if unknown > 0 || left_out > estimated {
        outcomes.push(Outcome::NotEvaluated(facts.missing("pgstattuple")));
    }
    Ok(outcomes)
}

/// The main fork alone, as it was at the last VACUUM or ANALYZE: sizes that are read later hold TOAST too.
fn is_large(table: &TableFacts) -> bool {
    let pages = f64::from(table.relpages);
    matches!(table.relkind.as_str(), "r" | "m") && pages * PAGE_BYTES >= t::BLOAT_MIN_BYTES
}

/// What tables would take if they were written anew.
struct Packed<'a>(Widths<'a>);

impl<'a> Packed<'a> {
    fn of(facts: &Facts<'a>) -> Option<Self> {
        Widths::of_run(facts.run).map(Self)
    }

    /// Pages of a table that was written anew, and `None` where its statistics are missing.
    fn pages(&self, table: &TableFacts) -> Option<f64> {
        let columns = self.0.of_table(table.relid)?;
        let rows = f64::from(table.reltuples);
        let fill = heap::fillfactor(&table.reloptions).unwrap_or(1.0);
        (rows >= 0.0).then(|| heap::pages(rows, columns, fill))?
    }

    fn outcome(&self, facts: &Facts<'_>, table: &TableFacts) -> Option<Outcome> {
        let packed = self.pages(table)?;
        let pages = f64::from(table.relpages);
        let ratio = 1.0 - packed / pages;
        if ratio < t::BLOAT_RATIO {
            return Some(Outcome::Quiet);
        }
        let name = format!("{}.{}", table.schemaname, table.relname);
        let draft = Draft::new(RULE.id, Severity::Info)
            .evidence(Evidence::Estimated)
            .about("table", &name)
            .title(&format!(
                "About {} of {name} ({pages:.0} pages) is free space or dead rows",
                percent(ratio)
            ))
            .detail(format!(
                "At its last VACUUM or ANALYZE it had {:.0} live rows, which take about {packed:.0} \
                 pages by the average widths of its columns. Sequential scans read all of it, and it \
                 takes memory from live rows. Free space is used again by new rows",
                table.reltuples
            ));
        Some(remedy(draft, table).fire(facts))
    }
}

fn outcome(facts: &Facts<'_>, bloat: &TableBloat, table: &TableFacts) -> Outcome {
    let length = bloat.table_len as f64;
    // What the table was told to leave free is no waste.
    let kept_free = (1.0 - heap::fillfactor(&table.reloptions).unwrap_or(1.0)) * length;
    let free = (bloat.approx_free_space as f64 - kept_free).max(0.0);
    let waste = free + bloat.dead_tuple_len as f64;
    let ratio = waste / length.max(1.0);
    if length < t::BLOAT_MIN_BYTES || ratio < t::BLOAT_RATIO {
        return Outcome::Quiet;
    }
    let name = format!("{}.{}", table.schemaname, table.relname);
    let bytes = |n: i64| size(u64::try_from(n).unwrap_or(0));
    let draft = Draft::new(RULE.id, Severity::Warning)
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
        ));
    remedy(draft, table).fire(facts)
}

fn remedy(draft: Draft, table: &TableFacts) -> Draft {
    let quoted = qualified(&table.schemaname, &table.relname);
    draft.sql(format!("VACUUM (FULL, ANALYZE) {quoted};")).note(
        "ACCESS EXCLUSIVE lock for as long as the table is copied, and the disk needs room for \
         the copy: in a maintenance window, or pg_repack, which locks for moments only. No \
         undo. First see that it does not come back: autovacuum, and who holds the horizon",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{column_stats, run, table};
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

    /// A table of 200 MiB with so many rows of 32 bytes; nothing was measured.
    fn unmeasured(rows: f32, options: &[&str]) -> Case {
        let mut case = case(0, 0, options);
        case.run.health.as_mut().unwrap().bloat = None;
        let table = &mut case.run.tables.facts.as_mut().unwrap()[0];
        table.relpages = 25_600;
        table.reltuples = rows;
        case.run.tables.column_stats = Some(vec![column_stats(1, 1, "id", 8, "d")]);
        case
    }

    #[test]
    fn without_the_extension_large_tables_are_estimated() {
        // 226 rows on a page.
        let finding = unmeasured(2_800_000.0, &[]).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Info);
        assert_eq!(finding.evidence, Evidence::Estimated);
        assert_eq!(
            finding.title,
            "About 51.6 % of public.tasks (25600 pages) is free space or dead rows"
        );
        unmeasured(3_000_000.0, &[]).assert_quiet(&RULE);
        unmeasured(2_800_000.0, &["fillfactor=80"]).assert_quiet(&RULE);
    }

    #[test]
    fn a_table_without_statistics_is_not_estimated() {
        for (rows, columns) in [(-1.0, true), (9.0, false)] {
            let mut case = unmeasured(rows, &[]);
            if !columns {
                case.run.tables.column_stats = Some(Vec::new());
            }
            assert!(case.missing_fact(&RULE).contains("pgstattuple"));
        }
    }

    #[test]
    fn a_measurement_is_believed_before_an_estimate() {
        let mut full = unmeasured(1_000.0, &[]);
        full.run.health = case(10, 0, &[]).run.health;
        full.assert_quiet(&RULE);
    }
}
