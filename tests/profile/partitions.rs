//! How many rows partitions have, where not all of them were counted.

use dbperf::lab::LabOptions;
use dbperf::seed::profile::{Profile, TableProfile, Values, read};
use tokio_postgres::Client;

use super::session;
use super::support::{connect, each_version, lab, published};

/// Three partitions of 100, 200 and 300 rows; the last one came after the others were analysed. Autovacuum counts none.
const LATE: &str = "
CREATE TABLE events (id int, note text) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100) WITH (autovacuum_enabled = off);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (300) WITH (autovacuum_enabled = off);
INSERT INTO events SELECT i, 'a' FROM generate_series(0, 299) AS i;
ANALYZE events;
CREATE TABLE events_3 (id int, note text) WITH (autovacuum_enabled = off);
INSERT INTO events_3 SELECT i, 'a' FROM generate_series(300, 599) AS i;
ALTER TABLE events ATTACH PARTITION events_3 FOR VALUES FROM (300) TO (600);
CREATE TABLE idle (id int) PARTITION BY RANGE (id);
CREATE TABLE idle_1 PARTITION OF idle FOR VALUES FROM (0) TO (100) WITH (autovacuum_enabled = off);
ANALYZE idle;
CREATE TABLE idle_2 PARTITION OF idle FOR VALUES FROM (100) TO (300) WITH (autovacuum_enabled = off);
INSERT INTO idle SELECT i FROM generate_series(100, 199) AS i;
";

/// The whole was analysed without its partitions, of which one was analysed later.
const ONLY: &str = "
CREATE TABLE whole (id int) PARTITION BY RANGE (id);
CREATE TABLE whole_1 PARTITION OF whole FOR VALUES FROM (0) TO (100) WITH (autovacuum_enabled = off);
CREATE TABLE whole_2 PARTITION OF whole FOR VALUES FROM (100) TO (300) WITH (autovacuum_enabled = off);
CREATE TABLE whole_3 PARTITION OF whole FOR VALUES FROM (300) TO (600) WITH (autovacuum_enabled = off);
INSERT INTO whole SELECT i FROM generate_series(0, 599) AS i;
ANALYZE ONLY whole;
";

fn table<'a>(profile: &'a Profile, name: &str) -> Option<&'a TableProfile> {
    profile.tables.iter().find(|t| t.name.name == name)
}

fn parts(table: &TableProfile) -> Vec<(&str, f64)> {
    let parts = table.partitions.iter();
    parts.map(|(name, rows)| (&*name.name, *rows)).collect()
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap();
}

#[test]
fn partitions_that_were_never_counted_are_named() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, LATE).await;
        let session = session(lab.primary()).await;
        let profile = read(&session, Values::Hash, &|_, _| {}).await.unwrap();
        let events = table(&profile, "events").unwrap();
        assert!((events.rows - 300.0).abs() < 1e-6, "PostgreSQL {major}");
        assert_eq!(parts(events), [("events_1", 100.0), ("events_2", 200.0)]);
        // Of one that seems empty and may not be nothing is known.
        assert!(table(&profile, "idle").is_none(), "PostgreSQL {major}");
        assert_eq!(
            profile.missing,
            [
                "events: left out are the rows of events_3, which were never counted; ANALYZE events",
                "idle: never analysed; ANALYZE it"
            ],
            "PostgreSQL {major}"
        );
        // The cure that is told cures it.
        run(&client, "ANALYZE events; ANALYZE idle").await;
        // Before 14 only the counters tell a partition that was analysed empty from one that never was.
        published(lab.primary(), client).await;
        let profile = read(&session, Values::Hash, &|_, _| {}).await.unwrap();
        assert_eq!(profile.missing, [""; 0], "PostgreSQL {major}");
        let events = table(&profile, "events").unwrap();
        assert!((events.rows - 600.0).abs() < 1e-6, "PostgreSQL {major}");
        assert_eq!(parts(events)[2], ("events_3", 300.0));
        session.close().await;
    });
}

#[test]
fn a_whole_that_was_counted_without_its_partitions_has_its_rows() {
    each_version(async |major| {
        if major < 18 {
            return;
        }
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, ONLY).await;
        let session = session(lab.primary()).await;
        let told = async || {
            let profile = read(&session, Values::Hash, &|_, _| {}).await.unwrap();
            let whole = table(&profile, "whole").unwrap().clone();
            (whole, profile.missing.join("\n"))
        };
        let (whole, missing) = told().await;
        assert!((whole.rows - 600.0).abs() < 1e-6, "{}", whole.rows);
        assert!(parts(&whole).is_empty() && whole.columns.contains_key("id"));
        let expected = "whole: its rows were counted as a whole, and those of its partitions never; ANALYZE whole";
        assert_eq!(missing, expected);
        run(&client, "ANALYZE whole_1").await;
        let (whole, missing) = told().await;
        assert!((whole.rows - 600.0).abs() < 1e-6, "{}", whole.rows);
        let expected = [("whole_1", 100.0), ("whole_2", 250.0), ("whole_3", 250.0)];
        assert_eq!(parts(&whole), expected);
        assert!(
            missing.contains("never counted were the rows of whole_2, whole_3;"),
            "{missing}"
        );
        run(&client, "ANALYZE whole").await;
        let (whole, missing) = told().await;
        assert_eq!(parts(&whole)[1..], [("whole_2", 200.0), ("whole_3", 300.0)]);
        assert_eq!(missing, "");
        session.close().await;
    });
}
