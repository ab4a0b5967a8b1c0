//! dbperf on a large database: elapsed time and memory.
//!
//! `cargo bench --bench scale -- [--tables 10000] [--statements 5000]` fills a throwaway server with that many tables
//! of five indexes each and as many entries in `pg_stat_statements`, and runs the commands that read all of it. The
//! length of the window is taken off the elapsed time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot run has nothing to say but why"
)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dbperf::lab::{Lab, LabOptions};
use nix::sys::resource::{UsageWho, getrusage};

/// Tables that are made in one transaction: each takes locks until its end.
const TABLES_AT_ONCE: u32 = 500;
const WINDOW: Duration = Duration::from_secs(1);

fn main() {
    let (tables, statements) = sizes();
    let settings = [
        ("max_locks_per_transaction", "1024"),
        ("shared_buffers", "256MB"),
        ("pg_stat_statements.max", "20000"),
        ("autovacuum", "off"),
    ];
    let lab = Lab::start(&LabOptions {
        settings: settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..LabOptions::default()
    })
    .expect("a server to measure on");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(fill(&lab, tables, statements));
    println!(
        "{tables} tables, {} indexes, {statements} statements",
        5 * tables
    );
    let dsn = lab.primary().dsn();
    measure("slow", &dsn, "text", &[]);
    measure("indexes", &dsn, "text", &[]);
    measure("analyze", &dsn, "text", &["--window", "1s"]);
    measure("analyze", &dsn, "json", &["--window", "1s"]);
}

fn sizes() -> (u32, u32) {
    let (mut tables, mut statements) = (10_000, 5_000);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--tables" => tables = words.next().unwrap().parse().expect("a number"),
            "--statements" => statements = words.next().unwrap().parse().expect("a number"),
            // What cargo itself passes to every bench.
            "--bench" => {}
            other => panic!("{other} is not known: [--tables N] [--statements N]"),
        }
    }
    (tables, statements)
}

/// Tables with a primary key and four more indexes, every fifth with a foreign key; each statement on a table of its
/// own, as long as there are any.
async fn fill(lab: &Lab, tables: u32, statements: u32) {
    let (client, connection) = tokio_postgres::connect(&lab.primary().dsn(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let extension = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements";
    client.batch_execute(extension).await.unwrap();
    for first in (1..=tables).step_by(TABLES_AT_ONCE as usize) {
        let last = tables.min(first + TABLES_AT_ONCE - 1);
        let parent = "CASE WHEN i % 5 = 0 THEN format('REFERENCES t%s (id)', i - 1) END";
        let sql = format!(
            "DO $$ BEGIN FOR i IN {first}..{last} LOOP
               EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, a int NOT NULL, b int, c text, \
                 d timestamptz, parent bigint %s)', i, {parent});
               EXECUTE format('CREATE INDEX ON t%1$s (a); CREATE INDEX ON t%1$s (a, b);
                 CREATE INDEX ON t%1$s (c); CREATE INDEX ON t%1$s (d)', i);
             END LOOP; END $$"
        );
        client.batch_execute(&sql).await.unwrap();
    }
    client
        .batch_execute(
            "VACUUM ANALYZE pg_catalog.pg_class, pg_catalog.pg_index, pg_catalog.pg_attribute",
        )
        .await
        .unwrap();
    for i in 0..statements {
        let (table, columns) = (i % tables + 1, i / tables + 1);
        let list = vec!["a"; columns as usize].join(", ");
        let sql = format!("SELECT {list}, b FROM t{table} WHERE a = {i} AND c = 'x' ORDER BY b");
        client.batch_execute(&sql).await.unwrap();
    }
}

/// Runs a command once, and prints what it took.
fn measure(command: &str, dsn: &str, format: &str, flags: &[&str]) {
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args([command, dsn, "--no-progress", "--format", format])
        .args(flags)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let elapsed = started.elapsed();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {words}");
    let window = if flags.is_empty() {
        Duration::ZERO
    } else {
        WINDOW
    };
    // Of the largest child so far, so that those with less memory come first.
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    println!(
        "{command:8} {format} {:6.2} s, {:.1} MB of output, largest memory so far {} MiB",
        elapsed.saturating_sub(window).as_secs_f64(),
        output.stdout.len() as f64 / 1e6,
        usage.max_rss() / 1024,
    );
}
