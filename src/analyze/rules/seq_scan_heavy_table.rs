//! `seq-scan-heavy-table`: a large table that is mostly read from end to end.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "seq-scan-heavy-table",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let tables = facts.tables()?;
    let mut outcomes = Vec::new();
    for last in &tables.last {
        let first = tables.first.iter().find(|f| f.relid == last.relid);
        // Counters that were read once began at zero; a table that came inside the window is not judged.
        let before = match first {
            Some(f) => (f.seq_scan, f.seq_tup_read, f.idx_scan.unwrap_or(0)),
            None if facts.read_once() => (0, 0, 0),
            None => continue,
        };
        let name = format!("{}.{}", last.schemaname, last.relname);
        let scans = last.seq_scan - before.0;
        let rows = last.seq_tup_read - before.1;
        let by_index = last.idx_scan.unwrap_or(0) - before.2;
        if scans < 0 || rows < 0 || by_index < 0 {
            outcomes.push(Outcome::NotEvaluated(format!(
                "the counters of {name} were reset"
            )));
            continue;
        }
        let live = last.n_live_tup as f64;
        let use_ratio = by_index as f64 / ((scans + by_index) as f64).max(1.0);
        let heavy = scans > 0
            && live >= t::SEQ_SCAN_MIN_TABLE_ROWS
            && use_ratio < t::SEQ_SCAN_INDEX_USE_RATIO;
        if !heavy {
            continue;
        }
        let per_scan = rows as f64 / scans as f64;
        if per_scan < t::SEQ_SCAN_FULL_RATIO * live {
            let trap = format!("scans of {name} stop after {per_scan:.0} rows");
            outcomes.push(Outcome::Suppressed(trap));
            continue;
        }
        let draft = Draft::new(RULE.id, Severity::Info)
            .about("table", &name)
            .title(&format!(
                "{scans} sequential scans read {rows} rows of {}",
                last.relname
            ))
            .detail(format!(
                "Of {} scans of its {live:.0} rows, {} used an index. A parallel scan counts once \
                 per process; dumps and reports scan on purpose",
                scans + by_index,
                percent(use_ratio)
            ))
            .note("see the index candidates and the plans of the statements that read this table");
        outcomes.push(draft.fire(facts));
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, span, table_stats};
    use crate::analyze::rules::testing::Case;

    fn case(scans: i64, rows: i64, by_index: i64) -> Case {
        let mut run = run();
        let mut last = table_stats(1, "tasks");
        last.seq_scan = scans;
        last.seq_tup_read = rows;
        last.idx_scan = Some(by_index);
        run.tables.stat_user_tables = Some(span(vec![table_stats(1, "tasks")], vec![last]));
        Case::of(run)
    }

    #[test]
    fn full_scans_of_a_large_table_are_counted() {
        let finding = case(10, 1_000_000, 30).the_finding(&RULE);
        assert!(
            finding
                .title
                .contains("10 sequential scans read 1000000 rows of tasks")
        );
        assert!(finding.detail.contains("Of 40 scans") && finding.detail.contains("75.0 %"));
        case(1, 100_000, 99).assert_quiet(&RULE);
    }

    #[test]
    fn scans_cut_short_are_suppressed_and_resets_decide_nothing() {
        assert!(case(10, 1_000, 0).suppressed(&RULE).contains("100 rows"));
        assert!(case(-1, 0, 0).missing_fact(&RULE).contains("reset"));
    }
}
