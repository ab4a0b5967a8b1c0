//! `bloated-index`: most of a large btree is free space.

use std::collections::HashMap;

use crate::analyze::conclusions::{Evidence, IndexVerdict, Severity};
use crate::analyze::figures::plural;
use crate::analyze::indexes::sql::qualified;
use crate::analyze::indexes::widths::Widths;
use crate::analyze::indexes::{Judged, REBUILD_NOTE};
use crate::record::health::IndexBloat;
use crate::record::indexes::IndexFacts;
use crate::record::tables::{StatUserTable, TableFacts};

use super::draft::Draft;
use super::text::{percent, size};
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "bloated-index",
    judge,
};

const PAGE_BYTES: f64 = 8192.0;

fn judge(facts: &Facts<'_>) -> Judgement {
    let judged = facts.judged_indexes()?;
    let indexes = facts.run.indexes.facts.iter().flatten();
    let large = indexes.filter(|i| {
        let bytes = i.size_bytes.map_or(0, |b| b.0);
        i.relkind == "i" && i.indisvalid && bytes >= t::BLOATED_INDEX_MIN_BYTES
    });
    let large: Vec<&IndexFacts> = large.collect();
    if large.is_empty() {
        return Ok(Vec::new());
    }
    let matter = Matter::new(facts, judged);
    let mut outcomes = Vec::new();
    let mut unknown = Vec::new();
    for index in large {
        match matter.outcome(index) {
            Some(outcome) => outcomes.push(outcome),
            None => unknown.push(index),
        }
    }
    if let Some(index) = unknown.first() {
        outcomes.push(Outcome::NotEvaluated(format!(
            "{}, such as {}.{}: neither measured nor estimated. {}; an estimate needs the statistics \
             of the columns (ANALYZE, and SELECT for the role)",
            plural(unknown.len() as u64, "large index", "large indexes"),
            index.schemaname,
            index.indexrelname,
            facts.missing("pgstattuple")
        )));
    }
    Ok(outcomes)
}

/// Facts by object id.
struct Matter<'a> {
    facts: &'a Facts<'a>,
    judged: HashMap<u32, &'a Judged>,
    measured: HashMap<u32, &'a IndexBloat>,
    tables: HashMap<u32, &'a TableFacts>,
    counters: HashMap<u32, &'a StatUserTable>,
    widths: Option<Widths<'a>>,
}

impl<'a> Matter<'a> {
    fn new(facts: &'a Facts<'a>, judged: &'a [Judged]) -> Self {
        let run = facts.run;
        let measured = run
            .health
            .iter()
            .flat_map(|h| h.index_bloat.iter().flatten());
        let counters = run.tables.stat_user_tables.iter().flat_map(|s| &s.last);
        Self {
            facts,
            judged: judged.iter().map(|j| (j.indexrelid, j)).collect(),
            measured: measured.map(|b| (b.indexrelid, b)).collect(),
            tables: run
                .tables
                .facts
                .iter()
                .flatten()
                .map(|t| (t.relid, t))
                .collect(),
            counters: counters.map(|t| (t.relid, t)).collect(),
            widths: Widths::of_run(run),
        }
    }

    /// `None` where neither a measurement nor an estimate is possible.
    fn outcome(&self, index: &IndexFacts) -> Option<Outcome> {
        if index.amname != "btree" {
            return Some(Outcome::Suppressed(format!(
                "{} is a {} index, of which no size can be expected",
                index.indexrelname, index.amname
            )));
        }
        let waste = match self.measured.get(&index.indexrelid) {
            Some(measured) => Waste::measured(measured)?,
            None => self.estimated(index)?,
        };
        if !waste.is_bloated() {
            return Some(Outcome::Quiet);
        }
        let judged = self.judged.get(&index.indexrelid);
        if judged.is_some_and(|j| j.index.verdict != IndexVerdict::Keep) {
            let trap = format!("{} is to be dropped or rebuilt anyway", index.indexrelname);
            return Some(Outcome::Suppressed(trap));
        }
        Some(self.finding(index, &waste))
    }

    /// What it would take if it were built anew.
    fn estimated(&self, index: &IndexFacts) -> Option<Waste> {
        let table = self.tables.get(&index.indrelid)?;
        let own = f64::from(index.reltuples);
        let live = self.counters.get(&index.indrelid);
        let rows = match (&index.predicate, live) {
            // The table's rows are no bound of a partial index.
            (None, Some(live)) => own.max(live.n_live_tup as f64),
            _ => own,
        };
        if rows < 0.0 || (rows <= 0.0 && live.is_none()) {
            return None;
        }
        let built = self.widths.as_ref()?.built_bytes(index, table, rows)?;
        let bytes = index.size_bytes?.0;
        Some(Waste {
            bytes: bytes as f64,
            free: bytes.saturating_sub(built) as f64,
            density: None,
            how: format!(
                "Built anew over {rows:.0} entries it would take about {}, by the widths of its \
                 columns and how many of their values differ",
                size(built)
            ),
        })
    }

    fn finding(&self, index: &IndexFacts, waste: &Waste) -> Outcome {
        let measured = waste.density.is_some();
        let name = format!("{}.{}", index.schemaname, index.indexrelname);
        let (severity, evidence) = if measured {
            (Severity::Warning, Evidence::Measured)
        } else {
            (Severity::Info, Evidence::Estimated)
        };
        let (sql, note) = rebuild(index);
        Draft::new(RULE.id, severity)
            .evidence(evidence)
            .about("index", &name)
            .title(&format!(
                "{}{} of {} on {} ({}) is free space",
                if measured { "" } else { "About " },
                percent(waste.ratio()),
                index.indexrelname,
                index.relname,
                bytes(waste.bytes)
            ))
            .detail(format!(
                "{}. A rebuild gives back {} {}. Scans read more pages than they need, and these \
                 take memory; new entries use the space again where they fall in between",
                waste.how,
                if measured { "at least" } else { "about" },
                bytes(waste.free)
            ))
            .sql(sql)
            .note(note)
            .fire(self.facts)
    }
}

/// How to rebuild it, and what that locks.
fn rebuild(index: &IndexFacts) -> (String, String) {
    let name = qualified(&index.schemaname, &index.indexrelname);
    let after =
        "No undo. First see that it does not come back: autovacuum, and who holds the horizon";
    if index.indisexclusion {
        let note = "the index of an exclusion constraint cannot be rebuilt concurrently: ACCESS \
                    EXCLUSIVE lock on the index and SHARE on the table for as long as it is built";
        return (format!("REINDEX INDEX {name};"), format!("{note}. {after}"));
    }
    (
        format!("REINDEX INDEX CONCURRENTLY {name};"),
        format!("{REBUILD_NOTE}; if it fails it leaves an invalid index. {after}"),
    )
}

/// What of an index is not used.
struct Waste {
    bytes: f64,
    /// Bytes that a rebuild gives back.
    free: f64,
    /// `avg_leaf_density`, where it was measured.
    density: Option<f64>,
    how: String,
}

impl Waste {
    /// `None` where the index has no leaf.
    fn measured(measured: &IndexBloat) -> Option<Self> {
        let density = measured.avg_leaf_density?;
        let filled = 100.0 * crate::analyze::indexes::size::FILL;
        let leaves = measured.leaf_pages as f64 * (1.0 - density / filled).max(0.0);
        let unused = (measured.deleted_pages + measured.empty_pages) as f64;
        Some(Self {
            bytes: measured.index_size as f64,
            free: (leaves + unused) * PAGE_BYTES,
            density: Some(density),
            how: format!(
                "By pgstatindex its {} leaves are {density:.1} % full (CREATE INDEX fills {filled:.0} \
                 %), and {} pages are deleted or empty",
                measured.leaf_pages,
                measured.deleted_pages + measured.empty_pages
            ),
        })
    }

    fn ratio(&self) -> f64 {
        self.free / self.bytes.max(1.0)
    }

    fn is_bloated(&self) -> bool {
        let sparse = self
            .density
            .is_some_and(|d| d < t::BLOATED_INDEX_DENSITY_PERCENT);
        let wasted = self.free >= t::BLOATED_INDEX_WASTE_BYTES
            && self.ratio() >= t::BLOATED_INDEX_WASTE_RATIO;
        sparse || wasted
    }
}

fn bytes(count: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of bytes, not negative"
    )]
    size(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{column_stats, index, run_with_indexes};
    use crate::analyze::health::testing::window;
    use crate::analyze::rules::testing::Case;
    use crate::record::Bytes;

    /// An index on `a` of 300 MiB that is scanned, over so many rows.
    fn case(rows: f32) -> Case {
        let mut facts = index(1, 1, "i", &[2]);
        facts.size_bytes = Some(Bytes(300 << 20));
        facts.reltuples = rows;
        let mut run = run_with_indexes(vec![(facts, 9)]);
        run.tables.column_stats = Some(vec![column_stats(1, 2, "a", 4, "i")]);
        run.health = Some(window());
        Case::of(run)
    }

    fn facts(case: &mut Case) -> &mut IndexFacts {
        &mut case.run.indexes.facts.as_mut().unwrap()[0]
    }

    fn measured(density: Option<f64>, leaf_pages: i64, deleted_pages: i64) -> Case {
        let mut case = case(13_000_000.0);
        case.run.health.as_mut().unwrap().index_bloat = Some(vec![IndexBloat {
            indexrelid: 1,
            index_size: 300 << 20,
            internal_pages: 100,
            leaf_pages,
            empty_pages: 0,
            deleted_pages,
            avg_leaf_density: density,
        }]);
        case
    }

    #[test]
    fn an_index_that_is_far_too_large_for_its_entries_is_told() {
        // Five million entries take 108 MiB.
        let finding = case(5_000_000.0).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Info);
        assert_eq!(finding.evidence, Evidence::Estimated);
        assert_eq!(
            finding.title,
            "About 64.3 % of i on tasks (300.0 MiB) is free space"
        );
        let sql = finding.remediation.sql.as_deref();
        assert_eq!(sql, Some("REINDEX INDEX CONCURRENTLY public.i;"));
        let note = finding.remediation.note.unwrap();
        assert!(note.contains("SHARE UPDATE EXCLUSIVE"), "{note}");
        case(13_000_000.0).assert_quiet(&RULE);
    }

    #[test]
    fn sparse_leaves_and_deleted_pages_are_measured() {
        let finding = measured(Some(40.0), 38_000, 0).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.evidence, Evidence::Measured);
        assert!(finding.detail.contains("40.0 % full"), "{}", finding.detail);
        measured(Some(90.0), 15_000, 23_000).the_finding(&RULE);
        measured(Some(60.0), 38_000, 0).assert_quiet(&RULE);
    }

    #[test]
    fn a_measurement_is_believed_before_an_estimate() {
        let mut full = measured(Some(90.0), 38_000, 0);
        facts(&mut full).reltuples = 1_000.0;
        full.assert_quiet(&RULE);
    }

    #[test]
    fn other_methods_and_indexes_that_go_anyway_are_suppressed() {
        let mut gin = case(5_000_000.0);
        facts(&mut gin).amname = "gin".to_owned();
        assert!(gin.suppressed(&RULE).contains("gin index"));
        let mut unused = case(5_000_000.0);
        let scans = unused.run.indexes.stat_user_indexes.as_mut().unwrap();
        scans.first[0].idx_scan = 0;
        scans.last[0].idx_scan = 0;
        assert!(unused.suppressed(&RULE).contains("dropped"));
    }

    #[test]
    fn an_exclusion_constraint_is_not_rebuilt_concurrently() {
        let mut exclusion = case(5_000_000.0);
        facts(&mut exclusion).indisexclusion = true;
        let remedy = exclusion.the_finding(&RULE).remediation;
        assert_eq!(remedy.sql.as_deref(), Some("REINDEX INDEX public.i;"));
        assert!(remedy.note.unwrap().contains("ACCESS EXCLUSIVE"));
    }

    #[test]
    fn without_widths_and_extension_nothing_is_known_of_large_ones() {
        let mut absent = case(5_000_000.0);
        absent.run.tables.column_stats = None;
        let reason = absent.missing_fact(&RULE);
        assert!(
            reason.contains("1 large index, such as public.i"),
            "{reason}"
        );
        facts(&mut absent).size_bytes = Some(Bytes(20 << 20));
        absent.assert_quiet(&RULE);
        let mut unknown = case(-1.0);
        unknown.run.tables.stat_user_tables = None;
        unknown.missing_fact(&RULE);
        absent.run.indexes.facts = None;
        assert!(absent.missing_fact(&RULE).contains("pg_index"));
    }
}
