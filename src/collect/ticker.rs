//! Regular moments on the window's clock. A tick that comes too late is dropped and counted.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::record::Millis;

/// The clock of one sampler.
pub(super) struct Ticker {
    origin: Instant,
    interval: Duration,
    next: u32,
    missed: u64,
    stop: watch::Receiver<bool>,
}

impl Ticker {
    /// Ticks at `origin`, `origin + interval`, …
    pub(super) fn new(origin: Instant, interval: Duration, stop: watch::Receiver<bool>) -> Self {
        Self {
            origin,
            interval: interval.max(Duration::from_millis(1)),
            next: 0,
            missed: 0,
            stop,
        }
    }

    /// Waits for the next tick; false once the window has ended.
    pub(super) async fn tick(&mut self) -> bool {
        let (next, dropped) = next_tick(self.origin.elapsed(), self.interval, self.next);
        self.missed += dropped;
        self.next = next + 1;
        let due = tokio::time::Instant::from_std(self.origin + self.interval * next);
        pause_until(due, &mut self.stop).await
    }

    /// Ticks that were dropped, because the sample before took too long.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// The number of the next tick.
    pub(super) fn set_next(&mut self, next: u32) {
        self.next = next;
    }

    /// Another interval from now on.
    pub(super) fn set_interval(&mut self, interval: Duration) {
        if interval != self.interval {
            self.interval = interval.max(Duration::from_millis(1));
            let now = self.origin.elapsed().as_nanos();
            let next = now / self.interval.as_nanos() + 1;
            self.next = u32::try_from(next).unwrap_or(u32::MAX);
        }
    }
}

/// The tick to wait for, given that number `expected` would be next, and how many were dropped.
/// A tick may be late by a tenth of the interval: taking it then does not disturb the spacing.
fn next_tick(elapsed: Duration, interval: Duration, expected: u32) -> (u32, u64) {
    let late = elapsed.saturating_sub(interval / 10).as_nanos();
    let first_in_time = late.div_ceil(interval.as_nanos());
    let next = u32::try_from(first_in_time)
        .unwrap_or(u32::MAX)
        .max(expected);
    (next, u64::from(next - expected))
}

/// Sleeps; false if the window ended meanwhile.
pub(super) async fn pause_until(
    due: tokio::time::Instant,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        biased;
        // An error means that the observer was dropped.
        _ = stop.wait_for(|stopped| *stopped) => false,
        () = tokio::time::sleep_until(due) => true,
    }
}

/// The middle of a round trip that began at `start`, on the window's clock: the best guess of when
/// the server looked.
pub(super) fn middle(start: Duration, origin: Instant) -> Millis {
    Millis::from(start + origin.elapsed().saturating_sub(start) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn late_ticks_are_dropped_and_counted() {
        let interval = 100 * MS;
        assert_eq!(next_tick(Duration::ZERO, interval, 0), (0, 0));
        assert_eq!(next_tick(30 * MS, interval, 1), (1, 0), "on time");
        assert_eq!(next_tick(105 * MS, interval, 1), (1, 0), "hardly late");
        assert_eq!(next_tick(150 * MS, interval, 1), (2, 1), "late");
        assert_eq!(next_tick(1230 * MS, interval, 3), (13, 10), "far too late");
    }
}
