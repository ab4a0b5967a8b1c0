//! Which of the measured sizes is the one to have.

use super::points::Point;

/// Throughput of a size as a share of the best that is good enough: what is missing is within what two runs
/// of the same thing differ by (ours).
pub(super) const GOOD_THROUGHPUT_RATIO: f64 = 0.98;

/// 99th percentile of a size over the best that is good enough (ours).
pub(super) const GOOD_P99_RATIO: f64 = 1.10;

/// Failures as a share of all requests from which a size is no candidate (ours).
const FAILURES_RATIO: f64 = 0.01;

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

/// The smallest size with at least 98 % of the best throughput whose 99th percentile is at most 10 % above the
/// best of those, or meets the target; both within one standard error of what is compared, so that of sizes that
/// cannot be told apart it is the smallest. `None` where every size fails, or does not keep up with the rate.
pub(super) fn choose(points: &[Point], target_p99_ms: Option<f64>) -> Option<Choice<'_>> {
    let works = |p: &&Point| {
        p.requests > 0
            && p.failures as f64 <= FAILURES_RATIO * p.requests as f64
            && !p.is_overloaded()
    };
    // Sizes that keep up with a rate do the same: the smallest of them is the best.
    let best = points
        .iter()
        .rev()
        .filter(works)
        .max_by(|a, b| a.throughput.total_cmp(&b.throughput))?;
    let noise = block_noise(points);
    let rate_error = |p: &Point| noise / (p.blocks as f64).sqrt();
    let enough = |p: &&Point| {
        let error = rate_error(p).hypot(rate_error(best));
        p.throughput >= (GOOD_THROUGHPUT_RATIO - error) * best.throughput
    };
    let fast = || points.iter().filter(works).filter(enough);
    let best_p99 = fast().min_by(|a, b| a.p99_ms().total_cmp(&b.p99_ms()))?;
    let met = target_p99_ms.and_then(|limit| fast().find(|p| p.p99_ms() <= limit));
    let quick = |p: &&Point| {
        let error = p99_error(p).hypot(p99_error(best_p99));
        p.p99_ms() <= (GOOD_P99_RATIO + error) * best_p99.p99_ms()
    };
    let chosen = met.or_else(|| fast().find(quick))?;
    let meets_target = met.is_some() || target_p99_ms.is_none();
    Choice::of(points, chosen.size, best, meets_target)
}

impl<'p> Choice<'p> {
    fn of(points: &'p [Point], size: u32, best: &'p Point, meets_target: bool) -> Option<Self> {
        let at = points.iter().position(|p| p.size == size)?;
        Some(Self {
            chosen: &points[at],
            best,
            below: at.checked_sub(1).and_then(|i| points.get(i)),
            above: points.get(at + 1),
            meets_target,
        })
    }

    /// Another size in the place of the chosen one.
    pub(super) fn instead(self, points: &'p [Point], size: u32) -> Option<Self> {
        Self::of(points, size, self.best, self.meets_target)
    }
}

/// What the throughput of one block differs by from the mean of its size, as a share of it: pooled over all sizes,
/// since two blocks of one size say little.
fn block_noise(points: &[Point]) -> f64 {
    let (squares, degrees) = points.iter().fold((0.0, 0.0), |(squares, degrees), point| {
        let free = point.blocks.saturating_sub(1) as f64;
        (squares + free * point.block_variance, degrees + free)
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
