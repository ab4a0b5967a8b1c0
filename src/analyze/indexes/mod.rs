//! Which indexes to keep, and which to drop or rebuild.
//!
//! Only verdicts with their reasons; which of them is worth a finding is decided in
//! [`super::rules`]. Every reason to keep an index is looked for before a drop is said: constraints,
//! uniqueness, replica identity, partitions, standbys that were not asked, foreign keys, tables that
//! were only loaded, and counters that are too young.

mod cost;
mod ddl;
mod evidence;
mod keys;
mod look;
mod proof;
mod same;
pub(in crate::analyze) mod size;
pub mod sql;
mod unused;
pub mod widths;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::record::Run;
use crate::record::indexes::IndexFacts;

use super::conclusions::{Evidence, Index, IndexVerdict};
pub use ddl::{DROP_NOTE, REBUILD_NOTE};
pub use evidence::saved_scans;
use look::Look;
pub use proof::{Droppable, droppable};
use sql::qualified;
pub use unused::Usage;

/// The verdicts alone, those that ask for a change first, the larger the earlier.
#[must_use]
pub fn in_order(mut judged: Vec<Judged>) -> Vec<Index> {
    judged.sort_by(|a, b| order(&a.index).cmp(&order(&b.index)));
    judged.into_iter().map(|j| j.index).collect()
}

fn order(index: &Index) -> (bool, Reverse<u64>, [&str; 3]) {
    let keep = index.verdict == IndexVerdict::Keep;
    let size = if keep {
        0
    } else {
        index.size_bytes.unwrap_or(0)
    };
    let names = [&index.schema, &index.table, &index.index];
    (keep, Reverse(size), names.map(String::as_str))
}

/// A verdict with what the rules need beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub index: Index,
    /// `pg_class.oid` of the index.
    pub indexrelid: u32,
    /// What is known of its use.
    pub usage: Usage,
    /// Reasons to hesitate before following the verdict.
    pub doubts: Vec<String>,
    /// What the SQL locks and risks.
    pub lock_note: Option<String>,
}

/// Judges every index of the run outside the system schemas; `None` where the catalogue was not read.
#[must_use]
pub fn judge(run: &Run) -> Option<Vec<Judged>> {
    let look = Look::new(run)?;
    let replaced = same::replacements(&look);
    // An index that takes over the scans of one that is to go must itself stay, unless it is known
    // that nobody scans that one either.
    let relied_on: BTreeSet<u32> = look
        .facts
        .iter()
        .filter_map(|old| Some((old, replaced.get(&old.indexrelid)?)))
        .filter(|(old, _)| !matches!(unused::usage(&look, old, None), Usage::Unused { .. }))
        .flat_map(|(_, new)| [new.by, look.top_oid(new.by)])
        .collect();
    let keepers = keys::keepers(
        &look,
        |index| replaced.contains_key(&index.indexrelid),
        |index| {
            unused::protection(&look, index).is_some()
                || relied_on.contains(&index.indexrelid)
                || look.scans_total(index).is_some_and(|scans| scans > 0)
        },
    );
    let judged = look.facts.iter().map(|facts| {
        let needed = keepers.get(&facts.indexrelid).map(|key| {
            format!("it supports the foreign key {key}: deletes in the referenced table scan it")
        });
        let needed = needed.or_else(|| {
            relied_on
                .contains(&facts.indexrelid)
                .then(|| "it takes over the scans of an index that can be dropped".to_owned())
        });
        let usage = unused::usage(&look, facts, needed);
        if !facts.indisvalid {
            return invalid(&look, facts, usage);
        }
        match replaced.get(&facts.indexrelid) {
            Some(replacement) => replace(&look, facts, usage, replacement),
            None => unused_or_keep(&look, facts, usage),
        }
    });
    let mut judged: Vec<Judged> = judged.collect();
    if let Some(hidden) = &run.indexes.hidden {
        for judged in &mut judged {
            proof::apply(hidden, judged);
        }
    }
    Some(judged)
}

fn invalid(look: &Look<'_>, facts: &IndexFacts, usage: Usage) -> Judged {
    let mut judged = look.judged(facts, usage);
    let index = &mut judged.index;
    let name = qualified(&facts.schemaname, &facts.indexrelname);
    if let Some(why) = may_be_in_the_making(look, facts) {
        why.clone_into(&mut index.reason);
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
    } else if let Some(mark) = leftover.filter(|_| facts.constraint_name.is_none()) {
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
        judged.lock_note = Some(ddl::REBUILD_NOTE.to_owned());
        if facts.indisunique {
            judged
                .doubts
                .push("if rows violate its uniqueness the rebuild fails too".to_owned());
        }
    }
    judged
}

/// An index that is being built is invalid as well, and must be left alone.
fn may_be_in_the_making(look: &Look<'_>, facts: &IndexFacts) -> Option<&'static str> {
    let standby = look.run.server.as_ref().is_some_and(|s| s.in_recovery);
    if facts.building {
        Some("it, or another index of its table, is being built at this moment")
    } else if facts.builds_hidden {
        Some(
            "it is invalid, but another role is building an index in this database, and which one \
             is hidden: GRANT pg_monitor to the role shows it",
        )
    } else if standby {
        Some("it is invalid, and whether the primary is building it is not visible on a standby")
    } else {
        None
    }
}

fn replace(
    look: &Look<'_>,
    facts: &IndexFacts,
    usage: Usage,
    replacement: &same::Replacement,
) -> Judged {
    let mut judged = look.judged(facts, usage);
    judged.index.verdict = replacement.verdict;
    judged.index.reason.clone_from(&replacement.reason);
    judged.doubts.clone_from(&replacement.doubts);
    judged.drop_by(ddl::drop(look, facts));
    judged
}

impl Judged {
    fn drop_by(&mut self, drop: ddl::Drop) {
        self.index.remediation_sql = Some(drop.sql);
        self.index.undo_sql = Some(drop.undo);
        self.lock_note = Some(drop.note);
        self.doubts.extend(drop.lost);
    }
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
            judged.drop_by(ddl::drop(look, facts));
            if lab {
                // A lab knows one workload and a few seconds: the drop stays a proposal in words.
                let index = &mut judged.index;
                index.evidence = Evidence::RuleOfThumb;
                let drop = index.remediation_sql.take().unwrap_or_default();
                let note = judged.lock_note.take().unwrap_or_default();
                judged.lock_note = Some(format!("{drop} ({note})"));
            }
        }
        Usage::Used { scans } => {
            let now = look.run.life.last().map(|life| life.at);
            let last = now.zip(look.last_scan(facts)).map(|(now, last)| {
                let days = now.duration_since(last).as_secs_f64() / 86_400.0;
                format!(", the last time {days:.1} days ago")
            });
            index.reason = format!("scanned {scans} times{}", last.unwrap_or_default());
        }
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
    use crate::record::server::Disturbance;

    fn conclude(run: &Run) -> Option<Vec<Index>> {
        judge(run).map(in_order)
    }

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
        let building = one(facts).index;
        assert_eq!(building.verdict, IndexVerdict::Keep);
        assert!(building.reason.contains("another index of its table"));
    }

    #[test]
    fn what_may_be_in_the_making_is_left_alone() {
        let mut facts = index(1, 1, "i_ccnew", &[2]);
        facts.indisvalid = false;
        let mut on_standby = run_with_indexes(vec![(facts.clone(), 0)]);
        on_standby.server.as_mut().unwrap().in_recovery = true;
        let judged = judge(&on_standby).unwrap().remove(0).index;
        assert_eq!(judged.verdict, IndexVerdict::Keep);
        facts.builds_hidden = true;
        let hidden = one(facts).index;
        assert_eq!(hidden.verdict, IndexVerdict::Keep);
        assert!(hidden.reason.contains("pg_monitor"), "{}", hidden.reason);
    }

    /// A partitioned index `1` of table 1 with the indexes 2 and 3 of its partitions.
    fn partitioned(scans: [i64; 2]) -> Run {
        let mut parent = index(1, 1, "p", &[2]);
        parent.relkind = "I".to_owned();
        parent.size_bytes = None;
        let child = |oid, name| {
            let mut child = index(oid, 1, name, &[2]);
            child.parent = Some(1);
            child
        };
        let mut run = run_with_indexes(vec![
            (parent, 0),
            (child(2, "p1"), scans[0]),
            (child(3, "p2"), scans[1]),
        ]);
        let span = run.indexes.stat_user_indexes.as_mut().unwrap();
        span.last.retain(|row| row.indexrelid != 1);
        span.first.retain(|row| row.indexrelid != 1);
        run
    }

    #[test]
    fn a_partitioned_index_is_judged_by_its_partitions_together() {
        let all = judge(&partitioned([0, 0])).unwrap();
        let parent = &all[0].index;
        assert_eq!(
            parent.verdict,
            IndexVerdict::DropUnused,
            "{}",
            parent.reason
        );
        assert_eq!(
            (parent.size_bytes, parent.scans_total),
            (Some(40 << 20), Some(0))
        );
        assert_eq!(
            parent.remediation_sql.as_deref(),
            Some("DROP INDEX public.p;")
        );
        for child in &all[1..] {
            assert_eq!(child.index.verdict, IndexVerdict::Keep);
            assert!(child.index.reason.contains("cannot be dropped alone"));
        }
        let used = judge(&partitioned([0, 7])).unwrap();
        assert_eq!(used[0].index.verdict, IndexVerdict::Keep);
        assert_eq!(used[0].index.scans_total, Some(7));
    }

    #[test]
    fn an_index_that_a_foreign_key_depends_on_is_never_dropped() {
        let unique = |oid, name| {
            let mut i = index(oid, 1, name, &[2]);
            i.indisunique = true;
            i
        };
        let mut owned = unique(2, "owned");
        owned.constraint_name = Some("owned".to_owned());
        let mut run = run_with_indexes(vec![(unique(1, "plain"), 0), (owned, 9)]);
        run.indexes.foreign_keys = Some(vec![crate::record::indexes::ForeignKey {
            conname: "fk".to_owned(),
            conrelid: 8,
            confrelid: 1,
            conkey: vec![2],
            confkey: vec![2],
            conindid: 1,
            conparentid: 0,
        }]);
        let all = judge(&run).unwrap();
        assert_eq!(all[0].index.verdict, IndexVerdict::Keep);
        assert_eq!(all[1].index.verdict, IndexVerdict::DropDuplicate);
        assert!(all[1].doubts[0].contains("ON CONFLICT ON CONSTRAINT owned"));
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
