//! `PgBouncer`'s account of the window, and how much of the replay's latency it explains.
//!
//! Its query time begins at the client's request, so `query time = wait + server`; and the client's
//! latency of a statement is `wait + server + link`, where `link` is the way between the two. The wait
//! is known per database and counted when a connection is assigned: who still waits is not in it.

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

/// The stretch of the window that is looked at.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: Millis,
    to: Millis,
}

/// The account; `None` where `PgBouncer` was not asked or did not answer.
pub(super) fn conclude(run: &Run) -> Option<PgBouncer> {
    let window = run.pgbouncer.as_ref()?;
    let stretch = stretch(run);
    let mut warnings = Vec::new();
    let broken = continuity(window, &mut warnings);
    let mut databases: Vec<(PgBouncerDatabase, Grown)> = window
        .database_names()
        .into_iter()
        .filter_map(|name| {
            let grown = window.growth(name).between(stretch.from, stretch.to)?;
            let grown = Grown::of(window, name, grown, stretch);
            Some((database(window, name, &grown), grown))
        })
        .filter(|(database, _)| database.queries > 0.0)
        .collect();
    databases.sort_by(|(a, _), (b, _)| b.queries.total_cmp(&a.queries));
    let compared = compare(run, window, &databases, broken, &mut warnings);
    let (replay, no_replay) = match compared {
        Ok(replay) => (Some(replay), None),
        Err(reason) => (None, Some(reason)),
    };
    let samples: Vec<&Sample> = within(window, stretch);
    still_waiting(window, &mut warnings);
    Some(PgBouncer {
        version: window.version.clone(),
        address: window.address.clone(),
        settings: window.config.clone(),
        samples: samples.len() as u64,
        databases: databases
            .into_iter()
            .map(|(database, _)| database)
            .collect(),
        pools: pools(&samples),
        replay,
        no_replay,
        warnings,
    })
}

/// The replay's measured part of the window, or all of it.
fn stretch(run: &Run) -> Stretch {
    let since =
        |at: Timestamp| Millis(at.duration_since(run.meta.started_at).as_secs_f64() * 1000.0);
    let replay = run.replay.as_ref();
    match replay.and_then(|r| r.started_at.zip(r.ended_at)) {
        Some((from, to)) => Stretch {
            from: since(from),
            to: since(to),
        },
        None => Stretch {
            from: Millis(f64::MIN),
            to: Millis(f64::MAX),
        },
    }
}

fn within(window: &PgBouncerWindow, stretch: Stretch) -> Vec<&Sample> {
    let inside = |s: &&Sample| s.at >= stretch.from && s.at <= stretch.to;
    window.samples.iter().filter(inside).collect()
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

/// Growth of a database's counters. A query is counted when it begins and its time when it ends, so
/// the time is divided by the queries that ended: those counted, with those on their way at the
/// beginning and without those on their way at the end.
struct Grown {
    totals: Totals,
    ended: f64,
    mode: Option<String>,
}

impl Grown {
    fn of(window: &PgBouncerWindow, name: &str, totals: Totals, stretch: Stretch) -> Self {
        let mode = mode(window, name);
        let on_their_way = |sample: Option<&Sample>| -> f64 {
            let pools = sample.into_iter().flat_map(|s| &s.pools);
            let mine = pools.filter(|pool| pool.database == name);
            mine.map(PoolRow::on_their_way).sum::<u64>() as f64
        };
        // In session mode a connection is in use without a query.
        let ended = if mode.as_deref() == Some("session") {
            totals.queries
        } else {
            let mut samples = window.samples.iter();
            let end = samples.clone().find(|s| s.at >= stretch.to);
            let begin = samples.rfind(|s| s.at <= stretch.from);
            totals.queries + on_their_way(begin.or(window.samples.first()))
                - on_their_way(end.or(window.samples.last()))
        };
        Self {
            totals,
            ended,
            mode,
        }
    }

    /// Time of the queries without their waits.
    fn served(&self) -> Millis {
        Millis((self.totals.query_time - self.totals.wait_time).0.max(0.0))
    }
}

fn database(window: &PgBouncerWindow, name: &str, grown: &Grown) -> PgBouncerDatabase {
    let row = window.databases.iter().find(|row| row.name == name);
    let (mode, served, ended) = (grown.mode.clone(), grown.served(), grown.ended);
    let grown = grown.totals;
    let mean = |sum: Millis, of: f64| (of > 0.0).then(|| sum.0 / of);
    let (wait_per, waits) = match (grown.assignments, mode.as_deref()) {
        (Some(assignments), _) => (Some("assignment"), assignments),
        (None, Some("transaction")) => (Some("transaction"), grown.transactions),
        (None, Some("statement")) => (Some("query"), grown.queries),
        (None, _) => (None, 0.0),
    };
    PgBouncerDatabase {
        database: name.to_owned(),
        pool_mode: mode,
        pool_size: row.and_then(|row| row.pool_size),
        queries: grown.queries,
        transactions: grown.transactions,
        assignments: grown.assignments,
        wait_per: wait_per.map(str::to_owned),
        wait_mean_ms: mean(grown.wait_time, waits),
        query_mean_ms: mean(grown.query_time, ended),
        query_without_wait_mean_ms: mean(served, ended),
        transaction_mean_ms: mean(grown.transaction_time, grown.transactions),
        wait_share_ratio: mean(grown.wait_time, grown.query_time.0).map(|share| share.min(1.0)),
    }
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
    broken: bool,
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
    if broken {
        return Err("PgBouncer's counters are not continuous over the window".to_owned());
    }
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
    let (statements, queries) = (client.statements as f64, grown.totals.queries);
    let latency = client.latency.0 / statements;
    // What was on its way at both ends of the replay is counted by one side only.
    let clients = f64::from(run.pool.as_ref().map_or(0, |p| p.clients));
    let agree = (queries - statements).abs() <= statements * TOLERANCE_RATIO + 2.0 * clients;
    if !agree {
        warnings.push(counts_differ(queries, statements, shared));
    }
    // A lab's pooler has no other client, so that a statement of several round trips has all of them.
    let each = if agree || shared {
        1.0
    } else {
        queries / statements
    };
    if grown.ended <= 0.0 {
        return Err("PgBouncer saw no query end".to_owned());
    }
    let per_statement = |sum: Millis| sum.0 / grown.ended * each;
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

fn counts_differ(queries: f64, statements: f64, shared: bool) -> String {
    let own = if shared {
        "dbperf's own sessions go through it as well, "
    } else {
        ""
    };
    format!(
        "PgBouncer counted {} queries and the replay {} statements: {own}something else uses the \
         database through it, or the driver needs more than one round trip for a statement",
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
