//! From ordinals to positions on a line of whole numbers: injective and rising.
//!
//! A ladder knows nothing of types: what a position means is said by who climbs it.

use std::ops::Range;

mod gaps;
mod rungs;
#[cfg(test)]
mod tests;

use gaps::{closed_up, closed_up_end};
use rungs::{Rung, between, fit, grouped, picked, stretch, width};

/// A ladder.
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    /// In the order of ordinals and of positions.
    rungs: Vec<Rung>,
    /// Positions that are left out, each less the number of those before it, rising: a position on the line without
    /// them is that of the whole line less as many as are not greater.
    gaps: Vec<i128>,
    /// How many ordinals there are.
    distinct: u64,
    /// How many there would be with rows for all of them.
    room: u64,
    /// Ranges of ordinals that equally many rows have.
    groups: Vec<Range<u64>>,
    /// For what lies between.
    seed: u64,
}

/// What a ladder is built over.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// The least and the greatest position allowed.
    pub(super) limits: Option<(i128, i128)>,
    /// Positions that must not be taken, in any order.
    pub(super) avoid: Vec<i128>,
    /// How many ordinals are wanted.
    pub(super) distinct: u64,
    /// Most ordinals from one bound to the next: there are no more rows for them.
    pub(super) crowd: Option<u64>,
    /// For what lies between.
    pub(super) seed: u64,
}

impl Ladder {
    /// Evenly over all positions from `low` to `high`.
    pub(super) fn even(low: i128, high: i128, plan: &Plan) -> Self {
        let (low, high) = plan.clamp(low, high);
        let gaps = plan.gaps();
        let (low, high) = (closed_up(&gaps, low), closed_up_end(&gaps, high));
        let room = width(low, high).saturating_add(u128::from(high >= low));
        let count = fit(room, plan.distinct);
        let rungs = Rung::new(0, low, count, room, false).into_iter().collect();
        Self {
            rungs,
            gaps,
            distinct: count,
            room: count,
            groups: Vec::new(),
            seed: plan.seed,
        }
    }

    /// With equally many ordinals between each bound and the next, as far as there is room for them. Bounds must not
    /// fall; one that stands there more than once stands for more rows. Where there are too few positions between the
    /// bounds, all are moved apart as far as the limits allow.
    pub(super) fn over(bounds: &[i128], plan: &Plan) -> Self {
        let gaps = plan.gaps();
        let allowed = |bound: &i128| {
            plan.limits
                .is_none_or(|(low, high)| (low..=high).contains(bound))
        };
        let mut bounds: Vec<i128> = bounds.iter().copied().filter(allowed).collect();
        let wanted = plan.distinct.max(1);
        stretch(
            &mut bounds,
            wanted.saturating_add(gaps.len() as u64),
            plan.limits,
        );
        // Closed up, an avoided bound becomes its neighbour: the next one, at the end of what is allowed the one before.
        let high = plan
            .limits
            .map_or(i128::MAX, |(_, high)| closed_up_end(&gaps, high));
        let mut bounds: Vec<i128> = bounds
            .iter()
            .map(|bound| closed_up(&gaps, *bound).min(high))
            .collect();
        if plan
            .limits
            .is_some_and(|(low, _)| closed_up(&gaps, low) > high)
        {
            bounds.clear();
        }
        let all = bounds.clone();
        bounds.dedup();
        let rungs = if wanted <= bounds.len() as u64 {
            picked(&bounds, wanted)
        } else {
            between(&bounds, wanted, plan.crowd)
        };
        let distinct = rungs.last().map_or(0, |rung| rung.ordinal + rung.count);
        let room = match bounds[..] {
            [] => 0,
            [first, .., last] => fit(width(first, last).saturating_add(1), wanted),
            [_] => 1,
        };
        let groups = grouped(&rungs, &all, distinct);
        Self {
            rungs,
            gaps,
            distinct,
            room,
            groups,
            seed: plan.seed,
        }
    }

    /// Ranges of ordinals that equally many rows have; none where all ordinals are alike.
    pub(super) fn groups(&self) -> &[Range<u64>] {
        &self.groups
    }

    /// How many ordinals there are.
    pub(super) fn distinct(&self) -> u64 {
        self.distinct
    }

    /// How many there would be with rows for all of them.
    pub(super) fn room(&self) -> u64 {
        self.room
    }

    /// The position of an ordinal.
    pub(super) fn position(&self, ordinal: u64) -> i128 {
        let rung = match self.rungs.as_slice() {
            [] => return 0,
            [only] => only,
            rungs => &rungs[rungs.partition_point(|rung| rung.ordinal <= ordinal).max(1) - 1],
        };
        let position = rung.position(ordinal, self.seed);
        if self.gaps.is_empty() {
            return position;
        }
        let before = self.gaps.partition_point(|gap| *gap <= position);
        position.wrapping_add(before as i128)
    }
}

impl Plan {
    fn clamp(&self, low: i128, high: i128) -> (i128, i128) {
        self.limits.map_or((low, high), |(least, greatest)| {
            (low.max(least), high.min(greatest))
        })
    }

    fn gaps(&self) -> Vec<i128> {
        let mut avoid = self.avoid.clone();
        avoid.sort_unstable();
        avoid.dedup();
        avoid
            .iter()
            .enumerate()
            .map(|(before, gap)| gap.wrapping_sub(before as i128))
            .collect()
    }
}
