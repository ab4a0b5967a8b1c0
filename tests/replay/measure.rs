//! What a replay measures, where the right answer is known by construction.

use super::*;

#[test]
fn a_pool_too_small_shows_as_permit_wait() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let sleep = workload("-- operation: sleep\n-- statement: s\nSELECT pg_sleep(0.01);");
        let options = DriveOptions {
            load: LoadShape::Closed { clients: 8 },
            pool_size: 2,
            warmup: Duration::from_millis(300),
            duration: Duration::from_secs(3),
            ..options()
        };
        let replayed = replay(&sleep, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        let (load, pool) = (&replayed.load, pool(&replayed));
        // pg_sleep(0.01) takes 10 ms and a little: two at a time are somewhat less than 200 a second.
        let statement = &load.operations[0].parts.as_ref().unwrap().statements[0];
        let service_ms = statement.latency.mean_ms().unwrap();
        assert!((10.0..25.0).contains(&service_ms), "{service_ms}");
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
    });
}

#[test]
fn the_record_agrees_with_the_server() {
    measured(|| {
        let _machine = alone();
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
        let refused = replay(&mixed, target(&lab), &options(), &Control::default());
        assert!(matches!(refused, Err(DriveError::Writes { .. })));
        let allowed = DriveOptions {
            allow_writes: true,
            think: Think {
                min: Duration::ZERO,
                max: Duration::from_millis(5),
            },
            ..options()
        };
        let replayed = replay(&mixed, target(&lab), &allowed, &Control::default()).unwrap();
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
    });
}

#[test]
fn the_window_begins_after_the_warm_up_and_says_so() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let quick = workload("-- operation: quick\nSELECT 1;");
        let (sender, receiver) = std::sync::mpsc::channel();
        let (control, gate) = Control::gated(move || sender.send(Instant::now()).unwrap());
        let options = DriveOptions {
            warmup: Duration::from_millis(400),
            ..options()
        };
        let start = Instant::now();
        let observer = std::thread::spawn(move || {
            let warm: Instant = receiver.recv().unwrap();
            std::thread::sleep(Duration::from_millis(300));
            gate.open();
            warm
        });
        let replayed = replay(&quick, target(&lab), &options, &control).unwrap();
        adds_up(&replayed);
        let warm = observer.join().unwrap();
        assert!(warm - start >= Duration::from_millis(400));
        // The window waits for the gate, and not much longer.
        let waited = replayed.window_started - warm;
        assert!(waited >= Duration::from_millis(300), "{waited:?}");
        assert!(waited < Duration::from_millis(400), "{waited:?}");
        let length = replayed.window_ended - replayed.window_started;
        assert!((length.as_secs_f64() - 1.0).abs() < 0.2, "{length:?}");
        // Connecting and preparing belong to the warm-up.
        assert_eq!(pool(&replayed).connect.count(), 0);
        assert!(control.progress().requests() > replayed.load.total.requests);
    });
}

#[test]
fn clients_that_think_obey_the_closed_loop_law() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let quick = workload("-- operation: quick\nSELECT pg_sleep(0.005);");
        let pause = Duration::from_millis(45);
        let thinking = DriveOptions {
            load: LoadShape::Closed { clients: 10 },
            pool_size: 10,
            warmup: Duration::from_millis(300),
            duration: Duration::from_secs(2),
            think: Think {
                min: pause,
                max: pause,
            },
            ..options()
        };
        let replayed = replay(&quick, target(&lab), &thinking, &Control::default()).unwrap();
        adds_up(&replayed);
        let total = &replayed.load.total;
        let throughput = total.requests as f64 / replayed.load.length.unwrap().secs();
        // Denning and Buzen: X = N / (R + Z). A pause ends a little late, never early.
        let by_law = 10_000.0 / (mean_ms(total) + 45.0);
        let ratio = throughput / by_law;
        assert!((0.85..1.02).contains(&ratio), "{throughput} {by_law}");
    });
}
