//! Orders of rows: a permutation of 0..n by arithmetic, with the correlation that is wanted.

use super::mix::mix;

/// A permutation of the numbers below `count`. It and its inverse take constant time and no memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permutation {
    count: u64,
    /// Numbers change places within blocks of this size only: 1 is the identity, `count` mixes all.
    block: u64,
    /// From the end to the beginning.
    reversed: bool,
    keys: Keys,
}

impl Permutation {
    /// Nothing changes its place.
    pub(crate) const fn identity(count: u64) -> Self {
        Self {
            count,
            block: 1,
            reversed: false,
            keys: [0; ROUNDS],
        }
    }

    /// All are mixed.
    pub(crate) const fn full(count: u64, key: u64) -> Self {
        Self {
            count,
            block: count,
            reversed: false,
            keys: keys(key),
        }
    }

    /// The correlation of numbers and places is about this, from -1 to 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count; the cast saturates"
    )]
    pub(crate) fn correlated(count: u64, correlation: f64, key: u64) -> Self {
        let block = (share_of_block(correlation.abs()) * count as f64 + 0.5) as u64;
        Self {
            count,
            block: block.clamp(1, count.max(1)),
            reversed: correlation < 0.0,
            keys: keys(key),
        }
    }

    /// The place of a number below `count`.
    pub(crate) fn at(&self, number: u64) -> u64 {
        let number = if self.reversed {
            self.count - 1 - number
        } else {
            number
        };
        if self.block <= 1 {
            return number;
        }
        let (start, size, tweak) = self.block_of(number);
        start + shuffle(number - start, size, (&self.keys, tweak))
    }

    /// The number that has a place.
    pub(crate) fn inverse(&self, place: u64) -> u64 {
        let number = if self.block <= 1 {
            place
        } else {
            let (start, size, tweak) = self.block_of(place);
            start + unshuffle(place - start, size, (&self.keys, tweak))
        };
        if self.reversed {
            self.count - 1 - number
        } else {
            number
        }
    }

    /// Start and size of the block, and what makes it differ from others, that a number and its place are in.
    fn block_of(&self, number: u64) -> (u64, u64, u64) {
        if self.block >= self.count {
            return (0, self.count, 0);
        }
        let block = number / self.block;
        let start = block * self.block;
        let size = self.block.min(self.count - start);
        (start, size, mix(block))
    }
}

/// The share of all numbers that a block has, for a correlation from 0 to 1.
///
/// Of the variance of places, 1/12, a block of the share w loses its own, w²/12, w times: blocks of the shares w, w, …
/// and a last one of the rest r leave a correlation of 1 - (w³ + w³ + … + r³), which grows as w falls.
fn share_of_block(correlation: f64) -> f64 {
    let lost = |share: f64| {
        let whole = (1.0 / share).floor();
        let rest = (1.0 - whole * share).max(0.0);
        whole * share * share * share + rest * rest * rest
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if lost(middle) < 1.0 - correlation {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// With fewer the numbers that are next to each other are spread too evenly: a sample of them would be better than one by
/// lot.
const ROUNDS: usize = 4;

/// A number for each round.
type Keys = [u64; ROUNDS];

const fn keys(key: u64) -> Keys {
    [mix(key), mix(key ^ 1), mix(key ^ 2), mix(key ^ 3)]
}

const ODD: [u64; ROUNDS] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
];
/// `ODD[i] · INVERSE[i]` is 1 modulo 2^64, and so modulo every smaller power.
const INVERSE: [u64; ROUNDS] = [
    inverse(ODD[0]),
    inverse(ODD[1]),
    inverse(ODD[2]),
    inverse(ODD[3]),
];

/// The inverse of an odd number modulo 2^64, by Newton's iteration: each step doubles the correct bits.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut step = 0;
    while step < 6 {
        x = x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x)));
        step += 1;
    }
    x
}

/// The least power of two that is at least `size`, less one, and half of its bits, rounded up.
fn width(size: u64) -> (u64, u32) {
    let bits = u64::BITS - (size - 1).leading_zeros();
    let mask = if bits == 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    };
    (mask, bits.div_ceil(2).max(1))
}

/// A bijection of 0..size. Each step is one of the next power of two: adding, multiplying by an odd number, and adding
/// the upper half of the bits to the lower one without carry. What leaves 0..size goes through again until it is back.
fn shuffle(number: u64, size: u64, (keys, tweak): (&Keys, u64)) -> u64 {
    let (mask, half) = width(size.max(1));
    let mut x = number;
    loop {
        for (key, odd) in keys.iter().zip(ODD) {
            x = x.wrapping_add(key ^ tweak) & mask;
            x ^= x >> half;
            x = x.wrapping_mul(odd) & mask;
            x ^= x >> half;
        }
        if x < size {
            return x;
        }
    }
}

fn unshuffle(place: u64, size: u64, (keys, tweak): (&Keys, u64)) -> u64 {
    let (mask, half) = width(size.max(1));
    let mut x = place;
    loop {
        for (key, inverse) in keys.iter().zip(INVERSE).rev() {
            x ^= x >> half;
            x = x.wrapping_mul(inverse) & mask;
            x ^= x >> half;
            x = x.wrapping_sub(key ^ tweak) & mask;
        }
        if x < size {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::shape::key;

    fn places(permutation: &Permutation) -> Vec<u64> {
        (0..permutation.count).map(|n| permutation.at(n)).collect()
    }

    fn correlation(a: &[u64], b: &[u64]) -> f64 {
        let n = a.len() as f64;
        let mean = (n - 1.0) / 2.0;
        let mut covariance = 0.0;
        for (x, y) in a.iter().zip(b) {
            covariance += (*x as f64 - mean) * (*y as f64 - mean);
        }
        covariance / n / ((n * n - 1.0) / 12.0)
    }

    #[test]
    fn every_place_is_taken_once_and_the_inverse_finds_it() {
        for count in [1, 2, 3, 7, 10, 64, 100, 1023, 1025, 4096] {
            for wanted in [-1.0, -0.6, 0.0, 0.3, 0.95, 1.0] {
                let permutation = Permutation::correlated(count, wanted, key(7, &["t"]));
                let places = places(&permutation);
                let mut sorted = places.clone();
                sorted.sort_unstable();
                assert!(sorted.iter().copied().eq(0..count), "{count} {wanted}");
                for (number, place) in places.iter().enumerate() {
                    assert_eq!(permutation.inverse(*place), number as u64);
                }
            }
        }
    }

    #[test]
    fn the_correlation_is_the_one_wanted() {
        for wanted in [-0.99, -0.5, 0.0, 0.2, 0.5, 0.9, 0.99] {
            let permutation = Permutation::correlated(20_000, wanted, key(1, &["a"]));
            let numbers: Vec<u64> = (0..20_000).collect();
            let got = correlation(&numbers, &places(&permutation));
            assert!((got - wanted).abs() < 0.03, "{wanted}: {got}");
        }
    }

    #[test]
    fn two_columns_are_independent() {
        // The standard error of a correlation of 20,000 independent pairs is 0.007.
        let first = places(&Permutation::full(20_000, key(1, &["t", "a"])));
        for name in ["b", "c", "d", "e", "f"] {
            let second = places(&Permutation::full(20_000, key(1, &["t", name])));
            let got = correlation(&first, &second);
            assert!(got.abs() < 0.03, "{name}: {got}");
        }
    }

    #[test]
    fn the_first_numbers_are_a_sample_like_one_by_lot() {
        // Of 48,000 groups of five places each 30,000 of 240,000 numbers meet 48,000 · (1 - (7/8)^5) = 23,381 ± 110.
        for n in 0..20 {
            let permutation = Permutation::full(240_000, n);
            let mut groups: Vec<u64> = (0..30_000)
                .map(|number| permutation.at(number) / 5)
                .collect();
            groups.sort_unstable();
            groups.dedup();
            let met = groups.len();
            assert!((22_900..23_900).contains(&met), "key {n}: {met}");
        }
    }

    #[test]
    fn places_of_neighbours_are_spread_evenly() {
        // Pairs of successive places fall into a grid of 10 by 10; 20,000 pairs give 200 each, ± 14.
        let places = places(&Permutation::full(20_001, key(3, &["x"])));
        let mut cells = [0_u32; 100];
        for pair in places.windows(2) {
            let cell = |place: u64| usize::try_from(place * 10 / 20_001).unwrap();
            cells[cell(pair[0]) * 10 + cell(pair[1])] += 1;
        }
        assert!(cells.iter().all(|n| (130..270).contains(n)), "{cells:?}");
    }
}
