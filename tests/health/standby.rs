//! A standby whose long query holds dead rows on the primary.

use std::time::Duration;

use dbperf::analyze::conclusions::HolderKind;
use dbperf::lab::{LabOptions, StopMode};

use crate::observed::{concluded, findings, health, later, session, until, watch};
use crate::support::{connect, each_version, lab, servers, setting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_on_a_standby_is_named_and_so_is_the_slot_that_stays() {
    for (major, _) in servers() {
        let mut standby_settings = setting("hot_standby_feedback", "on");
        standby_settings.extend(setting("wal_receiver_status_interval", "1s"));
        let options = LabOptions {
            standby: true,
            standby_settings,
            ..LabOptions::default()
        };
        let mut lab = lab(major, options).unwrap();
        let client = connect(lab.primary()).await;
        client
            .batch_execute("CREATE TABLE t AS SELECT generate_series(1, 100) AS a")
            .await
            .unwrap();
        let standby = lab.standby().unwrap();
        let there = connect(standby).await;
        until(&there, "SELECT count(*) FROM pg_class WHERE relname = 't'").await;
        let long = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM t WHERE a = 4711";
        let reader = session(standby, "report", &[long]).await;
        for _ in 0..20 {
            client.batch_execute("UPDATE t SET a = a").await.unwrap();
        }
        let fed_back = "SELECT (SELECT count(*) FROM pg_replication_slots
                                WHERE age(xmin) >= 10) +
                               (SELECT count(*) FROM pg_stat_replication
                                WHERE age(backend_xmin) >= 10)";
        until(&client, fed_back).await;
        let run = watch(&lab.primary().dsn(), &[standby], async {
            tokio::time::sleep(Duration::from_millis(500)).await;
        })
        .await;
        let all = concluded(&later(&run, 20));
        let holders = health(&all).horizon.as_ref().unwrap();
        let fed = holders
            .iter()
            .find(|h| matches!(h.kind, HolderKind::Slot | HolderKind::Standby));
        let fed = fed.unwrap_or_else(|| panic!("PostgreSQL {major}: {holders:?}"));
        let behind = fed.behind.as_deref().unwrap();
        assert!(behind.starts_with("report (pid "), "{behind}");
        assert!(behind.contains("idle in transaction: "), "{behind}");
        assert!(behind.contains("FROM t WHERE a = $1"), "{behind}");
        assert!(fed.held_ms.unwrap() > 1_200_000.0, "{fed:?}");
        assert_eq!(findings(&all, "xmin-horizon-held").len(), 1, "{holders:?}");
        drop((reader, there));

        // The slot of a standby that is gone keeps its xmin.
        let slots = "SELECT count(*) FROM pg_replication_slots WHERE xmin IS NOT NULL";
        let kept: i64 = client.query_one(slots, &[]).await.unwrap().get(0);
        lab.standby_mut()
            .unwrap()
            .stop(StopMode::Immediate)
            .unwrap();
        if kept == 0 {
            continue;
        }
        until(
            &client,
            "SELECT count(*) FROM pg_replication_slots WHERE NOT active",
        )
        .await;
        let run = watch(&lab.primary().dsn(), &[], async {}).await;
        let all = concluded(&later(&run, 20));
        let holders = health(&all).horizon.as_ref().unwrap();
        let slot = holders.iter().find(|h| h.kind == HolderKind::Slot).unwrap();
        assert_eq!(slot.active, Some(false));
        assert_eq!(slot.state, "inactive physical slot");
        // Only from 17 on the server tells since when.
        assert_eq!(
            slot.since.is_some(),
            major >= 17,
            "PostgreSQL {major}: {slot:?}"
        );
        let found = findings(&all, "xmin-horizon-held");
        assert_eq!(found.len(), usize::from(major >= 17), "{found:?}");
    }
}

#[test]
fn queries_that_replay_cancels_are_counted() {
    each_version(async |major| {
        let mut standby_settings = setting("hot_standby_feedback", "off");
        standby_settings.extend(setting("max_standby_streaming_delay", "100ms"));
        let options = LabOptions {
            standby: true,
            standby_settings,
            ..LabOptions::default()
        };
        let lab = lab(major, options).unwrap();
        let client = connect(lab.primary()).await;
        client
            .batch_execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS a")
            .await
            .unwrap();
        let standby = lab.standby().unwrap();
        let there = connect(standby).await;
        until(&there, "SELECT count(*) FROM pg_class WHERE relname = 't'").await;
        until(&there, "SELECT count(*) / 1000 FROM t").await;
        let quiet = watch(&lab.primary().dsn(), &[standby], async {}).await;
        assert!(findings(&concluded(&quiet), "standby-conflicts").is_empty());
        let run = watch(&lab.primary().dsn(), &[standby], async {
            let long = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t";
            let reader = session(standby, "report", &[long]).await;
            client.batch_execute("DELETE FROM t").await.unwrap();
            client.batch_execute("VACUUM t").await.unwrap();
            let counted = "SELECT sum(conflicts)::int8 FROM pg_stat_database";
            until(&there, counted).await;
            drop(reader);
        })
        .await;
        let all = concluded(&run);
        let found = findings(&all, "standby-conflicts");
        assert_eq!(found.len(), 1, "PostgreSQL {major}");
        assert!(found[0].title.starts_with("1 queries were cancelled"));
    });
}
