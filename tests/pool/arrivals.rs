//! Sweeps whose load does not wait, goes through a pooler, shares its server, or loses its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::*;

fn point(pool: &Value, size: u64) -> &Value {
    let points = pool["sweep"].as_array().unwrap();
    let point = points.iter().find(|point| point["pool_size"] == size);
    point.unwrap_or_else(|| panic!("no size {size} in {points:#?}"))
}

fn number(of: &Value, key: &str) -> f64 {
    of[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {of:#}"))
}

fn text(of: &Value, key: &str) -> String {
    of[key].to_string()
}

/// 10 ms each, 200 times a second: two connections and a little more are busy.
const SLEEP: &str = "SELECT pg_sleep(0.01);\n";

/// With Poisson arrivals that keep 2.1 connections busy, Erlang's formula has a wait for 0.70 of all requests with
/// three connections, 0.20 with four, 0.08 with five, 0.02 with six and 0.002 with eight.
const KNEE: std::ops::RangeInclusive<u64> = 4..=8;

#[test]
fn a_rate_wants_the_knee_of_its_queue() {
    measured(|| {
        let _machine = beside_others();
        let case = Case::new("", SLEEP);
        let pool = case.pool(&["--rate", "200/s", "--pool-size", "2", "--duration", "15s"]);
        let reason = text(&pool["scaling"], "reason");
        assert!(reason.contains("a rate"), "{reason}");
        let found = &pool["recommendation"];
        if found.is_null() {
            // A machine that others use too gives blocks that differ: then nothing may be recommended.
            let reason = text(&pool, "no_recommendation");
            assert!(reason.contains("not proved"), "{reason}");
            return;
        }
        assert_eq!(found["verdict"], "too-small", "{found:#}");
        let size = found["pool_size"].as_u64().unwrap();
        assert!(KNEE.contains(&size), "{found:#}");
        let reasons = text(found, "reasons");
        assert!(
            reasons.contains("up to 2 connections are fewer than the 2."),
            "{reasons}"
        );
    });
}

#[test]
fn sizes_that_do_not_keep_up_are_no_answer_whatever_is_asked_for() {
    measured(|| {
        let _machine = beside_others();
        let case = Case::new("", SLEEP);
        // Blocks of a second: in so short a time the requests that pile up with two connections wait for less than the
        // target, which three meet with ease.
        let pool = case.pool(&[
            "--rate",
            "200/s",
            "--pool-size",
            "30",
            "--sizes",
            "1,2,3,4,6,30",
            "--no-verify",
            "--target-p99",
            "250ms",
            "--duration",
            "60s",
        ]);
        let found = &pool["recommendation"];
        assert_eq!(found["verdict"], "too-large", "{found:#}");
        let size = found["pool_size"].as_u64().unwrap();
        assert!((3..=4).contains(&size), "{found:#}");
        // The rate, as it was drawn: the same for all sizes.
        let done = |size| number(point(&pool, size), "throughput_per_sec");
        assert!((170.0..230.0).contains(&done(30)), "{}", done(30));
        for size in [3, 4, 6] {
            assert!(
                (done(size) / done(30) - 1.0).abs() < 0.02,
                "{size}: {}",
                done(size)
            );
        }
        assert!(done(1) < 100.0, "{}", done(1));
        // Latency counts from when a request was due: the one statement takes a hundredth of it.
        let (one, many) = (point(&pool, 1), point(&pool, 30));
        assert!(number(one, "p50_ms") > 300.0, "{one:#}");
        assert!(number(one, "statements_ms") < 20.0, "{one:#}");
        assert!(number(many, "p50_ms") < 15.0, "{many:#}");

        let pool = case.pool(&["--rate", "400/s", "--sizes", "1,2", "--duration", "5s"]);
        assert!(pool["recommendation"].is_null());
        let reason = text(&pool, "no_recommendation");
        assert!(
            reason.contains("no size keeps up") && reason.contains("400 requests/s"),
            "{reason}"
        );
    });
}

#[test]
fn a_pooler_in_front_is_the_limit_and_not_the_database() {
    measured(|| {
        let _machine = beside_others();
        let (major, _) = support::servers().pop().expect("a PostgreSQL server");
        let Some(lab) = support::pooled(major, 3) else {
            return;
        };
        let case = Case::on(lab, "", SLEEP);
        let pooler = case.lab.pgbouncer().unwrap();
        let console = pooler.console_dsn();
        let swept = |more: &[&str]| -> Value {
            let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
            command.arg("pool").arg(case.folder.path().join("w.sql"));
            command
                .arg(pooler.dsn())
                .args(["--format", "json", "--no-progress"]);
            command.args(["--warmup", "200ms", "--clients", "12", "--pool-size", "12"]);
            let output = command.args(more).stdin(Stdio::null()).output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{words}");
            let document: Value = serde_json::from_slice(&output.stdout).unwrap();
            document["pool"].clone()
        };
        // Where the driver has no core for a while, nothing may be recommended, and the report says to sweep for longer.
        let recommended = |sizes: &str, durations: &[&str], more: &[&str]| -> Value {
            let mut pool = Value::Null;
            for duration in durations {
                let flags = ["--sizes", sizes, "--no-verify", "--duration", duration];
                pool = swept(&[&flags[..], more].concat());
                if pool["recommendation"].is_object() {
                    break;
                }
                say(&format!("with {duration}: {}", pool["no_recommendation"]));
            }
            assert!(pool["recommendation"].is_object(), "{pool:#}");
            pool
        };
        let pool = recommended("1,2,3,4,6,12", &["60s", "120s"], &["--pgbouncer", &console]);
        // What is swept is the pool in front of PgBouncer: it gains until PgBouncer's three are busy, and one more
        // connection fills the gaps between them.
        let found = &pool["recommendation"];
        let size = found["pool_size"].as_u64().unwrap();
        assert!((3..=4).contains(&size), "{found:#}");
        assert_eq!(found["verdict"], "pooler-saturated", "{found:#}");
        let reasons = text(found, "reasons");
        assert!(
            reasons.contains("wait there for one of its server connections"),
            "{reasons}"
        );
        assert!(!reasons.contains("the database is the limit"), "{reasons}");
        // PgBouncer is to have what it has, not what the pool in front of it has.
        let servers = found["pooler"]["server_connections_wanted"]
            .as_u64()
            .unwrap();
        assert!((2..=3).contains(&servers), "{found:#}");
        // Where its console was not asked, the report does not guess.
        let pool = recommended("1,3,12", &["20s", "60s", "120s"], &[]);
        let found = &pool["recommendation"];
        assert_ne!(found["verdict"], "database-saturated", "{found:#}");
        let reasons = text(found, "reasons");
        assert!(reasons.contains("--pgbouncer"), "{reasons}");
    });
}

/// Sessions of somebody else, until it is dropped.
struct Others {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Others {
    fn new(case: &Case, sessions: usize, sql: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..sessions).map(|_| {
            let (stop, dsn) = (Arc::clone(&stop), case.lab.primary().dsn());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let connected = tokio_postgres::connect(&dsn, tokio_postgres::NoTls).await;
                    let (client, connection) = connected.unwrap();
                    tokio::spawn(connection);
                    while !stop.load(Ordering::Relaxed) {
                        client.batch_execute(sql).await.unwrap();
                        if sql.is_empty() {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    }
                });
            })
        });
        Self {
            threads: threads.collect(),
            stop,
        }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_server_that_others_use_has_no_numbers_of_its_own() {
    measured(|| {
        let _machine = beside_others();
        let case = Case::new("", SLEEP);
        let flags = [
            "--clients",
            "6",
            "--sizes",
            "2,6",
            "--no-verify",
            "--duration",
            "30s",
        ];
        {
            // An open session that does nothing is nobody's business.
            let _idle = Others::new(&case, 1, "");
            let pool = case.pool(&flags);
            assert_eq!(pool["recommendation"]["pool_size"], 6, "{pool:#}");
        }
        let _busy = Others::new(&case, 4, "SELECT pg_sleep(0.05)");
        // No failure: the report says what it saw.
        let pool = case.pool(&flags);
        assert!(pool["recommendation"].is_null(), "{pool:#}");
        let reason = text(&pool, "no_recommendation");
        assert!(
            reason.contains("in use by others") && reason.contains("not its own"),
            "{reason}"
        );
        // Four at most, less the moments between two statements of each.
        let told = reason.split("others: ").nth(1);
        let told: f64 = told.unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!((3.5..=4.0).contains(&told), "{reason}");
        assert!(!pool["sweep"].as_array().unwrap().is_empty());
    });
}

#[test]
fn connections_that_the_server_closes_all_the_time_are_churn() {
    measured(|| {
        let _machine = beside_others();
        let (major, _) = support::servers().pop().expect("a PostgreSQL server");
        if major < 14 {
            // There is no idle_session_timeout.
            return;
        }
        // One of the clients asks for the connection every 75 ms, and the server keeps it for half as long; not for so short
        // that a busy machine closes it on dbperf's own sessions before they can say otherwise.
        let case = Case::new(
            "ALTER DATABASE postgres SET idle_session_timeout = '40ms'",
            "SELECT 1;\n",
        );
        let load = ["--clients", "8", "--think", "600ms", "--pool-size", "1"];
        let flags = ["--sizes", "1,8", "--no-verify", "--duration", "60s"];
        let pool = case.pool(&[&load[..], &flags].concat());
        let found = &pool["recommendation"];
        assert_eq!(found["verdict"], "connection-churn", "{pool:#}");
        let reasons = text(found, "reasons");
        assert!(reasons.contains("opening connections takes"), "{reasons}");
    });
}
