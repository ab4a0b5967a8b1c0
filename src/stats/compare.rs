//! Two things measured in turns: is one of them larger?
//!
//! A machine drifts, so two separate measurements are never compared. Both are measured in pairs of blocks
//! that lie close together, and each pair gives the logarithm of its ratio. What is the same in both blocks
//! of a pair cancels. The median of the log ratios is the effect, because one block that was disturbed
//! must not decide.

use super::{Interval, SplitMix64, quantile};

/// Draws of the bootstrap and of the permutations: the 95th percentile of 2000 is steady to a few per cent
/// of itself (as `RegreSQL` does).
const DRAWS: usize = 2000;

/// Any effect below this is not worth a word (ours, as `RegreSQL`): builds, memory layout and caches alone
/// change a program by as much.
const SMALLEST_EFFECT: f64 = 0.05;

/// If chance alone gives this much, pairs vary too much to say anything about small effects (`RegreSQL`).
const TOO_NOISY: f64 = 0.10;

/// An effect this many times above what chance gives is real even where pairs vary much (ours).
const BEYOND_NOISE: f64 = 2.0;

/// Fewer pairs give no verdict (ours): signs of five pairs are all the same by chance in one of sixteen cases.
pub const MIN_PAIRS: usize = 6;

/// What the pairs allow to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The second is larger.
    Higher,
    /// The second is smaller.
    Lower,
    /// A difference above the threshold would have been seen, and was not.
    NoneSeen,
    /// Chance alone gives differences as large as those that matter.
    TooNoisy,
}

/// The second over the first, by pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedRatio {
    /// Pairs that were used.
    pub pairs: usize,
    /// Median of the ratios second / first.
    pub ratio: f64,
    /// 95 % interval of it, by bootstrap over the pairs.
    pub interval: Interval,
    /// Largest deviation from 1 that chance alone gives in 19 of 20 cases with pairs that vary like these: 0.03
    /// for ratios from 1 / 1.03 to 1.03.
    pub threshold: f64,
    /// The verdict; `None` with fewer than [`MIN_PAIRS`] pairs.
    pub change: Option<Change>,
}

/// Compares pairs of (first, second). Pairs with a value that is not above 0 are left out; `None` if no pair is
/// left.
///
/// The threshold is a permutation test on the residuals: if there were no effect, each log ratio would have
/// either sign with the same chance, so the signs of their deviations from the median are drawn 2000
/// times, and the 95th percentile of the absolute medians is what chance gives. A difference is real if it
/// is at least as large as that and at least 5 %, and if its interval leaves out 1.
#[must_use]
pub fn compare_pairs(pairs: &[(f64, f64)]) -> Option<PairedRatio> {
    let ratios = log_ratios(pairs);
    let effect = quantile(&ratios, 0.5)?;
    let interval = bootstrap(&ratios);
    let threshold = chance(&ratios, effect);
    Some(PairedRatio {
        pairs: ratios.len(),
        ratio: effect.exp(),
        interval: Interval {
            low: interval.low.exp(),
            high: interval.high.exp(),
        },
        threshold: threshold.exp_m1(),
        change: (ratios.len() >= MIN_PAIRS).then(|| verdict(effect, interval, threshold)),
    })
}

/// Median of the relative differences within pairs of the same thing: 0.02 if half of the pairs differ by more
/// than 2 %. `None` without a pair.
#[must_use]
pub fn noise_floor(pairs: &[(f64, f64)]) -> Option<f64> {
    let sizes: Vec<f64> = log_ratios(pairs).into_iter().map(f64::abs).collect();
    quantile(&sizes, 0.5).map(f64::exp_m1)
}

fn log_ratios(pairs: &[(f64, f64)]) -> Vec<f64> {
    let usable = |value: f64| value > 0.0 && value.is_finite();
    let pairs = pairs.iter().filter(|(a, b)| usable(*a) && usable(*b));
    pairs.map(|(a, b)| (b / a).ln()).collect()
}

fn verdict(effect: f64, interval: Interval, threshold: f64) -> Change {
    let size = effect.abs();
    let is_noisy = threshold >= TOO_NOISY.ln_1p();
    let real = size >= threshold.max(SMALLEST_EFFECT.ln_1p())
        && (interval.low > 0.0 || interval.high < 0.0);
    if is_noisy && !(real && size >= BEYOND_NOISE * threshold) {
        Change::TooNoisy
    } else if !real {
        Change::NoneSeen
    } else if effect > 0.0 {
        Change::Higher
    } else {
        Change::Lower
    }
}

/// 95 % interval of the median, by drawing as many pairs with replacement.
fn bootstrap(ratios: &[f64]) -> Interval {
    let mut random = SplitMix64::new(1);
    let mut drawn = vec![0.0; ratios.len()];
    let medians: Vec<f64> = (0..DRAWS)
        .map(|_| {
            for value in &mut drawn {
                *value = ratios[random.index(ratios.len())];
            }
            median(&mut drawn)
        })
        .collect();
    Interval {
        low: quantile(&medians, 0.025).unwrap_or_default(),
        high: quantile(&medians, 0.975).unwrap_or_default(),
    }
}

/// The 95th percentile of the absolute medians of the residuals under random signs.
fn chance(ratios: &[f64], effect: f64) -> f64 {
    let mut random = SplitMix64::new(2);
    let count = ratios.len() as f64;
    // The residuals lie around their own median, which makes them a little too small.
    let widened = if count > 1.0 {
        (count / (count - 1.0)).sqrt()
    } else {
        1.0
    };
    let residuals: Vec<f64> = ratios.iter().map(|r| (r - effect) * widened).collect();
    let mut signed = residuals.clone();
    let medians: Vec<f64> = (0..DRAWS)
        .map(|_| {
            for (value, residual) in signed.iter_mut().zip(&residuals) {
                *value = if random.next_u64() & 1 == 0 {
                    *residual
                } else {
                    -residual
                };
            }
            median(&mut signed).abs()
        })
        .collect();
    quantile(&medians, 0.95).unwrap_or_default()
}

/// The median; reorders the values. 0 of nothing.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match (
        values.get(values.len().saturating_sub(1) / 2),
        values.get(values.len() / 2),
    ) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of blocks whose second is `factor` times the first, each block with noise of this relative
    /// standard deviation, on a machine that slows down by a third over the run.
    fn pairs(seed: u64, count: u32, factor: f64, noise: f64) -> Vec<(f64, f64)> {
        let mut random = SplitMix64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut normal = || {
            // The sum of twelve uniform numbers less six is normal enough (Irwin and Hall).
            let uniform = |random: &mut SplitMix64| random.next_u64() as f64 / u64::MAX as f64;
            (0..12).map(|_| uniform(&mut random)).sum::<f64>() - 6.0
        };
        let mut block = |mean: f64| mean * (noise * normal()).exp();
        (0..count)
            .map(|i| {
                let drift = 1000.0 * (1.0 - 0.33 * f64::from(i) / f64::from(count));
                (block(drift), block(drift * factor))
            })
            .collect()
    }

    /// How often of 100 seeds the verdict is this one.
    fn share(change: Change, count: u32, factor: f64, noise: f64) -> f64 {
        let seen = (0..100).filter(|seed| {
            let found = compare_pairs(&pairs(*seed, count, factor, noise)).unwrap();
            found.change == Some(change)
        });
        seen.count() as f64 / 100.0
    }

    #[test]
    fn the_same_thing_twice_is_no_difference() {
        for (count, noise) in [(10, 0.01), (10, 0.03), (20, 0.05), (30, 0.10)] {
            let share = share(Change::NoneSeen, count, 1.0, noise);
            assert!(share >= 0.95, "{count} pairs, noise {noise}: {share}");
        }
    }

    #[test]
    fn ten_per_cent_are_found_in_noise_of_five() {
        let slower = share(Change::Lower, 20, 1.0 / 1.1, 0.05);
        assert!(slower >= 0.9, "{slower}");
        let faster = share(Change::Higher, 30, 1.1, 0.05);
        assert!(faster >= 0.95, "{faster}");
        assert!(share(Change::Higher, 20, 1.0 / 1.1, 0.05) < 0.001);
    }

    #[test]
    fn noise_of_forty_per_cent_gives_no_verdict() {
        for factor in [1.0, 1.1] {
            let share = share(Change::TooNoisy, 20, factor, 0.40);
            assert!(share >= 0.95, "{share}");
        }
        // Nobody needs a quiet machine to see that something takes four times as long.
        assert!(share(Change::Higher, 20, 4.0, 0.40) >= 0.95);
    }

    #[test]
    fn three_per_cent_are_too_little_to_speak_of() {
        assert!(share(Change::NoneSeen, 20, 1.03, 0.01) >= 0.95);
    }

    #[test]
    fn the_interval_holds_the_truth_in_nineteen_of_twenty_cases() {
        let held = (0..150).filter(|seed| {
            let interval = compare_pairs(&pairs(*seed, 20, 1.2, 0.05))
                .unwrap()
                .interval;
            interval.low <= 1.2 && 1.2 <= interval.high
        });
        let share = held.count() as f64 / 150.0;
        assert!((0.92..=0.99).contains(&share), "{share}");
    }

    #[test]
    fn few_or_unusable_pairs_are_said() {
        assert_eq!(compare_pairs(&[]), None);
        assert_eq!(compare_pairs(&[(0.0, 1.0), (1.0, f64::NAN)]), None);
        let few = compare_pairs(&[(1.0, 2.0); 5]).unwrap();
        assert_eq!((few.pairs, few.change), (5, None));
        let enough = compare_pairs(&[(1.0, 2.0); 6]).unwrap();
        assert_eq!(enough.change, Some(Change::Higher));
        assert!((enough.ratio - 2.0).abs() < 1e-9 && enough.threshold.abs() < 1e-9);
    }

    #[test]
    fn the_noise_floor_is_the_usual_difference_of_the_same_thing() {
        let floor = noise_floor(&[(100.0, 102.0), (102.0, 100.0), (100.0, 150.0)]).unwrap();
        assert!((floor - 0.02).abs() < 1e-9, "{floor}");
        assert_eq!(noise_floor(&[]), None);
    }
}
