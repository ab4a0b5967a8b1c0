//! A size from a sweep: measured, chosen, explained and proved.
//!
//! The size is the smallest one that has what the best has: 98 % of the best throughput, and a 99th percentile
//! at most 10 % above the best (or below the target). What ails the pool is told by what changes with the size:
//! statements that get slower as connections are added mean that the database is the limit, a wait for
//! connections that vanishes means that the pool was.

mod choose;
mod plan;
mod points;
mod proof;
mod queue;
mod scaling;
#[cfg(test)]
mod tests;
mod verdict;

use crate::analyze::conclusions::{
    Estimate, Evidence, Expected, Recommendation, SweepPoint, SweepWait,
};
use crate::analyze::database_time::CPU;
use crate::record::Run;
use crate::record::sweep::{PoolSweep, Purpose};

pub(super) use self::scaling::scaling;
use super::budget::Seen;
use super::draft::{Draft, cores};
use super::fleet::{Ground, finish};
use super::{NoRecommendation, PoolOptions};
use choose::{Choice, choose};
pub use plan::{SweepPlan, next_turns};
use points::{Point, ServerShare, points_with_server};
use proof::Proof;

/// Active sessions of others over those of the load from which the numbers are not the load's own (ours).
const OTHERS_RATIO: f64 = 0.25;

/// Share of a size's blocks in which the driver was the limit from which its numbers are the driver's (ours).
const DRIVER_RATIO: f64 = 0.5;

/// Requests of a size below which its numbers are an estimate.
const ENOUGH_REQUESTS: u64 = 1000;

/// The sizes that were measured.
pub(super) fn sweep_points(run: &Run, sweep: &PoolSweep) -> Vec<SweepPoint> {
    let cores = cores(run);
    let fit = scaling::fit(sweep).ok();
    let fitted = |size: u32| {
        let predicted = fit.as_ref()?.predict(f64::from(size))?;
        Some(Estimate {
            value: predicted.throughput,
            low: predicted.interval.low,
            high: predicted.interval.high,
        })
    };
    let points = points_with_server(run, sweep, None);
    let points = points.iter().map(|point| SweepPoint {
        pool_size: point.size,
        present: point.size == sweep.current,
        throughput_per_sec: point.throughput,
        throughput_error_per_sec: point.throughput_margin(),
        fitted_per_sec: fitted(point.size),
        p50_ms: point.p50_ms(),
        p99_ms: point.p99_ms(),
        wait_p99_ms: point.wait_p99_ms(),
        wait_mean_ms: point.wait_mean_ms(),
        statements_ms: point.statements_ms,
        in_use_mean: point.in_use_mean,
        db_busy_ratio: point
            .server
            .as_ref()
            .and_then(|server| Some(server.on_cpu / cores?)),
        main_wait: point.server.as_ref().and_then(verdict::main_wait),
        waits: point.server.as_ref().map_or_else(Vec::new, waits),
        requests: point.requests,
        failures: point.failures,
    });
    points.collect()
}

fn waits(server: &ServerShare) -> Vec<SweepWait> {
    let classes = server.waiting.iter().map(|(class, n)| (class.clone(), *n));
    let on_cpu = (CPU.to_owned(), server.on_cpu);
    let mut waits: Vec<SweepWait> = classes
        .chain([on_cpu])
        .filter(|(_, sessions)| *sessions > 0.0)
        .map(|(class, sessions)| SweepWait { class, sessions })
        .collect();
    waits.sort_by(|a, b| b.sessions.total_cmp(&a.sessions));
    waits
}

/// The size that follows from a sweep.
pub(super) fn recommend(
    run: &Run,
    sweep: &PoolSweep,
    options: &PoolOptions,
) -> Result<Recommendation, NoRecommendation> {
    let refuse = |reason: String| Err(NoRecommendation::Sweep(reason));
    if let Some(failure) = &sweep.failure {
        return refuse(format!("the sweep ended early: {failure}"));
    }
    if sweep.interrupted {
        return refuse("the sweep was interrupted before its end".to_owned());
    }
    let target_p99_ms = target(sweep);
    // The proof judges what the blocks before it chose.
    let points = points_with_server(run, sweep, Some(Purpose::Explore));
    let Some(choice) = choose(&points, target_p99_ms) else {
        return refuse(verdict::nothing_works(&points, sweep));
    };
    if let Some(reason) = not_its_own(choice.chosen) {
        return refuse(reason);
    }
    let (choice, verified, mut proved) = match proved(sweep, &points, choice) {
        Ok(proved) => proved,
        Err(reason) => return refuse(format!("not proved: {reason}")),
    };
    let mut reasons = verdict::reasons(&points, &choice, sweep, target_p99_ms);
    reasons.append(&mut proved);
    let verdict = verdict::verdict(&points, &choice, sweep, cores(run));
    let size = choice.chosen.size;
    let draft = Draft {
        size,
        fleet_size: fleet_size(verdict, size, &points, options),
        interval: Some(choose::interval(&points, size, target_p99_ms)),
        verdict,
        evidence: match verified {
            Some(_) => Evidence::Proved,
            None if choice.chosen.requests >= ENOUGH_REQUESTS => Evidence::Measured,
            None => Evidence::Estimated,
        },
        target: target_text(target_p99_ms),
        expected: Expected {
            throughput_per_sec: Some(choice.chosen.throughput),
            p99_ms: Some(choice.chosen.p99_ms()),
            wait_p99_ms: Some(choice.chosen.wait_p99_ms()),
        },
        reasons,
    };
    let seen = Seen::beside_a_replay(run);
    let finished = finish(draft, &Ground::of(run, &seen, options))?;
    let as_measured = finished.pool_size == size;
    Ok(Recommendation {
        verified: verified.filter(|_| as_measured),
        evidence: if as_measured {
            finished.evidence
        } else {
            Evidence::Estimated
        },
        ..finished
    })
}

/// Server connections of all instances.
fn fleet_size(verdict: &str, size: u32, points: &[Point], options: &PoolOptions) -> u32 {
    match verdict {
        // More instances share the same database, which serves no more at once.
        "database-saturated" => size,
        // What a larger pooler would do was not seen.
        "pooler-saturated" => verdict::held_back(points).map_or(size, |held_back| {
            crate::stats::round_to_count(held_back.served().ceil()).max(1)
        }),
        _ => size.saturating_mul(options.instances.max(1)),
    }
}

/// The chosen size with its proof, or the next larger one of the proof that holds, where a larger one was better.
/// Fails with what spoke against the chosen size.
fn proved<'p>(
    sweep: &PoolSweep,
    points: &'p [Point],
    choice: Choice<'p>,
) -> Result<(Choice<'p>, Option<Expected>, Vec<String>), String> {
    let size = choice.chosen.size;
    let objection = match proof::judge(sweep, size) {
        Proof::NotTried => return Ok((choice, None, Vec::new())),
        Proof::Holds(measured, told) => return Ok((choice, Some(measured), told)),
        Proof::Fails(reason) => reason,
    };
    for larger in proof::larger(sweep, size) {
        if let Proof::Holds(measured, mut told) = proof::judge(sweep, larger)
            && let Some(instead) = choice.instead(points, larger)
        {
            told.insert(0, format!("the blocks before the proof had chosen {size}"));
            return Ok((instead, Some(measured), told));
        }
    }
    Err(objection)
}

/// The target of the user for the 99th percentile, in milliseconds.
fn target(sweep: &PoolSweep) -> Option<f64> {
    sweep.target_p99.map(|target| target.0)
}

fn target_text(target_p99_ms: Option<f64>) -> String {
    let throughput = "at least 98 % of the best throughput";
    match target_p99_ms {
        Some(ms) => format!("{throughput}, 99 % of response times below {ms} ms"),
        None => format!("{throughput}, p99 at most 10 % above the best"),
    }
}

/// Why the numbers of a size are not those of its pool.
fn not_its_own(point: &Point) -> Option<String> {
    let server = point.server.as_ref();
    if let Some(server) = server.filter(|s| s.others > OTHERS_RATIO * s.active) {
        return Some(format!(
            "the server was in use by others: {:.1} of their sessions were active beside {:.1} of the load, so the \
             numbers are not its own; sweep when the server is quiet, or on a copy",
            server.others, server.active
        ));
    }
    (point.driver_saturated_ratio > DRIVER_RATIO && server.is_none_or(|s| s.on_cpu < 0.5)).then(|| {
        "the load driver was the limit, not the pool or the database: give it more --driver-threads or a \
         machine of its own"
            .to_owned()
    })
}
