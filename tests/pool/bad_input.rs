//! What a sweep refuses, and what it keeps.

use std::time::Duration;

use dbperf::lab::StopMode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

fn refused(output: &Output, exit: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{said}");
    for word in words {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn what_has_no_pool_or_no_room_is_refused_before_anything_is_measured() {
    let _machine = beside_others();
    let case = Case::new("", "SELECT 1;\n");
    for (flags, exit, words) in [
        (&["--pool", "none"][..], 2, &["--pool none", "no size"][..]),
        (&["--pool", "deadpool,sqlx"], 2, &["one pool"]),
        (&["--stages", "2:1s"], 2, &["--stages"]),
        (&["--shard", "1/2"], 2, &["--shard"]),
        (&["--sizes", "0"], 2, &["--sizes"]),
        (
            &["--sizes", "2,400"],
            3,
            &[
                "400",
                "that the server can spare",
                "usable connections",
                "a fifth",
            ],
        ),
    ] {
        refused(&case.output(flags), exit, words);
    }
}

#[test]
fn a_workload_that_fails_has_no_size() {
    let _machine = beside_others();
    let case = Case::new("", "SELECT 1 / (random() * 0)::int;\n");
    let flags = [
        "--clients",
        "4",
        "--duration",
        "2s",
        "--max-errors",
        "1000000",
        "--no-verify",
    ];
    let pool = case.pool(&flags);
    assert!(pool["recommendation"].is_null());
    let reason = pool["no_recommendation"].as_str().unwrap();
    assert!(reason.contains("failed at every size"), "{reason}");
}

#[test]
fn a_workload_that_cannot_run_is_refused_with_what_the_server_says() {
    let _machine = beside_others();
    let case = Case::new("", "SELECT * FROM nowhere;\n");
    let run = case.folder.path().join("run.json");
    let save = run.to_str().unwrap();
    let output = case.output(&["--clients", "2", "--duration", "2s", "--save", save]);
    refused(
        &output,
        3,
        &["relation \"nowhere\" does not exist", "42P01"],
    );
    assert!(output.stdout.is_empty() && !run.exists());
}

#[test]
fn more_clients_than_the_server_has_room_for_are_a_bound_that_is_told() {
    measured(|| {
        let _machine = beside_others();
        // So long that the largest pool does no more requests than a driver without optimisation has time for.
        let case = Case::new("", "SELECT pg_sleep(0.05);\n");
        // Where the driver has no core for a while, nothing is recommended, and the report says to sweep for longer.
        let mut pool = Value::Null;
        for duration in ["2s", "10s", "40s"] {
            pool = case.pool(&["--clients", "300", "--no-verify", "--duration", duration]);
            if pool["recommendation"].is_object() {
                break;
            }
            say(&format!("with {duration}: {}", pool["no_recommendation"]));
        }
        let sizes = pool["sweep"].as_array().unwrap().iter();
        let largest = sizes.filter_map(|point| point["pool_size"].as_u64()).max();
        // 100 less 3 reserved ones, of which a fifth stays free.
        assert!(
            largest.is_some_and(|size| (70..=77).contains(&size)),
            "{largest:?}"
        );
        let reasons = pool["recommendation"]["reasons"].to_string();
        assert!(
            reasons.contains("were not measured: of 97 usable connections"),
            "{reasons}"
        );
    });
}

#[test]
fn a_sweep_that_is_interrupted_keeps_what_it_has_and_recommends_nothing() {
    let _machine = beside_others();
    let case = Case::new("", "SELECT pg_sleep(0.005);\n");
    let at = |name: &str| case.folder.path().join(name).display().to_string();
    let (run, picture) = (at("run.json"), at("part.svg"));
    let mut command = case.command(&["--clients", "8", "--duration", "60s"]);
    command.args(["--save", &run, "--chart", &picture]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(6));
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pool = &document["pool"];
    assert!(pool["recommendation"].is_null());
    let reason = pool["no_recommendation"].as_str().unwrap();
    assert!(reason.contains("interrupted"), "{reason}");
    assert!(!pool["sweep"].as_array().unwrap().is_empty());
    // What was measured is not lost: the picture is drawn as far as it goes, and the run can be looked at again.
    assert!(fs::read_to_string(&picture).unwrap().contains("pool size"));
    let again = Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args(["report", &run, "--format", "json"])
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(document["run"]["interrupted"], true);
    assert_eq!(&document["pool"], pool);
}

#[test]
fn a_server_that_goes_away_ends_the_sweep_with_its_reason() {
    let _machine = beside_others();
    let mut case = Case::new("", "SELECT pg_sleep(0.005);\n");
    let mut command = case.command(&["--clients", "4", "--duration", "60s", "--max-errors", "50"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(5));
    case.lab.primary_mut().stop(StopMode::Immediate).unwrap();
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reason = document["pool"]["no_recommendation"].as_str().unwrap();
    assert!(reason.contains("ended early"), "{reason}");
}
