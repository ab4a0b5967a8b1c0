//! What was measured for each target, and how.

use crate::analyze::conclusions::{
    Basis, Conclusions, Load, LoadOperation, Pool, StandbyState, StandbyVerdict, Summary,
};
use crate::record::load::HTTP_TOOL;
use crate::stats::LatencyHistogram;

use super::SlaFacts;
use super::figures::{count, duration, percent, plural};
use super::page;
use super::targets::{Exchange, Metric, Spec};

/// What stands against a limit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Measured {
    /// A value in the unit of the target, and what one has to know to read it.
    Value(f64, Option<String>),
    /// Worse than any limit, in words.
    Unbounded(String, String),
    /// Nothing was measured, and why.
    Missing(String),
}

impl Measured {
    fn with_note(self, note: &str) -> Self {
        match self {
            Self::Value(value, None) => Self::Value(value, Some(note.to_owned())),
            Self::Value(value, Some(own)) => Self::Value(value, Some(format!("{note}; {own}"))),
            other => other,
        }
    }
}

/// The value of a target over the whole run.
pub(super) fn whole(
    spec: &Spec,
    limit: f64,
    conclusions: &Conclusions,
    facts: SlaFacts<'_>,
) -> Measured {
    let load = conclusions.load.as_ref();
    match spec.metric {
        Metric::ResponseP50 => of_load(load, |l| quantile(&l.total, l.total.p50_ms, 2, limit)),
        Metric::ResponseP95 => of_load(load, |l| p95(&l.total, limit)),
        Metric::ResponseP99 => of_load(load, |l| quantile(&l.total, l.total.p99_ms, 100, limit)),
        Metric::ResponseP999 => of_load(load, |l| quantile(&l.total, l.total.p999_ms, 1000, limit)),
        Metric::Errors => of_load(load, |l| errors(&l.total, limit)),
        Metric::Throughput => of_load(load, throughput),
        Metric::Cpu | Metric::Memory if conclusions.server.is_none() => {
            missing("no server was looked at")
        }
        Metric::Cpu => machine(facts.host.cpu_busy_ratio, "CPU", facts),
        Metric::Memory => machine(facts.host.memory_used_ratio, "memory", facts),
        Metric::PoolUtilisation => pool(conclusions, utilisation),
        Metric::PoolEfficiency => pool(conclusions, efficiency),
        Metric::DatabaseP95 => database_p95(facts),
        Metric::SlowStatements => slow_statements(conclusions),
        Metric::ReplicationLag => replication_lag(conclusions, limit),
        Metric::Page(name) => page::metric(&conclusions.pages, name),
        Metric::Score(category) => page::score(&conclusions.pages, category),
        Metric::WebSocket(exchange) => of_load(load, |l| websocket(l, exchange, limit)),
    }
}

pub(super) fn missing(reason: impl Into<String>) -> Measured {
    Measured::Missing(reason.into())
}

fn of_load(load: Option<&Load>, measure: impl Fn(&Load) -> Measured) -> Measured {
    let Some(load) = load else {
        return missing("no load was measured: give --workload or --api");
    };
    // A replay ends at the pool: neither HTTP nor the application is part of it.
    let place = if load.source.starts_with("dbperf replay") {
        "at the pool's client (dbperf replay), not over HTTP".to_owned()
    } else {
        format!("at the client ({})", load.source)
    };
    let measured = measure(load).with_note(&place);
    if load.driver_saturated == Some(true) {
        return measured.with_note("the load driver was the limit");
    }
    measured
}

/// The 95th percentile of what a load did over a WebSocket; of several addresses the worst. The operations of dbperf's
/// own load are named `WS PATH connect` and so on; those of k6 are sessions, `WS PATH`, whose time is that of their
/// connect. Messages that tell when they were sent count before round trips.
fn websocket(load: &Load, exchange: Exchange, limit: f64) -> Measured {
    let of_k6 = load.source == "k6";
    let ends: &[&str] = match exchange {
        Exchange::Connect if of_k6 => &[""],
        _ if of_k6 => &[],
        Exchange::Connect => &[" connect"],
        Exchange::Message => &[" messages", " ping"],
        Exchange::Reconnect => &[" reconnect"],
        Exchange::Subscribe => &[" subscribe"],
    };
    let operations = load.operations.iter();
    let sockets: Vec<&LoadOperation> = operations.filter(|o| o.name.starts_with("WS ")).collect();
    if sockets.is_empty() {
        return missing("no WebSocket was part of the load");
    }
    for end in ends {
        let timed = |o: &&&LoadOperation| o.name.ends_with(end) && o.p95_ms.is_some();
        let by_p95 = |a: &&&LoadOperation, b: &&&LoadOperation| {
            a.p95_ms
                .unwrap_or_default()
                .total_cmp(&b.p95_ms.unwrap_or_default())
        };
        let Some(worst) = sockets.iter().filter(timed).max_by(by_p95) else {
            continue;
        };
        let what = if *end == " ping" {
            ", there and back"
        } else {
            ""
        };
        let note = format!(
            "95th percentile of `{}`{what}, {}",
            worst.name,
            plural(worst.requests, "time", "times")
        );
        return p95(worst, limit).with_note(&note);
    }
    missing(if of_k6 {
        "of a WebSocket k6 times the connect alone"
    } else {
        "the load did not do this over its WebSockets, or nothing told its time"
    })
}

/// The 95th percentile of one operation.
pub(super) fn p95(operation: &LoadOperation, limit: f64) -> Measured {
    quantile(operation, operation.p95_ms, 20, limit)
}

/// A quantile, unless there are so few requests that it is nothing but their largest:
/// `least` is 1 / (1 − q). A request that was due and not sent has no time, which may have been a long one: the quantile
/// of all that were due is a higher one of those that were sent. These can miss the limit by their own; to meet it, a
/// higher one that is known has to.
fn quantile(operation: &LoadOperation, value: Option<f64>, least: u64, limit: f64) -> Measured {
    if operation.requests < least {
        return missing(format!(
            "{} are too few for this percentile; it takes {}",
            plural(operation.requests, "request", "requests"),
            count(least)
        ));
    }
    let Some(ms) = value else {
        return missing("the source tells no such percentile that can be used");
    };
    if operation.skipped == 0 {
        return Measured::Value(ms, None);
    }
    let unsent = format!(
        "{} of {} requests were due and not sent, and are in no time",
        count(operation.skipped),
        count(due(operation))
    );
    let quantile_of_due = 1.0 - 1.0 / least as f64;
    let quantile_of_sent = quantile_of_due * due(operation) as f64 / operation.requests as f64;
    let known = [
        (0.5, operation.p50_ms),
        (0.95, operation.p95_ms),
        (0.99, operation.p99_ms),
        (0.999, operation.p999_ms),
        (1.0, operation.max_ms),
    ];
    let mut higher = known.iter().filter(|(q, _)| *q >= quantile_of_sent);
    let bound = higher.find_map(|(_, ms)| *ms);
    if ms < limit && bound.is_none_or(|bound| bound >= limit) {
        return missing(format!("{unsent}: too many for this percentile"));
    }
    Measured::Value(ms, Some(unsent))
}

/// Requests that were due: those that ended, and those that were too late to be sent.
fn due(operation: &LoadOperation) -> u64 {
    operation.requests + operation.skipped
}

/// Failures over requests; one that was due and not sent failed those who waited for it. Where the source does not tell
/// every failure, those that it tells can miss the limit and cannot meet it.
pub(super) fn errors(operation: &LoadOperation, limit: f64) -> Measured {
    if due(operation) == 0 {
        return missing("no request ended");
    }
    let failed = operation.failures + operation.skipped;
    let ratio = failed as f64 / due(operation) as f64;
    let unsent = if operation.skipped == 0 {
        String::new()
    } else {
        format!(
            ", {} of which were due and not sent",
            count(operation.skipped)
        )
    };
    let of_all = format!(
        "{} of {} requests{unsent}",
        count(failed),
        count(due(operation))
    );
    let note = match &operation.failures_untold {
        Some(why) if ratio < limit => return missing(why.clone()),
        Some(why) => format!("at least {of_all}: {why}"),
        None => of_all,
    };
    Measured::Value(ratio, Some(note))
}

fn throughput(load: &Load) -> Measured {
    let Some(value) = load.total.throughput_per_sec else {
        return missing("the source does not tell how long the load lasted");
    };
    let note = (load.arrival == "closed")
        .then(|| "closed loop: the number of clients and their pauses bound it too".to_owned());
    Measured::Value(value, note)
}

fn machine(ratio: Option<f64>, what: &str, facts: SlaFacts<'_>) -> Measured {
    if !facts.host.server_is_local {
        return missing(format!(
            "the server is on another machine; its {what} is not visible through SQL"
        ));
    }
    ratio.map_or_else(
        || missing(format!("the {what} of this machine could not be read")),
        |r| {
            let note = "the whole machine, dbperf and its load included".to_owned();
            Measured::Value(r, Some(note))
        },
    )
}

fn pool(conclusions: &Conclusions, measure: impl Fn(&Pool) -> Measured) -> Measured {
    conclusions.pool.as_ref().map_or_else(
        || missing("neither a pool nor the server's connections were measured"),
        measure,
    )
}

/// Connections in use over the size: of the replay's pool, else of what the server shows, whose
/// "size" can only be the largest number of connections seen.
fn utilisation(pool: &Pool) -> Measured {
    if let Some(ratio) = pool.replay.as_ref().and_then(|r| r.utilisation_ratio) {
        return Measured::Value(ratio, Some("mean in use over the replay's pool".to_owned()));
    }
    match &pool.observed {
        Some(seen) if seen.size > 0 => Measured::Value(
            seen.in_use_mean / f64::from(seen.size),
            Some(format!(
                "mean in use over the {} connections seen; the pool's own limit is not visible to \
                 the server",
                seen.size
            )),
        ),
        _ => missing("no client connection was seen"),
    }
}

/// Time with a connection over time with one or waiting for one:
/// Σ lease / (Σ lease + Σ permit wait + Σ connect + Σ recycle). The guide names "efficiency" and
/// does not define it; this is the part of the time around the pool that a caller can use.
fn efficiency(pool: &Pool) -> Measured {
    let Some(replay) = &pool.replay else {
        return missing("only an instrumented pool tells how long callers waited: give --workload");
    };
    let total = |s: &Option<Summary>| s.map_or(0.0, |s| s.mean * s.count as f64);
    if replay.permit_wait_ms.is_none() || replay.lease_ms.is_none() {
        return missing("no acquire ended in the window");
    }
    let lease = total(&replay.lease_ms);
    let wait =
        total(&replay.permit_wait_ms) + total(&replay.connect_ms) + total(&replay.recycle_ms);
    if lease + wait <= 0.0 {
        return missing("no time was spent in the pool");
    }
    let at_once = replay.immediate as f64 / replay.acquires.max(1) as f64;
    let note = format!(
        "time with a connection over time with one or waiting for one; {} of acquires were served \
         at once",
        percent(at_once)
    );
    Measured::Value(lease / (lease + wait), Some(note))
}

/// Send to last row of every statement of the replay. `pg_stat_statements` keeps means and
/// deviations only, from which no percentile follows.
fn database_p95(facts: SlaFacts<'_>) -> Measured {
    // A load over HTTP ends at the service: the statements behind it were not timed.
    if facts.replay.is_none_or(|r| r.source.tool == HTTP_TOOL) {
        return missing(
            "pg_stat_statements keeps no percentiles; a replay (--workload) times every statement",
        );
    }
    let mut all = LatencyHistogram::new();
    for statement in facts
        .operations()
        .filter_map(|o| o.parts.as_ref())
        .flat_map(|p| &p.statements)
    {
        all.add(&statement.latency);
    }
    match all.quantile_ms(0.95) {
        Some(ms) if all.count() >= 20 => Measured::Value(
            ms,
            Some(format!(
                "{} statements at the replay's client, round trips included",
                count(all.count())
            )),
        ),
        Some(_) => missing("fewer than 20 statements are too few for this percentile"),
        None => missing("the replay timed no statement"),
    }
}

fn slow_statements(conclusions: &Conclusions) -> Measured {
    const RULE: &str = "slow-statement";
    let Some(findings) = &conclusions.findings else {
        return missing("the findings were not evaluated");
    };
    let undecided = conclusions
        .not_evaluated
        .iter()
        .flatten()
        .find(|n| n.rule == RULE);
    let found = findings.iter().filter(|f| f.rule == RULE).count();
    match undecided {
        // What was found stands, even if not everything could be looked at.
        Some(reason) if found == 0 => missing(reason.reason.clone()),
        _ => Measured::Value(found as f64, Some(format!("findings of the rule {RULE}"))),
    }
}

/// The worst standby counts. One that receives nothing falls behind without bound; one whose lag
/// is unknown, or only known to be longer than something below the limit, leaves the target open,
/// unless another one misses it already.
fn replication_lag(conclusions: &Conclusions, limit: f64) -> Measured {
    let Some(replication) = &conclusions.replication else {
        return missing("replication was not looked at");
    };
    let standbys = &replication.standbys;
    if let Some(severed) = standbys
        .iter()
        .find(|s| s.verdict == StandbyVerdict::Severed)
    {
        let note = format!("standby {} receives nothing", severed.name);
        return Measured::Unbounded("unbounded".to_owned(), note);
    }
    let worst = standbys
        .iter()
        .filter_map(|s| s.lag_ms.p95.map(|p95| (s, p95)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    // A lower bound that misses the limit decides; one below it does not.
    let open = |s: &&StandbyState| match s.lag_ms.p95 {
        Some(p95) => s.basis == Basis::Bound && p95 < limit,
        None => true,
    };
    match (worst, standbys.iter().find(open)) {
        (Some((standby, p95)), None) => Measured::Value(p95, Some(lag_note(standby))),
        (Some((standby, p95)), _) if p95 >= limit => Measured::Value(p95, Some(lag_note(standby))),
        (_, Some(standby)) => missing(unknown_lag(standby)),
        (None, None) => missing("no standby was seen; name one with --replica"),
    }
}

fn unknown_lag(standby: &StandbyState) -> String {
    let least = standby.lag_ms.p95.map_or_else(String::new, |p95| {
        format!("; it is at least {}", duration(p95))
    });
    let why = standby.note.as_ref();
    let why = why.map_or_else(String::new, |note| format!(": {note}"));
    format!(
        "the lag of standby {} is not known{least}{why}",
        standby.name
    )
}

fn lag_note(standby: &StandbyState) -> String {
    let on_purpose = if standby.verdict == StandbyVerdict::Delayed {
        "; it delays on purpose (recovery_min_apply_delay)"
    } else {
        ""
    };
    let largest = standby
        .lag_ms
        .max
        .map_or_else(|| "unknown".to_owned(), duration);
    let at_least = if standby.basis == Basis::Bound {
        ", at least: some of it was written before the window began"
    } else {
        ""
    };
    format!(
        "worst standby {}, largest {largest}{at_least}{on_purpose}",
        standby.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_enough_requests() {
        let operation = LoadOperation {
            requests: 19,
            p95_ms: Some(1.0),
            ..LoadOperation::default()
        };
        assert_eq!(
            p95(&operation, 2.0),
            missing("19 requests are too few for this percentile; it takes 20")
        );
        let enough = LoadOperation {
            requests: 20,
            ..operation
        };
        assert_eq!(p95(&enough, 2.0), Measured::Value(1.0, None));
    }

    /// 1000 requests that were due, of which so many were not sent; the others all went well within 1 ms.
    fn unsent(skipped: u64) -> LoadOperation {
        LoadOperation {
            requests: 1000 - skipped,
            p95_ms: Some(1.0),
            max_ms: Some(1.0),
            skipped,
            ..LoadOperation::default()
        }
    }

    #[test]
    fn requests_that_were_not_sent_are_errors() {
        let note = "50 of 1,000 requests, 50 of which were due and not sent".to_owned();
        assert_eq!(
            errors(&unsent(50), 0.001),
            Measured::Value(0.05, Some(note))
        );
        let nothing_sent = errors(&unsent(1000), 0.001);
        assert!(matches!(nothing_sent, Measured::Value(1.0, _)));
    }

    #[test]
    fn a_percentile_is_not_that_of_the_requests_that_were_sent() {
        let words = "requests were due and not sent, and are in no time";
        let few = Measured::Value(1.0, Some(format!("50 of 1,000 {words}")));
        assert_eq!(p95(&unsent(50), 2.0), few);
        let many = missing(format!("51 of 1,000 {words}: too many for this percentile"));
        assert_eq!(p95(&unsent(51), 2.0), many);
        // Those that were sent took too long already.
        assert!(matches!(p95(&unsent(51), 1.0), Measured::Value(1.0, _)));
        // Of 1,000 that were due 950 took 1 ms at most, if all that were sent did; one of them took long.
        let mut slow = unsent(50);
        slow.max_ms = Some(10_000.0);
        assert!(matches!(p95(&slow, 2.0), Measured::Missing(_)));
        // Of 1,000 that were due the 950th was among the first 960 of 990 that were sent.
        let mut known = unsent(10);
        known.max_ms = Some(10_000.0);
        known.p99_ms = Some(1.5);
        assert!(matches!(p95(&known, 2.0), Measured::Value(1.0, _)));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = super::super::targets::SPECS
            .iter()
            .map(|s| s.name)
            .collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(names.contains(&super::super::name::SLOW_STATEMENTS));
    }
}
