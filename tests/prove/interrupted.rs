//! What an interrupted proof leaves: nothing after Ctrl-C, and after a kill what its ledger undoes.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use dbperf::lab::StopMode;
use serde_json::Value;

use super::{Case, Client, Hold, READ_TASKS, TASKS, newest, wait};
use crate::support::oldest_and_newest;

/// An index that a proof has made is there.
const MADE: &str = "pg_class WHERE relname LIKE 'dbperf\\_%'";

/// A server whose redundant index is dropped to see whether it is missed, and nothing else is tried.
fn redundant(major: u32) -> Case {
    let setup = format!(
        "{TASKS}; CREATE INDEX narrow ON tasks (owner) WITH (fillfactor = 77); CREATE INDEX wide ON tasks (owner, kind);
         COMMENT ON INDEX narrow IS 'it''s old'"
    );
    Case::beside(major, &setup, READ_TASKS)
}

/// A server, and what is there once a proof has begun: an index too many, or one too few.
fn begun(major: u32, drops: bool) -> (Case, &'static str) {
    if drops {
        (redundant(major), GONE)
    } else {
        (Case::beside(major, TASKS, READ_TASKS), MADE)
    }
}

/// The redundant index is gone.
const GONE: &str =
    "(SELECT 1) AS one WHERE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'narrow')";

fn signal(child: &std::process::Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

/// Runs a test for the oldest and the newest version, and for both kinds of change, side by side: they mostly wait.
fn each(test: fn(u32, bool)) {
    std::thread::scope(|scope| {
        for major in oldest_and_newest() {
            for drops in [false, true] {
                scope.spawn(move || test(major, drops));
            }
        }
    });
}

#[test]
fn ctrl_c_undoes_what_was_begun_and_reports_what_there_is() {
    each(|major, drops| {
        let (case, begun) = begun(major, drops);
        let before = case.catalogue();
        let mut running = case.proof(&["--prove-duration", "60s"]).spawn().unwrap();
        case.wait_for(&mut running, begun);
        signal(&running, Signal::SIGINT);
        let output = wait(running);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{words}");
        assert_eq!(case.catalogue(), before, "PostgreSQL {major}: {words}");
        assert!(case.ledgers().is_empty());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["proofs"]["interrupted"], true);
        assert_eq!(document["run"]["interrupted"], true);
        let tried = &document["proofs"]["tried"][0]["proof"];
        assert_eq!(tried["verdict"], "undecided", "{tried:#}");
    });
}

#[test]
fn what_a_killed_proof_has_left_is_undone_by_its_ledger() {
    each(|major, drops| {
        let (case, begun) = begun(major, drops);
        let before = case.catalogue();
        let mut running = case.proof(&["--prove-duration", "60s"]).spawn().unwrap();
        case.wait_for(&mut running, begun);
        signal(&running, Signal::SIGKILL);
        wait(running);
        let ledgers = case.ledgers();
        let [ledger] = ledgers.as_slice() else {
            panic!("{ledgers:?}");
        };
        let text = std::fs::read_to_string(ledger).unwrap();
        assert!(text.contains("INDEX CONCURRENTLY"), "{text}");

        // Nothing else is tried until it is undone.
        let refused = wait(case.proof(&[]).spawn().unwrap());
        let words = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(3), "{words}");
        assert!(words.contains("dbperf undo"), "{words}");

        let ledger = ledger.to_str().unwrap().to_owned();
        let dsn = case.dsn();
        let undo = |database: &str, dsn: &str| {
            let args = ["undo", &ledger, dsn, "--target-db", database];
            wait(case.dbperf(&args).spawn().unwrap())
        };
        let elsewhere = undo("other", &dsn);
        assert_eq!(elsewhere.status.code(), Some(3));
        case.psql("DROP DATABASE IF EXISTS other");
        case.psql("CREATE DATABASE other");
        let other = undo("other", &dsn.replace("dbname=postgres", "dbname=other"));
        let words = String::from_utf8_lossy(&other.stderr);
        assert_eq!(other.status.code(), Some(3), "{words}");
        assert!(words.contains("nothing was changed"), "{words}");

        let done = undo("postgres", &dsn);
        let words = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{words}");
        assert_eq!(case.catalogue(), before, "PostgreSQL {major}");
        assert!(case.ledgers().is_empty());
        assert_eq!(undo("postgres", &dsn).status.code(), Some(4), "it is gone");
    });
}

/// A session of the undo waits for somebody's transaction.
const HELD: &str =
    "pg_stat_activity WHERE query LIKE 'DROP /* dbperf */ INDEX%' AND wait_event_type = 'Lock'";

#[test]
fn a_second_ctrl_c_ends_at_once_and_the_ledger_undoes_what_is_left() {
    let with_pooler = || crate::support::pooled(newest(), 4);
    let Some(case) = Case::on(with_pooler, Hold::beside(), TASKS, READ_TASKS) else {
        return;
    };
    let before = case.catalogue();
    // A pooler in transaction mode gives the next statement to any server connection.
    let pooler = case.lab.pgbouncer().unwrap().dsn();
    let refused = wait(case.proof_at(&pooler, &[]).spawn().unwrap());
    let words = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{words}");
    assert!(
        words.contains("goes through a pooler") && words.contains("name that one"),
        "{words}"
    );
    assert_eq!(case.catalogue(), before);
    assert!(case.ledgers().is_empty());

    let mut running = case.proof(&["--prove-duration", "60s"]).spawn().unwrap();
    case.wait_for(&mut running, MADE);
    let reader = Client::begun(&case.dsn(), "BEGIN; SELECT id FROM tasks LIMIT 1");
    signal(&running, Signal::SIGINT);
    case.wait_for(&mut running, HELD);
    signal(&running, Signal::SIGINT);
    let output = wait(running);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{words}");
    assert!(
        words.contains("is not undone") && words.contains("dbperf undo"),
        "{words}"
    );
    assert!(case.any(MADE), "what was begun is still there");
    // What the server still does for the program that has gone.
    let end = format!("SELECT bool_and(pg_terminate_backend(pid))::text FROM {HELD}");
    assert_eq!(case.value(&end), "true");
    while case.any(HELD) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    drop(reader);

    let ledgers = case.ledgers();
    let [ledger] = ledgers.as_slice() else {
        panic!("{ledgers:?}");
    };
    let undo = |dsn: &str| {
        let args = [
            "undo",
            ledger.to_str().unwrap(),
            dsn,
            "--target-db",
            "postgres",
        ];
        wait(case.dbperf(&args).spawn().unwrap())
    };
    let refused = undo(&pooler);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{words}");
    assert!(words.contains("name the server itself"), "{words}");
    assert!(case.any(MADE), "{words}");
    let done = undo(&case.dsn());
    let words = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{words}");
    assert_eq!(case.catalogue(), before);
    assert!(case.ledgers().is_empty());
}

#[test]
fn a_server_that_went_away_is_said_and_undone_later() {
    let mut case = redundant(newest());
    let before = case.catalogue();
    let mut running = case.proof(&["--prove-duration", "60s"]).spawn().unwrap();
    case.wait_for(&mut running, GONE);
    case.lab.primary_mut().stop(StopMode::Immediate).unwrap();
    // It only waits for the server now, which disturbs nobody.
    case.hold = None;
    let output = wait(running);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(
        words.contains("could not be undone") && words.contains("dbperf undo"),
        "{words}"
    );
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let left = document["proofs"]["tried"][0]["left_sql"].to_string();
    assert!(left.contains("CREATE INDEX CONCURRENTLY narrow"), "{left}");

    case.hold = Some(Hold::beside());
    case.lab.primary_mut().start().unwrap();
    let ledger = case.ledgers().pop().unwrap();
    let args = [
        "undo",
        ledger.to_str().unwrap(),
        &case.dsn(),
        "--target-db",
        "postgres",
    ];
    let done = wait(case.dbperf(&args).spawn().unwrap());
    assert_eq!(
        done.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(case.catalogue(), before);
}
