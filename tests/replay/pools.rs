//! Every kind of pool keeps the same books.

use super::*;

const ALL: [PoolKind; 3] = [PoolKind::Deadpool, PoolKind::Sqlx, PoolKind::None];

#[test]
fn every_pool_runs_the_same_workload_and_adds_up() {
    let _machine = alone();
    let lab = lab();
    sql(
        &lab,
        "CREATE TABLE t (id int PRIMARY KEY, name text, at timestamptz, kind uuid); \
         INSERT INTO t SELECT g, 'n' || g, now(), gen_random_uuid() FROM generate_series(1, 100) g",
    );
    let mixed = workload(
        "-- dbperf workload\n-- writes\n-- operation: read\n-- weight: 3\n-- param id: uniform 1 100\n\
         -- statement: one\nSELECT id, kind FROM t WHERE id = :id;\n\
         -- foreach: one.kind\n-- statement: again\nSELECT name FROM t WHERE kind = :kind;\n\
         -- operation: write\n-- transaction: rollback 50%\n-- param id: uniform 1 100\n-- param n: text 5\n\
         UPDATE t SET name = :n WHERE id = :id;",
    );
    for kind in ALL {
        let options = DriveOptions {
            pool: kind,
            allow_writes: true,
            warmup: Duration::from_millis(200),
            ..options()
        };
        let replayed = replay(&mixed, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        let (total, pool) = (&replayed.load.total, pool(&replayed));
        assert_eq!(total.errors, std::collections::BTreeMap::new(), "{kind:?}");
        assert_eq!(pool.pool, kind.name());
        assert!(total.requests > 100, "{kind:?}: {}", total.requests);
        assert!(
            pool.gauges
                .iter()
                .all(|g| g.size <= 4 && g.idle.unwrap() <= g.size),
            "{kind:?}"
        );
        let write = replayed.load.operations[1].parts.as_ref().unwrap();
        let calls = |name: &str| {
            let found = write.statements.iter().find(|s| s.name == name);
            found.map_or(0, |s| s.calls)
        };
        let ended = calls("ROLLBACK") + calls("COMMIT");
        let share = calls("ROLLBACK") as f64 / ended as f64;
        assert!((share - 0.5).abs() < 0.2, "{kind:?}: {share}");
        assert_eq!(calls("BEGIN"), ended);
        assert_eq!(count(&lab, SESSIONS), 0, "{kind:?} leaves sessions behind");
    }
}

#[test]
fn connections_are_timed_where_they_are_made_and_checked() {
    let _machine = alone();
    let lab = lab();
    let quick = workload("-- operation: quick\nSELECT 1;");
    for kind in ALL {
        let options = DriveOptions {
            pool: kind,
            ..options()
        };
        let replayed = replay(&quick, target(&lab), &options, &Control::default()).unwrap();
        let pool = pool(&replayed);
        assert_eq!(pool.connect.count(), 4, "{kind:?}");
        let recycled = pool.recycle.count();
        match kind {
            // The client keeps its connection: there is nothing to check.
            PoolKind::None => assert_eq!(recycled, 0),
            _ => assert_eq!(recycled, pool.counters.acquires - 4, "{kind:?}"),
        }
        // sqlx pings a connection that comes back before anybody else has it.
        let returning = pool.returning_total.0;
        assert_eq!(
            returning > 0.0,
            kind == PoolKind::Sqlx,
            "{kind:?}: {returning}"
        );
        let most = f64::from(pool.pool_size) * pool.length.0;
        assert!(
            pool.occupied_ms() <= 1.001 * most,
            "{kind:?}: {} of {most}",
            pool.occupied_ms()
        );
    }
}

#[test]
fn a_restart_and_a_storm_of_connections_are_survived_by_every_pool() {
    let _machine = beside_others();
    let quick = workload("-- operation: quick\nSELECT pg_sleep(0.002);");
    for kind in ALL {
        let mut lab = lab();
        let target = target(&lab);
        let options = DriveOptions {
            pool: kind,
            duration: Duration::from_secs(6),
            ..options()
        };
        let workload = quick.clone();
        let driver =
            std::thread::spawn(move || replay(&workload, target, &options, &Control::default()));
        std::thread::sleep(Duration::from_secs(1));
        lab.primary_mut().restart(StopMode::Immediate).unwrap();
        let replayed = driver.join().unwrap().unwrap();
        adds_up(&replayed);
        let total = &replayed.load.total;
        assert!(
            total.failures > 0 && total.failures < 400,
            "{kind:?}: {:?}",
            total.errors
        );
        // All connections are made anew.
        assert!(
            pool(&replayed).connect.count() >= 5,
            "{kind:?}: {:?}",
            pool(&replayed).connect.count()
        );
        let last = replayed.load.intervals.iter().rev().nth(1).unwrap();
        assert!(last.requests["quick"] > 50, "{kind:?}: {last:?}");
    }
}

#[test]
fn a_server_without_a_free_slot_is_an_error_by_its_sqlstate() {
    let _machine = beside_others();
    let (major, _) = support::servers().pop().expect("a PostgreSQL server");
    let few = LabOptions {
        settings: support::setting("max_connections", "10"),
        ..LabOptions::default()
    };
    let lab = support::lab(major, few).expect("the server that was found");
    let slow = workload("-- operation: slow\nSELECT pg_sleep(0.05);");
    for kind in ALL {
        let options = DriveOptions {
            pool: kind,
            load: LoadShape::Closed { clients: 30 },
            pool_size: 30,
            duration: Duration::from_millis(1500),
            acquire_timeout: Duration::from_millis(700),
            ..options()
        };
        let replayed = replay(&slow, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        let total = &replayed.load.total;
        let refused = match kind {
            // sqlx tries again, ever more slowly, until the acquire gives up.
            PoolKind::Sqlx => total.errors.get("acquire timeout"),
            _ => total.errors.get("connect: 53300"),
        };
        let refused = refused.copied().unwrap_or(0);
        assert!(refused > 0, "{kind:?}: {:?}", total.errors);
        let failed = total
            .errors
            .iter()
            .filter(|(key, _)| key.starts_with("connect:"));
        let failed: u64 = failed.map(|(_, count)| count).sum();
        assert_eq!(
            pool(&replayed).counters.failed,
            failed,
            "{kind:?}: {:?}",
            total.errors
        );
        // No tight loop: pauses grow to a second.
        assert!(refused < 600, "{kind:?}: {refused}");
        assert!(total.requests - total.failures > 50, "{kind:?}: {total:?}");
    }
}

#[test]
fn a_statement_that_takes_too_long_costs_its_connection_and_nothing_runs_on() {
    let _machine = beside_others();
    let lab = lab();
    let slow = workload("-- operation: slow\nSELECT pg_sleep(20);");
    for kind in ALL {
        let options = DriveOptions {
            pool: kind,
            statement_timeout: Some(Duration::from_millis(150)),
            ..options()
        };
        let replayed = replay(&slow, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        let total = &replayed.load.total;
        assert!(total.requests >= 8, "{kind:?}: {}", total.requests);
        assert_eq!(
            total.errors["statement timeout"], total.requests,
            "{kind:?}"
        );
        assert_eq!(count(&lab, SESSIONS), 0, "{kind:?}");
    }
}

#[test]
fn statements_of_a_pipeline_overlap_on_a_slow_line() {
    let _machine = alone();
    let lab = lab();
    let pipelined = workload(
        "-- operation: three\n-- statement: a\nSELECT pg_sleep(0.01);\n-- pipelined\n-- statement: b\n\
         SELECT 2;\n-- pipelined\n-- statement: c\nSELECT 3;",
    );
    for pool in [PoolKind::Deadpool, PoolKind::None] {
        let options = DriveOptions { pool, ..options() };
        let replayed = replay(&pipelined, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        let parts = replayed.load.operations[0].parts.as_ref().unwrap();
        let latencies: Vec<f64> = parts
            .statements
            .iter()
            .map(|s| s.latency.quantile_ms(0.5).unwrap())
            .collect();
        // The second and third are sent before the first is answered, so each waits for it.
        assert!(latencies.iter().all(|ms| *ms > 9.0), "{latencies:?}");
        let mean = mean_ms(&replayed.load.total);
        assert!(mean < 2.0 * latencies[0], "{mean} {latencies:?}");
        for statement in &parts.statements {
            assert_eq!(statement.calls, replayed.load.total.requests);
        }
    }
}
