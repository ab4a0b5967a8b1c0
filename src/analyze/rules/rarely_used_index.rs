//! `rarely-used-index`: an index that is scanned, but far less than its table is written.

use std::collections::HashMap;

use crate::analyze::conclusions::{Evidence, IndexVerdict, Severity};
use crate::analyze::indexes::Usage;

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "rarely-used-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let tables = facts.tables()?;
    let judged = facts.judged_indexes()?;
    let table_of: HashMap<u32, u32> =
        facts
            .run
            .indexes
            .facts
            .iter()
            .flatten()
            .fold(HashMap::new(), |mut found, index| {
                found.insert(index.indexrelid, index.indrelid);
                found
            });
    let mut scans_of: HashMap<u32, i64> = HashMap::new();
    for one in judged {
        if let Some(table) = table_of.get(&one.indexrelid) {
            *scans_of.entry(*table).or_default() += one.index.scans_total.unwrap_or(0);
        }
    }
    let writes_of: HashMap<u32, i64> = tables
        .last
        .iter()
        .map(|row| (row.relid, row.n_tup_ins + row.n_tup_upd + row.n_tup_del))
        .collect();
    let found = judged.iter().filter_map(|judged| {
        let index = &judged.index;
        let Usage::Used { scans } = &judged.usage else {
            return None;
        };
        let table = table_of.get(&judged.indexrelid)?;
        let (scans, writes) = (*scans as f64, *writes_of.get(table)? as f64);
        let share = scans / (*scans_of.get(table)? as f64).max(1.0);
        let bytes = index.size_bytes?;
        let written = scans <= writes
            && share < t::RARELY_USED_SCAN_RATIO
            && writes > t::RARELY_USED_MIN_WRITES;
        let large = scans > writes
            && share < t::RARELY_USED_LARGE_SCAN_RATIO
            && bytes > t::RARELY_USED_LARGE_BYTES;
        let worth = bytes >= t::UNUSED_INDEX_MIN_BYTES && (written || large);
        let rare = worth && index.verdict == IndexVerdict::Keep && !facts.run.meta.lab;
        rare.then(|| {
            Draft::new(RULE.id, Severity::Info)
                .evidence(Evidence::RuleOfThumb)
                .about("index", &format!("{}.{}", index.schema, index.index))
                .title(&format!(
                    "{} on {} is rarely used and takes {}",
                    index.index,
                    index.table,
                    size(bytes)
                ))
                .detail(format!(
                    "{scans:.0} scans, {:.1} % of those of the table's indexes, beside {writes:.0} \
                     writes of the table since the counters were reset",
                    share * 100.0
                ))
                .note(
                    "find out who scans it before you drop it: a rare report may need it, and \
                     standbys count their own scans",
                )
                .fire(facts)
        })
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run_with_indexes};
    use crate::analyze::rules::testing::Case;

    /// The table has had 110 000 writes.
    fn case(rare: i64, busy: i64) -> Case {
        Case::of(run_with_indexes(vec![
            (index(1, 1, "rare", &[2]), rare),
            (index(2, 1, "busy", &[3]), busy),
        ]))
    }

    #[test]
    fn few_scans_beside_many_writes_are_found() {
        let finding = case(5, 900_000).the_finding(&RULE);
        assert_eq!(finding.subject.name, "public.rare");
        assert!(
            finding.detail.contains("110000 writes"),
            "{}",
            finding.detail
        );
        assert_eq!(finding.remediation.sql, None);
        case(500_000, 900_000).assert_quiet(&RULE);
        case(0, 900_000).assert_quiet(&RULE);
    }

    #[test]
    fn without_writes_it_is_not_evaluated() {
        let mut unread = case(5, 900_000);
        unread.run.tables.stat_user_tables = None;
        assert!(unread.missing_fact(&RULE).contains("pg_stat_user_tables"));
    }
}
