//! What cannot be captured is listed with its reason, and nothing of it is lost or made up.

use dbperf::workload::Workload;
use dbperf::workload::statements::CaptureError;

use crate::{ALL, READS, captured, captured_as, newest, operation, prepared, support};

/// The reason for the statement with these words.
fn reason(capture: &dbperf::workload::statements::StatementsCapture, words: &str) -> String {
    let found = capture.left_out.iter().find(|l| l.text.contains(words));
    let found = found.unwrap_or_else(|| panic!("{words}: {:#?}", capture.left_out));
    found.reason.clone()
}

#[tokio::test]
async fn odd_texts_are_captured_or_listed_on_every_version() {
    for (major, _) in support::servers() {
        let (lab, client) = prepared(major).await.unwrap();
        let run = async |sql: &str| {
            client
                .simple_query(sql)
                .await
                .unwrap_or_else(|e| panic!("{major}: {sql}: {e:?}"));
        };
        run("SELECT id FROM orders WHERE placed > now() - INTERVAL '3 days'").await;
        run("SELECT note FROM orders WHERE area IN (1, 2, 3, 4)").await;
        run("SELECT city FROM orders WHERE id = ANY (ARRAY[1, 2])").await;
        run("SELECT email FROM orders WHERE city LIKE 'city%' ORDER BY id LIMIT 7 OFFSET 2").await;
        run("SELECT area FROM orders WHERE (area, city) = (1, 'city of 1')").await;
        run("SELECT 1 FROM orders WHERE note || 'x' = 'yx'").await;
        run("SELECT /* a hint */ id -- then: a comment\nFROM orders WHERE email = 'a'").await;
        run("SELECT count(*) FROM pg_class WHERE relname = 'x'").await;
        run("SELECT extract(epoch FROM placed), date_trunc('month', placed AT TIME ZONE 'UTC') FROM orders WHERE area = 2").await;
        run("SELECT uuid '00000000-0000-0000-0000-0000000000ff', id FROM orders WHERE id = 4 AND 1 = 1").await;
        run("SELECT pg_advisory_lock(1)").await;
        run("SET work_mem = '5MB'").await;
        run("CREATE ROLE other PASSWORD 'secret'").await;
        run("DO $$ BEGIN PERFORM count(*) FROM orders WHERE area = 1; END $$").await;
        run("SELECT (ARRAY[1,2,3])[1:2], 'a:b' || city FROM orders WHERE id = 5").await;

        let capture = captured(&lab, READS).await.unwrap();
        let text = &capture.text;
        let workload = Workload::parse(text, "c.sql").unwrap();
        let params = |words: &str| {
            let params = &operation(&workload, words).params;
            let words = params
                .iter()
                .map(|p| format!("{}: {}", p.names.join(", "), p.generator));
            words.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(params("now() - "), "p1: choice '1 day'", "{major}");
        assert!(
            params("SELECT note").contains("area: column public.orders.area"),
            "{major}: {text}"
        );
        assert_eq!(
            params("city LIKE"),
            "city: prefix public.orders.city 3; limit: choice '7'; offset: choice '0'",
            "{major}"
        );
        assert_eq!(
            params("SELECT area"),
            "area, city: row public.orders(area, city)",
            "{major}"
        );
        assert_eq!(
            params("a hint"),
            "email: column public.orders.email",
            "{major}"
        );
        assert!(
            params("city FROM orders WHERE id").contains("column public.orders.id"),
            "{major}"
        );

        for words in ["date_trunc", "::uuid"] {
            assert!(
                operation(&workload, words)
                    .slots()
                    .any(|s| s == "area" || s == "id"),
                "{major}: {text}"
            );
        }
        assert!(
            reason(&capture, "note ||").contains("decides about rows"),
            "{major}"
        );
        assert!(
            reason(&capture, "pg_class").contains("own catalogue"),
            "{major}"
        );
        assert!(
            reason(&capture, "pg_advisory_lock").contains("pg_advisory_lock()"),
            "{major}"
        );
        assert!(reason(&capture, "work_mem").contains("utility"), "{major}");
        assert!(!text.contains("secret"), "{major}: {text}");
        let nested = capture
            .left_out
            .iter()
            .any(|l| l.reason.contains("inside of functions"));
        // Counted only with pg_stat_statements.track = all, which a lab has not.
        assert!(!nested, "{major}");
        // What was captured and what was left out add up.
        let left: i64 = capture
            .left_out
            .iter()
            .filter(|l| l.query_id.is_some() && !l.reason.contains("utility"))
            .filter_map(|l| l.calls)
            .sum();
        assert_eq!(
            capture.calls + left,
            capture.all_calls,
            "{major}: {:#?}",
            capture.left_out
        );
    }
}

#[tokio::test]
async fn statements_of_functions_and_of_other_databases_are_counted_apart() {
    let (lab, client) = prepared(newest()).await.unwrap();
    client.batch_execute("CREATE DATABASE other").await.unwrap();
    let other = format!("{} dbname=other", lab.primary().dsn());
    let (there, connection) = tokio_postgres::connect(&other, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    there.simple_query("SELECT 42").await.unwrap();
    client
        .batch_execute("SET pg_stat_statements.track = 'all'")
        .await
        .unwrap();
    client
        .simple_query("DO $$ BEGIN PERFORM count(*) FROM orders WHERE area = 1; END $$")
        .await
        .unwrap();
    client
        .simple_query("SELECT id FROM orders WHERE id = 3")
        .await
        .unwrap();
    let capture = captured(&lab, ALL).await.unwrap();
    for words in ["of other databases", "inside of functions"] {
        let found = capture.left_out.iter().find(|l| l.reason.contains(words));
        assert!(
            found.is_some_and(|l| l.calls > Some(0)),
            "{words}: {:#?}",
            capture.left_out
        );
    }
    assert_eq!(capture.statements, 1, "{}", capture.text);
}

#[tokio::test]
async fn what_the_role_may_not_see_or_read_is_said_with_the_cure() {
    let (lab, client) = prepared(newest()).await.unwrap();
    client
        .simple_query("SELECT id FROM orders WHERE id = 3")
        .await
        .unwrap();
    client
        .batch_execute(
            "CREATE ROLE low LOGIN; CREATE TABLE mine (a int); ALTER TABLE mine OWNER TO low; \
        INSERT INTO mine VALUES (1)",
        )
        .await
        .unwrap();
    let dsn = format!("{} user=low", lab.primary().dsn());
    let error = captured_as(&dsn, ALL).await.unwrap_err();
    assert!(matches!(error, CaptureError::Nothing { .. }));
    let message = error.to_string();
    assert!(
        message.contains("hidden") && message.contains("pg_read_all_stats"),
        "{message}"
    );

    client
        .batch_execute("GRANT pg_read_all_stats TO low")
        .await
        .unwrap();
    let (low, connection) = tokio_postgres::connect(&dsn, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    low.simple_query("SELECT * FROM mine WHERE a = 1")
        .await
        .unwrap();
    let capture = captured_as(&dsn, READS).await.unwrap();
    assert_eq!(
        capture.statements, 1,
        "{}\n{:#?}",
        capture.text, capture.left_out
    );
    let left = capture
        .left_out
        .iter()
        .find(|l| l.text.contains("FROM orders WHERE id"));
    assert!(
        left.unwrap().reason.contains("permission denied")
            || left.unwrap().reason.contains("may not read"),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_database_without_the_extension_is_an_error_with_its_cure() {
    let lab = support::lab(newest(), dbperf::lab::LabOptions::default()).unwrap();
    let error = captured(&lab, ALL).await.unwrap_err().to_string();
    assert!(
        error.contains("CREATE EXTENSION pg_stat_statements"),
        "{error}"
    );
}

#[tokio::test]
async fn few_statements_are_asked_for_by_time_or_by_calls() {
    let (lab, client) = prepared(newest()).await.unwrap();
    for _ in 0..3 {
        client
            .simple_query("SELECT id FROM orders WHERE id = 3")
            .await
            .unwrap();
    }
    client
        .simple_query("SELECT count(*) FROM orders a, orders b WHERE a.id = b.id AND b.area > 0")
        .await
        .unwrap();
    let top = captured(&lab, crate::CaptureOptions { top: 1, ..ALL })
        .await
        .unwrap();
    assert_eq!(top.statements, 1);
    assert!(top.text.contains("orders a, orders b"), "{}", top.text);
    assert!(
        top.left_out
            .iter()
            .any(|l| l.reason.contains("less execution time"))
    );
    let often = captured(
        &lab,
        crate::CaptureOptions {
            min_calls: 3,
            ..ALL
        },
    )
    .await
    .unwrap();
    assert!(
        often.text.contains("WHERE id = :id") && often.statements == 1,
        "{}",
        often.text
    );
    assert!(
        often
            .left_out
            .iter()
            .any(|l| l.reason.contains("fewer than 3 calls"))
    );
}

#[tokio::test]
async fn tables_of_every_kind_and_name_are_found() {
    let (lab, client) = prepared(newest()).await.unwrap();
    let sql = "CREATE SCHEMA \"My App\"; CREATE TABLE \"My App\".\"Line Item\" (\"Product Id\" int, \"limit\" int, mood text[]);
        INSERT INTO \"My App\".\"Line Item\" SELECT i, i % 3, ARRAY['a', 'b'] FROM generate_series(1, 50) AS i;
        CREATE TABLE parts (at date, kind int) PARTITION BY RANGE (at);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        INSERT INTO parts SELECT date '2024-01-01' + i, i % 2 FROM generate_series(0, 30) AS i;
        CREATE VIEW recent AS SELECT id, area FROM orders WHERE area < 3;
        ALTER ROLE postgres SET search_path = \"My App\", public";
    client.batch_execute(sql).await.unwrap();
    crate::reset(&client).await;
    let dsn = lab.primary().dsn();
    let (app, connection) = tokio_postgres::connect(&dsn, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    for sql in [
        "SELECT \"limit\" FROM \"Line Item\" AS l WHERE l.\"Product Id\" = 3 AND l.\"limit\" = 1",
        "SELECT 1 FROM \"Line Item\" WHERE mood @> '{a}' AND mood = '{a,b}'",
        "SELECT kind FROM parts WHERE at = '2024-01-05'",
        "SELECT id FROM recent WHERE area = 2",
        "INSERT INTO parts VALUES ('2024-01-09', 5)",
        "WITH moved AS (DELETE FROM parts_1 WHERE kind = 77 RETURNING at) INSERT INTO parts SELECT at, 3 FROM moved",
        "UPDATE orders SET email = 'new', note = upper('x') WHERE id IN (SELECT \"Product Id\" FROM \"Line Item\" WHERE \"limit\" < 2 AND \"Product Id\" = 3)",
        "INSERT INTO orders VALUES (1, 1, 'c', now(), 'e', 'n') ON CONFLICT (id) DO UPDATE SET note = 'again'",
    ] {
        app.simple_query(sql)
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
    let capture = captured(&lab, ALL).await.unwrap();
    let text = &capture.text;
    for line in [
        "-- param product_id, limit: row \"My App\".\"Line Item\"(\"Product Id\", limit)",
        "-- param at: column public.parts.at",
        "-- param area: column public.recent.area",
        "-- param at, kind: row public.parts(at, kind) with nulls",
        "-- param kind: column public.parts_1.kind",
        "-- param email: text 16",
        "row \"My App\".\"Line Item\"(limit, \"Product Id\")",
        "row public.orders(id, area, city, email, note) with nulls",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(capture.statements, 8, "{text}");
}
