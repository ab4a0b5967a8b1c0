//! dbperf against pgbench: throughput and client CPU per transaction, in interleaved runs on one server.
//!
//! `cargo bench --bench pgbench -- [--seconds 5] [--pairs 8] [--pool none]` prints the ratios of each pair, and
//! the median. Both run pgbench's own scripts, prepared, with 8 clients on one thread.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot run has nothing to say but why"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dbperf::lab::{Lab, LabOptions};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// Scale of pgbench's tables: 1,000,000 accounts.
const SCALE: u32 = 10;

struct Settings {
    seconds: u32,
    pairs: u32,
    pools: Vec<String>,
}

/// What one run of one program did.
struct Outcome {
    per_second: f64,
    cpu_per_op: Duration,
}

/// A server with pgbench's tables, and the programs.
struct Bench {
    lab: Lab,
    pgbench: PathBuf,
    folder: tempfile::TempDir,
    settings: Settings,
}

fn main() {
    let settings = settings();
    let lab = LabOptions {
        settings: [("shared_buffers", "512MB"), ("autovacuum", "off")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..LabOptions::default()
    };
    let lab = Lab::start(&lab).expect("a server to measure on");
    let bin = dbperf::lab::Binaries::find(None)
        .unwrap()
        .bin()
        .to_path_buf();
    let pgbench = bin.join("pgbench");
    assert!(pgbench.exists(), "there is no {}", pgbench.display());
    let bench = Bench {
        lab,
        pgbench,
        folder: tempfile::tempdir().unwrap(),
        settings,
    };
    bench.fill();
    for script in ["select-only", "tpcb-like"] {
        for pool in &bench.settings.pools {
            bench.compare(script, pool);
        }
    }
}

fn settings() -> Settings {
    let mut settings = Settings {
        seconds: 5,
        pairs: 8,
        pools: vec!["deadpool".to_owned(), "none".to_owned()],
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value behind the flag");
        match word.as_str() {
            "--seconds" => settings.seconds = value().parse().expect("seconds"),
            "--pairs" => settings.pairs = value().parse().expect("pairs"),
            "--pool" => settings.pools = vec![value()],
            // What cargo itself adds.
            _ => {}
        }
    }
    settings
}

/// CPU time of all children that have ended.
fn children_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let total = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(total.try_into().unwrap())
}

fn run(command: &mut Command) -> (String, Duration) {
    let before = children_cpu();
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("run a program");
    let cpu = children_cpu().saturating_sub(before);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
    (String::from_utf8(output.stdout).unwrap(), cpu)
}

impl Bench {
    fn pgbench(&self) -> Command {
        let mut command = Command::new(&self.pgbench);
        for (name, value) in self.connection() {
            command.env(name, value);
        }
        command
    }

    /// The lab's address as libpq's environment.
    fn connection(&self) -> Vec<(&'static str, String)> {
        let dsn = self.lab.primary().dsn();
        let names = [
            ("host", "PGHOST"),
            ("port", "PGPORT"),
            ("user", "PGUSER"),
            ("dbname", "PGDATABASE"),
        ];
        let pairs = dsn
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='));
        pairs
            .filter_map(|(key, value)| {
                let (_, name) = names.iter().find(|(known, _)| *known == key)?;
                Some((*name, value.trim_matches('\'').to_owned()))
            })
            .collect()
    }

    fn fill(&self) {
        let scale = SCALE.to_string();
        run(self.pgbench().args(["-i", "-q", "-s", &scale]));
    }

    fn compare(&self, script: &str, pool: &str) {
        println!(
            "{script}, 8 clients, prepared, --pool {pool}, {} s each",
            self.settings.seconds
        );
        let (mut throughputs, mut costs) = (Vec::new(), Vec::new());
        for pair in 0..self.settings.pairs {
            // A B B A …: a drift of the machine hits both.
            let (peer, ours) = if pair % 2 == 0 {
                let peer = self.run_pgbench(script);
                (peer, self.run_dbperf(script, pool))
            } else {
                let ours = self.run_dbperf(script, pool);
                (self.run_pgbench(script), ours)
            };
            let throughput = ours.per_second / peer.per_second;
            let cost = ours.cpu_per_op.as_secs_f64() / peer.cpu_per_op.as_secs_f64();
            println!(
                "  pgbench {:7.0}/s {:6.2?}   dbperf {:7.0}/s {:6.2?}   throughput × {throughput:.3}   CPU × {cost:.3}",
                peer.per_second, peer.cpu_per_op, ours.per_second, ours.cpu_per_op
            );
            throughputs.push(throughput);
            costs.push(cost);
        }
        println!(
            "  median: throughput × {:.3}, client CPU per transaction × {:.3}",
            median(&mut throughputs),
            median(&mut costs)
        );
    }

    fn run_pgbench(&self, script: &str) -> Outcome {
        let seconds = self.settings.seconds.to_string();
        let mut command = self.pgbench();
        command.args([
            "-n", "-M", "prepared", "-c", "8", "-j", "1", "-T", &seconds, "-b", script,
        ]);
        let (text, cpu) = run(&mut command);
        let number = |label: &str| -> f64 {
            let line = text
                .lines()
                .find_map(|line| line.split_once(label))
                .unwrap();
            let word = line.1.split_whitespace().next().unwrap();
            word.split('/').next().unwrap().parse().unwrap()
        };
        let done = number("transactions actually processed: ");
        Outcome {
            per_second: number("tps = "),
            cpu_per_op: cpu.div_f64(done),
        }
    }

    fn run_dbperf(&self, script: &str, pool: &str) -> Outcome {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pgbench");
        let saved = self.folder.path().join("run.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
        command
            .arg("replay")
            .arg(folder.join(format!("{script}.sql")))
            .arg(self.lab.primary().dsn())
            .args([
                "--clients",
                "8",
                "--pool-size",
                "8",
                "--warmup",
                "0s",
                "--pool",
                pool,
            ])
            .args(["--writes", "--target-db", "postgres", "--quiet", "--save"])
            .arg(&saved)
            .arg("--duration")
            .arg(format!("{}s", self.settings.seconds));
        let (_, cpu) = run(&mut command);
        let text = std::fs::read(&saved).unwrap();
        let saved: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let replay = &saved["replay"];
        let done = replay["total"]["requests"].as_f64().unwrap();
        assert_eq!(replay["total"]["failures"].as_f64(), Some(0.0));
        Outcome {
            per_second: done / (replay["length"].as_f64().unwrap() / 1000.0),
            cpu_per_op: cpu.div_f64(done),
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values[middle];
    }
    f64::midpoint(values[middle - 1], values[middle])
}
