//! What happened inside one request, also when its future is dropped in the middle.

use std::time::{Duration, Instant};

/// What a request is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing that is measured by itself.
    Between,
    /// Waiting for a connection.
    Acquire,
    /// Waiting for the answer to the statement in this slot.
    Statement(usize),
}

/// One execution of one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Executed {
    /// Slot of the statement in its operation.
    pub(super) slot: usize,
    /// Send to last row, or to the error.
    pub(super) latency: Duration,
    /// Rows returned or affected.
    pub(super) rows: u64,
}

/// The parts of one request. A step that is begun and not ended is ended by [`Trace::close`], so that a
/// cancelled request keeps the time that it spent.
#[derive(Debug)]
pub(super) struct Trace {
    step: Step,
    since: Instant,
    leased_at: Option<Instant>,
    /// Acquire in total.
    pub(super) pool_wait: Duration,
    /// Length of the lease.
    pub(super) hold: Duration,
    /// Executions in their order.
    pub(super) executed: Vec<Executed>,
}

impl Trace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            step: Step::Between,
            since: now,
            leased_at: None,
            pool_wait: Duration::ZERO,
            hold: Duration::ZERO,
            executed: Vec::with_capacity(4),
        }
    }

    pub(super) fn begin_acquire(&mut self, now: Instant) {
        (self.step, self.since) = (Step::Acquire, now);
    }

    /// The acquire ended; with a lease if `leased`.
    pub(super) fn end_acquire(&mut self, now: Instant, leased: bool) {
        self.end_step(now, 0);
        self.leased_at = leased.then_some(now);
    }

    pub(super) fn begin_statement(&mut self, now: Instant, slot: usize) {
        (self.step, self.since) = (Step::Statement(slot), now);
    }

    pub(super) fn end_statement(&mut self, now: Instant, rows: u64) {
        self.end_step(now, rows);
    }

    /// Ends what is still under way.
    pub(super) fn close(&mut self, now: Instant) {
        self.end_step(now, 0);
        if let Some(leased_at) = self.leased_at.take() {
            self.hold = now.saturating_duration_since(leased_at);
        }
    }

    /// Σ statement latency.
    pub(super) fn statement_latency(&self) -> Duration {
        self.executed.iter().map(|e| e.latency).sum()
    }

    fn end_step(&mut self, now: Instant, rows: u64) {
        let latency = now.saturating_duration_since(self.since);
        match std::mem::replace(&mut self.step, Step::Between) {
            Step::Between => {}
            Step::Acquire => self.pool_wait += latency,
            Step::Statement(slot) => self.executed.push(Executed {
                slot,
                latency,
                rows,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_cut_off_keeps_its_time() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut trace = Trace::new(at(0));
        trace.begin_acquire(at(1));
        trace.end_acquire(at(4), true);
        trace.begin_statement(at(5), 0);
        trace.end_statement(at(7), 3);
        trace.begin_statement(at(8), 1);
        trace.close(at(18));
        assert_eq!(trace.pool_wait, Duration::from_millis(3));
        assert_eq!(trace.hold, Duration::from_millis(14));
        assert_eq!(trace.statement_latency(), Duration::from_millis(12));
        assert_eq!(trace.executed[0].rows, 3);

        let mut waiting = Trace::new(at(0));
        waiting.begin_acquire(at(0));
        waiting.close(at(9));
        assert_eq!(
            (waiting.pool_wait, waiting.hold),
            (Duration::from_millis(9), Duration::ZERO)
        );
    }
}
