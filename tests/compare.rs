//! Pools compared in turns, on a real server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dbperf::lab::{Lab, LabOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Every test here measures.
static MACHINE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server, and a workload of one statement.
struct Case {
    lab: Lab,
    folder: tempfile::TempDir,
}

impl Case {
    fn new(statement: &str) -> Self {
        let (major, _) = support::servers().pop().expect("a PostgreSQL server");
        let lab = support::lab(major, LabOptions::default()).expect("the server that was found");
        let folder = tempfile::tempdir().unwrap();
        let text = format!("-- dbperf workload\n-- operation: o\n-- statement: s\n{statement};\n");
        fs::write(folder.path().join("w.sql"), text).unwrap();
        Self { lab, folder }
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("run.json")
    }

    fn start(&self, pools: &str, more: &str, flags: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_dbperf"))
            .arg("replay")
            .arg(self.folder.path().join("w.sql"))
            .arg(format!("{}{more}", self.lab.primary().dsn()))
            .args([
                "--pool",
                pools,
                "--clients",
                "4",
                "--pool-size",
                "4",
                "--format",
                "json",
            ])
            .args(flags)
            .arg("--save")
            .arg(self.run())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The document of a replay that ended with this code.
fn document(output: &Output, code: i32) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"))
}

fn comparison(document: &Value) -> &Value {
    let comparison = &document["pool"]["comparison"];
    assert!(comparison.is_object(), "{document}");
    comparison
}

#[test]
fn a_pool_is_as_fast_as_itself() {
    let _machine = alone();
    let case = Case::new("SELECT pg_sleep(0.004)");
    let flags = ["--duration", "3s", "--warmup", "200ms"];
    let output = case
        .start("deadpool,deadpool", "", &flags)
        .wait_with_output()
        .unwrap();
    let document = document(&output, 0);
    let found = comparison(&document);
    assert_eq!(
        (&found["reference"], &found["rounds"]),
        (&"deadpool".into(), &10.into())
    );
    assert_eq!(found["judged_by"], "throughput");
    let [first, second] = found["pools"].as_array().unwrap().as_slice() else {
        panic!("two pools: {found}");
    };
    assert_eq!(
        (&first["name"], &second["name"]),
        (&"deadpool".into(), &"deadpool (2)".into())
    );
    assert_eq!(second["verdict"], "no difference seen", "{found:#}");
    assert_eq!(
        (&first["blocks"], &first["verdict"]),
        (&10.into(), &Value::Null)
    );
    // The two at the begin, and four seams of ten rounds.
    assert_eq!(found["noise_pairs"], 5);
    assert!(found["noise_ratio"].as_f64().unwrap() < 0.1, "{found:#}");
    // Four clients of a statement of four milliseconds and a little.
    let throughput = first["throughput_per_sec"].as_f64().unwrap();
    assert!((400.0..1000.0).contains(&throughput), "{throughput}");
    assert!(first["connect_mean_ms"].as_f64().unwrap() > 0.0);
    // What is shown beside the comparison is the first pool.
    assert_eq!(document["load"]["total"]["requests"], first["requests"]);
    assert_eq!(document["pool"]["replay"]["acquires"], first["requests"]);
    let reason = document["pool"]["no_recommendation"].as_str().unwrap();
    assert!(reason.contains("compared"), "{reason}");
    // The saved run tells the same again.
    let report = Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .arg("report")
        .arg(case.run())
        .output()
        .unwrap();
    let text = String::from_utf8(report.stdout).unwrap();
    assert!(
        text.contains("Pools compared") && text.contains("no difference seen"),
        "{text}"
    );
}

#[test]
fn a_pool_whose_every_acquire_costs_more_is_slower() {
    let _machine = alone();
    // sqlx asks the server before it lends a connection, and when it takes it back.
    let case = Case::new("SELECT 1");
    let flags = ["--duration", "3s", "--warmup", "200ms"];
    let output = case
        .start("none,sqlx", "", &flags)
        .wait_with_output()
        .unwrap();
    let document = document(&output, 0);
    let found = comparison(&document);
    let sqlx = &found["pools"][1];
    assert_eq!(sqlx["verdict"], "slower", "{found:#}");
    let changes = sqlx["changes"].as_array().unwrap();
    let change = changes
        .iter()
        .find(|change| change["metric"] == "throughput")
        .unwrap();
    assert!(change["high_ratio"].as_f64().unwrap() < 0.95, "{change}");
    assert!(sqlx["recycle_mean_ms"].as_f64().unwrap() > 0.0, "{sqlx}");
    assert_eq!(found["pools"][0]["recycle_mean_ms"], Value::Null);
}

#[test]
fn a_pool_that_cannot_work_is_a_row_and_the_others_go_on() {
    let _machine = alone();
    let case = Case::new("SELECT 1");
    // The server knows this switch, sqlx does not.
    let flags = ["--duration", "400ms", "--warmup", "300ms"];
    let child = case.start("sqlx,deadpool", " options='-e'", &flags);
    let document = document(&child.wait_with_output().unwrap(), 0);
    let found = comparison(&document);
    let [sqlx, deadpool] = found["pools"].as_array().unwrap().as_slice() else {
        panic!("two pools: {found}");
    };
    assert_eq!(
        (&found["reference"], &sqlx["blocks"]),
        (&"deadpool".into(), &0.into())
    );
    assert!(
        sqlx["reason"].as_str().unwrap().contains("sqlx takes"),
        "{sqlx}"
    );
    assert_eq!(
        (&deadpool["blocks"], &sqlx["throughput_per_sec"]),
        (&2.into(), &Value::Null)
    );
    assert_eq!(document["pool"]["replay"]["pool"], "deadpool");
}

#[test]
fn ctrl_c_keeps_the_blocks_that_were_measured() {
    let _machine = alone();
    let case = Case::new("SELECT 1");
    let child = case.start(
        "deadpool,none",
        "",
        &["--duration", "12s", "--warmup", "0s"],
    );
    // Two blocks of the first pool, and the first round.
    std::thread::sleep(Duration::from_secs(6));
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let document = document(&child.wait_with_output().unwrap(), 130);
    let found = comparison(&document);
    let blocks = found["pools"][0]["blocks"].as_u64().unwrap();
    assert!((1..10).contains(&blocks), "{blocks}");
    assert_eq!(found["pools"][1]["verdict"], Value::Null);
    assert!(
        found["pools"][1]["reason"]
            .as_str()
            .unwrap()
            .contains("too few"),
        "{found}"
    );
    assert_eq!(document["run"]["interrupted"], true);
    assert!(case.run().is_file());
}

#[test]
fn what_needs_one_long_window_is_refused() {
    let output = |flags: &[&str]| {
        let command = Command::new(env!("CARGO_BIN_EXE_dbperf"))
            .args(flags)
            .output()
            .unwrap();
        (
            command.status.code(),
            String::from_utf8(command.stderr).unwrap(),
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.sql");
    fs::write(&file, "-- operation: o\nSELECT 1;\n").unwrap();
    let file = file.to_str().unwrap();
    for flags in [
        ["--stages", "5:10s"],
        ["--shard", "1/2"],
        ["--start-at", "2099-01-01T00:00:00Z"],
    ] {
        let (code, said) = output(&[
            "replay",
            file,
            "dbname=x",
            "--pool",
            "sqlx,none",
            flags[0],
            flags[1],
        ]);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains(flags[0]) && said.contains("several pools"),
            "{said}"
        );
    }
    let (code, said) = output(&[
        "analyze",
        "dbname=x",
        "--workload",
        file,
        "--pool",
        "sqlx,none",
    ]);
    assert_eq!(
        (code, said.contains("name one --pool")),
        (Some(2), true),
        "{said}"
    );
}
