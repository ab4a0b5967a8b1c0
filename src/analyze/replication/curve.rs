//! The primary's position over time.

use crate::record::replication::LsnPoint;

/// Share of steps in which the primary may have moved and still counts as idle: an idle server
/// writes a record now and then (checkpoints, running transactions).
const IDLE_STEPS_RATIO: f64 = 0.05;

/// Positions over time, linear between readings.
#[derive(Debug)]
pub(super) struct Curve {
    /// (milliseconds, bytes), both never falling.
    points: Vec<(f64, u64)>,
}

/// What is known of a delay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Delay {
    /// Milliseconds.
    Known(f64),
    /// The position is older than the first reading: at least that many milliseconds.
    AtLeast(f64),
}

impl Delay {
    pub(super) fn ms(self) -> f64 {
        match self {
            Self::Known(ms) | Self::AtLeast(ms) => ms,
        }
    }
}

impl Curve {
    pub(super) fn new(readings: &[LsnPoint]) -> Self {
        let mut points: Vec<(f64, u64)> = readings.iter().map(|p| (p.at.0, p.lsn.0)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut highest = 0;
        for point in &mut points {
            highest = highest.max(point.1);
            point.1 = highest;
        }
        Self { points }
    }

    pub(super) fn last(&self) -> Option<(f64, u64)> {
        self.points.last().copied()
    }

    /// The position at a moment; after the last reading the last one, before the first none.
    pub(super) fn at(&self, moment: f64) -> Option<f64> {
        let after = self.points.partition_point(|p| p.0 <= moment);
        let (from, low) = *self.points.get(after.checked_sub(1)?)?;
        let Some((to, high)) = self.points.get(after) else {
            return Some(low as f64);
        };
        Some(low as f64 + (moment - from) / (to - from) * (high - low) as f64)
    }

    /// How long before `moment` the primary went past `replayed`; `None` without a reading before.
    pub(super) fn delay(&self, moment: f64, replayed: u64) -> Option<Delay> {
        let here = self.at(moment)?;
        if replayed as f64 >= here {
            return Some(Delay::Known(0.0));
        }
        let past = self.points.partition_point(|p| p.1 <= replayed);
        let Some(&(to, high)) = self.points.get(past) else {
            return Some(Delay::Known(0.0));
        };
        let Some(before) = past.checked_sub(1) else {
            return Some(Delay::AtLeast(moment - self.points[0].0));
        };
        let (from, low) = self.points[before];
        let was_flat = before > 0 && self.points[before - 1].1 == low;
        if replayed == low && was_flat && moment <= to {
            // The primary stood still here and moved at some moment of this very step: whether the
            // move was before or after `moment` is not known, and nothing says that it is missing.
            return Some(Delay::Known(0.0));
        }
        let left = from + (replayed - low) as f64 / (high - low) as f64 * (to - from);
        Some(Delay::Known((moment - left).max(0.0)))
    }

    /// How long the primary has stood still at `moment`.
    pub(super) fn still_for(&self, moment: f64) -> f64 {
        let after = self.points.partition_point(|p| p.0 <= moment);
        let Some(&(_, here)) = after.checked_sub(1).and_then(|i| self.points.get(i)) else {
            return 0.0;
        };
        let reached = self.points.partition_point(|p| p.1 < here);
        moment - self.points[reached].0
    }

    /// The primary wrote next to nothing.
    pub(super) fn is_idle(&self) -> bool {
        let steps = self.points.len().saturating_sub(1);
        let moved = self.points.windows(2).filter(|w| w[1].1 > w[0].1).count();
        steps > 0 && moved as f64 <= IDLE_STEPS_RATIO * steps as f64
    }
}
