//! A replay that cannot begin, is stopped, or meets a server in trouble.

use super::*;

#[test]
fn what_does_not_fit_the_server_is_said_before_the_load() {
    let _machine = beside_others();
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
            vec!["w.sql:2", "valid inet"],
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
        let error = replay(&workload, target(&lab), &options(), &Control::default()).unwrap_err();
        let message = error.to_string();
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    assert_eq!(count(&lab, SESSIONS), 0);
}

#[test]
fn a_server_that_is_not_there_is_an_error_without_the_password() {
    let _machine = beside_others();
    let closed = target_of("host=127.0.0.1 port=1 user=u password=canary");
    let one = workload("-- operation: a\nSELECT 1;");
    let error = replay(&one, closed.clone(), &options(), &Control::default()).unwrap_err();
    let message = format!("{error} {error:?}");
    assert!(message.contains("Connection refused"), "{message}");
    assert!(!message.contains("canary"));
    let none = DriveOptions {
        load: LoadShape::Closed { clients: 0 },
        ..options()
    };
    let error = replay(&one, closed.clone(), &none, &Control::default());
    assert!(matches!(error, Err(DriveError::NoClients)));
    let zero = DriveOptions {
        duration: Duration::ZERO,
        ..options()
    };
    let error = replay(&one, closed.clone(), &zero, &Control::default());
    assert!(matches!(error, Err(DriveError::NoDuration)));
    let empty = DriveOptions {
        pool_size: 0,
        ..options()
    };
    let error = replay(&one, closed, &empty, &Control::default());
    assert!(matches!(error, Err(DriveError::Pool(_))));
}

#[test]
fn stopped_in_the_middle_it_cancels_and_keeps_what_it_has() {
    let _machine = beside_others();
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
    let replayed = replay(&mixed, target(&lab), &long, &control).unwrap();
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
    let _machine = beside_others();
    let lab = lab();
    let slow =
        workload("-- operation: slow\n-- transaction\n-- statement: s\nSELECT pg_sleep(30);");
    let limited = DriveOptions {
        statement_timeout: Some(Duration::from_millis(100)),
        ..options()
    };
    let replayed = replay(&slow, target(&lab), &limited, &Control::default()).unwrap();
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
    assert!(pool(&replayed).connect.count() > 4);
    assert_eq!(count(&lab, SESSIONS), 0);
}

#[test]
fn an_acquire_timeout_is_recorded_with_the_time_it_waited() {
    let _machine = beside_others();
    let lab = lab();
    let slow = workload("-- operation: slow\nSELECT pg_sleep(0.4);");
    let narrow = DriveOptions {
        pool_size: 1,
        acquire_timeout: Duration::from_millis(100),
        ..options()
    };
    let replayed = replay(&slow, target(&lab), &narrow, &Control::default()).unwrap();
    adds_up(&replayed);
    let timed_out = pool(&replayed).counters.timed_out;
    assert!(timed_out > 5, "{timed_out}");
    assert_eq!(replayed.load.total.errors["acquire timeout"], timed_out);
    assert!(pool(&replayed).permit_wait.quantile_ms(0.5).unwrap() >= 99.0);
}

#[test]
fn a_workload_that_only_reads_cannot_write_through_a_function() {
    let _machine = beside_others();
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
    let error = replay(&sneak, target(&lab), &limited, &Control::default()).unwrap_err();
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
    let _machine = beside_others();
    let mut lab = lab();
    let quick = workload("-- operation: quick\nSELECT pg_sleep(0.002);");
    let target = target(&lab);
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
fn a_check_that_waits_for_a_lock_is_cancelled_on_the_server() {
    let _machine = beside_others();
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
        let target = target(&lab);
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
