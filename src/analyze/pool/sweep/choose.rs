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

/// The smallest size with at least 98 % of the best throughput, within the error of the mean, whose 99th
/// percentile is at most 10 % above the best of those, or meets the target. `None` where every size fails.
pub(super) fn choose(points: &[Point], target_p99_ms: Option<f64>) -> Option<Choice<'_>> {
    let works =
        |p: &&Point| p.requests > 0 && p.failures as f64 <= FAILURES_RATIO * p.requests as f64;
    let best = points
        .iter()
        .filter(works)
        .max_by(|a, b| a.throughput.total_cmp(&b.throughput))?;
    let enough = |p: &&Point| {
        let reached = p.throughput + p.throughput_error.unwrap_or(0.0);
        reached >= GOOD_THROUGHPUT_RATIO * best.throughput
    };
    let fast = || points.iter().filter(works).filter(enough);
    let best_p99 = fast().map(Point::p99_ms).min_by(f64::total_cmp)?;
    let within = |limit: f64| fast().find(|p| p.p99_ms() <= limit);
    let met = target_p99_ms.and_then(within);
    let chosen = met.or_else(|| within(GOOD_P99_RATIO * best_p99))?;
    let at = points.iter().position(|p| p.size == chosen.size)?;
    Some(Choice {
        chosen,
        best,
        below: at.checked_sub(1).and_then(|i| points.get(i)),
        above: points.get(at + 1),
        meets_target: met.is_some() || target_p99_ms.is_none(),
    })
}
