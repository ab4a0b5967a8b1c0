//! What waits for the end of the transaction is done before indexes and keys are made.

use dbperf::lab::LabOptions;
use dbperf::seed::load::Triggers;

use super::catalogue::snapshot;
use super::made::{Field, Row, load, made, numbered, run};
use super::roles::as_role;
use super::support::{connect, each_version, lab, value};

const WATCHED: &[&str] = &[
    "CREATE SCHEMA \"Odd one\"",
    "CREATE TABLE seen (n bigint)",
    "CREATE TABLE watched (id bigint PRIMARY KEY, body text)",
    "CREATE INDEX watched_body ON watched (body)",
    // A name without its schema: the role's own path finds it.
    "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN INSERT INTO seen SELECT count(*) FROM watched; RETURN NULL; END'",
    "CREATE CONSTRAINT TRIGGER see AFTER INSERT ON watched DEFERRABLE INITIALLY DEFERRED \
     FOR EACH ROW EXECUTE FUNCTION see()",
];

#[test]
fn deferred_triggers_see_all_rows_and_keys_are_made_after_them() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, WATCHED).await;
        let before = snapshot(&client).await;
        let rows = [made("watched", &["id", "body"], 10, numbered)];
        let loaded = load(&lab.primary().dsn(), &rows, Some(Triggers::Fire)).await;
        loaded.unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        let seen = "SELECT concat_ws(' ', count(*), min(n), max(n)) FROM seen";
        assert_eq!(value(&client, seen).await, "10 10 10");
        assert_eq!(snapshot(&client).await, before, "PostgreSQL {major}");
    });
}

const FAMILY: &[&str] = &[
    "CREATE SCHEMA \"Odd one\"",
    "CREATE ROLE owner LOGIN",
    "GRANT CREATE ON SCHEMA public TO owner",
    "CREATE TABLE parent (id bigint PRIMARY KEY, body text)",
    "CREATE TABLE child (id bigint PRIMARY KEY, parent bigint REFERENCES parent DEFERRABLE)",
    "CREATE INDEX child_parent ON child (parent)",
    "ALTER TABLE child OWNER TO owner",
    "GRANT SELECT, INSERT ON parent TO owner",
    "GRANT REFERENCES ON parent TO owner",
];

#[test]
fn a_deferred_key_to_a_table_of_another_is_checked_before_indexes_are_made() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, FAMILY).await;
        let before = snapshot(&client).await;
        let dsn = as_role(&lab.primary().dsn(), "owner");
        let child: Row = |row| {
            let id = i64::try_from(row).unwrap() + 1;
            vec![Field::Int8(id), Field::Int8(101 - id)]
        };
        let orphan: Row = |row| {
            let id = i64::try_from(row).unwrap() + 1;
            vec![Field::Int8(id), Field::Int8(id + 1)]
        };
        let rows = |child| {
            [
                made("child", &["id", "parent"], 100, child),
                made("parent", &["id", "body"], 100, numbered),
            ]
        };
        let error = load(&dsn, &rows(orphan), None).await.unwrap_err();
        assert!(error.to_string().contains("23503"), "{error}");
        let loaded = load(&dsn, &rows(child), None).await;
        loaded.unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        assert_eq!(
            value(&client, "SELECT count(*)::text FROM child").await,
            "100"
        );
        assert_eq!(snapshot(&client).await, before, "PostgreSQL {major}");
    });
}
