//! The course of a replay: check, warm up, measure, drain, close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};

use crate::pg::{Connector, Opened};
use crate::pool::{
    DeadpoolSource, DirectSource, Execute, Meter, Pool, Protocol, Source, SqlxSource,
};
use crate::workload::Workload;

use super::arrivals::Part;
use super::client::{Active, Shared, Stretch};
use super::compare::compare;
use super::course::{Driver, Measured, measure, sweep};
use super::deadline::Deadlines;
use super::doubt::Doubt;
use super::options::{PoolKind, whole};
use super::plan::{Plan, Terms};
use super::recorder::{Frame, Recorder};
use super::switch::Switch;
use super::{Control, DriveError, DriveOptions, Replayed, session};

/// How long the check of a workload against the server may take (ours), with the samples of tables that its
/// values are drawn from: a Parse that waits for a lock must not hang the command.
const CHECK_LIMIT: Duration = Duration::from_secs(60);

/// How long connections may take to say good-bye (ours).
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// SQLSTATE `read_only_sql_transaction`: a workload without `-- writes` tried to write.
const READ_ONLY: &str = "25006";

/// Replays a workload through a pool, or through several in turns, and blocks until it is over and all its connections are closed.
///
/// # Errors
/// The options make no sense, the workload does not fit the server, the server cannot be reached, or
/// there were more failures than allowed; the last error carries what was recorded.
pub fn replay(
    workload: &Workload,
    target: Connector,
    options: &DriveOptions,
    control: &Control,
) -> Result<Replayed, DriveError> {
    if options.compare_with.is_empty() {
        replay_one(workload, target, options, control)
    } else {
        compare(workload, &target, options, control)
    }
}

/// Replays through one pool.
pub(super) fn replay_one(
    workload: &Workload,
    target: Connector,
    options: &DriveOptions,
    control: &Control,
) -> Result<Replayed, DriveError> {
    options.check(workload)?;
    // Behind a pooler transactions are made read-only instead of sessions.
    let may_write = workload.writes || options.read_only_transactions;
    let connector = session::guarded(target, may_write);
    let meter = Meter::default();
    let run = Run {
        workload,
        connector: &connector,
        options,
        control,
        meter: &meter,
    };
    let connections = options.connections();
    match options.pool {
        PoolKind::Deadpool => {
            run.through(|| DeadpoolSource::new(connector.clone(), connections, meter.clone()))
        }
        PoolKind::Sqlx => run.through(|| SqlxSource::new(&connector, connections, meter.clone())),
        PoolKind::None => run.through(|| {
            Ok(DirectSource::new(
                connector.clone(),
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
    connector: &'a Connector,
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
                    .map(|index| Driver::start(scope, &shared, index, self.options.threads))
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
                    session::wait_until_gone(self.connector).await;
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
        stretch: watch::Sender::new(Stretch::Idle),
        active: Active::default(),
        deadlines: run
            .options
            .statement_timeout
            .map(|limit| Arc::new(Deadlines::new(run.options.clients(), limit))),
        too_many_errors: AtomicBool::new(false),
        clients_were_busy: AtomicBool::new(false),
    }
}

/// Checks the workload on a connection of its own. A check that is stopped or takes too long is cancelled
/// on the server too: it may wait for a lock there.
async fn check(run: Run<'_>) -> Result<Plan, DriveError> {
    let Run {
        workload,
        connector,
        options,
        control,
        ..
    } = run;
    let Opened {
        client,
        task,
        canceller,
        ..
    } = limited(connector.connect(), control).await??;
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
        // A cancel that fails leaves a statement that ends by itself; why the check failed is what counts.
        let _ = canceller.cancel().await;
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
            sweep: None,
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
