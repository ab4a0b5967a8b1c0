//! A large table and a large index of which most is free, measured by pgstattuple.

use dbperf::analyze::conclusions::{Conclusions, Evidence, HealthState, Severity};
use dbperf::lab::LabOptions;

use crate::observed::{assert_state, concluded, findings, subject, watch};
use crate::support::{connect, lab, oldest_and_newest, published};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_space_is_measured_where_the_extension_is() {
    // Filling what is large takes a while.
    for major in oldest_and_newest() {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        for statement in [
            "CREATE SCHEMA \"Odd tools\"",
            "CREATE TABLE hollow (id int, filler text) WITH (autovacuum_enabled = off)",
            "INSERT INTO hollow SELECT i, repeat('x', 1000) FROM generate_series(1, 120000) AS i",
            "CREATE TABLE full_one (id int, filler text)",
            "INSERT INTO full_one SELECT * FROM hollow",
            "DELETE FROM hollow WHERE id % 5 <> 0",
            "VACUUM hollow",
        ] {
            client.batch_execute(statement).await.unwrap();
        }
        let dsn = lab.primary().dsn();
        let without = concluded(&watch(&dsn, &[], async {}).await);
        assert_state(&without, "bloat", HealthState::NotMeasured);
        let reason = subject(&without, "bloat").reason.clone().unwrap();
        assert!(reason.contains("CREATE EXTENSION pgstattuple"), "{reason}");

        let create = "CREATE EXTENSION pgstattuple SCHEMA \"Odd tools\"";
        client.batch_execute(create).await.unwrap();
        let run = watch(&dsn, &[], async {}).await;
        let measured = run.health.as_ref().unwrap().bloat.as_ref().unwrap();
        assert_eq!(measured.len(), 2, "PostgreSQL {major}: {measured:?}");
        let all = concluded(&run);
        let found = findings(&all, "table-bloat");
        assert_eq!(found.len(), 1, "{measured:?}");
        assert_eq!(found[0].subject.name, "public.hollow");
        // Four of five rows are gone.
        let share: f64 = found[0].title.split(' ').next().unwrap().parse().unwrap();
        assert!((70.0..90.0).contains(&share), "{}", found[0].title);
        let cure = found[0].remediation.sql.as_deref().unwrap();
        client.batch_execute(cure).await.unwrap();
        let cured = concluded(&watch(&dsn, &[], async {}).await);
        assert_state(&cured, "bloat", HealthState::Ok);
    }
}

/// An index of more than 100 MB whose entries are mostly gone.
const KEYS: [&str; 4] = [
    "CREATE TABLE keys (id int, k text) WITH (autovacuum_enabled = off)",
    "INSERT INTO keys SELECT i, (SELECT string_agg(md5((i * 20 + j)::text), '')
         FROM generate_series(1, 14) AS j) FROM generate_series(1, 330000) AS i",
    "CREATE INDEX keys_k ON keys (k)",
    "DELETE FROM keys WHERE id % 5 <> 0",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_measured_where_the_extension_is_and_else_estimated() {
    for major in oldest_and_newest() {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        for statement in KEYS {
            client.batch_execute(statement).await.unwrap();
        }
        // What it has inserted would be added to what VACUUM counts.
        published(lab.primary(), client).await;
        let client = connect(lab.primary()).await;
        client.batch_execute("VACUUM keys").await.unwrap();
        let dsn = lab.primary().dsn();
        let unknown = concluded(&watch(&dsn, &[], async {}).await);
        let missing = unknown.not_evaluated.iter().flatten();
        let mut missing = missing.filter(|n| n.rule == "bloated-index");
        let reason = missing.next().unwrap().reason.clone();
        assert!(
            reason.contains("public.keys_k"),
            "PostgreSQL {major}: {reason}"
        );

        client.batch_execute("VACUUM ANALYZE keys").await.unwrap();
        let estimated = concluded(&watch(&dsn, &[], async {}).await);
        let guess = the_share(&estimated, Evidence::Estimated, Severity::Info);
        client
            .batch_execute("CREATE EXTENSION pgstattuple")
            .await
            .unwrap();
        let run = watch(&dsn, &[], async {}).await;
        assert_eq!(
            run.health
                .as_ref()
                .unwrap()
                .index_bloat
                .as_ref()
                .unwrap()
                .len(),
            1
        );
        let measured = concluded(&run);
        let free = the_share(&measured, Evidence::Measured, Severity::Warning);
        let found = findings(&measured, "bloated-index");
        let cure = found[0].remediation.sql.as_deref().unwrap();
        let size = "SELECT pg_relation_size('keys_k')::float8";
        let before: f64 = client.query_one(size, &[]).await.unwrap().get(0);
        client.batch_execute(cure).await.unwrap();
        let after: f64 = client.query_one(size, &[]).await.unwrap().get(0);
        let truth = 100.0 * (1.0 - after / before);
        let all = format!("PostgreSQL {major}: {guess} and {free} for {truth} %");
        assert!((guess - truth).abs() <= 5.0, "{all}");
        // Of inner pages, and of the bound that each leaf keeps, nothing is counted as free.
        assert!(free <= truth + 1.0, "{all}");
        let cured = concluded(&watch(&dsn, &[], async {}).await);
        assert!(findings(&cured, "bloated-index").is_empty());
    }
}

/// The per cent of the one index that is bloated.
fn the_share(all: &Conclusions, evidence: Evidence, severity: Severity) -> f64 {
    let found = findings(all, "bloated-index");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].evidence, found[0].severity), (evidence, severity));
    assert_eq!(found[0].subject.name, "public.keys_k");
    let title = found[0].title.trim_start_matches("About ");
    title.split(' ').next().unwrap().parse().unwrap()
}
