//! Which indexes to keep, and which to drop or rebuild.
//!
//! Only verdicts with their reasons; which of them is worth a finding is decided in
//! [`super::rules`]. Every reason to keep an index is looked for before a drop is said: constraints,
//! uniqueness, replica identity, partitions, standbys that were not asked, foreign keys, tables that
//! were only loaded, and counters that are too young.

mod same;
pub mod sql;
mod unused;

use std::collections::{BTreeSet, HashMap};

use crate::record::indexes::{IndexFacts, StatUserIndex};
use crate::record::server::Disturbance;
use crate::record::tables::StatUserTable;
use crate::record::{Run, Span};

use super::conclusions::{Evidence, Index, IndexVerdict};
use sql::{concurrently, qualified, quote_ident};
pub use unused::Usage;

/// Verdicts for every index outside the system schemas, those that ask for a change first, the
/// larger the earlier. `None` where the catalogue was not read.
#[must_use]
pub fn conclude(run: &Run) -> Option<Vec<Index>> {
    let mut judged = judge(run)?;
    judged.sort_by_key(|j| order(&j.index));
    Some(judged.into_iter().map(|j| j.index).collect())
}

fn order(index: &Index) -> (bool, std::cmp::Reverse<u64>, String, String) {
    let keep = index.verdict == IndexVerdict::Keep;
    let size = if keep {
        0
    } else {
        index.size_bytes.unwrap_or(0)
    };
    (
        keep,
        std::cmp::Reverse(size),
        format!("{}.{}", index.schema, index.table),
        index.index.clone(),
    )
}

/// A verdict with what the rules need beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub index: Index,
    /// What is known of its use.
    pub usage: Usage,
    /// Reasons to hesitate before following the verdict.
    pub doubts: Vec<String>,
    /// What the SQL locks and risks.
    pub lock_note: Option<String>,
}

/// The lock note of a drop (PostgreSQL's manual, DROP INDEX).
pub const DROP_NOTE: &str = "SHARE UPDATE EXCLUSIVE lock; waits for every older transaction that \
    uses the table; not inside a transaction block; if it fails it leaves an invalid index";

/// Judges every index of the run; `None` where the catalogue was not read.
#[must_use]
pub fn judge(run: &Run) -> Option<Vec<Judged>> {
    let look = Look::new(run)?;
    let replaced = same::replacements(&look);
    // An index that takes over the scans of one that is to go must itself stay.
    let relied_on: BTreeSet<u32> = replaced
        .iter()
        .filter(|(old, _)| look.scans_total(**old).is_none_or(|scans| scans > 0))
        .map(|(_, replacement)| replacement.by)
        .collect();
    let judged = look.facts.iter().map(|facts| {
        let usage = unused::usage(&look, facts, relied_on.contains(&facts.indexrelid));
        if !facts.indisvalid {
            return invalid(&look, facts, usage);
        }
        match replaced.get(&facts.indexrelid) {
            Some(replacement) => replace(&look, facts, usage, replacement),
            None => unused_or_keep(&look, facts, usage),
        }
    });
    Some(judged.collect())
}

/// The run's facts by object id.
struct Look<'a> {
    run: &'a Run,
    facts: &'a [IndexFacts],
    by_table: HashMap<u32, Vec<&'a IndexFacts>>,
    first: HashMap<u32, &'a StatUserIndex>,
    last: HashMap<u32, &'a StatUserIndex>,
    tables_first: HashMap<u32, &'a StatUserTable>,
    tables_last: HashMap<u32, &'a StatUserTable>,
    disturbed: bool,
}

fn by_oid<'a, T>(
    span: Option<&'a Span<T>>,
    end: fn(&'a Span<T>) -> &'a Vec<T>,
    oid: fn(&T) -> u32,
) -> HashMap<u32, &'a T> {
    let rows = span.into_iter().flat_map(end);
    rows.map(|row| (oid(row), row)).collect()
}

impl<'a> Look<'a> {
    fn new(run: &'a Run) -> Option<Self> {
        let indexes = run.indexes.stat_user_indexes.as_ref();
        let stats = run.tables.stat_user_tables.as_ref();
        let lost = [
            Disturbance::DatabaseStatsReset,
            Disturbance::Crash,
            Disturbance::Failover,
        ];
        let facts = run.indexes.facts.as_ref()?;
        let mut by_table: HashMap<u32, Vec<_>> = HashMap::new();
        for index in facts {
            by_table.entry(index.indrelid).or_default().push(index);
        }
        Some(Self {
            run,
            facts,
            by_table,
            first: by_oid(indexes, |s| &s.first, |i| i.indexrelid),
            last: by_oid(indexes, |s| &s.last, |i| i.indexrelid),
            tables_first: by_oid(stats, |s| &s.first, |t| t.relid),
            tables_last: by_oid(stats, |s| &s.last, |t| t.relid),
            disturbed: run.disturbances.iter().any(|d| lost.contains(d)),
        })
    }

    /// All indexes of a table: what one replaces is never on another table, and there may be very many tables.
    fn on_table(&self, indrelid: u32) -> impl Iterator<Item = &'a IndexFacts> {
        self.by_table.get(&indrelid).into_iter().flatten().copied()
    }

    /// Scans since the counters were reset.
    fn scans_total(&self, oid: u32) -> Option<i64> {
        self.last.get(&oid).map(|row| row.idx_scan)
    }

    /// Scans in the window; `None` where the counters were disturbed in it.
    fn scans_in_window(&self, oid: u32) -> Option<i64> {
        let (first, last) = (self.first.get(&oid)?, self.last.get(&oid)?);
        let delta = last.idx_scan - first.idx_scan;
        (!self.disturbed && delta >= 0).then_some(delta)
    }

    fn index(&self, facts: &IndexFacts) -> Index {
        Index {
            schema: facts.schemaname.clone(),
            table: facts.relname.clone(),
            index: facts.indexrelname.clone(),
            size_bytes: facts.size_bytes.map(|b| b.0),
            scans: self.scans_in_window(facts.indexrelid),
            scans_total: self.scans_total(facts.indexrelid),
            verdict: IndexVerdict::Keep,
            reason: String::new(),
            evidence: Evidence::Measured,
            remediation_sql: None,
            undo_sql: None,
        }
    }

    fn judged(&self, facts: &IndexFacts, usage: Usage) -> Judged {
        Judged {
            index: self.index(facts),
            usage,
            doubts: Vec::new(),
            lock_note: None,
        }
    }
}

fn drop_sql(facts: &IndexFacts) -> (String, String) {
    let name = qualified(&facts.schemaname, &facts.indexrelname);
    (
        format!("DROP INDEX CONCURRENTLY {name};"),
        concurrently(&facts.definition),
    )
}

fn invalid(look: &Look<'_>, facts: &IndexFacts, usage: Usage) -> Judged {
    let mut judged = look.judged(facts, usage);
    let index = &mut judged.index;
    let name = qualified(&facts.schemaname, &facts.indexrelname);
    if facts.building {
        "it is being built at this moment".clone_into(&mut index.reason);
        return judged;
    }
    index.verdict = IndexVerdict::InvalidRebuild;
    let leftover = ["_ccnew", "_ccold"].iter().find(|mark| {
        let end = facts.indexrelname.rsplit_once(**mark).map(|(_, end)| end);
        end.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit()))
    });
    if facts.relkind == "I" {
        "the index of the partitioned table is invalid: at least one partition has \
            no attached index; create it on that partition and ATTACH it"
            .clone_into(&mut index.reason);
    } else if let Some(mark) = leftover {
        index.reason = format!(
            "invalid leftover of a REINDEX CONCURRENTLY that failed (its name ends in {mark}); \
             queries do not use it, every write still pays for it"
        );
        index.remediation_sql = Some(format!("DROP INDEX CONCURRENTLY {name};"));
        judged.lock_note = Some(DROP_NOTE.to_owned());
    } else {
        "invalid: a concurrent build failed; queries do not use it, every write \
            still pays for it"
            .clone_into(&mut index.reason);
        index.remediation_sql = Some(format!("REINDEX INDEX CONCURRENTLY {name};"));
        judged.lock_note = Some("needs free space for one copy; two scans of the table".to_owned());
    }
    judged
}

fn replace(
    look: &Look<'_>,
    facts: &IndexFacts,
    usage: Usage,
    replacement: &same::Replacement,
) -> Judged {
    let mut judged = look.judged(facts, usage);
    let index = &mut judged.index;
    index.verdict = replacement.verdict;
    index.reason.clone_from(&replacement.reason);
    judged.doubts.clone_from(&replacement.doubts);
    judged.lock_note = Some(DROP_NOTE.to_owned());
    if facts.relkind == "I" {
        let name = qualified(&facts.schemaname, &facts.indexrelname);
        index.remediation_sql = Some(format!("DROP INDEX {name};"));
        judged.lock_note = Some(
            "the index of a partitioned table cannot be dropped concurrently: ACCESS EXCLUSIVE \
             lock on the table and every partition; set lock_timeout"
                .to_owned(),
        );
    } else if let Some(constraint) = &facts.constraint_name {
        let table = qualified(&facts.schemaname, &facts.relname);
        let (constraint, name) = (quote_ident(constraint), quote_ident(&facts.indexrelname));
        index.remediation_sql = Some(format!("ALTER TABLE {table} DROP CONSTRAINT {constraint};"));
        index.undo_sql = Some(format!(
            "{} ALTER TABLE {table} ADD CONSTRAINT {constraint} UNIQUE USING INDEX {name};",
            concurrently(&facts.definition)
        ));
        judged.lock_note = Some(
            "ACCESS EXCLUSIVE lock: set lock_timeout; foreign keys that refer to this constraint \
             have to be made again on the other one"
                .to_owned(),
        );
    } else {
        let (drop, undo) = drop_sql(facts);
        index.remediation_sql = Some(drop);
        index.undo_sql = Some(undo);
    }
    judged
}

fn unused_or_keep(look: &Look<'_>, facts: &IndexFacts, usage: Usage) -> Judged {
    let mut judged = look.judged(facts, usage.clone());
    let index = &mut judged.index;
    match usage {
        Usage::Unused {
            reason,
            doubts,
            lab,
        } => {
            index.verdict = IndexVerdict::DropUnused;
            index.reason = reason;
            judged.doubts = doubts;
            let (drop, undo) = drop_sql(facts);
            if lab {
                // A lab knows one workload and a few seconds: the drop stays a proposal in words.
                index.evidence = Evidence::RuleOfThumb;
                judged.lock_note = Some(format!("{drop} ({DROP_NOTE})"));
            } else {
                index.remediation_sql = Some(drop);
                judged.lock_note = Some(DROP_NOTE.to_owned());
            }
            index.undo_sql = Some(undo);
        }
        Usage::Used { scans } => index.reason = format!("scanned {scans} times"),
        Usage::Protected(reason)
        | Usage::Unknown(reason)
        | Usage::NotByWorkload(reason)
        | Usage::Small(reason) => index.reason = reason,
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run, run_with_indexes};

    fn one(facts: IndexFacts) -> Judged {
        judge(&run_with_indexes(vec![(facts, 9)]))
            .unwrap()
            .remove(0)
    }

    #[test]
    fn nothing_read_is_nothing_concluded() {
        assert_eq!(conclude(&run()), None);
    }

    #[test]
    fn an_invalid_index_is_rebuilt_or_dropped_if_it_is_a_leftover() {
        let mut facts = index(1, 1, "Big", &[2]);
        facts.indisvalid = false;
        let judged = one(facts.clone());
        assert_eq!(judged.index.verdict, IndexVerdict::InvalidRebuild);
        let sql = judged.index.remediation_sql.unwrap();
        assert_eq!(sql, "REINDEX INDEX CONCURRENTLY public.\"Big\";");
        facts.indexrelname = "i_ccnew1".to_owned();
        let sql = one(facts.clone()).index.remediation_sql.unwrap();
        assert_eq!(sql, "DROP INDEX CONCURRENTLY public.i_ccnew1;");
        facts.relkind = "I".to_owned();
        let parent = one(facts.clone()).index;
        assert!(parent.reason.contains("partition") && parent.remediation_sql.is_none());
        facts.building = true;
        assert_eq!(one(facts).index.verdict, IndexVerdict::Keep);
    }

    #[test]
    fn an_index_that_takes_over_scans_is_not_unused() {
        let narrow = index(1, 1, "narrow", &[2]);
        let wide = index(2, 1, "wide", &[2, 3]);
        let all = judge(&run_with_indexes(vec![
            (narrow.clone(), 7),
            (wide.clone(), 0),
        ]))
        .unwrap();
        assert_eq!(all[0].index.verdict, IndexVerdict::DropRedundant);
        assert_eq!(all[1].index.verdict, IndexVerdict::Keep);
        assert!(all[1].index.reason.contains("takes over"));
        let all = judge(&run_with_indexes(vec![(narrow, 0), (wide, 0)])).unwrap();
        assert_eq!(all[1].index.verdict, IndexVerdict::DropUnused);
    }

    #[test]
    fn changes_come_first_and_the_larger_the_earlier() {
        let mut big = index(3, 1, "c", &[4]);
        big.size_bytes = Some(crate::record::Bytes(90 << 20));
        let run = run_with_indexes(vec![
            (index(1, 1, "a", &[2]), 5),
            (index(2, 1, "b", &[3]), 0),
            (big, 0),
        ]);
        let names: Vec<_> = conclude(&run)
            .unwrap()
            .into_iter()
            .map(|i| i.index)
            .collect();
        assert_eq!(names, ["c", "b", "a"]);
    }

    #[test]
    fn scans_are_unknown_after_a_disturbance() {
        let mut run = run_with_indexes(vec![(index(1, 1, "a", &[2]), 5)]);
        assert_eq!(conclude(&run).unwrap()[0].scans, Some(0));
        run.disturbances.push(Disturbance::DatabaseStatsReset);
        assert_eq!(conclude(&run).unwrap()[0].scans, None);
    }
}
