//! A replay against real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

mod answers;
mod captured;
mod measure;
mod open;
mod pools;
mod scripts;
mod stages;
#[path = "../support/mod.rs"]
mod support;
mod trouble;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use dbperf::drive::{Control, DriveError, DriveOptions, LoadShape, PoolKind, Replayed, replay};
use dbperf::lab::{Lab, LabOptions, StopMode};
use dbperf::pg::{Connector, Conninfo};
use dbperf::record::load::Operation;
use dbperf::record::pool::PoolRecord;
use dbperf::workload::{Think, Workload};
use support::measured;
use tokio_postgres::Client;

/// Tests that measure want the machine for themselves; the others may run side by side.
static MACHINE: RwLock<()> = RwLock::new(());

/// For a test that measures times.
fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// For a test that does not.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// A lab on the newest server found; the replay asks no catalogue whose shape depends on the version.
fn lab() -> Lab {
    let (major, _) = support::servers().pop().expect("a PostgreSQL server");
    support::lab(major, LabOptions::default()).expect("the server that was found")
}

fn target(lab: &Lab) -> Connector {
    target_of(&lab.primary().dsn())
}

fn target_of(dsn: &str) -> Connector {
    Connector::new(Conninfo::parse(dsn, &|_| None).unwrap())
}

fn options() -> DriveOptions {
    DriveOptions {
        load: LoadShape::Closed { clients: 4 },
        duration: Duration::from_secs(1),
        warmup: Duration::ZERO,
        pool_size: 4,
        ..DriveOptions::default()
    }
}

fn workload(text: &str) -> Workload {
    Workload::parse(text, "w.sql").unwrap()
}

/// Runs something on a connection of its own.
fn with_client<T>(lab: &Lab, work: impl AsyncFnOnce(&Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let opened = target(lab).connect().await.unwrap();
        work(&opened.client).await
    })
}

fn sql(lab: &Lab, text: &str) {
    with_client(lab, async |client| {
        client.batch_execute(text).await.unwrap();
    });
}

fn count(lab: &Lab, text: &str) -> u64 {
    with_client(lab, async |client| {
        let row = client.query_one(text, &[]).await.unwrap();
        row.get::<_, i64>(0).try_into().unwrap()
    })
}

/// Client sessions besides the asking one.
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";

fn mean_ms(operation: &Operation) -> f64 {
    operation.latency.mean.unwrap().0
}

/// What the pool of a replay measured.
fn pool(replayed: &Replayed) -> &PoolRecord {
    replayed.pool.as_ref().unwrap()
}

/// A warning of the replay has these words.
fn warned(replayed: &Replayed, words: &str) -> bool {
    let mut warnings = replayed.load.source.warnings.iter();
    warnings.any(|warning| warning.contains(words))
}

/// Identities that hold for every replay.
fn adds_up(replayed: &Replayed) {
    let (load, pool) = (&replayed.load, pool(replayed));
    assert!(pool.counters.add_up(), "{:?}", pool.counters);
    assert_eq!(
        pool.lease.count(),
        pool.counters.immediate + pool.counters.waited
    );
    let sum: u64 = load.operations.iter().map(|o| o.requests).sum();
    assert_eq!(load.total.requests, sum);
    let seconds: u64 = load
        .intervals
        .iter()
        .flat_map(|i| i.requests.values())
        .sum();
    assert_eq!(load.total.requests, seconds);
    let errors: u64 = load.total.errors.values().sum();
    assert_eq!(load.total.failures, errors);
    assert!(pool.in_use_max <= pool.pool_size);
    // Every latency is the sum of its parts, but for what the driver itself does in between.
    let parts = load.total.parts.as_ref().unwrap();
    let sum =
        parts.schedule_lag.0 + parts.pool_wait.0 + parts.statement_latency.0 + parts.held_idle.0;
    let latency = load.total.latency.mean.map_or(0.0, |mean| mean.0) * load.total.requests as f64;
    assert!(sum <= latency * 1.002 + 1.0, "{sum} of {latency}");
}
