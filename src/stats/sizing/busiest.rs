//! The busiest stretch of a window, where it is more than noise.

use super::size::MIN_SLICES;

/// The 99 % quantile of the normal distribution: of a hundred even windows one is taken for uneven.
const Z_99: f64 = 2.326_347_874_040_841;

/// Slices within this many standard errors of a difference from the busiest one may be as busy.
const SAME_ERRORS: f64 = 2.0;

/// Slices that were busier than the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Busiest {
    /// Mean level of those slices, in the unit of the levels.
    pub level: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Which slices, from 0, in the order of time.
    pub slices: Vec<usize>,
}

/// The busiest slices of a window, if its slices differ by more than chance explains.
///
/// `levels` are the means of slices of one length: the mean number of connections in use, say, or arrivals per
/// unit of time. `noise` is the variance that chance gives to such a mean, divided by the mean: 1 over the number of
/// independent readings for a count with Poisson's distribution. Of random arrivals at an even rate the number in use
/// is of that kind, and that of a fixed number of clients varies less, so what is called noise here is rather too much.
///
/// The largest of 20 even slices lies about two standard errors above the mean by chance alone. So the slices are first
/// asked whether they vary more than that: the index of dispersion against the chi-squared distribution at 1 %
/// (Cochran 1954; its quantile by Wilson and Hilferty 1931). Only then is there a busiest stretch: the slices that
/// cannot be told from the largest, all together. Their mean hardly suffers from having been picked for being large.
///
/// `None` where chance explains the differences, or with fewer than [`MIN_SLICES`] slices, or unusable numbers.
#[must_use]
pub fn busiest(levels: &[f64], noise: f64) -> Option<Busiest> {
    let usable = |v: f64| v.is_finite() && v >= 0.0;
    if levels.len() < MIN_SLICES || !levels.iter().all(|v| usable(*v)) || !usable(noise) {
        return None;
    }
    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
    let squares: f64 = levels.iter().map(|v| (v - mean).powi(2)).sum();
    let by_chance = noise * mean * chi_squared_99((levels.len() - 1) as f64);
    if mean <= 0.0 || squares <= by_chance {
        return None;
    }
    let largest = levels.iter().copied().fold(0.0, f64::max);
    let as_busy = largest - SAME_ERRORS * (2.0 * noise * largest).sqrt();
    let slices: Vec<usize> = (0..levels.len())
        .filter(|i| levels[*i] >= as_busy)
        .collect();
    let count = slices.len() as f64;
    let level = slices.iter().map(|i| levels[*i]).sum::<f64>() / count;
    Some(Busiest {
        level,
        standard_error: (noise * level / count).sqrt(),
        slices,
    })
}

/// The 99 % quantile of the chi-squared distribution (Wilson and Hilferty 1931), good to a thousandth from 20
/// degrees of freedom on.
fn chi_squared_99(degrees: f64) -> f64 {
    let part = 2.0 / (9.0 * degrees);
    degrees * (1.0 - part + Z_99 * part.sqrt()).powi(3)
}

#[cfg(test)]
mod tests {
    use super::super::super::SplitMix64;
    use super::super::size::tests::uniform;
    use super::*;

    /// A number with Poisson's distribution, by Knuth's product.
    fn poisson(mean: f64, random: &mut SplitMix64) -> f64 {
        let (limit, mut product, mut count) = ((-mean).exp(), uniform(random), 0.0);
        while product > limit {
            product *= uniform(random);
            count += 1.0;
        }
        count
    }

    /// Means of `readings` counts for each of these levels.
    fn slices(levels: &[f64], readings: u32, random: &mut SplitMix64) -> Vec<f64> {
        let mean = |level: f64, random: &mut SplitMix64| {
            let sum: f64 = (0..readings).map(|_| poisson(level, random)).sum();
            sum / f64::from(readings)
        };
        levels.iter().map(|level| mean(*level, random)).collect()
    }

    #[test]
    fn the_quantile_is_that_of_the_tables() {
        for (degrees, quantile) in [(19.0, 36.191), (29.0, 49.588), (59.0, 87.166)] {
            assert!((chi_squared_99(degrees) - quantile).abs() < 0.05);
        }
    }

    #[test]
    fn noise_has_no_busiest_stretch() {
        let mut random = SplitMix64::new(11);
        for (level, readings) in [(0.3, 5), (2.0, 6), (8.0, 5), (8.0, 50)] {
            let found = (0..1000)
                .filter(|_| {
                    let even = slices(&[level; 20], readings, &mut random);
                    busiest(&even, 1.0 / f64::from(readings)).is_some()
                })
                .count();
            assert!(found <= 20, "{found} of 1000 at {level}");
        }
    }

    #[test]
    fn a_rush_is_found_with_its_level_and_its_time() {
        let mut random = SplitMix64::new(12);
        let mut one = [2.0; 20];
        one[13] = 10.0;
        let mut half = [2.0; 40];
        half[..20].fill(4.0);
        let (mut sum, runs) = (0.0, 200);
        for _ in 0..runs {
            let found = busiest(&slices(&one, 6, &mut random), 1.0 / 6.0).unwrap();
            assert_eq!(found.slices, [13]);
            assert!((found.level - 10.0).abs() < 4.5 * found.standard_error);
            let found = busiest(&slices(&half, 30, &mut random), 1.0 / 30.0).unwrap();
            assert!(found.slices.iter().all(|i| *i < 20), "{found:?}");
            sum += found.level;
        }
        // Picked for being large, and yet hardly too large.
        let mean = sum / f64::from(runs);
        assert!((4.0..4.2).contains(&mean), "{mean}");
    }

    #[test]
    fn what_cannot_be_judged_is_not() {
        let mut levels = vec![1.0; MIN_SLICES];
        levels[3] = 50.0;
        assert!(busiest(&levels, 0.1).is_some());
        assert_eq!(busiest(&levels[..19], 0.1), None);
        assert_eq!(busiest(&levels, f64::NAN), None);
        assert_eq!(busiest(&[0.0; 20], 0.1), None);
        levels[0] = f64::INFINITY;
        assert_eq!(busiest(&levels, 0.1), None);
        assert_eq!(busiest(&[4.0; 20], 0.0), None, "no difference at all");
    }
}
