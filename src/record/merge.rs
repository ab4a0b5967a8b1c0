//! Runs of several machines that drove the same load at the same time, added to one.
//!
//! What machines did adds: requests, failures, histograms, counters, sums of times. What they watched does
//! not: they watched the same server, so the server's side is that of one run. Adding is commutative and
//! associative, so it does not matter in which order runs are merged, or whether some were merged before.

mod pool;

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};

use super::add::{add_counts, any, both};
use super::load::{DriverRecord, LoadInterval, LoadResult};
use super::run::MergedRun;
use super::{Coverage, Millis, Run, Status};
use pool::add_pool;

/// The step of merging, in the coverage of a run.
const COLLECTOR: &str = "merge";

/// Part of the time that machines may be without each other before it is worth a word (ours).
const ALONE: f64 = 0.02;

/// So many names of runs still make a name (ours).
const SHORT: usize = 4;

/// A run with the name that messages call it by.
#[derive(Debug, Clone, Copy)]
pub struct NamedRun<'a> {
    /// Such as its file.
    pub name: &'a str,
    /// The run.
    pub run: &'a Run,
}

/// Runs do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Nothing to add.
    #[error("merging needs at least two runs")]
    TooFew,
    /// A run without a load of its own.
    #[error(
        "{name} holds no replay: only runs in which dbperf drove the load itself can be merged"
    )]
    NoReplay {
        /// The run.
        name: String,
    },
    /// A run of several pools.
    #[error("{name} compares pools or sizes of one: merge runs of one pool of one size")]
    Compares {
        /// The run.
        name: String,
    },
    /// The same measurement twice.
    #[error(
        "{name} holds {run_id}, which {earlier} holds too: its requests would be counted twice"
    )]
    Twice {
        /// The run.
        name: String,
        /// The measurement.
        run_id: String,
        /// The other run with it.
        earlier: String,
    },
    /// Another load.
    #[error("{name} does not fit {first}: {what} differ: {theirs}, but {ours}")]
    Differs {
        /// The run.
        name: String,
        /// The first run.
        first: String,
        /// What differs, in the plural.
        what: &'static str,
        /// Of the run.
        theirs: String,
        /// Of the first run.
        ours: String,
    },
    /// Other times.
    #[error(
        "{name} did not run at the same time as the others: it drove load from {from} to {to}, and all \
         others from {others_from} to {others_to}; start machines together with --start-at"
    )]
    Apart {
        /// The run.
        name: String,
        /// Its begin.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
        /// Begin of the time that the others have in common.
        others_from: Timestamp,
        /// End of that time.
        others_to: Timestamp,
    },
}

/// Adds runs of several machines. The server's side, the machine and the times of the run are those of the
/// first run that watched a server.
///
/// # Errors
/// The runs are not parts of one load.
pub fn merge(runs: &[NamedRun<'_>]) -> Result<Run, MergeError> {
    let [first, others @ ..] = runs else {
        return Err(MergeError::TooFew);
    };
    if others.is_empty() {
        return Err(MergeError::TooFew);
    }
    let parts = parts(runs)?;
    let common = common(runs)?;
    let mut load = load(*first)?.clone();
    let mut pool = first.run.pool.clone();
    for other in others {
        let theirs = self::load(*other)?;
        fits(*first, *other)?;
        pool = match (&pool, &other.run.pool) {
            (Some(mine), Some(other)) => Some(add_pool(mine, &load, other, theirs)),
            _ => None,
        };
        add_load(&mut load, theirs);
    }
    let base = runs.iter().find(|named| named.run.server.is_some());
    let base = base.unwrap_or(first);
    for interval in &mut load.intervals {
        interval.from = interval
            .started_at
            .map(|at| since(base.run.meta.started_at, at));
    }
    let mut merged = base.run.clone();
    merged.coverage.retain(|row| row.collector != COLLECTOR);
    merged.coverage.push(account(&parts, common, base.name));
    merged.meta.run_id = run_id(&parts);
    merged.meta.interrupted = runs.iter().any(|named| named.run.meta.interrupted);
    merged.meta.lab = runs.iter().any(|named| named.run.meta.lab);
    merged.api = runs
        .iter()
        .flat_map(|named| named.run.api.clone())
        .collect();
    merged.replay = Some(load);
    merged.pool = pool;
    merged.merged = parts;
    Ok(merged)
}

/// The names of the parts, as long as they are few.
fn run_id(parts: &[MergedRun]) -> String {
    let ids: Vec<&str> = parts.iter().map(|part| part.run_id.as_str()).collect();
    match ids.as_slice() {
        [first, .., last] if ids.len() > SHORT => format!("{first}+{}+{last}", ids.len() - 2),
        _ => ids.join("+"),
    }
}

fn load(named: NamedRun<'_>) -> Result<&LoadResult, MergeError> {
    let name = || named.name.to_owned();
    if named.run.comparison.is_some() || named.run.sweep.is_some() {
        return Err(MergeError::Compares { name: name() });
    }
    named
        .run
        .replay
        .as_ref()
        .ok_or_else(|| MergeError::NoReplay { name: name() })
}

/// Begin and end of a load, by its machine's clock.
fn window(named: NamedRun<'_>) -> Result<(Timestamp, Timestamp), MergeError> {
    let load = load(named)?;
    let window = load.started_at.zip(load.ended_at);
    window.ok_or_else(|| MergeError::NoReplay {
        name: named.name.to_owned(),
    })
}

/// Every measurement that the runs are made of, by name.
fn parts(runs: &[NamedRun<'_>]) -> Result<Vec<MergedRun>, MergeError> {
    // Machines of one start may have drawn the same name, but not the same moment.
    let mut found: BTreeMap<(String, Timestamp), (MergedRun, &str)> = BTreeMap::new();
    for named in runs {
        let (started_at, ended_at) = window(*named)?;
        let parts = if named.run.merged.is_empty() {
            vec![MergedRun {
                run_id: named.run.meta.run_id.clone(),
                started_at,
                ended_at,
                length: load(*named)?.length.unwrap_or_default(),
            }]
        } else {
            named.run.merged.clone()
        };
        for part in parts {
            let key = (part.run_id.clone(), part.started_at);
            if let Some((_, earlier)) = found.get(&key) {
                return Err(MergeError::Twice {
                    name: named.name.to_owned(),
                    run_id: part.run_id,
                    earlier: (*earlier).to_owned(),
                });
            }
            found.insert(key, (part, named.name));
        }
    }
    Ok(found.into_values().map(|(part, _)| part).collect())
}

/// The time in which all machines drove load.
fn common(runs: &[NamedRun<'_>]) -> Result<Millis, MergeError> {
    let mut common: Option<(Timestamp, Timestamp)> = None;
    for named in runs {
        let (mut from, mut to) = window(*named)?;
        for part in &named.run.merged {
            (from, to) = (from.max(part.started_at), to.min(part.ended_at));
        }
        let (others_from, others_to) = common.unwrap_or((from, to));
        let both = (from.max(others_from), to.min(others_to));
        if both.0 >= both.1 {
            return Err(MergeError::Apart {
                name: named.name.to_owned(),
                from,
                to,
                others_from,
                others_to,
            });
        }
        common = Some(both);
    }
    Ok(common.map_or(Millis::default(), |(from, to)| since(from, to)))
}

/// The time from `start` to `at`; negative if `at` is earlier.
fn since(start: Timestamp, at: Timestamp) -> Millis {
    Millis(at.duration_since(start).as_secs_f64() * 1000.0)
}

/// What the reader of a merged run has to know.
fn account(parts: &[MergedRun], common: Millis, base: &str) -> Coverage {
    let from = parts.iter().map(|part| part.started_at).min();
    let to = parts.iter().map(|part| part.ended_at).max();
    let whole = from.zip(to).map_or(common, |(from, to)| since(from, to));
    let alone = (whole - common).0.max(0.0);
    let partial = alone > ALONE * whole.0;
    let times = if partial {
        format!(
            "; their loads overlap for {:.1} s of {:.1} s, by their own clocks: in the other {:.1} s, which \
             counts in totals and rates, not all of them drove load",
            common.secs(),
            whole.secs(),
            alone / 1000.0
        )
    } else {
        String::new()
    };
    Coverage {
        collector: COLLECTOR.to_owned(),
        status: if partial { Status::Partial } else { Status::Ok },
        reason: Some(format!(
            "{} runs were added{times}; the largest number of connections in use at once is the sum of the \
             machines' largest, an upper bound; what the server shows is from {base} alone, because all of \
             them watched the same server",
            parts.len()
        )),
        duration: None,
    }
}

/// Refuses parts of different loads, and says what differs.
fn fits(first: NamedRun<'_>, other: NamedRun<'_>) -> Result<(), MergeError> {
    let (a, b) = (load(first)?, load(other)?);
    let server = |named: NamedRun<'_>| {
        let server = named.run.server.as_ref();
        server.and_then(|s| {
            Some(format!(
                "{} of {}",
                s.database,
                s.system_identifier.as_ref()?
            ))
        })
    };
    let servers = server(first).zip(server(other));
    let pool = |named: NamedRun<'_>| {
        named
            .run
            .pool
            .as_ref()
            .map_or_else(|| "none was measured".to_owned(), |p| p.pool.clone())
    };
    let arrival = |load: &LoadResult| format!("{:?}", load.source.arrival).to_lowercase();
    let facts = [
        ("load tools", b.source.tool.clone(), a.source.tool.clone()),
        ("arrivals", arrival(b), arrival(a)),
        ("workload files", files(b), files(a)),
        ("operations", operations(b), operations(a)),
        ("pools", pool(other), pool(first)),
    ];
    let servers = servers.map(|(ours, theirs)| ("servers", theirs, ours));
    let mut facts = facts.into_iter().chain(servers).chain(statements(a, b));
    match facts.find(|(_, theirs, ours)| theirs != ours) {
        None => Ok(()),
        Some((what, theirs, ours)) => Err(MergeError::Differs {
            name: other.name.to_owned(),
            first: first.name.to_owned(),
            what,
            theirs,
            ours,
        }),
    }
}

/// Names of the workload files, wherever each machine keeps them.
fn files(load: &LoadResult) -> String {
    let names = load.source.files.iter();
    let mut names: Vec<&str> = names.map(|f| f.rsplit('/').next().unwrap_or(f)).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn operations(load: &LoadResult) -> String {
    let mut names: Vec<&str> = load.operations.iter().map(|o| o.name.as_str()).collect();
    names.sort_unstable();
    names.join(", ")
}

/// The first statement of one name that has two texts. The texts themselves stay out of the message.
fn statements(a: &LoadResult, b: &LoadResult) -> Option<(&'static str, String, String)> {
    let of = |load: &'_ LoadResult| -> BTreeMap<(String, String), String> {
        let operations = load.operations.iter();
        let statements = operations.flat_map(|operation| {
            let statements = operation.parts.iter().flat_map(|parts| &parts.statements);
            let name = operation.name.clone();
            statements.map(move |s| ((name.clone(), s.name.clone()), s.sql.clone()))
        });
        statements.collect()
    };
    let ours = of(a);
    let mut theirs = of(b).into_iter();
    let ((operation, name), _) =
        theirs.find(|(key, sql)| ours.get(key).is_some_and(|ours| ours != sql))?;
    let which = format!("`{name}` of `{operation}`");
    Some((
        "statements",
        format!("{which} has one text"),
        format!("{which} has another"),
    ))
}

fn add_load(mine: &mut LoadResult, theirs: &LoadResult) {
    mine.total.add(&theirs.total);
    mine.add_operations(theirs);
    mine.started_at = both(mine.started_at, theirs.started_at, Ord::min);
    mine.ended_at = both(mine.ended_at, theirs.ended_at, Ord::max);
    mine.length = mine
        .started_at
        .zip(mine.ended_at)
        .map(|(from, to)| since(from, to));
    let intervals = mine
        .intervals
        .drain(..)
        .chain(theirs.intervals.iter().cloned());
    mine.intervals = by_second(intervals);
    if mine.stages.len() == 1 && theirs.stages.len() == 1 {
        mine.stages[0].add_alongside(&theirs.stages[0]);
    } else {
        for stage in &theirs.stages {
            match mine.stages.iter_mut().find(|s| s.name == stage.name) {
                Some(same) => same.add_alongside(stage),
                None => mine.stages.push(stage.clone()),
            }
        }
    }
    mine.driver_saturated = any(mine.driver_saturated, theirs.driver_saturated);
    mine.driver_cpu_ratio = both(mine.driver_cpu_ratio, theirs.driver_cpu_ratio, f64::max);
    mine.driver = both(mine.driver.take(), theirs.driver.clone(), |a, b| {
        worst(&a, &b)
    });
    for file in &theirs.source.files {
        if !mine.source.files.contains(file) {
            mine.source.files.push(file.clone());
        }
    }
    mine.add_warnings(theirs);
}

/// The driver that came nearest to its limit; threads add.
fn worst(a: &DriverRecord, b: &DriverRecord) -> DriverRecord {
    DriverRecord {
        threads: a.threads + b.threads,
        cpu_ratio: both(a.cpu_ratio, b.cpu_ratio, f64::max),
        run_delay_ratio: both(a.run_delay_ratio, b.run_delay_ratio, f64::max),
        late_p95: both(a.late_p95, b.late_p95, |a, b| Millis(a.0.max(b.0))),
        free_cores: both(a.free_cores, b.free_cores, f64::min),
    }
}

/// Intervals added by the second of the wall clock that is nearest to their begin. The intervals of one run are
/// a second apart, so no two of them meet.
fn by_second(intervals: impl Iterator<Item = LoadInterval>) -> Vec<LoadInterval> {
    let mut seconds: BTreeMap<Option<Timestamp>, LoadInterval> = BTreeMap::new();
    for mut interval in intervals {
        interval.started_at = interval.started_at.map(nearest_second);
        match seconds.get_mut(&interval.started_at) {
            None => {
                seconds.insert(interval.started_at, interval);
            }
            Some(mine) => {
                add_counts(&mut mine.requests, &interval.requests);
                add_counts(&mut mine.failures, &interval.failures);
                mine.users = both(mine.users, interval.users, |a, b| a + b);
                mine.length = Millis(mine.length.0.max(interval.length.0));
                mine.latency_total = both(mine.latency_total, interval.latency_total, |a, b| a + b);
            }
        }
    }
    seconds.into_values().collect()
}

fn nearest_second(at: Timestamp) -> Timestamp {
    let half = at.checked_add(500.milliseconds()).unwrap_or(at);
    Timestamp::from_second(half.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests;
