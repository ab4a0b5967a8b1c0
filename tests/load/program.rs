//! The command: flags, formats, exit codes, secrets.

use super::*;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub(crate) const SCENARIO: &str = r#"
[load]
clients = 2
duration = "500ms"
warmup = "0s"
[headers]
Authorization = "Bearer ${CANARY}"
[values]
id = "uniform 1 9"
[[user]]
[[user.step]]
request = "GET /a/{id}"
[[user.step]]
request = "GET /status/503"
"#;

pub(crate) fn dbperf(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("CANARY", "chirp-chirp")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn folder(scenario: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), scenario).unwrap();
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn ran(output: &Output, code: i32) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    format!("{}{stderr}", text(&output.stdout))
}

#[test]
fn the_document_has_the_load_and_the_saved_run_can_be_used_again() {
    let _machine = beside_others();
    let service = Service::start();
    let folder = folder(SCENARIO);
    let url = service.url();
    let arguments = [
        "load",
        "s.toml",
        "--base-url",
        &url,
        "--format",
        "json",
        "--save",
        "load.json",
    ];
    let output = dbperf(folder.path(), &arguments).output().unwrap();
    ran(&output, 0);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let total = &document["load"]["total"];
    let served = service.served();
    assert_eq!(
        total["requests"].as_u64().unwrap(),
        served.requests.len() as u64
    );
    assert_eq!(total["errors"]["HTTP 503"], total["failures"]);
    assert!(document["run"]["window_ms"].as_f64().unwrap() >= 500.0);
    assert!(document["overhead"]["driver_cpu_ratio"].is_f64());
    let inside = &document["load"]["operations"][0]["phases"];
    assert!(inside["waiting_ms"].as_f64().unwrap() > 0.0, "{inside}");
    assert!(inside["sending_ms"].is_null());
    for absent in ["server", "pool", "breakdown", "sla", "statements"] {
        assert!(document[absent].is_null(), "{absent}");
    }
    assert!(
        served
            .headers
            .iter()
            .all(|h| h.contains("authorization: Bearer chirp-chirp"))
    );
    let saved = fs::read_to_string(folder.path().join("load.json")).unwrap();
    assert!(!saved.contains("chirp"), "a secret was saved");
    // Looked at again, every formula finds the same numbers.
    let again = dbperf(folder.path(), &["import", "load.json", "--format", "json"]);
    let imported = { again }.output().unwrap();
    ran(&imported, 0);
    let imported: serde_json::Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert_eq!(imported["load"]["total"], *total);
    assert_eq!(
        imported["load"]["operations"],
        document["load"]["operations"]
    );
    let report = dbperf(folder.path(), &["report", "load.json"])
        .output()
        .unwrap();
    let report = ran(&report, 0);
    assert!(
        report.contains("GET /a/{id}") && report.contains("HTTP 503 ("),
        "{report}"
    );
    for format in ["text", "markdown"] {
        let arguments = [
            "load",
            "s.toml",
            "--base-url",
            &url,
            "--duration",
            "100ms",
            "--format",
            format,
        ];
        let shown = ran(&dbperf(folder.path(), &arguments).output().unwrap(), 0);
        assert!(
            shown.contains("GET /status/503")
                && shown.contains("Inside of requests")
                && !shown.contains("chirp"),
            "{shown}"
        );
    }
}

#[test]
fn machines_are_merged() {
    let _machine = beside_others();
    let service = Service::start();
    let folder = folder(SCENARIO);
    let url = service.url();
    let start = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3)).to_string();
    let machine = |shard: &str, file: &str| {
        let arguments = [
            "load",
            "s.toml",
            "--base-url",
            &url,
            "--shard",
            shard,
            "--start-at",
            &start,
            "--save",
            file,
        ];
        dbperf(folder.path(), &arguments).spawn().unwrap()
    };
    let (one, two) = (machine("1/2", "1.json"), machine("2/2", "2.json"));
    for child in [one, two] {
        ran(&child.wait_with_output().unwrap(), 0);
    }
    let arguments = ["merge", "1.json", "2.json", "--format", "json"];
    let output = dbperf(folder.path(), &arguments).output().unwrap();
    ran(&output, 0);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let total = document["load"]["total"]["requests"].as_u64().unwrap();
    assert_eq!(total, service.served().requests.len() as u64);
}

#[test]
fn an_interrupt_shows_what_was_measured() {
    let _machine = beside_others();
    let service = Service::start();
    let folder = folder(SCENARIO);
    let url = service.url();
    let arguments = [
        "load",
        "s.toml",
        "--base-url",
        &url,
        "--duration",
        "60s",
        "--format",
        "json",
    ];
    let child = dbperf(folder.path(), &arguments).spawn().unwrap();
    while service.served().requests.len() < 20 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    ran(&output, 130);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["run"]["interrupted"], true);
    assert!(document["load"]["total"]["requests"].as_u64().unwrap() > 10);
}

/// Runs `load` with these arguments, and looks for its exit code and its words.
fn refused(folder: &Path, arguments: &[&str], code: i32, words: &str) {
    let arguments = [&["load"], arguments].concat();
    let output = dbperf(folder, &arguments).output().unwrap();
    let said = ran(&output, code);
    assert!(
        said.contains(words) && !said.contains("canary"),
        "{arguments:?}: {said}"
    );
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let _machine = beside_others();
    let service = Service::start();
    let folder = folder(SCENARIO);
    let url = service.url();
    for (flags, words) in [
        (&["--arrival", "even"][..], "--arrival is for a rate"),
        (
            &["--max-schedule-lag", "1s"],
            "--max-schedule-lag is for a rate",
        ),
        (&["--rate", "5/s", "--think", "1s"], "cannot be used with"),
        (
            &["--baseline", "5", "--clients", "2"],
            "cannot be used with",
        ),
        (
            &["--stages", "5:1s", "--duration", "2s"],
            "cannot be used with",
        ),
        (&["--shard", "3/3"], "machine 3 of 3 would have no client"),
        (&["--start-at", "2020-01-01T00:00:00Z"], "has passed"),
        (&["--pool-size", "5"], "unexpected argument"),
    ] {
        let arguments = [&["s.toml", "--base-url", &url], flags].concat();
        refused(folder.path(), &arguments, 2, words);
    }
    refused(folder.path(), &["s.toml"], 2, "give one with --base-url");
    let secret = ["s.toml", "--base-url", "http://u:canary@127.0.0.1:1"];
    refused(folder.path(), &secret, 2, "belong into a header");
    assert_eq!(service.served().requests.len(), 0);
}

#[test]
fn what_cannot_be_run_is_said_with_its_exit_code() {
    let _machine = beside_others();
    let service = Service::start();
    let url = service.url();
    let folder = folder(SCENARIO);
    let folder = folder.path();
    let broken = "title = \"a\"\n[[user]]\nthinks = 1\n";
    fs::write(folder.join("broken.toml"), broken).unwrap();
    let stages = "[load]\nstages = \"x\"\n[[user]]\n[[user.step]]\nrequest = \"GET /\"\n";
    fs::write(folder.join("stages.toml"), stages).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let with = |file: &'static str| [file, "--base-url", &url];
    let unknown = "broken.toml:3: unknown field `thinks`";
    refused(folder, &with("broken.toml"), 4, unknown);
    refused(
        folder,
        &with("stages.toml"),
        4,
        "stages.toml:2: expected TARGET:TIME",
    );
    refused(folder, &with("none.toml"), 4, "none.toml");
    let value = [&with("s.toml")[..], &["-D", "x=1"]].concat();
    refused(folder, &value, 4, "a value that no step");
    let most = [&with("s.toml")[..], &["--max-errors", "3"]].concat();
    refused(folder, &most, 3, "HTTP 503 (4 times)");
    let refusing = ["s.toml", "--base-url", &nobody];
    refused(folder, &refusing, 3, "connection refused; is it running");
    let nowhere = ["s.toml", "--base-url", "http://no.such.host.invalid"];
    refused(folder, &nowhere, 3, "host not found");
    let mut without = dbperf(folder, &["load", "s.toml", "--base-url", &url]);
    let said = ran(&without.env_remove("CANARY").output().unwrap(), 4);
    assert!(
        said.contains("s.toml:7: the environment has no variable CANARY"),
        "{said}"
    );
}

#[test]
fn many_users_get_as_many_files_as_the_system_lets_them_have() {
    let _machine = beside_others();
    let service = Service::start();
    let folder = folder(
        "[load]\nduration = \"1s\"\nwarmup = \"0s\"\n[[user]]\nthink = \"200ms\"\n[[user.step]]\nrequest = \"GET /x\"\n",
    );
    let url = service.url();
    let limited = |limit: &str| {
        let program = env!("CARGO_BIN_EXE_dbperf");
        let line = format!(
            "ulimit {limit} 100 && exec {program} load s.toml --base-url {url} --clients 150 --format json"
        );
        let mut shell = Command::new("sh");
        let shell = shell
            .current_dir(folder.path())
            .args(["-c", &line])
            .stdin(Stdio::null());
        let output = shell.output().unwrap();
        ran(&output, 0);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        document["load"].clone()
    };
    let soft = limited("-Sn");
    assert_eq!(soft["total"]["failures"], 0, "{soft}");
    assert!(soft["total"]["requests"].as_u64().unwrap() > 300);
    let hard = limited("-n");
    let key = "too many open files on this machine (ulimit -n)";
    assert!(hard["total"]["errors"][key].as_u64().unwrap() > 0, "{hard}");
    // A busy machine has a warning of its own before it.
    let warnings = hard["warnings"].to_string();
    assert!(warnings.contains("100 files open"), "{hard}");
}

#[test]
fn a_load_is_judged_by_the_targets_that_it_is_given() {
    let _machine = beside_others();
    let service = Service::start();
    let folder = folder(SCENARIO);
    let url = service.url();
    // Half of the requests are answered with 503.
    // A busy machine is a finding about the driver, which fails as well.
    let judged = |errors: f64, fail_on: &str| {
        let target = format!("[requests]\nerror_ratio = {errors}\n[server]\ncpu_ratio = 0.5\n");
        fs::write(folder.path().join("sla.toml"), target).unwrap();
        let arguments = [
            "load",
            "s.toml",
            "--base-url",
            &url,
            "--sla",
            "sla.toml",
            "--fail-on",
            fail_on,
            "--format",
            "json",
        ];
        let output = dbperf(folder.path(), &arguments).output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(document["checklist"].is_null());
        let rows = document["sla"].as_array().unwrap();
        assert_eq!(rows[1]["status"], "not-measured");
        assert_eq!(rows[1]["note"], "no server was looked at");
        let found = document["findings"].as_array().unwrap();
        let doubted = found.iter().any(|f| f["severity"] != "info");
        let status = rows[0]["status"].as_str().unwrap().to_owned();
        (status, output.status.code().unwrap(), i32::from(doubted))
    };
    let (status, code, _) = judged(0.001, "warning");
    assert_eq!((status.as_str(), code), ("fail", 1));
    let (status, code, _) = judged(0.001, "never");
    assert_eq!((status.as_str(), code), ("fail", 0));
    let (status, code, doubted) = judged(0.9, "warning");
    assert_eq!((status.as_str(), code), ("pass", doubted));
    fs::write(folder.path().join("sla.toml"), "[request]\n").unwrap();
    let arguments = ["load", "s.toml", "--base-url", &url, "--sla", "sla.toml"];
    let output = dbperf(folder.path(), &arguments).output().unwrap();
    let said = ran(&output, 4);
    assert!(
        said.contains("sla.toml: the SLA has an unknown section [request]"),
        "{said}"
    );
}
