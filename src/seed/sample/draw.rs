//! Random draws that give the same values for the same seed number on every platform.
//!
//! Only addition, multiplication and division are used, whose results IEEE 754 fixes to the last
//! bit. The exponential and power functions of a platform's mathematics library are not fixed in
//! that way, and one bit is enough to make a different row.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Squarings in [`exp`]; 2^12 parts keep its error below 1 % for arguments between -4 and 4.
const EXP_SQUARINGS: i32 = 12;

/// A stream of random values. Each table draws from a stream of its own, so that one more value in
/// one table changes no other table.
#[derive(Debug)]
pub(crate) struct Draw {
    rng: ChaCha8Rng,
}

impl Draw {
    /// The stream with this number, of the generator started by `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self { rng }
    }

    /// Uniform in [0, 1), in steps of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with probability `share`.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// Uniform among 0 to `count - 1`; 0 if `count` is 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        floor(self.unit() * count as f64).min(count.saturating_sub(1))
    }

    /// Uniform from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let steps = usize::try_from(high - low + 1).unwrap_or(0);
        low + i64::try_from(self.below(steps)).unwrap_or(0)
    }

    /// One of 0 to `count - 1`, where low numbers are much more frequent: the first percent of the
    /// numbers gets 10 % of the draws, because the density falls with the inverse square root.
    pub(crate) fn skewed(&mut self, count: usize) -> usize {
        let u = self.unit();
        floor(u * u * count as f64).min(count.saturating_sub(1))
    }

    /// One of the values, each with its weight; the first if all weights are zero.
    pub(crate) fn weighted(&mut self, choices: &[(&'static str, u32)]) -> &'static str {
        let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.unit() * f64::from(total);
        for (value, weight) in choices {
            left -= f64::from(*weight);
            if left < 0.0 {
                return value;
            }
        }
        choices.first().map_or("", |(value, _)| value)
    }

    /// A length with a log-normal distribution around `median`, where `sigma` is the standard
    /// deviation of its logarithm, held between `min` and `max`.
    pub(crate) fn length(&mut self, median: f64, sigma: f64, min: usize, max: usize) -> usize {
        floor(median * exp(sigma * self.normal())).clamp(min, max)
    }

    /// Close to a standard normal value: four uniform values added up (Irwin–Hall), which has
    /// variance 4/12 and no value beyond 3.47 standard deviations.
    fn normal(&mut self) -> f64 {
        let bits = self.rng.next_u64();
        let sum: f64 = (0..4)
            .map(|lane| (bits >> (16 * lane) & 0xffff) as f64 / 65_536.0)
            .sum();
        (sum - 2.0) * 1.732_050_807_568_877_2
    }
}

/// e to the power of `x`, as (1 + x/n)^n with n = 2^[`EXP_SQUARINGS`].
fn exp(x: f64) -> f64 {
    let mut power = 1.0 + x / f64::from(1 << EXP_SQUARINGS);
    for _ in 0..EXP_SQUARINGS {
        power *= power;
    }
    power
}

/// The whole part of a number that is not negative and far below 2^53.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "callers pass products of counts with values in [0, 1); the cast saturates"
)]
fn floor(x: f64) -> usize {
    x as usize
}

/// Zipf's law over ranks 0 to `count - 1`: rank k is drawn in proportion to 1/(k + 1).
#[derive(Debug)]
pub(crate) struct Zipf {
    /// Sum of the weights up to and including each rank.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// The law for this number of ranks.
    pub(crate) fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=count)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self { cumulative }
    }

    /// One rank.
    pub(crate) fn draw(&self, draw: &mut Draw) -> usize {
        let at = draw.unit() * self.cumulative.last().copied().unwrap_or(0.0);
        self.cumulative
            .partition_point(|sum| *sum <= at)
            .min(self.cumulative.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_are_different_and_repeatable() {
        let values = |seed, stream| {
            let mut draw = Draw::new(seed, stream);
            (0..8).map(|_| draw.below(1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(values(7, 1), values(7, 1));
        assert_ne!(values(7, 1), values(7, 2));
        assert_ne!(values(7, 1), values(8, 1));
    }

    #[test]
    fn exp_is_within_one_percent() {
        for x in [-4.0_f64, -1.0, -0.01, 0.0, 0.5, 2.0, 4.0] {
            let error = exp(x) / x.exp() - 1.0;
            assert!(error.abs() < 0.01, "exp({x}) is off by {error}");
        }
    }

    #[test]
    fn zipf_gives_the_first_rank_its_share() {
        // The first of 200 ranks has the share 1 / (1 + 1/2 + ... + 1/200) = 0.1701.
        let zipf = Zipf::new(200);
        let mut draw = Draw::new(1, 0);
        let first = (0..20_000).filter(|_| zipf.draw(&mut draw) == 0).count();
        assert!((3_250..3_550).contains(&first), "{first} of 20000");
    }

    #[test]
    fn lengths_have_their_median_and_bounds() {
        let mut draw = Draw::new(1, 0);
        let mut lengths: Vec<_> = (0..4_001)
            .map(|_| draw.length(100.0, 0.7, 20, 900))
            .collect();
        lengths.sort_unstable();
        assert!(
            (93..108).contains(&lengths[2_000]),
            "median {}",
            lengths[2_000]
        );
        assert!(lengths[0] >= 20 && lengths[4_000] <= 900);
        assert!(lengths[3_800] > 250, "no long tail: {}", lengths[3_800]);
    }

    #[test]
    fn ranges_are_closed_and_empty_ranges_do_not_panic() {
        let mut draw = Draw::new(3, 0);
        let mut seen = [false; 3];
        for _ in 0..200 {
            let value = draw.between(5, 7);
            seen[usize::try_from(value - 5).unwrap()] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(draw.below(0), 0);
        assert_eq!(draw.skewed(0), 0);
    }
}
