//! Ordinals over positions, piece by piece.

use std::ops::Range;

use crate::seed::values::mix::mix;

/// As many values as PostgreSQL's statistics have bounds by default.
const FEW: u64 = 100;

/// Ordinals that are spread evenly over positions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rung {
    /// The first ordinal.
    pub(super) ordinal: u64,
    /// The first position, gaps left out.
    low: i128,
    /// How many ordinals.
    pub(super) count: u64,
    /// How many positions each has for itself at least.
    whole: u128,
    /// How many ordinals have one more.
    rest: u64,
    /// The first ordinal takes the first position exactly.
    exact: bool,
}

impl Rung {
    pub(super) fn new(
        ordinal: u64,
        low: i128,
        count: u64,
        room: u128,
        exact: bool,
    ) -> Option<Self> {
        (count > 0).then(|| Self {
            ordinal,
            low,
            count,
            whole: room / u128::from(count),
            rest: u64::try_from(room % u128::from(count)).unwrap_or(0),
            exact,
        })
    }

    /// Cells are laid one after the other, `rest` of them one longer; within its cell a position is drawn.
    pub(super) fn position(&self, ordinal: u64, seed: u64) -> i128 {
        let step = ordinal.saturating_sub(self.ordinal).min(self.count - 1);
        if self.whole == 1 && self.rest == 0 {
            return self.low.wrapping_add(i128::from(step));
        }
        let longer = if let Some(product) = step.checked_mul(self.rest) {
            product / self.count
        } else {
            let product = u128::from(step) * u128::from(self.rest) / u128::from(self.count);
            u64::try_from(product).unwrap_or(0)
        };
        let start = u128::from(step)
            .wrapping_mul(self.whole)
            .wrapping_add(u128::from(longer));
        let within = if self.whole == 1 || (self.exact && step == 0) {
            0
        } else {
            part(mix(seed, ordinal), self.whole)
        };
        self.low
            .wrapping_add(start.wrapping_add(within).cast_signed())
    }
}

/// A number below `count` from a mixed one; the lower half is as good as the upper for what is as wide as two.
fn part(mixed: u64, count: u128) -> u128 {
    match u64::try_from(count) {
        Ok(count) => (u128::from(mixed) * u128::from(count)) >> 64,
        Err(_) => {
            (((u128::from(mixed) * (count >> 64)) >> 64) << 64) | u128::from(mixed.swap_bytes())
        }
    }
}

pub(super) fn width(low: i128, high: i128) -> u128 {
    if high < low {
        0
    } else {
        high.wrapping_sub(low).cast_unsigned()
    }
}

pub(super) fn fit(room: u128, wanted: u64) -> u64 {
    u64::try_from(room).map_or(wanted, |room| room.min(wanted))
}

/// Moves bounds apart from the first on, where fewer positions than wanted lie between the first and the last.
pub(super) fn stretch(bounds: &mut [i128], wanted: u64, limits: Option<(i128, i128)>) {
    let (Some(first), Some(last)) = (bounds.first().copied(), bounds.last().copied()) else {
        return;
    };
    let room = width(first, last).saturating_add(1);
    if room >= u128::from(wanted) {
        return;
    }
    // A few values more than there are between the bounds are an error of the estimate, not values of their own.
    if u128::from(wanted) <= room + room / 10 && wanted <= FEW {
        return;
    }
    let greatest = limits.map_or(i128::MAX, |(_, high)| high);
    let new = first.saturating_add(i128::from(wanted) - 1).min(greatest);
    if room <= 1 {
        return;
    }
    // Below 2^64 each, since the room is less than what is wanted.
    let (old, new) = (width(first, last), width(first, new));
    for bound in bounds {
        let moved = width(first, *bound) * new / old;
        *bound = first + i128::try_from(moved).unwrap_or(0);
    }
}

/// As many of the bounds as are wanted, evenly.
pub(super) fn picked(bounds: &[i128], wanted: u64) -> Vec<Rung> {
    let last = bounds.len().saturating_sub(1) as u64;
    (0..wanted)
        .filter_map(|ordinal| {
            let place = match wanted {
                1 => last / 2,
                _ => ordinal * last / (wanted - 1),
            };
            Rung::new(ordinal, bounds[usize::try_from(place).ok()?], 1, 1, true)
        })
        .collect()
}

/// Equally many ordinals in every interval, as far as there is room and no more than `crowd`; the last is the last
/// bound.
pub(super) fn between(bounds: &[i128], wanted: u64, crowd: Option<u64>) -> Vec<Rung> {
    let Some(last) = bounds.last().copied() else {
        return Vec::new();
    };
    let rooms: Vec<u128> = bounds
        .windows(2)
        .map(|pair| width(pair[0], pair[1]))
        .collect();
    let most = crowd.map_or(u128::MAX, |crowd| u128::from(crowd.max(1)));
    let held: Vec<u128> = rooms.iter().map(|room| (*room).min(most)).collect();
    let counts = shared(&held, wanted - 1);
    let mut rungs = Vec::with_capacity(bounds.len());
    let mut ordinal = 0;
    for ((low, room), count) in bounds.iter().zip(&rooms).zip(counts) {
        rungs.extend(Rung::new(ordinal, *low, count, *room, true));
        ordinal += count;
    }
    rungs.extend(Rung::new(ordinal, last, 1, 1, true));
    rungs
}

/// For each bound but the last the ordinals up to the next bound, or its own where that is the same.
pub(super) fn grouped(rungs: &[Rung], bounds: &[i128], distinct: u64) -> Vec<Range<u64>> {
    let at = |bound: i128| {
        let place = rungs.partition_point(|rung| rung.low <= bound);
        rungs.get(place.max(1) - 1).map_or(0, |rung| rung.ordinal)
    };
    let intervals = bounds.len().saturating_sub(1);
    let groups = bounds.windows(2).enumerate().map(|(place, pair)| {
        let start = at(pair[0]);
        let end = if place + 1 == intervals {
            distinct
        } else {
            at(pair[1])
        };
        start..end.max(start + 1)
    });
    if distinct == 0 {
        Vec::new()
    } else {
        groups.collect()
    }
}

/// `total` shared among rooms as evenly as their sizes allow: the smallest rooms are filled first, what they cannot
/// take goes to the others.
pub(super) fn shared(rooms: &[u128], total: u64) -> Vec<u64> {
    let mut order: Vec<usize> = (0..rooms.len()).collect();
    order.sort_by_key(|place| rooms[*place]);
    let mut counts = vec![0; rooms.len()];
    let mut left = total;
    let mut smallest = 0;
    // Rooms that are smaller than an even share.
    while smallest < order.len() {
        let place = order[smallest];
        let share = left / (order.len() - smallest) as u64;
        if u128::from(share) < rooms[place] {
            break;
        }
        counts[place] = fit(rooms[place], share);
        left -= counts[place];
        smallest += 1;
    }
    // All others have room for one more than the share; the remainder is spread over them in their own order.
    let mut others = order.split_off(smallest);
    others.sort_unstable();
    let number = others.len() as u64;
    let mut given = 0;
    for (place, other) in others.iter().enumerate() {
        let until = u128::from(left) * (place as u128 + 1) / u128::from(number.max(1));
        let until = u64::try_from(until).unwrap_or(left);
        counts[*other] = until - given;
        given = until;
    }
    counts
}
