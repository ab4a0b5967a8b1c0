//! What dbperf itself has sent is never the application's: the commands leave nothing behind in `slow`, and hide nothing.

use std::collections::BTreeMap;

use dbperf::lab::{Lab, LabOptions};
use tokio_postgres::Client;

use crate::support::{connect, each_version, hypopg, hypopg_lab, lab, pooled, servers, setting};
use crate::{dbperf, json};

const SCHEMA: &str = "
    CREATE EXTENSION pg_stat_statements;
    CREATE TABLE tasks (id int PRIMARY KEY, owner int, note text);
    INSERT INTO tasks SELECT g, g % 500, 'note ' || g FROM generate_series(1, 20000) AS g;
    CREATE INDEX tasks_note ON tasks (note);
    ANALYZE tasks;";

const BY_ID: &str = "SELECT note FROM tasks WHERE id = ";
const BY_OWNER: &str = "SELECT count(*) FROM tasks WHERE owner = ";

/// The application: after its counters begin anew, 7 and 5 calls.
async fn application(client: &Client) {
    for sql in ["SELECT pg_stat_statements_reset()"]
        .into_iter()
        .map(str::to_owned)
        .chain((1..=7).map(|id| format!("{BY_ID}{id}")))
        .chain((1..=5).map(|owner| format!("{BY_OWNER}{owner}")))
    {
        client.simple_query(&sql).await.unwrap();
    }
}

fn expected() -> BTreeMap<String, u64> {
    BTreeMap::from([
        ("SELECT pg_stat_statements_reset()".to_owned(), 1),
        (format!("{BY_ID}$1"), 7),
        (format!("{BY_OWNER}$1"), 5),
    ])
}

/// Calls by text, as `slow` lists them, whose shares are all of the time.
fn listed(dsn: &str) -> BTreeMap<String, u64> {
    let report = json(&["slow", dsn, "--explain", "0"]);
    let statements = report["statements"].as_array().unwrap();
    let shares = statements.iter().filter_map(|s| s["share_ratio"].as_f64());
    let all: f64 = shares.sum();
    assert!((all - 1.0).abs() < 1e-9, "{all}");
    let mut calls = BTreeMap::new();
    for statement in statements {
        let text = statement["query"].as_str().unwrap().to_owned();
        *calls.entry(text).or_default() += statement["calls"].as_u64().unwrap();
    }
    calls
}

fn options() -> LabOptions {
    LabOptions {
        settings: setting("pg_stat_statements.track_utility", "on"),
        ..LabOptions::default()
    }
}

/// Runs every command on a server and looks at what is counted after each.
async fn check(lab: &Lab, place: &str) {
    let client = connect(lab.primary()).await;
    client.batch_execute(SCHEMA).await.unwrap();
    let dsn = lab.primary().dsn();
    let with_value = format!("{BY_ID}5");
    let with_parameter = format!("{BY_OWNER}$1");
    let commands: [&[&str]; 7] = [
        &["slow", &dsn],
        &["indexes", &dsn],
        &["explain", &dsn, &with_value],
        &["explain", "--analyze", &dsn, &with_value],
        &["explain", &dsn, &with_parameter],
        &["analyze", &dsn, "--window", "1s"],
        &["capture", "statements", &dsn],
    ];
    for command in commands {
        application(&client).await;
        let output = dbperf(command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{place}: {command:?}: {errors}");
        assert_eq!(listed(&dsn), expected(), "{place}: after {command:?}");
    }
    // The other way round: what dbperf has explained before anybody ran it counts as soon as somebody does.
    client
        .simple_query("SELECT pg_stat_statements_reset()")
        .await
        .unwrap();
    for command in &commands[2..5] {
        assert!(dbperf(command).status.success(), "{place}: {command:?}");
    }
    for id in 1..=7 {
        client.simple_query(&format!("{BY_ID}{id}")).await.unwrap();
    }
    for owner in 1..=5 {
        let sql = format!("{BY_OWNER}{owner}");
        client.simple_query(&sql).await.unwrap();
    }
    assert_eq!(listed(&dsn), expected(), "{place}: explained first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_look_leaves_nothing_of_itself() {
    // All versions at once: they mostly wait.
    let mut all = tokio::task::JoinSet::new();
    for (major, _) in servers() {
        let lab = lab(major, options()).unwrap();
        all.spawn(async move { check(&lab, &format!("PostgreSQL {major}")).await });
    }
    while let Some(ended) = all.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hypothetical_indexes_leave_nothing_either() {
    let mut all = tokio::task::JoinSet::new();
    for server in hypopg() {
        let lab = hypopg_lab(&server, options());
        all.spawn(async move {
            let client = connect(lab.primary()).await;
            let extension = "CREATE EXTENSION hypopg";
            client.batch_execute(extension).await.unwrap();
            check(&lab, &format!("PostgreSQL {} with HypoPG", server.major)).await;
        });
    }
    while let Some(ended) = all.join_next().await {
        ended.unwrap();
    }
}

#[test]
fn what_both_send_is_told_apart_by_the_role() {
    each_version(async |major| {
        let lab = lab(major, options()).unwrap();
        let client = connect(lab.primary()).await;
        client.batch_execute(SCHEMA).await.unwrap();
        let role = "CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; GRANT SELECT ON tasks TO watcher";
        client.batch_execute(role).await.unwrap();
        let watcher = format!("{} user=watcher", lab.primary().dsn());
        application(&client).await;
        for _ in 0..3 {
            for sql in ["BEGIN", &format!("{BY_ID}1"), "ROLLBACK"] {
                client.simple_query(sql).await.unwrap();
            }
        }
        // The first look sends its own, and the second one reads what the first one left.
        for _ in 0..2 {
            let listed = listed(&watcher);
            let calls = |text: &str| listed.get(text).copied();
            assert_eq!(calls("ROLLBACK"), Some(3), "PostgreSQL {major}: {listed:?}");
            assert_eq!(calls("BEGIN"), Some(3), "PostgreSQL {major}: {listed:?}");
            assert_eq!(listed.len(), 5, "PostgreSQL {major}: {listed:?}");
            assert!(dbperf(&["slow", &watcher]).status.success());
        }
    });
}

#[tokio::test]
async fn a_look_through_a_pooler_leaves_nothing_either() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let Some(lab) = pooled(major, 2) else {
        return;
    };
    let client = connect(lab.primary()).await;
    client.batch_execute(SCHEMA).await.unwrap();
    application(&client).await;
    let pooler = lab.pgbouncer().unwrap().dsn();
    for command in ["slow", "indexes"] {
        let output = dbperf(&[command, &pooler]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {errors}");
    }
    let mut left = listed(&lab.primary().dsn());
    // PgBouncer itself sends this for every client that has a name.
    left.retain(|text, _| !text.starts_with("SET application_name"));
    assert_eq!(left, expected());
}
