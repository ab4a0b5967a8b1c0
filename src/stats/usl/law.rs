//! The fitted law: its parameters, what it predicts, and where its peak is.

use super::super::least_squares::solve_free;
use super::super::{Interval, round_to_count, student_t_quantile};
use super::fit::UslPoint;

/// Two-sided 95 %.
const PROBABILITY: f64 = 0.975;

/// λ, σ and κ of `X(N) = λN / (1 + σ(N−1) + κN(N−1))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Parameters {
    pub(super) lambda: f64,
    pub(super) sigma: f64,
    pub(super) kappa: f64,
}

impl Parameters {
    fn throughput(&self, concurrency: f64) -> f64 {
        self.lambda * concurrency / self.loss(concurrency)
    }

    /// How many times as much a perfectly scaling system would complete.
    fn loss(&self, concurrency: f64) -> f64 {
        let others = concurrency - 1.0;
        1.0 + self.sigma * others + self.kappa * concurrency * others
    }

    /// Derivatives of the throughput by λ, σ and κ.
    fn slopes(&self, concurrency: f64) -> [f64; 3] {
        let throughput = self.throughput(concurrency);
        let by_sigma = -throughput * (concurrency - 1.0) / self.loss(concurrency);
        [throughput / self.lambda, by_sigma, by_sigma * concurrency]
    }

    /// Where the curve is highest; `None` where it never falls, or falls from the beginning.
    fn peak(&self) -> Option<f64> {
        (self.sigma < 1.0 && self.kappa > 0.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt())
    }
}

/// A parameter with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UslEstimate {
    /// The parameter.
    pub value: f64,
    /// Its standard error; `None` where it lies on its bound of 0 and was not free.
    pub standard_error: Option<f64>,
    /// 95 % interval, by Student's t, nothing below 0. For a parameter on its bound it reaches from 0 to what it
    /// could be by its error as if it were free: an upper limit.
    pub interval: Interval,
}

/// What the law gives at one concurrency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UslPrediction {
    /// Throughput, in the unit of the points.
    pub throughput: f64,
    /// 95 % interval of the curve there (delta method); a single measurement scatters by
    /// [`UslFit::deviation`] besides.
    pub interval: Interval,
}

/// A peak that was passed by the measured points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeakEstimate {
    /// √((1−σ)/κ): the concurrency with the highest throughput.
    pub concurrency: f64,
    /// Its standard error (delta method).
    pub standard_error: f64,
    /// 95 % interval of it, by Student's t, not below 1.
    pub interval: Interval,
    /// The better of the two whole numbers next to it, the smaller one if they are equal.
    pub best: u32,
    /// Throughput at [`concurrency`](Self::concurrency), by the law.
    pub throughput: f64,
}

/// Where the throughput stops to grow. A peak outside of what was measured is no number: the law says
/// nothing reliable there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Peak {
    /// Points lie beyond the peak, and the fall has evidence.
    Seen(PeakEstimate),
    /// No peak seen: none up to the largest concurrency, or no evidence that the throughput falls after it.
    NotSeen {
        /// The largest concurrency measured.
        up_to: f64,
    },
    /// The throughput falls from the smallest measured concurrency on: the peak is there or below.
    BeforeFirst {
        /// The smallest concurrency measured.
        from: f64,
    },
}

/// The law fitted to points, with the errors of what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct UslFit {
    /// λ: throughput of one unit of work alone, in the unit of the points.
    pub lambda: UslEstimate,
    /// σ: share of the work that is done one at a time (contention), no unit.
    pub sigma: UslEstimate,
    /// κ: cost of keeping each pair in agreement (coherency), no unit. Above 0 the throughput has a peak.
    pub kappa: UslEstimate,
    /// Standard deviation of the relative residuals: 0.02 if points differ from the law by 2 %.
    pub deviation: f64,
    /// Degrees of freedom: points less parameters that are not on their bound.
    pub degrees: usize,
    /// Where the throughput stops to grow.
    pub peak: Peak,
    parameters: Parameters,
    covariance: [[f64; 3]; 3],
    t: f64,
}

impl UslFit {
    /// Adds the errors to fitted parameters; `None` where the points do not determine them.
    pub(super) fn with_errors(
        points: &[UslPoint],
        weights: &[f64],
        parameters: Parameters,
        deviation: f64,
        degrees: usize,
    ) -> Option<Self> {
        let values = [parameters.lambda, parameters.sigma, parameters.kappa];
        let free: Vec<usize> = (0..3).filter(|i| values[*i] > 0.0).collect();
        let gram = relative_gram(points, weights, &parameters);
        let scaled =
            |inverse: [[f64; 3]; 3]| inverse.map(|row| row.map(|v| v * deviation * deviation));
        let covariance = scaled(inverse(&gram, &free)?);
        let as_if_free = scaled(inverse(&gram, &[0, 1, 2])?);
        let t = student_t_quantile(PROBABILITY, degrees as f64)?;
        let estimate = |i: usize| {
            let is_free = free.contains(&i);
            let error = if is_free { covariance } else { as_if_free }[i][i]
                .max(0.0)
                .sqrt();
            UslEstimate {
                value: values[i],
                standard_error: is_free.then_some(error),
                interval: around(values[i], t * error, 0.0),
            }
        };
        let concurrencies = points.iter().map(|p| p.concurrency);
        let measured = Interval {
            low: concurrencies.clone().fold(f64::INFINITY, f64::min),
            high: concurrencies.fold(1.0, f64::max),
        };
        let mut fit = Self {
            lambda: estimate(0),
            sigma: estimate(1),
            kappa: estimate(2),
            deviation,
            degrees,
            peak: Peak::NotSeen {
                up_to: measured.high,
            },
            parameters,
            covariance,
            t,
        };
        fit.peak = fit.find_peak(measured);
        Some(fit)
    }

    /// Whether there is evidence that the throughput falls when concurrency grows without end: the interval of
    /// κ leaves out 0.
    #[must_use]
    pub fn is_retrograde(&self) -> bool {
        self.kappa.interval.low > 0.0
    }

    /// The throughput by the law, with the interval of the curve; `None` for concurrencies below 1 and undefined
    /// or infinite ones.
    #[must_use]
    pub fn predict(&self, concurrency: f64) -> Option<UslPrediction> {
        if !(1.0..=f64::from(u32::MAX)).contains(&concurrency) {
            return None;
        }
        let throughput = self.parameters.throughput(concurrency);
        let error = self.error_of(self.parameters.slopes(concurrency));
        Some(UslPrediction {
            throughput,
            interval: around(throughput, self.t * error, 0.0),
        })
    }

    /// Standard error of something with these derivatives by λ, σ and κ (delta method).
    fn error_of(&self, slopes: [f64; 3]) -> f64 {
        let rows = self.covariance.iter().zip(slopes);
        let variance: f64 = rows
            .map(|(row, slope)| {
                let column: f64 = row.iter().zip(slopes).map(|(c, s)| c * s).sum();
                slope * column
            })
            .sum();
        variance.max(0.0).sqrt()
    }

    fn find_peak(&self, measured: Interval) -> Peak {
        let not_seen = Peak::NotSeen {
            up_to: measured.high,
        };
        let Some(peak) = self.parameters.peak().filter(|p| *p > measured.low) else {
            let falls = self.parameters.sigma >= 1.0 || self.parameters.kappa > 0.0;
            let evident = self.is_retrograde() || self.sigma.interval.low > 1.0;
            return if falls && evident {
                Peak::BeforeFirst { from: measured.low }
            } else {
                not_seen
            };
        };
        if peak >= measured.high || !self.is_retrograde() {
            return not_seen;
        }
        let Parameters { kappa, .. } = self.parameters;
        // From peak² = (1−σ)/κ.
        let error = self.error_of([0.0, -1.0 / (2.0 * kappa * peak), -peak / (2.0 * kappa)]);
        let at = |n: f64| self.parameters.throughput(n);
        let (below, above) = (peak.floor(), peak.ceil());
        Peak::Seen(PeakEstimate {
            concurrency: peak,
            standard_error: error,
            interval: around(peak, self.t * error, 1.0),
            best: round_to_count(if at(above) > at(below) { above } else { below }),
            throughput: at(peak),
        })
    }
}

fn around(value: f64, half: f64, least: f64) -> Interval {
    Interval {
        low: (value - half).max(least),
        high: value + half,
    }
}

/// `JᵀJ` of the relative residuals by λ, σ and κ.
fn relative_gram(points: &[UslPoint], weights: &[f64], parameters: &Parameters) -> Vec<Vec<f64>> {
    let mut gram = vec![vec![0.0; 3]; 3];
    for (point, weight) in points.iter().zip(weights) {
        let slopes = parameters
            .slopes(point.concurrency)
            .map(|s| s / point.throughput);
        for (i, row) in gram.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value += weight * slopes[i] * slopes[j];
            }
        }
    }
    gram
}

/// The inverse over the free parameters, 0 elsewhere; `None` where they cannot be told apart. Columns are first
/// brought to one length: λ is in the unit of the points, κ may be a millionth.
fn inverse(gram: &[Vec<f64>], free: &[usize]) -> Option<[[f64; 3]; 3]> {
    let lengths: Vec<f64> = (0..3).map(|i| gram[i][i].sqrt()).collect();
    let scaled: Vec<Vec<f64>> = (0..3)
        .map(|i| {
            (0..3)
                .map(|j| gram[i][j] / lengths[i] / lengths[j])
                .collect()
        })
        .collect();
    let mut inverse = [[0.0; 3]; 3];
    for &column in free {
        let mut unit = [0.0; 3];
        unit[column] = 1.0;
        let solved = solve_free(&scaled, &unit, free)?;
        for (row, value) in free.iter().zip(solved) {
            inverse[*row][column] = value / lengths[*row] / lengths[column];
        }
    }
    let defined = inverse.iter().flatten().all(|v| v.is_finite());
    defined.then_some(inverse)
}
