//! `slow` and `indexes` without a window: one reading of what the server has counted, on every version.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

mod support;

use std::process::{Command, Output};

use dbperf::lab::{Lab, LabOptions};
use serde_json::Value;
use support::{connect, each_version, lab, left_sessions, servers};

fn dbperf(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args(args)
        .output()
        .unwrap()
}

fn json(args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.extend(["--format", "json"]);
    let output = dbperf(&all);
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {errors}"))
}

const SCHEMA: &str = "CREATE EXTENSION pg_stat_statements;
    CREATE TABLE tasks (id int PRIMARY KEY, state int, note text);
    INSERT INTO tasks SELECT g, g % 7, 'note ' || g FROM generate_series(1, 20000) AS g;
    CREATE INDEX tasks_state ON tasks (state);
    CREATE INDEX tasks_state_again ON tasks (state);
    ANALYZE tasks;";

/// A table with rows and two equal indexes; 40 searches by key and 5 of all rows, all of them over before this returns.
async fn with_history(major: u32) -> Lab {
    let lab = lab(major, LabOptions::default()).unwrap();
    let client = connect(lab.primary()).await;
    client.batch_execute(SCHEMA).await.unwrap();
    client
        .query("SELECT pg_stat_statements_reset()", &[])
        .await
        .unwrap();
    let by_key = client
        .prepare("SELECT note FROM tasks WHERE id = $1")
        .await
        .unwrap();
    for id in 1..=40_i32 {
        client.query(&by_key, &[&id]).await.unwrap();
    }
    for _ in 0..5 {
        let sql = "SELECT count(*) FROM tasks WHERE note LIKE '%9%'";
        client.query(sql, &[]).await.unwrap();
    }
    // Counters of tables and indexes are published when the session ends.
    drop(client);
    let other = connect(lab.primary()).await;
    let published =
        "SELECT idx_scan >= 40 FROM pg_stat_user_indexes WHERE indexrelname = 'tasks_pkey'";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !other
        .query_one(published, &[])
        .await
        .unwrap()
        .get::<_, bool>(0)
    {
        assert!(std::time::Instant::now() < deadline, "no counters");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    lab
}

fn statement<'a>(report: &'a Value, text: &str) -> &'a Value {
    let all = report["statements"].as_array().unwrap();
    let found = all
        .iter()
        .find(|s| s["query"].as_str().unwrap().contains(text));
    found.unwrap_or_else(|| panic!("{text} is not among {all:#?}"))
}

fn index<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["indexes"].as_array().unwrap();
    all.iter().find(|i| i["index"] == name).unwrap()
}

#[test]
fn the_counters_since_the_reset_are_told_and_called_so() {
    each_version(async |major| {
        let lab = with_history(major).await;
        let dsn = lab.primary().dsn();
        let report = json(&["slow", &dsn]);
        assert_eq!(statement(&report, "WHERE id = $1")["calls"], 40, "{major}");
        let slow = statement(&report, "LIKE");
        assert_eq!((&slow["calls"], &slow["rows"]), (&5.into(), &5.into()));
        assert!(slow["stddev_exec_ms"].as_f64().is_some());
        assert!(slow["plan"]["text"].is_string(), "{major}: {slow:#}");

        let run = &report["run"];
        assert_eq!(run["window_ms"], 0.0);
        let since = &run["since"];
        // The extension of 13 does not tell when it was reset, so nothing can be said per second.
        let told = major > 13;
        assert_eq!(since["statements_ms"].as_f64().is_some(), told, "{since}");
        let findings = report["findings"].as_array().unwrap();
        assert!(!findings.is_empty());
        for finding in findings {
            let detail = finding["detail"].as_str().unwrap();
            assert!(detail.contains("Counted since a reset"), "{detail}");
            assert!(!detail.contains("indow"), "{detail}");
            assert!(told || finding["saves_ms_per_sec"].is_null(), "{finding:#}");
            assert!(told || !detail.contains("every second"), "{detail}");
        }
        let text = String::from_utf8(dbperf(&["slow", &dsn]).stdout).unwrap();
        assert!(text.contains("counted since it was reset"), "{text}");
        assert!(!text.contains("the window"), "{text}");

        // A second look sees the first one nowhere.
        let again = json(&["slow", &dsn]);
        let all = again["statements"].as_array().unwrap();
        let own = all
            .iter()
            .find(|s| s["query"].as_str().unwrap().contains("dbperf"));
        assert_eq!(own, None, "{major}");
        assert_eq!(statement(&again, "WHERE id = $1")["calls"], 40);
        let client = connect(lab.primary()).await;
        assert_eq!(
            left_sessions(&client).await,
            0,
            "nothing is left on the server"
        );
    });
}

#[test]
fn verdicts_rest_on_the_scans_since_the_reset() {
    each_version(async |major| {
        let lab = with_history(major).await;
        let dsn = lab.primary().dsn();
        let folder = tempfile::tempdir().unwrap();
        let saved = folder.path().join("look.json");
        let saved = saved.to_str().unwrap();
        let report = json(&["indexes", &dsn, "--save", saved]);
        let key = index(&report, "tasks_pkey");
        assert_eq!(key["scans"], Value::Null, "there was no window");
        assert!(key["scans_total"].as_i64().unwrap() >= 40, "{key}");
        assert_eq!(key["verdict"], "keep");
        let double =
            ["tasks_state", "tasks_state_again"].map(|n| index(&report, n)["verdict"].clone());
        assert!(double.contains(&"drop-duplicate".into()), "{double:?}");
        assert!(double.contains(&"keep".into()), "never both: {double:?}");
        assert!(report["run"]["since"]["database_ms"].as_f64().is_some());

        // Looked at again without the server, and as a whole.
        let again = json(&["indexes", "--from", saved]);
        assert_eq!(again["indexes"], report["indexes"]);
        let whole = json(&["report", saved]);
        assert!(whole.get("overhead").is_none() && whole.get("database_time").is_none());
        let rules = whole["not_evaluated"].as_array().unwrap();
        let churn = rules
            .iter()
            .find(|r| r["rule"] == "connection-churn")
            .unwrap();
        let reason = churn["reason"].as_str().unwrap();
        assert!(reason.contains("--window"), "{reason}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_window_only_the_window_counts() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let lab = with_history(major).await;
    let dsn = lab.primary().dsn();
    let report = json(&["slow", &dsn, "--window", "1s"]);
    assert_eq!(report["run"]["since"], Value::Null);
    assert!(report["run"]["window_ms"].as_f64().unwrap() >= 1000.0);
    let all = report["statements"].as_array().unwrap();
    let before = all
        .iter()
        .find(|s| s["query"].as_str().unwrap().contains("LIKE"));
    assert_eq!(before, None, "what ran before the window is not in it");
}
