//! `dbperf indexes --table`: why an index on a table is or is not recommended, on tables of which it is known.

use serde_json::Value;

use crate::place::{dbperf, filled, json};
use crate::support::hypopg;

/// `wanted` lacks an index; `halves` is sought by what half of it has; `small` is read in no time; nobody reads `unread`;
/// `twin` stands in two schemas. Counters are published before ANALYZE sets them, so that no row is counted twice.
const SCHEMA: &str = "
    CREATE TABLE wanted (id int PRIMARY KEY, owner int, note text);
    INSERT INTO wanted SELECT g, g % 5000, 'note' FROM generate_series(1, 50000) AS g;
    CREATE TABLE halves (id int PRIMARY KEY, flag int, note text);
    INSERT INTO halves SELECT g, g % 2, 'note' FROM generate_series(1, 50000) AS g;
    CREATE TABLE small (id int PRIMARY KEY, owner int);
    INSERT INTO small SELECT g, g FROM generate_series(1, 200) AS g;
    CREATE TABLE unread (id int PRIMARY KEY, owner int);
    INSERT INTO unread SELECT g, g FROM generate_series(1, 20000) AS g;
    CREATE SCHEMA other;
    CREATE TABLE twin (id int PRIMARY KEY, owner int);
    CREATE TABLE other.twin (id int PRIMARY KEY, owner int);
    SELECT pg_stat_statements_reset();
    SELECT pg_stat_force_next_flush();";

fn reasons(advice: &Value) -> Vec<(&str, &str)> {
    let all = advice["considered"].as_array().unwrap().iter();
    all.map(|c| {
        let definition = c["definition"].as_str().unwrap();
        (definition, c["reason"].as_str().unwrap())
    })
    .collect()
}

#[tokio::test]
async fn each_table_gets_the_reason_that_is_true() {
    for server in hypopg() {
        let (lab, client) = filled(&server, SCHEMA).await;
        let read = client
            .prepare("SELECT note FROM wanted WHERE owner = $1")
            .await
            .unwrap();
        let half = client
            .prepare("SELECT count(note) FROM halves WHERE flag = $1")
            .await
            .unwrap();
        let small = client
            .prepare("SELECT id FROM small WHERE owner = $1")
            .await
            .unwrap();
        for value in 0..40_i32 {
            client.query(&read, &[&value]).await.unwrap();
            client.query(&half, &[&(value % 2)]).await.unwrap();
            client.query(&small, &[&value]).await.unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let saved = folder.path().join("run.json");
        let saved = saved.to_str().unwrap();
        let dsn = lab.primary().dsn();
        let place = format!("PostgreSQL {}", server.major);
        let live = json(&["indexes", &dsn, "--table", "wanted", "--save", saved]);
        drop((client, lab));

        // The rest is asked of the run, without a server.
        assert_eq!(live["table_advice"], of(saved, "wanted"), "{place}");
        what_is_wanted(saved, &place);
        what_is_not(saved, &place);
        names(saved, &place);
    }
}

fn of(saved: &str, name: &str) -> Value {
    let document = json(&["indexes", "--from", saved, "--table", name]);
    document["table_advice"].clone()
}

fn text(saved: &str, name: &str) -> String {
    let (code, text, stderr) = dbperf(&["indexes", "--from", saved, "--table", name]);
    assert_eq!(code, Some(0), "{stderr}");
    text
}

fn what_is_wanted(saved: &str, place: &str) {
    let wanted = of(saved, "wanted");
    assert_eq!(reasons(&wanted)[0].1, "recommended", "{place}: {wanted:#}");
    for (definition, _) in reasons(&wanted) {
        let begin = "CREATE INDEX ON public.wanted (owner)";
        assert!(definition.starts_with(begin), "{place}: {definition}");
    }
    assert_eq!(
        wanted["scans"][0]["reason"], "no index begins with a column that it seeks: owner",
        "{place}"
    );
    assert!(
        (wanted["rows"].as_f64().unwrap() / 50_000.0 - 1.0).abs() < 0.1,
        "{place}: {wanted:#}"
    );

    let text = text(saved, "wanted");
    for words in [
        "Indexes that were thought of",
        "public.wanted has 5",
        "recommended",
        "no index begins with",
    ] {
        assert!(text.contains(words), "{place}: {words} in {text}");
    }
}

fn what_is_not(saved: &str, place: &str) {
    let halves = of(saved, "public.halves");
    let why = halves["scans"][0]["reason"].as_str().unwrap();
    assert!(
        why.starts_with("it keeps ") && why.ends_with("reading all is cheaper"),
        "{place}: {why}"
    );
    assert!(!reasons(&halves).is_empty(), "{place}: {halves:#}");
    for index in halves["considered"].as_array().unwrap() {
        assert_eq!(index["recommended"], false, "{place}: {index:#}");
    }

    let small = of(saved, "small");
    let all = reasons(&small);
    assert!(!all.is_empty(), "{place}");
    for (definition, why) in all {
        assert!(
            why.contains("200 rows, which are read in no time"),
            "{place}: {definition}: {why}"
        );
    }

    let unread = of(saved, "unread");
    assert_eq!(unread["note"], Value::Null, "{place}");
    let nothing = Value::Array(Vec::new());
    assert_eq!(
        (&unread["scans"], &unread["considered"]),
        (&nothing, &nothing)
    );

    let text = text(saved, "unread");
    assert!(
        text.contains("No statement asks for an index on it."),
        "{place}: {text}"
    );
}

fn names(saved: &str, place: &str) {
    for (name, words) in [
        ("nosuch", "there is no table nosuch in this database"),
        (
            "twin",
            "more than one table is called twin, say which: other.twin, public.twin",
        ),
    ] {
        let advice = of(saved, name);
        assert_eq!(advice["note"], words, "{place}");
        let text = text(saved, name);
        assert!(
            text.contains(&format!("Not measured: {words}")),
            "{place}: {text}"
        );
    }
    assert_eq!(of(saved, "other.twin")["note"], Value::Null, "{place}");
}
