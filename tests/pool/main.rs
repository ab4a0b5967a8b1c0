//! `dbperf pool` on real servers, with loads whose best size is known by construction.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

#[path = "../support/mod.rs"]
mod support;

mod arrivals;
mod bad_input;
mod every_size;
mod observed;
mod picture;
mod truth;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dbperf::lab::{Lab, LabOptions};
use serde_json::Value;
use support::measured;

/// Loads that take the CPU want the machine for themselves; those that sleep may run side by side.
static MACHINE: RwLock<()> = RwLock::new(());

fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// For whoever runs the tests with `--nocapture`: what was measured.
fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

fn newest() -> u32 {
    support::servers().pop().expect("a PostgreSQL server").0
}

/// A server, and a pgbench script.
struct Case {
    lab: Lab,
    folder: tempfile::TempDir,
}

impl Case {
    fn new(setup: &str, script: &str) -> Self {
        Self::with(LabOptions::default(), setup, script)
    }

    fn with(options: LabOptions, setup: &str, script: &str) -> Self {
        let lab = support::lab(newest(), options).expect("the server that was found");
        Self::on(lab, setup, script)
    }

    fn on(lab: Lab, setup: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.sql"), script).unwrap();
        let case = Self { lab, folder };
        if !setup.is_empty() {
            case.psql(setup);
        }
        case
    }

    fn psql(&self, sql: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let dsn = self.lab.primary().dsn();
            let connected = tokio_postgres::connect(&dsn, tokio_postgres::NoTls).await;
            let (client, connection) = connected.unwrap();
            tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
        });
    }

    fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
        command
            .arg("pool")
            .arg(self.folder.path().join("w.sql"))
            .arg(self.lab.primary().dsn())
            .args(["--format", "json", "--no-progress", "--warmup", "200ms"])
            .args(["--writes", "--target-db", "postgres"])
            .args(flags)
            .stdin(Stdio::null());
        command
    }

    fn output(&self, flags: &[&str]) -> Output {
        self.command(flags).output().unwrap()
    }

    /// The `pool` section of the result.
    fn pool(&self, flags: &[&str]) -> Value {
        let output = self.output(flags);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        document["pool"].clone()
    }
}
