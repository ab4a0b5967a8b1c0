//! Machines add up, whatever the order.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::record::load::{
    Arrival, Latency, LoadSource, Operation, OperationParts, PercentileMethod, ReplayedStatement,
    Stage,
};
use crate::record::pool::AcquireCounters;
use crate::record::pool::{PoolGauge, PoolRecord};
use crate::record::run::{Host, RunMeta};
use crate::stats::LatencyHistogram;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
}

fn histogram(millis: &[u64]) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::new();
    for ms in millis {
        histogram.record(Duration::from_millis(*ms));
    }
    histogram
}

fn operation(name: &str, latencies: &[u64]) -> Operation {
    let count = latencies.len() as u64;
    let failures = count / 3;
    let sum = Millis(latencies.iter().sum::<u64>() as f64);
    Operation {
        name: name.to_owned(),
        requests: count,
        failures,
        latency: Latency::from_histogram(histogram(latencies)),
        errors: BTreeMap::from([("57014".to_owned(), failures)]),
        parts: Some(OperationParts {
            statement_latency: sum,
            statements: vec![ReplayedStatement {
                fingerprint: None,
                name: "s".to_owned(),
                sql: "SELECT 1".to_owned(),
                calls: count,
                rows: 2 * count,
                latency: histogram(latencies),
            }],
            ..OperationParts::default()
        }),
        schedule_lag: None,
        skipped: 1,
        ..Operation::default()
    }
}

/// A machine that began so many milliseconds after the hour and drove load for five seconds.
fn machine(id: &str, begin: i64, latencies: &[u64]) -> Run {
    let (start, end) = (at(begin), at(begin + 5_000));
    let count = latencies.len() as u64;
    let interval = |second: i64| LoadInterval {
        started_at: Some(at(begin + 1_000 * second)),
        length: Millis(1000.0),
        users: Some(2),
        requests: BTreeMap::from([("o".to_owned(), count)]),
        latency_total: Some(Millis(10.0)),
        ..LoadInterval::default()
    };
    let load = LoadResult {
        source: LoadSource {
            tool: "dbperf replay".to_owned(),
            version: None,
            files: vec![format!("/{id}/w.sql")],
            arrival: Arrival::Closed,
            percentile_method: PercentileMethod::Histogram,
            warnings: Vec::new(),
            ..LoadSource::default()
        },
        length: Some(Millis(5_000.0)),
        started_at: Some(start),
        ended_at: Some(end),
        total: operation("Total", latencies),
        operations: vec![operation("o", latencies)],
        intervals: (0..5).map(interval).collect(),
        stages: vec![Stage {
            name: "2 clients".to_owned(),
            users: 2,
            length: Millis(5_000.0),
            total: operation("Total", latencies),
            ..Stage::default()
        }],
        driver_saturated: Some(false),
        driver_cpu_ratio: Some(0.1),
        driver: Some(DriverRecord {
            threads: 1,
            ..DriverRecord::default()
        }),
    };
    let gauge = |i: u32| PoolGauge {
        at: Millis(f64::from(i) * 50.0),
        size: 2,
        idle: Some(1),
        in_use: 1,
        waiting: i % 2,
    };
    let pool = PoolRecord {
        pool: "pool a".to_owned(),
        pool_size: 2,
        clients: 2,
        length: Millis(5_000.0),
        counters: AcquireCounters {
            acquires: count,
            immediate: count - count / 2,
            waited: count / 2,
            ..AcquireCounters::default()
        },
        permit_wait: histogram(latencies),
        lease: histogram(latencies),
        in_use_mean: 1.0,
        in_use_max: 2,
        gauges: (0..100).map(gauge).collect(),
        ..PoolRecord::default()
    };
    let meta = RunMeta {
        run_id: id.to_owned(),
        started_at: start,
        ended_at: end,
        window: Millis(5_000.0),
        dbperf_version: "0".to_owned(),
        ..RunMeta::default()
    };
    Run {
        replay: Some(load),
        pool: Some(pool),
        ..Run::of(meta, Host::default())
    }
}

fn merged(runs: &[&Run]) -> Result<Run, MergeError> {
    let named: Vec<NamedRun<'_>> = runs
        .iter()
        .map(|run| NamedRun {
            name: &run.meta.run_id,
            run,
        })
        .collect();
    merge(&named)
}

/// Everything that adds, without what has the order of its parts.
fn sums(
    run: &Run,
) -> (
    Operation,
    Operation,
    Vec<LoadInterval>,
    PoolRecord,
    Vec<MergedRun>,
) {
    let load = run.replay.clone().unwrap();
    let mut intervals = load.intervals;
    for interval in &mut intervals {
        interval.from = None;
    }
    let mut pool = run.pool.clone().unwrap();
    // Sums of fractions depend on their order in the last bit.
    pool.in_use_mean = (pool.in_use_mean * 1e9).round();
    pool.length = Millis(pool.length.0.round());
    (
        load.total,
        load.operations[0].clone(),
        intervals,
        pool,
        run.merged.clone(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn machines_add_in_any_order(
        shards in prop::collection::vec((0..900_i64, prop::collection::vec(1..50_000_u64, 1..60)), 3),
    ) {
        let runs: Vec<Run> = shards.iter().zip(["a", "b", "c"])
            .map(|((begin, latencies), id)| machine(id, *begin, latencies)).collect();
        let [a, b, c] = [&runs[0], &runs[1], &runs[2]];
        let all = merged(&[a, b, c]).unwrap();
        let left = merged(&[&merged(&[a, b]).unwrap(), c]).unwrap();
        let right = merged(&[a, &merged(&[c, b]).unwrap()]).unwrap();
        for other in [merged(&[c, a, b]).unwrap(), left, right] {
            prop_assert_eq!(sums(&all), sums(&other));
        }
        let (total, operation, intervals, pool, parts) = sums(&all);
        let latencies: Vec<u64> = shards.iter().flat_map(|(_, l)| l.clone()).collect();
        let every = histogram(&latencies);
        prop_assert_eq!(total.latency.histogram.as_ref(), Some(&every));
        prop_assert_eq!(&operation.parts.unwrap().statements[0].latency, &every);
        prop_assert_eq!(&pool.permit_wait, &every);
        prop_assert!(pool.counters.add_up());
        prop_assert_eq!(total.requests, latencies.len() as u64);
        prop_assert_eq!(total.errors["57014"], total.failures);
        let by_second: u64 = intervals.iter().flat_map(|i| i.requests.values()).sum();
        prop_assert_eq!(by_second, 5 * total.requests);
        prop_assert_eq!((pool.pool_size, pool.clients, pool.in_use_max), (6, 6, 6));
        prop_assert_eq!(parts.len(), 3);
    }
}

#[test]
fn times_are_those_of_the_wall_clock() {
    let (early, late) = (machine("a", 0, &[1, 2]), machine("b", 700, &[3]));
    let both = merged(&[&early, &late]).unwrap();
    let load = both.replay.as_ref().unwrap();
    assert_eq!(
        (load.started_at, load.ended_at),
        (Some(at(0)), Some(at(5_700)))
    );
    assert_eq!(load.length, Some(Millis(5_700.0)));
    // The second machine's seconds are nearer to the next full second.
    let requests: Vec<u64> = load.intervals.iter().map(|i| i.requests["o"]).collect();
    assert_eq!(requests, [2, 3, 3, 3, 3, 1]);
    let users: Vec<Option<u32>> = load.intervals.iter().map(|i| i.users).collect();
    assert_eq!(users, [2, 4, 4, 4, 4, 2].map(Some));
    assert_eq!(load.intervals[1].from, Some(Millis(1_000.0)));
    assert_eq!(
        (load.stages[0].name.as_str(), load.stages[0].users),
        ("4 clients", 4)
    );
    let pool = both.pool.as_ref().unwrap();
    // Both have one connection in use for five of 5.7 seconds.
    assert!(
        (pool.in_use_mean - 10.0 / 5.7).abs() < 1e-9,
        "{}",
        pool.in_use_mean
    );
    let in_use = |ms: f64| {
        pool.gauges
            .iter()
            .rev()
            .find(|g| g.at.0 <= ms)
            .unwrap()
            .in_use
    };
    assert_eq!(
        (
            in_use(100.0),
            in_use(2_000.0),
            in_use(5_500.0),
            in_use(5_700.0)
        ),
        (1, 2, 1, 0)
    );
    let row = both
        .coverage
        .iter()
        .find(|row| row.collector == "merge")
        .unwrap();
    assert_eq!(row.status, Status::Partial);
    let said = row.reason.as_ref().unwrap();
    assert!(
        said.contains("overlap for 4.3 s of 5.7 s") && said.contains("upper bound"),
        "{said}"
    );
}

#[test]
fn runs_that_do_not_fit_are_refused_with_what_differs() {
    type Change = Box<dyn Fn(&mut Run)>;
    let first = machine("a", 0, &[1]);
    let with = |change: &dyn Fn(&mut Run)| {
        let mut run = machine("b", 0, &[1]);
        change(&mut run);
        merged(&[&first, &run]).unwrap_err().to_string()
    };
    let load =
        |run: &mut Run, change: &dyn Fn(&mut LoadResult)| change(run.replay.as_mut().unwrap());
    let cases: [(Change, &str); 7] = [
        (Box::new(|run| run.replay = None), "b holds no replay"),
        (
            Box::new(move |run| load(run, &|l| l.source.files = vec!["/x/other.sql".to_owned()])),
            "b does not fit a: workload files differ: other.sql, but w.sql",
        ),
        (
            Box::new(move |run| load(run, &|l| l.operations[0].name = "p".to_owned())),
            "operations differ: p, but o",
        ),
        (
            Box::new(move |run| {
                load(run, &|l| {
                    let parts = l.operations[0].parts.as_mut().unwrap();
                    parts.statements[0].sql = "SELECT 'secret'".to_owned();
                });
            }),
            "statements differ: `s` of `o` has one text, but `s` of `o` has another",
        ),
        (
            Box::new(|run| run.pool.as_mut().unwrap().pool = "pool b".to_owned()),
            "pools differ: pool b, but pool a",
        ),
        (
            Box::new(|run| run.meta.run_id = "a".to_owned()),
            "would be counted twice",
        ),
        (
            Box::new(move |run| {
                load(run, &|l| {
                    (l.started_at, l.ended_at) = (Some(at(9_000)), Some(at(9_500)));
                });
            }),
            "did not run at the same time",
        ),
    ];
    for (change, words) in cases {
        let said = with(&*change);
        assert!(said.contains(words), "{said}\n{words}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert_eq!(merged(&[&first]), Err(MergeError::TooFew));
    let both = merged(&[&first, &machine("b", 0, &[1])]).unwrap();
    let again = merged(&[&both, &first]).unwrap_err().to_string();
    assert!(again.contains("holds a, which a+b holds too"), "{again}");
}

#[test]
fn one_saturated_driver_is_a_saturated_driver() {
    let mut runs = [machine("a", 0, &[1]), machine("b", 0, &[1])];
    runs[1].replay.as_mut().unwrap().driver_saturated = Some(true);
    runs[0].replay.as_mut().unwrap().driver_saturated = None;
    let both = merged(&[&runs[0], &runs[1]]).unwrap();
    assert_eq!(both.replay.unwrap().driver_saturated, Some(true));
    runs[1].replay.as_mut().unwrap().driver_saturated = Some(false);
    let both = merged(&[&runs[0], &runs[1]]).unwrap();
    assert_eq!(both.replay.unwrap().driver_saturated, None);
}

#[test]
fn a_later_window_of_one_pool_follows() {
    let (mut first, later) = (machine("a", 0, &[1, 2]), machine("a", 60_000, &[3]));
    let (load, pool) = (first.replay.as_mut().unwrap(), first.pool.as_mut().unwrap());
    load.follow(later.replay.as_ref().unwrap());
    pool.follow(later.pool.as_ref().unwrap());
    assert_eq!(
        (load.length, load.total.requests),
        (Some(Millis(10_000.0)), 3)
    );
    assert_eq!(load.total.latency.histogram, Some(histogram(&[1, 2, 3])));
    assert_eq!(
        (load.intervals.len(), load.stages[0].length),
        (10, Millis(10_000.0))
    );
    assert_eq!((pool.length, pool.in_use_max), (Millis(10_000.0), 2));
    assert!((pool.in_use_mean - 1.0).abs() < 1e-9);
    assert!(pool.gauges.is_sorted_by(|a, b| a.at.0 < b.at.0));
    assert!(pool.counters.add_up());
}
