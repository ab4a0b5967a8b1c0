//! Standbys and saved runs: an index that only a standby scans is never unused.

use std::time::{Duration, Instant};

use dbperf::analyze::conclusions::{Index, IndexVerdict};
use dbperf::lab::{Cluster, LabOptions};
use dbperf::record::Run;

use super::planted::{grown_old, save, saved, verdicts};
use super::support::{connect, lab, servers};

const TABLE: &str = "CREATE TABLE t (a int, b int);
    CREATE INDEX nowhere ON t (a);
    CREATE INDEX elsewhere ON t (b);
    INSERT INTO t SELECT g, g FROM generate_series(1, 5000) AS g;
    UPDATE t SET a = a + 1, b = b + 1 WHERE a % 20 = 0";

/// Scans an index on a standby, once it has it, and waits until that is counted.
async fn scan(standby: &Cluster) {
    let started = Instant::now();
    loop {
        let client = connect(standby).await;
        let set = client.batch_execute("SET enable_seqscan = off").await;
        set.unwrap();
        let scanned = client.query("SELECT * FROM t WHERE b = 77", &[]).await;
        drop(client);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let client = connect(standby).await;
        let sql = "SELECT sum(idx_scan)::int8 FROM pg_stat_user_indexes";
        let row = client.query_one(sql, &[]).await.unwrap();
        if scanned.is_ok() && row.get::<_, Option<i64>>(0).unwrap_or(0) > 0 {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

fn of(run: &Run, name: &str) -> Index {
    verdicts(&grown_old(run.clone()))[name].index.clone()
}

#[tokio::test]
async fn a_scan_on_a_standby_counts_and_one_that_is_not_known_decides_nothing() {
    let majors = servers().into_iter().map(|(major, _)| major);
    for major in majors.filter(|major| [13, 15, 18].contains(major)) {
        let options = LabOptions {
            standby: true,
            ..LabOptions::default()
        };
        let lab = lab(major, options).unwrap();
        let (primary, standby) = (lab.primary().dsn(), lab.standby().unwrap().dsn());
        let client = connect(lab.primary()).await;
        client.batch_execute(TABLE).await.unwrap();
        drop(client);
        scan(lab.standby().unwrap()).await;

        let unasked = saved(&primary, &[]);
        for name in ["nowhere", "elsewhere"] {
            let index = of(&unasked, name);
            assert_eq!(index.verdict, IndexVerdict::Keep, "PostgreSQL {major}");
            assert!(index.reason.contains("were not asked"), "{}", index.reason);
        }

        let asked = saved(&primary, &["--replica", &standby, "--replica", &standby]);
        let used = of(&asked, "elsewhere");
        assert_eq!(used.verdict, IndexVerdict::Keep);
        assert!(
            used.reason.contains("times on the standby"),
            "{}",
            used.reason
        );
        let unused = of(&asked, "nowhere");
        assert_eq!(
            unused.verdict,
            IndexVerdict::DropUnused,
            "{}",
            unused.reason
        );
        assert!(
            unused
                .reason
                .contains("60 days on the primary, 60 days on the standby"),
            "{}",
            unused.reason
        );

        let nobody = "postgres://nobody@127.0.0.1:1/postgres?connect_timeout=2";
        let silent = saved(&primary, &["--replica", &standby, "--replica", nobody]);
        let unknown = of(&silent, "nowhere");
        assert_eq!(unknown.verdict, IndexVerdict::Keep);
        assert!(
            unknown.reason.contains("could not be read"),
            "{}",
            unknown.reason
        );
    }
}

#[tokio::test]
async fn a_run_saved_on_the_standby_counts_and_one_of_another_cluster_is_refused() {
    let (major, _) = servers().pop().unwrap();
    let options = LabOptions {
        standby: true,
        ..LabOptions::default()
    };
    let own = lab(major, options).unwrap();
    let client = connect(own.primary()).await;
    client.batch_execute(TABLE).await.unwrap();
    drop(client);
    scan(own.standby().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("standby.json");
    let name = file.to_str().unwrap();
    let there = save(&own.standby().unwrap().dsn(), &file, &[]);
    assert!(there.status.success(), "{there:?}");

    let run = saved(&own.primary().dsn(), &["--usage", name]);
    let used = of(&run, "elsewhere");
    assert_eq!(used.verdict, IndexVerdict::Keep);
    assert!(used.reason.contains("by the saved run"), "{}", used.reason);
    let unused = of(&run, "nowhere");
    assert_eq!(
        unused.verdict,
        IndexVerdict::DropUnused,
        "{}",
        unused.reason
    );
    assert!(
        unused.reason.contains("with 1 saved run"),
        "{}",
        unused.reason
    );

    // Labs of one version are copies of one template, and so of one cluster.
    let (other, _) = servers().remove(0);
    if other == major {
        return;
    }
    let other = lab(other, LabOptions::default()).unwrap();
    let saved = folder.path().join("other.json");
    let refused = save(&other.primary().dsn(), &saved, &["--usage", name]);
    assert_eq!(refused.status.code(), Some(4));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("another cluster"), "{said}");
    assert!(saved.exists(), "what was measured is kept");
}
