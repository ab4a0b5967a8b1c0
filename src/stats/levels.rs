//! Levels of several treatments that were measured in rounds whose conditions differ.
//!
//! Value = level of the treatment + effect of the round + noise, where each round has only some of the treatments.
//! The effects of rounds are random: where they do not stand out of the noise the levels are the plain means, and
//! where they do, treatments are compared within rounds (recovery of inter-block information, Yates 1940). The two
//! variances are had by Henderson's third method (1953).

use std::collections::BTreeMap;

use super::SplitMix64;
use super::least_squares::{cholesky, solve_free};

/// Degrees of freedom of the noise below which the effects of rounds are not told from it (ours).
const MIN_DEGREES: usize = 3;

/// Least variance of the noise, as a share of that of the rounds: enough to solve the equations.
const LEAST_NOISE: f64 = 1e-6;

/// One value of one treatment in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// From 0.
    pub treatment: usize,
    /// Any number.
    pub round: u32,
    /// In any unit.
    pub value: f64,
}

/// What the treatments come to under the same conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    values: Vec<f64>,
    /// Plain means.
    means: Vec<f64>,
    /// By treatment, both ways.
    covariance: Vec<Vec<f64>>,
    /// Standard deviation of the effects of rounds; 0 where they do not stand out of the noise.
    round_deviation: f64,
}

impl Levels {
    /// Fits the levels of so many treatments; `None` where one of them was not measured.
    #[must_use]
    pub fn fit(measurements: &[Measurement], treatments: usize) -> Option<Self> {
        let design = Design::new(measurements, treatments)?;
        let (noise, of_rounds) = design.variances();
        Some(if of_rounds > 0.0 {
            design.mixed(noise.max(LEAST_NOISE * of_rounds), of_rounds)
        } else {
            design.plain(noise)
        })
    }

    /// Level of a treatment.
    #[must_use]
    pub fn value(&self, treatment: usize) -> f64 {
        self.values[treatment]
    }

    /// What that is more than the mean of the treatment: it met rounds that were worse than others.
    #[must_use]
    pub fn correction(&self, treatment: usize) -> f64 {
        self.values[treatment] - self.means[treatment]
    }

    /// Standard error of that level.
    #[must_use]
    pub fn error(&self, treatment: usize) -> f64 {
        self.covariance[treatment][treatment].max(0.0).sqrt()
    }

    /// Standard error of the difference between two levels.
    #[must_use]
    pub fn error_between(&self, one: usize, other: usize) -> f64 {
        let of = &self.covariance;
        let variance = of[one][one] + of[other][other] - 2.0 * of[one][other];
        variance.max(0.0).sqrt()
    }

    /// Standard deviation of the effects of rounds; 0 where they do not stand out of the noise.
    #[must_use]
    pub fn round_deviation(&self) -> f64 {
        self.round_deviation
    }

    /// Levels that another series of the same rounds might have given, `draws` times: normal deviations with the
    /// covariance of the levels.
    #[must_use]
    pub fn draws(&self, draws: usize, random: &mut SplitMix64) -> Vec<Vec<f64>> {
        let all: Vec<usize> = (0..self.values.len()).collect();
        // Without noise there is one answer.
        let root = cholesky(&self.covariance, &all).unwrap_or_default();
        let other_levels = (0..draws).map(|_| {
            let normal: Vec<f64> = all.iter().map(|_| random.normal()).collect();
            let moved = |(i, level): (usize, &f64)| {
                let row = root.get(i).map_or(&[][..], Vec::as_slice);
                level + row.iter().zip(&normal).map(|(r, n)| r * n).sum::<f64>()
            };
            self.values.iter().enumerate().map(moved).collect()
        });
        other_levels.collect()
    }
}

/// Which treatment was measured how often in which round, and what came of it.
struct Design {
    /// Measurements of a treatment (first) in a round (second).
    counts: Vec<Vec<f64>>,
    /// Measurements of a treatment, and their mean.
    totals: Vec<f64>,
    means: Vec<f64>,
    /// Measurements of a round, and the sum of their deviations from the means of their treatments.
    sizes: Vec<f64>,
    deviations: Vec<f64>,
    /// Sum of squared deviations from those means.
    squares: f64,
}

impl Design {
    fn new(measurements: &[Measurement], treatments: usize) -> Option<Self> {
        let mut rounds: BTreeMap<u32, usize> = BTreeMap::new();
        for m in measurements {
            let next = rounds.len();
            rounds.entry(m.round).or_insert(next);
        }
        let mut design = Self {
            counts: vec![vec![0.0; rounds.len()]; treatments],
            totals: vec![0.0; treatments],
            means: vec![0.0; treatments],
            sizes: vec![0.0; rounds.len()],
            deviations: vec![0.0; rounds.len()],
            squares: 0.0,
        };
        for m in measurements {
            design.counts[m.treatment][rounds[&m.round]] += 1.0;
            design.totals[m.treatment] += 1.0;
            design.means[m.treatment] += m.value;
        }
        for (mean, total) in design.means.iter_mut().zip(&design.totals) {
            *mean /= total;
        }
        for m in measurements {
            let deviation = m.value - design.means[m.treatment];
            design.sizes[rounds[&m.round]] += 1.0;
            design.deviations[rounds[&m.round]] += deviation;
            design.squares += deviation * deviation;
        }
        design.totals.iter().all(|n| *n > 0.0).then_some(design)
    }

    /// Equations of the effects of rounds once the levels are eliminated.
    fn of_rounds(&self) -> Vec<Vec<f64>> {
        let rounds = 0..self.sizes.len();
        let shared = |r: usize, q: usize| -> f64 {
            let of = |(counts, total): (&Vec<f64>, &f64)| counts[r] * counts[q] / total;
            self.counts.iter().zip(&self.totals).map(of).sum()
        };
        let row = |r: usize| {
            let own = |q: usize| if r == q { self.sizes[r] } else { 0.0 };
            rounds.clone().map(|q| own(q) - shared(r, q)).collect()
        };
        rounds.clone().map(row).collect()
    }

    /// Variance of the noise and of the effects of rounds.
    fn variances(&self) -> (f64, f64) {
        let total: f64 = self.totals.iter().sum();
        let free = total - self.totals.len() as f64;
        let plain = if free > 0.0 { self.squares / free } else { 0.0 };
        // The first round is what the others are compared with.
        let others: Vec<usize> = (1..self.sizes.len()).collect();
        let degrees = free - others.len() as f64;
        if others.is_empty() || degrees < MIN_DEGREES as f64 {
            return (plain, 0.0);
        }
        let Some(effects) = solve_free(&self.of_rounds(), &self.deviations, &others) else {
            return (plain, 0.0);
        };
        let explained = effects.iter().zip(&others);
        let explained: f64 = explained.map(|(b, r)| b * self.deviations[*r]).sum();
        let noise = ((self.squares - explained) / degrees).max(0.0);
        let of_rounds = (explained - others.len() as f64 * noise) / free;
        if of_rounds > 0.0 {
            (noise, of_rounds)
        } else {
            (plain, 0.0)
        }
    }

    /// Means of the treatments.
    fn plain(&self, noise: f64) -> Levels {
        let mut covariance = vec![vec![0.0; self.totals.len()]; self.totals.len()];
        for (i, total) in self.totals.iter().enumerate() {
            covariance[i][i] = noise / total;
        }
        Levels {
            values: self.means.clone(),
            means: self.means.clone(),
            covariance,
            round_deviation: 0.0,
        }
    }

    /// Means of the treatments less what the rounds did to them.
    fn mixed(&self, noise: f64, of_rounds: f64) -> Levels {
        let all: Vec<usize> = (0..self.sizes.len()).collect();
        let mut equations = self.of_rounds();
        for (r, row) in equations.iter_mut().enumerate() {
            row[r] += noise / of_rounds;
        }
        let solve = |right: &[f64]| solve_free(&equations, right, &all);
        let Some(effects) = solve(&self.deviations) else {
            return self.plain(noise);
        };
        let shares: Vec<Vec<f64>> = self
            .counts
            .iter()
            .zip(&self.totals)
            .map(|(counts, total)| counts.iter().map(|n| n / total).collect())
            .collect();
        let Some(spread) = shares
            .iter()
            .map(|share| solve(share))
            .collect::<Option<Vec<_>>>()
        else {
            return self.plain(noise);
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let values = self.means.iter().zip(&shares);
        let covariance = shares.iter().enumerate().map(|(i, share)| {
            let own = |j: usize| if i == j { 1.0 / self.totals[i] } else { 0.0 };
            let row = spread.iter().enumerate();
            row.map(|(j, spread)| noise * (own(j) + dot(share, spread)))
                .collect()
        });
        Levels {
            values: values
                .map(|(mean, share)| mean - dot(share, &effects))
                .collect(),
            means: self.means.clone(),
            covariance: covariance.collect(),
            round_deviation: of_rounds.sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(treatment: usize, round: u32, value: f64) -> Measurement {
        Measurement {
            treatment,
            round,
            value,
        }
    }

    #[track_caller]
    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!(
            (actual - expected).abs() <= tolerance,
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn rounds_that_do_not_differ_leave_the_means() {
        let values = [(0, 0, 1.0), (1, 0, 3.0), (1, 1, 3.2), (0, 1, 0.8)];
        let all = values.map(|(t, r, v)| measurement(t, r, v));
        let levels = Levels::fit(&all, 2).unwrap();
        close(levels.value(0), 0.9, 1e-12);
        close(levels.value(1), 3.1, 1e-12);
        // Each treatment has one degree of freedom and squares of 0.02.
        close(levels.error(0), 0.1, 1e-12);
        close(levels.error_between(0, 1), 0.02f64.sqrt(), 1e-12);
        close(levels.round_deviation(), 0.0, 0.0);
        assert!(Levels::fit(&all, 3).is_none());
    }

    #[test]
    fn what_rounds_do_to_all_is_taken_out() {
        // Levels 10, 20 and 30; rounds of 0, 5 and -3; the last treatment is missing where the rounds are good.
        let mut all = Vec::new();
        for (round, effect) in [(0, 0.0), (1, 5.0), (2, -3.0), (3, 5.0)] {
            for (treatment, level) in [(0, 10.0), (1, 20.0), (2, 30.0)] {
                if treatment < 2 || effect <= 0.0 {
                    all.push(measurement(treatment, round, level + effect));
                }
            }
        }
        let levels = Levels::fit(&all, 3).unwrap();
        close(levels.value(1) - levels.value(0), 10.0, 1e-4);
        close(levels.value(2) - levels.value(1), 10.0, 1e-4);
        assert!(levels.error_between(1, 2) < 0.01);
        assert!((3.0..6.0).contains(&levels.round_deviation()));
    }

    /// One hundred designs in which sixteen rounds have three of eight treatments each, all of the same level.
    fn simulated(round_deviation: f64) -> impl Iterator<Item = Levels> {
        (0..100).map(move |seed| {
            let mut random = SplitMix64::new(seed);
            let mut all = Vec::new();
            for round in 0..16 {
                let effect = round_deviation * random.normal();
                for at in 0..3 {
                    let treatment = (3 * round as usize + at) % 8;
                    all.push(measurement(treatment, round, effect + random.normal()));
                }
            }
            Levels::fit(&all, 8).unwrap()
        })
    }

    #[test]
    fn errors_are_as_large_as_they_are_said_to_be() {
        for round_deviation in [0.0, 1.0, 10.0] {
            let (mut squares, mut said, mut deviation) = (0.0, 0.0, 0.0);
            for levels in simulated(round_deviation) {
                for other in 1..8 {
                    squares += (levels.value(other) - levels.value(0)).powi(2);
                    said += levels.error_between(0, other).powi(2);
                }
                deviation += levels.round_deviation() / 100.0;
            }
            assert!((0.85..1.15).contains(&(squares / said)), "{squares} {said}");
            assert!(
                (deviation - round_deviation).abs() < 0.3 + 0.1 * round_deviation,
                "{deviation}"
            );
            // Means have an error of √(2/6), and more where rounds differ; within rounds it is hardly more than that.
            let error = (squares / 700.0).sqrt();
            assert!((0.5..0.85).contains(&error), "{round_deviation}: {error}");
        }
    }

    #[test]
    fn draws_vary_as_the_levels_do() {
        let levels = simulated(2.0).next().unwrap();
        let drawn = levels.draws(4000, &mut SplitMix64::new(1));
        let differences = drawn.iter().map(|values| values[3] - values[5]);
        let true_difference = levels.value(3) - levels.value(5);
        let variance = differences
            .map(|d| (d - true_difference).powi(2))
            .sum::<f64>()
            / 4000.0;
        close(variance.sqrt() / levels.error_between(3, 5), 1.0, 0.05);
        let exact = [measurement(0, 0, 1.0), measurement(1, 0, 2.0)];
        let exact = Levels::fit(&exact, 2).unwrap();
        assert_eq!(exact.draws(1, &mut SplitMix64::new(1)), [[1.0, 2.0]]);
    }
}
