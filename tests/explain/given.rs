//! Plans that are there already: as text and as JSON they are the same, and logs of `auto_explain` hold them all.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dbperf::analyze::plans::tree::PlanTree;
use dbperf::import::plan::plans;
use dbperf::lab::LabOptions;
use serde_json::{Map, Value};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::{connect, each_version, lab};
use crate::{explain, logging_plans, told};

const TABLES: &str = "
    CREATE TABLE people (id int PRIMARY KEY, name text, age int, \"odd \"\"name\" int);
    INSERT INTO people SELECT i, 'name ' || i, i % 90, i FROM generate_series(1, 20000) i;
    CREATE INDEX by_age ON people (age);
    CREATE INDEX \"by Name\" ON people (lower(name));
    CREATE TABLE pets (id serial PRIMARY KEY, owner int, name text);
    INSERT INTO pets (owner, name) SELECT 1 + i % 20000, 'pet' || i % 7 FROM generate_series(1, 40000) i;
    CREATE INDEX ON pets (owner);
    CREATE TABLE days (day int, n int) PARTITION BY RANGE (day);
    CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (1) TO (100);
    CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM (100) TO (200);
    INSERT INTO days SELECT 1 + i % 199, i FROM generate_series(1, 5000) i;
    CREATE SCHEMA \"S 1\"; CREATE TABLE \"S 1\".\"T.x\" AS SELECT generate_series(1, 100) AS a;
    ANALYZE;";

/// Statements whose plans have nodes of every kind that a server without extensions has.
const STATEMENTS: [&str; 36] = [
    "SELECT 1",
    "SELECT * FROM people WHERE id = 7",
    "SELECT id FROM people WHERE id < 50 ORDER BY id DESC LIMIT 3",
    "SELECT * FROM people WHERE age = 5 AND id > 10000",
    "SELECT * FROM people WHERE age = 5 OR id < 30",
    "SELECT * FROM people WHERE age = 5 AND name LIKE 'name 1%'",
    "SELECT * FROM people WHERE lower(name) = 'name 9'",
    "SELECT \"odd \"\"name\" FROM people p ORDER BY name, age DESC",
    "SELECT age, count(*), sum(id) FROM people GROUP BY age",
    "SELECT age, count(*) FROM people GROUP BY age HAVING count(*) > 3 ORDER BY age LIMIT 5",
    "SELECT count(DISTINCT age) FROM people",
    "SELECT DISTINCT age FROM people",
    "SELECT * FROM people p JOIN pets t ON t.owner = p.id WHERE p.age = 3",
    "SELECT * FROM people p LEFT JOIN pets t ON t.owner = p.id WHERE p.id < 9",
    "SELECT * FROM people p WHERE EXISTS (SELECT FROM pets t WHERE t.owner = p.id AND t.name = 'pet3')",
    "SELECT * FROM people p WHERE NOT EXISTS (SELECT FROM pets t WHERE t.owner = p.id)",
    "SELECT * FROM people p FULL JOIN pets t ON t.owner = p.id",
    "SELECT p.id, (SELECT count(*) FROM pets t WHERE t.owner = p.id) FROM people p WHERE p.id < 20",
    "SELECT * FROM people WHERE age > (SELECT avg(age) FROM people) AND id < 100",
    "WITH r AS MATERIALIZED (SELECT * FROM people WHERE age = 7) SELECT * FROM r a JOIN r b USING (id)",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT sum(i) FROM n",
    "SELECT * FROM days WHERE day BETWEEN 50 AND 150",
    "SELECT * FROM days WHERE day < 20 ORDER BY n LIMIT 4",
    "SELECT * FROM generate_series(1, 10) g JOIN people p ON p.id = g",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b, c')) v (a, b) WHERE a > 1",
    "SELECT id, rank() OVER (PARTITION BY age ORDER BY id) FROM people WHERE id < 200",
    "SELECT age FROM people WHERE id < 50 EXCEPT SELECT age FROM people WHERE id > 19000",
    "SELECT age FROM people WHERE id < 50 UNION SELECT owner FROM pets WHERE id < 50",
    "SELECT * FROM \"S 1\".\"T.x\" t WHERE a = 5",
    "SELECT * FROM people WHERE ctid = '(0,1)'",
    "SELECT * FROM people WHERE id = ANY ('{1,2,3}') OR name = 'a: b, (c'",
    "SELECT * FROM people WHERE id < 5 FOR UPDATE",
    "SELECT * FROM people WHERE false",
    "INSERT INTO pets (owner, name) SELECT id, 'x' FROM people WHERE id < 5",
    "UPDATE people SET age = age + 1 WHERE id < 5",
    "DELETE FROM pets USING people WHERE pets.owner = people.id AND people.id = 5",
];

/// What two executions of one statement may tell differently, or what only the clock knows.
fn is_volatile(key: &str) -> bool {
    key == "Heap Fetches"
        || key.contains("Time")
        || key.contains("Blocks")
        || key.starts_with("WAL")
        || key == "Planning"
        || key == "Workers"
}

/// What the text form leaves out where it says nothing, or where another line says it.
fn may_be_left_out(key: &str, value: &Value) -> bool {
    let nothing = match value {
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Null => true,
    };
    nothing
        || matches!(
            key,
            "Inner Unique"
                | "Triggers"
                | "Strategy"
                | "Original Hash Buckets"
                | "Original Hash Batches"
        )
}

fn same(place: &str, text: &Map<String, Value>, json: &Map<String, Value>) {
    for (key, told) in text.iter().filter(|(key, _)| !is_volatile(key)) {
        let Some(known) = json.get(key) else {
            assert!(
                may_be_left_out(key, told),
                "{place}: only the text has {key}: {told}"
            );
            continue;
        };
        match (key.as_str(), told, known) {
            ("Plans", Value::Array(text), Value::Array(json)) => {
                assert_eq!(text.len(), json.len(), "{place}: children");
                for (text, json) in text.iter().zip(json) {
                    let place = format!("{place} / {}", json["Node Type"]);
                    same(&place, text.as_object().unwrap(), json.as_object().unwrap());
                }
            }
            ("Plan", Value::Object(text), Value::Object(json)) => same(place, text, json),
            // Up to 13 the children of a change are its members.
            ("Parent Relationship", _, Value::String(member)) if member == "Member" => {}
            (_, Value::Number(text), Value::Number(json)) => {
                assert_eq!(text.as_f64(), json.as_f64(), "{place}: {key}");
            }
            _ => assert_eq!(told, known, "{place}: {key}"),
        }
    }
    for (key, known) in json.iter().filter(|(key, _)| !is_volatile(key)) {
        assert!(
            text.contains_key(key) || may_be_left_out(key, known),
            "{place}: only the JSON has {key}: {known}"
        );
    }
}

/// What EXPLAIN answers, line by line.
async fn lines(client: &Client, sql: &str) -> String {
    let messages = client
        .simple_query(sql)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    let lines = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_plan_as_text_is_the_plan_as_json() {
    each_version(async |major| {
        let Some(lab) = lab(major, LabOptions::default()) else {
            return;
        };
        let client = connect(lab.primary()).await;
        client.batch_execute(TABLES).await.unwrap();
        let parallel = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; \
            SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2";
        let poor = "SET work_mem = '64kB'; SET enable_hashagg = off; SET enable_hashjoin = off; \
            SET max_parallel_workers_per_gather = 0";
        let nested = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_hashagg = on; SET jit_above_cost = 0";
        for (settings, analyze) in [
            ("", false),
            ("", true),
            (parallel, false),
            (poor, true),
            (nested, true),
        ] {
            client
                .batch_execute(&format!("RESET ALL; {settings}"))
                .await
                .unwrap();
            for verbose in ["", ", VERBOSE"] {
                for statement in STATEMENTS {
                    let how = if analyze {
                        "ANALYZE, TIMING OFF, BUFFERS"
                    } else {
                        "COSTS"
                    };
                    let ask = |format: &str| {
                        format!("EXPLAIN ({how}{verbose}, SETTINGS, FORMAT {format}) {statement}")
                    };
                    client.batch_execute("BEGIN").await.unwrap();
                    let text = lines(&client, &ask("TEXT")).await;
                    client.batch_execute("ROLLBACK; BEGIN").await.unwrap();
                    let json = lines(&client, &ask("JSON")).await;
                    client.batch_execute("ROLLBACK").await.unwrap();
                    let place = format!("{major} {settings} {statement}\n{text}\n");
                    let read = |content: &str| {
                        let found = plans(content).unwrap_or_else(|e| panic!("{place}{e}"));
                        found.into_iter().next().unwrap().document
                    };
                    let (text, json) = (read(&text), read(&json));
                    same(&place, text.as_object().unwrap(), json.as_object().unwrap());
                    let labels = |plan: &Value| {
                        let tree = PlanTree::read(plan).unwrap();
                        let mut labels = Vec::new();
                        walk(&tree.root, &mut labels);
                        labels
                    };
                    assert_eq!(labels(&text), labels(&json), "{place}");
                }
            }
        }
    });
}

fn walk(node: &dbperf::analyze::plans::tree::Node, labels: &mut Vec<String>) {
    labels.push(node.label());
    node.children.iter().for_each(|child| walk(child, labels));
}

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(path)
}

fn document(arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    let (code, stdout, stderr) = told(&explain("host=/nowhere", &arguments).output().unwrap());
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn a_log_has_as_many_plans_as_were_written_whatever_its_format() {
    for major in [13, 15, 16, 17, 18] {
        let truth: Value = serde_json::from_slice(
            &fs::read(fixture(&format!("pglog/{major}/truth.json"))).unwrap(),
        )
        .unwrap();
        let mut first: Option<Value> = None;
        for format in ["log", "csv", "json"] {
            let file = fixture(&format!("pglog/{major}/auto-explain.{format}.gz"));
            if !file.exists() {
                assert!(major < 15, "jsonlog since 15");
                continue;
            }
            let of_file = &truth["auto-explain"]["files"][format!("auto-explain.{format}")];
            let all = document(&[file.to_str().unwrap(), "--top", "1000"]);
            let statements = all["statements"].as_array().unwrap();
            let sum = |key: &str| {
                statements
                    .iter()
                    .map(|s| s["logged"][key].as_f64().unwrap())
                    .sum::<f64>()
            };
            let expected = of_file["records"]["duration + plan"].as_f64().unwrap();
            assert!((sum("count") - expected).abs() < 0.5, "{major} {format}");
            let expected = of_file["duration_ms_sum"]["duration + plan"]
                .as_f64()
                .unwrap();
            assert!(
                (sum("total_ms") - expected).abs() < 1e-6 * expected,
                "{major} {format}"
            );
            let longest: Vec<f64> = statements
                .iter()
                .map(|s| s["logged"]["max_ms"].as_f64().unwrap())
                .collect();
            assert!(
                longest.is_sorted_by(|a, b| a >= b),
                "{major} {format}: the slowest first"
            );
            for statement in statements {
                let nodes = statement["plan"]["nodes"].as_array().unwrap();
                assert!(
                    !nodes.is_empty() && statement["query"].is_string(),
                    "{major} {format}: {statement}"
                );
                assert_eq!(
                    statement["plan"]["text_ref"], "analyzed",
                    "{major} {format}"
                );
            }
            // The same events in another format.
            let plans = all["statements"].clone();
            assert_eq!(
                *first.get_or_insert_with(|| plans.clone()),
                plans,
                "{major} {format}"
            );
        }
        let log = fixture(&format!("pglog/{major}/auto-explain.log.gz"));
        let short = document(&[log.to_str().unwrap(), "--top", "2"]);
        assert_eq!(short["statements"].as_array().unwrap().len(), 2);
        assert!(
            short["coverage"][0]["reason"]
                .as_str()
                .unwrap()
                .contains("--top")
        );
    }
}

#[test]
fn a_live_server_logs_the_same_in_both_formats() {
    each_version(async |major| {
        for format in ["text", "json"] {
            let more = [
                ("auto_explain.log_buffers", "on"),
                ("auto_explain.log_verbose", "on"),
            ];
            let options = logging_plans(format, &more);
            let Some(lab) = lab(major, options) else {
                continue;
            };
            let client = connect(lab.primary()).await;
            client
                .batch_execute("SET auto_explain.log_min_duration = -1")
                .await
                .unwrap();
            client.batch_execute(TABLES).await.unwrap();
            client
                .batch_execute("SET auto_explain.log_min_duration = 0")
                .await
                .unwrap();
            for age in [3, 4] {
                let sql = format!(
                    "SELECT count(*)\nFROM people -- Seq Scan on no  (cost=1.00..1.00 rows=1 width=1)\n WHERE name = 'canary{age}'"
                );
                client.simple_query(&sql).await.unwrap();
            }
            client
                .query("SELECT * FROM people WHERE id = $1", &[&5])
                .await
                .unwrap();
            let log = lab.primary().log_file();
            let all = document(&[log.to_str().unwrap()]);
            let statements = all["statements"].as_array().unwrap();
            assert_eq!(statements.len(), 2, "{major} {format}: {all}");
            let counted = statements
                .iter()
                .find(|s| s["logged"]["count"] == 2)
                .unwrap();
            let nodes = counted["plan"]["nodes"].as_array().unwrap();
            let scan = nodes.last().unwrap();
            assert_eq!(
                scan["label"], "Seq Scan on people",
                "{major} {format}: {counted}"
            );
            assert_eq!(
                scan["conditions"][0], "Filter: (people.name = $?::text)",
                "{major} {format}"
            );
            assert_eq!(
                scan["details"][0], "Rows Removed by Filter: 20,000",
                "{major} {format}"
            );
            assert!(
                scan["shared_hit_blocks"].as_f64().unwrap() > 0.0,
                "{major} {format}"
            );
            let insights = counted["plan"]["insights"].to_string();
            assert!(
                insights.contains("filter-discards-rows"),
                "{major} {format}: {insights}"
            );
            assert!(!all.to_string().contains("canary"), "{major} {format}");
            let shown = document(&[log.to_str().unwrap(), "--include-literals"]);
            assert!(shown.to_string().contains("canary"), "{major} {format}");
        }
    });
}

#[test]
fn a_plan_needs_no_server_and_flags_for_one_are_refused() {
    let plan = "[{\"Plan\": {\"Node Type\": \"Seq Scan\", \"Relation Name\": \"t\", \"Total Cost\": 10.5, \
        \"Plan Rows\": 5, \"Plan Width\": 4, \"Filter\": \"(a = 'canary'::text)\"}}]";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    fs::write(&file, plan).unwrap();
    let name = file.to_str().unwrap();
    let all = document(&[name]);
    assert_eq!(
        all["statements"][0]["plan"]["nodes"][0]["conditions"][0],
        "Filter: (a = $?::text)"
    );
    let shown = document(&[name, "--include-literals"]);
    assert!(shown.to_string().contains("canary"));
    let mut child = explain("host=/nowhere", &["-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(plan.as_bytes())
        .unwrap();
    let (code, stdout, _) = told(&child.wait_with_output().unwrap());
    assert_eq!(
        (code, stdout.contains("Seq Scan on t")),
        (0, true),
        "{stdout}"
    );
    for arguments in [
        &["postgres://h/db", name][..],
        &[name, "--analyze"],
        &[name, "--param", "1"],
        &[name, "--top", "3"],
        &["SELECT 1", "--top", "3"],
        &["SELECT 1", "--prefix", "%m "],
    ] {
        let (code, _, stderr) = told(&explain("host=/nowhere", arguments).output().unwrap());
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
    }
    fs::write(&file, "{\"no\": \"plan\"}").unwrap();
    let (code, _, stderr) = told(&explain("host=/nowhere", &[name]).output().unwrap());
    assert_eq!(
        (code, stderr.contains("without a `Plan`")),
        (4, true),
        "{stderr}"
    );
    let log = fixture("pglog/17/minduration.log.gz");
    let (code, _, stderr) = told(
        &explain("host=/nowhere", &[log.to_str().unwrap()])
            .output()
            .unwrap(),
    );
    assert_eq!(
        (code, stderr.contains("there is no plan in its")),
        (4, true),
        "{stderr}"
    );
}
