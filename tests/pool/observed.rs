//! The size from watching alone, on a real server with applications whose use of connections is known by
//! construction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dbperf::lab::LabOptions;
use dbperf::stats::OpenQueue;
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use super::{beside_others, measured, support};

/// Clients of an application, each on a connection of its own: a turn, then a pause of a mean length.
struct Application {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Held>>,
}

/// Time in which a client had something to do on its connection, and all of its time.
#[derive(Clone, Copy)]
struct Held {
    busy: Duration,
    all: Duration,
}

impl Application {
    fn start(dsn: &str, name: &str, clients: u64, turn: &'static str, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = (0..clients).map(|number| {
            let (stop, dsn) = (Arc::clone(&stop), format!("{dsn} application_name={name}"));
            std::thread::spawn(move || client(&dsn, turn, pause, number, &stop))
        });
        Self {
            clients: clients.collect(),
            stop,
        }
    }

    /// Ends it; the mean number of connections in use, as the clients themselves saw it.
    fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        let held = self.clients.into_iter().map(|it| it.join().unwrap());
        held.map(|it| it.busy.as_secs_f64() / it.all.as_secs_f64())
            .sum()
    }
}

fn client(dsn: &str, turn: &str, pause: Duration, number: u64, stop: &AtomicBool) -> Held {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
        tokio::spawn(connection);
        let mut random = dbperf::stats::SplitMix64::new(number);
        let (start, mut busy) = (Instant::now(), Duration::ZERO);
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            take(&client, turn).await;
            busy += began.elapsed();
            // From nothing to twice the mean, so that clients do not march in step with the samples.
            let parts = u32::try_from(random.index(2001)).unwrap();
            tokio::time::sleep(pause * parts / 1000).await;
        }
        Held {
            busy,
            all: start.elapsed(),
        }
    })
}

/// One turn: statements, and pauses of so many milliseconds in the application, which has the connection.
async fn take(client: &Client, turn: &str) {
    for step in turn.split(';').map(str::trim) {
        match step.strip_prefix("pause ") {
            Some(ms) => tokio::time::sleep(Duration::from_millis(ms.parse().unwrap())).await,
            None => client.batch_execute(step).await.unwrap(),
        }
    }
}

/// Watches for 12 s at ten samples a second; the `pool` section of the result.
fn watched(dsn: &str) -> Value {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dbperf"));
    command.args([
        "analyze",
        dsn,
        "--window",
        "12s",
        "--format",
        "json",
        "--no-progress",
    ]);
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["pool"].clone()
}

/// The size for so many connections in use by random arrivals: 95 % of waits at most a tenth of a lease.
fn true_size(in_use: f64) -> u64 {
    let waits = |servers| OpenQueue {
        servers,
        arrival_rate: in_use,
        service: 1.0,
    };
    let meets = |size: &u32| {
        waits(*size)
            .wait_quantile(0.95)
            .is_some_and(|wait| wait <= 0.1)
    };
    u64::from((1..100).find(meets).unwrap())
}

/// One application on a server of its own: what watching found, and the mean number in use.
fn case(setup: &str, clients: u64, turn: &'static str, pause: Duration) -> (Value, f64) {
    let (major, _) = support::servers().pop().expect("a PostgreSQL server");
    let lab = support::lab(major, LabOptions::default()).expect("the server that was found");
    let dsn = lab.primary().dsn();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = support::connect(lab.primary()).await;
        client.batch_execute(setup).await.unwrap();
    });
    let application = Application::start(&dsn, "app", clients, turn, pause);
    std::thread::sleep(Duration::from_millis(300));
    let pool = watched(&dsn);
    (pool, application.stop())
}

fn number(value: &Value, pointer: &str) -> f64 {
    let number = value.pointer(pointer).and_then(Value::as_f64);
    number.unwrap_or_else(|| panic!("{pointer} in {value:#}"))
}

#[test]
fn an_even_load_is_found_with_its_size() {
    measured(|| {
        let _machine = beside_others();
        // Each client sleeps for 10 ms of 40 ms or a little more: eight keep about two connections in use.
        let pause = Duration::from_millis(30);
        let (pool, truth) = case("", 8, "SELECT pg_sleep(0.01)", pause);
        let seen = number(&pool, "/observed/in_use_mean");
        // 120 samples of 8 clients: a standard error of 0.11, and three of them.
        assert!((seen - truth).abs() < 0.4, "{seen} of {truth} in use");
        let found = &pool["recommendation"];
        assert_eq!(found["evidence"], "estimated", "{found:#}");
        let size = true_size(truth) as f64;
        let (low, high) = (
            number(found, "/pool_size_low"),
            number(found, "/pool_size_high"),
        );
        assert!(low <= size && size <= high, "{low} to {high}, not {size}");
        assert!(
            high <= 2.0 * size,
            "an interval up to {high} says nothing of {size}"
        );
        let reasons = found["reasons"].to_string();
        assert!(reasons.contains("no rush was seen"), "{reasons}");
        assert!(
            reasons.contains("a lease is taken for one transaction"),
            "{reasons}"
        );
    });
}

#[test]
fn sessions_that_idle_in_transaction_are_held_idle() {
    measured(|| {
        let _machine = beside_others();
        let turn = "BEGIN; SELECT pg_sleep(0.01); pause 40; COMMIT";
        let (pool, truth) = case("", 4, turn, Duration::from_millis(10));
        let found = &pool["recommendation"];
        assert_eq!(found["verdict"], "held-idle", "{found:#}");
        assert_eq!(
            (&found["evidence"], &found["pool_size"]),
            (&"estimated".into(), &4.into())
        );
        // Four fifths of the time in use, and some of it is the way to and fro.
        let idle = number(&pool, "/observed/idle_in_transaction_ratio");
        assert!((0.65..0.9).contains(&idle), "{idle}");
        let seen = number(&pool, "/observed/in_use_mean");
        assert!(
            (seen - truth).abs() < 0.4,
            "{seen} of {truth} in use: idle counts"
        );
        let reasons = found["reasons"].to_string();
        assert!(reasons.contains("Shorten the transactions"), "{reasons}");
    });
}

#[test]
fn a_queue_for_one_row_is_no_reason_to_grow() {
    measured(|| {
        let _machine = beside_others();
        let (pool, _) = case(
            "CREATE TABLE one (id int PRIMARY KEY, n int); INSERT INTO one VALUES (1, 0)",
            6,
            "BEGIN; UPDATE one SET n = n + 1 WHERE id = 1; SELECT pg_sleep(0.01); COMMIT",
            Duration::ZERO,
        );
        let found = &pool["recommendation"];
        assert_eq!(found["verdict"], "database-saturated", "{found:#}");
        assert_eq!(found["pool_size"], 6, "{found:#}");
        let reasons = found["reasons"].to_string();
        assert!(
            reasons.contains("waited for locks of others (Lock)"),
            "{reasons}"
        );
    });
}
