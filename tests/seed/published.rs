//! Tables whose changes others are sent: nobody else loses rows.

use std::time::{Duration, Instant};

use dbperf::collect::Refusal;
use dbperf::lab::{Lab, LabOptions};
use tokio_postgres::Client;

use super::made::{load, made, numbered, run};
use super::refused::permitted;
use super::support::{connect, each_version, lab, value};

const TABLE: &str = "CREATE TABLE sent (id bigint PRIMARY KEY, body text)";

/// Longest wait of a test.
const LIMIT: Duration = Duration::from_secs(120);

fn logical(major: u32) -> Lab {
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let settings = vec![setting("wal_level", "logical")];
    lab(
        major,
        LabOptions {
            settings,
            ..LabOptions::default()
        },
    )
    .unwrap()
}

async fn until(client: &Client, sql: &str, expected: &str) {
    let began = Instant::now();
    while value(client, sql).await != expected {
        assert!(began.elapsed() < LIMIT, "{sql} does not become {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_subscriber_that_is_away_is_named_and_keeps_its_rows() {
    each_version(async |major| {
        let (from, to) = (logical(major), logical(major));
        let (client, subscriber) = (connect(from.primary()).await, connect(to.primary()).await);
        let dsn = from.primary().dsn();
        run(&client, &[TABLE, "CREATE PUBLICATION p FOR TABLE sent"]).await;
        assert_eq!(permitted(&dsn, "postgres", &[]).await, [""; 0]);
        let subscribe = format!("CREATE SUBSCRIPTION s CONNECTION '{dsn}' PUBLICATION p");
        run(&subscriber, &[TABLE, &subscribe]).await;
        let state = "SELECT srsubstate::text FROM pg_subscription_rel";
        until(&subscriber, state, "r").await;
        let own = "INSERT INTO sent VALUES (-1, 'the only one')";
        run(&subscriber, &["ALTER SUBSCRIPTION s DISABLE", own]).await;
        until(
            &client,
            "SELECT count(*)::text FROM pg_stat_replication",
            "0",
        )
        .await;

        let refused = permitted(&dsn, "postgres", &[]).await;
        assert!(
            refused.len() == 1 && refused[0].contains("--despite standbys"),
            "PostgreSQL {major}: {refused:?}"
        );
        let despite = [Refusal::Standbys];
        assert_eq!(permitted(&dsn, "postgres", &despite).await, [""; 0]);
        let rows = [made("sent", &["id", "body"], 100, numbered)];
        let loaded = load(&dsn, &rows, None).await;
        let loaded = loaded.unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        assert!(!loaded.tables[0].frozen, "{loaded:?}");
        let notes = loaded.notes.join("\n");
        assert!(
            notes.contains("rows of sent are not frozen: publication p"),
            "{notes}"
        );
        run(&subscriber, &["ALTER SUBSCRIPTION s ENABLE"]).await;
        until(&subscriber, "SELECT count(*)::text FROM sent", "101").await;
    });
}

#[test]
fn who_reads_the_log_otherwise_is_sent_no_truncate() {
    each_version(async |major| {
        let lab = logical(major);
        let client = connect(lab.primary()).await;
        let dsn = lab.primary().dsn();
        let slot = "SELECT pg_create_logical_replication_slot('changes', 'test_decoding')";
        run(&client, &[TABLE, slot, "CREATE DATABASE other"]).await;
        let rows = [made("sent", &["id", "body"], 100, numbered)];
        let loaded = load(&dsn, &rows, None).await.unwrap();
        assert!(!loaded.tables[0].frozen, "PostgreSQL {major}: {loaded:?}");
        let of = |what: &str| {
            format!(
                "SELECT count(*)::text FROM pg_logical_slot_peek_changes('changes', NULL, NULL) \
                 WHERE data LIKE 'table public.sent: {what}%'"
            )
        };
        assert_eq!(value(&client, &of("INSERT")).await, "100");
        assert_eq!(value(&client, &of("TRUNCATE")).await, "0");
        // Another database is nothing to it.
        let other = dsn.replace("dbname=postgres", "dbname=other");
        assert_eq!(permitted(&other, "other", &[]).await, [""; 0]);
        // A publication without TRUNCATE sends none.
        let quiet = "CREATE PUBLICATION q FOR ALL TABLES WITH (publish = 'insert')";
        let drop = "SELECT pg_drop_replication_slot('changes')";
        run(&client, &[drop, "DELETE FROM sent", quiet]).await;
        let loaded = load(&dsn, &rows, None).await.unwrap();
        assert!(loaded.tables[0].frozen, "PostgreSQL {major}: {loaded:?}");
    });
}
