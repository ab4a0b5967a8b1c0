//! `PgBouncer`'s account of the window, and how much of the replay's latency it explains.
//!
//! Its query time begins at the client's request, so `query time = wait + server`; and the client's
//! latency of a statement is `wait + server + link`, where `link` is the way between the two. The wait
//! is known per database and counted when a connection is assigned: who still waits is not in it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::analyze::conclusions::{PgBouncer, PgBouncerDatabase, PgBouncerPool, PgBouncerReplay};
use crate::analyze::figures::{duration, number, percent, plural};
use crate::record::load::LoadResult;
use crate::record::pgbouncer::{PgBouncerWindow, PoolRow, Sample, Totals};
use crate::record::{Millis, Run};

/// The two views may differ by this much before it is said (ours): both clocks are coarse, and the
/// replay begins between two readings.
const TOLERANCE_RATIO: f64 = 0.05;

/// The readings that the means are taken over: those inside the replay's measured part, where the load
/// was the same at both ends; all of them without a replay.
struct Stretch<'a> {
    samples: Vec<&'a Sample>,
    /// The replay's measured part, if it has at least two readings.
    replay: Option<(Millis, Millis)>,
}

/// The account; `None` where `PgBouncer` was not asked or did not answer.
pub(super) fn conclude(run: &Run) -> Option<PgBouncer> {
    let window = run.pgbouncer.as_ref()?;
    let stretch = Stretch::of(run, window);
    let mut warnings = Vec::new();
    let broken = continuity(window, &mut warnings);
    let mut databases: Vec<(PgBouncerDatabase, Grown)> = window
        .database_names()
        .into_iter()
        .filter_map(|name| {
            let grown = Grown::of(window, name, &stretch)?;
            Some((database(window, name, &grown), grown))
        })
        .filter(|(database, _)| database.queries > 0)
        .collect();
    databases.sort_by_key(|(database, _)| Reverse(database.queries));
    let compared = if broken {
        Err("PgBouncer's counters are not continuous over the window".to_owned())
    } else {
        compare(run, window, &databases, &stretch, &mut warnings)
    };
    let (replay, no_replay) = match compared {
        Ok(replay) => (Some(replay), None),
        Err(reason) => (None, Some(reason)),
    };
    still_waiting(window, &mut warnings);
    Some(PgBouncer {
        version: window.version.clone(),
        address: window.address.clone(),
        settings: window.config.clone(),
        samples: stretch.samples.len() as u64,
        databases: databases
            .into_iter()
            .map(|(database, _)| database)
            .collect(),
        pools: pools(&stretch.samples),
        replay,
        no_replay,
        warnings,
    })
}

impl<'a> Stretch<'a> {
    fn of(run: &Run, window: &'a PgBouncerWindow) -> Self {
        let since =
            |at: Timestamp| Millis(at.duration_since(run.meta.started_at).as_secs_f64() * 1000.0);
        let times = run.replay.as_ref().map(|r| r.started_at.zip(r.ended_at));
        if let Some((from, to)) = times.flatten() {
            let (from, to) = (since(from), since(to));
            let inside = window.samples.iter();
            let inside: Vec<&Sample> = inside.filter(|s| s.at >= from && s.at <= to).collect();
            if inside.len() > 1 {
                return Self {
                    samples: inside,
                    replay: Some((from, to)),
                };
            }
        }
        Self {
            samples: window.samples.iter().collect(),
            replay: None,
        }
    }
}

/// Says what interrupted the counters; true where they cannot be compared with the client's.
fn continuity(window: &PgBouncerWindow, warnings: &mut Vec<String>) -> bool {
    let names = window.database_names();
    let resets = names.iter().map(|name| window.growth(name).resets).max();
    let resets = resets.unwrap_or(0);
    if resets > 0 {
        warnings.push(format!(
            "PgBouncer's counters began anew inside the window ({}): it was restarted, and what it \
             counted between the last reading and that moment is missing",
            plural(resets, "time", "times")
        ));
    } else if window.losses > 0 {
        warnings.push(format!(
            "the connection to PgBouncer's console was lost {}: a restart may hide there",
            plural(window.losses, "time", "times")
        ));
    }
    if window.missed > 0 {
        warnings.push(format!(
            "{} could not be taken",
            plural(
                window.missed,
                "reading of PgBouncer",
                "readings of PgBouncer"
            )
        ));
    }
    resets > 0 || window.losses > 0
}

/// Waits that had not ended are in no mean.
fn still_waiting(window: &PgBouncerWindow, warnings: &mut Vec<String>) {
    let Some(last) = window.samples.last() else {
        return;
    };
    let waiting: u64 = last.pools.iter().map(|p| p.cl_waiting).sum();
    if waiting > 0 {
        let longest = last.pools.iter().map(|p| p.longest_wait().0);
        warnings.push(format!(
            "{} still waiting at the end, the first for {}: waits that have not ended are in no mean",
            plural(waiting, "client was", "clients were"),
            duration(longest.fold(0.0, f64::max))
        ));
    }
}

/// Growth of a database's counters. Queries and transactions are counted when they begin, their time
/// when they end and their wait when it ends. So a sum of times is divided by those that ended: those
/// counted, with those on their way at the beginning and without those on their way at the end; a sum of
/// waits likewise by those whose wait ended.
struct Grown {
    totals: Totals,
    /// Clients on their way at the beginning less those at the end.
    on_their_way: f64,
    /// Of them, those that waited.
    waiting: f64,
    mode: Option<String>,
}

impl Grown {
    fn of(window: &PgBouncerWindow, name: &str, stretch: &Stretch<'_>) -> Option<Self> {
        let (first, last) = (stretch.samples.first()?, stretch.samples.last()?);
        let totals = window.growth(name).between(first.at, last.at)?;
        let mode = mode(window, name);
        let fewer = |of: fn(&PoolRow) -> u64| -> f64 {
            let sum = |sample: &Sample| -> f64 {
                let mine = sample.pools.iter().filter(|pool| pool.database == name);
                mine.map(of).sum::<u64>() as f64
            };
            sum(first) - sum(last)
        };
        // In session mode a connection is in use without a query.
        let by_query = mode.as_deref() != Some("session");
        Some(Self {
            totals,
            on_their_way: if by_query {
                fewer(PoolRow::on_their_way)
            } else {
                0.0
            },
            waiting: fewer(|row| row.cl_waiting),
            mode,
        })
    }

    /// Queries that ended.
    fn ended(&self) -> f64 {
        self.totals.queries + self.on_their_way
    }

    /// Time of the queries without their waits.
    fn served(&self) -> Millis {
        Millis((self.totals.query_time - self.totals.wait_time).0.max(0.0))
    }
}

fn database(window: &PgBouncerWindow, name: &str, grown: &Grown) -> PgBouncerDatabase {
    let row = window.databases.iter().find(|row| row.name == name);
    let (mode, served, ended) = (grown.mode.clone(), grown.served(), grown.ended());
    let transactions = grown.totals.transactions;
    let (transactions_ended, waiting) = (transactions + grown.on_their_way, grown.waiting);
    let grown = grown.totals;
    let mean = |sum: Millis, of: f64| (of > 0.0).then(|| sum.0 / of);
    let (wait_per, waits) = match (grown.assignments, mode.as_deref()) {
        (Some(assignments), _) => (Some("assignment"), assignments),
        (None, Some("transaction")) => (Some("transaction"), transactions + waiting),
        (None, Some("statement")) => (Some("query"), grown.queries + waiting),
        (None, _) => (None, 0.0),
    };
    PgBouncerDatabase {
        database: name.to_owned(),
        pool_mode: mode,
        pool_size: row.and_then(|row| row.pool_size),
        queries: whole(grown.queries),
        transactions: whole(grown.transactions),
        assignments: grown.assignments.map(whole),
        wait_per: wait_per.map(str::to_owned),
        wait_mean_ms: mean(grown.wait_time, waits),
        query_mean_ms: mean(grown.query_time, ended),
        query_without_wait_mean_ms: mean(served, ended),
        transaction_mean_ms: mean(grown.transaction_time, transactions_ended),
        wait_share_ratio: mean(grown.wait_time, grown.query_time.0).map(|share| share.min(1.0)),
    }
}

/// Between two readings counts are whole numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a difference of counters that did not fall"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

/// The mode of a database: its pools' own, else the database's, else the pooler's.
fn mode(window: &PgBouncerWindow, name: &str) -> Option<String> {
    let row = window.databases.iter().find(|row| row.name == name);
    let pools = window.samples.iter().rev().flat_map(|s| &s.pools);
    let modes: BTreeSet<&String> = pools
        .filter(|pool| pool.database == name)
        .filter_map(|pool| pool.pool_mode.as_ref())
        .collect();
    match modes.len() {
        0 => row
            .and_then(|row| row.pool_mode.clone())
            .or_else(|| window.config.get("pool_mode").cloned()),
        1 => modes.first().map(|mode| (*mode).clone()),
        // Users may have modes of their own: then nothing can be said of the database as a whole.
        _ => None,
    }
}

fn pools(samples: &[&Sample]) -> Vec<PgBouncerPool> {
    let rows = || samples.iter().flat_map(|s| &s.pools);
    let names: BTreeSet<(&str, &str)> = rows()
        .map(|row| (row.database.as_str(), row.user.as_str()))
        .collect();
    let gauges = |(database, user): (&str, &str)| {
        let mine: Vec<&PoolRow> = rows()
            .filter(|row| row.database == database && row.user == user)
            .collect();
        // A reading without the pool is one of an empty pool.
        let mean = |of: fn(&PoolRow) -> u64| {
            mine.iter().map(|row| of(row)).sum::<u64>() as f64 / samples.len() as f64
        };
        let max = |of: fn(&PoolRow) -> u64| mine.iter().map(|row| of(row)).max().unwrap_or(0);
        PgBouncerPool {
            database: database.to_owned(),
            user: user.to_owned(),
            servers_in_use_mean: mean(|row| row.sv_active),
            servers_in_use_max: max(|row| row.sv_active),
            servers_idle_mean: mean(PoolRow::servers_free),
            clients_active_mean: mean(|row| row.cl_active),
            clients_waiting_mean: mean(|row| row.cl_waiting),
            clients_waiting_max: max(|row| row.cl_waiting),
            longest_wait_ms: mine
                .iter()
                .map(|row| row.longest_wait().0)
                .fold(0.0, f64::max),
        }
    };
    names.into_iter().map(gauges).collect()
}

/// Splits the replay's statement latency by what `PgBouncer` measured.
fn compare(
    run: &Run,
    window: &PgBouncerWindow,
    databases: &[(PgBouncerDatabase, Grown)],
    stretch: &Stretch<'_>,
    warnings: &mut Vec<String>,
) -> Result<PgBouncerReplay, String> {
    let replay = run.replay.as_ref();
    let replay = replay.ok_or("the load was not a replay of dbperf's own")?;
    let shared = run.server.as_ref().and_then(|s| s.through_pooler) == Some(true);
    if !window.lab && !shared {
        return Err(
            "the replay went to the server itself: name PgBouncer as the target to send it through"
                .to_owned(),
        );
    }
    let Some((from, to)) = stretch.replay else {
        return Err("the replay was too short for two readings of PgBouncer".to_owned());
    };
    let named = run.server.as_ref().map(|s| s.database.as_str());
    let found = databases
        .iter()
        .find(|(d, _)| Some(d.database.as_str()) == named);
    let (database, grown) = match (found, databases) {
        (Some(found), _) => found,
        (None, [only]) => only,
        (None, _) => return Err("which of PgBouncer's databases it used is not known".to_owned()),
    };
    let client = ClientView::of(replay).ok_or("the driver recorded no statement")?;
    let counted = window.growth(&database.database).between(from, to);
    let queries = counted.map_or(0.0, |totals| totals.queries);
    let statements = client.statements as f64;
    let latency = client.latency.0 / statements;
    // What was on its way at both ends of the replay is counted by one side only.
    let clients = f64::from(run.pool.as_ref().map_or(0, |p| p.clients));
    let agree = (queries - statements).abs() <= statements * TOLERANCE_RATIO + 2.0 * clients;
    if !agree && !window.lab {
        return Err(counts_differ(queries, statements));
    }
    if !agree {
        warnings.push(counts_differ(queries, statements));
    }
    // A lab's pooler has no other client, so that a statement of several round trips has all of them.
    let each = if agree { 1.0 } else { queries / statements };
    if grown.ended() <= 0.0 {
        return Err("PgBouncer saw no query end".to_owned());
    }
    let per_statement = |sum: Millis| sum.0 / grown.ended() * each;
    let waiting = per_statement(grown.totals.wait_time);
    let server = per_statement(grown.served());
    let link = latency - waiting - server;
    if link < -TOLERANCE_RATIO * latency {
        warnings.push(format!(
            "PgBouncer measured {} more time than the replay's statements took: its parts of the \
             latency are too large",
            percent(-link / latency)
        ));
    }
    Ok(PgBouncerReplay {
        database: database.database.clone(),
        statements: client.statements,
        queries,
        latency_mean_ms: latency,
        waiting_mean_ms: waiting,
        waiting_share_ratio: if latency > 0.0 {
            waiting / latency
        } else {
            0.0
        },
        server_mean_ms: server,
        link_mean_ms: (link >= 0.0).then_some(link),
    })
}

fn counts_differ(queries: f64, statements: f64) -> String {
    format!(
        "PgBouncer counted {} queries and the replay {} statements: something else uses the database \
         through it (dbperf's own sessions, where it is the target), or the driver needs more than one \
         round trip for a statement",
        number(queries),
        number(statements)
    )
}

/// The statements of a replay, as its driver measured them.
struct ClientView {
    statements: u64,
    latency: Millis,
}

impl ClientView {
    fn of(replay: &LoadResult) -> Option<Self> {
        let parts = || replay.operations.iter().filter_map(|o| o.parts.as_ref());
        let statements: u64 = parts().flat_map(|p| &p.statements).map(|s| s.calls).sum();
        (statements > 0).then(|| Self {
            statements,
            latency: parts().map(|p| p.statement_latency).sum(),
        })
    }
}

#[cfg(test)]
mod tests;
