//! One client of the closed loop.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::sync::watch;

use crate::pool::{DeadpoolSource, Pool};
use crate::workload::Think;

use super::control::Progress;
use super::options::DriveOptions;
use super::plan::Plan;
use super::recorder::Recorder;
use super::request::{self, Failure};
use super::trace::Trace;

/// Pause after the first failure of a server that is not there; doubled with each further one in a row
/// (ours).
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Longest such pause (ours): a server that comes back is noticed within a second.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What clients are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Send requests.
    Run,
    /// Finish the request under way and end.
    Finish,
    /// Cancel the request under way and end.
    Cancel,
}

/// What all clients share; they live on one thread.
pub(super) struct Shared {
    pub(super) plan: Plan,
    pub(super) pool: Pool<DeadpoolSource>,
    pub(super) recorder: RefCell<Recorder>,
    pub(super) options: DriveOptions,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) progress: Arc<Progress>,
    /// The allowed failures were exceeded.
    pub(super) too_many_errors: Cell<bool>,
}

impl Shared {
    /// Tells clients what to do; never back to an earlier phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
    }

    /// Completes when clients are to do `phase`, or something later.
    pub(super) async fn reached(&self, phase: Phase) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    fn record(
        &self,
        operation: usize,
        started: Instant,
        ended: Instant,
        trace: &Trace,
        failure: Option<&Failure>,
    ) {
        self.recorder
            .borrow_mut()
            .request(operation, started, ended, trace, failure);
        self.progress.count(failure.is_some());
        let limit = self.options.max_errors;
        let cut = failure == Some(&Failure::Cancelled);
        if !cut && limit.is_some_and(|limit| self.progress.errors() > limit) {
            self.too_many_errors.set(true);
            self.enter(Phase::Cancel);
        }
    }
}

/// Sends requests until the phase says stop.
pub(super) async fn run(shared: Rc<Shared>, index: u32) {
    let mut rng = ChaCha8Rng::seed_from_u64(shared.options.seed);
    rng.set_stream(u64::from(index));
    let think = shared.options.think;
    // Clients that pause do not all begin at the same moment.
    let first = think.max.mul_f64(rng.random_range(0.0..1.0));
    pause(&shared, first).await;
    let mut failures_in_row = 0;
    while *shared.phase.borrow() == Phase::Run {
        let failure = one_request(&shared, &mut rng).await;
        let backoff = if failure.is_some_and(|failure| failure.wants_pause()) {
            failures_in_row += 1;
            LONGEST_PAUSE.min(FIRST_PAUSE * 2u32.saturating_pow((failures_in_row - 1).min(10)))
        } else {
            failures_in_row = 0;
            Duration::ZERO
        };
        pause(&shared, backoff.max(drawn(think, &mut rng))).await;
    }
}

async fn one_request(shared: &Shared, rng: &mut ChaCha8Rng) -> Option<Failure> {
    let index = shared.plan.choose(rng);
    let operation = shared.plan.operations.get(index)?;
    let values = operation.draw(rng);
    let started = Instant::now();
    let mut trace = Trace::new(started);
    let timeout = shared.options.statement_timeout;
    let result = {
        let work = request::run(&shared.pool, operation, &values, timeout, &mut trace);
        tokio::select! {
            biased;
            result = work => result,
            () = shared.reached(Phase::Cancel) => Err(Failure::Cancelled),
        }
    };
    let ended = Instant::now();
    trace.close(ended);
    let failure = result.err();
    shared.record(index, started, ended, &trace, failure.as_ref());
    failure
}

/// A pause between the bounds of the think time.
fn drawn(think: Think, rng: &mut ChaCha8Rng) -> Duration {
    if think.min == think.max {
        return think.min;
    }
    rng.random_range(think.min..=think.max)
}

/// Pauses, but not beyond the end of the run.
async fn pause(shared: &Shared, length: Duration) {
    if length.is_zero() {
        return;
    }
    tokio::select! {
        () = tokio::time::sleep(length) => {}
        () = shared.reached(Phase::Finish) => {}
    }
}
