//! What ails a pool, by what changes with its size.

use crate::analyze::database_time::CPU;
use crate::record::load::Arrival;
use crate::record::sweep::PoolSweep;

use super::choose::Choice;
use super::points::{Point, Queue, ServerShare};

/// Held idle as a share of leases from which leases are to be shortened first.
const HELD_IDLE_RATIO: f64 = 0.5;

/// Time for new connections as a share of leases from which connecting is the problem.
const CHURN_RATIO: f64 = 0.5;

/// Statements of the largest sizes over those of the smallest from which they are slowed down by each other (ours).
const SLOWER_RATIO: f64 = 1.3;

/// Throughput of half of the connections as a share of that of all from which the others only slow them down (ours).
const MUCH_THROUGHPUT_RATIO: f64 = 0.9;

/// A class of waits is what a database is busy with from this share of its active sessions (ours).
const MAIN_WAIT_RATIO: f64 = 0.4;

/// Busy cores as a share of all from which the server has none to give.
const BUSY_CORES_RATIO: f64 = 0.8;

/// Connections in use as a share of the largest size from which the load really asks for so many (ours).
const IN_USE_RATIO: f64 = 0.5;

/// Acquires that gave up over all that count as a wait by themselves.
const TIMED_OUT_RATIO: f64 = 0.01;

/// A wait at the 99th percentile that matters, as a share of the response time there (ours).
const HIGH_WAIT_RATIO: f64 = 0.2;

/// A present size up to this many times the chosen one is as good (ours).
const SAME_RATIO: f64 = 1.25;

/// Standard deviation of throughput from round to round that is worth a word: more than a good size may lack (ours).
const NOTABLE_DEVIATION: f64 = 0.02;

/// Clients that wait in `PgBouncer` as a share of the connections to it that are in use, from which it is what
/// holds them up (ours).
const QUEUED_RATIO: f64 = 0.2;

/// Clients waited for connections.
fn waits(point: &Point) -> bool {
    point.timed_out_ratio > TIMED_OUT_RATIO
        || point.wait_p99_ms() > HIGH_WAIT_RATIO * point.p99_ms()
}

/// The load uses what this size has.
fn is_asked_for(point: &Point) -> bool {
    point.in_use_mean >= IN_USE_RATIO * f64::from(point.size)
}

/// What most sessions of the load wait for, or `CPU*`; `None` where nothing stands out.
pub(super) fn main_wait(server: &ServerShare) -> Option<String> {
    let classes = server.waiting.iter().map(|(class, n)| (class.as_str(), *n));
    let cpu = std::iter::once((CPU, server.on_cpu));
    // Waiting for the client is waiting for the load itself.
    let classes = classes.filter(|(class, _)| *class != "Client");
    let (class, most) = classes.chain(cpu).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (most > MAIN_WAIT_RATIO * server.active).then(|| class.to_owned())
}

/// How much longer the statements of a request take with more connections: at this size over the smallest that was
/// measured.
fn slowdown(points: &[Point], at: Option<&Point>) -> Option<f64> {
    let (first, at) = (points.first()?, at?);
    (first.statements_ms > 0.0 && at.size > first.size)
        .then(|| at.statements_ms / first.statements_ms)
}

/// Statements slow each other down at this size, and in the database.
fn slows_down(points: &[Point], at: Option<&Point>) -> bool {
    slowdown(points, at).is_some_and(|ratio| ratio >= SLOWER_RATIO) && in_pooler(points).is_none()
}

/// The server has no core to give at the chosen size.
fn has_no_core(choice: &Choice<'_>, cores: Option<f64>) -> bool {
    let busy = choice.chosen.server.as_ref().zip(cores);
    busy.is_some_and(|(server, cores)| server.on_cpu >= BUSY_CORES_RATIO * cores)
}

/// The database is the limit at the chosen size and above: more connections are in use where there are more, and
/// their statements slow each other down or have no core.
fn saturated(points: &[Point], choice: &Choice<'_>, cores: Option<f64>) -> bool {
    let beyond = points
        .last()
        .is_some_and(|largest| largest.size > choice.chosen.size && is_asked_for(largest));
    beyond && (slows_down(points, points.last()) || has_no_core(choice, cores))
}

/// The database is the limit at the chosen size itself, though no client waits for a connection: all of them are in use,
/// their statements slow each other down, and there is no core for more, or half of them do as much.
fn saturated_there(points: &[Point], choice: &Choice<'_>, cores: Option<f64>) -> bool {
    let chosen = choice.chosen;
    let half_does = points
        .iter()
        .filter(|point| 2 * point.size <= chosen.size)
        .any(|point| point.throughput >= MUCH_THROUGHPUT_RATIO * chosen.throughput);
    is_asked_for(chosen)
        && slows_down(points, Some(chosen))
        && (half_does || has_no_core(choice, cores))
}

/// What a pooler lets through at the largest size.
pub(super) struct HeldBack<'p> {
    at: &'p Point,
    /// Clients that wait there.
    queued: f64,
}

impl HeldBack<'_> {
    /// Server connections that it has in use.
    pub(super) fn served(&self) -> f64 {
        self.at.in_use_mean - self.queued
    }

    fn words(&self) -> String {
        format!(
            "with {} connections to PgBouncer {:.1} are in use on average, and {:.1} of them wait there for one of its \
             server connections: PgBouncer is the limit, and whether the database can do more is not seen; let it \
             have more (default_pool_size, or pool_size of the database) and sweep again",
            self.at.size, self.at.in_use_mean, self.queued
        )
    }
}

/// `PgBouncer` lets fewer through than there are: more connections to it only wait there.
pub(super) fn held_back(points: &[Point]) -> Option<HeldBack<'_>> {
    let at = points.last().filter(|largest| is_asked_for(largest))?;
    let Queue::Waiting(queued) = at.queue else {
        return None;
    };
    let queued = queued.min(at.in_use_mean);
    (queued >= QUEUED_RATIO * at.in_use_mean).then_some(HeldBack { at, queued })
}

/// Why statements that take longer with more connections say nothing of the database; `None` where they do.
fn in_pooler(points: &[Point]) -> Option<String> {
    if let Some(held_back) = held_back(points) {
        return Some(held_back.words());
    }
    (points.last()?.queue == Queue::NotAsked).then(|| {
        "there is a pooler in front of the server: whether statements wait in it or in the database is not known, so \
         name its console (--pgbouncer)"
            .to_owned()
    })
}

/// `too-small`, `database-saturated`, `pooler-saturated`, `held-idle`, `connection-churn`, `too-large` or `fits`.
pub(super) fn verdict(
    points: &[Point],
    choice: &Choice<'_>,
    sweep: &PoolSweep,
    cores: Option<f64>,
) -> &'static str {
    let size = choice.chosen.size;
    let now = points.iter().find(|point| point.size == sweep.current);
    let now = now.unwrap_or(choice.chosen);
    if waits(now) && now.held_idle_ratio >= HELD_IDLE_RATIO {
        return "held-idle";
    }
    if waits(now) && now.connect_ratio >= CHURN_RATIO {
        return "connection-churn";
    }
    if sweep.current < size {
        return "too-small";
    }
    let larger = waits(now) || sweep.current > size;
    // Of a rate, and of clients that pause, a server does what is asked of it.
    let all_it_can = sweep.arrival == Arrival::Closed && !sweep.thinks;
    let there = sweep.current == size && all_it_can && saturated_there(points, choice, cores);
    if there || (larger && saturated(points, choice, cores)) {
        return "database-saturated";
    }
    if larger && held_back(points).is_some() {
        return "pooler-saturated";
    }
    if f64::from(sweep.current) > SAME_RATIO * f64::from(size) {
        return "too-large";
    }
    "fits"
}

/// Why no size is a candidate.
pub(super) fn nothing_works(points: &[Point], sweep: &PoolSweep) -> String {
    match overloaded(points, sweep) {
        Some(words) => format!("no size keeps up: {words}"),
        None => "requests failed at every size: see the errors of the load".to_owned(),
    }
}

/// Which sizes do not keep up with the rate; `None` where all do.
fn overloaded(points: &[Point], sweep: &PoolSweep) -> Option<String> {
    let rate = sweep.rate_per_sec?;
    let largest = points.iter().rev().find(|point| point.is_overloaded())?;
    Some(format!(
        "up to {} connections are fewer than the {:.1} that {rate:.0} requests/s keep busy: requests pile up there, \
         and how long they take depends on how long that goes on",
        largest.size, largest.offered?
    ))
}

/// Why this size, with the numbers.
pub(super) fn reasons(
    points: &[Point],
    choice: &Choice<'_>,
    sweep: &PoolSweep,
    target_p99_ms: Option<f64>,
) -> Vec<String> {
    let chosen = choice.chosen;
    let mut reasons = vec![format!(
        "{} connections do {:.0} requests/s with a p99 of {:.1} ms and a wait p99 of {:.1} ms; the best size \
         ({}) does {:.0}/s with {:.1} ms",
        chosen.size,
        chosen.throughput,
        chosen.p99_ms(),
        chosen.wait_p99_ms(),
        choice.best.size,
        choice.best.throughput,
        choice.best.p99_ms(),
    )];
    if let Some(below) = choice.below {
        reasons.push(format!(
            "{} are too few: {:.0}/s, p99 {:.1} ms, wait p99 {:.1} ms",
            below.size,
            below.throughput,
            below.p99_ms(),
            below.wait_p99_ms()
        ));
    }
    reasons.extend(overloaded(points, sweep));
    if let Some(words) = in_pooler(points) {
        reasons.push(words);
    } else if let Some(slowdown) =
        slowdown(points, points.last()).filter(|ratio| *ratio >= SLOWER_RATIO)
        && let (Some(first), Some(last)) = (points.first(), points.last())
        && is_asked_for(last)
    {
        let limit = if last.size > chosen.size {
            "beyond the chosen size the database is the limit"
        } else {
            "the database is the limit"
        };
        let wait = last.server.as_ref().and_then(main_wait);
        let busy_with = wait.map_or_else(String::new, |class| {
            let class = if class == "CPU*" { "the CPU" } else { &class };
            format!("; its sessions are then mostly waiting for or using {class}")
        });
        reasons.push(format!(
            "the statements of a request take {slowdown:.1} times as long with {} connections as with {} \
             ({:.1} and {:.1} ms): {limit}{busy_with}",
            last.size, first.size, last.statements_ms, first.statements_ms
        ));
    }
    reasons.extend(super::queue::words(choice, sweep));
    reasons.extend(super::queue::beyond(choice, sweep));
    if chosen.held_idle_ratio >= HELD_IDLE_RATIO {
        reasons.push(format!(
            "{:.0} % of the time of a lease the connection does nothing: give it back while the application \
             does other work, and fewer connections will do",
            chosen.held_idle_ratio * 100.0
        ));
    }
    if chosen.connect_ratio >= CHURN_RATIO {
        reasons.push(format!(
            "opening connections takes {:.0} % of the time that they are in use: something closes them, such as an \
             idle timeout of the server or of what is between",
            chosen.connect_ratio * 100.0
        ));
    }
    if choice.round_deviation > NOTABLE_DEVIATION {
        reasons.push(format!(
            "the machine was not as fast in all rounds of the sweep (a standard deviation of {:.0} %): sizes are \
             compared by what they did beside each other",
            choice.round_deviation * 100.0
        ));
    }
    if let (Some(target), false) = (target_p99_ms, choice.meets_target) {
        reasons.push(format!(
            "no size meets the target of {target} ms: the best p99 is {:.1} ms",
            chosen.p99_ms()
        ));
    }
    reasons.extend(sweep.bound.clone());
    reasons
}
