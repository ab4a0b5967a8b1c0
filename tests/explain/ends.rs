//! How `dbperf explain` ends: without a right, by a verdict, on a standby, by a signal.

use std::process::Stdio;
use std::time::{Duration, Instant};

use dbperf::lab::LabOptions;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{connect, each_version, lab, servers, value};
use crate::{explain, filled, filled_with, json, newest, run, told};

#[test]
fn a_role_without_select_is_told_the_grant() {
    each_version(async |major| {
        let Some((lab, _client)) = filled(major).await else {
            return;
        };
        let poor = lab.primary().dsn().replace("user=postgres", "user=poor");
        let (code, _, stderr) = run(&poor, &["SELECT * FROM people"]);
        assert_eq!(code, 3, "{major}");
        assert!(
            stderr.contains("permission denied for table people")
                && stderr.contains("GRANT SELECT"),
            "{stderr}"
        );
    });
}

#[tokio::test]
async fn insights_are_judged_by_fail_on() {
    let Some((lab, _client)) = filled(newest()).await else {
        return;
    };
    let dsn = lab.primary().dsn();
    let wasteful = ["SELECT * FROM people WHERE name = 'x'", "--analyze"];
    let document = json(&dsn, &wasteful);
    let plan = &document["statements"][0]["plan"];
    let insights = plan["insights"].as_array().unwrap();
    let discards = insights
        .iter()
        .find(|i| i["rule"] == "filter-discards-rows");
    let position = discards.unwrap()["position"].as_u64().unwrap();
    let place = usize::try_from(position).unwrap();
    assert_eq!(
        plan["nodes"][place]["label"],
        discards.unwrap()["node"],
        "{plan}"
    );
    assert_eq!(
        run(&dsn, &[&wasteful[..], &["--fail-on", "warning"]].concat()).0,
        1
    );
    assert_eq!(
        run(&dsn, &[&wasteful[..], &["--fail-on", "critical"]].concat()).0,
        0
    );
    let good = [
        "SELECT * FROM people WHERE id = 7",
        "--analyze",
        "--fail-on",
        "warning",
    ];
    assert_eq!(run(&dsn, &good).0, 0);
}

#[tokio::test]
async fn a_standby_gives_plans_and_takes_no_change() {
    let options = LabOptions {
        standby: true,
        ..LabOptions::default()
    };
    for (major, _) in servers() {
        let Some((lab, client)) = filled_with(major, options.clone()).await else {
            continue;
        };
        let standby = lab.standby().unwrap();
        let wanted = value(&client, "SELECT pg_current_wal_lsn()::text").await;
        let there = connect(standby).await;
        let replayed = format!("SELECT (pg_last_wal_replay_lsn() >= '{wanted}')::text");
        while value(&there, &replayed).await != "true" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let dsn = standby.dsn();
        let (code, stdout, stderr) = run(&dsn, &["SELECT * FROM people WHERE id = 7", "--analyze"]);
        assert_eq!(code, 0, "{major}: {stderr}");
        assert!(stdout.contains("Own time"), "{major}: {stdout}");
        let change = [
            "DELETE FROM pets",
            "--analyze-dml",
            "--target-db",
            "postgres",
        ];
        let (code, _, stderr) = run(&dsn, &change);
        assert_eq!(code, 3, "{major}");
        assert!(stderr.contains("is a standby"), "{major}: {stderr}");
        let (code, _, stderr) = run(&lab.primary().dsn(), &change);
        assert_eq!(code, 3, "{major}");
        assert!(stderr.contains("--allow standbys"), "{major}: {stderr}");
    }
}

#[test]
fn a_signal_ends_what_the_server_does_for_it() {
    each_version(async |major| {
        let Some((lab, client)) = filled(major).await else {
            return;
        };
        let cross =
            "SELECT count(*) FROM people a, people b, people c WHERE a.age + b.age + c.age > 5";
        let slow = [
            cross,
            "--analyze",
            "--max-cost",
            "1e20",
            "--statement-timeout",
            "10m",
        ];
        let mut child = explain(&lab.primary().dsn(), &slow)
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let busy = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name LIKE 'dbperf/%' \
            AND state = 'active' AND query LIKE '%ANALYZE%'";
        let deadline = Instant::now() + Duration::from_secs(60);
        while value(&client, busy).await == "0" {
            assert!(Instant::now() < deadline, "{major}: it never began");
            assert!(
                child.try_wait().unwrap().is_none(),
                "{major}: it ended by itself"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        kill(
            Pid::from_raw(i32::try_from(child.id()).unwrap()),
            Signal::SIGINT,
        )
        .unwrap();
        let (code, ..) = told(&child.wait_with_output().unwrap());
        assert_eq!(code, 130, "{major}");
        let left =
            "SELECT count(*)::text FROM pg_stat_activity WHERE application_name LIKE 'dbperf/%'";
        let deadline = Instant::now() + Duration::from_secs(20);
        while value(&client, left).await != "0" {
            assert!(Instant::now() < deadline, "{major}: a backend goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn what_is_missing_has_its_exit_code() {
    let _ = lab;
    let (code, _, stderr) = run(
        "host=127.0.0.1 port=1 user=u password=canary",
        &["SELECT 1"],
    );
    assert_eq!(code, 3);
    assert!(
        stderr.contains("cannot reach") && !stderr.contains("canary"),
        "{stderr}"
    );
    assert_eq!(run("", &[]).0, 2);
}
