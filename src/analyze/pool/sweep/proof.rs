//! Whether the recommended size stood the test: it was replayed in turns with the present and the next sizes.

use std::fmt::Write as _;

use crate::analyze::conclusions::Expected;
use crate::record::sweep::{PoolSweep, Purpose, SizeBlock};
use crate::stats::{Change, PairedRatio, compare_pairs};

use super::choose::{GOOD_P99_RATIO, GOOD_THROUGHPUT_RATIO};
use super::points::{Point, points};
use super::target;

/// Up to so many times the connections are a few more (ours): what a larger size has must be sure.
const FEW_TIMES: u32 = 2;

/// What the proof came to.
#[derive(Debug)]
pub(super) enum Proof {
    /// There was none.
    NotTried,
    /// It holds: what was measured at the size, and how it compares.
    Holds(Expected, Vec<String>),
    /// It does not, for this reason.
    Fails(String),
}

/// One size against the recommended one.
struct Versus {
    size: u32,
    throughput: PairedRatio,
    p99: PairedRatio,
}

/// Judges the blocks of the proof. The recommended size must not be seen to be worse than any other that was
/// measured with it, and better than the present one where it is larger than that: a larger pool must pay.
pub(super) fn judge(sweep: &PoolSweep, size: u32) -> Proof {
    let points = points(sweep, Some(Purpose::Verify));
    let Some(mine) = points.iter().find(|point| point.size == size) else {
        return Proof::NotTried;
    };
    let others = points.iter().filter(|point| point.size != size);
    let Some(all) = others
        .map(|other| versus(sweep, size, other.size))
        .collect::<Option<Vec<_>>>()
    else {
        return Proof::Fails("blocks of the proof had no requests".to_owned());
    };
    let meets_target = target(sweep).is_some_and(|limit| mine.p99_ms() <= limit);
    for other in &all {
        if let Some(reason) = objection(sweep, size, other, meets_target) {
            return Proof::Fails(reason);
        }
    }
    Proof::Holds(
        measured(mine),
        all.iter().map(|other| told(size, other)).collect(),
    )
}

/// Sizes that were part of the proof and are larger than `size`: one of them may be what `size` lacks.
pub(super) fn larger(sweep: &PoolSweep, size: u32) -> Vec<u32> {
    let points = points(sweep, Some(Purpose::Verify));
    let sizes = points.iter().map(|point| point.size);
    sizes.filter(|other| *other > size).collect()
}

fn measured(point: &Point) -> Expected {
    Expected {
        throughput_per_sec: Some(point.throughput),
        p99_ms: Some(point.p99_ms()),
        wait_p99_ms: Some(point.wait_p99_ms()),
    }
}

/// The recommended size over the other one, by blocks of the same round.
fn versus(sweep: &PoolSweep, size: u32, other: u32) -> Option<Versus> {
    let of = |size: u32| {
        let blocks = sweep.blocks.iter();
        blocks.filter(move |b| b.purpose == Purpose::Verify && b.pool_size == size)
    };
    let pairs = |value: &dyn Fn(&SizeBlock) -> Option<f64>| {
        let pairs = of(other).filter_map(|theirs| {
            let mine = of(size).find(|mine| mine.round == theirs.round)?;
            value(theirs).zip(value(mine))
        });
        compare_pairs(&pairs.collect::<Vec<_>>())
    };
    Some(Versus {
        size: other,
        throughput: pairs(&SizeBlock::throughput)?,
        p99: pairs(&|block| block.latency.quantile_ms(0.99))?,
    })
}

/// What speaks against the recommended size. Where the user's target is met, a shorter response time is no
/// objection.
fn objection(sweep: &PoolSweep, size: u32, other: &Versus, meets_target: bool) -> Option<String> {
    let (throughput, p99) = (other.throughput.change, other.p99.change);
    if throughput.is_none() {
        return Some(format!(
            "{} pairs of blocks are too few to compare {size} connections with {}: sweep for longer",
            other.throughput.pairs, other.size
        ));
    }
    // A loss that is small and sure is one too.
    let worse = throughput == Some(Change::Lower)
        || (other.throughput.ratio < GOOD_THROUGHPUT_RATIO && other.throughput.interval.high < 1.0);
    // Fewer requests at once are served faster each: a shorter p99 with less throughput is no gain.
    let slower = !meets_target && p99 == Some(Change::Higher) && throughput != Some(Change::Higher);
    // With a rate, all sizes that keep up have the same throughput.
    if worse || (slower && other.throughput.ratio <= 1.0) || lacks(size, other, meets_target) {
        return Some(format!("{}: the size is withdrawn", told(size, other)));
    }
    let grows = other.size == sweep.current && size > sweep.current;
    let pays = throughput == Some(Change::Higher) || p99 == Some(Change::Lower);
    if grows && !pays {
        return Some(format!(
            "{}: more connections than now were not seen to pay, so the pool is not to grow",
            told(size, other)
        ));
    }
    if throughput == Some(Change::TooNoisy) && !(grows && pays) {
        return Some(format!(
            "blocks of {size} and of {} connections differ too much among themselves to tell them apart \
             (chance alone gives {:.0} %): sweep for longer, on a quieter machine",
            other.size,
            other.throughput.threshold * 100.0
        ));
    }
    None
}

/// As far as was seen, a somewhat larger size has what this one lacks to be good enough. It need not be sure: a few
/// connections too many cost less than a part of the throughput.
fn lacks(size: u32, other: &Versus, meets_target: bool) -> bool {
    let too_slow =
        !meets_target && other.p99.ratio > GOOD_P99_RATIO && other.throughput.ratio <= 1.0;
    let few_more = other.size > size && other.size <= size.saturating_mul(FEW_TIMES);
    few_more && (other.throughput.ratio < GOOD_THROUGHPUT_RATIO || too_slow)
}

/// Such as "8 connections against 4: throughput +31 % (28 to 35), p99 −12 % (−15 to −9)".
fn told(size: u32, other: &Versus) -> String {
    let mut text = format!("{size} connections against {}: ", other.size);
    for (name, ratio) in [("throughput", other.throughput), ("p99", other.p99)] {
        let percent = |ratio: f64| (ratio - 1.0) * 100.0;
        let _ = write!(
            text,
            "{}{name} {:+.0} % ({:+.0} to {:+.0})",
            if name == "p99" { ", " } else { "" },
            percent(ratio.ratio),
            percent(ratio.interval.low),
            percent(ratio.interval.high)
        );
    }
    text
}
