//! A role without grants: what it may not see is not measured, and never zero.

use dbperf::analyze::conclusions::HealthState;
use dbperf::lab::LabOptions;

use crate::observed::{WINDOW, assert_state, concluded, findings, health, later, session, watch};
use crate::support::{connect, each_version, lab};

#[test]
fn what_is_hidden_is_not_absent() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client
            .batch_execute(
                "CREATE ROLE nobody LOGIN;
                 CREATE TABLE t (id smallserial, a int);
                 INSERT INTO t (a) VALUES (1);
                 SELECT setval('t_id_seq', 32000);",
            )
            .await
            .unwrap();
        let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE t SET a = 2";
        let holder = session(lab.primary(), "holder", &[snapshot]).await;
        let dsn = lab.primary().dsn();
        let as_nobody = dsn
            .replace("postgres@", "nobody@")
            .replace("user=postgres", "user=nobody");
        assert_ne!(dsn, as_nobody);

        let run = watch(&as_nobody, &[], tokio::time::sleep(WINDOW)).await;
        assert!(run.health.as_ref().unwrap().hidden_sessions >= 1);
        let all = concluded(&later(&run, 20));
        for name in ["horizon", "transactions", "blocking", "sequences"] {
            assert_state(&all, name, HealthState::NotMeasured);
        }
        let missing = all.not_evaluated.as_ref().unwrap();
        let reason = |rule: &str| {
            let row = missing.iter().find(|n| n.rule == rule);
            row.map(|n| n.reason.clone()).unwrap_or_default()
        };
        let horizon = reason("xmin-horizon-held");
        assert!(horizon.contains("GRANT pg_monitor TO"), "{horizon}");
        let sequences = reason("sequence-exhaustion");
        assert!(
            sequences.contains("GRANT SELECT ON ALL SEQUENCES"),
            "{sequences}"
        );
        assert!(health(&all).sequences.as_ref().unwrap().is_empty());
        // What everybody may see is still judged.
        assert_state(&all, "wraparound", HealthState::Ok);
        assert_state(&all, "constraints", HealthState::Ok);

        client
            .batch_execute(
                "GRANT pg_monitor TO nobody; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO nobody",
            )
            .await
            .unwrap();
        let run = watch(&as_nobody, &[], async {}).await;
        let all = concluded(&later(&run, 20));
        assert_eq!(findings(&all, "xmin-horizon-held").len(), 1);
        assert_state(&all, "sequences", HealthState::Critical);
        drop(holder);
    });
}
