//! The proof by hidden indexes, on servers with HypoPG.

use std::time::{Duration, Instant};

use dbperf::analyze::conclusions::IndexVerdict;
use dbperf::analyze::indexes::droppable;
use dbperf::explain::{Candidate, ExplainOptions, HiddenProbe, Hide};
use dbperf::lab::{Cluster, LabOptions};
use dbperf::pg::{Conninfo, SearchPath, Session, SessionOptions};
use dbperf::record::indexes::HiddenIndexes;
use dbperf::record::{QueryId, Run, Status};

use super::planted::{grown_old, saved_by, verdicts};
use super::support::{Hypopg, connect, hypopg, hypopg_lab};

/// `wanted` was never scanned, although the planner takes it for the statement on `c`; `narrow` begins
/// `wide`, and `small` begins an index that is many times as large.
const TABLE: &str = "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION hypopg;
    CREATE TABLE t (a int, b int, c int, d int, e int, f text);
    CREATE INDEX unused ON t (a);
    CREATE INDEX narrow ON t (b);
    CREATE INDEX wide ON t (b, d);
    CREATE INDEX wanted ON t (c);
    CREATE INDEX small ON t (e);
    CREATE INDEX large ON t (e, f);
    INSERT INTO t SELECT g, g, g, g, g % 20, repeat('x', 400) || g FROM generate_series(1, 20000) AS g;
    UPDATE t SET a = a + 1 WHERE a % 20 = 0;
    VACUUM ANALYZE t;
    SELECT pg_stat_statements_reset()";

/// Waits until the scan for `b` is counted, whichever index served it.
async fn await_scan(cluster: &Cluster) {
    let client = connect(cluster).await;
    let sql = "SELECT count(*) FROM pg_stat_user_indexes WHERE idx_scan > 0";
    let started = Instant::now();
    while client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Plants the table, runs the workload, and waits until it is counted.
async fn plant(cluster: &Cluster) {
    let client = connect(cluster).await;
    for statement in TABLE.split(';') {
        client.batch_execute(statement).await.unwrap();
    }
    client
        .query("SELECT * FROM t WHERE b = 7", &[])
        .await
        .unwrap();
    let off = "SET enable_indexscan = off; SET enable_bitmapscan = off";
    client.batch_execute(off).await.unwrap();
    for sql in [
        "SELECT * FROM t WHERE c = 7",
        "SELECT count(*) FROM t WHERE e = 7",
    ] {
        client.query(sql, &[]).await.unwrap();
    }
    drop(client);
    await_scan(cluster).await;
}

/// Hides what the verdicts would drop, and plans a statement for each column.
async fn asked(run: &Run, dsn: &str, columns: [&str; 2]) -> HiddenIndexes {
    let conninfo = Conninfo::parse(dsn, &|_| None).unwrap();
    let options = SessionOptions {
        search_path: SearchPath::Role,
        ..SessionOptions::new("hidden")
    };
    let session = Session::connect(&conninfo, &options).await.unwrap();
    let statement = |column: &str| Candidate {
        query_id: QueryId(i64::from(column == "c")),
        text: format!("SELECT * FROM t WHERE {column} = $1"),
        sample_params: None,
        analyze: false,
    };
    let statements = columns.map(statement);
    let hide: Vec<Hide> = droppable(run)
        .into_iter()
        .map(|d| Hide {
            indexrelid: d.indexrelid,
            members: d.members,
            tables: d.tables,
        })
        .collect();
    let probe = HiddenProbe::new(session.client(), "public", ExplainOptions::default());
    let limit = Duration::from_secs(60);
    let answer = probe.ask(&statements, &hide, limit).await.unwrap();
    let left = session.client();
    let left = left.query("SELECT * FROM hypopg_hidden_indexes()", &[]);
    assert!(left.await.unwrap().is_empty(), "all are shown again");
    session.close().await;
    answer
}

#[tokio::test]
async fn a_drop_that_changes_a_plan_is_withdrawn_and_nothing_stays_hidden() {
    for server in hypopg() {
        let lab = hypopg_lab(&server, LabOptions::default());
        plant(lab.primary()).await;
        let dsn = lab.primary().dsn();
        let mut run = grown_old(saved_by(&dsn, &[]));
        let before = verdicts(&run);
        let verdict = |name: &str| before[name].index.verdict;
        assert_eq!(verdict("unused"), IndexVerdict::DropUnused);
        assert_eq!(
            verdict("wanted"),
            IndexVerdict::DropUnused,
            "by its scans alone"
        );
        let row = run.coverage.iter().find(|row| row.collector == "hypopg");
        let row = row.expect("the command itself has asked");
        if !server.hides() {
            assert_eq!(row.status, Status::Skipped, "{row:?}");
            assert!(row.reason.as_ref().unwrap().contains("1.4"));
            continue;
        }
        assert_eq!(row.status, Status::Ok, "{row:?}");
        let narrow = &before["narrow"].index;
        assert_eq!(narrow.verdict, IndexVerdict::DropRedundant);
        assert!(
            narrow.reason.contains("hidden by HypoPG"),
            "{}",
            narrow.reason
        );
        let small = &before["small"].index;
        assert_eq!(small.verdict, IndexVerdict::Keep, "{}", small.reason);
        assert!(
            small.reason.contains("hidden by HypoPG"),
            "{}",
            small.reason
        );

        // What is old enough to be dropped only in this test.
        run.indexes.hidden = None;
        let answer = asked(&run, &dsn, ["b", "c"]).await;
        assert_eq!((answer.statements, answer.without_plan), (2, 0));
        run.indexes.hidden = Some(answer);
        let after = verdicts(&run);
        let unused = &after["unused"].index;
        assert_eq!(
            unused.verdict,
            IndexVerdict::DropUnused,
            "{}",
            unused.reason
        );
        assert!(
            unused.reason.contains("none of 2 plans changes"),
            "{}",
            unused.reason
        );
        let wanted = &after["wanted"].index;
        assert_eq!(wanted.verdict, IndexVerdict::Keep, "{}", wanted.reason);
        assert_eq!(wanted.remediation_sql, None);
    }
}

#[tokio::test]
async fn the_flag_leaves_it_alone() {
    let Some(server) = hypopg().into_iter().find(Hypopg::hides) else {
        return;
    };
    let lab = hypopg_lab(&server, LabOptions::default());
    plant(lab.primary()).await;
    let run = saved_by(&lab.primary().dsn(), &["--no-hypopg"]);
    assert!(run.indexes.hidden.is_none());
    assert!(run.coverage.iter().all(|row| row.collector != "hypopg"));
}
