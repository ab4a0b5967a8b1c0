//! `--analyze-dml`: executed, rolled back, and refused where that could do harm.

use crate::support::{connect, each_version, value};
use crate::{filled, json, log_from, log_length, run};

const CHANGE: [&str; 3] = ["--analyze-dml", "--target-db", "postgres"];

#[test]
fn a_change_is_executed_once_and_undone() {
    each_version(async |major| {
        let Some((lab, client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        let from = log_length(&lab);
        let insert =
            "INSERT INTO pets (owner, name) SELECT id, 'canary' FROM people WHERE id <= 50";
        let document = json(&dsn, &[&[insert][..], &CHANGE].concat());
        let statement = &document["statements"][0];
        assert_eq!(
            statement["plan"]["text_ref"], "analyzed",
            "{major}: {statement}"
        );
        let nodes = statement["plan"]["nodes"].as_array().unwrap();
        assert_eq!(nodes[0]["label"], "Insert on pets", "{major}");
        assert!(
            nodes.iter().any(|n| n["actual_rows"] == 50.0),
            "{major}: it was executed: {statement}"
        );
        assert!(
            statement["plan"]["trigger_ms"].as_f64().unwrap() > 0.0,
            "{major}: the foreign key was checked"
        );
        let said = statement["notes"].to_string();
        assert!(
            said.contains("bytes of WAL") && said.contains("pets_id_seq"),
            "{major}: {said}"
        );
        assert!(!document.to_string().contains("canary"), "{major}");
        let left = "SELECT (SELECT count(*) FROM pets) || ' ' || last_value FROM pets_id_seq";
        assert_eq!(
            value(&client, left).await,
            "0 50",
            "{major}: rows gone, the sequence went on"
        );
        let log = log_from(&lab, from);
        let executed = log.matches("EXPLAIN /* dbperf */ (ANALYZE").count();
        assert_eq!(
            executed, 1,
            "{major}: every execution leaves something behind"
        );
        let begins = log.find("BEGIN /* dbperf */ READ WRITE").unwrap();
        assert!(
            log[begins..].contains("ROLLBACK") && !log.contains("COMMIT"),
            "{major}"
        );
    });
}

#[test]
fn locking_reads_and_merges_are_changes_and_a_plain_select_is_none() {
    each_version(async |major| {
        let Some((lab, client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        let executed = |text: &str| {
            let document = json(&dsn, &[&[text][..], &CHANGE].concat());
            let plan = document["statements"][0]["plan"].clone();
            assert_eq!(plan["text_ref"], "analyzed", "{major} {text}: {document}");
        };
        executed("SELECT * FROM people WHERE id < 5 FOR UPDATE");
        executed("DELETE FROM people WHERE id = 3");
        executed("UPDATE people SET age = age + 1 WHERE id < 9");
        if major >= 15 {
            executed(
                "MERGE INTO people p USING (SELECT 7 AS id) s ON p.id = s.id WHEN MATCHED THEN UPDATE SET age = 0 \
                 WHEN NOT MATCHED THEN INSERT VALUES (s.id)",
            );
        }
        let from = log_length(&lab);
        executed("SELECT count(*) FROM people");
        assert!(!log_from(&lab, from).contains("READ WRITE"), "{major}");
        let sum = "SELECT count(*) || ' ' || sum(age) FROM people";
        let (count, ages) = (20_000, (1..=20_000).map(|i| i % 90).sum::<i32>());
        assert_eq!(
            value(&client, sum).await,
            format!("{count} {ages}"),
            "{major}"
        );
    });
}

#[test]
fn a_change_is_refused_where_it_could_do_harm() {
    each_version(async |major| {
        let Some((lab, client)) = filled(major).await else {
            return;
        };
        let dsn = lab.primary().dsn();
        let from = log_length(&lab);
        let refused = |dsn: &str, arguments: &[&str], code: i32, why: &str| {
            let (told, stdout, stderr) = run(dsn, arguments);
            assert_eq!(told, code, "{major} {arguments:?}: {stdout}{stderr}");
            assert!(stderr.contains(why), "{major} {arguments:?}: {stderr}");
        };
        let delete = "DELETE FROM pets";
        refused(&dsn, &[delete, "--analyze-dml"], 2, "--target-db postgres");
        refused(
            &dsn,
            &[delete, "--analyze-dml", "--target-db", "shop"],
            3,
            "nothing was executed",
        );
        let watched = "INSERT INTO watched VALUES (1)";
        let with = |text, more: &[&'static str]| [&[text][..], &CHANGE, more].concat();
        refused(&dsn, &with(watched, &[]), 3, "noted on watched (note)");
        refused(
            &dsn,
            &with(
                "INSERT INTO watched SELECT 1 FROM pg_sleep(1)",
                &["--allow", "triggers"],
            ),
            3,
            "pg_sleep",
        );
        refused(&dsn, &with("TRUNCATE people", &[]), 3, "utility command");
        refused(
            &dsn,
            &with("SELECT * INTO copied FROM people", &[]),
            3,
            "no SELECT that locks",
        );
        client
            .batch_execute("CREATE DATABASE shop_prod")
            .await
            .unwrap();
        let production = dsn.replace("dbname=postgres", "dbname=shop_prod");
        let named = [
            "DELETE FROM pg_description",
            "--analyze-dml",
            "--target-db",
            "shop_prod",
        ];
        refused(&production, &named, 3, "--allow production-name");
        let mut others = Vec::new();
        for _ in 0..6 {
            others.push(connect(lab.primary()).await);
        }
        refused(&dsn, &with(delete, &[]), 3, "--allow other-sessions");
        assert!(
            !log_from(&lab, from).contains("(ANALYZE"),
            "{major}: something was executed"
        );
        let (code, stdout, stderr) = run(&dsn, &with(delete, &["--allow", "other-sessions"]));
        assert_eq!(code, 0, "{major}: {stdout}{stderr}");
        drop(others);
        let fires = with(
            watched,
            &["--allow", "triggers", "--allow", "other-sessions"],
        );
        let (code, stdout, _) = run(&dsn, &fires);
        assert_eq!(code, 0, "{major}: {stdout}");
        assert!(
            stdout.contains("Triggers fired: noted on watched"),
            "{major}: {stdout}"
        );
        assert_eq!(
            value(&client, "SELECT count(*)::text FROM watched").await,
            "0",
            "{major}"
        );
    });
}
