//! What cannot be drawn on a server says so before the run, with its line and its cure.

use dbperf::workload::Workload;

use crate::{drawers, lab, operation, support};

#[tokio::test]
async fn every_reason_names_the_line_the_parameter_and_the_cure() {
    let sql =
        "CREATE TABLE t (a int, b text, c int4range); INSERT INTO t (a, b) VALUES (1, 'canary');
        CREATE TABLE empty (a int); CREATE DOMAIN small AS int CHECK (VALUE < 10);
        CREATE TYPE mood AS ENUM ('sad', 'happy')";
    let (_lab, client) = lab(sql).await;
    for (lines, parts) in [
        (
            "-- param x: column missing.a\nSELECT :x::int;",
            vec!["`missing`", "search path"],
        ),
        (
            "-- param x: column t.z\nSELECT :x::int;",
            vec!["no column `z`", "it has: a, b, c"],
        ),
        (
            "-- param x: row t(a, z)\nSELECT :x::int;",
            vec!["`row` draws"],
        ),
        (
            "-- param x, y: row t(a, z)\nSELECT :x::int, :y::int;",
            vec!["no column `z`"],
        ),
        (
            "-- param x: column empty.a\nSELECT :x::int;",
            vec!["`empty` has no row", "fill it"],
        ),
        (
            "-- param x: column t.c\nSELECT :x::int4range;",
            vec!["no row with a value in c"],
        ),
        (
            "-- param x: statistics t.a\nSELECT :x::int;",
            vec!["ANALYZE"],
        ),
        (
            "-- param x: column t.b\nSELECT :x::int4;",
            vec!["not a valid int4"],
        ),
        (
            "-- param x: sequence after t.b\nSELECT :x::int4;",
            vec!["whole numbers"],
        ),
        (
            "-- param x: uniform 1 40000\nSELECT :x::int2;",
            vec!["not a valid int2"],
        ),
        (
            "-- param x: choice 1 12\nSELECT :x::small;",
            vec!["not a valid small"],
        ),
        (
            "-- param x: choice 10.0.0.1 nowhere\nSELECT :x::inet;",
            vec!["not a valid inet"],
        ),
        (
            "-- param x: choice sad glad\nSELECT :x::mood;",
            vec!["not a valid mood"],
        ),
        (
            "-- param x: choice {} {\nSELECT :x::jsonb;",
            vec!["not a valid jsonb"],
        ),
        (
            "-- param x: text 3\nSELECT :x::uuid;",
            vec!["not a valid uuid"],
        ),
        (
            "-- param x: uuid\nSELECT :x::int8;",
            vec!["not a valid int8"],
        ),
    ] {
        let text = format!("-- operation: a\n{lines}");
        let message = if let Err(error) = Workload::parse(&text, "w.sql") {
            error.to_string()
        } else {
            let error = drawers(&operation(lines), &client).await.unwrap_err();
            // The two lines above the first of these.
            assert_eq!(error.line, 3, "{lines}");
            let named = ["`x`", "`y`"]
                .iter()
                .any(|name| error.to_string().contains(name));
            assert!(named, "{error}");
            error.to_string()
        };
        for part in parts {
            assert!(message.contains(part), "{lines}: {message}");
        }
        assert!(!message.contains("canary"), "{message}");
    }
}

#[tokio::test]
async fn a_column_that_the_role_may_not_read_is_said_with_the_grant() {
    let sql = "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'); ANALYZE t;
        CREATE ROLE low LOGIN; GRANT SELECT (a) ON t TO low";
    let (lab, _client) = lab(sql).await;
    let dsn = format!("{} user=low", lab.primary().dsn());
    let (low, connection) = tokio_postgres::connect(&dsn, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let allowed = operation("-- param x: column t.a\nSELECT :x::int;");
    assert!(drawers(&allowed, &low).await.is_ok());
    for source in ["column t.b", "statistics t.b", "prefix t.b 2"] {
        let denied = operation(&format!("-- param x: {source}\nSELECT :x::text;"));
        let message = drawers(&denied, &low).await.unwrap_err().to_string();
        assert!(message.contains("GRANT SELECT"), "{source}: {message}");
    }
    let _ = support::TESTED;
}
