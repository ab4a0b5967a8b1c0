//! Rules that read causes from statements: situations that were planted, and the like of each that is no cause, on one
//! server of every version.

use std::fmt::Write as _;

use dbperf::analyze::conclusions::Conclusions;
use dbperf::lab::LabOptions;
use tokio_postgres::Client;

use crate::observed::{concluded, findings, watch};
use crate::support::{connect, lab, servers};

const RULES: [&str; 7] = [
    "lookup-per-row",
    "missing-limit",
    "select-star",
    "statement-cache-thrash",
    "statement-variants",
    "unbounded-offset",
    "workers-short",
];

/// `slowly()` gives a statement a part of the time that other work on this machine hardly changes.
const SCHEMA: &str = "
    CREATE FUNCTION slowly() RETURNS boolean LANGUAGE sql PARALLEL SAFE
        AS $$ SELECT pg_sleep(0.1) IS NOT NULL $$;
    CREATE TABLE narrow (id int PRIMARY KEY, a int, b int);
    INSERT INTO narrow SELECT g, g, g FROM generate_series(1, 20) AS g;
    CREATE TABLE wide (id int PRIMARY KEY, a int, b int, c int, d int, e int, f int, g int, h int, i int, j int);
    INSERT INTO wide SELECT g FROM generate_series(1, 20) AS g;
    CREATE TABLE many (id int PRIMARY KEY, note text);
    INSERT INTO many SELECT g, repeat('note ', 20) FROM generate_series(1, 30000) AS g;
    CREATE TABLE users (id int PRIMARY KEY, name text);
    INSERT INTO users SELECT g, 'user ' || g FROM generate_series(1, 1000) AS g;
    CREATE TABLE tasks (id int PRIMARY KEY, owner_id int REFERENCES users, note text);
    INSERT INTO tasks SELECT g, g % 1000 + 1, 'note' FROM generate_series(1, 1000) AS g;
    CREATE TABLE visits (id int PRIMARY KEY, owner_id int);
    INSERT INTO visits SELECT g, g % 1000 + 1 FROM generate_series(1, 1000) AS g;
    CREATE TABLE events (id int);
    CREATE TABLE audits (id int);
    ALTER TABLE many SET (parallel_workers = 2);";

const SETTINGS: &str = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0";

/// Each is planted, and is what its rule names.
const PLANTED: [(&str, &str); 4] = [
    ("select-star", "SELECT * FROM wide WHERE (SELECT slowly())"),
    (
        "missing-limit",
        "SELECT id FROM many WHERE (SELECT slowly())",
    ),
    (
        "unbounded-offset",
        "SELECT id, note FROM many WHERE (SELECT slowly()) ORDER BY id LIMIT 10 OFFSET 25000",
    ),
    (
        "workers-short",
        "SELECT count(*), (SELECT slowly()) FROM many WHERE note LIKE '%x%'",
    ),
];

/// The like of each: few columns, a limit, a shallow page, workers that came.
const CLEAN: [&str; 5] = [
    "SELECT * FROM narrow WHERE (SELECT slowly())",
    "SELECT a FROM wide WHERE (SELECT slowly())",
    "SELECT id FROM many WHERE (SELECT slowly()) LIMIT 2000",
    "SELECT id FROM wide WHERE (SELECT slowly()) ORDER BY id LIMIT 10 OFFSET 5",
    "SELECT max(id), (SELECT slowly()) FROM many WHERE note LIKE '%y%'",
];

async fn send(client: &Client, sql: &str) {
    let sent = client.simple_query(sql).await;
    sent.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// A list of 15 rows a hundred times, and a lookup for each; no key leads from one table to the other.
async fn clean(client: &Client) {
    send(client, SETTINGS).await;
    for sql in CLEAN {
        for _ in 0..6 {
            send(client, sql).await;
        }
    }
    lookups(client, "visits", 15, 100).await;
    for rows in 1..=19 {
        insert(client, "audits", rows).await;
    }
}

async fn lookups(client: &Client, list: &str, rows: usize, times: usize) {
    for page in 0..times {
        let sql = format!("SELECT id, owner_id FROM {list} WHERE id > {page} LIMIT {rows}");
        send(client, &sql).await;
    }
    let column = if list == "tasks" { "name" } else { "id, name" };
    for id in 1..=rows * times {
        let sql = format!("SELECT {column} FROM users WHERE id = {}", id % 1000 + 1);
        send(client, &sql).await;
    }
}

async fn insert(client: &Client, table: &str, rows: usize) {
    let mut sql = format!("INSERT INTO {table} VALUES (1)");
    for row in 2..=rows {
        write!(sql, ", ({row})").unwrap();
    }
    send(client, &sql).await;
}

async fn planted(client: &Client) {
    // The planner counts on workers, and none may start.
    send(client, "SET max_parallel_workers = 0").await;
    for (rule, sql) in PLANTED {
        let workers = if rule == "workers-short" { 2 } else { 0 };
        let wanted = format!("SET max_parallel_workers_per_gather = {workers}");
        send(client, &wanted).await;
        for _ in 0..6 {
            send(client, sql).await;
        }
    }
    lookups(client, "tasks", 20, 60).await;
    for rows in 1..=25 {
        insert(client, "events", rows).await;
    }
    for request in 0..400 {
        let sql =
            format!("SELECT b FROM narrow WHERE id = 7 /*traceparent='00-{request:032x}-01'*/");
        send(client, &sql).await;
    }
}

/// What a rule has found: each title ends with the statement.
fn named(all: &Conclusions, rule: &str) -> Vec<String> {
    let found = findings(all, rule).into_iter();
    found.map(|finding| finding.title.clone()).collect()
}

/// Why a rule could not be decided.
fn undecided<'a>(all: &'a Conclusions, rule: &str) -> Option<&'a str> {
    let mut rules = all.not_evaluated.iter().flatten();
    Some(rules.find(|r| r.rule == rule)?.reason.as_str())
}

/// A window over the server, in which this runs.
async fn window(dsn: &str, during: impl Future) -> Conclusions {
    concluded(&Box::pin(watch(dsn, &[], during)).await)
}

async fn one_version(major: u32) {
    let lab = lab(major, LabOptions::default()).unwrap();
    let dsn = lab.primary().dsn();
    let client = connect(lab.primary()).await;
    client.batch_execute(SCHEMA).await.unwrap();
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    send(&client, "CREATE EXTENSION pg_stat_statements").await;

    let report = window(&dsn, clean(&client)).await;
    for rule in RULES {
        let named = named(&report, rule);
        assert!(named.is_empty(), "PostgreSQL {major}: {rule}: {named:?}");
    }
    for sql in CLEAN {
        let table = sql.split(" WHERE").next().unwrap();
        let mut all = report.statements.iter().flatten();
        let it = all.find(|s| s.query.starts_with(table)).unwrap();
        assert!(
            it.share_ratio.unwrap() >= 0.05,
            "PostgreSQL {major}: {it:?}"
        );
    }

    let report = window(&dsn, async {
        clean(&client).await;
        planted(&client).await;
    })
    .await;
    let only = |rule: &str, text: &str| {
        let named = named(&report, rule);
        let [title] = &named[..] else {
            panic!("PostgreSQL {major}: {rule}: {named:?}");
        };
        assert!(
            title.contains(&format!(": {text}")),
            "PostgreSQL {major}: {rule}: {title}"
        );
    };
    for (rule, sql) in PLANTED {
        if rule != "workers-short" || major >= 18 {
            let text = sql.split(" WHERE").next().unwrap();
            only(rule, text);
        }
    }
    only("lookup-per-row", "SELECT name FROM users");
    only("statement-variants", "INSERT INTO events");
    only("statement-cache-thrash", "SELECT b FROM narrow");

    // An extension that does not count workers.
    if major >= 18 {
        assert_eq!(undecided(&report, "workers-short"), None);
        let older =
            "DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.11'";
        client.batch_execute(older).await.unwrap();
    }
    let report = window(&dsn, send(&client, CLEAN[4])).await;
    let why = undecided(&report, "workers-short").unwrap();
    assert!(why.contains("1.12"), "PostgreSQL {major}: {why}");
    client
        .batch_execute("DROP EXTENSION pg_stat_statements")
        .await
        .unwrap();
    let report = window(&dsn, async {}).await;
    for rule in RULES {
        let why = undecided(&report, rule).unwrap_or_default();
        assert!(
            why.contains("pg_stat_statements"),
            "PostgreSQL {major}: {rule}: {why}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn what_is_planted_is_named_and_its_like_is_not() {
    // All versions at once: they mostly wait.
    let mut all = tokio::task::JoinSet::new();
    for (major, _) in servers() {
        all.spawn(one_version(major));
    }
    while let Some(ended) = all.join_next().await {
        ended.unwrap();
    }
}
