//! Which size follows from what the server shows alone, and why.

use std::collections::BTreeSet;

use crate::analyze::conclusions::{Evidence, Expected, Recommendation};
use crate::analyze::database_time::{average_on_cpu, hides_sessions};
use crate::record::Run;
use crate::record::activity::{ActivitySeries, SessionSample};
use crate::stats::{quantile, round_to_count};

use super::budget::Seen as Budgeted;
use super::draft::{
    CONNECTIONS_PER_CORE, Draft, OBSERVED_ERROR_RATIO, OVERSIZED_RATIO, cores, slice_error,
    target_text,
};
use super::fleet::{Ground, finish};
use super::model::{Demand, Model};
use super::observed::{Application, applications, per_second};
use super::{NoRecommendation, PoolOptions};

/// Samples of `pg_stat_activity` without which nothing is concluded.
pub(super) const MIN_SAMPLES: usize = 100;

/// Share of samples with every connection busy from which a pool seen from outside is too small.
const ALL_BUSY_RATIO: f64 = 0.05;

/// What was seen of the busiest application.
struct Seen<'a> {
    application: &'a Application,
    model: Model,
    /// Mean lease by Little's law; `None` where transactions were not counted.
    lease_ms: Option<f64>,
    in_use: f64,
    in_use_p99: f64,
    /// Share of samples in which every open connection was busy.
    all_busy: f64,
}

/// The size that follows from what the server shows alone. The wait for a connection is inside the
/// application and cannot be seen, so it is estimated for Poisson arrivals, which is an upper bound
/// for a closed loop.
pub(super) fn from_observation(
    run: &Run,
    options: &PoolOptions,
) -> Result<Recommendation, NoRecommendation> {
    let series = run
        .activity
        .as_ref()
        .ok_or(NoRecommendation::NothingMeasured)?;
    if hides_sessions(run) {
        return Err(NoRecommendation::Hidden);
    }
    if series.samples.len() < MIN_SAMPLES {
        return Err(NoRecommendation::FewSamples(series.samples.len()));
    }
    let all = applications(series);
    let seen = look(run, &all).ok_or(NoRecommendation::NothingBusy)?;
    let (verdict, evidence, total) = decide(run, series, &seen);
    let instances = options.instances.max(1);
    let each = |fleet: u32| fleet.div_ceil(instances).max(1);
    let error = slice_error(&seen.application.in_use).unwrap_or(0.0);
    let (low, high) = seen.model.size_interval(error.max(OBSERVED_ERROR_RATIO));
    let outcome = seen.lease_ms.and(seen.model.outcome(total));
    let draft = Draft {
        size: each(total),
        fleet_size: total,
        interval: (evidence == Evidence::Estimated).then(|| (each(low), each(high.max(total)))),
        verdict,
        evidence,
        target: match seen.lease_ms {
            Some(_) => target_text(&seen.model),
            None => "95 % of waits for a connection at most a tenth of a lease".to_owned(),
        },
        expected: Expected {
            throughput_per_sec: None,
            p99_ms: None,
            wait_p99_ms: outcome.map(|o| o.wait_p99_ms),
        },
        reasons: reasons(&seen),
    };
    let mine = &seen.application.name;
    let budgeted = Budgeted {
        others: all[1..].iter().map(|a| a.connected_max).sum(),
        roles: of_sessions(series, mine, |s| s.usename.as_deref()),
        databases: of_sessions(series, mine, |s| s.datname.as_deref()),
        superuser: false,
    };
    finish(draft, &Ground::of(run, &budgeted, options))
}

/// What the sessions of an application have, each once.
fn of_sessions(
    series: &ActivitySeries,
    application: &str,
    what: impl Fn(&SessionSample) -> Option<&str>,
) -> Vec<String> {
    let sessions = series.samples.iter().flat_map(|s| &s.sessions);
    let mine = sessions.filter(|s| s.application_name == application);
    let found: BTreeSet<&str> = mine.filter_map(what).collect();
    found.into_iter().map(str::to_owned).collect()
}

/// The busiest application; `None` where none was busy.
fn look<'a>(run: &Run, all: &'a [Application]) -> Option<Seen<'a>> {
    let application = all.first()?;
    let samples = application.in_use.len() as f64;
    let in_use = application.in_use.iter().sum::<f64>() / samples;
    if in_use <= 0.0 {
        return None;
    }
    let in_use_everywhere = all.iter().flat_map(|a| &a.in_use).sum::<f64>() / samples;
    let lease_ms = per_second(run, |r| Some(r.xact_commit + r.xact_rollback))
        .filter(|t| *t > 0.0)
        .map(|t| in_use_everywhere / t * 1000.0);
    // Waits in units of a lease depend on the demand alone: a size can be had without its length.
    let scale_ms = lease_ms.unwrap_or(1000.0);
    let full = f64::from(application.connected_max);
    let all_busy = application.in_use.iter().filter(|n| **n >= full).count() as f64;
    Some(Seen {
        application,
        model: Model {
            demand: Demand::Open {
                per_sec: in_use / scale_ms * 1000.0,
            },
            lease_ms: scale_ms,
            lease_scv: 1.0,
        },
        lease_ms,
        in_use,
        in_use_p99: quantile(&application.in_use, 0.99).unwrap_or(0.0),
        all_busy: all_busy / samples,
    })
}

/// Verdict, evidence, and connections of all instances together.
fn decide(run: &Run, series: &ActivitySeries, seen: &Seen<'_>) -> (&'static str, Evidence, u32) {
    let open = seen.application.connected_max;
    let wanted = seen.model.size();
    let on_cpu = average_on_cpu(series);
    if let Some(cores) = cores(run).filter(|c| on_cpu.is_some_and(|b| b >= *c)) {
        let rule = round_to_count(cores) * CONNECTIONS_PER_CORE;
        return ("database-saturated", Evidence::RuleOfThumb, rule.min(open));
    }
    let oversized = seen.in_use_p99 < OVERSIZED_RATIO * f64::from(open);
    if oversized && wanted < open {
        let needed = wanted.max(round_to_count(seen.in_use_p99.ceil()));
        return ("too-large", Evidence::Estimated, needed);
    }
    if seen.all_busy >= ALL_BUSY_RATIO {
        return ("too-small", Evidence::Estimated, wanted.max(open + 1));
    }
    ("fits", Evidence::Estimated, open)
}

fn reasons(seen: &Seen<'_>) -> Vec<String> {
    let lease = match seen.lease_ms {
        Some(ms) => format!(
            "a lease is taken for one transaction: {ms:.1} ms by Little's law, dbperf's own \
             transactions counted in"
        ),
        None => {
            "the number of transactions is not known: the size rests on the demand alone".to_owned()
        }
    };
    vec![
        format!(
            "{:.1} connections of {} were in use on average, {:.0} at the 99th percentile, of {} \
             that were open; all were in use in {:.0} % of samples",
            seen.in_use,
            named(&seen.application.name),
            seen.in_use_p99,
            seen.application.connected_max,
            seen.all_busy * 100.0
        ),
        lease,
        "the wait for a connection happens inside the application and was not seen; replay a \
         workload to measure it"
            .to_owned(),
    ]
}

fn named(application: &str) -> String {
    if application.is_empty() {
        "sessions without application_name".to_owned()
    } else {
        format!("`{application}`")
    }
}
