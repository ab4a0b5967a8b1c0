//! Pools whose right answer is known by construction.

mod replays;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::analyze::conclusions::Evidence;
use crate::analyze::testing::{activity, run, server, session};
use crate::record::Millis;
use crate::record::Span;
use crate::record::activity::SessionSample;
use crate::record::database::StatDatabase;
use crate::record::pool::{AcquireCounters, PoolGauge, PoolRecord};
use crate::stats::{ClosedQueue, LatencyHistogram, SplitMix64};

const SETTINGS: [(&str, &str); 2] = [
    ("max_connections", "100"),
    ("superuser_reserved_connections", "3"),
];

/// A closed loop of `clients` on `size` connections, simulated: exponential leases and thinking.
struct Loop {
    clients: usize,
    size: usize,
    lease_ms: f64,
    think_ms: f64,
    held_idle: f64,
}

/// Twice as many leases at once as there are connections.
const CROWDED: Loop = Loop {
    clients: 20,
    size: 2,
    lease_ms: 20.0,
    think_ms: 80.0,
    held_idle: 0.1,
};

impl Loop {
    fn simulate(&self, length_ms: f64) -> PoolRecord {
        self.simulate_from(42, length_ms)
    }

    fn simulate_from(&self, seed: u64, length_ms: f64) -> PoolRecord {
        let mut generator = SplitMix64::new(seed);
        let mut draw = |mean: f64| {
            let uniform = (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            -mean * (1.0 - uniform).ln()
        };
        let mut pool = PoolRecord {
            pool: "test".to_owned(),
            pool_size: u32::try_from(self.size).unwrap(),
            clients: u32::try_from(self.clients).unwrap(),
            length: Millis(length_ms),
            ..PoolRecord::default()
        };
        let mut wants: Vec<f64> = (0..self.clients).map(|_| draw(self.think_ms)).collect();
        let mut free_at = vec![0.0f64; self.size];
        let mut spans: Vec<(f64, f64, f64)> = Vec::new();
        loop {
            // First come, first served: the next client is the one that has wanted for longest.
            let (client, want) = wants
                .iter()
                .copied()
                .enumerate()
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .unwrap();
            if want >= length_ms {
                break;
            }
            let server = free_at
                .iter()
                .enumerate()
                .min_by(|a, b| a.1.total_cmp(b.1))
                .unwrap()
                .0;
            let start = want.max(free_at[server]);
            let lease = draw(self.lease_ms);
            free_at[server] = start + lease;
            wants[client] = start + lease + draw(self.think_ms);
            spans.push((want, start, start + lease));
        }
        for (want, start, end) in &spans {
            let ms = |v: f64| Duration::from_secs_f64(v / 1000.0);
            pool.counters.acquires += 1;
            if start > want {
                pool.counters.waited += 1;
            } else {
                pool.counters.immediate += 1;
            }
            pool.permit_wait.record(ms(start - want));
            pool.lease.record(ms(end - start));
            pool.lease_total += Millis(end - start);
        }
        pool.held_idle_total = Millis(pool.lease_total.0 * self.held_idle);
        pool.in_use_mean = pool.lease_total.0 / length_ms;
        for i in 0..=200 {
            let at = length_ms * f64::from(i) / 200.0;
            let within = |from: fn(&(f64, f64, f64)) -> (f64, f64)| {
                let inside = spans.iter().map(from).filter(|s| s.0 <= at && at < s.1);
                u32::try_from(inside.count()).unwrap()
            };
            let gauge = PoolGauge {
                idle: None,
                at: Millis(at),
                size: pool.pool_size,
                in_use: within(|s| (s.1, s.2)),
                waiting: within(|s| (s.0, s.1)),
            };
            pool.in_use_max = pool.in_use_max.max(gauge.in_use);
            pool.gauges.push(gauge);
        }
        pool
    }
}

fn waiting_sessions(number: i32) -> Vec<SessionSample> {
    (0..number)
        .map(|pid| {
            let mut session = session(pid, "replay", "active");
            session.wait_event_type = Some("Timeout".to_owned());
            session.wait_event = Some("PgSleep".to_owned());
            session
        })
        .collect()
}

fn replayed(pool: PoolRecord, cores: Option<u32>, on_cpu: i32) -> Run {
    let mut run = run(pool.length);
    run.server = Some(server(&SETTINGS, cores));
    run.activity = Some(activity((0..200).map(|_| {
        let mut sessions = waiting_sessions(2);
        sessions.extend((0..on_cpu).map(|pid| session(100 + pid, "replay", "active")));
        sessions
    })));
    run.pool = Some(pool);
    run
}

fn recommendation(run: &Run) -> Recommendation {
    let pool = conclude(run, &PoolOptions::default()).unwrap();
    pool.recommendation
        .unwrap_or_else(|| panic!("{:?}", pool.no_recommendation))
}

#[test]
fn a_pool_too_small_by_construction_grows() {
    let run = replayed(CROWDED.simulate(60_000.0), Some(8), 0);
    let found = recommendation(&run);
    assert_eq!(found.verdict, "too-small");
    assert_eq!(found.evidence, Evidence::Estimated);
    let pool = conclude(&run, &PoolOptions::default()).unwrap();
    let replay = pool.replay.unwrap();
    let (wait, lease) = (replay.permit_wait_ms.unwrap(), replay.lease_ms.unwrap());
    assert!(wait.mean > 2.0 * lease.mean, "permit wait dominates");
    assert_eq!(
        replay.acquires,
        replay.immediate + replay.waited + replay.timed_out + replay.cancelled + replay.failed
    );
    // The smallest size whose wait stays below 2 ms in the model that staged it.
    let truth = (1..=20)
        .find(|servers| {
            let queue = ClosedQueue {
                population: 20,
                servers: *servers,
                service: 20.0,
                think: 80.0,
            };
            queue.solve().unwrap().wait_quantile(0.95) <= 2.0
        })
        .unwrap();
    assert!(found.pool_size.abs_diff(truth) <= 1, "{found:?} {truth}");
    let (low, high) = (found.pool_size_low.unwrap(), found.pool_size_high.unwrap());
    assert!(low <= truth && truth <= high, "{found:?} {truth}");
    assert_eq!(found.connections_total, found.pool_size);
    // 20 clients over 100 ms of lease and thinking.
    let throughput = found.expected.throughput_per_sec.unwrap();
    assert!((throughput / 200.0 - 1.0).abs() < 0.05, "{throughput}");
}

#[test]
fn a_pool_too_large_says_so() {
    let staged = Loop {
        size: 40,
        think_ms: 180.0,
        ..CROWDED
    };
    let found = recommendation(&replayed(staged.simulate(60_000.0), Some(8), 0));
    assert_eq!(found.verdict, "too-large");
    assert!((3..20).contains(&found.pool_size), "{found:?}");
    assert!(found.reasons.iter().any(|r| r.contains("40 connections")));
}

#[test]
fn a_pool_that_fits_is_kept() {
    let staged = Loop { size: 8, ..CROWDED };
    let found = recommendation(&replayed(staged.simulate(60_000.0), Some(8), 0));
    assert_eq!((found.verdict.as_str(), found.pool_size), ("fits", 8));
    assert_eq!(found.evidence, Evidence::Measured);
}

#[test]
fn a_saturated_server_gets_the_opposite_advice() {
    let staged = Loop {
        clients: 40,
        size: 10,
        think_ms: 20.0,
        ..CROWDED
    };
    let pool = staged.simulate(30_000.0);
    let found = recommendation(&replayed(pool.clone(), Some(2), 8));
    assert_eq!(found.verdict, "database-saturated");
    assert_eq!(found.pool_size, 4);
    assert_eq!(found.evidence, Evidence::RuleOfThumb);
    // A third of the cores busy: growing helps until they are full.
    let found = recommendation(&replayed(pool, Some(24), 8));
    assert_eq!(found.verdict, "too-small");
    assert!((11..=30).contains(&found.pool_size), "{found:?}");
}

#[test]
fn a_replay_that_waits_for_locks_is_given_no_more_connections() {
    let mut run = replayed(CROWDED.simulate(30_000.0), Some(8), 0);
    let with = |run: &mut Run, class: &str| {
        let samples = run.activity.as_mut().unwrap().samples.iter_mut();
        for session in samples.flat_map(|s| &mut s.sessions) {
            session.application_name = "dbperf-replay-1".to_owned();
            session.wait_event_type = Some(class.to_owned());
        }
        recommendation(run)
    };
    let found = with(&mut run, "Lock");
    let verdict = (found.verdict.as_str(), found.pool_size);
    assert_eq!(verdict, ("database-saturated", 2));
    assert_eq!(found.evidence, Evidence::RuleOfThumb);
    let words =
        "while clients waited for connections, 100 % of the active sessions waited for locks";
    assert!(found.reasons.iter().any(|r| r.contains(words)), "{found:?}");
    assert_eq!(with(&mut run, "Timeout").verdict, "too-small");
}

#[test]
fn a_last_request_that_takes_long_makes_no_smaller_load() {
    let mut pool = CROWDED.simulate(20_000.0);
    let truth = recommendation(&replayed(pool.clone(), Some(8), 0));
    // One request went on for 10 s after the others had ended.
    pool.begun = Some(pool.length);
    pool.length = Millis(30_000.0);
    let found = recommendation(&replayed(pool, Some(8), 0));
    assert_eq!(found.pool_size, truth.pool_size);
    assert_eq!(found.expected, truth.expected);
}

#[test]
fn connections_held_idle_are_to_be_given_back_first() {
    let staged = Loop {
        held_idle: 0.7,
        ..CROWDED
    };
    let found = recommendation(&replayed(staged.simulate(30_000.0), Some(8), 0));
    assert_eq!((found.verdict.as_str(), found.pool_size), ("held-idle", 2));
    assert!(
        found.reasons.iter().any(|r| r.contains("70 %")),
        "{found:?}"
    );
}

#[test]
fn the_budget_of_the_fleet_binds() {
    let run = replayed(CROWDED.simulate(30_000.0), Some(8), 0);
    let twenty = PoolOptions {
        instances: 20,
        ..PoolOptions::default()
    };
    let pool = conclude(&run, &twenty).unwrap();
    let found = pool.recommendation.unwrap();
    // (97 − 0 others) · 0.8 ÷ 20.
    assert_eq!((found.pool_size, found.connections_total), (3, 60));
    assert!(found.reasons.iter().any(|r| r.contains("budget binds")));
}

#[test]
fn a_short_replay_gives_no_size() {
    let mut pool = PoolRecord {
        pool_size: 2,
        clients: 4,
        length: Millis(100.0),
        counters: AcquireCounters::default(),
        ..PoolRecord::default()
    };
    pool.lease = LatencyHistogram::new();
    let found = conclude(&replayed(pool, None, 0), &PoolOptions::default()).unwrap();
    assert_eq!(found.recommendation, None);
    assert!(found.no_recommendation.unwrap().contains("0 leases"));
}

fn database_row(transactions: i64, sessions: i64) -> StatDatabase {
    serde_json::from_value(serde_json::json!({
        "datid": 5, "datname": "app", "numbackends": 1, "xact_commit": transactions,
        "xact_rollback": 0, "blks_read": 0, "blks_hit": 0, "tup_returned": 0, "tup_fetched": 0,
        "tup_inserted": 0, "tup_updated": 0, "tup_deleted": 0, "conflicts": 0, "temp_files": 0,
        "temp_bytes": 0, "deadlocks": 0, "blk_read_time": 0.0, "blk_write_time": 0.0,
        "sessions": sessions, "stats_reset": null
    }))
    .unwrap()
}

/// `busy` connections of one application in use all the time, `idle` more open.
fn observed(samples: usize, busy: i32, idle: u32) -> Run {
    let mut run = run(Millis(20_000.0));
    run.server = Some(server(&SETTINGS, Some(16)));
    let mut series = activity((0..samples).map(|_| {
        (0..busy)
            .map(|pid| {
                let state = if pid == 0 {
                    "idle in transaction"
                } else {
                    "active"
                };
                session(pid, "app", state)
            })
            .collect()
    }));
    for sample in &mut series.samples {
        sample.idle = BTreeMap::from([("app".to_owned(), idle), ("cron".to_owned(), 7)]);
    }
    run.activity = Some(series);
    run.database.stat_database = Some(Span {
        first_at: Millis(0.0),
        first: vec![database_row(0, 10)],
        last_at: Millis(20_000.0),
        last: vec![database_row(4000, 50)],
    });
    run
}

#[test]
fn the_server_shows_connections() {
    let found = conclude(&observed(200, 4, 6), &PoolOptions::default()).unwrap();
    let observed = found.observed.unwrap();
    assert_eq!((observed.size, observed.in_use_max), (17, 4));
    assert!((observed.in_use_mean - 4.0).abs() < 1e-12);
    assert!((observed.idle_in_transaction_ratio.unwrap() - 0.25).abs() < 1e-12);
    assert!((observed.connections_per_sec.unwrap() - 2.0).abs() < 1e-12);
    assert_eq!(observed.usable_connections, Some(97));
}

#[test]
fn observation_alone_estimates_by_littles_law() {
    // 4 in use at 200 transactions/s: 20 ms a lease.
    let found = recommendation(&observed(200, 4, 2));
    assert_eq!(found.verdict, "fits");
    assert_eq!(found.evidence, Evidence::Estimated);
    assert!(found.target.contains("20.0 ms"), "{}", found.target);
    assert!(found.pool_size_low.unwrap() < found.pool_size_high.unwrap());
    assert!(found.reasons.iter().any(|r| r.contains("was not seen")));
    let large = recommendation(&observed(200, 4, 46));
    assert_eq!(large.verdict, "too-large");
    assert!((5..20).contains(&large.pool_size), "{large:?}");
    let small = recommendation(&observed(200, 4, 0));
    assert_eq!(small.verdict, "too-small");
    assert!(small.pool_size > 4, "{small:?}");
}

#[test]
fn too_little_observation_gives_a_reason_and_no_size() {
    let reason = |run: &Run| {
        let pool = conclude(run, &PoolOptions::default()).unwrap();
        assert_eq!(pool.recommendation, None);
        pool.no_recommendation.unwrap()
    };
    assert!(reason(&observed(99, 4, 2)).contains("99 samples"));
    assert!(reason(&observed(200, 0, 2)).contains("was busy"));
    assert_eq!(conclude(&run(Millis(1.0)), &PoolOptions::default()), None);
}

#[test]
fn a_fleet_is_not_given_more_connections_than_the_cores_serve() {
    let pool = CROWDED.simulate(30_000.0);
    let options = PoolOptions {
        instances: 10,
        ..PoolOptions::default()
    };
    let found = |cores, on_cpu| {
        let run = replayed(pool.clone(), Some(cores), on_cpu);
        let found = conclude(&run, &options).unwrap();
        found.recommendation.unwrap()
    };
    // No CPU in a lease: one queue for ten instances needs fewer than ten queues together.
    let one_queue = found(8, 0);
    let wanted = one_queue.wanted_pool_size();
    let pooler = one_queue.pooler.unwrap();
    assert!(pooler.server_connections_wanted < 10 * wanted, "{pooler:?}");
    assert!(pooler.server_connections_wanted > 30, "{pooler:?}");
    // A core for each connection: from 8 on there is none.
    let busy = found(8, 2);
    let servers = busy.pooler.unwrap().server_connections_wanted;
    assert!((8..=9).contains(&servers), "{servers}");
    assert!(
        busy.reasons
            .iter()
            .any(|r| r.contains("does not have the cores"))
    );
}
