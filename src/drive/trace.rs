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
    /// Waiting for the answers of a pipeline.
    Pipeline,
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
    /// Time in which at least one statement was under way.
    pub(super) busy: Duration,
    /// Executions in the order of their ends.
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
            busy: Duration::ZERO,
            executed: Vec::with_capacity(8),
        }
    }

    /// Begins the next request; keeps the memory of the one before.
    pub(super) fn restart(&mut self, now: Instant) {
        self.executed.clear();
        *self = Self {
            executed: std::mem::take(&mut self.executed),
            step: Step::Between,
            since: now,
            leased_at: None,
            pool_wait: Duration::ZERO,
            hold: Duration::ZERO,
            busy: Duration::ZERO,
        };
    }

    pub(super) fn begin_acquire(&mut self, now: Instant) {
        (self.step, self.since) = (Step::Acquire, now);
    }

    /// The acquire ended; with a lease that began at `now` if `leased`.
    pub(super) fn end_acquire(&mut self, now: Instant, leased: bool) {
        self.end_step(now, 0);
        self.leased_at = leased.then_some(now);
    }

    pub(super) fn begin_statement(&mut self, now: Instant, slot: usize) {
        (self.step, self.since) = (Step::Statement(slot), now);
    }

    /// The statement ended. Returns its latency.
    pub(super) fn end_statement(&mut self, now: Instant, rows: u64) -> Duration {
        self.end_step(now, rows)
    }

    /// The first statement of a pipeline is sent.
    pub(super) fn begin_pipeline(&mut self, now: Instant) {
        (self.step, self.since) = (Step::Pipeline, now);
    }

    /// One statement of the pipeline that is under way has its last row.
    pub(super) fn in_pipeline(&mut self, executed: Executed) {
        self.executed.push(executed);
    }

    /// All answers of the pipeline are there. Returns its length.
    pub(super) fn end_pipeline(&mut self, now: Instant) -> Duration {
        self.end_step(now, 0)
    }

    /// Ends what is still under way.
    pub(super) fn close(&mut self, now: Instant) {
        self.end_step(now, 0);
        if let Some(leased_at) = self.leased_at.take() {
            self.hold = now.saturating_duration_since(leased_at);
        }
    }

    fn end_step(&mut self, now: Instant, rows: u64) -> Duration {
        let step = std::mem::replace(&mut self.step, Step::Between);
        if step == Step::Between {
            return Duration::ZERO;
        }
        let latency = now.saturating_duration_since(self.since);
        match step {
            Step::Between => {}
            Step::Acquire => self.pool_wait += latency,
            Step::Pipeline => self.busy += latency,
            Step::Statement(slot) => {
                self.busy += latency;
                self.executed.push(Executed {
                    slot,
                    latency,
                    rows,
                });
            }
        }
        latency
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
        assert_eq!(trace.busy, Duration::from_millis(12));
        assert_eq!(trace.executed[0].rows, 3);

        trace.restart(at(20));
        trace.begin_acquire(at(20));
        trace.close(at(29));
        assert_eq!(
            (trace.pool_wait, trace.hold),
            (Duration::from_millis(9), Duration::ZERO)
        );
        assert!(trace.executed.is_empty());
    }

    #[test]
    fn statements_of_a_pipeline_overlap_and_its_time_counts_once() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut trace = Trace::new(at(0));
        trace.end_acquire(at(0), true);
        trace.begin_pipeline(at(1));
        for slot in 0..3 {
            trace.in_pipeline(Executed {
                slot,
                latency: Duration::from_millis(5),
                rows: 1,
            });
        }
        assert_eq!(trace.end_pipeline(at(7)), Duration::from_millis(6));
        trace.close(at(8));
        assert_eq!(trace.busy, Duration::from_millis(6));
        assert_eq!(trace.hold, Duration::from_millis(8));
        assert_eq!(trace.executed.len(), 3);
    }
}
