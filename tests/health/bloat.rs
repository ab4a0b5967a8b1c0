//! A large table of which most is free, measured by pgstattuple.

use dbperf::analyze::conclusions::HealthState;
use dbperf::lab::LabOptions;

use crate::observed::{assert_state, concluded, findings, subject, watch};
use crate::support::{connect, lab, servers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_space_is_measured_where_the_extension_is() {
    let all: Vec<u32> = servers().into_iter().map(|(major, _)| major).collect();
    // The oldest and the newest: filling the table takes a while.
    let mut some = vec![all[0], all[all.len() - 1]];
    some.dedup();
    for major in some {
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
