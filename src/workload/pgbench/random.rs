//! The random functions: pgbench's distributions, drawn from any generator.
//!
//! The same seed does not give pgbench's own numbers, because the generator is another one.

use rand::RngCore;

/// Evenly from `lo` to `hi`, both included, where `hi - lo` is below `i64::MAX`. Free of bias: the high
/// half of a wide product, drawn again for the few numbers that would favour some (Lemire 2019).
pub(super) fn uniform<R: RngCore>(rng: &mut R, lo: i64, hi: i64) -> i64 {
    let count = hi.wrapping_sub(lo).cast_unsigned() + 1;
    let mut product = u128::from(rng.next_u64()) * u128::from(count);
    if low_half(product) < count {
        let favoured = count.wrapping_neg() % count;
        while low_half(product) < favoured {
            product = u128::from(rng.next_u64()) * u128::from(count);
        }
    }
    lo.wrapping_add(high_half(product).cast_signed())
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
fn low_half(product: u128) -> u64 {
    product as u64
}

fn high_half(product: u128) -> u64 {
    (product >> 64) as u64
}

/// Evenly in [0, 1), in steps of 2^-53.
fn unit<R: RngCore>(rng: &mut R) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The share `part` of the way from `lo` to behind `hi`, as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding towards zero is wanted, and the cast saturates"
)]
fn spread(lo: i64, hi: i64, part: f64) -> i64 {
    let count = hi.wrapping_sub(lo).cast_unsigned() + 1;
    let offset = (count as f64 * part) as i64;
    // A range of more than 2^53 values can round up to its end.
    lo.saturating_add(offset).min(hi)
}

/// The lower, the likelier: a density in proportion to `exp(-parameter * x)` with x from 0 at `lo` to 1
/// behind `hi`. `parameter` is above 0.
pub(super) fn exponential<R: RngCore>(rng: &mut R, lo: i64, hi: i64, parameter: f64) -> i64 {
    let cut = (-parameter).exp();
    let uniform = 1.0 - unit(rng);
    let part = -(cut + (1.0 - cut) * uniform).ln() / parameter;
    spread(lo, hi, part)
}

/// A normal distribution around the middle, whose range from `lo` to behind `hi` spans `parameter`
/// standard deviations to either side; what lies outside is drawn again. `parameter` is at least 2.
pub(super) fn gaussian<R: RngCore>(rng: &mut R, lo: i64, hi: i64, parameter: f64) -> i64 {
    loop {
        // Box and Muller 1958.
        let (first, second) = (1.0 - unit(rng), 1.0 - unit(rng));
        let normal = (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).sin();
        if (-parameter..parameter).contains(&normal) {
            return spread(lo, hi, (normal + parameter) / (parameter * 2.0));
        }
    }
}

/// Zipf's law: the k-th value from `lo` with a probability in proportion to `k^-parameter`, by rejection
/// (Devroye 1986, pages 550 and 551). `parameter` is from 1.001 to 1000.
pub(super) fn zipfian<R: RngCore>(rng: &mut R, lo: i64, hi: i64, parameter: f64) -> i64 {
    let count = hi.wrapping_sub(lo).cast_unsigned() + 1;
    if count <= 1 {
        return lo;
    }
    let less = parameter - 1.0;
    let limit = less.exp2();
    loop {
        let (first, second) = (unit(rng), unit(rng));
        let rank = first.powf(-1.0 / less).floor();
        let ratio = (1.0 + 1.0 / rank).powf(less);
        let accepted = second * rank * (ratio - 1.0) / (limit - 1.0) <= ratio / limit;
        if accepted && rank <= count as f64 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number between 1 and the count; the cast saturates"
            )]
            let rank = rank as i64;
            return lo.saturating_add(rank - 1).min(hi);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    const DRAWS: usize = 100_000;

    /// Chi-square over `probabilities`, per degree of freedom; near 1 if the draws follow them.
    fn reduced_chi_square(
        probabilities: &[f64],
        mut draw: impl FnMut(&mut ChaCha8Rng) -> i64,
    ) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut counts = vec![0_u32; probabilities.len()];
        for _ in 0..DRAWS {
            counts[usize::try_from(draw(&mut rng)).unwrap()] += 1;
        }
        let parts = counts.iter().zip(probabilities).map(|(count, share)| {
            let expected = share * DRAWS as f64;
            (f64::from(*count) - expected).powi(2) / expected
        });
        parts.sum::<f64>() / (probabilities.len() - 1) as f64
    }

    /// For 19 degrees of freedom 1 in 1000 is above 2.3; the seed is fixed, so this is decided once.
    fn follows(probabilities: &[f64], draw: impl FnMut(&mut ChaCha8Rng) -> i64) {
        let sum: f64 = probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        let found = reduced_chi_square(probabilities, draw);
        assert!(found < 2.3, "{found}");
    }

    #[test]
    fn uniform_is_even() {
        follows(&[0.05; 20], |rng| uniform(rng, 0, 19));
        // The same draws are far from a distribution that is a little different.
        let mut tilted = [0.05; 20];
        (tilted[0], tilted[19]) = (0.04, 0.06);
        let found = reduced_chi_square(&tilted, |rng| uniform(rng, 0, 19));
        assert!(found > 2.3, "{found}");
    }

    #[test]
    fn uniform_reaches_both_ends_of_the_widest_ranges() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (lo, hi) in [(i64::MIN, -2), (0, i64::MAX - 1), (-7, -7)] {
            let drawn: Vec<i64> = (0..100).map(|_| uniform(&mut rng, lo, hi)).collect();
            assert!(drawn.iter().all(|value| (lo..=hi).contains(value)));
            let middle = lo / 2 + hi / 2;
            assert!(lo == hi || drawn.iter().any(|value| *value < middle));
            assert!(lo == hi || drawn.iter().any(|value| *value > middle));
        }
    }

    #[test]
    fn uniform_does_not_favour_any_third_of_a_range_that_is_no_power_of_two() {
        // With 2^62 * 3 / 2 values a generator without rejection would favour some by a third.
        let count = (1_i64 << 62) / 2 * 3;
        let third = count / 3;
        follows(&[1.0 / 3.0; 3], |rng| uniform(rng, 0, count - 1) / third);
    }

    #[test]
    fn exponential_has_its_density() {
        let parameter = 2.5_f64;
        let below = |x: f64| (1.0 - (-parameter * x).exp()) / (1.0 - (-parameter).exp());
        let shares: Vec<f64> = (0..20)
            .map(|i| below((f64::from(i) + 1.0) / 20.0) - below(f64::from(i) / 20.0))
            .collect();
        follows(&shares, |rng| exponential(rng, 100, 119, parameter) - 100);
    }

    #[test]
    fn gaussian_has_its_density() {
        let parameter = 2.0_f64;
        // The density at the middles of 200 steps in each value stands for its integral.
        let mut shares: Vec<f64> = (0..20)
            .map(|value| {
                let steps = (0..200).map(|step| {
                    let x = (f64::from(value) + (f64::from(step) + 0.5) / 200.0) / 20.0;
                    (-0.5 * ((2.0 * x - 1.0) * parameter).powi(2)).exp()
                });
                steps.sum()
            })
            .collect();
        let sum: f64 = shares.iter().sum();
        for share in &mut shares {
            *share /= sum;
        }
        follows(&shares, |rng| gaussian(rng, -5, 14, parameter) + 5);
    }

    #[test]
    fn zipfian_has_its_law() {
        for parameter in [1.1_f64, 2.0] {
            let weights: Vec<f64> = (1..=20).map(|k| f64::from(k).powf(-parameter)).collect();
            let sum: f64 = weights.iter().sum();
            let shares: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
            follows(&shares, |rng| zipfian(rng, 1, 20, parameter) - 1);
        }
    }

    #[test]
    fn one_value_and_the_widest_range_work_everywhere() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for (lo, hi) in [(7, 7), (0, i64::MAX - 1), (i64::MIN, -2)] {
            for _ in 0..50 {
                let drawn = [
                    exponential(&mut rng, lo, hi, 0.1),
                    gaussian(&mut rng, lo, hi, 2.0),
                    zipfian(&mut rng, lo, hi, 1.001),
                    zipfian(&mut rng, lo, hi, 1000.0),
                ];
                assert!(drawn.iter().all(|v| (lo..=hi).contains(v)), "{drawn:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = || {
            let mut rng = ChaCha8Rng::seed_from_u64(9);
            (0..50)
                .map(|_| gaussian(&mut rng, 0, 1 << 40, 3.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
    }
}
