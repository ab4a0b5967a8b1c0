//! Whether an index is used, with every reason why a count of zero may mislead.

use crate::analyze::rules::thresholds as t;
use crate::record::Run;
use crate::record::indexes::{ForeignKey, IndexFacts};

use super::Look;

/// What is known of the use of an index.
#[derive(Debug, Clone, PartialEq)]
pub enum Usage {
    /// It was scanned.
    Used {
        /// Scans since the counters were reset; in a lab, in the window.
        scans: i64,
    },
    /// It was never scanned, on any node, for long enough, and is worth dropping.
    Unused {
        /// Why, in words.
        reason: String,
        /// Reasons to hesitate.
        doubts: Vec<String>,
        /// The counters are those of a throwaway cluster.
        lab: bool,
    },
    /// It was not scanned in this run, which alone is no reason to drop it.
    NotByWorkload(String),
    /// It has a purpose that no scan counts.
    Protected(String),
    /// It is too small to matter.
    Small(String),
    /// A fact is missing.
    Unknown(String),
}

/// What is known of the use of one index. `relied_on` says that it takes over the scans of another
/// one that is to go.
pub(super) fn usage(look: &Look<'_>, facts: &IndexFacts, relied_on: bool) -> Usage {
    if let Some(reason) = protection(facts, relied_on) {
        return Usage::Protected(reason);
    }
    let Some(total) = look.scans_total(facts.indexrelid) else {
        return Usage::Unknown("its scans were not read (pg_stat_user_indexes)".to_owned());
    };
    if look.run.meta.lab {
        return in_lab(look, facts);
    }
    if total > 0 {
        return used(look, facts, total);
    }
    if let Some(usage) = elsewhere(look, facts) {
        return usage;
    }
    never_scanned(look, facts)
}

/// Purposes that no scan counts: the uniqueness check of an INSERT never adds to `idx_scan`.
fn protection(facts: &IndexFacts, relied_on: bool) -> Option<String> {
    let reason = if let Some(constraint) = &facts.constraint_name {
        format!("it enforces the constraint {constraint}")
    } else if facts.indisprimary || facts.indisunique || facts.indisexclusion {
        "it enforces uniqueness or exclusion".to_owned()
    } else if facts.indisreplident {
        "it is the replica identity of the table".to_owned()
    } else if facts.relkind == "I" {
        "it is the index of a partitioned table, whose partitions count the scans".to_owned()
    } else if facts.parent.is_some() {
        "it is the index of a partition and cannot be dropped alone".to_owned()
    } else if relied_on {
        "it takes over the scans of an index that can be dropped".to_owned()
    } else {
        return None;
    };
    Some(reason)
}

fn small(facts: &IndexFacts, limit: u64) -> Option<Usage> {
    let Some(size) = facts.size_bytes else {
        return Some(Usage::Unknown("its size was not read".to_owned()));
    };
    (size.0 < limit).then(|| {
        let limit = limit / (1024 * 1024);
        Usage::Small(format!(
            "not scanned, but smaller than {limit} MiB: little to gain"
        ))
    })
}

/// What ran in the window, with its length; `None` if nothing is known to have run.
fn workload(run: &Run) -> Option<String> {
    let seconds = run.meta.window.secs();
    let name = if let Some(replay) = &run.replay {
        let files = replay.source.files.join(", ");
        let name = if files.is_empty() {
            "the replayed workload"
        } else {
            &files
        };
        name.to_owned()
    } else if let Some(command) = &run.meta.load_command {
        format!("`{}`", command.command)
    } else {
        let api = run.api.first()?;
        format!("the load of {}", api.source.tool)
    };
    Some(format!("{name} in {seconds:.0} s"))
}

fn used(look: &Look<'_>, facts: &IndexFacts, total: i64) -> Usage {
    let large = facts
        .size_bytes
        .is_some_and(|b| b.0 >= t::UNUSED_INDEX_MIN_BYTES);
    match (look.scans_in_window(facts.indexrelid), workload(look.run)) {
        (Some(0), Some(workload)) if large => Usage::NotByWorkload(format!(
            "not scanned by {workload}, but {total} times since the counters were reset"
        )),
        _ => Usage::Used { scans: total },
    }
}

fn in_lab(look: &Look<'_>, facts: &IndexFacts) -> Usage {
    let Some(scans) = look.scans_in_window(facts.indexrelid) else {
        return Usage::Unknown("its counters were disturbed in the window".to_owned());
    };
    if scans > 0 {
        return Usage::Used { scans };
    }
    let Some(workload) = workload(look.run) else {
        return Usage::Unknown("no workload ran in this lab".to_owned());
    };
    if let Some(key) = supported_key(look, facts) {
        return Usage::Protected(foreign_key_doubt(key));
    }
    if let Some(small) = small(facts, t::LAB_UNUSED_INDEX_MIN_BYTES) {
        return small;
    }
    if let Some(node) = scanned_on(look, facts) {
        return node;
    }
    Usage::Unused {
        reason: format!(
            "not scanned by {workload} in a lab; confirm on every node over at least {} days",
            t::UNUSED_INDEX_MIN_AGE_DAYS
        ),
        doubts: Vec::new(),
        lab: true,
    }
}

fn scanned_on(look: &Look<'_>, facts: &IndexFacts) -> Option<Usage> {
    // A physical standby has the object ids of its primary.
    look.run.indexes.standbys.iter().find_map(|node| {
        let row = node
            .rows
            .iter()
            .find(|r| r.indexrelid == facts.indexrelid)?;
        (row.idx_scan > 0).then(|| {
            let reason = format!(
                "scanned {} times on the standby {}",
                row.idx_scan, node.node
            );
            Usage::Protected(reason)
        })
    })
}

/// Standbys keep their own counters.
fn elsewhere(look: &Look<'_>, facts: &IndexFacts) -> Option<Usage> {
    if let Some(used) = scanned_on(look, facts) {
        return Some(used);
    }
    let unknown = match look.run.indexes.standbys_not_asked {
        Some(0) => return None,
        Some(n) => format!(
            "never scanned here, but {n} streaming standbys were not asked (--replica), and they \
             count their own scans"
        ),
        None => "never scanned here, but whether standbys use it is not known \
            (pg_stat_replication was not read)"
            .to_owned(),
    };
    Some(Usage::Unknown(unknown))
}

fn never_scanned(look: &Look<'_>, facts: &IndexFacts) -> Usage {
    if let Some(small) = small(facts, t::UNUSED_INDEX_MIN_BYTES) {
        return small;
    }
    let Some(age) = age_days(look.run) else {
        return Usage::Unknown("the age of the counters is not known".to_owned());
    };
    if age < t::UNUSED_INDEX_MIN_AGE_DAYS {
        let workload = workload(look.run).map_or(String::new(), |w| format!("; nor by {w}"));
        return Usage::NotByWorkload(format!(
            "not scanned since the counters were reset {age:.1} days ago{workload}: too young to \
             drop it"
        ));
    }
    match loaded(look, facts.indrelid) {
        None => return Usage::Unknown("the writes of its table were not read".to_owned()),
        Some(true) => {
            let reason = "its table was loaded or restored and hardly changed since, so that \
                every index looks unused";
            return Usage::Protected(reason.to_owned());
        }
        Some(false) => {}
    }
    let mut doubts = Vec::new();
    doubts.extend(supported_key(look, facts).map(foreign_key_doubt));
    if age < t::MONTHLY_JOB_AGE_DAYS {
        doubts.push(format!("a monthly job may not have run in {age:.0} days"));
    }
    if facts.indisclustered {
        doubts.push("CLUSTER without an index name uses it".to_owned());
    }
    Usage::Unused {
        reason: format!("never scanned on any known node in {age:.0} days"),
        doubts,
        lab: false,
    }
}

/// Age of the cumulative counters in days: since the reset of the database's statistics, or, where
/// that is NULL (15+: never reset), since creation or the last crash.
fn age_days(run: &Run) -> Option<f64> {
    let life = run.life.last()?;
    let reset = life.database_stats_reset.or(life.bgwriter_stats_reset)?;
    Some(life.at.duration_since(reset).as_secs_f64() / 86_400.0)
}

/// The table was filled and hardly changed: in this run, or over the life of the counters
/// (restored or upgraded).
fn loaded(look: &Look<'_>, relid: u32) -> Option<bool> {
    let last = look.tables_last.get(&relid)?;
    let before = look
        .tables_first
        .get(&relid)
        .map_or(0, |first| first.n_tup_ins);
    let live = last.n_live_tup;
    let in_run = look.run.meta.since.is_none() && live > 0 && last.n_tup_ins - before >= live;
    let changes = (last.n_tup_upd + last.n_tup_del) as f64;
    let restored = last.n_tup_ins >= live && changes <= t::LOADED_TABLE_CHANGE_RATIO * live as f64;
    Some(in_run || restored)
}

/// The foreign key whose parent deletes would scan this index, outside any statement text.
fn supported_key<'a>(look: &Look<'a>, facts: &IndexFacts) -> Option<&'a ForeignKey> {
    let keys = look.run.indexes.foreign_keys.as_ref()?;
    keys.iter().find(|key| {
        let n = key.conkey.len();
        key.conrelid == facts.indrelid
            && facts.indkey.len() >= n
            && key.conkey.iter().all(|c| facts.indkey[..n].contains(c))
    })
}

fn foreign_key_doubt(key: &ForeignKey) -> String {
    format!(
        "it supports the foreign key {}: deletes in the referenced table would scan it",
        key.conname
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::{Evidence, IndexVerdict};
    use crate::analyze::fixture::{at, index, load_result, run_with_indexes, scans};
    use crate::analyze::indexes::{Judged, judge};
    use crate::record::Bytes;
    use crate::record::indexes::NodeIndexScans;

    fn run() -> Run {
        run_with_indexes(vec![(index(1, 1, "i", &[2]), 0)])
    }

    fn one(run: &Run) -> Judged {
        judge(run).unwrap().remove(0)
    }

    fn facts(run: &mut Run) -> &mut IndexFacts {
        &mut run.indexes.facts.as_mut().unwrap()[0]
    }

    #[test]
    fn an_index_that_nobody_scanned_for_long_is_unused() {
        let judged = one(&run());
        assert_eq!(judged.index.verdict, IndexVerdict::DropUnused);
        assert_eq!(
            judged.index.remediation_sql.as_deref(),
            Some("DROP INDEX CONCURRENTLY public.i;")
        );
        assert!(
            judged.index.reason.contains("60 days"),
            "{}",
            judged.index.reason
        );
        assert!(judged.doubts.is_empty());
    }

    #[test]
    fn purposes_that_no_scan_counts_protect() {
        let changes: [fn(&mut IndexFacts); 6] = [
            |i| i.constraint_name = Some("c".to_owned()),
            |i| i.indisunique = true,
            |i| i.indisexclusion = true,
            |i| i.indisreplident = true,
            |i| i.relkind = "I".to_owned(),
            |i| i.parent = Some(9),
        ];
        for change in changes {
            let mut run = run();
            change(facts(&mut run));
            let judged = one(&run);
            assert_eq!(
                judged.index.verdict,
                IndexVerdict::Keep,
                "{}",
                judged.index.reason
            );
            assert!(matches!(judged.usage, Usage::Protected(_)));
        }
    }

    #[test]
    fn standbys_are_asked_or_nothing_is_said() {
        let mut run = run();
        run.indexes.standbys_not_asked = Some(1);
        assert!(matches!(one(&run).usage, Usage::Unknown(r) if r.contains("--replica")));
        run.indexes.standbys_not_asked = None;
        assert!(matches!(one(&run).usage, Usage::Unknown(_)));
        run.indexes.standbys_not_asked = Some(0);
        run.indexes.standbys.push(NodeIndexScans {
            node: "s1".to_owned(),
            rows: vec![scans(1, "i", 4)],
        });
        assert!(matches!(one(&run).usage, Usage::Protected(r) if r.contains("s1")));
        run.indexes.standbys[0].rows[0].idx_scan = 0;
        assert_eq!(one(&run).index.verdict, IndexVerdict::DropUnused);
    }

    #[test]
    fn young_counters_are_no_reason() {
        let mut run = run();
        run.life[1].database_stats_reset = Some(at(-3 * 86_400));
        let judged = one(&run);
        assert_eq!(judged.index.verdict, IndexVerdict::Keep);
        assert!(matches!(judged.usage, Usage::NotByWorkload(r) if r.contains("3.0 days")));
        run.life[1].database_stats_reset = Some(at(-20 * 86_400));
        assert!(one(&run).doubts[0].contains("monthly"));
    }

    #[test]
    fn a_loaded_table_says_nothing() {
        let mut run = run();
        let stats = run.tables.stat_user_tables.as_mut().unwrap();
        stats.last[0].n_tup_ins = 100_000;
        stats.last[0].n_tup_upd = 0;
        stats.last[0].n_tup_del = 0;
        assert!(matches!(one(&run).usage, Usage::Protected(r) if r.contains("loaded")));
        run.tables.stat_user_tables = None;
        assert!(matches!(one(&run).usage, Usage::Unknown(_)));
    }

    #[test]
    fn a_foreign_key_and_a_small_size_weaken() {
        let mut run = run();
        run.indexes.foreign_keys = Some(vec![ForeignKey {
            conname: "fk".to_owned(),
            conrelid: 1,
            confrelid: 2,
            conkey: vec![2],
            confkey: vec![1],
        }]);
        assert!(one(&run).doubts[0].contains("fk"));
        facts(&mut run).size_bytes = Some(Bytes(5 << 20));
        assert!(matches!(one(&run).usage, Usage::Small(_)));
    }

    #[test]
    fn a_lab_reports_with_a_workload_and_without_sql() {
        let mut run = run();
        run.meta.lab = true;
        run.life[1].database_stats_reset = Some(at(0));
        assert!(matches!(one(&run).usage, Usage::Unknown(_)), "nothing ran");
        run.replay = Some(load_result());
        let judged = one(&run);
        assert_eq!(judged.index.verdict, IndexVerdict::DropUnused);
        assert_eq!(judged.index.evidence, Evidence::RuleOfThumb);
        assert_eq!(judged.index.remediation_sql, None);
        let reason = &judged.index.reason;
        assert!(
            reason.contains("app.sql in 60 s") && reason.contains("7 days"),
            "{reason}"
        );
        let stats = run.indexes.stat_user_indexes.as_mut().unwrap();
        stats.last[0].idx_scan = 3;
        assert_eq!(one(&run).usage, Usage::Used { scans: 3 });
    }

    #[test]
    fn an_index_idle_in_this_run_is_named_with_the_workload() {
        let mut run = run_with_indexes(vec![(index(1, 1, "i", &[2]), 70)]);
        assert_eq!(one(&run).usage, Usage::Used { scans: 70 });
        run.replay = Some(load_result());
        let Usage::NotByWorkload(reason) = one(&run).usage else {
            panic!("expected NotByWorkload");
        };
        assert!(reason.contains("app.sql in 60 s") && reason.contains("70 times"));
    }
}
