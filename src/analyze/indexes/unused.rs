//! Whether an index is used, with every reason why a count of zero may mislead.

use crate::analyze::rules::thresholds as t;
use crate::record::Run;
use crate::record::indexes::IndexFacts;

use super::cost;
use super::evidence::{self, Evidence};
use super::look::Look;

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

/// What is known of the use of one index. `needed` says why it has to stay whatever it counts.
pub(super) fn usage(look: &Look<'_>, facts: &IndexFacts, needed: Option<String>) -> Usage {
    if let Some(reason) = protection(look, facts).or(needed) {
        return Usage::Protected(reason);
    }
    let Some(total) = look.scans_total(facts) else {
        return Usage::Unknown("its scans were not read (pg_stat_user_indexes)".to_owned());
    };
    if look.run.meta.lab {
        return in_lab(look, facts);
    }
    if total > 0 {
        return used(look, facts, total);
    }
    let Some(evidence) = Evidence::of(look, facts) else {
        return Usage::Unknown("its scans were not read (pg_stat_user_indexes)".to_owned());
    };
    if let Some(scanned) = evidence.scanned_elsewhere() {
        return Usage::Protected(scanned);
    }
    match unasked(look.run) {
        Some(unknown) => Usage::Unknown(unknown),
        None => never_scanned(look, facts, &evidence),
    }
}

/// Purposes that no scan counts: the uniqueness check of an INSERT never adds to `idx_scan`.
pub(super) fn protection(look: &Look<'_>, facts: &IndexFacts) -> Option<String> {
    let reason = if facts.indisprimary {
        "it is the primary key".to_owned()
    } else if let Some(constraint) = &facts.constraint_name {
        format!("it enforces the constraint {constraint}")
    } else if facts.indisunique || facts.indisexclusion {
        "it enforces uniqueness or exclusion".to_owned()
    } else if facts.indisreplident {
        "it is the replica identity of the table".to_owned()
    } else if look.is_referenced(facts) {
        "a foreign key depends on it".to_owned()
    } else if facts.extension_owned {
        "it belongs to an extension".to_owned()
    } else if facts.parent.is_some() {
        "it is a part of the index of a partitioned table and cannot be dropped alone".to_owned()
    } else {
        return None;
    };
    Some(reason)
}

fn small(look: &Look<'_>, facts: &IndexFacts, limit: u64) -> Option<Usage> {
    let Some(size) = look.size(facts) else {
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
pub(super) fn workload(run: &Run) -> Option<String> {
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
    let large = look
        .size(facts)
        .is_some_and(|b| b.0 >= t::UNUSED_INDEX_MIN_BYTES);
    match (look.scans_in_window(facts), workload(look.run)) {
        (Some(0), Some(workload)) if large => Usage::NotByWorkload(format!(
            "not scanned by {workload}, but {total} times since the counters were reset"
        )),
        _ => Usage::Used { scans: total },
    }
}

fn in_lab(look: &Look<'_>, facts: &IndexFacts) -> Usage {
    let Some(scans) = look.scans_in_window(facts) else {
        return Usage::Unknown("its counters were disturbed in the window".to_owned());
    };
    if scans > 0 {
        return Usage::Used { scans };
    }
    let Some(workload) = workload(look.run) else {
        return Usage::Unknown("no workload ran in this lab".to_owned());
    };
    if let Some(small) = small(look, facts, t::LAB_UNUSED_INDEX_MIN_BYTES) {
        return small;
    }
    let evidence = Evidence::of(look, facts);
    if let Some(scanned) = evidence.and_then(|evidence| evidence.scanned_elsewhere()) {
        return Usage::Protected(scanned);
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

/// Standbys keep their own counters: why it is not known whether they use an index.
fn unasked(run: &Run) -> Option<String> {
    if let Some(unread) = run.indexes.standbys_unread.first() {
        return Some(format!(
            "never scanned here, but a standby that was named could not be read: {unread}"
        ));
    }
    match run.indexes.standbys_not_asked {
        Some(0) => None,
        Some(n) => {
            let by_saved_runs = evidence::asked_by_saved_runs(run);
            let n = usize::try_from(n)
                .unwrap_or(usize::MAX)
                .saturating_sub(by_saved_runs);
            (n > 0).then(|| {
                format!(
                    "never scanned here, but {n} streaming standbys were not asked (--replica, or \
                     --usage with a run saved there), and they count their own scans"
                )
            })
        }
        None => Some(
            "never scanned here, but whether standbys use it is not known \
            (pg_stat_replication was not read)"
                .to_owned(),
        ),
    }
}

fn never_scanned(look: &Look<'_>, facts: &IndexFacts, evidence: &Evidence) -> Usage {
    if let Some(small) = small(look, facts, t::UNUSED_INDEX_MIN_BYTES) {
        return small;
    }
    let days = match evidence.days() {
        Ok(days) => days,
        Err(why) => return Usage::Unknown(why),
    };
    let by = workload(look.run).map_or(String::new(), |w| format!("; nor by {w}"));
    if days < t::UNUSED_INDEX_MIN_AGE_DAYS {
        return Usage::NotByWorkload(format!(
            "never scanned, but counted for {days:.1} days only ({}){by}: too young to drop it",
            evidence.words()
        ));
    }
    match loaded(look, facts) {
        None => return Usage::Unknown("the writes of its table were not read".to_owned()),
        Some(true) => {
            let reason = "its table was loaded or restored and hardly changed since, so that \
                every index looks unused";
            return Usage::Protected(reason.to_owned());
        }
        Some(false) => {}
    }
    let mut doubts = Vec::new();
    match age(look, facts) {
        Age::Younger(why) => return Usage::NotByWorkload(why),
        Age::Unknown(why) => doubts.push(why),
        Age::AsOld => {}
    }
    if days < t::MONTHLY_JOB_AGE_DAYS {
        doubts.push(format!("a monthly job may not have run in {days:.0} days"));
    }
    doubts.extend(standing_doubts(look, facts));
    Usage::Unused {
        reason: format!("never scanned: {}{by}", evidence.words()),
        doubts,
        lab: false,
    }
}

/// Uses that are not scans, and nodes that are away.
fn standing_doubts(look: &Look<'_>, facts: &IndexFacts) -> Vec<String> {
    let mut doubts = Vec::new();
    if facts.indisclustered {
        doubts.push("CLUSTER without an index name uses it".to_owned());
    }
    if facts.expressions.is_some() {
        doubts.push(
            "ANALYZE keeps statistics of its expression, which plans may rest on without any scan"
                .to_owned(),
        );
    }
    if let Some(slot) = slot_away(look.run) {
        doubts.push(format!(
            "the standby of the slot {slot} is away, and its scans are not known"
        ));
    }
    doubts
}

/// A physical slot that nobody uses. Older files have it only where replication was watched.
fn slot_away(run: &Run) -> Option<&str> {
    let watched = run.replication.iter().flat_map(|r| &r.slots).flatten();
    let away = watched.filter(|slot| slot.is_away());
    let mut names = run.indexes.slots_away.iter().map(String::as_str);
    names.next().or_else(|| {
        let mut names = away.map(|slot| slot.slot_name.as_str());
        names.next()
    })
}

/// How old an index is beside the counters of its table.
enum Age {
    AsOld,
    Younger(String),
    Unknown(String),
}

/// Every entry that a write adds touches a block of the index, so an index with fewer accesses than
/// its table has had writes did not exist for all of them. PostgreSQL keeps no date of creation.
fn age(look: &Look<'_>, facts: &IndexFacts) -> Age {
    let unknown = |why: &str| {
        Age::Unknown(format!(
            "nothing tells whether the index is as old as the counters ({why})"
        ))
    };
    let members = look.members(facts);
    let written = members.iter().map(|m| {
        let table = look.tables_last.get(&m.indrelid)?;
        Some(cost::entries(table))
    });
    let written: Option<i64> = written.sum();
    let seen = evidence::first_seen(look, facts).zip(look.run.life.last());
    let seen = seen.map(|(first, life)| life.at.duration_since(first).as_secs_f64() / 86_400.0);
    if seen.is_some_and(|days| days >= t::UNUSED_INDEX_MIN_AGE_DAYS) {
        return Age::AsOld;
    }
    if facts.predicate.is_some() || facts.amname != "btree" {
        return unknown("not every write touches it");
    }
    match (written, look.blocks_total(facts)) {
        (Some(written), _) if written < t::INDEX_AGE_MIN_WRITES => unknown("few writes"),
        (Some(written), Some(blocks)) => {
            if (blocks as f64) < t::INDEX_AGE_BLOCKS_RATIO * written as f64 {
                Age::Younger(format!(
                    "never scanned, but younger than the counters: its table had {written} writes, \
                     and only {blocks} blocks of the index were touched"
                ))
            } else {
                Age::AsOld
            }
        }
        _ => unknown("pg_statio_user_indexes was not read"),
    }
}

/// The table was filled and hardly changed: in this run, or over the life of the counters
/// (restored or upgraded). Of a partitioned one, any partition.
fn loaded(look: &Look<'_>, facts: &IndexFacts) -> Option<bool> {
    let members = look.members(facts);
    let loaded = members.iter().map(|m| table_loaded(look, m.indrelid));
    let loaded: Option<Vec<bool>> = loaded.collect();
    loaded.map(|all| all.contains(&true))
}

fn table_loaded(look: &Look<'_>, relid: u32) -> Option<bool> {
    let last = look.tables_last.get(&relid)?;
    let before = look
        .tables_first
        .get(&relid)
        .map_or(0, |first| first.n_tup_ins);
    let live = last.n_live_tup;
    let in_run = look.run.meta.since.is_none() && live > 0 && last.n_tup_ins - before >= live;
    let changes = (last.n_tup_upd + last.n_tup_del) as f64;
    // An empty partition was not loaded.
    let restored = last.n_tup_ins > 0
        && last.n_tup_ins >= live
        && changes <= t::LOADED_TABLE_CHANGE_RATIO * live as f64;
    Some(in_run || restored)
}

#[cfg(test)]
mod tests;
