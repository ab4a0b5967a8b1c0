//! One thread of the driver: a runtime of its own, its part of the clients, their connections.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::arrivals::{Part, Schedule};
use super::client::{Queue, Shared, Stretch, Thread};
use super::failure::Failure;
use super::profile::Profile;
use super::recorder::{Moments, Recorder};
use super::switch::Phase;
use super::target::Target;
use super::timer::Timer;
use super::{DriveError, doubt};

/// Requests of one thread that are due and not taken, at most (ours): beyond that the rate is hopeless, and
/// what would be kept is memory. Those that do not fit are counted as skipped.
const BACKLOG: usize = 100_000;

/// Requests that are made due in a row before the clients have their turn.
const BURST: u32 = 64;

/// What a thread says when its clients have ended.
pub(super) struct Report<D> {
    pub(super) recorder: Recorder<D>,
    /// How late each reading was.
    pub(super) lateness: Vec<Duration>,
}

/// The ends of a thread's channels.
pub(super) struct Ends<D> {
    /// The identity of the thread, for its times.
    pub(super) started: oneshot::Sender<Result<i32, DriveError>>,
    pub(super) report: oneshot::Sender<Report<D>>,
    /// Moments at which this thread should wake up.
    pub(super) pings: mpsc::UnboundedReceiver<Instant>,
    /// The connections of this thread are closed.
    pub(super) leave: oneshot::Receiver<()>,
}

/// Drives one part of the load until all is closed.
pub(super) fn run<T: Target>(shared: Arc<Shared<T>>, part: Part, ends: Ends<T::Detail>) {
    let runtime = match super::replay::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ends.started.send(Err(error))),
    };
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        let _ = ends.started.send(Ok(doubt::thread_id()));
        // This future is polled whenever anything happens on the thread; what waits for all clients is a
        // task like them.
        match spawn_local(drive(shared, part, ends.pings)).await {
            Ok(report) => drop(ends.report.send(report)),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
        // Connections of this thread move their last bytes here.
        let _ = ends.leave.await;
    });
}

async fn drive<T: Target>(
    shared: Arc<Shared<T>>,
    part: Part,
    pings: mpsc::UnboundedReceiver<Instant>,
) -> Report<T::Detail> {
    let stages = shared.options.stage_frames();
    let recorder = RefCell::new(Recorder::new(shared.target.details(), &stages));
    let thread = Rc::new(Thread { shared, recorder });
    let lateness = spawn_local(watch_lateness(Rc::clone(&thread), pings));
    if thread.shared.options.is_open() {
        open_loop(&thread, part).await;
    } else {
        let all = thread.shared.options.clients();
        let mine = (part.index..all).step_by(part.count as usize);
        let clients = mine.map(|client| {
            let state = thread.client(client);
            spawn_local(Rc::clone(&thread).closed_loop(client as usize, state))
        });
        ended(clients.collect()).await;
    }
    let lateness = lateness.await.unwrap_or_default();
    let empty = Recorder::new(thread.shared.target.details(), &stages);
    Report {
        recorder: thread.recorder.replace(empty),
        lateness,
    }
}

/// Waits for all clients; a bug in one of them is not swallowed.
async fn ended(clients: Vec<JoinHandle<()>>) {
    for client in join_all(clients).await {
        if let Err(panicked) = client {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }
}

impl<T: Target> Thread<T> {
    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let options = &self.shared.options;
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(stream | u64::from(options.shard.index - 1) << 40);
        rng
    }

    fn client(&self, number: u32) -> T::Client {
        let rng = self.rng(u64::from(number));
        self.shared.target.client(number as usize, rng)
    }
}

/// Makes requests due until the phase says stop, and waits until they are done.
async fn open_loop<T: Target>(thread: &Rc<Thread<T>>, part: Part) {
    let queue = Rc::new(Queue::default());
    let clients = Clients {
        thread: Rc::clone(thread),
        queue: Rc::clone(&queue),
        part,
        most: thread.shared.options.clients().div_ceil(part.count).max(1),
        spawned: RefCell::default(),
        skip_rng: RefCell::new(thread.rng(1 << 38 | u64::from(part.index))),
        in_burst: Cell::new(0),
    };
    let options = &thread.shared.options;
    let warm = Arc::new(Profile::constant(options.warm_level()));
    let shared = &thread.shared;
    tokio::select! {
        () = shared.begun(Stretch::WarmUp) => {}
        () = shared.switch.reached(Phase::Finish) => {}
    }
    if shared.window.get().is_none() {
        let opened = shared.begun(Stretch::Window);
        clients.follow(warm, Instant::now(), opened).await;
    }
    if let Some((start, _)) = shared.window.get() {
        let profile = options.profile();
        clients
            .follow(profile, *start, std::future::pending())
            .await;
    }
    shared.switch.reached(Phase::Finish).await;
    queue.close();
    let clients = clients.spawned.take();
    let mut all = pin!(ended(clients));
    tokio::select! {
        () = &mut all => {}
        () = shared.switch.reached(Phase::Cancel) => {
            never_sent(thread, &queue);
            all.await;
        }
    }
}

/// Requests that were due and never sent stay in the record, with the time that they waited: without them
/// the longest waits would be missing.
fn never_sent<T: Target>(thread: &Thread<T>, queue: &Queue) {
    let mut nobody = thread.client(u32::MAX);
    let now = Instant::now();
    T::begin(&mut nobody, now);
    for due in queue.take_all() {
        let operation = thread.shared.target.draw(T::rng(&mut nobody));
        let moments = Moments {
            due: Some(due),
            started: now,
            ended: now,
        };
        let trace = T::trace(&nobody);
        thread.record(operation, moments, trace, Some(&Failure::Cancelled));
    }
}

/// The clients of an open loop on one thread: as many as there are requests at once.
struct Clients<T: Target> {
    thread: Rc<Thread<T>>,
    queue: Rc<Queue>,
    part: Part,
    most: u32,
    spawned: RefCell<Vec<JoinHandle<()>>>,
    skip_rng: RefCell<ChaCha8Rng>,
    in_burst: Cell<u32>,
}

impl<T: Target> Clients<T> {
    /// Makes requests due by a schedule from `start`, until `end` or the phase says stop.
    async fn follow(&self, profile: Arc<Profile>, start: Instant, end: impl Future<Output = ()>) {
        let shared = &self.thread.shared;
        let Shared {
            options, switch, ..
        } = &**shared;
        let machine = options.shard;
        let all = Part {
            index: (machine.index - 1) * self.part.count + self.part.index,
            count: machine.count * self.part.count,
        };
        let rng = self.thread.rng(1 << 39 | u64::from(self.part.index));
        let mut schedule = Schedule::new(profile, options.arrivals, all, rng);
        let Ok(timer) = Timer::new() else { return };
        let mut stop = pin!(async {
            tokio::select! {
                () = end => {}
                () = switch.reached(Phase::Finish) => {}
            }
        });
        while let Some(due) = schedule.next() {
            let due = start + due;
            if due <= Instant::now() && self.in_burst.get() < BURST {
                self.in_burst.set(self.in_burst.get() + 1);
            } else {
                self.in_burst.set(0);
                tokio::select! {
                    biased;
                    () = &mut stop => return,
                    () = timer.wait_until(due) => {}
                }
            }
            self.due(due);
        }
        stop.await;
    }

    /// Hands a request to a free client, or makes one, or leaves it in the queue.
    fn due(&self, due: Instant) {
        let shared = &self.thread.shared;
        if self.queue.len() >= BACKLOG {
            let operation = shared.target.draw(&mut self.skip_rng.borrow_mut());
            let opened = shared.opened();
            let mut recorder = self.thread.recorder.borrow_mut();
            return recorder.skipped(opened, operation, due);
        }
        if self.queue.push(due) {
            return;
        }
        let mut spawned = self.spawned.borrow_mut();
        let number = u32::try_from(spawned.len()).unwrap_or(u32::MAX);
        let client = number.saturating_mul(self.part.count) + self.part.index;
        if number >= self.most || client >= shared.options.clients() {
            shared.clients_were_busy.store(true, Ordering::Relaxed);
            return;
        }
        let state = self.thread.client(client);
        let queue = Rc::clone(&self.queue);
        spawned.push(spawn_local(Rc::clone(&self.thread).open_loop(state, queue)));
    }
}

/// Takes pings until the window is over. Returns how late each was taken.
async fn watch_lateness<T: Target>(
    thread: Rc<Thread<T>>,
    mut pings: mpsc::UnboundedReceiver<Instant>,
) -> Vec<Duration> {
    let mut lateness = Vec::new();
    let mut finish = pin!(thread.shared.switch.reached(Phase::Finish));
    loop {
        tokio::select! {
            Some(sent) = pings.recv() => lateness.push(sent.elapsed()),
            () = &mut finish => return lateness,
        }
    }
}
