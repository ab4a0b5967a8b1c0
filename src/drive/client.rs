//! One client: of the closed loop, or one that takes what is due in an open loop.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rand::Rng as _;
use tokio::sync::watch;

use super::control::{Control, Progress};
use super::failure::Failure;
use super::options::DriveOptions;
use super::recorder::{Moments, Recorder};
use super::request::drawn;
use super::switch::{Phase, Switch};
use super::target::{Target, TraceOf};

/// Pause after the first failure of a server that is not there; doubled with each further one in a row
/// (ours).
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Longest such pause (ours): a server that comes back is noticed within a second.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What all clients of all threads share.
pub(super) struct Shared<T: Target> {
    pub(super) target: T,
    pub(super) options: DriveOptions,
    pub(super) switch: Switch,
    pub(super) progress: Arc<Progress>,
    /// The window, once it has begun.
    pub(super) window: OnceLock<(Instant, Timestamp)>,
    /// Clients of a closed loop that are to send requests now.
    pub(super) active: Active,
    /// How far the load has come, for threads on whose schedule requests are due.
    pub(super) stretch: watch::Sender<Stretch>,
    /// The allowed failures were exceeded.
    pub(super) too_many_errors: AtomicBool,
    /// A request of an open loop had to wait because all clients were busy.
    pub(super) clients_were_busy: AtomicBool,
}

/// A stretch of the course of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stretch {
    /// Nothing is sent: the agreed moment has not come, or there is no warm-up.
    Idle,
    WarmUp,
    Window,
}

impl<T: Target> Shared<T> {
    pub(super) fn new(target: T, options: &DriveOptions, control: &Control) -> Self {
        Self {
            target,
            options: options.clone(),
            switch: Switch::new(),
            progress: control.progress(),
            window: OnceLock::new(),
            active: Active::default(),
            stretch: watch::Sender::new(Stretch::Idle),
            too_many_errors: AtomicBool::new(false),
            clients_were_busy: AtomicBool::new(false),
        }
    }

    /// Completes when this stretch has begun, or a later one.
    pub(super) async fn begun(&self, stretch: Stretch) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self
            .stretch
            .subscribe()
            .wait_for(|now| *now >= stretch)
            .await;
    }

    pub(super) fn opened(&self) -> Option<Instant> {
        self.window.get().map(|(instant, _)| *instant)
    }
}

/// The number of clients that send requests; it changes from stage to stage.
#[derive(Debug, Default)]
pub(super) struct Active {
    /// For those who only look.
    now: AtomicU32,
    changed: watch::Sender<u32>,
}

impl Active {
    pub(super) fn set(&self, count: u32) {
        self.now.store(count, Ordering::Release);
        self.changed
            .send_if_modified(|before| std::mem::replace(before, count) != count);
    }

    fn count(&self) -> usize {
        self.now.load(Ordering::Acquire) as usize
    }

    async fn more_than(&self, client: usize) {
        let mut changed = self.changed.subscribe();
        // The sender is in `self`, so waiting cannot fail.
        let _ = changed.wait_for(|count| *count as usize > client).await;
    }
}

/// What the clients of one thread share.
pub(super) struct Thread<T: Target> {
    pub(super) shared: Arc<Shared<T>>,
    pub(super) recorder: RefCell<Recorder<T::Detail>>,
}

impl<T: Target> Thread<T> {
    pub(super) fn record(
        &self,
        operation: usize,
        moments: Moments,
        trace: &TraceOf<T>,
        failure: Option<&Failure>,
    ) {
        self.record_in(self.shared.opened(), operation, moments, trace, failure);
    }

    fn record_in(
        &self,
        opened: Option<Instant>,
        operation: usize,
        moments: Moments,
        trace: &TraceOf<T>,
        failure: Option<&Failure>,
    ) {
        let shared = &self.shared;
        self.recorder
            .borrow_mut()
            .request(opened, operation, moments, trace, failure);
        shared.progress.count(failure.is_some());
        let Some(limit) = shared.options.max_errors else {
            return;
        };
        if failure.is_some_and(|f| *f != Failure::Cancelled) && shared.progress.errors() > limit {
            shared.too_many_errors.store(true, Ordering::Relaxed);
            shared.switch.enter(Phase::Cancel);
        }
    }

    /// Something was pushed; see [`Recorder::pushed`].
    pub(super) fn pushed(&self, operation: usize, arrived: Instant, latency: Option<Duration>) {
        let opened = self.shared.opened();
        self.recorder
            .borrow_mut()
            .pushed(opened, operation, arrived, latency);
        self.shared.progress.count(false);
    }

    /// Draws and runs one request; one that is due since too long is skipped.
    async fn request(&self, client: &mut T::Client, due: Option<Instant>) -> Option<Failure> {
        let shared = &*self.shared;
        let index = shared.target.prepare(client)?;
        let started = Instant::now();
        if let (Some(due), Some(limit)) = (due, shared.options.max_schedule_lag)
            && started.saturating_duration_since(due) > limit
        {
            let mut recorder = self.recorder.borrow_mut();
            recorder.skipped(shared.opened(), index, due);
            return None;
        }
        T::begin(client, started);
        let result = {
            let run = pin!(shared.target.run(self, client, index, started));
            shared.switch.unless_cancelled(run).await
        };
        let ended = T::end(client);
        let failure = match result {
            Ok(result) => result.err(),
            Err(_) => Some(Failure::Cancelled),
        };
        let moments = Moments {
            due,
            started,
            ended,
        };
        let warm_up = shared.target.is_warm_up(client);
        let opened = shared.opened().filter(|_| !warm_up);
        self.record_in(opened, index, moments, T::trace(client), failure.as_ref());
        failure
    }

    /// Pauses, but not beyond the end of the run.
    async fn pause(&self, length: Duration) {
        if length.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(length) => {}
            () = self.shared.switch.reached(Phase::Finish) => {}
        }
    }

    /// Waits until the client with this number is to send requests, or never again.
    async fn until_active(&self, client: usize) {
        tokio::select! {
            () = self.shared.active.more_than(client) => {}
            () = self.shared.switch.reached(Phase::Finish) => {}
        }
    }

    /// A client of the closed loop: sends requests until the phase says stop.
    pub(super) async fn closed_loop(self: Rc<Self>, number: usize, mut client: T::Client) {
        let shared = &self.shared;
        shared.switch.register().await;
        // Clients that pause do not all begin at the same moment.
        let think = shared.target.think(&client);
        let first = think
            .max
            .mul_f64(T::rng(&mut client).random_range(0.0..1.0));
        self.pause(first).await;
        let mut backoff = Backoff::default();
        while shared.switch.is_running() {
            if shared.active.count() <= number {
                self.until_active(number).await;
                continue;
            }
            let failure = self.request(&mut client, None).await;
            let wait = backoff.after(failure.as_ref());
            let think = shared.target.think(&client);
            if !think.max.is_zero() || !wait.is_zero() {
                let pause = wait.max(drawn(think, T::rng(&mut client)));
                self.pause(pause).await;
            }
        }
    }

    /// A client of an open loop: takes what is due until the queue is closed and empty.
    pub(super) async fn open_loop(self: Rc<Self>, mut client: T::Client, queue: Rc<Queue>) {
        self.shared.switch.register().await;
        let mut backoff = Backoff::default();
        while let Some(due) = queue.next().await {
            let failure = self.request(&mut client, Some(due)).await;
            // Others go on meanwhile: the schedule does not wait for a server that is not there.
            self.pause(backoff.after(failure.as_ref())).await;
        }
    }
}

/// The pause after failures of a server that is not there.
#[derive(Debug, Default)]
struct Backoff {
    failures_in_row: u32,
}

impl Backoff {
    fn after(&mut self, failure: Option<&Failure>) -> Duration {
        if !failure.is_some_and(Failure::wants_pause) {
            self.failures_in_row = 0;
            return Duration::ZERO;
        }
        let doubled = 2u32.saturating_pow(self.failures_in_row.min(10));
        self.failures_in_row += 1;
        LONGEST_PAUSE.min(FIRST_PAUSE * doubled)
    }
}

/// Requests of one thread that are due, and clients that wait for one.
#[derive(Debug, Default)]
pub(super) struct Queue(RefCell<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    due: VecDeque<Instant>,
    idle: Vec<Waker>,
    /// Clients that were woken and have not come yet.
    woken: usize,
    closed: bool,
}

impl Queue {
    /// A request is due. False if nobody is free to take it.
    pub(super) fn push(&self, due: Instant) -> bool {
        let mut waiting = self.0.borrow_mut();
        waiting.due.push_back(due);
        if let Some(waker) = waiting.idle.pop() {
            waiting.woken += 1;
            waker.wake();
            return true;
        }
        waiting.woken >= waiting.due.len()
    }

    /// Requests that nobody has taken yet.
    pub(super) fn len(&self) -> usize {
        self.0.borrow().due.len()
    }

    /// Nothing more will be due. What is due is still done.
    pub(super) fn close(&self) {
        let mut waiting = self.0.borrow_mut();
        waiting.closed = true;
        waiting.idle.drain(..).for_each(Waker::wake);
    }

    /// Takes back what nobody has begun.
    pub(super) fn take_all(&self) -> VecDeque<Instant> {
        std::mem::take(&mut self.0.borrow_mut().due)
    }

    /// The next request that is due; `None` when there will be none.
    async fn next(&self) -> Option<Instant> {
        let mut waited = false;
        poll_fn(|cx| {
            let mut waiting = self.0.borrow_mut();
            if std::mem::take(&mut waited) {
                waiting.woken = waiting.woken.saturating_sub(1);
            }
            if let Some(due) = waiting.due.pop_front() {
                return Poll::Ready(Some(due));
            }
            if waiting.closed {
                return Poll::Ready(None);
            }
            waiting.idle.push(cx.waker().clone());
            waited = true;
            Poll::Pending
        })
        .await
    }
}
