//! `--fail-on` and missed targets, on a saved run and results of other tools: no server is needed.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/load");

/// A run that `dbperf load` saved; its p95 is 9.4 ms.
const RUN: &str = "dbperf-0.1.0/load.json";

/// A page whose first contentful paint is 872.578 ms.
const PAGE: &str = "lighthouse-12.8.2/mobile.json.gz";

/// Runs the program with one target; the exit code and standard output.
fn judged(target: &str, arguments: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let sla = folder.path().join("sla.toml");
    fs::write(&sla, target).unwrap();
    let known = |argument: &&str| {
        let file = Path::new(FIXTURES).join(argument);
        if file.is_file() {
            file.display().to_string()
        } else {
            (*argument).to_owned()
        }
    };
    let output = Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args(arguments.iter().map(known))
        .arg("--sla")
        .arg(&sla)
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let code = output.status.code().unwrap();
    assert!(code < 2, "{}", String::from_utf8_lossy(&output.stderr));
    (code, shown)
}

#[test]
fn a_missed_target_is_a_warning() {
    let (met, missed) = (
        "[response_time]\np95_ms = 50",
        "[response_time]\np95_ms = 2",
    );
    for command in [["report"].as_slice(), &["analyze", "--from"]] {
        let code = |target: &str, fail_on: &str| {
            let mut arguments = command.to_vec();
            arguments.extend([RUN, "--fail-on", fail_on]);
            judged(target, &arguments).0
        };
        assert_eq!(code(missed, "warning"), 1, "{command:?}");
        assert_eq!(code(missed, "critical"), 0, "{command:?}");
        assert_eq!(code(missed, "never"), 0, "{command:?}");
        assert_eq!(code(met, "warning"), 0, "{command:?}");
    }
}

#[test]
fn a_page_that_is_too_slow_is_a_missed_target() {
    for command in [["report"].as_slice(), &["analyze", "--from"]] {
        let code = |limit: u32| {
            let mut arguments = command.to_vec();
            arguments.extend([RUN, "--api", PAGE, "--fail-on", "warning"]);
            judged(&format!("[page]\nfcp_ms = {limit}"), &arguments).0
        };
        assert_eq!(code(872), 1, "{command:?}");
        assert_eq!(code(873), 0, "{command:?}");
    }
}

#[test]
fn what_was_not_measured_is_no_miss() {
    let arguments = ["report", RUN, "--fail-on", "warning", "--format", "json"];
    let (code, shown) = judged("[page]\nfcp_ms = 1", &arguments);
    assert_eq!(code, 0);
    let document: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(document["sla"][0]["status"], "not-measured");
}

#[test]
fn a_page_does_not_replace_the_load_that_was_saved_with_a_run() {
    // The same load as the result of another tool, which results of a load on the command line replace.
    let text = fs::read_to_string(Path::new(FIXTURES).join(RUN)).unwrap();
    let mut run: serde_json::Value = serde_json::from_str(&text).unwrap();
    run["api"] = serde_json::json!([run["replay"].take()]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json").display().to_string();
    fs::write(&file, run.to_string()).unwrap();
    let target = "[response_time]\np95_ms = 50\n[page]\nfcp_ms = 900";
    let shown = |api: &str| {
        let (_, shown) = judged(target, &["report", &file, "--api", api, "--format", "json"]);
        serde_json::from_str::<serde_json::Value>(&shown).unwrap()
    };
    let beside = shown(PAGE);
    assert_eq!(beside["load"]["source"], "dbperf load");
    assert_eq!(beside["sla"][0]["status"], "pass");
    assert_eq!(beside["sla"][1]["status"], "pass");
    let instead = shown("locust-2.47.0/full.json");
    assert_eq!(instead["load"]["source"], "locust");
    assert!(instead["pages"].is_null());
}

#[test]
fn import_judges_nothing() {
    let page = Path::new(FIXTURES).join(PAGE);
    let output = Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .arg("import")
        .arg(page)
        .args(["--fail-on", "warning", "--format", "json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["sla"].is_null());
}
