//! Properties that hold whatever clients do and whenever they are cancelled.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tokio::task::{LocalSet, yield_now};

use super::{AcquireError, Meter, Pool, Source};

/// Hands out numbers after a few turns of the scheduler, and refuses every `fail_every`th time.
#[derive(Debug, Default)]
struct Stub {
    connect_turns: u32,
    fail_every: u32,
    asked: AtomicU32,
    out: Arc<AtomicU32>,
    most_out: AtomicU32,
    discarded: AtomicU32,
}

#[derive(Debug)]
struct Handle(Arc<AtomicU32>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Source for Stub {
    type Connection = Handle;

    async fn get(&self, _: usize) -> Result<Handle, AcquireError> {
        for _ in 0..self.connect_turns {
            yield_now().await;
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if self.fail_every > 0 && asked.is_multiple_of(self.fail_every) {
            return Err(AcquireError::Closed);
        }
        let out = self.out.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_out.fetch_max(out, Ordering::Relaxed);
        Ok(Handle(Arc::clone(&self.out)))
    }

    async fn discard(&self, connection: Handle) {
        yield_now().await;
        self.discarded.fetch_add(1, Ordering::Relaxed);
        drop(connection);
    }

    fn size(&self) -> u32 {
        self.out.load(Ordering::Relaxed)
    }

    fn idle(&self) -> u32 {
        0
    }

    async fn close(&self) {}
}

/// One client: begin after some turns, hold for some, and perhaps be cancelled after some.
#[derive(Debug, Clone)]
struct Script {
    begin: u8,
    hold: u8,
    cancel_after: Option<u8>,
    in_statement: bool,
}

fn script() -> impl Strategy<Value = Script> {
    (0u8..6, 0u8..6, proptest::option::of(0u8..10), any::<bool>()).prop_map(
        |(begin, hold, cancel_after, in_statement)| Script {
            begin,
            hold,
            cancel_after,
            in_statement,
        },
    )
}

async fn turns(n: u8) {
    for _ in 0..n {
        yield_now().await;
    }
}

async fn client(pool: Rc<Pool<Stub>>, script: Script) {
    let work = async {
        turns(script.begin).await;
        let Ok(lease) = pool.acquire(0, Instant::now()).await else {
            return;
        };
        let start = Instant::now();
        lease.in_flight(script.in_statement);
        turns(script.hold).await;
        if script.in_statement {
            lease.busy(start.elapsed());
            lease.in_flight(false);
        }
    };
    match script.cancel_after {
        None => work.await,
        Some(after) => tokio::select! {
            biased;
            () = turns(after) => {}
            () = work => {}
        },
    }
}

fn run(pool_size: u32, stub: Stub, acquire_timeout: Duration, scripts: &[Script]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async move {
        let (pool, reaper) = Pool::new(stub, Meter::default(), pool_size, acquire_timeout).unwrap();
        let pool = Rc::new(pool);
        let source = Arc::clone(pool.source());
        let meter = pool.meter().clone();
        let reaper = tokio::task::spawn_local(reaper.run());
        meter.open_window(Instant::now());
        let clients: Vec<_> = scripts
            .iter()
            .map(|s| tokio::task::spawn_local(client(Rc::clone(&pool), s.clone())))
            .collect();
        drop(pool);
        for task in clients {
            task.await.unwrap();
        }
        meter.close_window(Instant::now());
        reaper.await.unwrap();
        Outcome {
            record: meter.record("stub", pool_size, 0),
            clipped: meter.clipped_leases(),
            left_out: source.out.load(Ordering::Relaxed),
            most_out: source.most_out.load(Ordering::Relaxed),
            discarded: source.discarded.load(Ordering::Relaxed),
        }
    })
}

struct Outcome {
    record: crate::record::pool::PoolRecord,
    clipped: Duration,
    left_out: u32,
    most_out: u32,
    discarded: u32,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_acquire_has_exactly_one_outcome_and_every_lease_is_in_the_integral(
        pool_size in 1u32..4,
        connect_turns in 0u32..4,
        fail_every in prop_oneof![Just(0u32), 2u32..5],
        short_timeout in any::<bool>(),
        scripts in proptest::collection::vec(script(), 1..12),
    ) {
        let stub = Stub { connect_turns, fail_every, ..Stub::default() };
        let timeout = if short_timeout { Duration::ZERO } else { Duration::from_secs(60) };
        let outcome = run(pool_size, stub, timeout, &scripts);
        let record = &outcome.record;
        let counters = record.counters;
        prop_assert!(counters.add_up(), "{counters:?}");
        prop_assert_eq!(record.permit_wait.count(), counters.acquires);
        // Every acquire that succeeded is one lease, and nobody else has one.
        prop_assert_eq!(record.lease.count(), counters.immediate + counters.waited);
        prop_assert_eq!(record.held_idle.count(), record.lease.count());
        // The wait for a permit is a part of an acquire.
        let waited = record.permit_wait.mean_ms().unwrap_or(0.0) * counters.acquires as f64;
        prop_assert!(waited <= record.acquire_total.0 * 1.001 + 1e-3);
        let integral = record.in_use_mean * record.length.secs();
        prop_assert!((integral - outcome.clipped.as_secs_f64()).abs() < 1e-9);
        // Nothing is kept, and never were more connections out than there are permits.
        prop_assert_eq!(outcome.left_out, 0);
        prop_assert!(outcome.most_out <= pool_size);
        prop_assert!(record.in_use_max <= pool_size);
        if scripts.iter().all(|s| s.cancel_after.is_none()) {
            prop_assert_eq!(counters.acquires, scripts.len() as u64);
            prop_assert_eq!(counters.cancelled, 0);
            prop_assert_eq!(outcome.discarded, 0);
        }
    }
}

#[test]
fn an_unfinished_statement_discards_its_connection() {
    let scripts = [Script {
        begin: 0,
        hold: 200,
        cancel_after: Some(20),
        in_statement: true,
    }];
    let outcome = run(1, Stub::default(), Duration::from_secs(60), &scripts);
    assert_eq!(outcome.discarded, 1);
    assert_eq!(outcome.record.counters.immediate, 1);
}

#[test]
fn a_cancelled_wait_counts_with_the_time_it_waited() {
    let hold = Script {
        begin: 0,
        hold: 100,
        cancel_after: None,
        in_statement: false,
    };
    let give_up = Script {
        cancel_after: Some(30),
        ..hold.clone()
    };
    let outcome = run(
        1,
        Stub::default(),
        Duration::from_secs(60),
        &[hold, give_up],
    );
    assert_eq!(outcome.record.counters.cancelled, 1);
    assert_eq!(outcome.record.counters.immediate, 1);
    assert!(outcome.record.permit_wait.summary().unwrap().max_ms > 0.0);
}

#[test]
fn a_pool_of_nothing_is_refused() {
    let refused = Pool::new(Stub::default(), Meter::default(), 0, Duration::ZERO);
    assert!(refused.is_err());
}
