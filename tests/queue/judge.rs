//! What a replay measured, beside what is true of the queue that it was.

use dbperf::stats::LatencyHistogram;

use super::model::{Spread, Waits, expected};
use super::replays::Replayed;
use super::{Case, LENGTH};

/// How far waits may be from Erlang's C.
const LIMIT: f64 = 0.10;

/// How far mean waits may be from Allen and Cunneen's estimate: it claims no more itself.
const ESTIMATE_LIMIT: f64 = 0.25;

/// By how much a lease may be longer on average than what was asked for. With a free core it is the same within
/// tenths of a millisecond; where answers wait for one, leases are neither exponential nor even.
const LONGER_MS: f64 = 2.0;

/// A request that was sent so late tells of a machine that stood still.
const STOOD_STILL_MS: f64 = 20.0;

/// A replay and its verdict.
pub(crate) struct Judged {
    row: String,
    complaints: Vec<String>,
    /// Signs that the machine was too busy to be the queue that was asked for.
    disturbances: Vec<String>,
}

impl Judged {
    pub(crate) fn new(case: &Case, replayed: &Result<Replayed, String>) -> Self {
        match replayed {
            Ok(replayed) => Self::of(case, replayed),
            Err(words) => Self {
                row: format!("{:>4} {:>3}/s", case.pair.servers, case.pair.rate),
                complaints: vec![words.clone()],
                disturbances: vec!["it failed".to_owned()],
            },
        }
    }

    fn of(case: &Case, replayed: &Replayed) -> Self {
        let run = &replayed.run;
        let (load, pool) = (run.replay.as_ref().unwrap(), run.pool.as_ref().unwrap());
        let counters = pool.counters;
        let per_ms = counters.acquires as f64 / (LENGTH.as_secs_f64() * 1000.0);
        let lease_ms = pool.lease_total.0 / pool.lease.count() as f64;
        let scv = (pool.lease.stddev_ms().unwrap() / lease_ms).powi(2);
        let measured = Waits {
            share: counters.waited as f64 / counters.acquires as f64,
            mean_ms: pool.permit_wait.mean_ms().unwrap(),
        };
        let truth = expected(&case.pair, per_ms, lease_ms);
        let lag = load
            .total
            .schedule_lag
            .as_ref()
            .and_then(LatencyHistogram::summary);
        let late_ms = lag.map_or(f64::INFINITY, |lag| lag.max_ms);
        let mut it = Self {
            row: row(case, [lease_ms, scv, late_ms], measured, truth),
            complaints: Vec::new(),
            disturbances: disturbances(case, replayed, lease_ms, late_ms),
        };
        let served = counters.immediate + counters.waited;
        it.check(
            counters.acquires == served && load.total.failures == 0,
            || format!("not all were served: {counters:?}, {:?}", load.total.errors),
        );
        let sequence = &case.sequence;
        it.check(counters.acquires.abs_diff(sequence.count() as u64) <= 2, || {
            format!(
                "{} requests and not {}: `Sequence::drawn` knows other arrivals than the driver",
                counters.acquires,
                sequence.count()
            )
        });
        let longer = lease_ms - sequence.lease_ms();
        it.check(longer.abs() < LONGER_MS, || {
            format!("leases are {longer:+.2} ms longer than was asked for")
        });
        it.check((scv - case.pair.spread.scv()).abs() < 0.15, || {
            format!("leases are spread otherwise: {scv:.3}")
        });
        it.check_waits(case.pair.spread, measured, truth);
        it
    }

    pub(crate) fn is_right(&self) -> bool {
        self.complaints.is_empty()
    }

    /// It is wrong, and that may be the machine's fault.
    pub(crate) fn is_worth_another(&self) -> bool {
        !self.is_right() && !self.disturbances.is_empty()
    }

    fn check(&mut self, holds: bool, complaint: impl FnOnce() -> String) {
        if !holds {
            self.complaints.push(complaint());
        }
    }

    fn check_waits(&mut self, spread: Spread, measured: Waits, truth: Waits) {
        let off = |measured: f64, truth: f64| (measured / truth - 1.0).abs();
        let (share, mean) = (
            off(measured.share, truth.share),
            off(measured.mean_ms, truth.mean_ms),
        );
        let right = match spread {
            Spread::Exponential => share <= LIMIT && mean <= LIMIT,
            Spread::Even => mean <= ESTIMATE_LIMIT,
        };
        self.check(right, || "the waits are not those of the queue".to_owned());
    }
}

/// What tells that the requests of the sequence were not sent, or not answered, as they were to be.
fn disturbances(case: &Case, replayed: &Replayed, lease_ms: f64, late_ms: f64) -> Vec<String> {
    let load = replayed.run.replay.as_ref().unwrap();
    let pool = replayed.run.pool.as_ref().unwrap();
    let (sequence, mut signs) = (&case.sequence, Vec::new());
    if load.driver_saturated != Some(false) {
        signs.push(format!("driver saturated: {:?}", load.source.warnings));
    }
    if late_ms > STOOD_STILL_MS {
        signs.push(format!("a request was sent {late_ms:.0} ms late"));
    }
    if lease_ms - sequence.lease_ms() > LONGER_MS {
        signs.push("the server had no core when a sleep was over".to_owned());
    }
    let warm = replayed.requests.abs_diff(pool.counters.acquires);
    if warm != sequence.warm as u64 {
        let wanted = sequence.warm;
        signs.push(format!("{warm} requests in the warm-up, and not {wanted}"));
    }
    signs
}

const HEAD: &str = "\
size  rate  leases       seed  lease ms   scv  latest |  P(wait)  truth      off |  mean ms  truth      off | of the sequence";

fn row(case: &Case, [lease_ms, scv, late_ms]: [f64; 3], measured: Waits, truth: Waits) -> String {
    let (pair, sequence) = (&case.pair, &case.sequence);
    // What just these requests should have met, with leases as long as they were.
    let walked = sequence.walked(pair.servers, lease_ms - sequence.lease_ms());
    let off = |measured: f64, truth: f64| (measured / truth - 1.0) * 100.0;
    let about = format!(
        "{:>4} {:>3}/s  {:<11} {:>5} {lease_ms:>9.2} {scv:>5.2} {late_ms:>7.1}",
        pair.servers,
        pair.rate,
        format!("{:?}", pair.spread),
        sequence.seed,
    );
    let beside = |measured: f64, truth: f64, digits: usize| {
        let off = off(measured, truth);
        format!("{measured:>8.digits$} {truth:>6.digits$} {off:>+6.1} %")
    };
    format!(
        "{about} | {} | {} | {:.3} {:.2}",
        beside(measured.share, truth.share, 3),
        beside(measured.mean_ms, truth.mean_ms, 2),
        walked.share,
        walked.mean_ms,
    )
}

/// All replays, with what is wrong with each.
pub(crate) fn table(judged: &[Judged]) -> String {
    let mut lines = vec![HEAD.to_owned()];
    for it in judged {
        lines.push(it.row.clone());
        let signs = it.disturbances.iter();
        lines.extend(signs.map(|it| format!("     the machine was busy: {it}")));
        lines.extend(it.complaints.iter().map(|it| format!("     WRONG: {it}")));
    }
    lines.join("\n")
}
