//! A replay against real servers: where the time went is known by construction.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

mod support;

use std::time::{Duration, Instant};

use dbperf::drive::{Control, DriveError, DriveOptions, Replayed, replay};
use dbperf::lab::{Lab, LabOptions, StopMode};
use dbperf::record::load::Operation;
use dbperf::workload::{Think, Workload};
use tokio_postgres::{Client, Config, NoTls};

/// A lab on the newest server found; the replay asks no catalogue whose shape depends on the version.
fn lab() -> Lab {
    let (major, _) = support::servers().pop().expect("a PostgreSQL server");
    support::lab(major, LabOptions::default()).expect("the server that was found")
}

fn config(lab: &Lab) -> Config {
    lab.primary().dsn().parse().unwrap()
}

fn options() -> DriveOptions {
    DriveOptions {
        clients: 4,
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
        let (client, connection) = config(lab).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        work(&client).await
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

/// Identities that hold for every replay.
fn adds_up(replayed: &Replayed) {
    let (load, pool) = (&replayed.load, &replayed.pool);
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
}

#[test]
fn a_pool_too_small_shows_as_permit_wait() {
    let lab = lab();
    let sleep = workload("-- operation: sleep\n-- statement: s\nSELECT pg_sleep(0.01);");
    let options = DriveOptions {
        clients: 8,
        pool_size: 2,
        warmup: Duration::from_millis(300),
        duration: Duration::from_secs(3),
        ..options()
    };
    let replayed = replay(&sleep, config(&lab), &options, &Control::default()).unwrap();
    adds_up(&replayed);
    let (load, pool) = (&replayed.load, &replayed.pool);
    // pg_sleep(0.01) takes 10 ms and a little: two at a time are somewhat less than 200 a second.
    let statement = &load.operations[0].parts.as_ref().unwrap().statements[0];
    let service_ms = statement.latency.mean_ms().unwrap();
    assert!((10.0..14.0).contains(&service_ms), "{service_ms}");
    let throughput = load.total.requests as f64 / load.length.unwrap().secs();
    assert!(
        (throughput / (2000.0 / service_ms) - 1.0).abs() < 0.05,
        "{throughput}"
    );
    // Denning and Buzen: X = N / R for a closed loop without think time.
    let by_law = 8000.0 / mean_ms(&load.total);
    assert!(
        (throughput / by_law - 1.0).abs() < 0.03,
        "{throughput} {by_law}"
    );
    assert!((mean_ms(&load.total) / (4.0 * service_ms) - 1.0).abs() < 0.05);
    let parts = load.total.parts.as_ref().unwrap();
    let total = mean_ms(&load.total) * load.total.requests as f64;
    let explained = parts.pool_wait.0 + parts.statement_latency.0 + parts.held_idle.0;
    assert!(
        (explained / total - 1.0).abs() < 0.01,
        "{explained} of {total}"
    );
    assert!(parts.pool_wait.0 / total > 0.7);
    // Two connections are always in use; mean in use = Σ lease / length (Little).
    assert!(
        (pool.in_use_mean - 2.0).abs() < 0.05,
        "{}",
        pool.in_use_mean
    );
    let by_little = pool.lease_total.0 / pool.length.0;
    assert!((pool.in_use_mean - by_little).abs() < 0.05, "{by_little}");
    assert_eq!((pool.in_use_max, pool.counters.failed), (2, 0));
    assert!(pool.gauges.len() >= 20, "{}", pool.gauges.len());
    assert!(pool.gauges.iter().skip(1).all(|g| g.size == 2));
    // Two hundred requests a second are nothing to the driver.
    assert!(load.driver_cpu_ratio.unwrap() < 0.5);
    assert!(load.driver_saturated.is_some());
    assert!(!replayed.interrupted);
}

#[test]
fn the_record_agrees_with_the_server() {
    let lab = lab();
    sql(
        &lab,
        "CREATE EXTENSION pg_stat_statements;
         CREATE TYPE mood AS ENUM ('good', 'bad');
         CREATE TABLE items (id bigint PRIMARY KEY, parent int, mood mood, price numeric(8,2),
             at timestamptz, note varchar(20), tag uuid, done boolean, data jsonb, day date);
         CREATE TABLE parts (id serial PRIMARY KEY, item bigint, name text);
         INSERT INTO items SELECT i, i % 10 FROM generate_series(1, 100) i;
         INSERT INTO parts (item, name) SELECT i % 100 + 1, 'p' FROM generate_series(1, 300) i;
         ANALYZE;
         SELECT pg_stat_statements_reset();",
    );
    let mixed = workload(
        "-- dbperf workload: mixed\n-- writes\n\
         -- operation: list\n-- weight: 3\n-- param parent: zipf 0 9 1\n-- statement: items\n\
         SELECT id, note FROM items WHERE parent = :parent;\n\
         -- foreach: items.id\n-- statement: parts\nSELECT name FROM parts WHERE item = :id;\n\
         -- operation: update\n-- transaction\n-- param id: uniform 1 100\n\
         -- param mood: choice good:2 bad\n-- param price: uniform 0.50 99.99\n\
         -- param at: choice '2024-05-01 10:00:00+02'\n-- param note: text 12\n\
         -- param tag: choice 7f2c1c1e-0000-4000-8000-000000000001\n-- param done: choice true false\n\
         -- param data: choice '{\"a\": 1}'\n-- param day: choice 2024-02-29\n\
         -- statement: update item\n\
         UPDATE items SET mood = :mood, price = :price, at = :at, note = :note, tag = :tag,\n\
           done = :done, data = :data, day = :day WHERE id = :id;\n\
         -- operation: insert\n-- param id: sequence 1000\n-- statement: insert item\n\
         INSERT INTO items (id) VALUES (:id);",
    );
    let refused = replay(&mixed, config(&lab), &options(), &Control::default());
    assert!(matches!(refused, Err(DriveError::Writes { .. })));
    let allowed = DriveOptions {
        allow_writes: true,
        think: Think {
            min: Duration::ZERO,
            max: Duration::from_millis(5),
        },
        ..options()
    };
    let replayed = replay(&mixed, config(&lab), &allowed, &Control::default()).unwrap();
    adds_up(&replayed);
    assert_eq!(
        replayed.load.total.errors,
        std::collections::BTreeMap::new()
    );
    let [list, update, insert] = replayed.load.operations.as_slice() else {
        panic!("three operations");
    };
    let names = |operation: &Operation| -> Vec<String> {
        let statements = &operation.parts.as_ref().unwrap().statements;
        statements.iter().map(|s| s.name.clone()).collect()
    };
    assert_eq!(names(list), ["items", "parts"]);
    assert_eq!(names(update), ["BEGIN", "update item", "COMMIT"]);
    // Ten items of each parent, so ten executions of the second statement.
    let listed = &list.parts.as_ref().unwrap().statements;
    assert_eq!(listed[0].calls, list.requests);
    assert_eq!(
        (listed[0].rows, listed[1].calls),
        (10 * list.requests, 10 * list.requests)
    );
    assert_eq!(listed[1].rows, 30 * list.requests);
    let share = list.requests as f64 / replayed.load.total.requests as f64;
    assert!((share - 0.6).abs() < 0.15, "{share}");
    assert_eq!(
        count(&lab, "SELECT count(*) FROM items WHERE id >= 1000"),
        insert.requests
    );
    assert!(
        count(
            &lab,
            "SELECT count(*) FROM items WHERE price BETWEEN 0.5 AND 99.99 \
        AND at = '2024-05-01 08:00:00+00' AND length(note) = 12 AND day = '2024-02-29' \
        AND data->>'a' = '1' AND tag IS NOT NULL AND mood IS NOT NULL"
        ) > 0
    );
    // Every execution was recorded: the server counted the same.
    for (operation, statement) in [(list, 0), (list, 1), (update, 1), (insert, 0)] {
        let mine = &operation.parts.as_ref().unwrap().statements[statement];
        let first = mine
            .sql
            .split_whitespace()
            .take(4)
            .collect::<Vec<_>>()
            .join(" ");
        let calls = count(
            &lab,
            &format!(
                "SELECT sum(calls)::bigint FROM pg_stat_statements WHERE query LIKE '{first}%'"
            ),
        );
        assert_eq!(calls, mine.calls, "{first}");
    }
    assert_eq!(count(&lab, SESSIONS), 0);
}

#[test]
fn what_does_not_fit_the_server_is_said_before_the_load() {
    let lab = lab();
    sql(
        &lab,
        "CREATE TABLE t (id int PRIMARY KEY, small smallint, name text, net inet)",
    );
    let op = "-- operation: a\n";
    for (text, parts) in [
        (
            "-- statement: s\nSELECT * FROM missing;",
            vec!["w.sql:3", "`s`", "\"missing\"", "42P01"],
        ),
        (
            "-- param x: uniform 1 40000\nSELECT 1 FROM t WHERE small = :x;",
            vec!["w.sql:2", "`x`", "valid int2"],
        ),
        (
            "-- param x: choice a\nSELECT 1 FROM t WHERE net = :x;",
            vec!["w.sql:2", "type inet"],
        ),
        (
            "-- statement: s\nSELECT name FROM t;\n-- foreach: s.id\nSELECT 1 FROM t WHERE id = :id;",
            vec!["w.sql:5", "column `id`", "returns: name"],
        ),
        (
            "-- statement: s\nSELECT name FROM t;\n-- foreach: s.name\nSELECT 1 FROM t WHERE id = :name;",
            vec!["w.sql:5", "must be int4", "is text"],
        ),
    ] {
        let workload = workload(&format!("{op}{text}"));
        let error = replay(&workload, config(&lab), &options(), &Control::default()).unwrap_err();
        let message = error.to_string();
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    assert_eq!(count(&lab, SESSIONS), 0);
}

#[test]
fn a_server_that_is_not_there_is_an_error_without_the_password() {
    let config: Config = "host=127.0.0.1 port=1 user=u password=canary"
        .parse()
        .unwrap();
    let one = workload("-- operation: a\nSELECT 1;");
    let error = replay(&one, config, &options(), &Control::default()).unwrap_err();
    let message = format!("{error} {error:?}");
    assert!(message.contains("Connection refused"), "{message}");
    assert!(!message.contains("canary"));
    let none = DriveOptions {
        clients: 0,
        ..options()
    };
    let config: Config = "host=127.0.0.1 port=1".parse().unwrap();
    let error = replay(&one, config.clone(), &none, &Control::default());
    assert!(matches!(error, Err(DriveError::NoClients)));
    let zero = DriveOptions {
        duration: Duration::ZERO,
        ..options()
    };
    let error = replay(&one, config.clone(), &zero, &Control::default());
    assert!(matches!(error, Err(DriveError::NoDuration)));
    let empty = DriveOptions {
        pool_size: 0,
        ..options()
    };
    let error = replay(&one, config, &empty, &Control::default());
    assert!(matches!(error, Err(DriveError::Pool(_))));
}

#[test]
fn stopped_in_the_middle_it_cancels_and_keeps_what_it_has() {
    let lab = lab();
    let mixed = workload(
        "-- operation: quick\n-- weight: 9\nSELECT 1;\n-- operation: slow\nSELECT pg_sleep(60);",
    );
    let control = Control::default();
    let stopper = control.stopper();
    let progress = control.progress();
    let stop = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        stopper.stop();
    });
    let long = DriveOptions {
        duration: Duration::from_secs(60),
        ..options()
    };
    let start = Instant::now();
    let replayed = replay(&mixed, config(&lab), &long, &control).unwrap();
    stop.join().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    adds_up(&replayed);
    assert!(replayed.interrupted);
    let [quick, slow] = replayed.load.operations.as_slice() else {
        panic!("two operations");
    };
    assert!(quick.requests > 0 && quick.failures == 0);
    // All clients are stuck in the slow one by then; its time up to the stop is in the record.
    assert_eq!((slow.requests, slow.failures), (4, 4));
    assert!(slow.latency.max.unwrap().0 > 100.0);
    assert_eq!(progress.requests(), replayed.load.total.requests);
    assert_eq!(count(&lab, SESSIONS), 0);
}

#[test]
fn a_statement_timeout_leaves_nothing_running() {
    let lab = lab();
    let slow =
        workload("-- operation: slow\n-- transaction\n-- statement: s\nSELECT pg_sleep(30);");
    let limited = DriveOptions {
        statement_timeout: Some(Duration::from_millis(100)),
        ..options()
    };
    let replayed = replay(&slow, config(&lab), &limited, &Control::default()).unwrap();
    adds_up(&replayed);
    let total = &replayed.load.total;
    assert!(total.requests >= 8, "{}", total.requests);
    assert_eq!(total.errors["statement timeout"], total.requests);
    let statements = &replayed.load.operations[0]
        .parts
        .as_ref()
        .unwrap()
        .statements;
    let median = statements
        .iter()
        .find(|s| s.name == "s")
        .unwrap()
        .latency
        .quantile_ms(0.5);
    assert!((99.0..140.0).contains(&median.unwrap()), "{median:?}");
    // Each timed-out statement costs a connection.
    assert!(replayed.pool.connect.count() > 4);
    assert_eq!(count(&lab, SESSIONS), 0);
}

#[test]
fn an_acquire_timeout_is_recorded_with_the_time_it_waited() {
    let lab = lab();
    let slow = workload("-- operation: slow\nSELECT pg_sleep(0.4);");
    let narrow = DriveOptions {
        pool_size: 1,
        acquire_timeout: Duration::from_millis(100),
        ..options()
    };
    let replayed = replay(&slow, config(&lab), &narrow, &Control::default()).unwrap();
    adds_up(&replayed);
    let timed_out = replayed.pool.counters.timed_out;
    assert!(timed_out > 5, "{timed_out}");
    assert_eq!(replayed.load.total.errors["acquire timeout"], timed_out);
    assert!(replayed.pool.permit_wait.quantile_ms(0.5).unwrap() >= 99.0);
}

#[test]
fn a_workload_that_only_reads_cannot_write_through_a_function() {
    let lab = lab();
    sql(
        &lab,
        "CREATE TABLE t (id int); CREATE FUNCTION sneak() RETURNS int LANGUAGE sql AS \
         'INSERT INTO t VALUES (1) RETURNING id';",
    );
    let sneak = workload("-- operation: sneak\nSELECT sneak();");
    let limited = DriveOptions {
        max_errors: Some(20),
        ..options()
    };
    let error = replay(&sneak, config(&lab), &limited, &Control::default()).unwrap_err();
    let DriveError::TooManyErrors {
        errors,
        limit,
        most,
        partial,
    } = error
    else {
        panic!("{error}");
    };
    assert!(
        errors > limit && limit == 20 && most.starts_with("25006"),
        "{most}"
    );
    let partial = partial.unwrap();
    adds_up(&partial);
    assert!(partial.load.total.failures > 20);
    let warnings = &partial.load.source.warnings;
    assert!(
        warnings.iter().any(|w| w.contains("`-- writes`")),
        "{warnings:?}"
    );
    assert_eq!(count(&lab, "SELECT count(*) FROM t"), 0);
}

#[test]
fn a_restart_in_the_middle_is_survived_and_accounted_for() {
    let mut lab = lab();
    let quick = workload("-- operation: quick\nSELECT pg_sleep(0.002);");
    let target = config(&lab);
    let long = DriveOptions {
        duration: Duration::from_secs(4),
        ..options()
    };
    let driver = std::thread::spawn(move || replay(&quick, target, &long, &Control::default()));
    std::thread::sleep(Duration::from_millis(1200));
    lab.primary_mut().restart(StopMode::Immediate).unwrap();
    let replayed = driver.join().unwrap().unwrap();
    adds_up(&replayed);
    let total = &replayed.load.total;
    assert!(total.failures > 0, "{:?}", total.errors);
    // No tight loop: a pause after each failure of a server that is not there.
    assert!(total.failures < 400, "{:?}", total.errors);
    let last = replayed.load.intervals.iter().rev().nth(1).unwrap();
    assert!(last.requests["quick"] > 100, "{last:?}");
    assert!(!last.failures.contains_key("quick"), "{last:?}");
}

#[test]
fn the_window_begins_after_the_warm_up_and_says_so() {
    let lab = lab();
    let quick = workload("-- operation: quick\nSELECT 1;");
    let (sender, receiver) = std::sync::mpsc::channel();
    let control = Control::on_window_start(move || sender.send(Instant::now()).unwrap());
    let options = DriveOptions {
        warmup: Duration::from_millis(400),
        ..options()
    };
    let start = Instant::now();
    let replayed = replay(&quick, config(&lab), &options, &control).unwrap();
    adds_up(&replayed);
    let hook = receiver.try_recv().unwrap();
    assert!(hook - start >= Duration::from_millis(400));
    assert!(hook - replayed.window_started < Duration::from_millis(50));
    let length = replayed.window_ended - replayed.window_started;
    assert!((length.as_secs_f64() - 1.0).abs() < 0.2, "{length:?}");
    // Connecting and preparing belong to the warm-up.
    assert_eq!(replayed.pool.connect.count(), 0);
    assert!(control.progress().requests() > replayed.load.total.requests);
}

#[test]
fn a_check_that_waits_for_a_lock_is_cancelled_on_the_server() {
    let lab = lab();
    sql(&lab, "CREATE TABLE t (id int)");
    let blocked = workload("-- operation: a\nSELECT * FROM t;");
    let control = Control::default();
    let stopper = control.stopper();
    with_client(&lab, async |client| {
        client
            .batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        let target = config(&lab);
        let driver = std::thread::spawn(move || replay(&blocked, target, &options(), &control));
        tokio::time::sleep(Duration::from_millis(300)).await;
        stopper.stop();
        let start = Instant::now();
        assert!(matches!(
            driver.join().unwrap(),
            Err(DriveError::Interrupted)
        ));
        assert!(start.elapsed() < Duration::from_secs(2));
        // The cancelled session ends when it has said so.
        while client
            .query_one(SESSIONS, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            > 0
        {
            assert!(
                start.elapsed() < Duration::from_secs(2),
                "a session is left behind"
            );
        }
    });
}

#[test]
fn clients_that_think_obey_the_closed_loop_law() {
    let lab = lab();
    let quick = workload("-- operation: quick\nSELECT pg_sleep(0.005);");
    let pause = Duration::from_millis(45);
    let thinking = DriveOptions {
        clients: 10,
        pool_size: 10,
        warmup: Duration::from_millis(300),
        duration: Duration::from_secs(2),
        think: Think {
            min: pause,
            max: pause,
        },
        ..options()
    };
    let replayed = replay(&quick, config(&lab), &thinking, &Control::default()).unwrap();
    adds_up(&replayed);
    let total = &replayed.load.total;
    let throughput = total.requests as f64 / replayed.load.length.unwrap().secs();
    // Denning and Buzen: X = N / (R + Z). The pause itself ends up to a millisecond late.
    let by_law = 10_000.0 / (mean_ms(total) + 45.0);
    assert!(
        (throughput / by_law - 1.0).abs() < 0.06,
        "{throughput} {by_law}"
    );
}
