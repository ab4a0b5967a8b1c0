//! Which of the measured sizes is the one to have, and how sure that is.

use crate::stats::{Levels, Measurement, SplitMix64};

use super::points::{BlockFigures, Point};

/// Throughput of a size as a share of the best that is good enough: what is missing is within what two runs
/// of the same thing differ by (ours).
pub(super) const GOOD_THROUGHPUT_RATIO: f64 = 0.98;

/// 99th percentile of a size over the best that is good enough (ours).
pub(super) const GOOD_P99_RATIO: f64 = 1.10;

/// Failures as a share of all requests from which a size is no candidate (ours).
const FAILURES_RATIO: f64 = 0.01;

/// Draws for the interval: its ends then rest on the 25 outermost draws each.
const DRAWS: usize = 1000;

/// The choice among sizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<'p> {
    /// The smallest size that is good enough.
    pub(super) chosen: &'p Point,
    /// The size with the most throughput.
    pub(super) best: &'p Point,
    /// The next smaller size that was measured.
    pub(super) below: Option<&'p Point>,
    /// The next larger one.
    pub(super) above: Option<&'p Point>,
    /// The target for the 99th percentile is met.
    pub(super) meets_target: bool,
    /// Standard deviation of the throughput of all sizes from round to round, as a share of it; 0 where it does not
    /// stand out of what blocks of one round differ by.
    pub(super) round_deviation: f64,
}

/// What of a size decides whether it is chosen.
#[derive(Debug, Clone, Copy)]
struct Figures {
    throughput: f64,
    p99_ms: f64,
}

/// Places of the chosen and the best size.
struct Picked {
    chosen: usize,
    best: usize,
    meets_target: bool,
}

/// Sizes that may be chosen, under the same conditions: a machine is not as fast in all rounds, and not every size is
/// in every round.
struct Candidates<'p> {
    points: Vec<&'p Point>,
    /// Logarithms.
    throughput: Levels,
    p99_ms: Levels,
}

/// The smallest size with at least 98 % of the best throughput whose 99th percentile is at most 10 % above the
/// best of those, or meets the target; both within one standard error of what is compared, so that of sizes that
/// cannot be told apart it is the smallest. `None` where every size fails, or does not keep up with the rate.
pub(super) fn choose(points: &[Point], target_p99_ms: Option<f64>) -> Option<Choice<'_>> {
    let candidates = Candidates::of(points)?;
    let picked = candidates.pick(&candidates.figures(), target_p99_ms)?;
    let size = candidates.points[picked.chosen].size;
    Choice {
        chosen: candidates.points[picked.chosen],
        best: candidates.points[picked.best],
        below: None,
        above: None,
        meets_target: picked.meets_target,
        round_deviation: candidates.throughput.round_deviation(),
    }
    .instead(points, size)
}

/// Sizes that the same sweep might have chosen: the choice is made again and again with the figures of all sizes
/// moved by their errors, and 95 % of what is chosen lies between the two. Below the lower one begins at the
/// next smaller measured size, since those between them were not measured.
pub(super) fn interval(points: &[Point], chosen: u32, target_p99_ms: Option<f64>) -> (u32, u32) {
    let Some(candidates) = Candidates::of(points) else {
        return (chosen, chosen);
    };
    let moved = candidates.moved(&mut SplitMix64::new(5));
    let picked = moved.iter().filter_map(|figures| {
        let picked = candidates.pick(figures, target_p99_ms)?;
        Some(candidates.points[picked.chosen].size)
    });
    let mut sizes: Vec<u32> = picked.collect();
    sizes.sort_unstable();
    let outside = sizes.len() / 40;
    let end = |at: usize| sizes.get(at).copied().unwrap_or(chosen);
    let (low, high) = (end(outside), end(sizes.len().saturating_sub(1 + outside)));
    let low = low.min(chosen);
    let before = points.iter().rev().find(|point| point.size < low);
    (before.map_or(1, |point| point.size + 1), high.max(chosen))
}

/// Half of the 95 % interval of the chosen size's throughput over that of the best, as a share of it.
pub(super) fn margin(points: &[Point], choice: &Choice<'_>) -> f64 {
    let Some(candidates) = Candidates::of(points) else {
        return 0.0;
    };
    let place = |of: &Point| candidates.points.iter().position(|p| p.size == of.size);
    let both = place(choice.chosen).zip(place(choice.best));
    both.map_or(0.0, |(chosen, best)| {
        1.96 * candidates.throughput.error_between(chosen, best)
    })
}

impl<'p> Candidates<'p> {
    /// `None` where there is none.
    fn of(points: &'p [Point]) -> Option<Self> {
        let works = |p: &&Point| {
            p.requests > 0
                && p.failures as f64 <= FAILURES_RATIO * p.requests as f64
                && !p.is_overloaded()
        };
        let points: Vec<&Point> = points.iter().filter(works).collect();
        if points.is_empty() {
            return None;
        }
        let levels = |value: &dyn Fn(&BlockFigures) -> Option<f64>| {
            let places = points.iter().enumerate();
            let measurements = places.flat_map(|(treatment, point)| {
                point.measured.iter().filter_map(move |block| {
                    Some(Measurement {
                        treatment,
                        round: block.round,
                        value: value(block)?.ln(),
                    })
                })
            });
            Levels::fit(&measurements.collect::<Vec<_>>(), points.len())
        };
        Some(Self {
            throughput: levels(&|block| Some(block.throughput))?,
            p99_ms: levels(&|block| block.p99_ms)?,
            points,
        })
    }

    /// What was measured, as it would have been in rounds that are all the same.
    fn figures(&self) -> Vec<Figures> {
        let figures = self.points.iter().enumerate().map(|(i, point)| Figures {
            throughput: point.throughput * self.throughput.correction(i).exp(),
            p99_ms: point.p99_ms() * self.p99_ms.correction(i).exp(),
        });
        figures.collect()
    }

    /// The same sizes, measured other times.
    fn moved(&self, random: &mut SplitMix64) -> Vec<Vec<Figures>> {
        let measured = self.figures();
        let throughput = self.throughput.draws(DRAWS, random);
        let p99_ms = self.p99_ms.draws(DRAWS, random);
        let moved = throughput.iter().zip(&p99_ms).map(|(throughput, p99_ms)| {
            let figures = measured.iter().enumerate().map(|(i, figures)| {
                let of_requests = p99_error(self.points[i]).powi(2) - self.p99_ms.error(i).powi(2);
                let of_requests = of_requests.max(0.0).sqrt() * random.normal();
                Figures {
                    throughput: figures.throughput
                        * (throughput[i] - self.throughput.value(i)).exp(),
                    p99_ms: figures.p99_ms * (p99_ms[i] - self.p99_ms.value(i) + of_requests).exp(),
                }
            });
            figures.collect()
        });
        moved.collect()
    }

    /// Standard error of the 99th percentile of one size over that of another. What disturbs a machine disturbs whole
    /// blocks, which no number of requests tells.
    fn p99_error(&self, one: usize, other: usize) -> f64 {
        let of_requests = p99_error(self.points[one]).hypot(p99_error(self.points[other]));
        of_requests.max(self.p99_ms.error_between(one, other))
    }

    fn pick(&self, all: &[Figures], target_p99_ms: Option<f64>) -> Option<Picked> {
        let every = || all.iter().enumerate();
        // Sizes that keep up with a rate do the same: the smallest of them is the best.
        let (best, top) = every()
            .rev()
            .max_by(|a, b| a.1.throughput.total_cmp(&b.1.throughput))?;
        let enough = |i: usize, f: &Figures| {
            let error = self.throughput.error_between(i, best);
            f.throughput >= (GOOD_THROUGHPUT_RATIO - error) * top.throughput
        };
        let fast = || every().filter(|(i, f)| enough(*i, f));
        let (least, quickest) = fast().min_by(|a, b| a.1.p99_ms.total_cmp(&b.1.p99_ms))?;
        let met = target_p99_ms.and_then(|limit| fast().find(|(_, f)| f.p99_ms <= limit));
        let quick = |i: usize, f: &Figures| {
            f.p99_ms <= (GOOD_P99_RATIO + self.p99_error(i, least)) * quickest.p99_ms
        };
        let (chosen, _) = met.or_else(|| fast().find(|(i, f)| quick(*i, f)))?;
        Some(Picked {
            chosen,
            best,
            meets_target: met.is_some() || target_p99_ms.is_none(),
        })
    }
}

impl<'p> Choice<'p> {
    /// Another size in the place of the chosen one.
    pub(super) fn instead(self, points: &'p [Point], size: u32) -> Option<Self> {
        let at = points.iter().position(|p| p.size == size)?;
        Some(Self {
            chosen: &points[at],
            below: at.checked_sub(1).and_then(|i| points.get(i)),
            above: points.get(at + 1),
            ..self
        })
    }
}

/// Standard error of a 99th percentile of so many requests, as a share of it: that of an exponential
/// distribution, √(p(1 − p)/n) ÷ density.
fn p99_error(point: &Point) -> f64 {
    let density = 0.01 * 100f64.ln();
    (0.99 * 0.01 / point.requests.max(1) as f64).sqrt() / density
}
