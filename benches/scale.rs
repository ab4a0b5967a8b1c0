//! dbperf on an ordinary and on a large database: elapsed time, CPU time and memory.
//!
//! `cargo bench --bench scale -- [--tables 10000] [--statements 5000]` fills a throwaway server with that many tables
//! of five indexes each and as many entries in `pg_stat_statements`, and runs the commands that read all of it; before
//! that, those that are to answer at once on a database of 200 tables, 600 indexes and 1,000 statements. The length of
//! the window is taken off the elapsed time.

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
use nix::sys::time::TimeValLike as _;

/// Tables that are made in one transaction: each takes locks until its end.
const TABLES_AT_ONCE: u32 = 500;
const WINDOW: Duration = Duration::from_secs(1);
/// The large database where no flag says otherwise: tables and statements, and the memory that a command may take.
const TABLES: u32 = 10_000;
const STATEMENTS: u32 = 5_000;
const MOST_MEMORY_MIB: i64 = 256;

/// Indexes of each table beside its primary key.
const ORDINARY: [&str; 2] = ["(a)", "(c)"];
const LARGE: [&str; 4] = ["(a)", "(a, b)", "(c)", "(d)"];

fn main() {
    let (tables, statements) = sizes();
    let ordinary = filled(200, &ORDINARY, 1_000);
    measure("slow", &ordinary, "text", &[]);
    measure("indexes", &ordinary, "text", &[]);
    let large = filled(tables, &LARGE, statements);
    measure("slow", &large, "text", &[]);
    measure("indexes", &large, "text", &[]);
    measure("analyze", &large, "json", &["--window", "1s"]);
    let most = measure("analyze", &large, "text", &["--window", "1s"]);
    if tables <= TABLES && statements <= STATEMENTS {
        assert!(most <= MOST_MEMORY_MIB, "{most} MiB of memory are too much");
    }
}

/// A server with that many tables and statements.
fn filled(tables: u32, indexes: &[&str], statements: u32) -> Lab {
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
    runtime.block_on(fill(&lab, tables, indexes, statements));
    println!(
        "{tables} tables, {} indexes, {statements} statements",
        (1 + indexes.len()) * tables as usize
    );
    lab
}

fn sizes() -> (u32, u32) {
    let (mut tables, mut statements) = (TABLES, STATEMENTS);
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

/// Tables with a primary key and more indexes, every fifth with a foreign key; each statement on a table of its own,
/// as long as there are any.
async fn fill(lab: &Lab, tables: u32, indexes: &[&str], statements: u32) {
    let (client, connection) = tokio_postgres::connect(&lab.primary().dsn(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let extension = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements";
    client.batch_execute(extension).await.unwrap();
    for first in (1..=tables).step_by(TABLES_AT_ONCE as usize) {
        let last = tables.min(first + TABLES_AT_ONCE - 1);
        let parent = "CASE WHEN i % 5 = 0 THEN format('REFERENCES t%s (id)', i - 1) END";
        let create = indexes
            .iter()
            .map(|on| format!("CREATE INDEX ON t%1$s {on};"));
        let create: String = create.collect();
        let sql = format!(
            "DO $$ BEGIN FOR i IN {first}..{last} LOOP
               EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, a int NOT NULL, b int, c text, \
                 d timestamptz, parent bigint %s)', i, {parent});
               EXECUTE format('{create}', i);
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

/// Runs a command once, prints what it took, and returns the most memory of a command so far in MiB.
fn measure(command: &str, lab: &Lab, format: &str, flags: &[&str]) -> i64 {
    let cpu_before = cpu_secs();
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args([
            command,
            &lab.primary().dsn(),
            "--no-progress",
            "--format",
            format,
        ])
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
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() / 1024;
    println!(
        "{command:8} {format} {:6.2} s, {:.2} s of CPU, {:.1} MB of output, largest memory so far {most} MiB",
        elapsed.saturating_sub(window).as_secs_f64(),
        cpu_secs() - cpu_before,
        output.stdout.len() as f64 / 1e6,
    );
    most
}

/// CPU time of all commands so far; that of the servers is not in it before they end.
fn cpu_secs() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let secs = |time: nix::sys::time::TimeVal| time.num_milliseconds() as f64 / 1e3;
    secs(usage.user_time()) + secs(usage.system_time())
}
