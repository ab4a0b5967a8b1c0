//! `dbperf explain` as a user runs it.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::{each_version, value};
use crate::{explain, filled, json, log_from, log_length, newest, run, told};

/// The EXPLAIN statements of a log, each by its options, and the ends of its transactions.
fn ladder(log: &str) -> Vec<String> {
    let mut rungs = Vec::new();
    for line in log.lines() {
        // The extended protocol logs `execute NAME: TEXT`.
        let Some((_, text)) = line.split_once("execute ") else {
            continue;
        };
        let Some((_, text)) = text.split_once(": ") else {
            continue;
        };
        if let Some(rest) = text.strip_prefix("EXPLAIN /* dbperf */ (") {
            rungs.push(rest.split(", FORMAT").next().unwrap().to_owned());
        } else if text.starts_with("BEGIN /* dbperf */ READ ") || text == "ROLLBACK /* dbperf */" {
            rungs.push(text.to_owned());
        }
    }
    rungs
}

#[test]
fn the_ladder_is_climbed_as_far_as_was_asked_and_no_further() {
    each_version(async |major| {
        let Some((lab, _client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        let memory = if major >= 17 { ", MEMORY" } else { "" };
        let estimate = format!("VERBOSE, SETTINGS, BUFFERS, SUMMARY{memory}");
        let rung = |how: &str| {
            [
                "BEGIN /* dbperf */ READ ONLY".to_owned(),
                how.to_owned(),
                "ROLLBACK /* dbperf */".to_owned(),
            ]
        };
        let types = [
            "BEGIN /* dbperf */ READ ONLY".to_owned(),
            "ROLLBACK /* dbperf */".to_owned(),
        ];

        let from = log_length(&lab);
        let (code, stdout, stderr) = run(&dsn, &["SELECT * FROM people WHERE id = 7"]);
        assert_eq!(code, 0, "{major}: {stderr}");
        assert!(
            stdout.contains("Index Scan using people_pkey on people"),
            "{major}: {stdout}"
        );
        assert_eq!(
            ladder(&log_from(&lab, from)),
            [&types[..], &rung(&estimate)].concat(),
            "{major}"
        );

        let from = log_length(&lab);
        let read = [
            "SELECT count(*) FROM people WHERE age > $1",
            "--param",
            "5",
            "--analyze",
        ];
        let document = json(&dsn, &read);
        let coarse = rung("ANALYZE, VERBOSE, SETTINGS, BUFFERS, WAL, SUMMARY, TIMING OFF");
        let serialize = if major >= 17 {
            ", MEMORY, SERIALIZE TEXT"
        } else {
            ""
        };
        let fine = rung(&format!(
            "ANALYZE, VERBOSE, SETTINGS, BUFFERS, WAL, SUMMARY{serialize}"
        ));
        let expected = [&types[..], &rung(&estimate), &coarse, &fine].concat();
        assert_eq!(ladder(&log_from(&lab, from)), expected, "{major}");

        let statement = &document["statements"][0];
        let plan = &statement["plan"];
        assert_eq!(plan["serialization_ms"].is_number(), major >= 17, "{major}");
        assert!(plan["wal_bytes"].is_u64(), "{major}: {plan:#}");
        assert_eq!(
            statement["parameter_types"],
            serde_json::json!(["int4"]),
            "{major}"
        );
        let plan = &statement["plan"];
        assert_eq!(plan["text_ref"], "analyzed", "{major}: {plan}");
        let nodes = plan["nodes"].as_array().unwrap();
        let own: f64 = nodes.iter().map(|n| n["own_ms"].as_f64().unwrap()).sum();
        let whole = nodes[0]["elapsed_ms"].as_f64().unwrap();
        assert!(
            (own - whole).abs() < 1e-6 * whole.max(1.0),
            "{major}: {own} of {whole}"
        );
        assert_eq!(
            nodes.last().unwrap()["actual_rows"],
            18_663.0,
            "{major}: {plan}"
        );

        let from = log_length(&lab);
        let document = json(&dsn, &["SELECT * FROM people WHERE id = $1", "--analyze"]);
        assert_eq!(
            ladder(&log_from(&lab, from)),
            [&types[..], &rung(&estimate)].concat(),
            "{major}"
        );
        // The setting that makes the plan generic is not the user's.
        let settings = &document["statements"][0]["plan"]["settings"];
        assert_eq!(*settings, serde_json::json!({}), "{major}");
        assert_eq!(
            document["statements"][0]["plan"]["text_ref"], "generic",
            "{major}"
        );
        assert_eq!(
            document["statements"][0]["plan"]["nodes"][0]["conditions"][0],
            "Index Cond: (people.id = $1)",
            "{major}"
        );
    });
}

#[test]
fn a_statement_is_found_by_its_id_and_what_cannot_be_found_says_why() {
    each_version(async |major| {
        let Some((lab, client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        client
            .batch_execute("CREATE DATABASE elsewhere")
            .await
            .unwrap();
        client
            .query("SELECT name FROM people WHERE age = $1", &[&3])
            .await
            .unwrap();
        let of = "SELECT queryid::text FROM pg_stat_statements WHERE query LIKE 'SELECT name FROM people%'";
        let id = value(&client, of).await;
        let document = json(&dsn, &["--query-id", &id]);
        let statement = &document["statements"][0];
        assert_eq!(
            statement["query"], "SELECT name FROM people WHERE age = $1",
            "{major}"
        );
        assert_eq!(
            statement["plan"]["text_ref"], "generic",
            "{major}: {statement}"
        );
        if major >= 14 {
            assert_eq!(
                statement["query_id"],
                id.as_str(),
                "{major}: the same statement to the server"
            );
        }
        let told = |dsn: &str, id: &str| {
            let (code, _, stderr) = run(dsn, &["--query-id", id]);
            assert_eq!(code, 3, "{major}: {stderr}");
            stderr
        };
        assert!(
            told(&dsn, "-42").contains("no statement with queryid -42"),
            "{major}"
        );
        let elsewhere = dsn.replace("dbname=postgres", "dbname=elsewhere");
        assert!(
            told(&elsewhere, &id).contains("does not have"),
            "{major}: no extension there"
        );
        let there = connect_to(&elsewhere).await;
        there
            .batch_execute("CREATE EXTENSION pg_stat_statements")
            .await
            .unwrap();
        let other = told(&elsewhere, &id);
        assert!(
            other.contains("ran in database postgres"),
            "{major}: {other}"
        );
        let poor = dsn.replace("user=postgres", "user=poor");
        let hidden = told(&poor, &id);
        assert!(
            hidden.contains("hidden from poor") && hidden.contains("pg_read_all_stats"),
            "{major}: {hidden}"
        );
    });
}

async fn connect_to(dsn: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(dsn, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

#[test]
fn values_have_to_fit_and_null_is_a_value() {
    each_version(async |major| {
        let Some((lab, _client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        let text = "SELECT * FROM people WHERE name = $1 AND age > $2";
        let (code, _, stderr) = run(&dsn, &[text, "--param", "x"]);
        assert_eq!(code, 2, "{major}");
        assert!(
            stderr.contains("2 parameter(s) (text, int4), and 1 value(s)"),
            "{major}: {stderr}"
        );
        let (code, _, stderr) = run(&dsn, &["SELECT 1", "--param", "x"]);
        assert_eq!(
            (code, stderr.contains("has 0 parameter(s)")),
            (2, true),
            "{major}: {stderr}"
        );
        let (code, _, stderr) = run(&dsn, &["SELECT 1; SELECT 2", "--param", "x"]);
        assert_eq!(
            (code, stderr.contains("one by one")),
            (2, true),
            "{major}: {stderr}"
        );
        let (code, _, stderr) = run(&dsn, &[text, "--param", "x", "--param", "old"]);
        assert_eq!(code, 3, "{major}");
        assert!(
            stderr.contains("\"old\""),
            "{major}: what the user typed may be quoted: {stderr}"
        );
        let null = json(
            &dsn,
            &[text, "--param", r"\N", "--param", "-3", "--analyze"],
        );
        let nodes = null["statements"][0]["plan"]["nodes"]
            .as_array()
            .unwrap()
            .clone();
        assert_eq!(
            nodes[0]["actual_rows"], 0.0,
            "{major}: nothing equals NULL: {null}"
        );
        let untold = run(&dsn, &["SELECT $1 IS NULL"]);
        assert!(
            untold.2.contains("$1::type") || untold.0 == 0,
            "{major}: {untold:?}"
        );
    });
}

#[test]
fn what_could_do_harm_is_planned_and_not_executed() {
    each_version(async |major| {
        let Some((lab, client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        let from = log_length(&lab);
        for (text, why) in [
            ("DELETE FROM people", "--analyze-dml with --target-db"),
            (
                "SELECT * FROM people FOR UPDATE",
                "--analyze-dml with --target-db",
            ),
            (
                "WITH gone AS (DELETE FROM pets RETURNING *) SELECT * FROM gone",
                "plain SELECT",
            ),
            ("SELECT pg_sleep(30)", "pg_sleep"),
            ("SELECT pg_advisory_lock(7)", "pg_advisory"),
            ("SELECT nextval('pets_id_seq')", "nextval"),
        ] {
            let (code, stdout, stderr) = run(&dsn, &[text, "--analyze"]);
            assert_eq!(code, 3, "{major} {text}: {stdout}");
            assert!(
                stderr.contains("not executed") && stderr.contains(why),
                "{major} {text}: {stderr}"
            );
            assert!(
                stdout.contains("Own cost"),
                "{major} {text}: the plan is there: {stdout}"
            );
        }
        // Two statements are two: neither reaches the server as one message, and COMMIT has no plan.
        let (_, stdout, _) = run(
            &dsn,
            &["COMMIT; INSERT INTO people VALUES (0)", "--analyze"],
        );
        assert!(stdout.contains("utility command"), "{major}: {stdout}");
        assert!(
            !log_from(&lab, from).contains("(ANALYZE"),
            "{major}: something was executed"
        );
        let count =
            "SELECT count(*)::text || ' ' || (SELECT last_value FROM pets_id_seq) FROM people";
        assert_eq!(value(&client, count).await, "20000 1", "{major}");
    });
}

#[test]
fn what_costs_or_takes_too_much_stays_a_plan() {
    each_version(async |major| {
        let Some((lab, _client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        let cross = "SELECT count(*) FROM people a, people b WHERE a.age + b.age > 5";
        let (code, _, stderr) = run(&dsn, &[cross, "--analyze", "--max-cost", "100"]);
        assert_eq!(code, 3, "{major}");
        assert!(
            stderr.contains("above the limit of 100"),
            "{major}: {stderr}"
        );
        // It would take a minute; its plan alone is bounded too, and six servers make it at once.
        let short = [
            cross,
            "--analyze",
            "--max-cost",
            "1e15",
            "--statement-timeout",
            "2s",
        ];
        let (code, stdout, stderr) = run(&dsn, &short);
        assert_eq!(code, 3, "{major}");
        assert!(
            stderr.contains("took too long") && stdout.contains("Nested Loop"),
            "{major}: {stderr}{stdout}"
        );
    });
}

#[test]
fn constants_are_in_no_output_unless_they_are_asked_for() {
    each_version(async |major| {
        let Some((lab, _client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        let typed = "SELECT * FROM people WHERE name = 'canary777' AND age > 41";
        let given = [
            "SELECT * FROM people WHERE name = $1",
            "--param",
            "canary777",
        ];
        for format in ["text", "json", "markdown"] {
            for asked in [&[typed][..], &given] {
                for analyze in [&[][..], &["--analyze"]] {
                    let arguments = [asked, analyze, &["--format", format]].concat();
                    let (code, stdout, stderr) = run(&dsn, &arguments);
                    assert_eq!(code, 0, "{major}: {stderr}");
                    assert!(!stdout.contains("canary777"), "{major} {format}: {stdout}");
                    assert!(!stdout.contains("> 41"), "{major} {format}: {stdout}");
                    assert!(stdout.contains("$?"), "{major} {format}: {stdout}");
                }
            }
            let (_, stdout, _) = run(&dsn, &[typed, "--include-literals", "--format", format]);
            assert!(
                stdout.contains("'canary777'::text"),
                "{major} {format}: {stdout}"
            );
        }
    });
}

#[tokio::test]
async fn a_file_has_each_of_its_statements_explained() {
    let Some((lab, _client)) = filled(newest()).await else {
        return;
    };
    let dsn = lab.primary().dsn();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("some.sql");
    let text = "-- first\nSELECT * FROM people WHERE id = 7;\n\nSELECT * FROM nowhere;\nSET work_mem = '1MB';\n";
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap();
    let (code, stdout, stderr) = run(&dsn, &[name]);
    assert_eq!(code, 3, "{stdout}");
    assert!(
        stderr.contains("some.sql:4: there is no plan: relation \"nowhere\""),
        "{stderr}"
    );
    for part in [
        "some.sql:2",
        "Index Scan using people_pkey",
        "some.sql:5",
        "utility command",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    // With the server in front, and from standard input.
    let (code, ..) = told(&explain("host=/nowhere", &[&dsn, name]).output().unwrap());
    assert_eq!(code, 3);
    let mut child = explain(&dsn, &["-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"SELECT count(*) FROM people")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("Seq Scan on people"));
    std::fs::write(&file, "SELEC 1").unwrap();
    assert_eq!(run(&dsn, &[name]).0, 4);
    assert_eq!(run(&dsn, &["SELEC 1"]).0, 2);
    let (code, _, stderr) = run(&dsn, &["SELECT * FROM nowhere"]);
    assert_eq!(
        (code, stderr.contains("search_path")),
        (3, true),
        "{stderr}"
    );
}
