//! The course of a replay: check, warm up, measure, drain, close.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local};

use crate::pg::{Connector, Opened};
use crate::pool::{
    DeadpoolSource, DirectSource, Execute, Meter, Pool, Protocol, Source, SqlxSource,
};
use crate::record::Millis;
use crate::record::pool::PoolRecord;
use crate::workload::Workload;

use super::arrivals::Part;
use super::client::Shared;
use super::compare::compare;
use super::course::{Driver, Measured, measure, sweep};
use super::deadline::Deadlines;
use super::detail::Statements;
use super::options::PoolKind;
use super::outcome::{self, Told};
use super::plan::{Plan, Terms};
use super::recorder::Recorder;
use super::sql::Sql;
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
                let target = target(self, plan, pool);
                let shared = Arc::new(Shared::new(target, self.options, self.control));
                let threads = (0..self.options.threads)
                    .map(|index| Driver::start(scope, &shared, index, self.options.threads))
                    .collect();
                let sweeper = spawn_local(sweep(shared.target.deadlines.clone()));
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

fn target<S: Source>(run: Run<'_>, plan: Plan, pool: Pool<S>) -> Sql<S> {
    let options = run.options;
    Sql {
        plan,
        pool,
        read_only: options.read_only_transactions,
        think: options.think,
        deadlines: options
            .statement_timeout
            .map(|limit| Arc::new(Deadlines::new(options.clients(), limit))),
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
    shared: &Shared<Sql<S>>,
    run: Run<'_>,
    measured: Measured<Statements>,
) -> Result<Replayed, DriveError>
where
    S::Connection: Execute,
{
    let refused = |recorder: &Recorder| recorder.failures.contains_key(READ_ONLY);
    let mut remarks = Vec::new();
    if measured.recorder.as_ref().is_some_and(refused) {
        remarks.push(
            "statements that only seem to read tried to write and were refused: declare `-- writes` above \
             the first operation if they may"
                .to_owned(),
        );
    }
    let told = Told {
        tool: "dbperf replay",
        file: &run.workload.file,
        remarks,
        notes: Vec::new(),
    };
    outcome::conclude(shared, told, measured, || {
        let options = run.options;
        let clients = if options.is_open() {
            run.meter.most_at_once()
        } else {
            options.clients()
        };
        let name = options.pool.name();
        let record = run.meter.record(name, options.connections(), clients);
        let asked = Millis::from(options.length());
        Some(PoolRecord {
            begun: Some(Millis(record.length.0.min(asked.0))),
            ..record
        })
    })
}
