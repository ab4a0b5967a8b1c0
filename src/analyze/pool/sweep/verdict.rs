//! What ails a pool, by what changes with its size.

use crate::analyze::database_time::CPU;
use crate::record::sweep::PoolSweep;

use super::choose::Choice;
use super::points::{Point, ServerShare};

/// Held idle as a share of leases from which leases are to be shortened first.
const HELD_IDLE_RATIO: f64 = 0.5;

/// Time for new connections as a share of leases from which connecting is the problem.
const CHURN_RATIO: f64 = 0.5;

/// Statements of the largest sizes over those of the smallest from which they are slowed down by each other (ours).
const SLOWER_RATIO: f64 = 1.3;

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

/// How much longer the statements of a request take with more connections: at the largest size that was
/// measured over the smallest.
fn slowdown(points: &[Point]) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    (first.statements_ms > 0.0 && last.size > first.size)
        .then(|| last.statements_ms / first.statements_ms)
}

/// The database is the limit at the chosen size and above: more connections are in use where there are more, and
/// their statements slow each other down or have no core.
fn saturated(points: &[Point], choice: &Choice<'_>, cores: Option<f64>) -> bool {
    let beyond = points
        .last()
        .is_some_and(|largest| largest.size > choice.chosen.size && is_asked_for(largest));
    let slower = slowdown(points).is_some_and(|ratio| ratio >= SLOWER_RATIO);
    let busy = choice.chosen.server.as_ref().zip(cores);
    let no_core = busy.is_some_and(|(server, cores)| server.on_cpu >= BUSY_CORES_RATIO * cores);
    beyond && (slower || no_core)
}

/// `too-small`, `database-saturated`, `held-idle`, `connection-churn`, `too-large` or `fits`.
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
    if saturated(points, choice, cores) && (waits(now) || sweep.current > size) {
        return "database-saturated";
    }
    if f64::from(sweep.current) > SAME_RATIO * f64::from(size) {
        return "too-large";
    }
    "fits"
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
    if let Some(slowdown) = slowdown(points).filter(|ratio| *ratio >= SLOWER_RATIO)
        && let (Some(first), Some(last)) = (points.first(), points.last())
        && is_asked_for(last)
    {
        let wait = last.server.as_ref().and_then(main_wait);
        let busy_with = wait.map_or_else(String::new, |class| {
            let class = if class == "CPU*" { "the CPU" } else { &class };
            format!("; its sessions are then mostly waiting for or using {class}")
        });
        reasons.push(format!(
            "the statements of a request take {slowdown:.1} times as long with {} connections as with {} \
             ({:.1} and {:.1} ms): beyond the chosen size the database is the limit{busy_with}",
            last.size, first.size, last.statements_ms, first.statements_ms
        ));
    }
    reasons.extend(super::queue::words(choice, sweep));
    if chosen.held_idle_ratio >= HELD_IDLE_RATIO {
        reasons.push(format!(
            "{:.0} % of the time of a lease the connection does nothing: give it back while the application \
             does other work, and fewer connections will do",
            chosen.held_idle_ratio * 100.0
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
