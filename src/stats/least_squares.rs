//! Non-negative least squares: how much of each cause is in an effect.

use super::{Interval, SplitMix64, quantile};

/// Why a fit was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LeastSquaresError {
    /// Too few rows for the number of columns.
    #[error("{rows} rows are too few for {columns} columns")]
    TooFewRows {
        /// Rows at hand.
        rows: usize,
        /// Columns asked for.
        columns: usize,
    },
    /// A column is zero throughout, or the columns cannot be told apart.
    #[error("the columns cannot be told apart")]
    Collinear,
}

/// A fit with its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct NonNegativeFit {
    /// One coefficient per column, none negative.
    pub coefficients: Vec<f64>,
    /// Interval of each coefficient, from resampled rows.
    pub intervals: Vec<Interval>,
    /// Part of the variation of the effect that the fit explains (R²); `None` where the effect
    /// does not vary.
    pub explained: Option<f64>,
}

/// `XᵀX` of one set of rows: computed once, solved for many effects.
#[derive(Debug, Clone)]
pub struct NormalEquations<'a> {
    rows: &'a [Vec<f64>],
    gram: Vec<Vec<f64>>,
    samples: Vec<Resample>,
}

#[derive(Debug, Clone)]
struct Resample {
    picks: Vec<usize>,
    gram: Vec<Vec<f64>>,
}

impl<'a> NormalEquations<'a> {
    /// Prepares the rows (all of one length) and `resamples` bootstrap samples of them, drawn from
    /// `seed` (Efron 1979: whole rows with replacement).
    ///
    /// # Errors
    /// Not more rows than columns, or a column that is zero throughout.
    pub fn new(
        rows: &'a [Vec<f64>],
        resamples: usize,
        seed: u64,
    ) -> Result<Self, LeastSquaresError> {
        let columns = rows.first().map_or(0, Vec::len);
        if columns == 0 || rows.len() <= columns {
            return Err(LeastSquaresError::TooFewRows {
                rows: rows.len(),
                columns,
            });
        }
        let all: Vec<usize> = (0..rows.len()).collect();
        let gram = gram_of(rows, &all);
        if (0..columns).any(|c| gram[c][c] <= 0.0) {
            return Err(LeastSquaresError::Collinear);
        }
        let mut generator = SplitMix64::new(seed);
        let samples = (0..resamples)
            .map(|_| {
                let picks: Vec<usize> = all.iter().map(|_| generator.index(rows.len())).collect();
                Resample {
                    gram: gram_of(rows, &picks),
                    picks,
                }
            })
            .collect();
        Ok(Self {
            rows,
            gram,
            samples,
        })
    }

    /// Fits `effect ≈ rows · coefficients` with no coefficient below zero, with the 95 % interval
    /// of each.
    ///
    /// # Errors
    /// As many effects as rows are needed; the columns must be told apart.
    pub fn fit(&self, effect: &[f64]) -> Result<NonNegativeFit, LeastSquaresError> {
        if effect.len() != self.rows.len() {
            return Err(LeastSquaresError::TooFewRows {
                rows: effect.len(),
                columns: self.gram.len(),
            });
        }
        let all: Vec<usize> = (0..self.rows.len()).collect();
        let coefficients = nnls(&self.gram, &moments(self.rows, effect, &all))
            .ok_or(LeastSquaresError::Collinear)?;
        // A resample may by chance leave a column without any row; it then says nothing.
        let resamples: Vec<Vec<f64>> = self
            .samples
            .iter()
            .filter_map(|s| nnls(&s.gram, &moments(self.rows, effect, &s.picks)))
            .collect();
        let intervals = coefficients
            .iter()
            .enumerate()
            .map(|(c, fitted)| {
                let drawn: Vec<f64> = resamples.iter().map(|r| r[c]).collect();
                Interval {
                    low: quantile(&drawn, 0.025).unwrap_or(*fitted).min(*fitted),
                    high: quantile(&drawn, 0.975).unwrap_or(*fitted).max(*fitted),
                }
            })
            .collect();
        let explained = explained(self.rows, effect, &coefficients);
        Ok(NonNegativeFit {
            coefficients,
            intervals,
            explained,
        })
    }
}

pub(super) fn gram_of(rows: &[Vec<f64>], picks: &[usize]) -> Vec<Vec<f64>> {
    let columns = rows.first().map_or(0, Vec::len);
    let mut gram = vec![vec![0.0; columns]; columns];
    for &pick in picks {
        let row = &rows[pick];
        for (i, a) in row.iter().enumerate() {
            for (j, b) in row.iter().enumerate() {
                gram[i][j] += a * b;
            }
        }
    }
    gram
}

pub(super) fn moments(rows: &[Vec<f64>], effect: &[f64], picks: &[usize]) -> Vec<f64> {
    let columns = rows.first().map_or(0, Vec::len);
    let mut sums = vec![0.0; columns];
    for &pick in picks {
        for (sum, a) in sums.iter_mut().zip(&rows[pick]) {
            *sum += a * effect[pick];
        }
    }
    sums
}

fn explained(rows: &[Vec<f64>], effect: &[f64], coefficients: &[f64]) -> Option<f64> {
    let mean = effect.iter().sum::<f64>() / effect.len() as f64;
    let total: f64 = effect.iter().map(|y| (y - mean).powi(2)).sum();
    let left: f64 = rows
        .iter()
        .zip(effect)
        .map(|(row, y)| {
            let fitted: f64 = row.iter().zip(coefficients).map(|(x, c)| x * c).sum();
            (y - fitted).powi(2)
        })
        .sum();
    (total > 0.0).then(|| 1.0 - left / total)
}

/// Lawson and Hanson 1974, chapter 23, on the normal equations. `None` where the free columns
/// cannot be told apart.
pub(super) fn nnls(gram: &[Vec<f64>], moments: &[f64]) -> Option<Vec<f64>> {
    let columns = moments.len();
    let scale = moments.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let tolerance = scale * 1e-10;
    let mut solution = vec![0.0; columns];
    let mut free: Vec<usize> = Vec::new();
    for _ in 0..3 * columns + 10 {
        let slope = |c: usize, x: &[f64]| {
            let fitted: f64 = gram[c].iter().zip(x).map(|(g, v)| g * v).sum();
            moments[c] - fitted
        };
        let Some((next, _)) = (0..columns)
            .filter(|c| !free.contains(c))
            .map(|c| {
                (
                    c,
                    slope(c, &solution) / gram[c][c].sqrt().max(f64::MIN_POSITIVE),
                )
            })
            .filter(|(c, _)| slope(*c, &solution) > tolerance && gram[*c][*c] > 0.0)
            .max_by(|a, b| a.1.total_cmp(&b.1))
        else {
            break;
        };
        free.push(next);
        loop {
            let trial = solve_free(gram, moments, &free)?;
            if trial.iter().all(|v| *v > 0.0) {
                solution = vec![0.0; columns];
                for (c, v) in free.iter().zip(&trial) {
                    solution[*c] = *v;
                }
                break;
            }
            retreat(&mut solution, &mut free, &trial);
            if free.is_empty() {
                break;
            }
        }
    }
    Some(solution)
}

/// Goes from `solution` towards `trial` until the first coefficient reaches zero, and fixes it.
fn retreat(solution: &mut [f64], free: &mut Vec<usize>, trial: &[f64]) {
    let mut step = 1.0f64;
    for (c, v) in free.iter().zip(trial) {
        if *v <= 0.0 {
            let span = solution[*c] - v;
            step = step.min(if span > 0.0 { solution[*c] / span } else { 0.0 });
        }
    }
    for (c, v) in free.iter().zip(trial) {
        solution[*c] += step * (v - solution[*c]);
    }
    free.retain(|c| solution[*c] > 1e-14);
    for (c, value) in solution.iter_mut().enumerate() {
        if !free.contains(&c) {
            *value = 0.0;
        }
    }
}

/// The lower triangle whose product with itself the free rows and columns are; `None` where they are collinear.
pub(super) fn cholesky(gram: &[Vec<f64>], free: &[usize]) -> Option<Vec<Vec<f64>>> {
    let size = free.len();
    let mut lower = vec![vec![0.0; size]; size];
    for i in 0..size {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = gram[free[i]][free[j]] - dot;
            if i == j {
                if rest <= gram[free[i]][free[i]] * 1e-12 {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    Some(lower)
}

/// Solves the free columns by Cholesky; `None` where they are collinear.
pub(super) fn solve_free(gram: &[Vec<f64>], moments: &[f64], free: &[usize]) -> Option<Vec<f64>> {
    let size = free.len();
    let lower = cholesky(gram, free)?;
    let mut forward = vec![0.0; size];
    for i in 0..size {
        let dot: f64 = (0..i).map(|k| lower[i][k] * forward[k]).sum();
        forward[i] = (moments[free[i]] - dot) / lower[i][i];
    }
    let mut back = vec![0.0; size];
    for i in (0..size).rev() {
        let dot: f64 = (i + 1..size).map(|k| lower[k][i] * back[k]).sum();
        back[i] = (forward[i] - dot) / lower[i][i];
    }
    Some(back)
}

/// Condition number of the rows' columns, each scaled to length one: how much an error of the
/// effect may be multiplied in the coefficients. Above 30 columns count as collinear (Belsley, Kuh
/// and Welsch 1980). Infinite for a zero column; `None` without a column.
#[must_use]
pub fn condition_number(rows: &[Vec<f64>]) -> Option<f64> {
    let columns = rows.first().map_or(0, Vec::len);
    if columns == 0 {
        return None;
    }
    let all: Vec<usize> = (0..rows.len()).collect();
    let mut gram = gram_of(rows, &all);
    let lengths: Vec<f64> = (0..columns).map(|c| gram[c][c].sqrt()).collect();
    if lengths.iter().any(|l| *l <= 0.0) {
        return Some(f64::INFINITY);
    }
    for (i, row) in gram.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            *value /= lengths[i] * lengths[j];
        }
    }
    let eigenvalues = symmetric_eigenvalues(gram);
    let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
    let smallest = eigenvalues.iter().copied().fold(f64::INFINITY, f64::min);
    Some(if smallest <= largest * 1e-15 {
        f64::INFINITY
    } else {
        (largest / smallest).sqrt()
    })
}

/// Eigenvalues of a symmetric matrix by Jacobi rotations (Golub and Van Loan, section 8.5).
fn symmetric_eigenvalues(mut matrix: Vec<Vec<f64>>) -> Vec<f64> {
    let size = matrix.len();
    for _ in 0..60 {
        let off: f64 = (0..size)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| matrix[i][j].powi(2))
            .sum();
        if off < 1e-24 {
            break;
        }
        for i in 1..size {
            for j in 0..i {
                rotate(&mut matrix, j, i);
            }
        }
    }
    (0..size).map(|i| matrix[i][i]).collect()
}

fn rotate(matrix: &mut [Vec<f64>], first: usize, second: usize) {
    let off = matrix[first][second];
    if off.abs() < 1e-300 {
        return;
    }
    let theta = (matrix[second][second] - matrix[first][first]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        let (a, b) = (row[first], row[second]);
        row[first] = cosine * a - sine * b;
        row[second] = sine * a + cosine * b;
    }
    let (above, below) = matrix.split_at_mut(second);
    for (a, b) in above[first].iter_mut().zip(below[0].iter_mut()) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varied_rows() -> Vec<Vec<f64>> {
        let mut generator = SplitMix64::new(3);
        (0..40)
            .map(|_| (0..3).map(|_| 5.0 + generator.index(40) as f64).collect())
            .collect()
    }

    #[test]
    fn exact_effects_give_exact_coefficients() {
        let rows = varied_rows();
        let effect: Vec<f64> = rows.iter().map(|r| 2.0 * r[0] + 0.5 * r[2]).collect();
        let fit = NormalEquations::new(&rows, 100, 1)
            .unwrap()
            .fit(&effect)
            .unwrap();
        for (actual, expected) in fit.coefficients.iter().zip([2.0, 0.0, 0.5]) {
            assert!((actual - expected).abs() < 1e-9, "{fit:?}");
        }
        assert!(fit.explained.unwrap() > 0.999_999);
        assert!(fit.intervals[0].half_width() < 1e-6);
    }

    #[test]
    fn intervals_cover_the_truth_and_never_go_below_zero() {
        let rows = varied_rows();
        let mut generator = SplitMix64::new(11);
        let effect: Vec<f64> = rows
            .iter()
            .map(|r| 3.0 * r[0] + r[1] + generator.index(11) as f64 - 5.0)
            .collect();
        let fit = NormalEquations::new(&rows, 200, 1)
            .unwrap()
            .fit(&effect)
            .unwrap();
        for (interval, truth) in fit.intervals.iter().zip([3.0, 1.0, 0.0]) {
            assert!(interval.low <= truth && truth <= interval.high, "{fit:?}");
            assert!(interval.low >= 0.0);
        }
        assert!(fit.intervals[0].half_width() < 0.3, "{fit:?}");
    }

    #[test]
    fn an_effect_against_a_column_stays_at_zero() {
        // Unconstrained least squares would give the second column −1.
        let rows = varied_rows();
        let effect: Vec<f64> = rows.iter().map(|r| 4.0 * r[0] - r[1]).collect();
        let fit = NormalEquations::new(&rows, 0, 1)
            .unwrap()
            .fit(&effect)
            .unwrap();
        assert!(fit.coefficients[1].abs() < 1e-12, "{fit:?}");
        // The optimality conditions of Karush, Kuhn and Tucker.
        let all: Vec<usize> = (0..rows.len()).collect();
        let (gram, h) = (gram_of(&rows, &all), moments(&rows, &effect, &all));
        for c in 0..3 {
            let fitted: f64 = gram[c]
                .iter()
                .zip(&fit.coefficients)
                .map(|(g, v)| g * v)
                .sum();
            let slope = h[c] - fitted;
            assert!(slope <= 1e-6 * h[0].abs(), "column {c}: {slope}");
            if fit.coefficients[c] > 0.0 {
                assert!(slope.abs() <= 1e-6 * h[0].abs(), "column {c}: {slope}");
            }
        }
    }

    #[test]
    fn a_constant_mix_is_collinear() {
        let constant: Vec<Vec<f64>> = (1..20)
            .map(|i| vec![f64::from(i), 2.0 * f64::from(i)])
            .collect();
        assert!(condition_number(&constant).unwrap() > 1e6);
        assert!(condition_number(&varied_rows()).unwrap() < 30.0);
        assert_eq!(condition_number(&[]), None);
        let zero = vec![vec![1.0, 0.0], vec![2.0, 0.0], vec![3.0, 0.0]];
        assert_eq!(condition_number(&zero), Some(f64::INFINITY));
        assert_eq!(
            NormalEquations::new(&zero, 0, 1).unwrap_err(),
            LeastSquaresError::Collinear
        );
    }

    #[test]
    fn too_few_rows_are_refused() {
        let rows = vec![vec![1.0, 2.0], vec![2.0, 1.0]];
        assert_eq!(
            NormalEquations::new(&rows, 0, 1).unwrap_err(),
            LeastSquaresError::TooFewRows {
                rows: 2,
                columns: 2
            }
        );
    }

    #[test]
    fn condition_of_a_known_matrix() {
        // Columns with cosine 0.8: eigenvalues of the scaled Gram matrix 1.8 and 0.2.
        let rows = vec![vec![1.0, 0.8], vec![0.0, 0.6]];
        assert!((condition_number(&rows).unwrap() - 3.0).abs() < 1e-9);
    }
}
