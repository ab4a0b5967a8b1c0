//! Bad input is normal: one clear message with a cure, the exit code of the contract, and nothing
//! left running on the server.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::Duration;

use crate::cli::{analyze, dbperf, run, spawn};
use crate::load::{execute, one_value};
use crate::staged::{Staging, open_to_everybody};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// No session of dbperf may be left on the server.
fn sessions_of_dbperf(dsn: &str) -> String {
    one_value(
        dsn,
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name LIKE 'dbperf%'",
    )
}

#[track_caller]
fn assert_says(output: &crate::cli::Output, code: i32, words: &[&str]) {
    assert_eq!(output.code, Some(code), "stderr: {}", output.stderr);
    for word in words {
        assert!(
            output.stderr.contains(word),
            "no “{word}” in: {}",
            output.stderr
        );
    }
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

#[test]
fn usage_errors_are_two() {
    assert_says(&run(&["analyze", "--window", "0s", "x"]), 2, &["zero"]);
    assert_says(&run(&["analyze", "--window", "soon", "x"]), 2, &["30s"]);
    assert_says(&run(&["analyse"]), 2, &["analyze"]);
    assert_says(
        &run(&["analyze", "postgres://h/db?sslrotcert=x"]),
        2,
        &["sslrotcert"],
    );
    assert_says(
        &run(&["analyze", "--lab", "--map", "m.toml"]),
        2,
        &["--api"],
    );
    assert_says(
        &run(&["analyze", "x", "--explain-analyze"]),
        2,
        &["--workload"],
    );
}

#[test]
fn an_unreachable_server_is_three_and_the_password_stays_secret() {
    for dsn in [
        "postgres://me:canary-secret@127.0.0.1:1/app",
        "host=127.0.0.1 port=1 user=me password=canary-secret dbname=app",
        "postgres://127.0.0.1:1/app?user=me&password=canary-secret",
    ] {
        let output = run(&["analyze", dsn, "--window", "1s", "-v"]);
        assert_says(&output, 3, &["127.0.0.1"]);
        assert!(
            !output.stderr.contains("canary-secret"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn encryption_that_is_demanded_is_not_silently_left_out() {
    // A server that answers every question for encryption with no.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut asked = [0; 8];
            let _read = stream.read_exact(&mut asked);
            let _sent = stream.write_all(b"N");
        }
    });
    for mode in ["require", "verify-ca", "verify-full"] {
        let dsn = format!("postgres://me@127.0.0.1:{port}/app?sslmode={mode}&sslrootcert=/nowhere");
        let says = if mode == "require" {
            "does not encrypt"
        } else {
            "/nowhere"
        };
        assert_says(&run(&["analyze", &dsn, "--window", "1s"]), 3, &[says, mode]);
    }
}

#[test]
fn a_silent_server_is_given_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let _listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let dsn = format!(
        "host={} user=me dbname=app connect_timeout=2",
        folder.path().display()
    );
    assert_says(
        &run(&["analyze", &dsn, "--window", "1s"]),
        3,
        &["timeout", "connect_timeout"],
    );
}

#[test]
fn inputs_that_cannot_be_read_are_four() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let foreign = file("foreign.csv", "a,b\n1,2\n");
    let truncated = file(
        "stats.csv",
        "Type,Name,Request Count,Failure Count\nGET,/x,1",
    );
    let empty = file("empty.csv", "");
    for path in [&foreign, &truncated, &empty] {
        assert_says(&run(&["analyze", "x", "--api", path]), 4, &[path.as_str()]);
        assert_says(&run(&["import", path]), 4, &[path.as_str()]);
    }
    assert_says(
        &run(&["analyze", "x", "--api", "/nowhere.csv"]),
        4,
        &["/nowhere.csv"],
    );
    let run_file = file("run.json", "{\"format\": 999}");
    assert_says(&run(&["analyze", "--from", &run_file]), 4, &["999"]);
    assert_says(&run(&["report", &foreign]), 4, &["--save"]);
    let workload = file(
        "w.sql",
        "-- dbperf workload: x\n-- operation: y\n-- statement: z\nSELEC 1;\n",
    );
    assert_says(&run(&["replay", &workload, "x"]), 4, &["w.sql:4"]);
    let writes = file(
        "writes.sql",
        "-- dbperf workload: x\n-- writes\n-- operation: y\n-- statement: z\nDELETE FROM t;\n",
    );
    assert_says(
        &run(&["replay", &writes, "x"]),
        2,
        &["--writes", "--target-db"],
    );
    let sla = file("sla.toml", "[response_time]\np95_msx = 1\n");
    assert_says(
        &run(&["report", "--sla", &sla, &run_file]),
        4,
        &["sla.toml", "p95_msx"],
    );
}

#[test]
fn what_the_server_refuses_is_three_and_says_the_cure() {
    Staging::default().each_version(|server| {
        let dsn = server.primary().dsn();
        let missing = dsn.replace("dbname=postgres", "dbname=nosuchdb");
        assert_says(&analyze(&missing, &["--window", "1s"]), 3, &["nosuchdb"]);
        let nobody = dsn.replace("user=postgres", "user=nosuchrole");
        assert_says(&analyze(&nobody, &["--window", "1s"]), 3, &["nosuchrole"]);
        assert_eq!(sessions_of_dbperf(&dsn), "0");
    });
}

#[test]
fn a_role_without_grants_gets_a_report_that_says_what_it_cannot_see() {
    Staging::default().each_version(|server| {
        let dsn = server.primary().dsn();
        execute(
            &dsn,
            "CREATE ROLE poor LOGIN; CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher",
        );
        execute(
            &dsn,
            "CREATE TABLE secret (id int PRIMARY KEY); INSERT INTO secret VALUES (1)",
        );
        let load = crate::load::Background::start(
            &dsn,
            "app",
            "SELECT count(*), pg_sleep(0.01) FROM secret",
        );
        let as_role = |role: &str| {
            let dsn = dsn.replace("user=postgres", &format!("user={role}"));
            let output = analyze(&dsn, &["--window", "2s"]);
            assert_eq!(output.code, Some(0), "{}", output.stderr);
            output.json()
        };
        let poor = as_role("poor");
        let coverage = serde_json::to_string(&poor["coverage"]).unwrap();
        assert!(
            coverage.contains("pg_monitor"),
            "the cure is named: {coverage}"
        );
        assert!(poor["database_time"].is_null(), "hidden is not zero");

        let watcher = as_role("watcher");
        let text = serde_json::to_string(&watcher).unwrap();
        assert!(
            text.contains("FROM secret"),
            "pg_monitor sees the statement"
        );
        assert!(
            text.contains("SELECT"),
            "what a grant of SELECT would add is said"
        );
        load.stop();
        assert_eq!(sessions_of_dbperf(&dsn), "0");
    });
}

#[test]
fn without_the_extension_the_report_says_so() {
    Staging::default().newest(|server| {
        let dsn = server.primary().dsn();
        execute(&dsn, "DROP EXTENSION pg_stat_statements");
        let output = analyze(&dsn, &["--window", "1s"]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        let report = output.json();
        assert!(
            report["statements"].is_null(),
            "not measured is not an empty list"
        );
        let coverage = serde_json::to_string(&report["coverage"]).unwrap();
        assert!(
            coverage.contains("CREATE EXTENSION pg_stat_statements"),
            "{coverage}"
        );
    });
    Staging {
        settings: &[("shared_preload_libraries", "")],
        ..Staging::default()
    }
    .newest(|server| {
        let report = analyze(&server.primary().dsn(), &["--window", "1s"]).json();
        let coverage = serde_json::to_string(&report["coverage"]).unwrap();
        assert!(coverage.contains("shared_preload_libraries"), "{coverage}");
    });
}

#[test]
fn ctrl_c_at_any_moment_leaves_nothing_and_keeps_what_was_measured() {
    Staging::default().newest(|server| {
        let dsn = server.primary().dsn();
        for (i, delay) in [0, 30, 100, 300, 1000, 2000].into_iter().enumerate() {
            let running = spawn(&["analyze", &dsn, "--window", "30s", "--format", "json"]);
            let pid = Pid::from_raw(running.pid());
            std::thread::sleep(Duration::from_millis(delay));
            let signal = if i % 2 == 0 {
                Signal::SIGINT
            } else {
                Signal::SIGTERM
            };
            kill(pid, signal).unwrap();
            let output = running.wait();
            // Before the handler is there the signal ends the process by itself.
            assert!(
                matches!(output.code, Some(130) | None),
                "after {delay} ms: {output:?}"
            );
            if delay >= 1000 {
                assert_eq!(output.code, Some(130));
                assert_eq!(output.json()["run"]["interrupted"], true);
            }
            std::thread::sleep(Duration::from_millis(200));
            assert_eq!(sessions_of_dbperf(&dsn), "0", "after {delay} ms");
        }
    });
}

#[test]
fn a_lab_goes_with_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    open_to_everybody(folder.path());
    for delay in [300, 1500, 4000] {
        let mut command = dbperf(&["analyze", "--lab", "--lab-standby", "--duration", "20s"]);
        command.env("TMPDIR", folder.path());
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        kill(
            Pid::from_raw(i32::try_from(child.id()).unwrap()),
            Signal::SIGINT,
        )
        .unwrap();
        let mut child = child;
        child.wait().unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert!(left.is_empty(), "after {delay} ms: {left:?}");
    }
}

#[test]
fn a_full_disk_keeps_the_report_and_a_closed_pipe_is_fine() {
    Staging::default().newest(|server| {
        let dsn = server.primary().dsn();
        let output = run(&["analyze", &dsn, "--window", "1s", "--save", "/dev/full"]);
        assert_says(&output, 3, &["/dev/full", "--save"]);
        assert!(!output.stdout.is_empty(), "the report is not lost");

        let mut child = dbperf(&["analyze", &dsn, "--window", "1s"])
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "a closed pipe is 0");
    });
}

#[test]
fn a_mapping_that_names_unknown_things_is_four() {
    Staging::default().newest(|server| {
        let dsn = server.primary().dsn();
        let mut map = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        map.write_all(
            b"[[endpoint]]\nname = \"GET /lords/strategos/tasks\"\ntables = [\"nosuchtable\"]\n",
        )
        .unwrap();
        let stats = "fixtures/load/locust-2.47.0/full_stats.csv";
        let output = run(&[
            "analyze",
            &dsn,
            "--window",
            "1s",
            "--api",
            stats,
            "--map",
            map.path().to_str().unwrap(),
        ]);
        assert_says(&output, 4, &["nosuchtable"]);
    });
}

#[test]
fn a_replay_that_fails_too_often_keeps_what_it_recorded() {
    let workload = crate::staged::workload_file(
        "-- operation: good\n-- weight: 5\nSELECT 1;\n\
         -- operation: bad\nSELECT 1 / (random() * 2)::int;\n",
    );
    let file = workload.path().to_str().unwrap();
    Staging::default().newest(|server| {
        let dsn = server.primary().dsn();
        let limits = ["--warmup", "0s", "--duration", "20s", "--max-errors", "50"];
        let output = ["replay", file, &dsn, "--format", "json"];
        let output = run(&[&output[..], &limits[..]].concat());
        assert_says(&output, 3, &["failed requests", "50 allowed", "22012"]);
        let total = &output.json()["load"]["total"];
        let (requests, failures) = (&total["requests"], &total["failures"]);
        assert!(failures.as_u64() > Some(50), "{total}");
        assert!(requests.as_u64() > failures.as_u64(), "{total}");
        assert_eq!(sessions_of_dbperf(&dsn), "0");
    });
}
