//! The course of a replay: check, warm up, measure, drain, close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio_postgres::{Config, NoTls};

use crate::pool::{
    DeadpoolSource, DirectSource, Execute, Meter, Pool, Protocol, Source, SqlxSource,
};
use crate::record::load::DriverRecord;
use crate::workload::Workload;

use super::arrivals::Part;
use super::client::{Active, Shared};
use super::compare::compare;
use super::deadline::Deadlines;
use super::doubt::{self, Doubt};
use super::options::{PoolKind, whole};
use super::plan::{Plan, Terms};
use super::recorder::{Frame, Recorder};
use super::switch::{Phase, Switch};
use super::thread::{self, Ends, Report};
use super::{Control, DriveError, DriveOptions, Profile, Replayed, session};

/// How long requests under way may take after the end of the window before they are cancelled (ours).
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How long the check of a workload against the server may take (ours), with the samples of tables that its
/// values are drawn from: a Parse that waits for a lock must not hang the command.
const CHECK_LIMIT: Duration = Duration::from_secs(60);

/// How long connections may take to say good-bye (ours).
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Distance of two readings of the pool's gauges, of two settings of the number of clients, and of two
/// pings of the threads.
const TICK: Duration = Duration::from_millis(50);

/// Distance of two looks for statements whose time is up.
const SWEEP: Duration = Duration::from_millis(10);

/// Time that an observer has to open its own window before a replay that starts at a given moment (ours).
const OBSERVER_LEAD: Duration = Duration::from_secs(1);

/// SQLSTATE `read_only_sql_transaction`: a workload without `-- writes` tried to write.
const READ_ONLY: &str = "25006";

/// Replays a workload through a pool, or through several in turns, and blocks until it is over and all its connections are closed.
///
/// # Errors
/// The options make no sense, the workload does not fit the server, the server cannot be reached, or
/// there were more failures than allowed; the last error carries what was recorded.
pub fn replay(
    workload: &Workload,
    config: Config,
    options: &DriveOptions,
    control: &Control,
) -> Result<Replayed, DriveError> {
    if options.compare_with.is_empty() {
        replay_one(workload, config, options, control)
    } else {
        compare(workload, &config, options, control)
    }
}

/// Replays through one pool.
pub(super) fn replay_one(
    workload: &Workload,
    config: Config,
    options: &DriveOptions,
    control: &Control,
) -> Result<Replayed, DriveError> {
    options.check(workload)?;
    // Behind a pooler transactions are made read-only instead of sessions.
    let may_write = workload.writes || options.read_only_transactions;
    let config = session::guarded(config, may_write);
    let meter = Meter::default();
    let run = Run {
        workload,
        config: &config,
        options,
        control,
        meter: &meter,
    };
    let connections = options.connections();
    match options.pool {
        PoolKind::Deadpool => {
            run.through(|| DeadpoolSource::new(config.clone(), connections, meter.clone()))
        }
        PoolKind::Sqlx => run.through(|| SqlxSource::new(&config, connections, meter.clone())),
        PoolKind::None => run.through(|| {
            Ok(DirectSource::new(
                config.clone(),
                connections,
                meter.clone(),
            ))
        }),
    }
}

pub(super) fn runtime() -> Result<Runtime, DriveError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(DriveError::Runtime)
}

/// What a replay is made of.
#[derive(Clone, Copy)]
struct Run<'a> {
    workload: &'a Workload,
    config: &'a Config,
    options: &'a DriveOptions,
    control: &'a Control,
    meter: &'a Meter,
}

impl Run<'_> {
    fn through<S: Source>(
        self,
        source: impl FnOnce() -> Result<S, crate::pool::PoolError>,
    ) -> Result<Replayed, DriveError>
    where
        S::Connection: Execute,
    {
        let coordinator = runtime()?;
        let local = LocalSet::new();
        std::thread::scope(|scope| {
            local.block_on(&coordinator, async {
                let connections = self.options.connections();
                let timeout = self.options.acquire_timeout;
                let (pool, reaper) =
                    Pool::new(source()?, self.meter.clone(), connections, timeout)?;
                let plan = check(self).await?;
                let reaper = spawn_local(reaper.run());
                let source = Arc::clone(pool.source());
                let shared = Arc::new(shared(self, plan, pool));
                let threads = (0..self.options.threads)
                    .map(|index| Driver::start(scope, &shared, index, self))
                    .collect();
                let sweeper = spawn_local(sweep(shared.deadlines.clone()));
                let (measured, threads) = measure(&shared, self.control, threads).await;
                sweeper.abort();
                let result = conclude(&shared, self, measured);
                // The pool goes with the last owner of what clients share, and the reaper with the pool.
                drop(shared);
                let _ = tokio::time::timeout(CLOSE_LIMIT, reaper).await;
                source.close().await;
                drop(threads);
                // A pooler keeps its connections to the server, and would be asked in vain.
                if self.options.protocol == Protocol::Prepared {
                    session::wait_until_gone(self.config).await;
                }
                result
            })
        })
    }
}

fn shared<S: Source>(run: Run<'_>, plan: Plan, pool: Pool<S>) -> Shared<S> {
    Shared {
        plan,
        pool,
        options: run.options.clone(),
        switch: Switch::new(),
        progress: run.control.progress(),
        window: std::sync::OnceLock::new(),
        window_opened: watch::Sender::new(false),
        active: Active::default(),
        deadlines: run
            .options
            .statement_timeout
            .map(|limit| Arc::new(Deadlines::new(run.options.clients(), limit))),
        too_many_errors: AtomicBool::new(false),
        clients_were_busy: AtomicBool::new(false),
        in_flight: AtomicU32::new(0),
    }
}

/// Checks the workload on a connection of its own. A check that is stopped or takes too long is cancelled
/// on the server too: it may wait for a lock there.
async fn check(run: Run<'_>) -> Result<Plan, DriveError> {
    let Run {
        workload,
        config,
        options,
        control,
        ..
    } = run;
    let connected = limited(session::connect(config), control).await?;
    let (client, task) = connected.map_err(|error| DriveError::Connect {
        reason: session::with_causes(&error),
    })?;
    let terms = Terms {
        protocol: options.protocol,
        shard: Part {
            index: options.shard.index - 1,
            count: options.shard.count,
        },
        seed: options.seed,
    };
    let plan = limited(Plan::prepare(workload, terms, &client), control).await;
    if plan.is_err() {
        let cancel = client.cancel_token();
        let _ = tokio::time::timeout(CLOSE_LIMIT, cancel.cancel_query(NoTls)).await;
    }
    drop(client);
    let _ = tokio::time::timeout(CLOSE_LIMIT, task).await;
    plan?
}

/// Waits for a step of the check, until it is stopped or takes too long.
async fn limited<T>(step: impl Future<Output = T>, control: &Control) -> Result<T, DriveError> {
    tokio::select! {
        done = tokio::time::timeout(CHECK_LIMIT, step) =>
            done.map_err(|_| DriveError::Silent(CHECK_LIMIT)),
        () = control.stopped() => Err(DriveError::Interrupted),
    }
}

/// A thread of the driver, from outside. It leaves when this is dropped.
struct Driver {
    started: oneshot::Receiver<Result<i32, DriveError>>,
    report: oneshot::Receiver<Report>,
    pings: mpsc::UnboundedSender<Instant>,
    leave: oneshot::Sender<()>,
}

impl Driver {
    fn start<'scope, S: Source>(
        scope: &'scope std::thread::Scope<'scope, '_>,
        shared: &Arc<Shared<S>>,
        index: u32,
        run: Run<'_>,
    ) -> Self
    where
        S::Connection: Execute,
    {
        let part = Part {
            index,
            count: run.options.threads,
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
struct Measured {
    interrupted: bool,
    ended: Instant,
    driver: DriverRecord,
    /// What all threads recorded; `None` if they died.
    recorder: Option<Recorder>,
    /// A thread could not begin.
    failed: Option<DriveError>,
}

/// CPU and waiting time of each thread, and the machine's idle time.
pub(super) struct Times {
    at: Instant,
    threads: Vec<Option<(Duration, Duration)>>,
    idle: Option<Duration>,
}

impl Times {
    pub(super) fn read(ids: &[i32]) -> Self {
        Self {
            at: Instant::now(),
            threads: ids.iter().map(|id| doubt::thread_times(*id)).collect(),
            idle: doubt::idle_time(),
        }
    }

    /// What the threads did since `before`; the worst of them counts.
    pub(super) fn since(&self, before: &Self, lateness: Vec<Duration>) -> DriverRecord {
        let window = self.at.duration_since(before.at).as_secs_f64();
        let worst = |part: fn((Duration, Duration)) -> Duration| {
            let pairs = before.threads.iter().zip(&self.threads);
            let ratios = pairs.filter_map(|(then, now)| {
                let used = part((*now)?).saturating_sub(part((*then)?));
                Some(used.as_secs_f64() / window)
            });
            ratios.reduce(f64::max)
        };
        let idle = before.idle.zip(self.idle);
        DriverRecord {
            threads: u32::try_from(self.threads.len()).unwrap_or(u32::MAX),
            cpu_ratio: worst(|(cpu, _)| cpu),
            run_delay_ratio: worst(|(_, delay)| delay),
            late_p95: doubt::p95(lateness),
            free_cores: idle.map(|(then, now)| now.saturating_sub(then).as_secs_f64() / window),
        }
    }
}

/// Warm-up, window, drain. The threads live on, because connections are theirs.
async fn measure<S: Source>(
    shared: &Arc<Shared<S>>,
    control: &Control,
    threads: Vec<Driver>,
) -> (Measured, Vec<oneshot::Sender<()>>)
where
    S::Connection: Execute,
{
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
        shared.pool.meter().open_window(now);
        let _ = shared.window.set((now, Timestamp::now()));
        shared.window_opened.send_replace(true);
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
    shared.pool.meter().close_window(ended);
    let after = Times::read(&ids);
    let mut lateness = Vec::new();
    let mut recorder: Option<Recorder> = None;
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
async fn drain<S: Source>(
    shared: &Shared<S>,
    control: &Control,
    reports: Vec<oneshot::Receiver<Report>>,
) -> (Vec<Result<Report, oneshot::error::RecvError>>, bool) {
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
async fn warm_up<S: Source>(shared: &Shared<S>, control: &Control) -> bool {
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
async fn go_on<S: Source>(shared: &Shared<S>, control: &Control, length: Duration) -> bool {
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
async fn gate<S: Source>(shared: &Shared<S>, control: &Control) -> bool {
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
async fn sweep(deadlines: Option<Arc<Deadlines>>) {
    let Some(deadlines) = deadlines else { return };
    let mut tick = tokio::time::interval(SWEEP);
    loop {
        let now = tick.tick().await;
        deadlines.sweep(now.into_std());
    }
}

/// Sets the number of clients by the profile, and reads the pool's gauges, until the window is over.
async fn follow<S: Source>(
    shared: Arc<Shared<S>>,
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
        let source = shared.pool.source();
        let (size, idle) = (source.size(), source.idle());
        shared.pool.meter().sample(now, size, idle);
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

/// The result of what was measured, or why there is none.
fn conclude<S: Source>(
    shared: &Shared<S>,
    run: Run<'_>,
    measured: Measured,
) -> Result<Replayed, DriveError> {
    let options = run.options;
    if let Some(error) = measured.failed {
        return Err(error);
    }
    let recorder = measured.recorder.ok_or(DriveError::Died)?;
    let most = recorder.failures.iter().max_by_key(|(_, count)| **count);
    let most = most.map_or_else(String::new, |(key, count)| format!("{key} ({count} times)"));
    let doubt = Doubt {
        record: measured.driver.clone(),
        schedule_lag: recorder.schedule_lag(),
        clients_were_busy: shared.clients_were_busy.load(Ordering::Relaxed),
    };
    let mut warnings = doubt.warnings();
    warnings.extend(remarks(run, &recorder, &doubt));
    let partial = shared.window.get().map(|window| {
        let frame = Frame {
            file: run.workload.file.clone(),
            arrival: options.arrival(),
            opened: Some(*window),
            ended: measured.ended,
            ended_at: Timestamp::now(),
            driver: measured.driver,
            saturated: doubt.saturated(),
            warnings,
            clients: (!options.is_open()).then(|| {
                let (profile, options) = (options.profile(), options.clone());
                Box::new(move |at| options.share(whole(profile.level(at)))) as _
            }),
        };
        let clients = if options.is_open() {
            run.meter.most_at_once()
        } else {
            options.clients()
        };
        let name = options.pool.name();
        Replayed {
            pool: Some(run.meter.record(name, options.connections(), clients)),
            load: recorder.finish(frame),
            comparison: None,
            interrupted: measured.interrupted,
            window_started: window.0,
            window_ended: measured.ended,
        }
    });
    if shared.too_many_errors.load(Ordering::Relaxed) {
        return Err(DriveError::TooManyErrors {
            errors: shared.progress.errors(),
            limit: options.max_errors.unwrap_or_default(),
            most,
            partial: partial.map(Box::new),
        });
    }
    partial.ok_or(DriveError::Interrupted)
}

/// What else the reader of the result has to know.
fn remarks(run: Run<'_>, recorder: &Recorder, doubt: &Doubt) -> Vec<String> {
    let mut remarks = Vec::new();
    if recorder.failures.contains_key(READ_ONLY) {
        remarks.push(
            "statements that only seem to read tried to write and were refused: declare `-- writes` above \
             the first operation if they may"
                .to_owned(),
        );
    }
    if doubt.clients_were_busy && run.options.is_open() {
        remarks.push(format!(
            "the rate was not held by {} clients: requests waited for a free one, and that wait is in the \
             schedule lag and in the latency; use more --clients or a lower --rate",
            run.options.clients()
        ));
    }
    let skipped = recorder.skipped_total();
    if skipped > 0 {
        remarks.push(format!(
            "{skipped} requests were due and not sent, because they were too late: they are counted as \
             skipped and in no percentile"
        ));
    }
    remarks
}
