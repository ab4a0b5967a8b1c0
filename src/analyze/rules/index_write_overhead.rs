//! `index-write-overhead`: the indexes of a table write far more than its rows.

use std::collections::HashMap;

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::indexes::widths::Widths;
use crate::record::indexes::IndexFacts;
use crate::record::tables::StatUserTable;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "index-write-overhead",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let tables = facts.tables()?;
    let indexes = facts.run.indexes.facts.as_ref();
    let indexes = indexes.ok_or_else(|| facts.missing("pg_index"))?;
    let widths = Widths::of_run(facts.run).ok_or_else(|| facts.missing("pg_stats"))?;
    let mut of_table: HashMap<u32, Vec<&IndexFacts>> = HashMap::new();
    // A BRIN index has one entry for many rows.
    for index in indexes
        .iter()
        .filter(|i| i.indisready && i.amname != "brin")
    {
        of_table.entry(index.indrelid).or_default().push(index);
    }
    let first: HashMap<u32, &StatUserTable> = tables.first.iter().map(|t| (t.relid, t)).collect();
    let mut outcomes = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    for last in &tables.last {
        let Some(indexes) = of_table.get(&last.relid) else {
            continue;
        };
        let written = entries(last) - first.get(&last.relid).map_or(0, |t| entries(t));
        let name = format!("{}.{}", last.schemaname, last.relname);
        if written < 0 {
            let reason = format!("the counters of {name} were reset");
            outcomes.push(Outcome::NotEvaluated(reason));
        } else if written >= t::INDEX_OVERHEAD_MIN_WRITES {
            match overheads(&widths, last.relid, indexes) {
                Some(all) => outcomes.push(outcome(facts, &name, written, &all)),
                None => unknown.push(name),
            }
        }
    }
    if let Some(name) = unknown.first() {
        outcomes.push(Outcome::NotEvaluated(format!(
            "the column widths of {} that were written to are not known, such as those of {name}: \
             ANALYZE, SELECT for the role, and no more than 500 tables that matter",
            crate::analyze::figures::plural(unknown.len() as u64, "table", "tables")
        )));
    }
    Ok(outcomes)
}

/// Rows that made an entry in every index.
fn entries(table: &StatUserTable) -> i64 {
    table.n_tup_ins + table.n_tup_upd - table.n_tup_hot_upd
}

/// Every index of a table with the bytes it writes for each byte of a row, the most first.
fn overheads<'a>(
    widths: &Widths<'_>,
    relid: u32,
    indexes: &[&'a IndexFacts],
) -> Option<Vec<(&'a IndexFacts, f64)>> {
    let sum = |columns: &[&crate::record::what_if::ColumnStats]| -> f64 {
        let widths = columns.iter().filter_map(|c| c.avg_width);
        widths.map(f64::from).sum()
    };
    let row = t::INDEX_OVERHEAD_ROW_BYTES + sum(widths.of_table(relid)?);
    let overhead = |index: &&'a IndexFacts| {
        let entry = t::INDEX_OVERHEAD_ENTRY_BYTES + sum(&widths.of_index(index)?);
        let held = match index.predicate {
            Some(_) => t::INDEX_OVERHEAD_PARTIAL_FACTOR,
            None => 1.0,
        };
        Some((*index, held * entry / row))
    };
    let mut all: Vec<_> = indexes.iter().map(overhead).collect::<Option<_>>()?;
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    Some(all)
}

fn outcome(facts: &Facts<'_>, name: &str, written: i64, all: &[(&IndexFacts, f64)]) -> Outcome {
    let sum: f64 = all.iter().map(|(_, overhead)| overhead).sum();
    if sum < t::INDEX_OVERHEAD_RATIO {
        return Outcome::Quiet;
    }
    let named = all.iter().map(|(index, overhead)| {
        let partial = match index.predicate {
            Some(_) => ", partial",
            None => "",
        };
        format!("{} {overhead:.2}{partial}", index.indexrelname)
    });
    Draft::new(RULE.id, Severity::Info)
        .evidence(Evidence::Estimated)
        .about("table", name)
        .title(&format!(
            "The {} indexes of {name} write {sum:.1} bytes for each byte of a row",
            all.len()
        ))
        .detail(format!(
            "By the average widths of columns: {}. {written} rows were inserted, or updated in a way \
             that is not HOT, and each made an entry in all of them",
            named.collect::<Vec<_>>().join(", ")
        ))
        .note(
            "look at the verdicts of these indexes first: those that are unused, duplicate or \
             redundant go at no price. Then at wide columns that they carry",
        )
        .fire(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{column_stats, index, run_with_indexes};
    use crate::analyze::rules::testing::Case;

    /// A row of 27 + 12 + 10 bytes, indexes on `name` (18 bytes each), and 2 000 rows inserted.
    fn case(indexes: u32) -> Case {
        let all = (1..=indexes).map(|i| (index(i, 1, &format!("i{i}"), &[4]), 0));
        let mut run = run_with_indexes(all.collect());
        run.tables.stat_user_tables.as_mut().unwrap().last[0].n_tup_ins += 2_000;
        run.tables.column_stats = Some(vec![
            column_stats(1, 1, "id", 4, "i"),
            column_stats(1, 2, "a", 4, "i"),
            column_stats(1, 3, "b", 4, "i"),
            column_stats(1, 4, "name", -1, "i"),
        ]);
        Case::of(run)
    }

    fn indexes(case: &mut Case) -> &mut Vec<IndexFacts> {
        case.run.indexes.facts.as_mut().unwrap()
    }

    #[test]
    fn many_indexes_are_told_with_the_share_of_each() {
        let finding = case(6).the_finding(&RULE);
        assert_eq!(
            finding.title,
            "The 6 indexes of public.tasks write 2.2 bytes for each byte of a row"
        );
        assert!(
            finding.detail.contains("i1 0.37, i2 0.37") && finding.detail.contains("2000 rows"),
            "{}",
            finding.detail
        );
        assert_eq!(finding.evidence, Evidence::Estimated);
        assert_eq!(finding.remediation.sql, None);
        case(5).assert_quiet(&RULE);
    }

    #[test]
    fn partial_and_summarizing_indexes_count_less() {
        let mut partial = case(6);
        indexes(&mut partial)[0].predicate = Some("(a > 0)".to_owned());
        partial.assert_quiet(&RULE);
        let mut brin = case(6);
        indexes(&mut brin)[0].amname = "brin".to_owned();
        brin.assert_quiet(&RULE);
    }

    #[test]
    fn few_writes_do_not_matter() {
        let mut few = case(6);
        let span = few.run.tables.stat_user_tables.as_mut().unwrap();
        span.last[0].n_tup_ins -= 1_001;
        few.assert_quiet(&RULE);
    }

    #[test]
    fn without_widths_it_is_not_evaluated() {
        let mut unread = case(6);
        unread.run.tables.column_stats = None;
        assert!(unread.missing_fact(&RULE).contains("pg_stats"));
        unread.run.tables.column_stats = Some(Vec::new());
        let reason = unread.missing_fact(&RULE);
        assert!(
            reason.contains("1 table that") || reason.contains("public.tasks"),
            "{reason}"
        );
        let mut reset = case(6);
        let span = reset.run.tables.stat_user_tables.as_mut().unwrap();
        span.last[0].n_tup_ins = 0;
        assert!(reset.missing_fact(&RULE).contains("reset"));
        reset.run.tables.stat_user_tables = None;
        assert!(reset.missing_fact(&RULE).contains("pg_stat_user_tables"));
    }
}
