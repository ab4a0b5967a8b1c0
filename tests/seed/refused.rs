//! Where nothing is loaded: all reasons are named at once, and nothing is written.

use dbperf::collect::Refusal;
use dbperf::lab::LabOptions;
use dbperf::seed::load::{LoadError, Triggers, permit};

use super::catalogue::snapshot;
use super::made::{Field, load, made, numbered, run};
use super::support::{TESTED, connect, each_version, guarded, lab, pooled, servers, value};

pub(crate) async fn permitted(dsn: &str, target_db: &str, despite: &[Refusal]) -> Vec<String> {
    let session = guarded(dsn).await;
    let refused = permit(&session, target_db, despite).await.unwrap();
    session.close().await;
    refused.iter().map(ToString::to_string).collect()
}

#[test]
fn another_database_production_and_crowds_are_named_at_once() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, &["CREATE DATABASE shop_prod"]).await;
        let dsn = lab.primary().dsn();
        assert!(permitted(&dsn, "postgres", &[]).await.is_empty());
        let production = dsn.replace("dbname=postgres", "dbname=shop_prod");
        let mut crowd = Vec::new();
        for _ in 0..11 {
            crowd.push(connect(lab.primary()).await);
        }
        let all = permitted(&production, "shop", &[]).await.join("\n");
        for word in [
            "--target-db says shop,",
            "--despite name",
            "--despite sessions",
        ] {
            assert!(all.contains(word), "PostgreSQL {major}: {word}: {all}");
        }
        let despite = [Refusal::Name, Refusal::Sessions];
        assert!(
            permitted(&production, "shop_prod", &despite)
                .await
                .is_empty()
        );
        assert_eq!(permitted(&production, "shop", &despite).await.len(), 1);
    });
}

#[tokio::test]
async fn a_pooler_is_refused() {
    let newest = servers().last().map_or(TESTED[5], |(major, _)| *major);
    let Some(lab) = pooled(newest, 4) else { return };
    let refused = permitted(&lab.pgbouncer().unwrap().dsn(), "postgres", &[]).await;
    assert!(refused.iter().any(|r| r.contains("pooler")), "{refused:?}");
}

const SCHEMA: &[&str] = &[
    "CREATE SCHEMA \"Odd one\"",
    "CREATE TABLE full_one (id bigint, body text)",
    "INSERT INTO full_one VALUES (1, 'secret')",
    "CREATE TABLE full_two (id bigint, body text) PARTITION BY LIST (id)",
    "CREATE TABLE full_two_1 PARTITION OF full_two DEFAULT",
    "INSERT INTO full_two VALUES (1, 'secret')",
    "CREATE TABLE seen (n int)",
    "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN INSERT INTO public.seen VALUES (1); RETURN NEW; END'",
    "CREATE TABLE watched (id bigint, body text) PARTITION BY LIST (id)",
    "CREATE TABLE watched_1 PARTITION OF watched DEFAULT",
    "CREATE TRIGGER see AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION see()",
    "CREATE TRIGGER see_all AFTER INSERT ON watched FOR EACH STATEMENT EXECUTE FUNCTION see()",
    "CREATE TABLE always (id bigint, body text)",
    "CREATE TRIGGER see BEFORE INSERT ON always FOR EACH ROW EXECUTE FUNCTION see()",
    "ALTER TABLE always ENABLE ALWAYS TRIGGER see",
    "CREATE TRIGGER never BEFORE INSERT ON always FOR EACH ROW EXECUTE FUNCTION see()",
    "ALTER TABLE always DISABLE TRIGGER never",
    "CREATE TRIGGER replica BEFORE INSERT ON always FOR EACH ROW EXECUTE FUNCTION see()",
    "ALTER TABLE always ENABLE REPLICA TRIGGER replica",
    "CREATE TABLE searched (id bigint, body text, found tsvector)",
    "CREATE TRIGGER find BEFORE INSERT OR UPDATE ON searched FOR EACH ROW \
     EXECUTE FUNCTION tsvector_update_trigger(found, 'pg_catalog.english', body)",
    "CREATE TABLE emptied (id bigint, body text)",
    "CREATE TRIGGER see AFTER TRUNCATE ON emptied EXECUTE FUNCTION see()",
    "CREATE FOREIGN DATA WRAPPER nowhere",
    "CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere",
    "CREATE TABLE spread (id bigint, body text) PARTITION BY LIST (id)",
    "CREATE FOREIGN TABLE spread_1 PARTITION OF spread DEFAULT SERVER elsewhere",
    "CREATE VIEW no_table AS SELECT 1::bigint AS id, ''::text AS body",
];

#[test]
fn tables_that_cannot_be_filled_are_named_at_once_and_nothing_is_written() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, SCHEMA).await;
        let before = snapshot(&client).await;
        let tables = [
            "full_one", "full_two", "watched", "always", "spread", "no_table", "missing",
            "searched",
        ];
        let rows: Vec<_> = tables
            .iter()
            .map(|table| made(table, &["id", "body"], 10, numbered))
            .collect();
        let error = load(&lab.primary().dsn(), &rows, None).await.unwrap_err();
        let LoadError::Refused(refused) = &error else {
            panic!("{error}");
        };
        let names: Vec<&str> = refused.iter().map(|r| r.what.as_str()).collect();
        let expected = [
            "full_one",
            "full_two",
            "trigger see of watched",
            "trigger see_all of watched",
            "trigger see of always",
            "spread_1",
            "no_table",
            "no_table",
            "missing",
        ];
        for what in expected {
            assert!(names.contains(&what), "PostgreSQL {major}: {what}: {error}");
        }
        assert!(names.iter().all(|n| expected.contains(n)), "{error}");
        assert!(!error.to_string().contains("secret"));
        assert_eq!(snapshot(&client).await, before);
        assert_eq!(
            value(&client, "SELECT count(*)::text FROM full_one").await,
            "1"
        );
    });
}

#[test]
fn triggers_fire_or_do_not_as_it_is_said_and_are_as_they_were() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, SCHEMA).await;
        let before = snapshot(&client).await;
        let rows = [
            made("watched", &["id", "body"], 10, numbered),
            made("always", &["id", "body"], 10, numbered),
            made("searched", &["id", "body"], 10, |row| {
                vec![
                    Field::Int8(i64::try_from(row).unwrap()),
                    Field::Text("searching".to_owned()),
                ]
            }),
            made("emptied", &["id", "body"], 10, numbered),
        ];
        // By row and by statement, and those that fire always.
        for (triggers, seen) in [(Triggers::Disable, "0"), (Triggers::Fire, "21")] {
            let loaded = load(&lab.primary().dsn(), &rows, Some(triggers)).await;
            let loaded = loaded.unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
            let count = value(&client, "SELECT count(*)::text FROM seen").await;
            assert_eq!(count, seen, "PostgreSQL {major}: {triggers:?}");
            assert_eq!(
                snapshot(&client).await,
                before,
                "PostgreSQL {major}: {triggers:?}"
            );
            let found = "SELECT count(*)::text FROM searched WHERE found @@ 'search'::tsquery";
            assert_eq!(value(&client, found).await, "10");
            // TRUNCATE would have fired one.
            assert!(!loaded.tables.last().unwrap().frozen);
            let empty = ["TRUNCATE watched, always, searched", "DELETE FROM emptied"];
            run(&client, &empty).await;
        }
    });
}
