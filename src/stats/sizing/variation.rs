//! How unlike each other times are, and how sure that is.

use super::super::{Interval, student_t_quantile};
use super::size::{SizingError, check};

/// Times that fell into one slice of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimesSlice {
    /// How many there were.
    pub count: u64,
    /// Their mean; of no meaning without any.
    pub mean: f64,
    /// Their standard deviation around that mean (over `count`), in the same unit.
    pub deviation: f64,
}

/// A squared coefficient of variation with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquaredVariation {
    /// Variance over the square of the mean, over all times: 1 for exponential ones, 0 for even ones.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// 95 % interval by Student's t, not below 0.
    pub interval: Interval,
}

/// The squared coefficient of variation of times (leases, or times between arrivals), which Allen and
/// Cunneen's formula needs ([`allen_cunneen_factor`](crate::stats::allen_cunneen_factor)).
///
/// Its value is that of all times together, differences between slices counted in. Its error is found by leaving
/// out each slice in turn (jackknife, Tukey 1958), so times need not be independent within a slice, as those
/// of the same busy moment are not. Rare long times that most slices did not see make the error itself too small.
///
/// # Errors
/// [`SizingError`]: fewer than [`MIN_SLICES`](super::MIN_SLICES) slices with a time, unusable ones, or no time above 0.
pub fn squared_variation(slices: &[TimesSlice]) -> Result<SquaredVariation, SizingError> {
    let usable = |v: f64| v.is_finite() && v >= 0.0;
    if let Some(index) = slices
        .iter()
        .position(|s| s.count > 0 && !(usable(s.mean) && usable(s.deviation)))
    {
        return Err(SizingError::UnusableSlice { index });
    }
    let seen: Vec<TimesSlice> = slices.iter().copied().filter(|s| s.count > 0).collect();
    check(&seen, |_| true)?;
    let value = pooled(seen.iter()).ok_or(SizingError::NoDemand)?;
    // Without the one slice that holds every time above 0 nothing is left to compare with.
    let left: Vec<f64> = (0..seen.len())
        .map(|out| {
            let rest = seen.iter().enumerate().filter(|(i, _)| *i != out);
            pooled(rest.map(|(_, s)| s)).unwrap_or(0.0)
        })
        .collect();
    let count = left.len() as f64;
    let mean = left.iter().sum::<f64>() / count;
    let squares: f64 = left.iter().map(|v| (v - mean).powi(2)).sum();
    let standard_error = (squares * (count - 1.0) / count).sqrt();
    let half = student_t_quantile(0.975, count - 1.0).unwrap_or(f64::INFINITY) * standard_error;
    Ok(SquaredVariation {
        value,
        standard_error,
        interval: Interval {
            low: (value - half).max(0.0),
            high: value + half,
        },
    })
}

/// Variance over squared mean of all times in these slices; `None` where the mean is 0.
fn pooled<'a>(slices: impl Iterator<Item = &'a TimesSlice> + Clone) -> Option<f64> {
    let count: f64 = slices.clone().map(|s| s.count as f64).sum();
    let mean = slices.clone().map(|s| s.count as f64 * s.mean).sum::<f64>() / count;
    let within_and_between = |s: &TimesSlice| {
        s.count as f64 * ((s.deviation / mean).powi(2) + (s.mean / mean - 1.0).powi(2))
    };
    (mean > 0.0).then(|| slices.map(within_and_between).sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::super::super::SplitMix64;
    use super::super::size::MIN_SLICES;
    use super::super::size::tests::uniform;
    use super::*;

    /// Slices of `count` times each.
    fn cut(times: &[f64], count: usize) -> Vec<TimesSlice> {
        times
            .chunks(count)
            .map(|chunk| {
                let count = chunk.len() as f64;
                let mean = chunk.iter().sum::<f64>() / count;
                let square = chunk.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / count;
                TimesSlice {
                    count: chunk.len() as u64,
                    mean,
                    deviation: square.sqrt(),
                }
            })
            .collect()
    }

    #[test]
    fn slices_give_the_variation_of_all_times_together() {
        let mut random = SplitMix64::new(4);
        let times: Vec<f64> = (0..1000)
            .map(|i| f64::from(i % 7) + uniform(&mut random))
            .collect();
        let mean = times.iter().sum::<f64>() / 1000.0;
        let variance = times.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / 1000.0;
        for count in [10, 37, 50] {
            let found = squared_variation(&cut(&times, count)).unwrap();
            assert!(
                (found.value - variance / mean / mean).abs() < 1e-12,
                "{found:?}"
            );
        }
        let even = squared_variation(&cut(&[5.0; 200], 10)).unwrap();
        assert!(
            even.value.abs() < 1e-12 && even.interval.high < 1e-9,
            "{even:?}"
        );
    }

    #[test]
    fn exponential_times_have_one_and_the_interval_holds_it() {
        let mut random = SplitMix64::new(8);
        let held = (0..200)
            .filter(|_| {
                let times: Vec<f64> = (0..6000)
                    .map(|_| -(1.0 - uniform(&mut random)).ln())
                    .collect();
                let found = squared_variation(&cut(&times, 200)).unwrap();
                // By the delta method the squared coefficient of n exponential times has the variance 4/n.
                assert!((0.01..0.06).contains(&found.standard_error), "{found:?}");
                found.interval.low <= 1.0 && 1.0 <= found.interval.high
            })
            .count();
        assert!((180..=199).contains(&held), "{held} of 200");
    }

    #[test]
    fn times_that_allow_no_variation_are_refused() {
        let slice = |count, mean| TimesSlice {
            count,
            mean,
            deviation: 0.0,
        };
        let mut slices = vec![slice(5, 1.0); MIN_SLICES];
        slices[3] = slice(0, f64::NAN);
        assert_eq!(
            squared_variation(&slices),
            Err(SizingError::TooFewSlices { slices: 19 })
        );
        slices[3] = slice(1, f64::NAN);
        assert_eq!(
            squared_variation(&slices),
            Err(SizingError::UnusableSlice { index: 3 })
        );
        assert_eq!(
            squared_variation(&[slice(5, 0.0); MIN_SLICES]),
            Err(SizingError::NoDemand)
        );
    }
}
