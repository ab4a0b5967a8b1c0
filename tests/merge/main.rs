//! Several machines drive one server together, and their runs are added.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

mod command;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use dbperf::lab::{Lab, LabOptions};
use dbperf::record::Run;
use dbperf::record::load::LoadResult;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::NoTls;

const WORKLOAD: &str = "-- dbperf workload: two machines\n-- writes\n\
    -- operation: insert\n-- param id: sequence 1\n-- statement: insert row\n\
    INSERT INTO numbers (id) VALUES (:id);\n\
    -- operation: read\n-- weight: 2\n-- param id: uniform 1 1000\n-- statement: read row\n\
    SELECT id FROM numbers WHERE id = :id;\n";

fn lab() -> Lab {
    let (major, _) = support::servers().pop().expect("a PostgreSQL server");
    support::lab(major, LabOptions::default()).expect("the server that was found")
}

fn dbperf() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn sql(lab: &Lab, text: &str) -> Vec<i64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&lab.primary().dsn(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let rows = client.simple_query(text).await.unwrap();
        let values = rows.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        values.collect()
    })
}

/// One of two machines.
fn machine(lab: &Lab, folder: &Path, index: u32, start_at: Timestamp) -> Child {
    dbperf()
        .arg("replay")
        .arg(folder.join("w.sql"))
        .arg(lab.primary().dsn())
        .args([
            "--writes",
            "--target-db",
            "postgres",
            "--warmup",
            "0s",
            "--duration",
            "3s",
        ])
        .args([
            "--clients",
            "5",
            "--pool-size",
            "2",
            "--think",
            "1ms",
            "--format",
            "json",
        ])
        .args([
            "--shard",
            &format!("{index}/2"),
            "--start-at",
            &start_at.to_string(),
        ])
        .arg("--save")
        .arg(run_file(folder, index))
        .spawn()
        .unwrap()
}

fn run_file(folder: &Path, index: u32) -> PathBuf {
    folder.join(format!("run-{index}.json"))
}

fn load(path: &Path) -> Run {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn succeeded(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"))
}

/// What the row says of two runs, by the rule that a fiftieth of the whole may be one machine's alone.
fn expected_overlap(loads: [&LoadResult; 2]) -> &'static str {
    let (starts, ends) = (
        loads.map(|load| load.started_at.unwrap()),
        loads.map(|load| load.ended_at.unwrap()),
    );
    let between = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
    let whole = between(starts[0].min(starts[1]), ends[0].max(ends[1]));
    let common = between(starts[0].max(starts[1]), ends[0].min(ends[1]));
    if whole - common > 0.02 * whole {
        "partial"
    } else {
        "ok"
    }
}

#[test]
fn two_machines_drive_one_server_together() {
    let lab = lab();
    sql(
        &lab,
        "CREATE EXTENSION pg_stat_statements; CREATE TABLE numbers (id bigint PRIMARY KEY); \
         SELECT pg_stat_statements_reset()",
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.sql"), WORKLOAD).unwrap();
    let start_at = Timestamp::now() + Duration::from_secs(4);
    let machines = [1, 2].map(|index| machine(&lab, folder.path(), index, start_at));
    for machine in machines {
        succeeded(&machine.wait_with_output().unwrap());
    }
    let runs = [1, 2].map(|index| load(&run_file(folder.path(), index)));
    let saved = folder.path().join("all.json");
    let output = dbperf()
        .arg("merge")
        .args([1, 2].map(|index| run_file(folder.path(), index)))
        .args(["--format", "json", "--save"])
        .arg(&saved)
        .output()
        .unwrap();
    let document = succeeded(&output);
    let merged = load(&saved);

    // Both began at the moment that was agreed on.
    let loads = runs.each_ref().map(|run| run.replay.as_ref().unwrap());
    for load in loads {
        let late = load
            .started_at
            .unwrap()
            .duration_since(start_at)
            .as_secs_f64();
        assert!((0.0..0.5).contains(&late), "{late}");
    }
    // Each had its share of the clients.
    assert_eq!(loads.map(|load| load.stages[0].users), [3, 2]);
    let all = merged.replay.as_ref().unwrap();
    assert_eq!(all.stages[0].name, "5 clients");

    // Nothing was lost: requests, seconds, and the server's own count agree.
    let requests = loads.map(|load| load.total.requests);
    assert_eq!(all.total.requests, requests.iter().sum::<u64>());
    assert!(requests.iter().all(|n| *n > 100), "{requests:?}");
    assert_eq!(all.total.errors, std::collections::BTreeMap::new());
    let by_second: u64 = all.intervals.iter().flat_map(|i| i.requests.values()).sum();
    assert_eq!(by_second, all.total.requests);
    let histogram = all.total.latency.histogram.as_ref().unwrap();
    assert_eq!(histogram.count(), all.total.requests);
    for (name, first_words) in [
        ("insert", "INSERT INTO numbers"),
        ("read", "SELECT id FROM numbers"),
    ] {
        let operation = all.operations.iter().find(|o| o.name == name).unwrap();
        let calls = sql(
            &lab,
            &format!("SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE '{first_words}%'"),
        );
        assert_eq!(
            calls,
            [i64::try_from(operation.requests).unwrap()],
            "{name}"
        );
    }
    // A number of the sequence that both had drawn would have failed, and one that none had would be missing
    // below the largest.
    let inserts = all
        .operations
        .iter()
        .find(|o| o.name == "insert")
        .unwrap()
        .requests;
    assert_eq!(
        sql(&lab, "SELECT count(*) FROM numbers"),
        [i64::try_from(inserts).unwrap()]
    );
    let odd = sql(&lab, "SELECT count(*) FROM numbers WHERE id % 2 = 1")[0];
    let even = sql(&lab, "SELECT count(*) FROM numbers WHERE id % 2 = 0")[0];
    let mine = loads.map(|load| load.operations[0].requests);
    assert_eq!(mine.map(|n| i64::try_from(n).unwrap()), [odd, even]);

    // The pools are one of four connections.
    let pool = merged.pool.as_ref().unwrap();
    assert_eq!((pool.pool_size, pool.clients), (4, 5));
    assert!(pool.counters.add_up() && pool.in_use_max <= 4);
    assert_eq!(pool.counters.acquires, all.total.requests);
    let by_gauges = pool.gauges.iter().map(|gauge| gauge.size).max();
    assert!(by_gauges <= Some(4), "{by_gauges:?}");

    // It is shown as a replay is.
    for section in ["run", "server", "load", "pool", "breakdown"] {
        assert!(document[section].is_object(), "{section}");
    }
    assert_eq!(document["load"]["total"]["requests"], all.total.requests);
    let rows = document["coverage"].as_array().unwrap();
    let row = rows.iter().find(|row| row["collector"] == "merge").unwrap();
    // A machine without a free core begins late; then, and only then, this is said.
    assert_eq!(row["status"], expected_overlap(loads), "{row}");
    assert_eq!(merged.merged.len(), 2);
    let reason = document["pool"]["no_recommendation"].as_str().unwrap();
    assert!(reason.contains("2 machines"), "{reason}");
}
