//! Intervals: how far a number may be from the truth.

/// A lower and an upper end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Half of its width.
    #[must_use]
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The 97.5 % quantile of the normal distribution: two-sided 95 %.
const Z_95: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a share that was seen as `share` in `effective_n` independent samples
/// (Wilson 1927). Unlike the normal approximation it is right for few samples and for shares near
/// 0 and 1. Correlated samples count for less: divide their number by the mean number of
/// consecutive samples that saw the same thing. Without any sample the interval is 0 to 1.
#[must_use]
pub fn wilson(share: f64, effective_n: f64) -> Interval {
    if effective_n <= 0.0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let z2 = Z_95 * Z_95;
    let scale = 1.0 + z2 / effective_n;
    let centre = (share + z2 / (2.0 * effective_n)) / scale;
    let spread = share * (1.0 - share) / effective_n + z2 / (4.0 * effective_n * effective_n);
    let half = Z_95 / scale * spread.max(0.0).sqrt();
    Interval {
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    }
}

/// The quantile `probability` (0 to 1) of Student's t distribution with `degrees` degrees of
/// freedom, by bisection on the incomplete beta function (Abramowitz and Stegun 26.7.1).
/// `None` unless 0 < `probability` < 1 and `degrees` > 0.
#[must_use]
pub fn student_t_quantile(probability: f64, degrees: f64) -> Option<f64> {
    if !(probability > 0.0 && probability < 1.0 && degrees > 0.0) {
        return None;
    }
    let tail = probability.min(1.0 - probability);
    let upper_tail = |t: f64| {
        let x = degrees / (degrees + t * t);
        0.5 * incomplete_beta(x, degrees / 2.0, 0.5)
    };
    let mut low = 0.0;
    let mut high = 1.0;
    while upper_tail(high) > tail && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if upper_tail(middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    let t = f64::midpoint(low, high);
    Some(if probability < 0.5 { -t } else { t })
}

/// Regularised incomplete beta function by its continued fraction (Lentz's method, Numerical
/// Recipes 6.4).
fn incomplete_beta(x: f64, alpha: f64, beta: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(alpha + beta) - ln_gamma(alpha) - ln_gamma(beta)
        + alpha * x.ln()
        + beta * (1.0 - x).ln())
    .exp();
    if x < (alpha + 1.0) / (alpha + beta + 2.0) {
        front * beta_fraction(x, alpha, beta) / alpha
    } else {
        1.0 - front * beta_fraction(1.0 - x, beta, alpha) / beta
    }
}

fn beta_fraction(x: f64, alpha: f64, beta: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut upper = 1.0;
    let mut lower = 1.0 / guard(1.0 - (alpha + beta) * x / (alpha + 1.0));
    let mut value = lower;
    for step in 1..500 {
        let m = f64::from(step);
        let even = m * (beta - m) * x / ((alpha + 2.0 * m - 1.0) * (alpha + 2.0 * m));
        let odd =
            -(alpha + m) * (alpha + beta + m) * x / ((alpha + 2.0 * m) * (alpha + 2.0 * m + 1.0));
        for coefficient in [even, odd] {
            lower = 1.0 / guard(1.0 + coefficient * lower);
            upper = guard(1.0 + coefficient / upper);
            value *= lower * upper;
        }
        if (lower * upper - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// Logarithm of the gamma function (Lanczos 1964, g = 7, nine terms), for arguments above 0.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection keeps the precision near 0.
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let shifted = x - 1.0;
    let series = TERMS
        .iter()
        .zip(1..)
        .fold(0.999_999_999_999_809_9, |sum, (term, i)| {
            sum + term / (shifted + f64::from(i))
        });
    let base = shifted + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (shifted + 0.5) * base.ln() - base + series.ln()
}

/// The nearest whole number; 0 for negative and undefined ones, the largest `u32` above it.
#[must_use]
pub fn round_to_count(value: f64) -> u32 {
    if value.is_nan() {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is rounded and within the range of u32 here"
    )]
    let count = value.round().clamp(0.0, f64::from(u32::MAX)) as u32;
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!(
            (actual - expected).abs() <= tolerance,
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn wilson_gives_the_worked_intervals() {
        for (share, n, low, high) in [
            (0.3, 100.0, 0.21895, 0.39585),
            (0.3, 1000.0, 0.27241, 0.32912),
            (0.05, 600.0, 0.03525, 0.07048),
        ] {
            let interval = wilson(share, n);
            close(interval.low, low, 1e-5);
            close(interval.high, high, 1e-5);
        }
    }

    #[test]
    fn wilson_is_honest_about_few_samples() {
        let none_of_three = wilson(0.0, 3.0);
        close(none_of_three.low, 0.0, 1e-12);
        assert!(none_of_three.high > 0.5, "{none_of_three:?}");
        assert_eq!(
            wilson(0.4, 0.0),
            Interval {
                low: 0.0,
                high: 1.0
            }
        );
        assert!(wilson(1.0, 10.0).high <= 1.0);
    }

    #[test]
    fn student_quantiles_agree_with_the_tables() {
        close(student_t_quantile(0.975, 6.0).unwrap(), 2.446_912, 1e-6);
        close(student_t_quantile(0.975, 1.0).unwrap(), 12.706_205, 1e-5);
        close(student_t_quantile(0.95, 30.0).unwrap(), 1.697_261, 1e-6);
        close(student_t_quantile(0.025, 6.0).unwrap(), -2.446_912, 1e-6);
        close(student_t_quantile(0.975, 1e6).unwrap(), 1.959_966, 1e-5);
        close(student_t_quantile(0.5, 4.0).unwrap(), 0.0, 1e-9);
        assert_eq!(student_t_quantile(1.0, 4.0), None);
        assert_eq!(student_t_quantile(0.9, 0.0), None);
    }

    #[test]
    fn counts_are_rounded_and_clamped() {
        assert_eq!(round_to_count(2.5), 3);
        assert_eq!(round_to_count(-1.0), 0);
        assert_eq!(round_to_count(f64::NAN), 0);
        assert_eq!(round_to_count(1e20), u32::MAX);
    }
}
