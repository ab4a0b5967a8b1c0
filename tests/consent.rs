//! A workload that writes goes to the database that was named, and to no server that somebody else needs.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

use std::fs;
use std::process::Stdio;

use dbperf::lab::LabOptions;
use tokio_postgres::Client;

use support::{connect_to, lab, pooled, servers, value};

mod support;

const WORKLOAD: &str = "-- writes\n\n-- name: add\nINSERT INTO notes VALUES (1);\n";

/// A replay of the workload for a moment: exit code and what was said.
fn replay(dsn: &str, database: &str, more: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let workload = folder.path().join("w.sql");
    fs::write(&workload, WORKLOAD).unwrap();
    let mut command = support::dbperf();
    let done = command
        .args(["replay", workload.to_str().unwrap(), dsn])
        .args(["--clients", "1", "--pool-size", "1", "--warmup", "0s"])
        .args(["--duration", "300ms", "--writes", "--target-db", database])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        done.status.code(),
        String::from_utf8_lossy(&done.stderr).into_owned(),
    )
}

async fn rows(client: &Client) -> u64 {
    let count = "SELECT count(*)::text FROM notes";
    value(client, count).await.parse().unwrap()
}

/// It is refused with this reason, and not with the override.
async fn overridden_by(client: &Client, (dsn, database): (&str, &str), refusal: &str) {
    let before = rows(client).await;
    let (code, words) = replay(dsn, database, &[]);
    assert_eq!(code, Some(3), "{words}");
    let said = format!("--writes-despite {refusal} overrides this");
    assert!(words.contains(&said), "{words}");
    assert_eq!(rows(client).await, before);
    let (code, words) = replay(dsn, database, &["--writes-despite", refusal]);
    assert_eq!(code, Some(0), "{words}");
    assert!(rows(client).await > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_somebody_else_needs_are_refused_by_name() {
    let Some((major, _)) = servers().last().cloned() else {
        return;
    };
    let options = LabOptions {
        standby: true,
        ..LabOptions::default()
    };
    let Some(lab) = lab(major, options) else {
        return;
    };
    let notes = "CREATE TABLE notes (id int)";
    let dsn = support::database(lab.primary(), "shop", notes).await;
    let client = connect_to(&dsn).await;
    let following = "SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'";
    while value(&client, following).await == "0" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    overridden_by(&client, (&dsn, "shop"), "standbys").await;
    drop(lab);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_crowds_are_refused_and_so_is_another_database() {
    let Some((major, _)) = servers().last().cloned() else {
        return;
    };
    let Some(lab) = lab(major, LabOptions::default()) else {
        return;
    };
    let notes = "CREATE TABLE notes (id int)";
    let production = support::database(lab.primary(), "shop_prod", notes).await;
    let client = connect_to(&production).await;
    overridden_by(&client, (&production, "shop_prod"), "name").await;

    let dsn = support::database(lab.primary(), "shop", notes).await;
    let client = connect_to(&dsn).await;
    let (code, words) = replay(&dsn, "shop", &[]);
    assert_eq!(code, Some(0), "{words}");
    let (code, words) = replay(&dsn, "other", &[]);
    assert_eq!(code, Some(3), "{words}");
    assert!(
        words.contains("goes to shop: nothing was written"),
        "{words}"
    );
    let mut crowd = Vec::new();
    for _ in 0..11 {
        crowd.push(connect_to(&dsn).await);
    }
    overridden_by(&client, (&dsn, "shop"), "sessions").await;
    drop(crowd);
}

/// What a pooler calls a database is not what the server calls it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_of_the_database_is_the_servers() {
    let Some((major, _)) = servers().last().cloned() else {
        return;
    };
    let Some(mut lab) = pooled(major, 5) else {
        return;
    };
    let notes = "CREATE TABLE notes (id int)";
    let dsn = support::database(lab.primary(), "warehouse", notes).await;
    let client = connect_to(&dsn).await;
    let pooler = lab.pgbouncer_mut().unwrap();
    let config = pooler.log_file().with_file_name("pgbouncer.ini");
    let text = fs::read_to_string(&config).unwrap();
    let (first, rest) = text.split_once("\n* = ").unwrap();
    let place = rest.lines().next().unwrap();
    let aliased = format!("{first}\nshop = dbname=warehouse {place}\n* = {rest}");
    fs::write(&config, aliased).unwrap();
    pooler.restart().unwrap();
    let alias = pooler.dsn().replace("dbname=postgres", "dbname=shop");
    let (code, words) = replay(&alias, "shop", &[]);
    assert_eq!(code, Some(3), "{words}");
    assert!(
        words.contains("goes to warehouse: nothing was written"),
        "{words}"
    );
    assert_eq!(rows(&client).await, 0);
    let (code, words) = replay(&alias, "warehouse", &[]);
    assert_eq!(code, Some(0), "{words}");
    assert!(rows(&client).await > 0);
}
