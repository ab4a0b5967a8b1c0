//! Counters, histograms and the exact time integral of a pool, clipped to the window.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::record::Millis;
use crate::record::pool::{AcquireCounters, PoolGauge, PoolRecord};
use crate::stats::LatencyHistogram;

/// How an acquire ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A connection was handed over; the permit was free at once.
    Immediate,
    /// A connection was handed over after a wait for the permit.
    Waited,
    /// The acquire timeout passed.
    TimedOut,
    /// The caller went away.
    Cancelled,
    /// A permit came, but no connection.
    Failed,
}

/// An acquire that ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acquired {
    pub(super) start: Instant,
    pub(super) now: Instant,
    /// Time without a permit.
    pub(super) permit_wait: Duration,
    pub(super) outcome: Outcome,
    /// What it took beside the wait was the check of a used connection.
    pub(super) checked: bool,
}

/// What a pool measures. Cheap to clone; all clones measure into the same place.
///
/// Nothing is counted before [`Meter::open_window`] nor after [`Meter::close_window`]. An acquire
/// belongs to the window if it started in it, and a lease if its acquire does. The time integral of
/// connections in use takes every lease, clipped to the window.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    opened: Option<Instant>,
    closed: Option<Instant>,
    counters: AcquireCounters,
    permit_wait: LatencyHistogram,
    no_waits: u64,
    connect: LatencyHistogram,
    recycle: LatencyHistogram,
    lease: LatencyHistogram,
    held_idle: LatencyHistogram,
    acquire_total: Duration,
    lease_total: Duration,
    held_idle_total: Duration,
    returning_total: Duration,
    in_use: u32,
    in_use_max: u32,
    waiting: u32,
    at_once_max: u32,
    in_use_time: Duration,
    in_use_since: Option<Instant>,
    gauges: Vec<PoolGauge>,
    #[cfg(test)]
    leases: Vec<(Instant, Instant)>,
}

impl State {
    /// True if something that began at `start` and ends now belongs to the window.
    fn counts(&self, start: Instant) -> bool {
        self.closed.is_none() && self.opened.is_some_and(|opened| start >= opened)
    }

    /// Adds the level that was in use up to `now` to the integral.
    fn integrate(&mut self, now: Instant) {
        if self.opened.is_none() || self.closed.is_some() {
            return;
        }
        if let Some(since) = self.in_use_since {
            self.in_use_time += now.saturating_duration_since(since) * self.in_use;
        }
        self.in_use_since = Some(now);
    }
}

impl Meter {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere does not make the counters wrong.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The window begins: from here on acquires and leases count.
    pub fn open_window(&self, now: Instant) {
        let mut state = self.state();
        state.opened = Some(now);
        state.in_use_since = Some(now);
        state.in_use_max = state.in_use;
        state.at_once_max = state.in_use + state.waiting;
    }

    /// The window ends: nothing after this counts.
    pub fn close_window(&self, now: Instant) {
        let mut state = self.state();
        state.integrate(now);
        if state.closed.is_none() {
            state.closed = Some(now);
        }
    }

    /// Writes down the gauges as they are now.
    pub fn sample(&self, now: Instant, size: u32, idle: u32) {
        let mut state = self.state();
        let Some(opened) = state.opened.filter(|_| state.closed.is_none()) else {
            return;
        };
        let gauge = PoolGauge {
            at: now.saturating_duration_since(opened).into(),
            size,
            idle: Some(idle),
            in_use: state.in_use,
            waiting: state.waiting,
        };
        state.gauges.push(gauge);
    }

    /// Most clients that were waiting or had a connection at once in the window.
    #[must_use]
    pub fn most_at_once(&self) -> u32 {
        self.state().at_once_max
    }

    /// What was measured between [`Self::open_window`] and [`Self::close_window`].
    #[must_use]
    pub fn record(&self, pool: &str, pool_size: u32, clients: u32) -> PoolRecord {
        let state = self.state();
        let length = match (state.opened, state.closed) {
            (Some(opened), Some(closed)) => closed.saturating_duration_since(opened),
            _ => Duration::ZERO,
        };
        let in_use_mean = if length.is_zero() {
            0.0
        } else {
            state.in_use_time.as_secs_f64() / length.as_secs_f64()
        };
        PoolRecord {
            pool: pool.to_owned(),
            pool_size,
            clients,
            length: length.into(),
            begun: None,
            counters: state.counters,
            permit_wait: {
                let mut all = state.permit_wait.clone();
                all.record_n(Duration::ZERO, state.no_waits);
                all
            },
            connect: state.connect.clone(),
            recycle: state.recycle.clone(),
            lease: state.lease.clone(),
            held_idle: state.held_idle.clone(),
            acquire_total: Millis::from(state.acquire_total),
            lease_total: Millis::from(state.lease_total),
            held_idle_total: Millis::from(state.held_idle_total),
            returning_total: Millis::from(state.returning_total),
            in_use_mean,
            in_use_max: state.in_use_max,
            gauges: state.gauges.clone(),
        }
    }

    /// A client begins to wait for a permit (`true`) or stops waiting (`false`).
    pub(super) fn waiting(&self, begins: bool) {
        let mut state = self.state();
        state.waiting = if begins {
            state.waiting + 1
        } else {
            state.waiting.saturating_sub(1)
        };
        state.at_once_max = state.at_once_max.max(state.waiting + state.in_use);
    }

    /// An acquire ended; with a connection its lease begins.
    pub(super) fn acquire_ended(&self, acquired: &Acquired) {
        let Acquired {
            start,
            now,
            permit_wait,
            outcome,
            checked,
        } = *acquired;
        let mut state = self.state();
        if matches!(outcome, Outcome::Immediate | Outcome::Waited) {
            state.integrate(now);
            state.in_use += 1;
            state.in_use_max = state.in_use_max.max(state.in_use);
            state.at_once_max = state.at_once_max.max(state.waiting + state.in_use);
        }
        if !state.counts(start) {
            return;
        }
        // Most waits are none: counting them is cheaper than finding their place.
        if permit_wait.is_zero() {
            state.no_waits += 1;
        } else {
            state.permit_wait.record(permit_wait);
        }
        let acquire = now.saturating_duration_since(start);
        state.acquire_total += acquire;
        if checked {
            state.recycle.record(acquire.saturating_sub(permit_wait));
        }
        state.counters.acquires += 1;
        *match outcome {
            Outcome::Immediate => &mut state.counters.immediate,
            Outcome::Waited => &mut state.counters.waited,
            Outcome::TimedOut => &mut state.counters.timed_out,
            Outcome::Cancelled => &mut state.counters.cancelled,
            Outcome::Failed => &mut state.counters.failed,
        } += 1;
    }

    /// A lease handed over at `start` ends at `now`; `statements` is the time of its statements. It
    /// counts if its acquire, begun at `acquire_start`, does.
    pub(super) fn lease_ends(
        &self,
        acquire_start: Instant,
        start: Instant,
        now: Instant,
        statements: Duration,
    ) {
        let mut state = self.state();
        state.integrate(now);
        state.in_use = state.in_use.saturating_sub(1);
        #[cfg(test)]
        state.leases.push((start, now));
        if state.counts(acquire_start) {
            let lease = now.saturating_duration_since(start);
            state.lease.record(lease);
            state.lease_total += lease;
            let held_idle = lease.saturating_sub(statements);
            state.held_idle.record(held_idle);
            state.held_idle_total += held_idle;
        }
    }

    /// A new connection was made in the time since `start`. One that could not be made is a failed acquire,
    /// and its time is in the acquire.
    pub(super) fn connected(&self, start: Instant) {
        let mut state = self.state();
        if state.counts(start) {
            state.connect.record(start.elapsed());
        }
    }

    /// A used connection was checked in the time since `start`, by a pool that does so by itself.
    pub(super) fn recycled(&self, start: Instant) {
        let mut state = self.state();
        if state.counts(start) {
            state.recycle.record(start.elapsed());
        }
    }

    /// A pool took a connection back in the time since `start`, in which nobody else could have it.
    pub(super) fn returned(&self, start: Instant) {
        let mut state = self.state();
        if state.counts(start) {
            state.returning_total += start.elapsed();
        }
    }

    /// Σ of the leases that ended, each clipped to the window: what the integral must equal.
    #[cfg(test)]
    pub(super) fn clipped_leases(&self) -> Duration {
        let state = self.state();
        let (Some(opened), Some(closed)) = (state.opened, state.closed) else {
            return Duration::ZERO;
        };
        state
            .leases
            .iter()
            .map(|&(start, end)| end.min(closed).saturating_duration_since(start.max(opened)))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acquired(start: Instant, now: Instant, outcome: Outcome) -> Acquired {
        Acquired {
            start,
            now,
            permit_wait: Duration::ZERO,
            outcome,
            checked: false,
        }
    }

    /// The window example of the reference: ends sort before starts of the same instant.
    #[test]
    fn the_integral_is_the_sum_of_leases_and_the_peak_is_three() {
        let leases = [
            (0.0, 4.0),
            (1.0, 3.0),
            (2.0, 6.0),
            (3.0, 5.0),
            (5.0, 9.0),
            (8.0, 10.0),
            (6.0, 6.5),
        ];
        let zero = Instant::now();
        let at = |s: f64| zero + Duration::from_secs_f64(s);
        let mut events: Vec<(f64, bool, f64)> = Vec::new();
        for (start, end) in leases {
            events.push((start, true, start));
            events.push((end, false, start));
        }
        events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let meter = Meter::default();
        meter.open_window(zero);
        for (time, begins, start) in events {
            if begins {
                let outcome = Outcome::Immediate;
                meter.acquire_ended(&acquired(at(start), at(time), outcome));
            } else {
                meter.lease_ends(at(start), at(start), at(time), Duration::ZERO);
            }
        }
        meter.close_window(at(10.0));
        let record = meter.record("test", 4, 4);
        assert!((record.in_use_mean - 1.85).abs() < 1e-9);
        assert_eq!(record.in_use_max, 3);
        assert_eq!(record.lease.count(), 7);
        assert!((record.lease_total.0 - 18_500.0).abs() < 1e-6);
    }

    #[test]
    fn what_began_before_the_window_does_not_count_but_its_lease_is_in_use() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let meter = Meter::default();
        meter.acquire_ended(&acquired(at(0), at(0), Outcome::Immediate));
        meter.open_window(at(10));
        meter.lease_ends(at(0), at(0), at(20), Duration::ZERO);
        meter.close_window(at(30));
        meter.acquire_ended(&acquired(at(15), at(31), Outcome::Immediate));
        let record = meter.record("test", 1, 1);
        assert_eq!(record.counters.acquires, 0);
        assert_eq!(record.lease.count(), 0);
        assert!((record.in_use_mean - 0.5).abs() < 1e-9);
        assert_eq!(record.in_use_max, 1);
    }

    #[test]
    fn the_check_of_a_used_connection_is_the_acquire_without_the_wait() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let meter = Meter::default();
        meter.open_window(zero);
        meter.acquire_ended(&acquired(at(0), at(5), Outcome::Immediate));
        meter.acquire_ended(&Acquired {
            permit_wait: Duration::from_millis(7),
            checked: true,
            ..acquired(at(1), at(10), Outcome::Waited)
        });
        meter.close_window(at(20));
        let record = meter.record("test", 2, 2);
        assert_eq!(record.recycle.count(), 1, "a new connection is not checked");
        assert!((record.recycle.mean_ms().unwrap() - 2.0).abs() < 0.01);
        assert!((record.acquire_total.0 - 14.0).abs() < 1e-9);
    }

    #[test]
    fn held_idle_is_the_lease_without_its_statements() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let meter = Meter::default();
        meter.open_window(zero);
        meter.acquire_ended(&acquired(at(0), at(1), Outcome::Immediate));
        meter.lease_ends(at(0), at(1), at(11), Duration::from_millis(4));
        meter.close_window(at(20));
        let record = meter.record("test", 1, 1);
        assert!((record.held_idle_total.0 - 6.0).abs() < 1e-9);
        assert!((record.lease_total.0 - 10.0).abs() < 1e-9);
    }
}
