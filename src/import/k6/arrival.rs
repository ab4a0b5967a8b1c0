//! Whether the loop was open or closed: no file of k6 names its executors.

use jiff::{SignedDuration, Timestamp};

use crate::record::load::Arrival;

/// Iterations that are looked at: 16 bytes each.
const MAX_ITERATIONS: usize = 20_000;

/// Fewest iterations that say anything.
const MIN_ITERATIONS: usize = 10;

/// Longest pause between two iterations of a VU in a closed loop, in seconds. k6 takes some 0.1 ms.
const MAX_PAUSE_SEC: f64 = 1e-3;

/// Longest pause over the mean distance of two starts: among more frequent starts one soon after an end is chance.
const MAX_PAUSE_RATIO: f64 = 0.2;

/// Share of the iterations that begin as another ends, from which on the loop is closed. Of starts by a schedule
/// at most [`MAX_PAUSE_RATIO`] do by chance.
const FOLLOWING_RATIO: f64 = 0.8;

/// Share of the time of all VUs in iterations, from which on the loop is closed where only that is known.
const BUSY_RATIO: f64 = 0.95;

/// Iterations in the order in which they ended, and what else tells the loop.
#[derive(Debug, Default)]
pub(super) struct Iterations {
    /// Begin and end in nanoseconds since the first end.
    spans: Vec<(i64, i64)>,
    origin: Option<Timestamp>,
    count: u64,
    total_ms: f64,
    began: i64,
    ended: i64,
    /// Some time has a fraction of a second.
    exact: bool,
}

impl Iterations {
    /// An iteration that ended at a moment and took so long.
    pub(super) fn add(&mut self, at: Timestamp, ms: f64) {
        let origin = *self.origin.get_or_insert(at);
        let since = at.duration_since(origin).as_nanos();
        let end = i64::try_from(since).unwrap_or(i64::MAX);
        let long = SignedDuration::try_from_secs_f64(ms / 1000.0).unwrap_or_default();
        let begin = end.saturating_sub(i64::try_from(long.as_nanos()).unwrap_or(i64::MAX));
        self.exact |= at.subsec_nanosecond() != 0;
        self.count += 1;
        self.total_ms += ms;
        self.began = if self.count == 1 {
            begin
        } else {
            self.began.min(begin)
        };
        self.ended = self.ended.max(end);
        if self.spans.len() < MAX_ITERATIONS {
            self.spans.push((begin, end));
        }
    }

    /// Judges the loop. `dropped`: iterations that were due and not begun.
    pub(super) fn arrival(&self, vus_max: f64, dropped: f64) -> Arrival {
        let closed = if self.exact {
            self.following(vus_max)
                .is_some_and(|share| share >= FOLLOWING_RATIO)
        } else {
            let length_ms = (self.ended - self.began) as f64 / 1e6;
            is_busy(self.total_ms, vus_max * length_ms, dropped)
        };
        if closed {
            Arrival::Closed
        } else {
            Arrival::Unknown
        }
    }

    /// Share of the iterations, but for the first of each VU, that begin as another one ends. Each end counts for
    /// one start.
    fn following(&self, vus_max: f64) -> Option<f64> {
        let mut starts: Vec<i64> = self.spans.iter().map(|s| s.0).collect();
        let mut ends: Vec<i64> = self.spans.iter().map(|s| s.1).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        let span = (starts.last()? - starts.first()?) as f64;
        let distance = span / starts.len() as f64;
        let pause = (MAX_PAUSE_SEC * 1e9).min(MAX_PAUSE_RATIO * distance);
        let counted = starts.len() as f64 - vus_max.max(1.0);
        if counted < MIN_ITERATIONS as f64 {
            return None;
        }
        let mut next = 0;
        let mut following = 0;
        for start in starts {
            while ends
                .get(next)
                .is_some_and(|end| (start - end) as f64 > pause)
            {
                next += 1;
            }
            if ends.get(next).is_some_and(|end| *end <= start) {
                next += 1;
                following += 1;
            }
        }
        Some(f64::from(following) / counted)
    }
}

/// All VUs were busy with iterations, and none was missing: an executor with an arrival rate would have to have
/// exactly as many VUs as its rate takes.
pub(super) fn is_busy(spent_ms: f64, available_ms: f64, dropped: f64) -> bool {
    dropped <= 0.0 && available_ms > 0.0 && spent_ms / available_ms >= BUSY_RATIO
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: f64) -> Timestamp {
        let since = SignedDuration::from_secs_f64(1_795_425_544.5 + ms / 1000.0);
        Timestamp::from_duration(since).unwrap()
    }

    #[test]
    fn starts_by_a_schedule_are_not_closed_however_busy_the_vus() {
        // Four VUs, an iteration of 150 to 154 ms every 40 ms.
        let mut scheduled = Iterations::default();
        // Four VUs, one iteration after the other.
        let mut looped = Iterations::default();
        for n in 0..200 {
            let long = 150.0 + f64::from(n % 5);
            scheduled.add(at(f64::from(n) * 40.0 + long), long);
            let (vu, turn) = (n % 4, n / 4);
            looped.add(at(f64::from(vu) * 7.0 + f64::from(turn + 1) * 150.2), 150.0);
        }
        assert_eq!(scheduled.arrival(4.0, 0.0), Arrival::Unknown);
        assert_eq!(looped.arrival(4.0, 0.0), Arrival::Closed);
        assert_eq!(Iterations::default().arrival(1.0, 0.0), Arrival::Unknown);
    }

    #[test]
    fn with_whole_seconds_only_busy_vus_tell() {
        let second = |n: i64| Timestamp::from_second(1_795_425_544 + n).unwrap();
        let mut iterations = Iterations::default();
        for n in 1..40 {
            iterations.add(second(n), 1000.0);
        }
        assert_eq!(iterations.arrival(1.0, 0.0), Arrival::Closed);
        assert_eq!(iterations.arrival(1.0, 1.0), Arrival::Unknown);
        assert_eq!(iterations.arrival(2.0, 0.0), Arrival::Unknown);
    }
}
