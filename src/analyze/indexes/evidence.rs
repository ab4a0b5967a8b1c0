//! What every node counted of an index: this server, its standbys, and the nodes of saved runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::analyze::rules::thresholds as t;
use crate::record::Run;
use crate::record::indexes::{IndexFacts, SavedIndex, SavedScans};
use crate::record::replication::Standby;
use crate::record::server::ServerLife;

use super::look::Look;
use super::unused;

/// The name that the primary goes by, whichever server it is or was.
const PRIMARY: &str = "the primary";

/// The counters of one node.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Scans, the most that one reading found.
    scans: i64,
    /// Where the scans were found, if not in this run.
    run_id: Option<String>,
    /// The times that its counters cover.
    spans: Vec<(Timestamp, Timestamp)>,
}

/// The counters of every known node.
pub(super) struct Evidence {
    nodes: BTreeMap<String, Node>,
    /// Readings whose beginning is not known.
    undated: Vec<String>,
    saved_runs: usize,
}

/// Since when the counters of a database run: their reset, or, where that is NULL (15+: never
/// reset), creation or the last crash.
pub(super) fn counted_since(life: &ServerLife) -> Option<Timestamp> {
    life.database_stats_reset.or(life.bgwriter_stats_reset)
}

impl Evidence {
    /// Gathers what is known of one index. `None` where its counters were not read here.
    pub(super) fn of(look: &Look<'_>, facts: &IndexFacts) -> Option<Self> {
        let mut evidence = Self {
            nodes: BTreeMap::new(),
            undated: Vec::new(),
            saved_runs: 0,
        };
        let scans = look.scans_total(facts)?;
        let life = look.run.life.last();
        let span = life.and_then(|life| Some((counted_since(life)?, life.at)));
        evidence.add(PRIMARY, scans, None, span);
        let members = look.members(facts);
        for (node, rows) in look.run.indexes.standbys.iter().zip(&look.standbys) {
            // A physical standby has the object ids of its primary.
            let rows = members.iter().map(|m| rows.get(&m.indexrelid));
            let scans: Option<i64> = rows.map(|row| row.map(|row| row.idx_scan)).sum();
            let span = node.life.as_ref();
            let span = span.and_then(|life| Some((counted_since(life)?, life.at)));
            // Without a row the standby does not have the index yet: it counted nothing of it.
            let span = span.filter(|_| scans.is_some());
            evidence.add(&standby(&node.node), scans.unwrap_or(0), None, span);
        }
        for (saved, rows) in look.run.indexes.saved.iter().zip(&look.saved) {
            // An index that the run does not have, or had by another definition, was not counted by it.
            let rows = members.iter().map(|member| row_of(rows, member));
            let scans: Option<i64> = rows.map(|row| row.map(|row| row.idx_scan)).sum();
            if let Some(scans) = scans {
                evidence.add_saved(look, saved, scans);
            }
        }
        Some(evidence)
    }

    fn add(
        &mut self,
        name: &str,
        scans: i64,
        run_id: Option<&str>,
        span: Option<(Timestamp, Timestamp)>,
    ) {
        let node = self.nodes.entry(name.to_owned()).or_default();
        if scans > node.scans {
            node.scans = scans;
            node.run_id = run_id.map(str::to_owned);
        }
        match span {
            Some(span) => node.spans.push(span),
            None => self.undated.push(name.to_owned()),
        }
    }

    fn add_saved(&mut self, look: &Look<'_>, saved: &SavedScans, scans: i64) {
        self.saved_runs += 1;
        let name = saved.standby.as_deref();
        let name = name.map_or_else(|| PRIMARY.to_owned(), standby);
        let span = saved.since.map(|since| (since, saved.until));
        let now = look.run.life.last().map(|life| life.at);
        let age = now.map(|now| now.duration_since(saved.until).as_secs_f64() / 86_400.0);
        let span = if age.is_some_and(|days| days > t::SAVED_RUN_MAX_AGE_DAYS) {
            // Scans of then still count as scans; that there were none tells nothing of today.
            Some((saved.until, saved.until))
        } else {
            span
        };
        self.add(&name, scans, Some(&saved.run_id), span);
    }

    /// Scans on another node, or on this one at another time, in words.
    pub(super) fn scanned_elsewhere(&self) -> Option<String> {
        self.nodes.iter().find_map(|(name, node)| {
            let run = node.run_id.as_ref();
            let run = run.map_or_else(String::new, |run| format!(", by the saved run {run}"));
            (node.scans > 0).then(|| format!("scanned {} times on {name}{run}", node.scans))
        })
    }

    /// Days that the counters of every node cover at least; the error names a node of which that is
    /// not known.
    pub(super) fn days(&self) -> Result<f64, String> {
        if let Some(name) = self.undated.first() {
            return Err(format!("since when {name} has counted is not known"));
        }
        let days = self.nodes.values().map(|node| covered_days(&node.spans));
        Ok(days.fold(f64::INFINITY, f64::min))
    }

    /// How long each node was watched, such as `60 days on the primary, 12 days on the standby s1`.
    pub(super) fn words(&self) -> String {
        let nodes = self.nodes.iter().map(|(name, node)| {
            let days = covered_days(&node.spans);
            format!("{days:.0} days on {name}")
        });
        let words = nodes.collect::<Vec<_>>().join(", ");
        let saved = match self.saved_runs {
            0 => String::new(),
            1 => " (with 1 saved run)".to_owned(),
            n => format!(" (with {n} saved runs)"),
        };
        words + &saved
    }
}

fn standby(name: &str) -> String {
    format!("the standby {name}")
}

/// The index in a saved run, if it is the same one.
fn row_of<'a>(
    rows: &HashMap<(&str, &str), &'a SavedIndex>,
    facts: &IndexFacts,
) -> Option<&'a SavedIndex> {
    let name = (facts.schemaname.as_str(), facts.indexrelname.as_str());
    let row = rows.get(&name).copied()?;
    (row.definition == facts.definition).then_some(row)
}

/// Length of the union of the spans.
fn covered_days(spans: &[(Timestamp, Timestamp)]) -> f64 {
    let mut spans = spans.to_vec();
    spans.sort_unstable();
    let mut covered = 0.0;
    let mut end: Option<Timestamp> = None;
    for (since, until) in spans {
        let since = end.map_or(since, |end| end.max(since));
        if until > since {
            covered += until.duration_since(since).as_secs_f64();
            end = Some(until);
        }
    }
    covered / 86_400.0
}

/// The saved runs of which one has the index by this name and definition, the first of them.
pub(super) fn first_seen(look: &Look<'_>, facts: &IndexFacts) -> Option<Timestamp> {
    let members = look.members(facts);
    let runs = look.run.indexes.saved.iter().zip(&look.saved);
    let having = runs.filter(|(_, rows)| {
        let mut members = members.iter();
        members.all(|member| row_of(rows, member).is_some())
    });
    having.map(|(saved, _)| saved.until).min()
}

/// What a saved run tells of the use of indexes: of its own server, and of the standbys it asked.
#[must_use]
pub fn saved_scans(run: &Run) -> Vec<SavedScans> {
    let Some(look) = Look::new(run) else {
        return Vec::new();
    };
    let rows = |scans: &dyn Fn(&IndexFacts) -> Option<i64>| {
        let plain = look.facts.iter().filter(|facts| facts.relkind != "I");
        let rows = plain.filter_map(|facts| {
            Some(SavedIndex {
                schemaname: facts.schemaname.clone(),
                indexrelname: facts.indexrelname.clone(),
                definition: facts.definition.clone(),
                idx_scan: scans(facts)?,
            })
        });
        rows.collect::<Vec<_>>()
    };
    let workload = unused::workload(run);
    let own_standby = run.server.as_ref().filter(|server| server.in_recovery);
    let life = run.life.last();
    let mut all = vec![SavedScans {
        run_id: run.meta.run_id.clone(),
        standby: own_standby.map(|_| own_name(run)),
        application_name: own_standby.and_then(|_| own_record(run)?.application_name.clone()),
        since: life.and_then(counted_since),
        until: life.map_or(run.meta.ended_at, |life| life.at),
        workload: workload.clone(),
        rows: rows(&|facts| look.scans_total(facts)),
    }];
    for (node, counted) in run.indexes.standbys.iter().zip(&look.standbys) {
        let life = node.life.as_ref();
        all.push(SavedScans {
            run_id: run.meta.run_id.clone(),
            standby: Some(node.node.clone()),
            application_name: node.application_name.clone(),
            since: life.and_then(counted_since),
            until: life.map_or(run.meta.ended_at, |life| life.at),
            workload: workload.clone(),
            rows: rows(&|facts| Some(counted.get(&facts.indexrelid)?.idx_scan)),
        });
    }
    // What those saved runs had learned from others goes with them.
    all.extend(run.indexes.saved.iter().cloned());
    all
}

/// The name by which a standby that was the target itself is known: as it is when it is asked as a
/// replica.
fn own_name(run: &Run) -> String {
    let address = run.server.as_ref().map(|server| server.address.clone());
    own_record(run)
        .map(|own| own.name.clone())
        .or(address)
        .unwrap_or_default()
}

/// A target that is a standby itself is watched as the last of the standbys.
fn own_record(run: &Run) -> Option<&Standby> {
    run.replication.as_ref()?.standbys.last()
}

/// How many of the standbys that were not asked in this run were read lately by a saved run.
pub(super) fn asked_by_saved_runs(run: &Run) -> usize {
    let Some(now) = run.life.last().map(|life| life.at) else {
        return 0;
    };
    let mut unasked = run.indexes.standbys_not_asked_names.clone();
    let mut counted = BTreeSet::new();
    for saved in &run.indexes.saved {
        let (Some(standby), Some(name)) = (&saved.standby, &saved.application_name) else {
            continue;
        };
        let age = now.duration_since(saved.until).as_secs_f64() / 86_400.0;
        if age > t::SAVED_STANDBY_MAX_AGE_DAYS || counted.contains(standby) {
            continue;
        }
        if let Some(at) = unasked.iter().position(|u| u == name && !name.is_empty()) {
            unasked.swap_remove(at);
            counted.insert(standby.clone());
        }
    }
    counted.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::at;

    #[test]
    fn times_that_overlap_count_once_and_gaps_do_not_count() {
        let day = |n: i64| at(n * 86_400);
        let covered = |spans: &[(i64, i64)]| {
            let spans: Vec<_> = spans.iter().map(|(a, b)| (day(*a), day(*b))).collect();
            format!("{:.1}", covered_days(&spans))
        };
        assert_eq!(covered(&[(0, 10), (5, 12)]), "12.0");
        assert_eq!(covered(&[(20, 30), (0, 10)]), "20.0");
        assert_eq!(covered(&[(0, 10), (2, 3)]), "10.0");
        assert_eq!(covered(&[]), "0.0");
    }
}
