//! The demo's run: the planted problems are found, and the report says the same when it is looked
//! at again. Alone in its binary, because the pool's verdict rests on a machine that has room.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn dbperf(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args(args)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {errors}"))
}

fn rules(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().filter_map(|f| f["rule"].as_str()).collect()
}

#[test]
fn the_demo_finds_what_was_planted_and_says_it_again() {
    if support::servers().is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("run.json");
    let saved = saved.to_str().unwrap();
    let mut live = dbperf(&[
        "analyze",
        "--lab",
        "--lab-standby",
        "--duration",
        "25s",
        "--explain-analyze",
        "--format",
        "json",
        "--save",
        saved,
        "--fail-on",
        "warning",
    ]);
    assert_eq!(live.status.code(), Some(1), "warnings were found");
    let report = json(&live);
    planted_problems_are_found(&report);
    the_document_keeps_the_contract(&report);
    nothing_of_the_rows_is_in_it(&live.stdout, Path::new(saved));

    let again = dbperf(&["report", saved, "--format", "json"]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(json(&again), report, "a saved run concludes the same");
    let from = dbperf(&["analyze", "--from", saved, "--format", "json"]);
    assert_eq!(json(&from), report);
    live.stdout.clear();
}

fn planted_problems_are_found(report: &Value) {
    let found = rules(report);
    for rule in [
        "slow-statement",
        "missing-index",
        "missing-fk-index",
        "index-unused-by-workload",
        "duplicate-index",
        "redundant-prefix-index",
        "chatty-statement",
        "temp-spill",
        "pool-too-small",
    ] {
        assert!(
            found.contains(&rule),
            "{rule} was planted, found: {found:?}"
        );
    }
    let indexes = report["indexes"].as_array().unwrap();
    let verdict = |name: &str| {
        let index = indexes.iter().find(|i| i["index"] == name).unwrap();
        index["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("tasks_title_idx"), "drop-unused");
    assert_eq!(verdict("tasks_plan_id_idx"), "drop-duplicate");
    assert_eq!(verdict("tasks_pkey"), "keep");
    assert_eq!(report["replication"]["standbys"][0]["verdict"], "streaming");
    let statements = report["statements"].as_array().unwrap();
    let plan = |s: &Value| s["plan"]["text_ref"].as_str().map(str::to_owned);
    let modes: Vec<_> = statements.iter().filter_map(plan).collect();
    assert!(modes.iter().any(|m| m == "analyzed"), "{modes:?}");
}

fn the_document_keeps_the_contract(report: &Value) {
    let schema = json(&dbperf(&["schema"]));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(report)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let parts = report["breakdown"]["total"]["parts"].as_array().unwrap();
    let sum: f64 = parts.iter().filter_map(|p| p["share_ratio"].as_f64()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "the shares add up to {sum}");
}

/// Values that only rows hold never reach an output: titles of the sample begin with its words.
fn nothing_of_the_rows_is_in_it(report: &[u8], saved: &Path) {
    let report = String::from_utf8(report.to_vec()).unwrap();
    let run = std::fs::read_to_string(saved).unwrap();
    for value in ["@example.", "'active'", "'todo'"] {
        assert!(!report.contains(value), "{value} is in the report");
        assert!(!run.contains(value), "{value} is in the run file");
    }
}
