//! What the server shows of its client connections.

use std::collections::BTreeMap;

use crate::analyze::conclusions::ObservedPool;
use crate::analyze::database_time::{
    hides_sessions, is_busy_client, is_own_replay, is_replay_name,
};
use crate::record::Run;
use crate::record::activity::{ActivitySample, ActivitySeries, HIDDEN_TYPE, SessionSample};
use crate::record::database::StatDatabase;

use super::budget::usable_connections;

/// Connections as sampled; `None` without a sample, or where the role does not see those of others.
pub(super) fn conclude(run: &Run) -> Option<ObservedPool> {
    let series = run.activity.as_ref().filter(|_| !hides_sessions(run))?;
    if series.samples.is_empty() {
        return None;
    }
    let in_use: Vec<u32> = series.samples.iter().map(busy).collect();
    let total: u64 = in_use.iter().map(|n| u64::from(*n)).sum();
    let idle_in_transaction = series
        .samples
        .iter()
        .flat_map(|s| &s.sessions)
        .filter(|s| s.backend_type == "client backend" && s.is_idle_in_transaction())
        .count();
    Some(ObservedPool {
        size: series.samples.iter().map(connected).max().unwrap_or(0),
        in_use_mean: total as f64 / in_use.len() as f64,
        in_use_max: in_use.iter().copied().max().unwrap_or(0),
        idle_in_transaction_ratio: (total > 0).then(|| idle_in_transaction as f64 / total as f64),
        connections_per_sec: per_second(run, |row| row.sessions).ok(),
        usable_connections: run.server.as_ref().and_then(usable_connections),
    })
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// Client sessions that are active or idle in transaction.
fn busy(sample: &ActivitySample) -> u32 {
    count(sample.sessions.iter().filter(|s| is_busy_client(s)).count())
}

/// Largest number of connections of others than dbperf's own replay. A session whose type the role may not see counts
/// where it has a database: it is a client's, or a worker's that no budget has to know.
pub(super) fn others_beside_a_replay(series: &ActivitySeries) -> u32 {
    let is_connection = |s: &&SessionSample| {
        let hidden = s.backend_type == HIDDEN_TYPE && s.datname.is_some();
        (s.backend_type == "client backend" || hidden) && !is_own_replay(s)
    };
    let of_sample = |sample: &ActivitySample| {
        let idle = sample.idle.iter().filter(|(name, _)| !is_replay_name(name));
        let idle: u32 = idle.map(|(_, number)| number).sum();
        idle + count(sample.sessions.iter().filter(is_connection).count())
    };
    series.samples.iter().map(of_sample).max().unwrap_or(0)
}

/// All client sessions of a sample.
fn connected(sample: &ActivitySample) -> u32 {
    let shown = sample.sessions.iter();
    count(shown.filter(|s| s.backend_type == "client backend").count())
        + sample.idle.values().sum::<u32>()
}

/// Why growth is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Both ends were not read, or the counter does not exist in this version.
    NotRead,
    /// The statistics were reset in the window.
    Reset,
}

/// Growth per second of a counter of `pg_stat_database` of the current database.
pub(super) fn per_second(
    run: &Run,
    counter: impl Fn(&StatDatabase) -> Option<i64>,
) -> Result<f64, Unknown> {
    let span = run.database.stat_database.as_ref();
    let (span, server) = span.zip(run.server.as_ref()).ok_or(Unknown::NotRead)?;
    let seconds = (span.last_at - span.first_at).secs();
    let row = |rows: &[StatDatabase]| {
        let mut rows = rows.iter().filter(|r| r.datid == server.database_oid);
        let row = rows.next().ok_or(Unknown::NotRead)?;
        Ok((counter(row).ok_or(Unknown::NotRead)?, row.stats_reset))
    };
    let ((first, reset_before), (last, reset_after)) = (row(&span.first)?, row(&span.last)?);
    // A counter that was reset may have grown past its old value again.
    if last < first || reset_before != reset_after {
        return Err(Unknown::Reset);
    }
    if seconds <= 0.0 {
        return Err(Unknown::NotRead);
    }
    Ok((last - first) as f64 / seconds)
}

/// Connections of one application over the samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Application {
    pub(super) name: String,
    /// Busy connections, by sample.
    pub(super) in_use: Vec<f64>,
    /// Largest number connected at once.
    pub(super) connected_max: u32,
}

/// Applications by their busy connections, busiest first.
pub(super) fn applications(series: &ActivitySeries) -> Vec<Application> {
    let mut found: BTreeMap<&str, Application> = BTreeMap::new();
    for (i, sample) in series.samples.iter().enumerate() {
        let mut connected: BTreeMap<&str, u32> = BTreeMap::new();
        for (name, idle) in &sample.idle {
            *connected.entry(name).or_default() += idle;
        }
        for session in &sample.sessions {
            if session.backend_type != "client backend" {
                continue;
            }
            let name = session.application_name.as_str();
            *connected.entry(name).or_default() += 1;
            if is_busy_client(session) {
                entry(&mut found, name, series.samples.len()).in_use[i] += 1.0;
            }
        }
        for (name, number) in connected {
            let application = entry(&mut found, name, series.samples.len());
            application.connected_max = application.connected_max.max(number);
        }
    }
    let mut sorted: Vec<Application> = found.into_values().collect();
    sorted.sort_by(|a, b| {
        let sum = |x: &Application| x.in_use.iter().sum::<f64>();
        sum(b).total_cmp(&sum(a))
    });
    sorted
}

fn entry<'a, 'n>(
    found: &'a mut BTreeMap<&'n str, Application>,
    name: &'n str,
    samples: usize,
) -> &'a mut Application {
    found.entry(name).or_insert_with(|| Application {
        name: name.to_owned(),
        in_use: vec![0.0; samples],
        connected_max: 0,
    })
}
