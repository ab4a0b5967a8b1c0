//! Which sizes are measured next: few and far apart at first, then around the knee, then the proof.

use std::collections::BTreeSet;

use crate::record::sweep::{PoolSweep, Purpose, SizeTurn};

use super::choose::{choose, margin};
use super::points::points;
use super::target;

/// How often sizes around the knee are added, about (ours): each time halves the gaps there.
const REFINEMENTS: u32 = 4;

/// A gap that is smaller than this share of the size is not worth a block (ours).
const SMALL_GAP_RATIO: f64 = 0.07;

/// Half of the 95 % interval within which the chosen size is to be known beside the best one before the proof (ours):
/// as much as a good size may lack, and no less than machines differ by from one moment to the next.
const WANTED_MARGIN: f64 = 0.03;

/// How often the chosen, the best and the next smaller size are measured again for that, about (ours).
const REPETITIONS: u32 = 3;

/// What a sweep is for.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepPlan {
    /// Sizes that the user named; `None` to find them.
    pub sizes: Option<Vec<u32>>,
    /// The recommended size is replayed against others in turns.
    pub verify_rounds: u32,
}

/// The blocks that come next; none when there is enough.
#[must_use]
pub fn next_turns(sweep: &PoolSweep, plan: &SweepPlan) -> Vec<SizeTurn> {
    if sweep.failure.is_some() || sweep.interrupted {
        return Vec::new();
    }
    let rounds = sweep.blocks.iter().map(|block| block.round + 1).max();
    let round = rounds.unwrap_or(0);
    let turns = |sizes: &BTreeSet<u32>| there_and_back(sizes, Purpose::Explore, round);
    if sweep.blocks.is_empty() {
        return turns(&first_sizes(sweep, plan));
    }
    if sweep.blocks.iter().any(|b| b.purpose == Purpose::Verify) {
        return Vec::new();
    }
    if plan.sizes.is_none() && round < 2 * (1 + REFINEMENTS + REPETITIONS) {
        let wanted = between(sweep);
        if !wanted.is_empty() {
            return turns(&wanted);
        }
        let unsure = unsure(sweep);
        if !unsure.is_empty() {
            return turns(&unsure);
        }
    }
    proof(sweep, plan, round)
}

/// Powers of two up to the largest, and the present size.
fn first_sizes(sweep: &PoolSweep, plan: &SweepPlan) -> BTreeSet<u32> {
    if let Some(sizes) = &plan.sizes {
        return sizes.iter().copied().collect();
    }
    let doubled = std::iter::successors(Some(1u32), |size| size.checked_mul(2));
    let mut sizes: BTreeSet<u32> = doubled.take_while(|size| *size < sweep.largest).collect();
    sizes.insert(sweep.largest.max(1));
    if sweep.current <= sweep.largest {
        sizes.insert(sweep.current);
    }
    sizes
}

/// Sizes in the middle of the gaps beside the chosen and the best size; with them the chosen one once more, so
/// that a drift of the machine since the first blocks does not decide. None where no gap matters.
fn between(sweep: &PoolSweep) -> BTreeSet<u32> {
    let points = points(sweep, Some(Purpose::Explore));
    let Some(choice) = choose(&points, target(sweep)) else {
        return BTreeSet::new();
    };
    let sizes: Vec<u32> = points.iter().map(|point| point.size).collect();
    let mut wanted = BTreeSet::new();
    for pair in sizes.windows(2) {
        let (low, high) = (pair[0], pair[1]);
        let beside = |size: u32| low == size || high == size;
        // Below the knee and on both sides of the peak.
        let matters = high == choice.chosen.size || beside(choice.best.size);
        let gap = f64::from(high - low - 1);
        if matters && gap > SMALL_GAP_RATIO * f64::from(high) {
            wanted.insert(low + (high - low) / 2);
        }
    }
    if !wanted.is_empty() {
        wanted.insert(choice.chosen.size);
    }
    wanted
}

/// The chosen size, the best and the next smaller one, where the blocks so far do not tell them apart well enough.
fn unsure(sweep: &PoolSweep) -> BTreeSet<u32> {
    let points = points(sweep, Some(Purpose::Explore));
    let Some(choice) = choose(&points, target(sweep)) else {
        return BTreeSet::new();
    };
    if margin(&points, &choice) <= WANTED_MARGIN {
        return BTreeSet::new();
    }
    let sizes = [Some(choice.chosen), Some(choice.best), choice.below];
    sizes.into_iter().flatten().map(|p| p.size).collect()
}

/// The recommended size, the present one, the best, and the next ones on both sides, in turns.
fn proof(sweep: &PoolSweep, plan: &SweepPlan, round: u32) -> Vec<SizeTurn> {
    let points = points(sweep, Some(Purpose::Explore));
    let Some(choice) = choose(&points, target(sweep)) else {
        return Vec::new();
    };
    let mut sizes = BTreeSet::from([choice.chosen.size, choice.best.size]);
    sizes.extend(choice.below.map(|point| point.size));
    sizes.extend(choice.above.map(|point| point.size));
    if sweep.current <= sweep.largest {
        sizes.insert(sweep.current);
    }
    let pairs = (0..plan.verify_rounds).step_by(2);
    let turns = pairs.flat_map(|pair| there_and_back(&sizes, Purpose::Verify, round + pair));
    turns.collect()
}

/// A B C C B A: what drifts hits all of them.
fn there_and_back(sizes: &BTreeSet<u32>, purpose: Purpose, round: u32) -> Vec<SizeTurn> {
    let turn = |round: u32| {
        move |pool_size: &u32| SizeTurn {
            pool_size: *pool_size,
            purpose,
            round,
        }
    };
    let back = sizes.iter().rev().map(turn(round + 1));
    sizes.iter().map(turn(round)).chain(back).collect()
}
