//! A load is evidence for `analyze`, like the result of any load tool.

use super::*;
use std::process::{Command, Stdio};

use dbperf::lab::LabOptions;

#[path = "../support/mod.rs"]
mod support;

#[test]
fn a_load_inside_the_window_is_joined_with_the_database() {
    let _machine = beside_others();
    let (major, _) = support::servers().pop().unwrap();
    let lab = support::lab(major, LabOptions::default()).unwrap();
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("s.toml"),
        "[load]\nclients = 2\nduration = \"2s\"\nwarmup = \"0s\"\n[[user]]\nthink = \"10ms\"\n[[user.step]]\n\
         request = \"GET /timing/2.5\"\n",
    )
    .unwrap();
    let program = env!("CARGO_BIN_EXE_dbperf");
    let url = service.url();
    let output = Command::new(program)
        .current_dir(folder.path())
        .args([
            "analyze",
            &lab.primary().dsn(),
            "--api",
            "load.json",
            "--format",
            "json",
            "--",
        ])
        .args([
            program,
            "load",
            "s.toml",
            "--base-url",
            &url,
            "--save",
            "load.json",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["load"]["source"], "dbperf load");
    let endpoint = &document["breakdown"]["endpoints"][0];
    assert_eq!(endpoint["name"], "GET /timing/2.5");
    assert_eq!(
        endpoint["requests"].as_u64().unwrap(),
        service.count("GET /timing")
    );
    assert_eq!(document["run"]["load_command"]["exit_code"], 0);
}
