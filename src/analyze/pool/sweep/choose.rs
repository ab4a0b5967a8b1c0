//! Which of the measured sizes is the one to have, and how sure that is.

use crate::stats::SplitMix64;

use super::points::Point;

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
}

/// What of a size decides whether it is chosen.
#[derive(Debug, Clone, Copy)]
struct Figures {
    works: bool,
    throughput: f64,
    p99_ms: f64,
    /// Standard errors of both, as shares of them.
    throughput_error: f64,
    p99_error: f64,
}

/// Places of the chosen and the best size.
struct Picked {
    chosen: usize,
    best: usize,
    meets_target: bool,
}

/// The smallest size with at least 98 % of the best throughput whose 99th percentile is at most 10 % above the
/// best of those, or meets the target; both within one standard error of what is compared, so that of sizes that
/// cannot be told apart it is the smallest. `None` where every size fails, or does not keep up with the rate.
pub(super) fn choose(points: &[Point], target_p99_ms: Option<f64>) -> Option<Choice<'_>> {
    let picked = pick(&figures(points), target_p99_ms)?;
    Some(Choice::of(
        points,
        picked.chosen,
        &points[picked.best],
        picked.meets_target,
    ))
}

/// Sizes that the same sweep might have chosen: the choice is made again and again with the figures of all sizes
/// moved by their errors, and 95 % of what is chosen lies between the two. Below the lower one begins at the
/// next smaller measured size, since those between them were not measured.
pub(super) fn interval(points: &[Point], chosen: u32, target_p99_ms: Option<f64>) -> (u32, u32) {
    let measured = figures(points);
    let mut random = SplitMix64::new(5);
    let mut sizes: Vec<u32> = (0..DRAWS)
        .filter_map(|_| {
            let moved: Vec<Figures> = measured.iter().map(|f| f.moved(&mut random)).collect();
            pick(&moved, target_p99_ms).map(|picked| points[picked.chosen].size)
        })
        .collect();
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
    let error = |p: &Point| block_noise(points) / (p.blocks as f64).sqrt();
    1.96 * error(choice.chosen).hypot(error(choice.best))
}

fn figures(points: &[Point]) -> Vec<Figures> {
    let noise = block_noise(points);
    let p99_noise = pooled(points, |p| p.p99_variance);
    let figures = points.iter().map(|p| Figures {
        works: p.requests > 0
            && p.failures as f64 <= FAILURES_RATIO * p.requests as f64
            && !p.is_overloaded(),
        throughput: p.throughput,
        p99_ms: p.p99_ms(),
        throughput_error: noise / (p.blocks as f64).sqrt(),
        // What disturbs a machine disturbs whole blocks, which no number of requests tells.
        p99_error: p99_error(p).max(p99_noise / (p.blocks as f64).sqrt()),
    });
    figures.collect()
}

impl Figures {
    /// The same size, measured another time.
    fn moved(&self, random: &mut SplitMix64) -> Self {
        Self {
            throughput: self.throughput * (1.0 + self.throughput_error * normal(random)).max(0.0),
            p99_ms: self.p99_ms * (self.p99_error * normal(random)).exp(),
            ..*self
        }
    }
}

/// A normal number by Box and Muller.
fn normal(random: &mut SplitMix64) -> f64 {
    let mut uniform = || ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let (radius, angle) = (uniform(), uniform());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

fn pick(all: &[Figures], target_p99_ms: Option<f64>) -> Option<Picked> {
    let working = || all.iter().enumerate().filter(|(_, f)| f.works);
    // Sizes that keep up with a rate do the same: the smallest of them is the best.
    let (best, top) = working()
        .rev()
        .max_by(|a, b| a.1.throughput.total_cmp(&b.1.throughput))?;
    let enough = |f: &Figures| {
        let error = f.throughput_error.hypot(top.throughput_error);
        f.throughput >= (GOOD_THROUGHPUT_RATIO - error) * top.throughput
    };
    let fast = || working().filter(|(_, f)| enough(f));
    let (_, quickest) = fast().min_by(|a, b| a.1.p99_ms.total_cmp(&b.1.p99_ms))?;
    let met = target_p99_ms.and_then(|limit| fast().find(|(_, f)| f.p99_ms <= limit));
    let quick = |f: &Figures| {
        let error = f.p99_error.hypot(quickest.p99_error);
        f.p99_ms <= (GOOD_P99_RATIO + error) * quickest.p99_ms
    };
    let (chosen, _) = met.or_else(|| fast().find(|(_, f)| quick(f)))?;
    Some(Picked {
        chosen,
        best,
        meets_target: met.is_some() || target_p99_ms.is_none(),
    })
}

impl<'p> Choice<'p> {
    fn of(points: &'p [Point], at: usize, best: &'p Point, meets_target: bool) -> Self {
        Self {
            chosen: &points[at],
            best,
            below: at.checked_sub(1).and_then(|i| points.get(i)),
            above: points.get(at + 1),
            meets_target,
        }
    }

    /// Another size in the place of the chosen one.
    pub(super) fn instead(self, points: &'p [Point], size: u32) -> Option<Self> {
        let at = points.iter().position(|p| p.size == size)?;
        Some(Self::of(points, at, self.best, self.meets_target))
    }
}

/// What the throughput of one block differs by from the mean of its size, as a share of it: pooled over all sizes,
/// since two blocks of one size say little.
fn block_noise(points: &[Point]) -> f64 {
    pooled(points, |point| point.block_variance)
}

/// The standard deviation of a block, from the variances of all sizes.
fn pooled(points: &[Point], variance: impl Fn(&Point) -> f64) -> f64 {
    let (squares, degrees) = points.iter().fold((0.0, 0.0), |(squares, degrees), point| {
        let free = point.blocks.saturating_sub(1) as f64;
        (squares + free * variance(point), degrees + free)
    });
    if degrees > 0.0 {
        (squares / degrees).sqrt()
    } else {
        0.0
    }
}

/// Standard error of a 99th percentile of so many requests, as a share of it: that of an exponential
/// distribution, √(p(1 − p)/n) ÷ density.
fn p99_error(point: &Point) -> f64 {
    let density = 0.01 * 100f64.ln();
    (0.99 * 0.01 / point.requests.max(1) as f64).sqrt() / density
}
