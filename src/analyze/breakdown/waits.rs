//! Execution in the database by what it waited for, from samples of the sessions that ran an endpoint's statements.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::conclusions::{Endpoint, PartKind, PartWait, TotalBreakdown};
use crate::analyze::database_time::{CPU, counts, hides_sessions, is_own_replay};
use crate::record::Run;
use crate::record::activity::SessionSample;
use crate::stats::wilson;

/// Samples without which no share is told (ours): the error would be larger than most shares.
const MIN_SAMPLES: usize = 20;

/// Adds the waits to what is known of execution, by endpoint where the samples tell statements apart (14+).
pub(super) fn add(run: &Run, endpoints: &mut [Endpoint], total: &mut TotalBreakdown) {
    if hides_sessions(run) {
        return;
    }
    let seen = active(run);
    for endpoint in endpoints {
        let ids: BTreeSet<i64> = endpoint
            .statements
            .iter()
            .filter_map(|s| s.query_id.parse().ok())
            .collect();
        let waits = of(seen
            .iter()
            .copied()
            .filter(|s| s.query_id.is_some_and(|id| ids.contains(&id.0))));
        set(&mut endpoint.parts, waits);
    }
    set(&mut total.parts, of(seen.into_iter()));
}

fn set(parts: &mut [crate::analyze::conclusions::TimePart], waits: Vec<PartWait>) {
    let exec = parts
        .iter_mut()
        .find(|p| p.part == PartKind::DbExec && p.mean_ms.is_some());
    if let Some(exec) = exec {
        exec.waits = waits;
    }
}

/// Sessions at work in the database of the run.
fn active(run: &Run) -> Vec<&SessionSample> {
    let database = run.server.as_ref().map(|s| s.database.as_str());
    let samples = run.activity.iter().flat_map(|a| &a.samples);
    samples
        .flat_map(|s| &s.sessions)
        .filter(|s| counts(s) && !is_own_replay(s))
        .filter(|s| database.is_none_or(|name| s.datname.as_deref().is_none_or(|d| d == name)))
        .collect()
}

fn of<'a>(sessions: impl Iterator<Item = &'a SessionSample>) -> Vec<PartWait> {
    let mut by_class: BTreeMap<&str, usize> = BTreeMap::new();
    let mut statements = BTreeSet::new();
    for session in sessions {
        let class = session.wait_event_type.as_deref().unwrap_or(CPU);
        *by_class.entry(class).or_default() += 1;
        // Samples of one statement are not independent of each other.
        statements.insert((
            session.leader_pid.unwrap_or(session.pid),
            session.query_start,
        ));
    }
    let all: usize = by_class.values().sum();
    if all < MIN_SAMPLES {
        return Vec::new();
    }
    let mut waits: Vec<PartWait> = by_class
        .into_iter()
        .map(|(class, seen)| {
            let share = seen as f64 / all as f64;
            let interval = wilson(share, statements.len() as f64);
            PartWait {
                wait_class: class.to_owned(),
                share_ratio: share,
                share_error_ratio: (share - interval.low).max(interval.high - share),
            }
        })
        .collect();
    waits.sort_by(|a, b| b.share_ratio.total_cmp(&a.share_ratio));
    waits
}
