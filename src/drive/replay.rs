//! The course of a replay: check, warm up, measure, drain, close.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::MissedTickBehavior;
use tokio_postgres::{Config, NoTls};

use crate::pool::{DeadpoolSource, Meter, Pool};
use crate::workload::Workload;

use super::client::{self, Phase, Shared};
use super::plan::Plan;
use super::recorder::{Frame, Recorder};
use super::{Control, DriveError, DriveOptions, Replayed, doubt, session};

/// How long requests under way may take after the end of the window before they are cancelled (ours).
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How long the check of a workload against the server may take (ours): a Parse that waits for a lock
/// must not hang the command.
const CHECK_LIMIT: Duration = Duration::from_secs(30);

/// How long connections may take to say good-bye (ours).
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Distance of two readings of the pool's gauges.
const GAUGE_INTERVAL: Duration = Duration::from_millis(100);

/// SQLSTATE `read_only_sql_transaction`: a workload without `-- writes` tried to write.
const READ_ONLY: &str = "25006";

/// Replays a workload through a pool, and blocks until it is over and all its connections are closed.
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
    options.check(workload)?;
    let config = session::guarded(config, workload);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DriveError::Runtime)?;
    let local = LocalSet::new();
    local.block_on(&runtime, conduct(workload, &config, options, control))
}

async fn conduct(
    workload: &Workload,
    config: &Config,
    options: &DriveOptions,
    control: &Control,
) -> Result<Replayed, DriveError> {
    let meter = Meter::default();
    let source = DeadpoolSource::new(config.clone(), options.pool_size, meter.clone());
    let (pool, reaper) = Pool::new(source?, meter, options.pool_size, options.acquire_timeout)?;
    let plan = check(workload, config, control).await?;
    let reaper = spawn_local(reaper.run());
    let source = Rc::clone(pool.source());
    let shared = Rc::new(Shared {
        plan,
        pool,
        recorder: RefCell::new(Recorder::new(workload)),
        options: options.clone(),
        phase: watch::Sender::new(Phase::Run),
        progress: control.progress(),
        too_many_errors: Cell::new(false),
    });
    let clients = (0..options.clients).map(|i| spawn_local(client::run(Rc::clone(&shared), i)));
    let measured = measure(&shared, control, clients.collect()).await;
    let result = conclude(&shared, workload, &measured);
    // The pool goes with the last owner of what clients share, and the reaper ends with the pool.
    drop(shared);
    let _ = tokio::time::timeout(CLOSE_LIMIT, reaper).await;
    close(&source).await;
    session::wait_until_gone(config).await;
    result
}

/// Checks the workload on a connection of its own. A check that is stopped or takes too long is cancelled
/// on the server too: it may wait for a lock there.
async fn check(
    workload: &Workload,
    config: &Config,
    control: &Control,
) -> Result<Plan, DriveError> {
    let connected = limited(session::connect(config), control).await?;
    let (client, task) = connected.map_err(|error| DriveError::Connect {
        reason: session::with_causes(&error),
    })?;
    let plan = limited(Plan::prepare(workload, &client), control).await;
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

/// What the course of the load left behind.
struct Measured {
    interrupted: bool,
    ended: Instant,
    cpu_ratio: Option<f64>,
    /// How late the driver woke up at worst, but for one tick in twenty.
    late: Option<Duration>,
}

/// Warm-up, window, drain.
async fn measure(shared: &Rc<Shared>, control: &Control, clients: Vec<JoinHandle<()>>) -> Measured {
    let options = &shared.options;
    // Without a warm-up the window opens before any client sends its first request.
    let mut interrupted =
        !options.warmup.is_zero() && !go_on(shared, control, options.warmup).await;
    if *shared.phase.borrow() == Phase::Run {
        control.warm();
        interrupted |= !gate(shared, control).await;
    }
    let mut gauges = None;
    let mut cpu = None;
    if *shared.phase.borrow() == Phase::Run {
        let now = Instant::now();
        shared.pool.meter().open_window(now);
        shared.recorder.borrow_mut().open(now, Timestamp::now());
        cpu = doubt::thread_cpu().map(|cpu| (cpu, now));
        gauges = Some(spawn_local(watch_gauges(Rc::clone(shared))));
        interrupted = !go_on(shared, control, options.duration).await;
    }
    shared.enter(Phase::Finish);
    let mut clients = std::pin::pin!(join_all(clients));
    let drained = tokio::select! {
        ended = &mut clients => Some(ended),
        () = tokio::time::sleep(DRAIN_LIMIT) => None,
        () = control.stopped() => {
            interrupted = true;
            None
        }
    };
    let ended_clients = if let Some(ended) = drained {
        ended
    } else {
        shared.enter(Phase::Cancel);
        clients.await
    };
    let ended = Instant::now();
    shared.pool.meter().close_window(ended);
    let cpu_ratio = cpu.and_then(|(before, since)| {
        let used = doubt::thread_cpu()?.saturating_sub(before);
        Some(used.as_secs_f64() / ended.duration_since(since).as_secs_f64())
    });
    let lateness = match gauges {
        Some(gauges) => gauges.await.unwrap_or_default(),
        None => Vec::new(),
    };
    for client in ended_clients {
        if let Err(panicked) = client {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }
    Measured {
        interrupted,
        ended,
        cpu_ratio,
        late: doubt::p95(lateness),
    }
}

/// Lets the load go on for `length`. False, with the requests under way cancelled, if it was stopped
/// before.
async fn go_on(shared: &Shared, control: &Control, length: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(length) => true,
        () = shared.reached(Phase::Finish) => true,
        () = control.stopped() => {
            shared.enter(Phase::Cancel);
            false
        }
    }
}

/// Waits for the gate before the window; the load goes on meanwhile.
async fn gate(shared: &Shared, control: &Control) -> bool {
    tokio::select! {
        biased;
        () = control.gate_opened() => true,
        () = shared.reached(Phase::Finish) => true,
        () = control.stopped() => {
            shared.enter(Phase::Cancel);
            false
        }
    }
}

/// Reads the pool's gauges until the window is over. Returns how late each reading was.
async fn watch_gauges(shared: Rc<Shared>) -> Vec<Duration> {
    let mut lateness = Vec::new();
    let mut tick = tokio::time::interval(GAUGE_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            due = tick.tick() => lateness.push(due.elapsed()),
            () = shared.reached(Phase::Finish) => return lateness,
        }
        let size = crate::pool::Source::size(shared.pool.source().as_ref());
        shared.pool.meter().sample(Instant::now(), size);
    }
}

/// The result of what was measured, or why there is none.
fn conclude(
    shared: &Shared,
    workload: &Workload,
    measured: &Measured,
) -> Result<Replayed, DriveError> {
    let options = &shared.options;
    let recorder = shared.recorder.replace(Recorder::new(workload));
    let most = recorder.failures.iter().max_by_key(|(_, count)| **count);
    let most = most.map_or_else(String::new, |(key, count)| format!("{key} ({count} times)"));
    let mut warnings = doubt::warnings(measured.cpu_ratio, measured.late);
    if recorder.failures.contains_key(READ_ONLY) {
        warnings.push(
            "statements that only seem to read tried to write and were refused: declare `-- writes` above \
             the first operation if they may"
                .to_owned(),
        );
    }
    let partial = recorder.opened().map(|window_started| {
        let frame = Frame {
            clients: options.clients,
            ended: measured.ended,
            ended_at: Timestamp::now(),
            cpu_ratio: measured.cpu_ratio,
            saturated: doubt::saturated(measured.cpu_ratio, measured.late),
            warnings,
        };
        let meter = shared.pool.meter();
        Replayed {
            pool: meter.record("deadpool", options.pool_size, options.clients),
            load: recorder.finish(workload, frame),
            interrupted: measured.interrupted,
            window_started,
            window_ended: measured.ended,
        }
    });
    if shared.too_many_errors.get() {
        return Err(DriveError::TooManyErrors {
            errors: shared.progress.errors(),
            limit: options.max_errors.unwrap_or_default(),
            most,
            partial: partial.map(Box::new),
        });
    }
    partial.ok_or(DriveError::Interrupted)
}

/// Closes what is idle and waits until every connection has told the server good-bye.
async fn close(source: &DeadpoolSource) {
    let mut tasks = source.close();
    let good_byes = join_all(tasks.iter_mut());
    if tokio::time::timeout(CLOSE_LIMIT, good_byes).await.is_err() {
        for task in &tasks {
            task.abort();
        }
    }
}
