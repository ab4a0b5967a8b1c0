//! From measured points to the parameters of the law.

use super::super::least_squares::{gram_of, moments, nnls, solve_free};
use super::law::{Parameters, UslFit};

/// Different concurrencies without which nothing is fitted (as the crate usl-rs): three parameters go through
/// any three of them.
pub const MIN_CONCURRENCIES: usize = 6;

/// Standard deviation of the relative residuals above which the points do not follow the law, and no number is
/// given (ours: throughputs measured one after another on a shared machine differ by up to a tenth).
pub const MAX_DEVIATION: f64 = 0.15;

/// No measured throughput follows the law more closely than this (ours), however small its own error: it
/// keeps one very long measurement from deciding alone.
const LAW_ERROR: f64 = 0.01;

/// A part of `N/X` below this share of the whole, at the largest concurrency, is rounding and counts as 0.
const ROUNDING: f64 = 1e-9;

/// If one unit of work alone makes up less than this share of `N/X` at the smallest concurrency, its throughput
/// λ cannot be told from the points.
const LEAST_SINGLE: f64 = 1e-6;

/// Throughputs that are computed with: squares of numbers beyond these leave the range of `f64`.
const THROUGHPUTS: std::ops::RangeInclusive<f64> = 1e-100..=1e100;

/// The smallest throughput as a share of the largest that is computed with.
const LEAST_SHARE: f64 = 1e-12;

/// Steps of Levenberg and Marquardt; ten are usual.
const MAX_STEPS: usize = 200;

/// One measurement. Several of the same concurrency are several points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UslPoint {
    /// How much ran at once: connections, clients or a mean of them; from 1 to the largest `u32`.
    pub concurrency: f64,
    /// What was completed per unit of time; above 0.
    pub throughput: f64,
    /// Standard error of the throughput, in its unit. Points weigh by it only if all of them have one.
    pub error: Option<f64>,
}

/// Why no law was fitted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum UslError {
    /// A concurrency below 1, a throughput or an error that is no usable number, or a throughput next to
    /// nothing beside the others.
    #[error(
        "point {index} cannot be used: its concurrency must be at least 1, its throughput above 0, its \
         error not negative"
    )]
    UnusablePoint {
        /// Which of the points, from 0.
        index: usize,
    },
    /// Too few different concurrencies.
    #[error(
        "{distinct} different concurrencies are too few: measure at {MIN_CONCURRENCIES} or more"
    )]
    TooFewConcurrencies {
        /// Different concurrencies at hand.
        distinct: usize,
    },
    /// The throughput is the same everywhere: what limits it is not what was varied.
    #[error("the throughput is the same at every concurrency: something else limits it")]
    NoVariation,
    /// The concurrencies lie too close together, or all so high that nothing is known of one alone.
    #[error(
        "the points do not determine the law: measure at lower and more different concurrencies"
    )]
    Undetermined,
    /// The points do not follow the law.
    #[error(
        "the points do not follow the law: they differ from it by {deviation:.2} of their value, above \
         {MAX_DEVIATION}; measure each for longer, in a mixed order"
    )]
    Inconsistent {
        /// Standard deviation of the relative residuals.
        deviation: f64,
    },
}

/// A point, ready to be computed with. `N/X = β₀ + β₁(N−1) + β₂N(N−1)` with β = (1/λ, σ/λ, κ/λ): in these
/// the law is nearly linear, and no parameter that is not negative gives a throughput that is.
struct Row {
    /// 1, N−1, N(N−1), each over its largest value among the points.
    columns: [f64; 3],
    /// N/X, in units of the largest throughput.
    time: f64,
    weight: f64,
}

impl UslFit {
    /// Fits the law to points in any order.
    ///
    /// It starts from linear least squares of N/X and goes on by Levenberg and Marquardt (Marquardt 1963) on the
    /// relative residuals, which weigh small and large throughputs alike. σ and κ are not negative: one that
    /// comes to lie on 0 leaves the free parameters (projection: Bertsekas 1982), and the degrees of freedom are
    /// points less free parameters. The covariance is `s²(JᵀJ)⁻¹` with s² the mean square of the residuals, so
    /// errors of the points only weigh them; how far they scatter is taken from the points themselves.
    ///
    /// # Errors
    /// [`UslError`]: unusable points, too few concurrencies, no variation, points that do not determine the law or
    /// do not follow it.
    pub fn new(points: &[UslPoint]) -> Result<Self, UslError> {
        check(points)?;
        let (rows, largest) = rows(points);
        let mut fitted = refine(&rows, start(&rows));
        let whole: f64 = fitted.iter().sum();
        for part in &mut fitted[1..] {
            if *part <= ROUNDING * whole {
                *part = 0.0;
            }
        }
        let fitted = rescaled(&rows, fitted);
        let least = rows.iter().map(|r| predicted(r, &fitted));
        if fitted[0] <= LEAST_SINGLE * least.fold(f64::INFINITY, f64::min) {
            return Err(UslError::Undetermined);
        }
        let free = 1 + fitted[1..].iter().filter(|b| **b > 0.0).count();
        let degrees = points.len() - free;
        let deviation = (cost(&rows, &fitted) / degrees as f64).sqrt();
        if deviation.is_nan() || deviation > MAX_DEVIATION {
            return Err(UslError::Inconsistent { deviation });
        }
        let single = largest.throughput / fitted[0];
        let parameters = Parameters {
            lambda: single,
            sigma: fitted[1] / largest.columns[1] / fitted[0],
            kappa: fitted[2] / largest.columns[2] / fitted[0],
        };
        let weights: Vec<f64> = rows.iter().map(|r| r.weight).collect();
        Self::with_errors(points, &weights, parameters, deviation, degrees)
            .ok_or(UslError::Undetermined)
    }
}

fn check(points: &[UslPoint]) -> Result<(), UslError> {
    // One throughput that is out of range must not make the others look small.
    let within = points.iter().map(|p| p.throughput);
    let within = within.filter(|x| THROUGHPUTS.contains(x));
    let most = within.clone().fold(0.0, f64::max);
    let usable = |p: &UslPoint| {
        (1.0..=f64::from(u32::MAX)).contains(&p.concurrency)
            && THROUGHPUTS.contains(&p.throughput)
            && p.throughput >= LEAST_SHARE * most
            && p.error.is_none_or(|e| e >= 0.0 && e.is_finite())
    };
    if let Some(index) = points.iter().position(|p| !usable(p)) {
        return Err(UslError::UnusablePoint { index });
    }
    let mut distinct: Vec<f64> = points.iter().map(|p| p.concurrency).collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() < MIN_CONCURRENCIES {
        return Err(UslError::TooFewConcurrencies {
            distinct: distinct.len(),
        });
    }
    let least = within.fold(most, f64::min);
    if most - least <= ROUNDING * most {
        return Err(UslError::NoVariation);
    }
    Ok(())
}

/// The largest of the points' values, by which they were divided.
struct Largest {
    throughput: f64,
    columns: [f64; 3],
}

fn rows(points: &[UslPoint]) -> (Vec<Row>, Largest) {
    let throughput = points.iter().map(|p| p.throughput).fold(0.0, f64::max);
    let concurrency = points.iter().map(|p| p.concurrency).fold(1.0, f64::max);
    let largest = Largest {
        throughput,
        columns: columns(concurrency),
    };
    let rows = points
        .iter()
        .zip(weights(points))
        .map(|(point, weight)| {
            let mut columns = columns(point.concurrency);
            for (value, most) in columns.iter_mut().zip(&largest.columns) {
                *value /= most;
            }
            Row {
                columns,
                time: point.concurrency / (point.throughput / throughput),
                weight,
            }
        })
        .collect();
    (rows, largest)
}

fn columns(concurrency: f64) -> [f64; 3] {
    [1.0, concurrency - 1.0, concurrency * (concurrency - 1.0)]
}

/// Weights with mean 1, so that s² stays that of relative residuals.
fn weights(points: &[UslPoint]) -> Vec<f64> {
    let relative: Option<Vec<f64>> = points
        .iter()
        .map(|p| p.error.map(|e| (e / p.throughput).min(1e3)))
        .collect();
    let Some(relative) = relative else {
        return vec![1.0; points.len()];
    };
    let raw: Vec<f64> = relative
        .iter()
        .map(|e| 1.0 / (e * e + LAW_ERROR * LAW_ERROR))
        .collect();
    let mean = raw.iter().sum::<f64>() / raw.len() as f64;
    raw.into_iter().map(|w| w / mean).collect()
}

/// Linear least squares of N/X, no coefficient negative.
fn start(rows: &[Row]) -> [f64; 3] {
    let columns: Vec<Vec<f64>> = rows.iter().map(|r| r.columns.to_vec()).collect();
    let times: Vec<f64> = rows.iter().map(|r| r.time).collect();
    let all: Vec<usize> = (0..rows.len()).collect();
    let solution = nnls(&gram_of(&columns, &all), &moments(&columns, &times, &all));
    match solution.as_deref() {
        // Without a part for one alone the law is infinite at N = 1: the way down to 0 is left to the steps.
        Some(&[single, second, third]) => [single.max(1e-3 * (second + third)), second, third],
        _ => [1.0, 0.0, 0.0],
    }
}

/// N/X by the parameters.
fn predicted(row: &Row, parameters: &[f64; 3]) -> f64 {
    row.columns.iter().zip(parameters).map(|(z, b)| z * b).sum()
}

/// Weighted sum of squares of the relative residuals X̂/X − 1.
fn cost(rows: &[Row], parameters: &[f64; 3]) -> f64 {
    rows.iter()
        .map(|r| r.weight * (r.time / predicted(r, parameters) - 1.0).powi(2))
        .sum()
}

/// The same shape of curve at the height that fits best: the residuals are linear in the height, so this part
/// of the fit is exact at every step (variable projection, Golub and Pereyra 1973).
fn rescaled(rows: &[Row], parameters: [f64; 3]) -> [f64; 3] {
    let (mut first, mut second) = (0.0, 0.0);
    for row in rows {
        let ratio = row.time / predicted(row, &parameters);
        first += row.weight * ratio;
        second += row.weight * ratio * ratio;
    }
    parameters.map(|b| b * second / first)
}

/// Levenberg and Marquardt, with every parameter kept at 0 or above.
fn refine(rows: &[Row], start: [f64; 3]) -> [f64; 3] {
    let mut best = rescaled(rows, start);
    let mut lowest = cost(rows, &best);
    let mut damping = 1e-3;
    for _ in 0..MAX_STEPS {
        let (mut gram, downhill) = normal_equations(rows, &best);
        for (i, row) in gram.iter_mut().enumerate() {
            row[i] *= 1.0 + damping;
        }
        let free: Vec<usize> = (0..3)
            .filter(|j| best[*j] > 0.0 || downhill[*j] > 0.0)
            .collect();
        let trial = solve_free(&gram, &downhill, &free).map(|step| {
            let mut trial = best;
            for (j, by) in free.iter().zip(step) {
                trial[*j] = (trial[*j] + by).max(0.0);
            }
            rescaled(rows, trial)
        });
        match trial.map(|t| (t, cost(rows, &t))) {
            // Also false for a cost that is undefined.
            Some((trial, cost)) if cost < lowest => {
                (best, lowest) = (trial, cost);
                damping = (damping / 10.0).max(1e-12);
            }
            _ if damping > 1e12 => break,
            _ => damping *= 10.0,
        }
    }
    best
}

/// `JᵀJ` and `−Jᵀr` of the relative residuals.
fn normal_equations(rows: &[Row], parameters: &[f64; 3]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut gram = vec![vec![0.0; 3]; 3];
    let mut downhill = vec![0.0; 3];
    for row in rows {
        let whole = predicted(row, parameters);
        let ratio = row.time / whole;
        let slopes = row.columns.map(|z| -ratio * z / whole);
        for i in 0..3 {
            downhill[i] -= row.weight * slopes[i] * (ratio - 1.0);
            for j in 0..3 {
                gram[i][j] += row.weight * slopes[i] * slopes[j];
            }
        }
    }
    (gram, downhill)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOISY, points};
    use super::*;

    #[test]
    fn the_linear_start_is_the_worked_one() {
        let (rows, largest) = rows(&points(&NOISY));
        let [first, second, third] = start(&rows);
        let lambda = largest.throughput / first;
        assert!((lambda - 998.2257).abs() < 1e-4, "{lambda}");
        let sigma = second / largest.columns[1] / first;
        assert!((sigma - 0.019_032_95).abs() < 1e-8, "{sigma}");
        let kappa = third / largest.columns[2] / first;
        assert!((kappa - 0.000_521_091).abs() < 1e-9, "{kappa}");
    }

    #[test]
    fn refining_never_makes_it_worse_and_ends_where_no_free_slope_is_left() {
        let (rows, _) = rows(&points(&NOISY));
        let first = rescaled(&rows, start(&rows));
        let last = refine(&rows, first);
        assert!(cost(&rows, &last) < cost(&rows, &first));
        let (gram, downhill) = normal_equations(&rows, &last);
        for j in 0..3 {
            let scale = gram[j][j].sqrt() * cost(&rows, &last).sqrt();
            assert!(downhill[j].abs() < 1e-6 * scale, "{j}: {downhill:?}");
        }
    }
}
