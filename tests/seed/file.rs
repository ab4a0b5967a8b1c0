//! Tables that a file makes, in the transaction that fills them.

use std::sync::Arc;

use dbperf::lab::LabOptions;
use dbperf::pg::Session;
use dbperf::seed::load::{Load, LoadError, LoadOptions, Loaded, Step};
use dbperf::seed::rows::Rows;
use dbperf::seed::schema::{self, Schema, SchemaFile};
use tokio::sync::watch;

use super::catalogue::{rows, same_lines, snapshot};
use super::made::{Field, made, name, numbered, run, session};
use super::support::{connect, connect_to, each_version, lab, value};

/// Written by `pg_dump --schema-only` of PostgreSQL 15 from the schema of [`super::catalogue`], with an extension, an
/// enum, a domain, a trigger that refuses every row, row security, a rule, and a materialized view.
const DUMP: &str = include_str!("schemas/pg_dump-15.sql");

/// Makes and fills, and tells what was read in between.
pub(crate) async fn load(
    session: &Session,
    file: &str,
    rows: &[Arc<dyn Rows>],
) -> Result<(Schema, Loaded), LoadError> {
    let file = SchemaFile::parse("f.sql", file).unwrap();
    let (_sender, stop) = watch::channel(false);
    let mut load = Load::begin(session, stop).await?;
    load.make(file).await?;
    let schema = schema::read(session).await?;
    let options = LoadOptions {
        jobs: 2,
        triggers: None,
    };
    let loaded = load.fill(rows, &options, &|_: &Step<'_>| {}).await?;
    Ok((schema, loaded))
}

/// The dump as psql would run it.
fn statements() -> String {
    let lines = DUMP.lines().filter(|line| !line.starts_with('\\'));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_dump_makes_what_it_would_make_without_rows() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        // Its roles come with another program's output.
        run(&client, &["CREATE DATABASE filled"]).await;
        let dsn = lab
            .primary()
            .dsn()
            .replace("dbname=postgres", "dbname=filled");
        let session = session(&dsn).await;
        let fillable: Vec<_> = rows(13)
            .into_iter()
            .filter(|made| !["unchecked", "odd"].contains(&made.name().name.as_str()))
            .collect();
        let (schema, loaded) = load(&session, DUMP, &fillable)
            .await
            .unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        session.close().await;
        assert!(
            schema
                .table(&name("event"))
                .is_some_and(|t| t.partitioning.is_some())
        );
        assert!(
            schema
                .table(&name("parent"))
                .is_some_and(|t| t.columns.len() == 4)
        );
        // Nobody of this server is called so.
        let notes = loaded.notes.join("\n");
        assert!(notes.contains("GRANT SELECT ON is left out"), "{notes}");
        assert!(notes.contains("ALTER TABLE is left out"), "{notes}");

        client
            .batch_execute(&strip_roles(&statements()))
            .await
            .unwrap();
        run(&client, &["RESET search_path"]).await;
        let filled = connect_to(&dsn).await;
        same_lines(major, &snapshot(&client).await, &snapshot(&filled).await);
        // The trigger refuses every row that comes now; the view knows those that came.
        assert_eq!(value(&filled, "SELECT n::text FROM counted").await, "1000");
        assert!(
            filled
                .execute("INSERT INTO parent (body) VALUES ('x')", &[])
                .await
                .is_err()
        );
        assert_eq!(
            value(&filled, "SELECT count(*)::text FROM quick").await,
            "20"
        );
    });
}

/// Without statements that need a role.
fn strip_roles(sql: &str) -> String {
    let lines = sql.lines().filter(|line| !line.contains("somebody"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_whose_rows_cannot_be_made_leaves_nothing() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(
            &client,
            &["CREATE SCHEMA \"Odd one\"", "CREATE TABLE there (id int)"],
        )
        .await;
        let before = snapshot(&client).await;
        let dsn = lab.primary().dsn();
        let table = "CREATE TABLE made (id bigint PRIMARY KEY, body text);\nCREATE TYPE mood AS ENUM ('a');\n";
        let twice: super::made::Row = |_| vec![Field::Int8(1), Field::Text("secret".to_owned())];
        for (more, row, words) in [
            ("", twice, "23505"),
            (
                "CREATE TABLE there (id int);",
                numbered as super::made::Row,
                "f.sql, line 3: CREATE TABLE failed",
            ),
            (
                "CREATE VIEW v AS SELECT missing FROM made;",
                numbered,
                "f.sql, line 3: CREATE VIEW failed",
            ),
            (
                "CREATE TRIGGER t BEFORE INSERT ON made EXECUTE FUNCTION missing();",
                numbered,
                "line 3: CREATE TRIGGER",
            ),
        ] {
            let session = session(&dsn).await;
            let rows = [made("made", &["id", "body"], 10, row)];
            let error = load(&session, &format!("{table}{more}"), &rows)
                .await
                .unwrap_err();
            session.close().await;
            let text = error.to_string();
            assert!(
                text.contains(words) && !text.contains("secret"),
                "PostgreSQL {major}: {text}"
            );
            assert_eq!(snapshot(&client).await, before, "{more}");
        }
        let types = "SELECT count(*)::text FROM pg_type WHERE typname = 'mood'";
        assert_eq!(value(&client, types).await, "0");
    });
}

#[test]
fn a_file_of_a_person_is_run_under_the_roles_own_path() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        let file = "BEGIN;\nDROP TABLE IF EXISTS note;\nCREATE SCHEMA app;\nSET search_path = app, public;\n\
            CREATE TABLE note (id bigserial PRIMARY KEY, body text, seen int DEFAULT 0);\n\
            CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.seen = 1; RETURN NEW; END';\n\
            CREATE TRIGGER see BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION see();\n\
            INSERT INTO note (body) VALUES ('look-up');\n\
            CREATE INDEX CONCURRENTLY by_body ON note (body);\nCOMMIT;\n";
        let session = session(&lab.primary().dsn()).await;
        let rows = [made("app.note", &["id", "body"], 10, numbered)];
        let (_, loaded) = load(&session, file, &rows)
            .await
            .unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
        session.close().await;
        assert_eq!(loaded.tables[0].rows, 10);
        let seen = "SELECT string_agg(DISTINCT seen::text, ',') FROM app.note";
        assert_eq!(value(&client, seen).await, "0");
        let new = "INSERT INTO app.note (body) VALUES ('new') RETURNING concat_ws(' ', id, seen)";
        assert_eq!(value(&client, new).await, "11 1");
        let valid =
            "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'app.by_body'::regclass";
        assert_eq!(value(&client, valid).await, "true");
    });
}
