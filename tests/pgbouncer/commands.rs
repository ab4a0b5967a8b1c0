//! The commands with PgBouncer, as a user runs them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::*;

const SLEEP: &str = "-- dbperf workload: sleep\n-- operation: sleep\n-- statement: s\n\
                     SELECT pg_sleep(0.02);\n";

/// `dbperf` whose temporary folder is this one.
fn dbperf(folder: &Path, args: &[&str]) -> Child {
    let mut command = crate::support::dbperf();
    command.args(args).env("TMPDIR", folder);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What a command that succeeded wrote.
fn written(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn workload(folder: &Path) -> String {
    let path = folder.join("sleep.sql");
    std::fs::File::create(&path)
        .and_then(|mut file| file.write_all(SLEEP.as_bytes()))
        .unwrap();
    path.to_str().unwrap().to_owned()
}

/// Six clients on one connection: each waits for the five in front of it. With one connection
/// statements that a driver prepares by name are found again, whatever PgBouncer's version.
#[test]
fn a_replay_through_the_labs_pooler_says_how_much_of_its_latency_was_waiting_there() {
    let _machine = MACHINE.blocking_lock();
    let Some(probe) = pooled(1) else { return };
    drop(probe);
    let folder = support::open_parent();
    let (file, saved) = (workload(folder.path()), folder.path().join("run"));
    let args = [
        "replay",
        &file,
        "--lab",
        "--lab-pgbouncer",
        "--pgbouncer-pool-size",
        "1",
        "--clients",
        "6",
        "--pool-size",
        "6",
        "--warmup",
        "1s",
        "--duration",
        "5s",
        "--format",
        "json",
        "--save",
        saved.to_str().unwrap(),
    ];
    let document: Value = serde_json::from_str(&written(dbperf(folder.path(), &args))).unwrap();
    let pooler = &document["pool"]["pgbouncer"];
    let replay = &pooler["replay"];
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{pooler:#}"));
    let latency = number(&replay["latency_mean_ms"]);
    let waiting = number(&replay["waiting_mean_ms"]);
    let server = number(&replay["server_mean_ms"]);
    let explained = (waiting + server) / latency;
    assert!((0.95..1.05).contains(&explained), "{pooler:#}");
    assert!((0.78..0.88).contains(&(waiting / latency)), "{pooler:#}");
    assert!((20.0..30.0).contains(&server), "{pooler:#}");
    let (statements, queries) = (number(&replay["statements"]), number(&replay["queries"]));
    assert!((queries / statements - 1.0).abs() < 0.05, "{pooler:#}");
    assert_eq!(pooler["databases"][0]["pool_size"], 1);
    assert_eq!(pooler["pools"][0]["clients_waiting_max"], 5);
    assert_eq!(pooler["warnings"], serde_json::json!([]));
    assert_eq!(document["load"]["total"]["failures"], 0);
    // dbperf's own sessions went to the server itself.
    let rows = document["coverage"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["collector"] != "connection"));

    let text = written(dbperf(folder.path(), &["report", saved.to_str().unwrap()]));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("was waiting for a server connection in PgBouncer"),
        "{text}"
    );
}

/// A PgBouncer of the user's is asked beside a load that is not dbperf's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_users_own_pooler_is_asked_while_the_server_is_watched() {
    let _machine = MACHINE.lock().await;
    let Some(lab) = pooled(2) else { return };
    let folder = support::open_parent();
    let server = lab.primary().dsn();
    let pooler = lab.pgbouncer().unwrap().dsn();
    let args = [
        "analyze",
        &server,
        "--pgbouncer",
        &pooler,
        "--format",
        "json",
        "--",
        "sleep",
        "3",
    ];
    let child = dbperf(folder.path(), &args);
    let loaded = load(&lab, 4, 60, "SELECT pg_sleep(0.05)").await;
    assert_eq!(loaded.len(), 240);
    let document: Value = serde_json::from_str(&written(child)).unwrap();
    let pooler = &document["pool"]["pgbouncer"];
    let database = &pooler["databases"][0];
    // The window is a part of the load, which takes 6 s.
    let wait = database["wait_mean_ms"].as_f64().unwrap();
    let beyond = database["query_without_wait_mean_ms"].as_f64().unwrap();
    assert!((40.0..65.0).contains(&wait), "{pooler:#}");
    assert!((48.0..65.0).contains(&beyond), "{pooler:#}");
    assert_eq!(pooler["pools"][0]["servers_in_use_max"], 2);
    assert!(pooler["replay"].is_null());
    assert!(
        pooler["no_replay"]
            .as_str()
            .unwrap()
            .contains("not a replay")
    );
}

/// Ctrl-C ends the pooler with the servers.
#[test]
fn an_interrupted_command_leaves_no_pooler_behind() {
    let Some(probe) = pooled(1) else { return };
    drop(probe);
    let folder = support::open_parent();
    let labs = folder.path().join("labs");
    std::fs::create_dir(&labs).unwrap();
    std::fs::set_permissions(&labs, std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    let args = ["analyze", "--lab", "--lab-pgbouncer", "--window", "60s"];
    let child = dbperf(&labs, &args);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let start = Instant::now();
    let poolers = || {
        let mine = labs.to_str().unwrap();
        let all = support::processes();
        let lines = all.iter().filter(|(_, line)| line.contains(mine));
        lines.filter(|(_, line)| line.contains("pgbouncer")).count()
    };
    while poolers() == 0 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "no pooler came up"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    kill(pid, Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert_eq!(poolers(), 0);
    assert_eq!(support::count(&labs), 0);
}
