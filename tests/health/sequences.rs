//! Sequences near their end, and many of them on a server with a small lock table.

use dbperf::analyze::conclusions::{HealthState, SequenceUse, Severity};
use dbperf::lab::LabOptions;

use crate::observed::{assert_state, concluded, findings, health, watch};
use crate::support::{connect, each_version, lab, setting};

#[test]
fn the_end_of_every_kind_of_sequence_is_known() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client
            .batch_execute(
                "CREATE DOMAIN small AS smallint;
                 CREATE SEQUENCE wide;
                 CREATE TABLE narrow (id int DEFAULT nextval('wide'));
                 ALTER SEQUENCE wide OWNED BY narrow.id;
                 SELECT setval('wide', 2040109466);
                 CREATE SEQUENCE shared;
                 CREATE TABLE by_default (id small DEFAULT nextval('shared'));
                 SELECT setval('shared', 24576);
                 CREATE SEQUENCE down INCREMENT -1;
                 CREATE TABLE falling (id smallint DEFAULT nextval('down'));
                 SELECT setval('down', -31130);
                 CREATE SEQUENCE round MAXVALUE 100 CYCLE;
                 SELECT setval('round', 99);
                 CREATE SEQUENCE short AS int;
                 CREATE TABLE big (id bigint DEFAULT nextval('short'));
                 SELECT setval('short', 2040109466);
                 CREATE TABLE identity (id int GENERATED ALWAYS AS IDENTITY);
                 INSERT INTO identity DEFAULT VALUES;
                 CREATE TABLE fresh (id serial);",
            )
            .await
            .unwrap();
        let run = watch(&lab.primary().dsn(), &[], async {}).await;
        let all = concluded(&run);
        let sequences = health(&all).sequences.as_ref().unwrap();
        let row = run.coverage.iter().find(|c| c.collector == "pg_sequence");
        assert_eq!(row.unwrap().reason, None);
        let of =
            |name: &str| -> &SequenceUse { sequences.iter().find(|s| s.sequence == name).unwrap() };
        let near = |name: &str, ratio: f64| {
            let used = of(name).used_ratio;
            assert!((used - ratio).abs() < 1e-4, "{name}: {used}");
        };
        near("wide", 0.95);
        assert_eq!(of("wide").column.as_deref(), Some("public.narrow.id"));
        near("shared", 0.75);
        assert_eq!(of("shared").column_type.as_deref(), Some("smallint"));
        near("down", 0.95);
        near("short", 0.95);
        assert_eq!(of("short").limited_by, "sequence");
        near("identity_id_seq", 0.0);
        assert!(of("round").cycles);
        assert!(sequences.iter().all(|s| s.sequence != "fresh_id_seq"));
        let mut found: Vec<_> = findings(&all, "sequence-exhaustion")
            .iter()
            .map(|f| (f.subject.name.as_str(), f.severity))
            .collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                ("public.down", Severity::Critical),
                ("public.shared", Severity::Warning),
                ("public.short", Severity::Critical),
                ("public.wide", Severity::Critical),
            ],
            "PostgreSQL {major}"
        );
        let all_found = findings(&all, "sequence-exhaustion");
        let short = all_found.iter().find(|f| f.subject.name == "public.short");
        let cure = short.unwrap().remediation.clone();
        client.batch_execute(&cure.sql.unwrap()).await.unwrap();
        let cured = concluded(&watch(&lab.primary().dsn(), &[], async {}).await);
        let left = findings(&cured, "sequence-exhaustion");
        assert!(left.iter().all(|f| f.subject.name != "public.short"));
        client.batch_execute(&cure.undo_sql.unwrap()).await.unwrap();
    });
}

/// `pg_sequences` would need more locks at once than this server has.
#[test]
fn many_sequences_do_not_fill_the_lock_table() {
    each_version(async |major| {
        let mut settings = setting("max_locks_per_transaction", "10");
        settings.extend(setting("max_connections", "20"));
        let options = LabOptions {
            settings,
            ..LabOptions::default()
        };
        let lab = lab(major, options).unwrap();
        let client = connect(lab.primary()).await;
        for from in (1..=5_000).step_by(50) {
            let create = format!(
                "DO $$ BEGIN FOR i IN {from}..{} LOOP
                     EXECUTE 'CREATE SEQUENCE s' || i;
                     PERFORM nextval('s' || i);
                 END LOOP; END $$",
                from + 49
            );
            client.batch_execute(&create).await.unwrap();
        }
        let all = client
            .query("SELECT last_value FROM pg_sequences", &[])
            .await;
        let refused = all.err().and_then(|e| e.code().cloned());
        assert_eq!(
            refused,
            Some(tokio_postgres::error::SqlState::OUT_OF_MEMORY),
            "PostgreSQL {major}: the test shows nothing where this works"
        );
        // The error comes before its transaction has given its locks back.
        client.batch_execute("SELECT 1").await.unwrap();
        let run = watch(&lab.primary().dsn(), &[], async {}).await;
        let sequences = run.health.as_ref().unwrap().sequences.as_ref().unwrap();
        assert_eq!(sequences.len(), 5_000);
        assert!(sequences.iter().all(|s| s.last_value == Some(1)));
        assert_state(&concluded(&run), "sequences", HealthState::Ok);
    });
}
