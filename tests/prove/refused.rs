//! Where nothing is tried, and what must not be dropped.

use super::{Case, Client, Hold, READ_TASKS, TASKS, newest, wait};

/// Exit code and standard error of a command that must not change anything.
fn refused(case: &Case, mut command: std::process::Command) -> (Option<i32>, String) {
    let before = case.catalogue();
    let output = wait(command.spawn().unwrap());
    assert_eq!(case.catalogue(), before);
    assert!(case.ledgers().is_empty());
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn without_consent_or_with_the_wrong_name_nothing_is_written() {
    let case = Case::beside(newest(), TASKS, READ_TASKS);
    let workload = case.folder.path().join("w.sql");
    let workload = workload.to_str().unwrap();
    let dsn = case.dsn();
    let wal =
        case.value("SELECT n_tup_ins::text FROM pg_stat_sys_tables WHERE relname = 'pg_index'");
    let attempt = |flags: &[&str]| {
        let mut args = vec![
            "analyze",
            &dsn,
            "--prove",
            "--workload",
            workload,
            "--duration",
            "1s",
        ];
        args.extend(flags);
        refused(&case, case.dbperf(&args))
    };
    let (code, words) = attempt(&[]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("--writes --target-db"), "{words}");
    let (code, words) = attempt(&["--writes", "--target-db", "other"]);
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("nothing was written"), "{words}");
    let (code, words) = attempt(&["--writes", "--target-db", "postgres", "--stages", "2:1s"]);
    assert_eq!(code, Some(2), "{words}");
    let args = [
        "slow",
        &dsn,
        "--prove",
        "--workload",
        workload,
        "--writes",
        "--target-db",
        "postgres",
    ];
    let (code, words) = refused(&case, case.dbperf(&args));
    assert_eq!(code, Some(2), "{words}");
    let now =
        case.value("SELECT n_tup_ins::text FROM pg_stat_sys_tables WHERE relname = 'pg_index'");
    assert_eq!(now, wal, "no index was ever made");
}

#[test]
fn servers_that_are_not_for_trying_are_refused_by_name() {
    let case = Case::beside(newest(), "CREATE DATABASE shop_prod", READ_TASKS);
    let workload = case.folder.path().join("w.sql");
    let workload = workload.to_str().unwrap();
    let attempt = |dsn: &str, database: &str, flags: &[&str]| {
        let mut args = vec![
            "analyze",
            dsn,
            "--prove",
            "--workload",
            workload,
            "--duration",
            "1s",
        ];
        args.extend(["--writes", "--target-db", database]);
        args.extend(flags);
        refused(&case, case.dbperf(&args))
    };
    let production = case.dsn().replace("dbname=postgres", "dbname=shop_prod");
    let (code, words) = attempt(&production, "shop_prod", &[]);
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("--prove-despite name"), "{words}");
    // With the override it goes on to the workload, whose table is not there.
    let (code, words) = attempt(&production, "shop_prod", &["--prove-despite", "name"]);
    assert_eq!(code, Some(3), "{words}");
    assert!(!words.contains("--prove-despite"), "{words}");

    let crowd: Vec<_> = (0..11)
        .map(|_| Client::begun(&case.dsn(), "SELECT 1"))
        .collect();
    let (code, words) = attempt(&case.dsn(), "postgres", &[]);
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("--prove-despite sessions"), "{words}");
    drop(crowd);
}

#[test]
fn a_server_that_a_standby_follows_is_refused() {
    let options = dbperf::lab::LabOptions {
        standby: true,
        ..dbperf::lab::LabOptions::default()
    };
    let lab = || crate::support::lab(newest(), options);
    let Some(case) = Case::on(lab, Hold::beside(), TASKS, READ_TASKS) else {
        return;
    };
    while !case.any("pg_stat_replication WHERE state = 'streaming'") {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let (code, words) = refused(&case, case.proof(&[]));
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("--prove-despite standbys"), "{words}");
}

#[test]
fn an_index_that_could_not_be_created_again_as_it_was_is_not_dropped() {
    let setup = format!(
        "{TASKS}; CREATE INDEX narrow ON tasks (owner); CREATE INDEX wide ON tasks (owner, kind);
         CLUSTER tasks USING narrow; ANALYZE tasks"
    );
    let case = Case::beside(newest(), &setup, READ_TASKS);
    let document = case.proved(&["--prove-duration", "15s"]);
    let left = document["proofs"]["left_out"].as_array().unwrap();
    let narrow = left
        .iter()
        .find(|l| l["sql"].as_str().unwrap().contains("narrow"))
        .unwrap();
    assert!(
        narrow["reason"].as_str().unwrap().contains("clustered"),
        "{narrow:#}"
    );
    assert!(document["proofs"]["tried"].as_array().unwrap().is_empty());
}
