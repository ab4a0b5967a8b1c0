//! The whole way: a profile with plans of a source, and a database that is filled from it and compared with it.

use dbperf::lab::LabOptions;
use serde_json::Value;

use super::command::{dbperf, finish};
use super::made::run;
use super::support::{connect, connect_to, each_version, lab, left_sessions, value};

const SHOP: &str = "CREATE TABLE customer (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE, region text NOT NULL);
CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customer, status text NOT NULL,
    amount numeric(10, 2) NOT NULL CHECK (amount > 0), placed timestamptz NOT NULL, note text);
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_placed ON orders (placed);";

const ROWS: &str = "INSERT INTO customer SELECT i, 'canary' || i || '@example.org', (ARRAY['n', 's', 'e'])[1 + i * i % 3]
    FROM generate_series(1, 2000) AS i;
INSERT INTO orders SELECT i, 1 + (i::bigint * i % 1999) * (i % 1000) / 1000, CASE WHEN i % 50 = 0 THEN 'new' ELSE 'done' END,
    1 + i * 7919 % 90000 / 100.0, '2026-01-01'::timestamptz + i * interval '5 min', CASE WHEN i % 4 = 0 THEN 'wanted' END
    FROM generate_series(1, 20000) AS i";

const WORKLOAD: &str = "-- dbperf workload
-- operation: look
-- param id: uniform 1 2000
-- statement: customer
SELECT email FROM customer WHERE id = :id;
-- statement: orders
SELECT id FROM orders WHERE customer_id = :id;
-- operation: report
-- statement: regions
SELECT c.region, sum(o.amount) FROM customer c JOIN orders o ON o.customer_id = c.id GROUP BY c.region;
";

/// A profile of a database without tables.
const EMPTY: &str = r#"{ "dbperf_profile": 1, "dbperf_version": "0.1.0", "collected_at": "2026-11-29T12:00:00Z",
    "server_version_num": 170000, "values": "hash", "schema": { "tables": [] }, "tables": [] }"#;

/// One more, of a table that is not there.
const MORE: &str = "-- statement: nowhere
SELECT 1 FROM nowhere;
";

#[test]
fn what_was_loaded_is_compared_with_its_profile() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("w.sql"), WORKLOAD).unwrap();
        std::fs::write(path("more.sql"), format!("{WORKLOAD}{MORE}")).unwrap();
        let client = connect(lab.primary()).await;
        run(
            &client,
            &["CREATE DATABASE shop", SHOP, ROWS, "VACUUM ANALYZE"],
        )
        .await;
        let source = lab.primary().dsn();
        let target = source.replace("dbname=postgres", "dbname=shop");
        let shop = connect_to(&target).await;
        run(&shop, &[SHOP]).await;
        let (profile, workload) = (path("p.json"), path("w.sql"));
        let read = ["profile", &source, "-o", &profile, "--workload", &workload];
        let (code, _, words) = finish(&mut dbperf(&read));
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");

        let more = path("more.sql");
        let seed = |rest: &[&str]| {
            let first = [
                "seed",
                &target,
                "--target-db",
                "shop",
                "--profile",
                &profile,
            ];
            finish(&mut dbperf(&[&first, rest].concat()))
        };
        let (code, out, words) = seed(&["--workload", &more, "--format", "json"]);
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        compared(major, &serde_json::from_str(&out).unwrap());
        assert!(!out.contains("canary"), "PostgreSQL {major}");
        assert_eq!(left_sessions(&shop).await, 0);
        assert_eq!(
            value(&shop, "SELECT count(*)::text FROM orders").await,
            "20000"
        );

        // Without the workload, and as text.
        run(&shop, &["TRUNCATE orders, customer"]).await;
        let (code, out, words) = seed(&[]);
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        for part in [
            "Loaded tables",
            "To source",
            "Fidelity",
            "Plans as on the source",
            "--workload names the workload",
        ] {
            assert!(out.contains(part), "PostgreSQL {major}: {part}: {out}");
        }
    });
}

/// The document of a load that was compared.
fn compared(major: u32, document: &Value) {
    let schema = finish(&mut dbperf(&["schema"])).1;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    jsonschema::validate(&schema, document).unwrap_or_else(|e| panic!("PostgreSQL {major}: {e}"));
    let fidelity = &document["fidelity"];
    let of = |list: &str| fidelity[list].as_array().unwrap();
    assert_eq!(of("tables").len(), 2, "PostgreSQL {major}: {fidelity:#}");
    assert!(
        of("tables")
            .iter()
            .all(|t| t["source_rows"] == t["target_rows"])
    );
    assert_eq!(of("columns").len(), 9);
    // The median over the columns.
    let median = fidelity["median_histogram_distance"].as_f64().unwrap();
    assert!(median <= 0.02, "PostgreSQL {major}: {fidelity:#}");
    assert_eq!(
        fidelity["same_shape_ratio"], 1.0,
        "PostgreSQL {major}: {fidelity:#}"
    );
    let names: Vec<&Value> = of("statements").iter().map(|s| &s["statement"]).collect();
    assert_eq!(
        names,
        ["look / customer", "look / orders", "report / regions"]
    );
    let rows = document["coverage"].as_array().unwrap();
    let row = |name: &str| rows.iter().find(|row| row["collector"] == name).unwrap();
    assert_eq!(row("fidelity")["status"], "ok");
    let plans = row("plans of the workload");
    assert_eq!(plans["status"], "partial", "PostgreSQL {major}: {plans:#}");
    assert_eq!(
        plans["reason"],
        "the profile has no plan of report / nowhere"
    );
}

const EVENTS: &str = "CREATE TABLE events (id int NOT NULL, kind int) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (1000);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (1000) TO (2000);";

/// A month more, which the source does not have.
const NEWER: &str = "CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (2000) TO (3000);";

#[test]
fn a_partition_that_only_the_target_has_is_no_other_plan() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (profile, workload) = (path("p.json"), path("w.sql"));
        let statement = "SELECT count(*) FROM events WHERE kind = :kind;";
        let head = "-- dbperf workload\n-- operation: look\n-- param kind: uniform 1 9\n-- statement: kind";
        std::fs::write(&workload, format!("{head}\n{statement}\n")).unwrap();
        let client = connect(lab.primary()).await;
        let rows = "INSERT INTO events SELECT i, i % 9 FROM generate_series(0, 1999) AS i";
        run(
            &client,
            &["CREATE DATABASE shop", EVENTS, rows, "ANALYZE events"],
        )
        .await;
        let source = lab.primary().dsn();
        let target = source.replace("dbname=postgres", "dbname=shop");
        let shop = connect_to(&target).await;
        run(&shop, &[EVENTS, NEWER]).await;
        let read = ["profile", &source, "-o", &profile, "--workload", &workload];
        let (code, _, words) = finish(&mut dbperf(&read));
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        let first = [
            "seed",
            &target,
            "--target-db",
            "shop",
            "--profile",
            &profile,
        ];
        let rest = ["--workload", &workload, "--format", "json"];
        let (code, out, words) = finish(&mut dbperf(&[&first[..], &rest].concat()));
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        let document: Value = serde_json::from_str(&out).unwrap();
        let [plan] = &document["fidelity"]["statements"].as_array().unwrap()[..] else {
            panic!("PostgreSQL {major}: {document:#}")
        };
        assert_eq!(plan["same_shape"], true, "PostgreSQL {major}: {plan:#}");
        // All three are read.
        let sql = "EXPLAIN SELECT count(*) FROM events WHERE kind = 1";
        let lines = shop.query(sql, &[]).await.unwrap();
        let read = lines.iter().map(|line| line.get::<_, String>(0));
        assert_eq!(read.filter(|line| line.contains("on events_")).count(), 3);
    });
}

#[test]
fn a_profile_without_plans_is_refused_where_a_workload_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("w.sql"), WORKLOAD).unwrap();
    std::fs::write(path("p.json"), EMPTY).unwrap();
    let (profile, workload) = (path("p.json"), path("w.sql"));
    let target = ["seed", "host=/nowhere dbname=shop", "--target-db", "shop"];
    let files = ["--profile", &profile, "--workload", &workload];
    let (code, _, words) = finish(&mut dbperf(&[&target[..], &files].concat()));
    assert_eq!(code, Some(4), "{words}");
    assert!(words.contains("the profile has no plans"), "{words}");
    let (code, _, words) = finish(&mut dbperf(&[&target[..], &files[2..]].concat()));
    assert_eq!(code, Some(2), "{words}");
}
