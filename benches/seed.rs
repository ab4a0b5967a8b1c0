//! Filling tables, beside what the server can take: interleaved runs on one server.
//!
//! `cargo bench --bench seed -- [--scale 20] [--rows 1000000] [--pairs 4]` prints, of each pair and as a median, rows per
//! second into `pgbench_accounts` over those of pgbench's own initialisation, and rows per second into a table of twelve
//! columns of mixed types over those at which the server takes the same rows from a prepared binary file; and the most
//! memory that dbperf had.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot run has nothing to say but why"
)]

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dbperf::lab::{Binaries, Lab, LabOptions};
use futures_util::{SinkExt as _, TryStreamExt as _};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

/// Bytes that are handed to the connection at once, of the prepared file too.
const PIECE: usize = 256 * 1024;

const MIXED: &str = "CREATE TABLE mixed (
    id bigint PRIMARY KEY, account int NOT NULL, amount numeric(12, 2) NOT NULL, ratio double precision,
    active boolean NOT NULL, kind varchar(20) NOT NULL, title text NOT NULL, note text, made date NOT NULL,
    created timestamptz NOT NULL, token uuid NOT NULL, tags text[])";

struct Settings {
    scale: u64,
    rows: u64,
    pairs: u32,
}

struct Bench {
    lab: Lab,
    pgbench: PathBuf,
    folder: tempfile::TempDir,
    settings: Settings,
}

fn main() {
    let settings = settings();
    let options = LabOptions {
        settings: [
            ("shared_buffers", "512MB"),
            ("max_wal_size", "8GB"),
            ("autovacuum", "off"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        ..LabOptions::default()
    };
    let pgbench = Binaries::find(None).unwrap().bin().join("pgbench");
    assert!(pgbench.exists(), "there is no {}", pgbench.display());
    let bench = Bench {
        lab: Lab::start(&options).expect("a server to measure on"),
        pgbench,
        folder: tempfile::tempdir().unwrap(),
        settings,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        bench.accounts().await;
        bench.mixed().await;
    });
    println!(
        "most memory of dbperf: {} MiB",
        MOST_MEMORY_KIB.load(Relaxed) / 1024
    );
}

/// Resident memory of dbperf at its largest. What `getrusage` says of children is that of this process, too, which a
/// child has until its own program is there.
static MOST_MEMORY_KIB: AtomicU64 = AtomicU64::new(0);

/// Runs dbperf, and looks every few milliseconds at the most memory that it has had so far.
fn run_watched(command: &mut Command) -> (String, String) {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("run dbperf");
    let status = format!("/proc/{}/status", child.id());
    let peak = || {
        let text = std::fs::read_to_string(&status).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            // One that has ended has no memory any more.
            while let Some(kib) = peak() {
                MOST_MEMORY_KIB.fetch_max(kib, Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        child.wait_with_output().expect("an end of dbperf")
    });
    ended(command, output)
}

fn settings() -> Settings {
    let mut settings = Settings {
        scale: 20,
        rows: 1_000_000,
        pairs: 4,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value behind the flag");
        match word.as_str() {
            "--scale" => settings.scale = value().parse().expect("a scale"),
            "--rows" => settings.rows = value().parse().expect("rows"),
            "--pairs" => settings.pairs = value().parse().expect("pairs"),
            // What cargo itself adds.
            _ => {}
        }
    }
    settings
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn run(command: &mut Command) -> (String, String) {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("run a program");
    ended(command, output)
}

fn ended(command: &Command, output: Output) -> (String, String) {
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {words}");
    (String::from_utf8(output.stdout).unwrap(), words)
}

impl Bench {
    async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.lab.primary().dsn(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }

    /// pgbench's initialisation with these steps; what it says.
    fn initialise(&self, steps: &str) -> String {
        let scale = self.settings.scale.to_string();
        let dsn = self.lab.primary().dsn();
        let args = ["-i", "-q", "-I", steps, "-s", &scale, &dsn];
        run(Command::new(&self.pgbench).args(args)).1
    }

    /// Rows per second of one table.
    fn seed(&self, profile: Option<&Path>, rows: &[(&str, u64)], table: &str) -> f64 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
        command.arg("seed").arg(self.lab.primary().dsn());
        command.args(["--target-db", "postgres", "--format", "json"]);
        if let Some(profile) = profile {
            command.arg("--profile").arg(profile);
        }
        for (table, rows) in rows {
            command.args(["--rows", &format!("{table}={rows}")]);
        }
        let document: Value = serde_json::from_str(&run_watched(&mut command).0).unwrap();
        let tables = document["seed"]["tables"].as_array().unwrap();
        let table = tables.iter().find(|t| t["table"] == table).unwrap();
        table["rows_per_sec"].as_f64().unwrap()
    }

    async fn accounts(&self) {
        self.initialise("dtg");
        let client = self.client().await;
        client.batch_execute("ANALYZE").await.unwrap();
        let profile = self.folder.path().join("profile.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
        command.arg("profile").arg(self.lab.primary().dsn());
        run(command.args(["--values", "keep", "-o"]).arg(&profile));
        let scale = self.settings.scale;
        let rows = [
            ("pgbench_accounts", scale * 100_000),
            ("pgbench_branches", scale),
            ("pgbench_tellers", scale * 10),
            ("pgbench_history", 0),
        ];
        let mut ratios = Vec::new();
        for _ in 0..self.settings.pairs {
            let words = self.initialise("dtg");
            let generate = words
                .split("-side generate ")
                .nth(1)
                .expect("the time of pgbench");
            let seconds: f64 = generate.split(' ').next().unwrap().parse().unwrap();
            let theirs = (scale * 100_000) as f64 / seconds;
            self.initialise("dt");
            let ours = self.seed(Some(&profile), &rows, "pgbench_accounts");
            println!(
                "pgbench_accounts: {ours:.0} rows/s, pgbench {theirs:.0}: {:.3}",
                ours / theirs
            );
            ratios.push(ours / theirs);
        }
        println!("pgbench_accounts: median ratio {:.3}", median(ratios));
        self.initialise("d");
    }

    async fn mixed(&self) {
        let client = self.client().await;
        client.batch_execute(MIXED).await.unwrap();
        let rows = [("mixed", self.settings.rows)];
        let file = self.folder.path().join("mixed.bin");
        let mut ratios = Vec::new();
        for _ in 0..self.settings.pairs {
            client.batch_execute("TRUNCATE mixed").await.unwrap();
            let ours = self.seed(None, &rows, "mixed");
            if !file.exists() {
                prepare(&client, &file).await;
            }
            let theirs = self.settings.rows as f64 / reload(&client, &file).await;
            println!(
                "mixed: {ours:.0} rows/s, prepared {theirs:.0}: {:.3}",
                ours / theirs
            );
            ratios.push(ours / theirs);
        }
        println!("mixed: median ratio {:.3}", median(ratios));
    }
}

/// The rows that were loaded, as the server itself writes them.
async fn prepare(client: &Client, file: &Path) {
    let stream = client
        .copy_out("COPY mixed TO STDOUT (FORMAT binary)")
        .await
        .unwrap();
    let mut stream = pin!(stream);
    let mut all = Vec::new();
    while let Some(bytes) = stream.try_next().await.unwrap() {
        all.extend_from_slice(&bytes);
    }
    std::fs::write(file, all).unwrap();
}

/// The seconds that the server takes for the same rows in the same way: no index, frozen, in one transaction.
async fn reload(client: &Client, file: &Path) -> f64 {
    let all = Bytes::from(std::fs::read(file).unwrap());
    let emptied = "BEGIN; ALTER TABLE mixed DROP CONSTRAINT mixed_pkey; TRUNCATE mixed";
    client.batch_execute(emptied).await.unwrap();
    let began = Instant::now();
    let sink = client
        .copy_in::<_, Bytes>("COPY mixed FROM STDIN (FORMAT binary, FREEZE)")
        .await
        .unwrap();
    let mut sink = pin!(sink);
    for at in (0..all.len()).step_by(PIECE) {
        let piece = all.slice(at..all.len().min(at + PIECE));
        sink.send(piece).await.unwrap();
    }
    sink.finish().await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    client
        .batch_execute("ALTER TABLE mixed ADD PRIMARY KEY (id); COMMIT")
        .await
        .unwrap();
    seconds
}
