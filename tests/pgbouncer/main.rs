//! PgBouncer of a lab, and what its console says beside what the client knows. Without PgBouncer on
//! the machine the tests are skipped with a line on stderr.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod commands;
mod console;
mod lives;
#[path = "../support/mod.rs"]
mod support;
mod truth;

use std::time::{Duration, Instant};

use dbperf::collect::{LoadState, ObserveOptions, Observed, Observer, PgBouncerTarget};
use dbperf::lab::Lab;
use dbperf::pg::{Target, resolve};
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls};

/// Tests that measure times want the machine for themselves.
static MACHINE: Mutex<()> = Mutex::const_new(());

/// A lab whose PgBouncer has this many server connections, on the newest server found.
fn pooled(pool_size: u32) -> Option<Lab> {
    let (major, _) = support::servers().pop()?;
    support::pooled(major, pool_size)
}

fn target(dsn: &str) -> Target {
    resolve(Some(dsn), &|_| None).unwrap()
}

/// Watches the lab's server directly and its PgBouncer beside it.
async fn observe(lab: &Lab, interval: Duration) -> Observer {
    let console = PgBouncerTarget {
        target: target(&lab.pgbouncer().unwrap().console_dsn()),
        lab: true,
        interval,
    };
    let options = ObserveOptions {
        pgbouncer: Some(console),
        ..ObserveOptions::new("pgbouncer")
    };
    let started = Observer::start(&target(&lab.primary().dsn()), options).await;
    started.unwrap().0
}

async fn finish(observer: Observer) -> Observed {
    Box::pin(observer.finish(LoadState::Ended)).await
}

/// A client of the pooler.
async fn client(lab: &Lab) -> Client {
    let dsn = lab.pgbouncer().unwrap().dsn();
    let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// `clients` clients send the statement `each` times one after the other; the latencies in
/// milliseconds. A statement that fails is left out.
async fn load(lab: &Lab, clients: usize, each: usize, sql: &'static str) -> Vec<f64> {
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let client = client(lab).await;
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            for _ in 0..each {
                let start = Instant::now();
                if client.query_typed(sql, &[]).await.is_ok() {
                    latencies.push(start.elapsed().as_secs_f64() * 1000.0);
                }
            }
            latencies
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
