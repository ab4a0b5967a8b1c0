//! Which size follows from what the server shows alone, and why.

use std::collections::BTreeSet;

use crate::analyze::conclusions::{Evidence, Expected, Recommendation};
use crate::analyze::database_time::hides_sessions;
use crate::analyze::figures::plural;
use crate::record::Run;
use crate::record::activity::{ActivitySample, ActivitySeries, SessionSample};
use crate::stats::round_to_count;

use super::budget::Seen as Budgeted;
use super::draft::{
    CONNECTIONS_PER_CORE, CORES_TARGET, Draft, HELD_IDLE_RATIO, OVERSIZED_RATIO, UNKNOWN,
    WAITS_TARGET, cores, cores_full_at, target_text,
};
use super::fleet::{Ground, finish};
use super::interval::{Sampled, interval};
use super::model::Model;
use super::observed::{Application, applications};
use super::room::{Room, on_cpu};
use super::seen::Seen;
use super::{NoRecommendation, PoolOptions};

/// Samples of `pg_stat_activity` without which nothing is concluded.
pub(super) const MIN_SAMPLES: usize = 100;

/// Share of samples with every connection busy from which a pool seen from outside is too small.
const ALL_BUSY_RATIO: f64 = 0.05;

/// Share of the time in use that is idle in transaction from which a reason says so (ours).
const SOME_HELD_IDLE_RATIO: f64 = 0.2;

/// How far a lease may be from the transaction that it is taken for (ours): a pool has a connection out
/// before its first statement and after its last, which the server shows as idle, or gives it back only after
/// several transactions.
const LEASE_ERROR_RATIO: f64 = 0.25;

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
    let seen = Seen::of(run, series, &all).ok_or(NoRecommendation::NothingBusy)?;
    let model = seen.model_to_size();
    let wanted = model.size().ok_or(NoRecommendation::NoSize)?;
    let mut decision = decide(run, series, &seen, wanted)?;
    let mut reasons = summary(&seen);
    reasons.append(&mut decision.reasons);
    reasons.extend(of_others(run, &all));
    let estimated = decision.evidence == Evidence::Estimated;
    let instances = options.instances.max(1);
    let each = |fleet: u32| fleet.div_ceil(instances).max(1);
    let ends = estimated
        .then(|| ends(&seen, &model, &mut reasons))
        .flatten();
    let outcome = seen.lease.ms.and(model.outcome(decision.total));
    let draft = Draft {
        size: each(decision.total),
        fleet_size: decision.total,
        interval: ends.map(|(low, high)| (each(low), each(high.max(decision.total)))),
        verdict: decision.verdict,
        evidence: decision.evidence,
        target: match decision.target {
            Some(target) => target.to_owned(),
            None => target(&seen),
        },
        expected: outcome.filter(|_| estimated).map_or(UNKNOWN, |o| Expected {
            wait_p99_ms: Some(o.wait_p99_ms),
            ..UNKNOWN
        }),
        reasons,
    };
    finish(draft, &Ground::of(run, &budgeted(series, &all), options))
}

fn target(seen: &Seen<'_>) -> String {
    match seen.lease.ms {
        Some(_) => target_text(&seen.model),
        None => "95 % of waits for a connection at most a tenth of a lease".to_owned(),
    }
}

/// What the budget has to know of the sessions.
fn budgeted(series: &ActivitySeries, all: &[Application]) -> Budgeted {
    let mine = all.first().map_or("", |a| a.name.as_str());
    Budgeted {
        others: all.iter().skip(1).map(|a| a.connected_max).sum(),
        roles: of_sessions(series, mine, |s| s.usename.as_deref()),
        databases: of_sessions(series, mine, |s| s.datname.as_deref()),
        superuser: false,
    }
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

/// The interval of the size that the demand asks for; what it lacks becomes a reason.
fn ends(seen: &Seen<'_>, model: &Model, reasons: &mut Vec<String>) -> Option<(u32, u32)> {
    let sampled = match &seen.busiest {
        _ if !seen.slices.are_enough() => Sampled::Unseen,
        Some(stretch) => Sampled::Busiest(stretch.error_ratio),
        None => Sampled::Slices {
            loads: seen
                .slices
                .loads(seen.in_use / seen.model.lease_ms, seen.model.lease_ms),
            chance_ratio: seen.chance_ratio,
        },
    };
    reasons.extend(sampled.doubt());
    let found = interval(model, &sampled, LEASE_ERROR_RATIO);
    if found.is_none() {
        reasons.push(
            "the size has no upper end that was looked at, so no interval is given".to_owned(),
        );
    }
    found
}

/// What is to be done.
struct Decision {
    verdict: &'static str,
    evidence: Evidence,
    /// Connections of all instances together.
    total: u32,
    /// Another target than short waits.
    target: Option<&'static str>,
    reasons: Vec<String>,
}

/// The table of verdicts: cores, size, held idle, and, where all connections are in use, room in the database.
fn decide(
    run: &Run,
    series: &ActivitySeries,
    seen: &Seen<'_>,
    wanted: u32,
) -> Result<Decision, NoRecommendation> {
    let open = seen.application.connected_max;
    let crowded = crowded(series, seen);
    let room = crowded
        .as_ref()
        .map(|samples| Room::of(run, samples, seen.application));
    if let Some(saturated) = no_cores(run, series, room.as_ref(), open) {
        return Ok(saturated);
    }
    let mut reasons = Vec::from_iter(held_idle(seen, wanted));
    let estimated = |verdict, total, reasons| {
        Ok(Decision {
            verdict,
            evidence: Evidence::Estimated,
            total,
            target: None,
            reasons,
        })
    };
    let needed = wanted.max(round_to_count(seen.in_use_p99.ceil()));
    // A pool that was exhausted, however shortly, is not too large.
    let never_full = !seen.all_in_use.contains(&true);
    if never_full && seen.in_use_p99 < OVERSIZED_RATIO * f64::from(open) && needed < open {
        return estimated("too-large", needed, reasons);
    }
    if seen.held_idle >= HELD_IDLE_RATIO {
        return estimated("held-idle", open, reasons);
    }
    match room {
        None => estimated("fits", open, reasons),
        Some(Room::Unknown(why)) => Err(NoRecommendation::RoomUnknown {
            open,
            application: named(&seen.application.name),
            why,
        }),
        Some(Room::Waits(main)) => {
            reasons.push(main.words("while all were in use"));
            Ok(Decision {
                verdict: "database-saturated",
                evidence: Evidence::RuleOfThumb,
                total: open,
                target: Some(WAITS_TARGET),
                reasons,
            })
        }
        Some(Room::Free | Room::NoCores { .. }) => {
            let samples = crowded.unwrap_or_default();
            let total = grown(run, &samples, seen, wanted, &mut reasons);
            estimated("too-small", total, reasons)
        }
    }
}

/// The samples with every connection in use, where that was often enough over the window or in its rush: a short
/// rush is a small share of the window, and all who came in it may have waited.
fn crowded<'s>(series: &'s ActivitySeries, seen: &Seen<'_>) -> Option<Vec<&'s ActivitySample>> {
    let often = seen
        .all_in_use_ratio()
        .max(seen.all_in_use_in_rush().unwrap_or(0.0));
    let pairs = series.samples.iter().zip(&seen.all_in_use);
    let samples = pairs.filter(|(_, all)| **all).map(|(sample, _)| sample);
    (often >= ALL_BUSY_RATIO).then(|| samples.collect())
}

/// The cores are busy: while all connections are in use, or over the whole window.
fn no_cores(
    run: &Run,
    series: &ActivitySeries,
    room: Option<&Room>,
    open: u32,
) -> Option<Decision> {
    let throughout = on_cpu(&series.samples.iter().collect::<Vec<_>>());
    let (busy, all, when) = match room {
        Some(Room::NoCores { on_cpu, cores }) => (*on_cpu, *cores, " while all were in use"),
        _ => (
            throughout,
            cores(run).filter(|cores| throughout >= *cores)?,
            "",
        ),
    };
    Some(Decision {
        verdict: "database-saturated",
        evidence: Evidence::RuleOfThumb,
        total: (round_to_count(all) * CONNECTIONS_PER_CORE).min(open),
        target: Some(CORES_TARGET),
        reasons: vec![format!(
            "{busy:.1} sessions on average were executing without a wait on {all:.0} cores{when}: more connections \
             would wait for a core instead. Do not grow the pool; make the statements cheaper. \
             {CONNECTIONS_PER_CORE} connections per core is the usual start value"
        )],
    })
}

/// Connections that are in use and idle, with what would do without them.
fn held_idle(seen: &Seen<'_>, wanted: u32) -> Option<String> {
    if seen.held_idle < SOME_HELD_IDLE_RATIO {
        return None;
    }
    let percent = seen.held_idle * 100.0;
    let without = seen.model_to_size().with_lease(1.0 - seen.held_idle).size();
    let without = without.map_or(String::new(), |size| {
        format!("; without that time {size} would do as well as {wanted} with it")
    });
    Some(if seen.held_idle >= HELD_IDLE_RATIO {
        format!(
            "{percent:.0} % of the time that connections are in use they are idle in transaction: they count as in \
             use, and do nothing. Shorten the transactions before adding connections{without}"
        )
    } else {
        format!(
            "{percent:.0} % of the time that connections are in use they are idle in transaction; shorter \
             transactions need fewer of them{without}"
        )
    })
}

/// The size of a pool that is too small, no larger than the cores have use for.
fn grown(
    run: &Run,
    crowded: &[&ActivitySample],
    seen: &Seen<'_>,
    wanted: u32,
    reasons: &mut Vec<String>,
) -> u32 {
    let open = seen.application.connected_max;
    reasons.push(format!(
        "no wait of the sessions and no lack of cores explains why all {open} were in use: the database has room for \
         more. What the application would ask for beyond them cannot be seen, and neither can the limit of its pool: \
         the connections that were open are taken for it"
    ));
    let full = cores_full_at(cores(run), on_cpu(crowded), f64::from(open));
    if let Some(full) = full.filter(|full| *full < wanted) {
        reasons.push(format!(
            "the target would need {wanted} connections, but at the present use of CPU by a connection all cores \
             are busy from {full} on"
        ));
        return full.max(open + 1);
    }
    wanted.max(open + 1)
}

/// What was seen, with mean and peak.
fn summary(seen: &Seen<'_>) -> Vec<String> {
    let mut reasons = vec![format!(
        "{:.1} connections of {} were in use on average, {:.0} at the 99th percentile, of {} \
         that were open; all were in use in {:.0} % of samples",
        seen.in_use,
        named(&seen.application.name),
        seen.in_use_p99,
        seen.application.connected_max,
        seen.all_in_use_ratio() * 100.0
    )];
    if seen.slices.are_enough() {
        reasons.push(seen.slices.words(seen.busiest.as_ref(), "in use"));
    }
    reasons.extend(seen.all_in_use_in_rush().map(|all| {
        format!(
            "all connections were in use in {:.0} % of the samples of that rush",
            all * 100.0
        )
    }));
    reasons.push(seen.lease.words.clone());
    reasons
}

/// What the numbers are not about.
fn of_others(run: &Run, all: &[Application]) -> Vec<String> {
    let mut reasons = Vec::new();
    if let [mine, others @ ..] = all
        && !others.is_empty()
    {
        let connections: u32 = others.iter().map(|a| a.connected_max).sum();
        reasons.push(format!(
            "the size is for {} alone, which used most connections; {} with another application_name had up to {}",
            named(&mine.name),
            plural(others.len() as u64, "application", "applications"),
            plural(u64::from(connections), "connection", "connections"),
        ));
    }
    let through = run.server.as_ref().and_then(|s| s.through_pooler) == Some(true);
    if through || run.pgbouncer.is_some() {
        reasons.push(
            "PgBouncer is in between, so the sessions of the server are PgBouncer's: the size is that of its server \
             connections, and how many the application asks PgBouncer for was not seen"
                .to_owned(),
        );
    }
    reasons.push(
        "the wait for a connection happens inside the application and was not seen; replay a \
         workload to measure it"
            .to_owned(),
    );
    reasons
}

fn named(application: &str) -> String {
    if application.is_empty() {
        "sessions without application_name".to_owned()
    } else {
        format!("`{application}`")
    }
}

#[cfg(test)]
mod tests;
