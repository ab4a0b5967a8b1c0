//! What the blocks of a change say.

use crate::analyze::conclusions::{Proof, ProofInterval, ProofOperation, ProofSide, ProofVerdict};
use crate::analyze::figures::{duration, percent, plural};
use crate::record::proof::{ChangeKind, ProofBlock, TriedChange};
use crate::stats::{Change, MIN_PAIRS, PairedRatio, compare_pairs};

use super::sides::{bytes, side, write_cost};

/// Rounds below which there is no verdict.
pub const LEAST_ROUNDS: usize = MIN_PAIRS;

/// More rounds than this are never measured (ours): what they do not tell the next ones will not tell either.
const MOST_ROUNDS: usize = 60;

/// Slower by this much at most is as good (ours): a smaller difference is not worth a word, see `stats::compare`.
const MARGIN_RATIO: f64 = 1.05;

/// The same of one operation (ours): each has fewer requests than all together.
const OPERATION_MARGIN_RATIO: f64 = 1.10;

/// A single operation must surely gain this much, where all together show nothing (ours): of many operations
/// one may seem to gain by chance.
const OPERATION_GAIN_RATIO: f64 = 0.90;

/// Half the width of an interval, as a logarithm, at which all requests are known well enough (ours): 2 %.
const PRECISE: f64 = 0.02;

/// The same of one operation.
const OPERATION_PRECISE: f64 = 0.05;

/// Or at which it is this part of the effect (ours).
const PRECISE_PART: f64 = 0.25;

/// Requests that failed may be this many more with the change (ours).
const MORE_FAILURES_RATIO: f64 = 0.01;

/// Everything that the pairs of blocks say.
struct Look {
    rounds: usize,
    total: Option<PairedRatio>,
    exec: Option<PairedRatio>,
    operations: Vec<Compared>,
    before: Option<ProofSide>,
    after: Option<ProofSide>,
}

/// One operation.
struct Compared {
    name: String,
    ratio: Option<PairedRatio>,
    before_ms: Option<f64>,
    after_ms: Option<f64>,
    per_sec: f64,
}

/// Judges what was measured.
#[must_use]
pub fn judge(tried: &TriedChange) -> Proof {
    let look = Look::at(tried);
    let (verdict, reason) = match objection(tried, &look) {
        Some(reason) => (ProofVerdict::Undecided, reason),
        None => match tried.change.kind {
            ChangeKind::CreateIndex => created(tried, &look),
            ChangeKind::DropIndex => dropped(&look),
        },
    };
    let (verdict, reason) = doubted(tried, &look, verdict, reason);
    let saves = saves(&look, verdict);
    let Look {
        total,
        exec,
        mut operations,
        before,
        after,
        ..
    } = look;
    let size_of_effect = |o: &Compared| o.ratio.map_or(0.0, |r| r.ratio.ln().abs());
    operations.sort_by(|a, b| size_of_effect(b).total_cmp(&size_of_effect(a)));
    Proof {
        verdict,
        reason,
        write_cost: write_cost(before.as_ref(), after.as_ref()),
        before,
        after,
        interval: total.as_ref().map(shown),
        exec_interval: exec.as_ref().map(shown),
        operations: operations
            .into_iter()
            .map(|o| ProofOperation {
                name: o.name,
                before_ms: o.before_ms,
                after_ms: o.after_ms,
                interval: o.ratio.as_ref().map(shown),
            })
            .collect(),
        bytes: bytes(tried),
        index_scans: tried.index_scans,
        build_ms: mean(tried.builds.iter().map(|build| build.0)),
        saves_ms_per_sec: saves,
    }
}

/// Whether more rounds would tell nothing new: the interval is narrow, by itself or beside the effect. What it
/// says is not looked at, so that chance is not given one more try after another.
#[must_use]
pub fn enough(tried: &TriedChange) -> bool {
    let rounds = tried.rounds();
    // Each side comes first as often as the other.
    if rounds < LEAST_ROUNDS || !rounds.is_multiple_of(2) {
        return false;
    }
    if rounds >= MOST_ROUNDS {
        return true;
    }
    let look = Look::at(tried);
    let precise = |ratio: &PairedRatio, limit: f64| {
        let half = (ratio.interval.high.ln() - ratio.interval.low.ln()) / 2.0;
        half <= limit.max(PRECISE_PART * ratio.ratio.ln().abs())
    };
    let total = look.total.as_ref().is_some_and(|r| precise(r, PRECISE));
    match tried.change.kind {
        ChangeKind::CreateIndex => total,
        // Nothing may get slower, so each operation counts.
        ChangeKind::DropIndex => {
            let mut ratios = look.operations.iter().filter_map(|o| o.ratio.as_ref());
            total && ratios.all(|r| precise(r, OPERATION_PRECISE))
        }
    }
}

impl Look {
    fn at(tried: &TriedChange) -> Self {
        let (before, after) = (side(tried, false), side(tried, true));
        let mut names: Vec<&str> = Vec::new();
        for operation in tried.blocks.iter().flat_map(|b| &b.operations) {
            if !names.contains(&operation.name.as_str()) {
                names.push(&operation.name);
            }
        }
        let operations = names.into_iter().map(|name| Compared::of(tried, name));
        Self {
            rounds: tried.rounds(),
            total: compare(tried, &ProofBlock::mean_ms),
            exec: compare(tried, &ProofBlock::exec_ms_per_call),
            operations: operations
                .filter(|o| o.before_ms.or(o.after_ms).is_some())
                .collect(),
            before,
            after,
        }
    }
}

impl Compared {
    fn of(tried: &TriedChange, name: &str) -> Self {
        let ratio = compare(tried, &|block| block.operation_mean_ms(name));
        let of = |changed: bool| {
            let blocks = tried.blocks.iter().filter(move |b| b.changed == changed);
            blocks.flat_map(|b| {
                b.operations
                    .iter()
                    .filter(|o| o.name == name)
                    .map(move |o| (b, o))
            })
        };
        let mean_of = |changed| {
            let (mut requests, mut sum) = (0.0, 0.0);
            for (_, operation) in of(changed) {
                if let Some(mean) = operation.mean {
                    requests += operation.requests as f64;
                    sum += mean.0 * operation.requests as f64;
                }
            }
            (requests > 0.0).then(|| sum / requests)
        };
        let length: f64 = of(false).map(|(block, _)| block.length.secs()).sum();
        let requests: f64 = of(false)
            .map(|(_, operation)| operation.requests as f64)
            .sum();
        Self {
            name: name.to_owned(),
            // Fewer pairs say nothing about an operation.
            ratio: ratio.filter(|r| r.pairs >= MIN_PAIRS),
            before_ms: mean_of(false),
            after_ms: mean_of(true),
            per_sec: if length > 0.0 { requests / length } else { 0.0 },
        }
    }

    fn told(&self) -> String {
        let ratio = self.ratio.as_ref().map(percent_of);
        format!("{} {}", self.name, ratio.unwrap_or_default())
    }
}

/// With the change over without it, by blocks of the same round.
fn compare(tried: &TriedChange, value: &dyn Fn(&ProofBlock) -> Option<f64>) -> Option<PairedRatio> {
    let without = tried.blocks.iter().filter(|block| !block.changed);
    let pairs = without.filter_map(|block| {
        let mut blocks = tried.blocks.iter();
        let with = blocks.find(|b| b.changed && b.round == block.round)?;
        value(block).zip(value(with))
    });
    compare_pairs(&pairs.collect::<Vec<_>>())
}

/// Why nothing can be said, whatever the change is.
fn objection(tried: &TriedChange, look: &Look) -> Option<String> {
    let few = look.rounds < LEAST_ROUNDS;
    if let Some(failure) = tried.failure.as_ref().filter(|_| few) {
        return Some(failure.clone());
    }
    let Some(total) = &look.total else {
        return Some("no pair of blocks was measured".to_owned());
    };
    if total.change.is_none() {
        return Some(format!(
            "{} of blocks, and at least {MIN_PAIRS} are needed",
            plural(total.pairs as u64, "pair", "pairs")
        ));
    }
    let share = |side: Option<&ProofSide>| {
        side.map_or(0.0, |s| s.failures as f64 / (s.requests as f64).max(1.0))
    };
    let (before, after) = (share(look.before.as_ref()), share(look.after.as_ref()));
    if after > before + MORE_FAILURES_RATIO {
        return Some(format!(
            "{} of the requests failed with the change and {} without it",
            percent(after),
            percent(before)
        ));
    }
    let opposed = |a: Change, b: Change| {
        matches!(
            (a, b),
            (Change::Lower, Change::Higher) | (Change::Higher, Change::Lower)
        )
    };
    let exec = look.exec.as_ref();
    if let Some((exec, of_total, of_exec)) =
        exec.and_then(|exec| Some((exec, total.change?, exec.change?)))
        && opposed(of_total, of_exec)
    {
        return Some(format!(
            "the witnesses disagree: response time {}, execution time in the server {}",
            percent_of(total),
            percent_of(exec)
        ));
    }
    None
}

/// A driver that was the limit makes two sides look alike: that nothing differs is then no verdict, unless the server
/// itself says so. A difference that shows all the same is one.
fn doubted(
    tried: &TriedChange,
    look: &Look,
    verdict: ProofVerdict,
    reason: String,
) -> (ProofVerdict, String) {
    let saturated = tried.blocks.iter();
    let saturated = saturated
        .filter(|b| b.driver_saturated == Some(true))
        .count();
    let witnessed =
        |confirms: &dyn Fn(&PairedRatio) -> bool| look.exec.as_ref().is_some_and(confirms);
    let doubtful = match tried.change.kind {
        ChangeKind::CreateIndex => {
            verdict == ProofVerdict::NoGain
                && tried.index_scans != Some(0)
                && !witnessed(&|exec| {
                    matches!(exec.change, Some(Change::NoneSeen | Change::Higher))
                })
        }
        ChangeKind::DropIndex => {
            verdict == ProofVerdict::Proved
                && !witnessed(&|exec| exec.interval.high <= MARGIN_RATIO)
        }
    };
    if doubtful && 2 * saturated >= tried.blocks.len() {
        let reason =
            format!("{reason}; but the load generator was the limit in half of the blocks or more");
        return (ProofVerdict::Undecided, reason);
    }
    (verdict, reason)
}

fn created(tried: &TriedChange, look: &Look) -> (ProofVerdict, String) {
    let told = told(look);
    let change = look.total.as_ref().and_then(|total| total.change);
    let slower = of_change(look, Change::Higher);
    if change == Some(Change::Higher) {
        return (
            ProofVerdict::Worse,
            format!("{told}: it costs more than it gives{}", but(&slower)),
        );
    }
    if tried.index_scans == Some(0) {
        let never = format!("{told}, and no statement of this workload ever used the index");
        return if tried.change.for_foreign_key {
            let why = "a foreign key needs it where rows of the referenced table are deleted or get \
                       another key, which this workload does not do";
            (ProofVerdict::Undecided, format!("{never}: {why}"))
        } else {
            (ProofVerdict::NoGain, never)
        };
    }
    if change == Some(Change::Lower) {
        return (ProofVerdict::Proved, format!("{told}{}", but(&slower)));
    }
    let gains = look.operations.iter().filter(|o| {
        let sure = |r: &PairedRatio| {
            r.change == Some(Change::Lower) && r.interval.high < OPERATION_GAIN_RATIO
        };
        o.ratio.as_ref().is_some_and(sure)
    });
    let gains: Vec<String> = gains.map(Compared::told).collect();
    match (gains.is_empty(), slower.is_empty(), change) {
        (false, true, _) => (
            ProofVerdict::Proved,
            format!("{}; all requests together: {told}", gains.join(", ")),
        ),
        (false, false, _) => (
            ProofVerdict::NoGain,
            format!(
                "{told}: what {} gains others lose: {}",
                gains.join(", "),
                slower.join(", ")
            ),
        ),
        (true, _, Some(Change::TooNoisy)) => (ProofVerdict::Undecided, noisy(look, &told)),
        (true, ..) => (
            ProofVerdict::NoGain,
            format!("{told}: no gain was seen{}", but(&slower)),
        ),
    }
}

fn dropped(look: &Look) -> (ProofVerdict, String) {
    let told = told(look);
    let slower: Vec<String> = look
        .operations
        .iter()
        .filter(|o| {
            let sure =
                |r: &PairedRatio| r.change == Some(Change::Higher) && r.interval.low > MARGIN_RATIO;
            o.ratio.as_ref().is_some_and(sure)
        })
        .map(Compared::told)
        .collect();
    let total = look.total.as_ref();
    if total.is_some_and(|total| total.change == Some(Change::Higher)) || !slower.is_empty() {
        return (
            ProofVerdict::Worse,
            format!("{told}: it is missed{}", but(&slower)),
        );
    }
    if let Some(rare) = look.operations.iter().find(|o| o.ratio.is_none()) {
        let reason = format!("{told}, but {} ran too seldom to be judged", rare.name);
        return (ProofVerdict::Undecided, reason);
    }
    let within = |r: &PairedRatio, margin: f64| r.interval.high <= margin;
    let wide = look.operations.iter().find(|o| {
        o.ratio
            .as_ref()
            .is_some_and(|r| !within(r, OPERATION_MARGIN_RATIO))
    });
    if !total.is_some_and(|total| within(total, MARGIN_RATIO)) {
        return (ProofVerdict::Undecided, noisy(look, &told));
    }
    if let Some(wide) = wide {
        let reason = format!(
            "{told}, but {} may have become more than {} slower",
            wide.told(),
            percent(OPERATION_MARGIN_RATIO - 1.0)
        );
        return (ProofVerdict::Undecided, reason);
    }
    (
        ProofVerdict::Proved,
        format!(
            "{told}: without it nothing takes more than {} longer, and no operation more than {}",
            percent(MARGIN_RATIO - 1.0),
            percent(OPERATION_MARGIN_RATIO - 1.0)
        ),
    )
}

fn noisy(look: &Look, told: &str) -> String {
    let chance = look.total.as_ref().map_or(0.0, |total| total.threshold);
    format!(
        "{told}: the blocks differ too much among themselves to tell (chance alone gives {}); prove for longer, \
         on a quieter machine",
        percent(chance)
    )
}

/// Operations of one verdict in words.
fn of_change(look: &Look, change: Change) -> Vec<String> {
    let found = look
        .operations
        .iter()
        .filter(|o| o.ratio.as_ref().is_some_and(|r| r.change == Some(change)));
    found.map(Compared::told).collect()
}

/// `; slower: …`.
fn but(slower: &[String]) -> String {
    if slower.is_empty() {
        String::new()
    } else {
        format!("; slower: {}", slower.join(", "))
    }
}

/// `mean response time 12.1 ms → 1.30 ms, -89 % (-91 to -87), 8 pairs of blocks`.
fn told(look: &Look) -> String {
    let (Some(total), Some(before), Some(after)) = (&look.total, &look.before, &look.after) else {
        return "nothing was measured".to_owned();
    };
    format!(
        "mean response time {} → {}, {}, {} of blocks",
        duration(before.mean_ms),
        duration(after.mean_ms),
        percent_of(total),
        plural(total.pairs as u64, "pair", "pairs")
    )
}

/// `-89 % (-91 to -87)`.
fn percent_of(ratio: &PairedRatio) -> String {
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    format!(
        "{:+.0} % ({:+.0} to {:+.0})",
        percent(ratio.ratio),
        percent(ratio.interval.low),
        percent(ratio.interval.high)
    )
}

/// Time given back per second of the load as it was without the change.
fn saves(look: &Look, verdict: ProofVerdict) -> Option<f64> {
    if verdict != ProofVerdict::Proved {
        return None;
    }
    let (total, before) = (look.total.as_ref()?, look.before.as_ref()?);
    if total.change == Some(Change::Lower) {
        return Some(before.throughput_per_sec * before.mean_ms * (1.0 - total.ratio));
    }
    let gains = look.operations.iter().filter_map(|o| {
        let ratio = o
            .ratio
            .as_ref()
            .filter(|r| r.change == Some(Change::Lower))?;
        Some(o.per_sec * o.before_ms? * (1.0 - ratio.ratio))
    });
    let sum: f64 = gains.sum();
    (sum > 0.0).then_some(sum)
}

fn shown(ratio: &PairedRatio) -> ProofInterval {
    ProofInterval {
        pairs: u32::try_from(ratio.pairs).unwrap_or(u32::MAX),
        ratio: ratio.ratio,
        low_ratio: ratio.interval.low,
        high_ratio: ratio.interval.high,
        threshold_ratio: ratio.threshold,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
    (count > 0.0).then(|| sum / count)
}
