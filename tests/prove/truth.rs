//! The right verdict is known by construction.

use serde_json::Value;

use super::{Case, READ_TASKS, TASKS, newest, number, tried};
use crate::support::oldest_and_newest;

fn missing<'a>(document: &'a Value, sql: &str) -> Option<&'a Value> {
    let all = document["missing_indexes"].as_array().unwrap();
    all.iter()
        .find(|m| m["create_sql"].as_str().unwrap().contains(sql))
}

fn index<'a>(document: &'a Value, name: &str) -> &'a Value {
    let all = document["indexes"].as_array().unwrap();
    all.iter().find(|index| index["index"] == name).unwrap()
}

fn recommended(document: &Value, text: &str) -> bool {
    let findings = document["findings"].as_array().unwrap();
    findings.iter().any(|f| {
        f["remediation"]["sql"]
            .as_str()
            .is_some_and(|sql| sql.contains(text))
    })
}

#[test]
fn an_index_that_the_workload_needs_is_proved() {
    for major in oldest_and_newest() {
        let case = Case::new(major, TASKS, READ_TASKS);
        let document = case.proved(&["--prove-duration", "18s"]);
        let tried = tried(&document, "public.tasks (owner)");
        let proof = &tried["proof"];
        assert_eq!(proof["verdict"], "proved", "PostgreSQL {major}: {tried:#}");
        // Ten rows by an index instead of all of 150,000: the whole interval is far below one, and both witnesses
        // and the blocks that were touched say so.
        assert!(number(proof, "/interval/high_ratio") < 0.5, "{proof:#}");
        assert!(
            number(proof, "/exec_interval/high_ratio") < 0.5,
            "{proof:#}"
        );
        let blocks = |side: &str| number(proof, &format!("/{side}/blocks_per_call"));
        assert!(
            blocks("before") > 1000.0 && blocks("after") < 50.0,
            "{proof:#}"
        );
        let ratio = number(proof, "/after/mean_ms") / number(proof, "/before/mean_ms");
        assert!(ratio < 0.5, "{proof:#}");
        assert!(number(proof, "/index_scans") > 0.0 && number(proof, "/bytes") > 500_000.0);
        // Two clients without a pause spend two seconds a second: less than that is saved, and more than half.
        let saves = number(proof, "/saves_ms_per_sec");
        assert!((1000.0..2100.0).contains(&saves), "{saves}");

        let missing = missing(&document, "public.tasks (owner)").unwrap();
        assert_eq!(missing["evidence"], "proved");
        assert_eq!(missing["proof"]["verdict"], "proved");
        let findings = document["findings"].as_array().unwrap();
        let finding = findings
            .iter()
            .find(|f| f["rule"] == "missing-index")
            .unwrap();
        assert_eq!(finding["evidence"], "proved");
        assert!(
            finding["detail"]
                .as_str()
                .unwrap()
                .contains("Proved: mean response time")
        );
    }
}

#[test]
fn an_index_that_nothing_uses_is_recommended_no_more() {
    // The planner of this database uses no index at all, which the conditions of its plans do not tell.
    let setup = format!(
        "{TASKS}; ALTER DATABASE postgres SET enable_indexscan = off; ALTER DATABASE postgres SET \
         enable_indexonlyscan = off; ALTER DATABASE postgres SET enable_bitmapscan = off"
    );
    let case = Case::new(newest(), &setup, READ_TASKS);
    let document = case.proved(&["--prove-duration", "15s"]);
    let proof = &tried(&document, "public.tasks (owner)")["proof"];
    assert_eq!(proof["index_scans"], 0, "{proof:#}");
    assert_eq!(proof["verdict"], "no-gain", "{proof:#}");
    assert!(missing(&document, "public.tasks (owner)").is_none());
    assert!(!recommended(&document, "public.tasks (owner)"));
}

#[test]
fn an_index_that_costs_its_writers_more_than_it_gives_is_recommended_no_more() {
    // Updates of a column that no index has stay within their page; with the index each writes into both indexes.
    let setup = "
        CREATE TABLE events (id int PRIMARY KEY, code text) WITH (fillfactor = 40, autovacuum_enabled = off);
        INSERT INTO events SELECT g, md5(g::text) FROM generate_series(1, 20000) g;
        VACUUM ANALYZE events";
    let workload = "-- dbperf workload: events
-- clients: 2
-- pool-size: 2
-- writes
-- operation: write
-- weight: 60
-- param id: uniform 1 19500
UPDATE events SET code = md5(random()::text) WHERE id BETWEEN :id AND :id + 200;
-- operation: read
-- weight: 1
-- param n: uniform 1 20000
SELECT count(*) FROM events WHERE code = md5(:n::text);
";
    let case = Case::new(newest(), setup, workload);
    let document = case.proved(&["--prove-duration", "18s"]);
    let tried = tried(&document, "public.events (code)");
    let proof = &tried["proof"];
    assert_eq!(proof["verdict"], "worse", "{tried:#}");
    assert!(number(proof, "/interval/low_ratio") > 1.0, "{proof:#}");
    assert!(
        number(proof, "/write_cost/wal_bytes_per_call") > 1000.0,
        "{proof:#}"
    );
    assert!(missing(&document, "public.events (code)").is_none());
    assert!(!recommended(&document, "public.events (code)"));
}

#[test]
fn an_index_that_begins_another_one_is_not_missed() {
    let setup = format!(
        "{TASKS}; CREATE INDEX narrow ON tasks (owner); CREATE INDEX wide ON tasks (owner, kind);
         COMMENT ON INDEX narrow IS 'it''s old'"
    );
    // Each request waits for twenty milliseconds, so that other work on this machine moves the mean by little.
    let workload = READ_TASKS.replace("SELECT count(*)", "SELECT pg_sleep(0.02), count(*)");
    let case = Case::new(newest(), &setup, &workload);
    let mut last = Value::Null;
    for seconds in ["15s", "30s", "60s"] {
        let document = case.proved(&["--prove-duration", seconds]);
        let proof = &tried(&document, "public.narrow")["proof"];
        assert_ne!(proof["verdict"], "worse", "{proof:#}");
        if proof["verdict"] == "proved" {
            assert!(number(proof, "/interval/high_ratio") <= 1.05, "{proof:#}");
            assert!(number(proof, "/bytes") < -500_000.0, "{proof:#}");
            let index = index(&document, "narrow");
            assert_eq!(
                (&index["evidence"], &index["verdict"]),
                (&"proved".into(), &"drop-redundant".into())
            );
            assert!(recommended(&document, "public.narrow"));
            return;
        }
        // A machine that is too busy to tell says so, and the recommendation keeps its grade.
        assert_eq!(index(&document, "narrow")["verdict"], "drop-redundant");
        last = proof.clone();
    }
    panic!("three proofs could not tell: {last:#}");
}

#[test]
fn an_index_that_is_missed_stays() {
    // The wide index holds everything that the narrow one does, in fifty times as many pages.
    let setup = "
        CREATE TABLE tasks (id bigint PRIMARY KEY, owner int, note text);
        INSERT INTO tasks SELECT g, g % 500, (SELECT string_agg(md5(random()::text || i || g), '')
            FROM generate_series(1, 40) i) FROM generate_series(1, 30000) g;
        CREATE INDEX narrow ON tasks (owner);
        CREATE INDEX wide ON tasks (owner, note);
        VACUUM ANALYZE tasks";
    let workload = "-- dbperf workload: tasks
-- clients: 2
-- pool-size: 2
-- operation: read
-- param owner: uniform 1 100
SELECT count(*) FROM tasks WHERE owner BETWEEN :owner AND :owner + 300;
";
    let case = Case::new(newest(), setup, workload);
    let document = case.proved(&["--prove-duration", "18s"]);
    let proof = &tried(&document, "public.narrow")["proof"];
    assert_eq!(proof["verdict"], "worse", "{proof:#}");
    assert!(number(proof, "/interval/low_ratio") > 1.0, "{proof:#}");
    let index = index(&document, "narrow");
    assert_eq!(
        (&index["verdict"], &index["remediation_sql"]),
        (&"keep".into(), &Value::Null)
    );
    assert!(!recommended(&document, "public.narrow"));
}

#[test]
fn an_index_of_a_foreign_key_that_the_workload_never_needs_keeps_its_grade() {
    let setup = format!(
        "{TASKS}; CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners SELECT generate_series(0, 20000);
         ALTER TABLE tasks ADD FOREIGN KEY (owner) REFERENCES owners; VACUUM ANALYZE owners"
    );
    let workload = READ_TASKS.replace("tasks WHERE owner", "owners WHERE id");
    let case = Case::new(newest(), &setup, &workload);
    let document = case.proved(&["--prove-duration", "15s"]);
    let proof = &tried(&document, "public.tasks (owner)")["proof"];
    assert_eq!(proof["verdict"], "undecided", "{proof:#}");
    let missing = missing(&document, "public.tasks (owner)").unwrap();
    assert_eq!(missing["evidence"], "rule-of-thumb");
    assert_eq!(missing["proof"]["verdict"], "undecided");
}
