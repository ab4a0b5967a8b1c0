//! Two position curves on one clock.

use crate::record::Lsn;
use crate::record::replication::LsnPoint;

/// Bytes by which positions of a primary and a caught-up standby may differ: the header of a WAL
/// page (`SizeOfXLogLongPHD`, 40 bytes) is behind a written position and not before a replayed one.
const PAGE_HEADER_BYTES: u64 = 40;

/// The primary's position over time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve<'a> {
    points: &'a [LsnPoint],
}

/// Delay of visibility at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Delay {
    /// Everything that was written is replayed.
    CaughtUp,
    /// The oldest byte that is not replayed was written this long ago, in milliseconds.
    Behind(f64),
    /// It was written before the window: at least this long ago, in milliseconds.
    AtLeast(f64),
}

impl<'a> Curve<'a> {
    /// `points` in the order of time; `None` with fewer than two.
    pub(super) fn new(points: &'a [LsnPoint]) -> Option<Self> {
        (points.len() >= 2).then_some(Self { points })
    }

    /// Position at a moment, linear between readings and constant outside.
    pub(super) fn at(&self, at: f64) -> Lsn {
        let after = self.points.partition_point(|p| p.at.0 <= at);
        let (Some(before), Some(next)) = (
            after.checked_sub(1).and_then(|i| self.points.get(i)),
            self.points.get(after),
        ) else {
            let end = if after == 0 { 0 } else { self.points.len() - 1 };
            return self.points[end].lsn;
        };
        let share = (at - before.at.0) / (next.at.0 - before.at.0);
        let bytes = next.lsn.bytes_since(before.lsn).0 as f64 * share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a positive number of bytes"
        )]
        let bytes = bytes as u64;
        Lsn(before.lsn.0 + bytes)
    }

    /// Delay of a standby that has replayed up to `replayed` at the moment `at`.
    pub(super) fn delay(&self, at: f64, replayed: Lsn) -> Delay {
        let reached = Lsn(replayed.0.saturating_add(PAGE_HEADER_BYTES));
        if self.at(at) <= reached {
            return Delay::CaughtUp;
        }
        match self.passed(replayed) {
            Some(passed) => Delay::Behind((at - passed).max(0.0)),
            None => Delay::AtLeast((at - self.points[0].at.0).max(0.0)),
        }
    }

    /// When the curve first went beyond a position; `None` if it was beyond it from the start.
    fn passed(&self, position: Lsn) -> Option<f64> {
        let beyond = self.points.partition_point(|p| p.lsn <= position);
        let next = self.points.get(beyond)?;
        let before = &self.points[beyond.checked_sub(1)?];
        let step = next.lsn.bytes_since(before.lsn).0 as f64;
        let share = position.bytes_since(before.lsn).0 as f64 / step;
        Some(before.at.0 + (next.at.0 - before.at.0) * share)
    }

    /// Bytes written over the window.
    pub(super) fn growth(&self) -> u64 {
        let last = self.points[self.points.len() - 1].lsn;
        last.bytes_since(self.points[0].lsn).0
    }

    /// Bytes per millisecond over the window.
    pub(super) fn rate(&self) -> f64 {
        rate(self.points)
    }
}

/// Bytes per millisecond of a series of readings; 0 with fewer than two.
pub(super) fn rate(points: &[LsnPoint]) -> f64 {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if last.at.0 > first.at.0 => {
            last.lsn.bytes_since(first.lsn).0 as f64 / (last.at.0 - first.at.0)
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Millis;

    fn point(at: f64, lsn: u64) -> LsnPoint {
        LsnPoint {
            at: Millis(at),
            lsn: Lsn(lsn),
        }
    }

    #[test]
    fn the_delay_is_the_age_of_the_oldest_byte_that_is_not_replayed() {
        // 1000 bytes per millisecond, read every 100 ms.
        let points: Vec<_> = (0..=100_u32)
            .map(|i| point(f64::from(i) * 100.0, u64::from(i) * 100_000))
            .collect();
        let curve = Curve::new(&points).unwrap();
        assert_eq!(curve.at(550.0), Lsn(550_000));
        let Delay::Behind(lag) = curve.delay(5000.0, Lsn(4_700_000)) else {
            panic!("it is behind");
        };
        assert!((lag - 300.0).abs() < 1e-6, "{lag}");
        assert_eq!(
            curve.delay(5000.0, Lsn(4_999_980)),
            Delay::CaughtUp,
            "a page header apart"
        );
    }

    #[test]
    fn a_primary_that_stands_still_does_not_make_the_lag_grow() {
        let points = [
            point(0.0, 0),
            point(1000.0, 5000),
            point(2000.0, 5000),
            point(9000.0, 5000),
        ];
        let curve = Curve::new(&points).unwrap();
        assert_eq!(curve.delay(9000.0, Lsn(5000)), Delay::CaughtUp);
        assert_eq!(curve.delay(9000.0, Lsn(2500)), Delay::Behind(8500.0));
    }

    #[test]
    fn what_was_written_before_the_window_is_a_bound() {
        let points = [point(100.0, 1000), point(1000.0, 2000)];
        let curve = Curve::new(&points).unwrap();
        assert_eq!(curve.delay(600.0, Lsn(500)), Delay::AtLeast(500.0));
    }
}
