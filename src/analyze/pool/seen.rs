//! What samples of the server show of the application that uses most connections.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::analyze::database_time::is_busy_client;
use crate::record::Run;
use crate::record::activity::{ActivitySample, ActivitySeries, SessionSample};
use crate::stats::quantile;

use super::model::{Demand, Model};
use super::observed::{Application, Unknown, per_second};
use super::slices::{Cut, Slices, Stretch};

/// A lease of this length makes waits count in leases where the length is not known: the size rests on the
/// number in use alone then.
const ANY_LEASE_MS: f64 = 1000.0;

/// What was seen of the busiest application.
pub(super) struct Seen<'a> {
    pub(super) application: &'a Application,
    /// Random arrivals at the mean rate.
    pub(super) model: Model,
    pub(super) lease: Lease,
    pub(super) in_use: f64,
    pub(super) in_use_p99: f64,
    /// Share of the time that connections are in use in which they are idle in transaction.
    pub(super) held_idle: f64,
    /// By sample: every open connection was in use.
    pub(super) all_in_use: Vec<bool>,
    pub(super) slices: Slices,
    /// The rush, where there was one.
    pub(super) busiest: Option<Stretch>,
    /// Standard error of the mean in use by chance alone, as a share of it.
    pub(super) chance_ratio: f64,
}

/// The mean time of a lease, taken for that of one transaction, by Little's law; and what is to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lease {
    pub(super) ms: Option<f64>,
    pub(super) words: String,
}

impl<'a> Seen<'a> {
    /// `None` where no application was busy.
    pub(super) fn of(run: &Run, series: &ActivitySeries, all: &'a [Application]) -> Option<Self> {
        let application = all.first()?;
        let samples = application.in_use.len() as f64;
        let in_use = application.in_use.iter().sum::<f64>() / samples;
        if in_use <= 0.0 {
            return None;
        }
        let lease = lease(run, series, all.len());
        let lease_ms = lease.ms.unwrap_or(ANY_LEASE_MS);
        let moments: Vec<f64> = series.samples.iter().map(|s| s.at.0).collect();
        let per_lease = samples_per_lease(series, application, lease.ms);
        let slices = Slices::counted(Cut::of(&moments), &application.in_use, per_lease);
        let full = f64::from(application.connected_max);
        Some(Self {
            application,
            model: Model {
                demand: Demand::Open {
                    per_sec: in_use / lease_ms * 1000.0,
                },
                lease_ms,
                lease_scv: 1.0,
            },
            lease,
            in_use,
            in_use_p99: quantile(&application.in_use, 0.99).unwrap_or(0.0),
            held_idle: held_idle(series, application) / (in_use * samples),
            all_in_use: application.in_use.iter().map(|n| *n >= full).collect(),
            busiest: slices.busiest(),
            chance_ratio: slices.error_by_chance(per_lease),
            slices,
        })
    }

    /// Share of samples in which every open connection was in use.
    pub(super) fn all_in_use_ratio(&self) -> f64 {
        ratio(&self.all_in_use)
    }

    /// The same of the rush.
    pub(super) fn all_in_use_in_rush(&self) -> Option<f64> {
        let stretch = self.busiest.as_ref()?;
        let ranges = stretch.slices.iter().map(|i| &self.slices.cut.readings[*i]);
        let seen: Vec<bool> = ranges
            .flat_map(|r| &self.all_in_use[r.clone()])
            .copied()
            .collect();
        Some(ratio(&seen))
    }

    /// Random arrivals at the rate that the size is made for: that of the rush, where there was one.
    pub(super) fn model_to_size(&self) -> Model {
        let times = self.busiest.as_ref().map_or(1.0, |stretch| stretch.times);
        self.model.with_demand(times)
    }
}

fn ratio(seen: &[bool]) -> f64 {
    seen.iter().filter(|it| **it).count() as f64 / seen.len().max(1) as f64
}

/// The busy sessions of an application in one sample.
fn busy_of<'s>(
    sample: &'s ActivitySample,
    application: &'s Application,
) -> impl Iterator<Item = &'s SessionSample> {
    let sessions = sample.sessions.iter();
    sessions.filter(|s| is_busy_of(s, application))
}

/// The session is of the application and has its connection in use.
pub(super) fn is_busy_of(session: &SessionSample, application: &Application) -> bool {
    is_busy_client(session) && session.application_name == application.name
}

/// Times that a session was seen idle in transaction.
fn held_idle(series: &ActivitySeries, application: &Application) -> f64 {
    let samples = series.samples.iter();
    let busy = samples.flat_map(|sample| busy_of(sample, application));
    busy.filter(|s| s.is_idle_in_transaction()).count() as f64
}

/// Mean number of samples in a row that saw the same transaction (by session and `xact_start`): samples of one
/// long transaction say the same thing again. Where the server does not tell when transactions began, it follows
/// from their mean length: a sample sees one again with the chance exp(−interval ÷ length).
fn samples_per_lease(
    series: &ActivitySeries,
    application: &Application,
    lease_ms: Option<f64>,
) -> f64 {
    let (mut seen, mut begun) = (0usize, 0usize);
    let mut before: BTreeSet<(i32, Timestamp)> = BTreeSet::new();
    for sample in &series.samples {
        let busy = busy_of(sample, application);
        let now: BTreeSet<_> = busy.filter_map(|s| Some((s.pid, s.xact_start?))).collect();
        seen += now.len();
        begun += now.difference(&before).count();
        before = now;
    }
    if begun > 0 {
        return seen as f64 / begun as f64;
    }
    let again = lease_ms.map_or(0.0, |ms| (-series.interval.0 / ms).exp());
    1.0 / (1.0 - again.min(0.999))
}

/// Connections in use in the database over its transactions per second.
fn lease(run: &Run, series: &ActivitySeries, applications: usize) -> Lease {
    let unknown = |why: &str| Lease {
        ms: None,
        words: format!("{why}: the size rests on the number of connections in use alone"),
    };
    let counted = match per_second(run, |row| Some(row.xact_commit + row.xact_rollback)) {
        Ok(counted) => counted,
        Err(Unknown::Reset) => {
            return unknown(
                "the counters of pg_stat_database were reset in the window, so the number of \
                 transactions is not known",
            );
        }
        Err(Unknown::NotRead) => return unknown("the number of transactions is not known"),
    };
    let own = own_per_sec(run);
    let per_sec = counted - own.unwrap_or(0.0);
    let in_use = in_use_of_database(run, series);
    if per_sec <= 0.0 || in_use <= 0.0 {
        return unknown("no transaction of the sessions in use ended in the window");
    }
    let ms = in_use / per_sec * 1000.0;
    let own = match own {
        Some(own) => format!("{own:.0} of dbperf's own per second taken off"),
        None => "dbperf's own counted in, so really somewhat longer".to_owned(),
    };
    let whose = match applications {
        1 => "",
        _ => ", the mean over all applications of the database",
    };
    Lease {
        ms: Some(ms),
        words: format!(
            "a lease is taken for one transaction: {ms:.1} ms by Little's law ({in_use:.1} connections in use \
             and {per_sec:.0} transactions/s, {own}){whose}"
        ),
    }
}

/// Mean number of client sessions of the database that were busy: `pg_stat_database` counts the transactions
/// of one database only.
fn in_use_of_database(run: &Run, series: &ActivitySeries) -> f64 {
    let database = run.server.as_ref().map(|s| s.database.as_str());
    let here = |s: &&SessionSample| s.datname.is_none() || s.datname.as_deref() == database;
    let sessions = series.samples.iter().flat_map(|s| &s.sessions);
    let busy = sessions.filter(|s| is_busy_client(s)).filter(here).count();
    busy as f64 / series.samples.len().max(1) as f64
}

/// Transactions per second of dbperf itself in the database: each of its statements is one. `None` where
/// `pg_stat_statements` did not count them, or where a pooler makes several statements of one.
fn own_per_sec(run: &Run) -> Option<f64> {
    let server = run.server.as_ref()?;
    let window = run.statements.as_ref().filter(|w| !w.own.is_empty())?;
    if server.through_pooler == Some(true) {
        return None;
    }
    let own = window.own.iter();
    let own = own.filter(|delta| delta.key.dbid == server.database_oid);
    let calls: i64 = own.map(|delta| delta.counters.calls).sum();
    let length: f64 = window
        .intervals
        .iter()
        .map(|i| (i.to - i.from).secs())
        .sum();
    (length > 0.0).then(|| calls as f64 / length)
}
