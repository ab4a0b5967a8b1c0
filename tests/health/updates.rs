//! Updates that are HOT, and those that are not, with the reason; and indexes that write more than rows do.

use dbperf::analyze::conclusions::{Conclusions, Evidence, Finding};
use dbperf::lab::{Cluster, LabOptions};

use crate::observed::{concluded, findings, watch};
use crate::support::{connect, each_version, lab, published, value};

/// Each table has 12 000 rows that one statement updates; only `is_full` has no room for the new ones.
const TABLES: &str = "
    CREATE EXTENSION pg_stat_statements;
    CREATE TABLE by_index (id int PRIMARY KEY, state int, note text)
        WITH (fillfactor = 45, autovacuum_enabled = off);
    CREATE INDEX by_index_state ON by_index (state);
    CREATE TABLE is_hot (LIKE by_index INCLUDING INDEXES)
        WITH (fillfactor = 45, autovacuum_enabled = off);
    CREATE TABLE is_full (LIKE by_index INCLUDING INDEXES) WITH (autovacuum_enabled = off);
    CREATE TABLE by_trigger (LIKE by_index INCLUDING INDEXES)
        WITH (fillfactor = 45, autovacuum_enabled = off);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.state := OLD.state + 1; RETURN NEW; END';
    CREATE TRIGGER touch BEFORE UPDATE ON by_trigger FOR EACH ROW EXECUTE FUNCTION touch();
    INSERT INTO by_index SELECT i, i, 'x' FROM generate_series(1, 12000) AS i;
    INSERT INTO is_hot SELECT * FROM by_index;
    INSERT INTO is_full SELECT * FROM by_index;
    INSERT INTO by_trigger SELECT * FROM by_index;
    CREATE TABLE many (a text, b text);
    CREATE INDEX ON many (a, b);
    CREATE INDEX ON many (b, a);
    CREATE INDEX ON many (lower(a), b);
    INSERT INTO many SELECT md5(i::text), md5((-i)::text) FROM generate_series(1, 2000) AS i;
    ANALYZE;
    CREATE TABLE unknown (a text);
    CREATE INDEX ON unknown (a);
    ALTER TABLE unknown SET (autovacuum_enabled = off);";

const WORK: &str = "
    UPDATE by_index SET state = state + 100000;
    UPDATE is_hot SET note = 'y';
    UPDATE is_full SET note = 'y';
    UPDATE by_trigger SET note = 'y';
    INSERT INTO many SELECT md5(i::text), md5((-i)::text) FROM generate_series(3001, 5000) AS i;
    INSERT INTO unknown SELECT i::text FROM generate_series(1, 2000) AS i;";

#[test]
fn what_keeps_updates_from_being_hot_is_told_apart() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let primary = lab.primary();
        let client = connect(primary).await;
        client.batch_execute(TABLES).await.unwrap();
        published(primary, client).await;
        let run = watch(&primary.dsn(), &[], work(primary)).await;
        let all = concluded(&run);
        let found = findings(&all, "hot-updates-blocked");
        let names: Vec<_> = found.iter().map(|f| f.subject.name.as_str()).collect();
        let expected = ["public.by_index", "public.by_trigger", "public.is_full"];
        assert_eq!(names, expected, "PostgreSQL {major}");

        let by_index = found[0];
        assert!(
            by_index.detail.contains("by_index_state (state)"),
            "{}",
            by_index.detail
        );
        assert_eq!(by_index.remediation.sql, None, "PostgreSQL {major}");
        // Before 16 nothing tells a trigger from pages without room.
        let trigger = found[1].remediation.note.as_deref().unwrap();
        assert_eq!(trigger.contains("trigger"), major >= 16, "{trigger}");
        assert!(
            found[1].detail.contains("trigger") || major >= 16,
            "{}",
            found[1].detail
        );
        fill_less(primary, found[2], major).await;
        overhead(&all, major);
    });
}

async fn work(primary: &Cluster) {
    let client = connect(primary).await;
    for statement in WORK.split(';').filter(|s| !s.trim().is_empty()) {
        client.batch_execute(statement).await.unwrap();
    }
    published(primary, client).await;
}

/// The cure is carried out, and taken back.
async fn fill_less(primary: &Cluster, finding: &Finding, major: u32) {
    let evidence = if major >= 16 {
        Evidence::Measured
    } else {
        Evidence::Estimated
    };
    assert_eq!(finding.evidence, evidence, "PostgreSQL {major}");
    assert!(finding.title.contains("no room"), "{}", finding.title);
    let client = connect(primary).await;
    let options = "SELECT reloptions::text FROM pg_class WHERE relname = 'is_full'";
    let before = value(&client, options).await;
    let cure = finding.remediation.sql.as_deref().unwrap();
    client.batch_execute(cure).await.unwrap();
    assert!(value(&client, options).await.contains("fillfactor=85"));
    let undo = finding.remediation.undo_sql.as_deref().unwrap();
    client.batch_execute(undo).await.unwrap();
    assert_eq!(value(&client, options).await, before);
}

/// Three indexes carry both columns; the table that was never analysed is named as not known.
fn overhead(all: &Conclusions, major: u32) {
    let found = findings(all, "index-write-overhead");
    let names: Vec<_> = found.iter().map(|f| f.subject.name.as_str()).collect();
    assert_eq!(names, ["public.many"], "PostgreSQL {major}");
    assert!(found[0].title.contains("3 indexes"), "{}", found[0].title);
    let missing = all.not_evaluated.iter().flatten();
    let mut missing = missing.filter(|n| n.rule == "index-write-overhead");
    let reason = missing.next().unwrap().reason.clone();
    assert!(
        reason.contains("public.unknown"),
        "PostgreSQL {major}: {reason}"
    );
    let indexes = all.indexes.as_ref().unwrap();
    let written = indexes
        .iter()
        .find(|i| i.index == "by_index_state")
        .unwrap();
    let (entries, bytes) = (
        written.entries_per_sec.unwrap(),
        written.write_bytes_per_sec.unwrap(),
    );
    assert!(entries > 0.0, "PostgreSQL {major}: {written:?}");
    // An integer with its header, its line pointer and what aligns it.
    assert!(
        (bytes / entries - 20.0).abs() < 1e-6,
        "PostgreSQL {major}: {written:?}"
    );
    // The log is counted from 14 on, and holds more than entries.
    let ratio = written.wal_ratio;
    assert_eq!(
        ratio.is_some_and(|r| r > 0.0 && r < 1.0),
        major >= 14,
        "{ratio:?}"
    );
}
