//! The course of a load: warm-up, window, drain, and what is done beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::record::load::DriverRecord;

use super::arrivals::Part;
use super::client::{Shared, Stretch};
use super::deadline::Deadlines;
use super::detail::Detail;
use super::options::whole;
use super::recorder::Recorder;
use super::switch::Phase;
use super::target::Target;
use super::thread::{self, Ends, Report};
use super::times::Times;
use super::{Control, DriveError, Profile};

/// How long requests under way may take after the end of the window before they are cancelled (ours).
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Distance of two readings of the target's gauges, of two settings of the number of clients, and of two
/// pings of the threads.
const TICK: Duration = Duration::from_millis(50);

/// Distance of two looks for statements whose time is up.
const SWEEP: Duration = Duration::from_millis(10);

/// Time that an observer has to open its own window before a replay that starts at a given moment (ours).
const OBSERVER_LEAD: Duration = Duration::from_secs(1);

/// A thread of the driver, from outside. It leaves when this is dropped.
pub(super) struct Driver<D> {
    started: oneshot::Receiver<Result<i32, DriveError>>,
    report: oneshot::Receiver<Report<D>>,
    pings: mpsc::UnboundedSender<Instant>,
    leave: oneshot::Sender<()>,
}

impl<D: Detail> Driver<D> {
    pub(super) fn start<'scope, T: Target<Detail = D>>(
        scope: &'scope std::thread::Scope<'scope, '_>,
        shared: &Arc<Shared<T>>,
        index: u32,
        threads: u32,
    ) -> Self {
        let part = Part {
            index,
            count: threads,
        };
        let (said, started) = oneshot::channel();
        let (reported, report) = oneshot::channel();
        let (leave, told) = oneshot::channel();
        let (pings, pinged) = mpsc::unbounded_channel();
        let shared = Arc::clone(shared);
        scope.spawn(move || {
            let ends = Ends {
                started: said,
                report: reported,
                pings: pinged,
                leave: told,
            };
            thread::run(shared, part, ends);
        });
        Self {
            started,
            report,
            pings,
            leave,
        }
    }
}

/// What the course of the load left behind.
pub(super) struct Measured<D> {
    pub(super) interrupted: bool,
    pub(super) ended: Instant,
    pub(super) driver: DriverRecord,
    /// What all threads recorded; `None` if they died.
    pub(super) recorder: Option<Recorder<D>>,
    /// A thread could not begin.
    pub(super) failed: Option<DriveError>,
}

/// Warm-up, window, drain. The threads live on, because connections are theirs.
pub(super) async fn measure<T: Target>(
    shared: &Arc<Shared<T>>,
    control: &Control,
    threads: Vec<Driver<T::Detail>>,
) -> (Measured<T::Detail>, Vec<oneshot::Sender<()>>) {
    let options = &shared.options;
    let (mut started, mut reports, mut leave) = (Vec::new(), Vec::new(), Vec::new());
    let mut pings = Vec::new();
    for thread in threads {
        pings.push(thread.pings);
        started.push(thread.started);
        reports.push(thread.report);
        leave.push(thread.leave);
    }
    let mut ids = Vec::new();
    let mut failed = None;
    for said in join_all(started).await {
        match said.unwrap_or(Err(DriveError::Died)) {
            Ok(id) => ids.push(id),
            Err(error) => {
                shared.switch.enter(Phase::Cancel);
                failed = Some(error);
            }
        }
    }
    let mut interrupted = !warm_up(shared, control).await;
    let mut before = None;
    if shared.switch.is_running() {
        let now = Instant::now();
        shared.target.window_opened(now);
        let _ = shared.window.set((now, Timestamp::now()));
        shared.stretch.send_replace(Stretch::Window);
        before = Some(Times::read(&ids));
        let follow = spawn_local(follow(Arc::clone(shared), options.profile(), now, pings));
        interrupted = !go_on(shared, control, options.length()).await;
        shared.switch.enter(Phase::Finish);
        let _ = follow.await;
    }
    shared.switch.enter(Phase::Finish);
    let (reports, stopped) = drain(shared, control, reports).await;
    interrupted |= stopped;
    let ended = Instant::now();
    shared.target.window_closed(ended);
    let after = Times::read(&ids);
    let mut lateness = Vec::new();
    let mut recorder: Option<Recorder<T::Detail>> = None;
    for report in reports.into_iter().flatten() {
        lateness.extend(report.lateness);
        match &mut recorder {
            Some(all) => all.add(report.recorder),
            None => recorder = Some(report.recorder),
        }
    }
    let driver = before.map_or_else(DriverRecord::default, |before| {
        after.since(&before, lateness)
    });
    let measured = Measured {
        interrupted,
        ended,
        driver,
        recorder,
        failed,
    };
    (measured, leave)
}

/// Waits for the threads' reports, and cancels what takes too long. True if it was stopped.
async fn drain<T: Target>(
    shared: &Shared<T>,
    control: &Control,
    reports: Vec<oneshot::Receiver<Report<T::Detail>>>,
) -> (
    Vec<Result<Report<T::Detail>, oneshot::error::RecvError>>,
    bool,
) {
    let mut reports = std::pin::pin!(join_all(reports));
    let (drained, stopped) = tokio::select! {
        reports = &mut reports => (Some(reports), false),
        () = tokio::time::sleep(DRAIN_LIMIT) => (None, false),
        () = control.stopped() => (None, true),
    };
    if let Some(reports) = drained {
        return (reports, stopped);
    }
    shared.switch.enter(Phase::Cancel);
    (reports.await, stopped)
}

/// Load that is not recorded, then the gate of an observer, then the agreed moment. False if it was
/// stopped.
async fn warm_up<T: Target>(shared: &Shared<T>, control: &Control) -> bool {
    let options = &shared.options;
    let until = |at: Timestamp| {
        let rest = at.duration_since(Timestamp::now());
        Duration::try_from(rest).unwrap_or_default()
    };
    let mut warmup = options.warmup;
    if let Some(at) = options.start_at {
        warmup = warmup.min(until(at));
        let idle = until(at).saturating_sub(warmup);
        if !idle.is_zero() && !go_on(shared, control, idle).await {
            return false;
        }
        warmup = warmup.saturating_sub(OBSERVER_LEAD);
    }
    // Without a warm-up the window opens before any client sends its first request.
    if !warmup.is_zero() {
        let level = options.warm_level();
        shared.active.set(options.share(whole(level)));
        shared.stretch.send_replace(Stretch::WarmUp);
        if !go_on(shared, control, warmup).await {
            return false;
        }
    }
    if !shared.switch.is_running() {
        return true;
    }
    control.warm();
    if !gate(shared, control).await {
        return false;
    }
    match options.start_at {
        Some(at) => go_on(shared, control, until(at)).await,
        None => true,
    }
}

/// Lets the load go on for `length`. False, with the requests under way cancelled, if it was stopped
/// before.
async fn go_on<T: Target>(shared: &Shared<T>, control: &Control, length: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(length) => true,
        () = shared.switch.reached(Phase::Finish) => true,
        () = control.stopped() => {
            shared.switch.enter(Phase::Cancel);
            false
        }
    }
}

/// Waits for the gate before the window; the load goes on meanwhile.
async fn gate<T: Target>(shared: &Shared<T>, control: &Control) -> bool {
    tokio::select! {
        biased;
        () = control.gate_opened() => true,
        () = shared.switch.reached(Phase::Finish) => true,
        () = control.stopped() => {
            shared.switch.enter(Phase::Cancel);
            false
        }
    }
}

/// Looks for statements whose time is up.
pub(super) async fn sweep(deadlines: Option<Arc<Deadlines>>) {
    let Some(deadlines) = deadlines else { return };
    let mut tick = tokio::time::interval(SWEEP);
    loop {
        let now = tick.tick().await;
        deadlines.sweep(now.into_std());
    }
}

/// Sets the number of clients by the profile, and reads the target's gauges, until the window is over.
async fn follow<T: Target>(
    shared: Arc<Shared<T>>,
    profile: Arc<Profile>,
    opened: Instant,
    pings: Vec<mpsc::UnboundedSender<Instant>>,
) {
    let mut tick = tokio::time::interval(TICK);
    let mut finish = std::pin::pin!(shared.switch.reached(Phase::Finish));
    loop {
        let now = Instant::now();
        let clients = whole(profile.level(now.duration_since(opened)));
        shared.active.set(shared.options.share(clients));
        shared.target.sample(now);
        for thread in &pings {
            // A thread that has died is found when it does not report.
            let _ = thread.send(Instant::now());
        }
        tokio::select! {
            _ = tick.tick() => {}
            () = &mut finish => return,
        }
    }
}
