//! As near to wraparound as a test comes: a small limit, many transactions, and somebody who keeps
//! autovacuum from freezing.

use dbperf::analyze::conclusions::{HealthState, Severity};
use dbperf::lab::LabOptions;

use crate::observed::{assert_state, concluded, findings, health, watch};
use crate::support::{connect, each_version, lab, setting};

#[test]
fn a_database_that_cannot_be_frozen_is_found_with_its_oldest_table() {
    each_version(async |major| {
        let mut settings = setting("autovacuum_freeze_max_age", "100000");
        settings.extend(setting("max_prepared_transactions", "1"));
        settings.extend(setting("synchronous_commit", "off"));
        let options = LabOptions {
            settings,
            ..LabOptions::default()
        };
        let lab = lab(major, options).unwrap();
        let client = connect(lab.primary()).await;
        client
            .batch_execute(
                "CREATE TABLE old AS SELECT 1 AS a;
                 BEGIN; UPDATE old SET a = 2; PREPARE TRANSACTION 'stuck';",
            )
            .await
            .unwrap();
        let quiet = concluded(&watch(&lab.primary().dsn(), &[], async {}).await);
        assert_state(&quiet, "wraparound", HealthState::Ok);
        client
            .batch_execute(
                "DO $$ BEGIN FOR i IN 1..151000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$",
            )
            .await
            .unwrap();
        let all = concluded(&watch(&lab.primary().dsn(), &[], async {}).await);
        let database = lab.primary().dsn();
        let found = findings(&all, "wraparound-risk");
        let here = found
            .iter()
            .find(|f| f.detail.contains("The oldest table is"))
            .unwrap_or_else(|| panic!("PostgreSQL {major}, {database}: {found:?}"));
        assert_eq!(here.severity, Severity::Warning);
        let sql = here.remediation.sql.as_deref().unwrap();
        assert!(sql.starts_with("VACUUM (FREEZE) "), "{sql}");
        assert_state(&all, "wraparound", HealthState::Warning);
        let aged = &health(&all).wraparound.as_ref().unwrap()[0];
        assert!((150_000..1_000_000).contains(&aged.xid_age), "{aged:?}");
        assert!(health(&all).oldest_tables.as_ref().unwrap()[0].xid_age >= Some(150_000));
        client
            .batch_execute("ROLLBACK PREPARED 'stuck'")
            .await
            .unwrap();
    });
}
