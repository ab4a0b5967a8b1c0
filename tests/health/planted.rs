//! One server of every version: healthy first, then with one situation after the other.

use dbperf::analyze::conclusions::{Conclusions, HealthState, HolderKind};
use dbperf::lab::{Cluster, LabOptions};
use tokio_postgres::Client;

use crate::observed::{
    WINDOW, assert_state, concluded, findings, health, later, session, subject, until, watch,
};
use crate::support::{connect, lab, servers, setting};

const TABLES: &str = "
    CREATE EXTENSION pg_stat_statements;
    CREATE EXTENSION pgstattuple;
    CREATE TABLE accounts (id int PRIMARY KEY, balance int);
    INSERT INTO accounts SELECT i, 0 FROM generate_series(1, 1000) AS i;
    ANALYZE accounts;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_server_is_quiet_and_what_is_planted_is_named() {
    // All versions at once: they mostly wait.
    let mut all = tokio::task::JoinSet::new();
    for (major, _) in servers() {
        all.spawn(one_version(major));
    }
    while let Some(ended) = all.join_next().await {
        ended.unwrap();
    }
}

async fn one_version(major: u32) {
    let mut settings = setting("max_prepared_transactions", "5");
    settings.extend(setting("wal_level", "logical"));
    let options = LabOptions {
        settings,
        ..LabOptions::default()
    };
    let lab = lab(major, options).unwrap();
    let primary = lab.primary();
    let client = connect(primary).await;
    client.batch_execute(TABLES).await.unwrap();
    if major < 15 {
        // Until the collector has heard of a database, it has no row of statistics.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    }
    let healthy = watch(&primary.dsn(), &[], tokio::time::sleep(WINDOW)).await;
    quiet(&concluded(&later(&healthy, 20)), major);

    Box::pin(constraints(&client, primary, major)).await;
    Box::pin(dead_rows(&client, primary)).await;
    Box::pin(horizon(&client, primary)).await;
    Box::pin(blocking(&client, primary)).await;
    Box::pin(rates(&client, primary)).await;
}

fn quiet(all: &Conclusions, major: u32) {
    for subject in &health(all).subjects {
        let fine = matches!(subject.status, HealthState::Ok | HealthState::Info);
        // A lab writes without fsync.
        let settings = subject.subject == "settings";
        assert!(fine || settings, "PostgreSQL {major}: {subject:?}");
        assert!(subject.summary.is_some(), "PostgreSQL {major}: {subject:?}");
    }
    assert_eq!(health(all).horizon, Some(Vec::new()));
    assert_eq!(health(all).blocking, Some(Vec::new()));
    assert!(health(all).wraparound.as_ref().unwrap().len() >= 3);
}

async fn constraints(client: &Client, primary: &Cluster, major: u32) {
    client
        .batch_execute(
            "CREATE TABLE orders (id int PRIMARY KEY, account int, total int);
             ALTER TABLE orders ADD CONSTRAINT orders_account FOREIGN KEY (account)
                 REFERENCES accounts NOT VALID;
             ALTER TABLE orders ADD CONSTRAINT total_is_positive CHECK (total > 0) NOT VALID;
             ALTER TABLE orders ADD CONSTRAINT fine CHECK (id > 0);",
        )
        .await
        .unwrap();
    let mut expected = vec!["orders_account", "total_is_positive"];
    if major >= 18 {
        client
            .batch_execute(
                "ALTER TABLE orders ADD CONSTRAINT loose CHECK (id < 10) NOT ENFORCED;
                 ALTER TABLE orders ADD CONSTRAINT there NOT NULL total NOT VALID;",
            )
            .await
            .unwrap();
        expected.push("there");
    }
    expected.sort_unstable();
    let run = watch(&primary.dsn(), &[], async {}).await;
    let all = concluded(&run);
    let found = health(&all).not_validated.as_ref().unwrap();
    let mut names: Vec<_> = found.iter().map(|k| k.constraint.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, expected, "PostgreSQL {major}");
    // What a finding proposes works, and then it is gone.
    for finding in findings(&all, "constraint-not-validated") {
        let sql = finding.remediation.sql.as_deref().unwrap();
        client.batch_execute(sql).await.unwrap();
    }
    let cured = concluded(&watch(&primary.dsn(), &[], async {}).await);
    assert_state(&cured, "constraints", HealthState::Ok);
}

async fn dead_rows(client: &Client, primary: &Cluster) {
    client
        .batch_execute(
            "CREATE TABLE dying (id int) WITH (autovacuum_enabled = off);
             INSERT INTO dying SELECT generate_series(1, 20000);",
        )
        .await
        .unwrap();
    for statement in ["VACUUM ANALYZE dying", "DELETE FROM dying"] {
        client.batch_execute(statement).await.unwrap();
    }
    // Published a moment later, by this session's next commands.
    let counted = "SELECT count(*) FROM pg_stat_user_tables WHERE n_dead_tup = 20000";
    until(client, counted).await;
    let run = watch(&primary.dsn(), &[], async {}).await;
    let all = concluded(&run);
    let finding = findings(&all, "autovacuum-behind");
    assert_eq!(finding.len(), 1, "{:?}", subject(&all, "dead rows"));
    assert!(
        finding[0]
            .title
            .contains("public.dying has 20000 dead rows")
    );
    assert_state(&all, "dead rows", HealthState::Warning);
    client.batch_execute("DROP TABLE dying").await.unwrap();
}

async fn horizon(client: &Client, primary: &Cluster) {
    let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 4711 FROM accounts";
    let prepared = "BEGIN; UPDATE accounts SET balance = 1 WHERE id = 999; \
                    PREPARE TRANSACTION 'it''s forgotten'";
    let slot = "SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')";
    client.query_one(slot, &[]).await.unwrap();
    // The older of two holders is the one that holds.
    client.batch_execute(prepared).await.unwrap();
    let idle = session(primary, "forgetful", &[snapshot]).await;
    client
        .batch_execute("UPDATE accounts SET balance = 2 WHERE id = 2")
        .await
        .unwrap();
    let run = watch(&primary.dsn(), &[], async {}).await;
    let now = concluded(&run);
    assert!(
        findings(&now, "xmin-horizon-held").is_empty(),
        "it is young"
    );
    let all = concluded(&later(&run, 20));
    let found = findings(&all, "xmin-horizon-held");
    let of = |kind: &str| found.iter().find(|f| f.subject.kind == kind);
    let oldest = of("prepared transaction").unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(oldest.subject.name, "it's forgotten");
    assert!(
        oldest.detail.contains("The next one is forgetful"),
        "{}",
        oldest.detail
    );
    let holders = health(&all).horizon.as_ref().unwrap();
    let kinds: Vec<_> = holders.iter().map(|h| h.kind).collect();
    for kind in [
        HolderKind::Session,
        HolderKind::PreparedTransaction,
        HolderKind::Slot,
    ] {
        assert!(kinds.contains(&kind), "{holders:?}");
    }
    let held = holders
        .iter()
        .find(|h| h.kind == HolderKind::Session)
        .unwrap();
    assert_eq!(held.state, "idle in transaction");
    let query = held.query.as_deref().unwrap();
    assert!(
        query.contains("FROM accounts") && !query.contains("4711"),
        "{query}"
    );

    // What is proposed works: the prepared transaction goes, and the session is the next.
    let sql = oldest.remediation.sql.as_deref().unwrap();
    client.batch_execute(sql).await.unwrap();
    let all = concluded(&later(&watch(&primary.dsn(), &[], async {}).await, 20));
    let found = findings(&all, "xmin-horizon-held");
    let finding = found.iter().find(|f| f.subject.kind == "session").unwrap();
    let sql = finding.remediation.sql.as_deref().unwrap();
    assert!(sql.contains("pg_terminate_backend"), "{sql}");
    client.batch_execute(sql).await.unwrap();
    let gone = "SELECT CASE WHEN count(*) = 0 THEN 1 ELSE 0 END::int8 FROM pg_stat_activity
                WHERE application_name = 'forgetful'";
    until(client, gone).await;
    drop(idle);
    let drop_slot = "SELECT pg_drop_replication_slot('cdc')";
    client.query_one(drop_slot, &[]).await.unwrap();
    let all = concluded(&later(&watch(&primary.dsn(), &[], async {}).await, 20));
    assert_state(&all, "horizon", HealthState::Ok);
}

async fn blocking(client: &Client, primary: &Cluster) {
    let root = session(
        primary,
        "root",
        &["BEGIN", "UPDATE accounts SET balance = 42 WHERE id = 1"],
    )
    .await;
    let middle = session(
        primary,
        "middle",
        &["BEGIN", "UPDATE accounts SET balance = 43 WHERE id = 2"],
    )
    .await;
    let middle = tokio::spawn(async move {
        let sql = "UPDATE accounts SET balance = 44 WHERE id = 1";
        middle.batch_execute(sql).await.unwrap();
        middle.batch_execute("ROLLBACK").await.unwrap();
    });
    let last = session(primary, "last", &[]).await;
    let last = tokio::spawn(async move {
        let sql = "DELETE FROM accounts WHERE id = 2 -- CANARY";
        last.batch_execute(sql).await.unwrap();
    });
    let waiting = "SELECT count(*) / 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    until(client, waiting).await;
    let run = watch(&primary.dsn(), &[], tokio::time::sleep(WINDOW)).await;
    let all = concluded(&run);
    let trees = health(&all).blocking.as_ref().unwrap();
    assert_eq!(trees.len(), 1, "{trees:?}");
    let shape: Vec<_> = trees[0]
        .sessions
        .iter()
        .map(|s| (s.name.as_str(), s.depth))
        .collect();
    assert_eq!(shape, [("root", 0), ("middle", 1), ("last", 2)]);
    let texts: Vec<_> = trees[0]
        .sessions
        .iter()
        .map(|s| s.query.as_deref().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "UPDATE accounts SET balance = $1 WHERE id = $2",
            "UPDATE accounts SET balance = $1 WHERE id = $2",
            "DELETE FROM accounts WHERE id = $1",
        ]
    );
    let finding = findings(&all, "blocking-tree");
    assert_eq!(finding.len(), 1, "{trees:?}");
    assert!(finding[0].title.starts_with("2 sessions waited for root"));
    let saved = serde_json::to_string(&run).unwrap();
    assert!(!saved.contains("CANARY"), "comments hold values");
    let sql = finding[0].remediation.sql.as_deref().unwrap();
    assert!(sql.contains("pg_terminate_backend"), "{sql}");
    client.batch_execute(sql).await.unwrap();
    middle.await.unwrap();
    last.await.unwrap();
    drop(root);

    // A prepared transaction blocks without a process.
    let prepared = "BEGIN; UPDATE accounts SET balance = 1 WHERE id = 5; PREPARE TRANSACTION 'p5'";
    client.batch_execute(prepared).await.unwrap();
    let other = "BEGIN; UPDATE accounts SET balance = 1 WHERE id = 6; PREPARE TRANSACTION 'p6'";
    client.batch_execute(other).await.unwrap();
    let behind = session(primary, "behind", &[]).await;
    let behind = tokio::spawn(async move {
        let sql = "UPDATE accounts SET balance = 7 WHERE id = 6";
        behind.batch_execute(sql).await.unwrap();
    });
    until(
        client,
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    )
    .await;
    let run = watch(&primary.dsn(), &[], tokio::time::sleep(WINDOW)).await;
    let all = concluded(&run);
    let trees = health(&all).blocking.as_ref().unwrap();
    assert_eq!(trees.len(), 1, "{trees:?}");
    let root = &trees[0].sessions[0];
    assert_eq!((root.pid, root.name.as_str()), (0, "p6"), "{trees:?}");
    assert!(root.transaction_since.is_some());
    let finding = findings(&all, "blocking-tree");
    assert_eq!(
        finding[0].remediation.sql.as_deref(),
        Some("ROLLBACK PREPARED 'p6';")
    );
    for gid in ["p5", "p6"] {
        let sql = format!("ROLLBACK PREPARED '{gid}'");
        client.batch_execute(&sql).await.unwrap();
    }
    behind.await.unwrap();
}

async fn rates(client: &Client, primary: &Cluster) {
    let run = Box::pin(watch(&primary.dsn(), &[], async {
        for _ in 0..3 {
            client
                .batch_execute("UPDATE accounts SET balance = balance + 1; CHECKPOINT")
                .await
                .unwrap();
        }
        let spilling = session(primary, "spilling", &["SET work_mem = '64kB'"]).await;
        let sort = "SELECT count(*) FROM (SELECT i FROM generate_series(1, 300000) AS i ORDER BY 0 - i) AS s";
        spilling.query_one(sort, &[]).await.unwrap();
        drop(spilling);
        tokio::time::sleep(WINDOW).await;
    }))
    .await;
    let all = concluded(&run);
    let checkpoints = health(&all).checkpoints.unwrap();
    assert_eq!(checkpoints.requested, 3, "{checkpoints:?}");
    assert!(checkpoints.written_bytes_per_sec > 0.0);
    assert_state(&all, "checkpoints", HealthState::Warning);
    let temp = health(&all).temp_files.unwrap();
    assert!(temp.files >= 1 && temp.bytes > 1 << 20, "{temp:?}");
}
