//! How sure the size of one replay is, and what its rush asks for.

use super::*;
use crate::analyze::fixture::load_result;
use crate::record::load::{Arrival, Stage};

/// Random arrivals at a rate that depends on the second, on `size` connections with exponential leases.
fn open_loop(size: u32, lease_ms: f64, seed: u64, per_sec: impl Fn(f64) -> f64) -> PoolRecord {
    const LENGTH_MS: f64 = 20_000.0;
    let mut generator = SplitMix64::new(seed);
    let mut draw = |mean: f64| {
        let uniform = (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        -mean * (1.0 - uniform).ln()
    };
    let mut pool = PoolRecord {
        pool: "test".to_owned(),
        pool_size: size,
        clients: 1000,
        length: Millis(LENGTH_MS),
        gauges: (0..200)
            .map(|i| PoolGauge {
                at: Millis(100.0 * f64::from(i)),
                size,
                ..PoolGauge::default()
            })
            .collect(),
        ..PoolRecord::default()
    };
    let mut free_at = vec![0.0f64; size as usize];
    let mut want = draw(1000.0 / per_sec(0.0));
    while want < LENGTH_MS {
        let server = (0..free_at.len())
            .min_by(|a, b| free_at[*a].total_cmp(&free_at[*b]))
            .unwrap();
        let start = want.max(free_at[server]);
        let end = start + draw(lease_ms);
        free_at[server] = end;
        let ms = |v: f64| Duration::from_secs_f64(v / 1000.0);
        pool.counters.acquires += 1;
        pool.permit_wait.record(ms(start - want));
        pool.lease.record(ms(end - start));
        pool.lease_total += Millis(end - start);
        let first = crate::stats::round_to_count((want / 100.0).ceil()) as usize;
        for gauge in pool.gauges.iter_mut().skip(first) {
            if gauge.at.0 >= end {
                break;
            }
            gauge.in_use += u32::from(start <= gauge.at.0);
            gauge.waiting += u32::from(gauge.at.0 < start);
        }
        want += draw(1000.0 / per_sec(want / 1000.0));
    }
    pool.in_use_mean = pool.lease_total.0 / LENGTH_MS;
    pool.in_use_max = pool.gauges.iter().map(|g| g.in_use).max().unwrap();
    pool
}

fn open_run(pool: PoolRecord) -> Run {
    let mut run = replayed(pool, Some(64), 0);
    let mut load = load_result();
    load.source.arrival = Arrival::Open;
    load.total.latency.mean = None;
    load.stages.clear();
    run.replay = Some(load);
    run
}

fn has(found: &Recommendation, words: &str) -> bool {
    found.reasons.iter().any(|reason| reason.contains(words))
}

/// The smallest size for random arrivals, so many of them in service.
fn true_size(in_use: f64) -> u32 {
    let model = model::Model {
        demand: model::Demand::Open {
            per_sec: in_use * 50.0,
        },
        lease_ms: 20.0,
        lease_scv: 1.0,
    };
    model.size().unwrap()
}

#[test]
fn an_even_open_loop_has_its_size_in_the_interval_and_no_rush() {
    let truth = true_size(4.0);
    let (mut held, mut rushes) = (0, 0);
    for seed in 0..40 {
        let found = recommendation(&open_run(open_loop(40, 20.0, seed, |_| 200.0)));
        assert_eq!(found.verdict, "too-large");
        let (low, high) = (found.pool_size_low.unwrap(), found.pool_size_high.unwrap());
        held += u32::from(low <= truth && truth <= high);
        rushes += u32::from(!has(&found, "no rush was seen"));
    }
    assert!(held >= 36, "{held} of 40");
    assert!(rushes <= 2, "{rushes} of 40");
}

#[test]
fn a_spike_that_waits_behind_a_small_pool_is_sized_for() {
    // 2 asked for, and 10 from 10 s to 12 s, on 4 connections: the gauges never show more than 4.
    let spike = |second: f64| {
        if (10.0..12.0).contains(&second) {
            500.0
        } else {
            100.0
        }
    };
    let truth = true_size(10.0);
    let mut held = 0;
    for seed in 0..20 {
        let pool = open_loop(4, 20.0, seed, spike);
        assert_eq!(pool.in_use_max, 4);
        let found = recommendation(&open_run(pool));
        assert_eq!(found.verdict, "too-small");
        assert!(has(&found, "connections asked for"), "{found:?}");
        assert!(has(&found, "10.0 s into the window"), "{found:?}");
        let (low, high) = (found.pool_size_low.unwrap(), found.pool_size_high.unwrap());
        held += u32::from(low <= truth && truth <= high);
        // Throughput is that of the window.
        let throughput = found.expected.throughput_per_sec.unwrap();
        assert!((120.0..160.0).contains(&throughput), "{throughput}");
    }
    assert!(held >= 18, "{held} of 20 hold {truth}");
}

#[test]
fn a_closed_loop_has_its_size_in_the_interval_whatever_the_seed() {
    for size in [3, 8, 40] {
        let staged = Loop {
            clients: 20,
            size,
            lease_ms: 20.0,
            think_ms: 80.0,
            held_idle: 0.1,
        };
        // 95 % of waits at most 2 ms.
        let meets = |servers: &u32| {
            let queue = ClosedQueue {
                population: 20,
                servers: *servers,
                service: 20.0,
                think: 80.0,
            };
            queue.wait_above(2.0).unwrap() <= 0.05
        };
        let truth = (1..=20).find(meets).unwrap();
        let held = (0..12)
            .filter(|seed| {
                let found = recommendation(&replayed(
                    staged.simulate_from(*seed, 20_000.0),
                    Some(64),
                    0,
                ));
                let (low, high) = (found.pool_size_low.unwrap(), found.pool_size_high.unwrap());
                low <= truth && truth <= high
            })
            .count();
        assert!(held >= 11, "{held} of 12 with {size}");
    }
}

#[test]
fn few_gauges_and_stages_are_said() {
    let staged = Loop {
        clients: 20,
        size: 2,
        lease_ms: 20.0,
        think_ms: 80.0,
        held_idle: 0.1,
    };
    let mut pool = staged.simulate(30_000.0);
    pool.gauges.truncate(19);
    let mut run = replayed(pool, Some(8), 0);
    let found = recommendation(&run);
    assert!(
        has(&found, "fewer than 20 slices of time have readings"),
        "{found:?}"
    );
    assert!(found.pool_size_low < found.pool_size_high);
    let mut load = load_result();
    load.stages = vec![Stage::default(); 3];
    load.source.arrival = Arrival::Closed;
    run.replay = Some(load);
    assert!(has(&recommendation(&run), "the clients came in 3 stages"));
}

#[test]
fn a_load_beyond_every_size_gets_none() {
    let staged = Loop {
        clients: 20,
        size: 2,
        lease_ms: 20.0,
        think_ms: 80.0,
        held_idle: 0.1,
    };
    let mut pool = staged.simulate(30_000.0);
    // Nobody thinks: all of the 50 000 are always in the queue.
    pool.clients = 50_000;
    let turn = 50_000.0 * 30.0 / pool.lease.count() as f64;
    let wait = Duration::from_secs_f64(turn - 0.02);
    pool.permit_wait = LatencyHistogram::new();
    for _ in 0..pool.lease.count() {
        pool.permit_wait.record(wait);
    }
    let found = conclude(&replayed(pool, Some(8), 0), &PoolOptions::default()).unwrap();
    assert_eq!(found.recommendation, None);
    let words = found.no_recommendation.unwrap();
    assert!(
        words.contains("no size of up to 10000 connections"),
        "{words}"
    );
}
