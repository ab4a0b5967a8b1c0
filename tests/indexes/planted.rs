//! A database of planted situations, and what dbperf says of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use dbperf::analyze::indexes::{Judged, judge};
use dbperf::lab::Cluster;
use dbperf::record::{Bytes, Run};
use tokio_postgres::Client;

use super::situations::{BROKEN, LATE, ROWS, SITUATIONS, Situation, TABLES};
use super::support::{connect, published};

/// Every situation that the version has.
pub(crate) fn situations(major: u32) -> impl Iterator<Item = &'static Situation> {
    let all = SITUATIONS.iter().chain(LATE).chain(BROKEN);
    all.filter(move |situation| major >= situation.since)
}

/// Plants every situation and waits until the counters show the scans.
pub(crate) async fn plant(cluster: &Cluster, major: u32) {
    let client = connect(cluster).await;
    let start = "CREATE EXTENSION pg_stat_statements; SET enable_seqscan = off";
    run(&client, start).await;
    run(&client, TABLES).await;
    run(&client, "CREATE TABLESPACE \"Other Disk\" LOCATION ''").await;
    for situation in SITUATIONS.iter().filter(|s| major >= s.since) {
        run(&client, situation.make).await;
        run(&client, situation.scan).await;
    }
    run(&client, ROWS).await;
    for situation in LATE {
        run(&client, situation.make).await;
    }
    for situation in BROKEN {
        let failed = client.batch_execute(situation.make).await;
        assert!(failed.is_err(), "{} should fail", situation.index);
    }
    // What ANALYZE has counted would otherwise be counted once more when this session's changes are published.
    published(cluster, client).await;
    let client = connect(cluster).await;
    run(&client, "ANALYZE").await;
    published(cluster, client).await;
    await_scans(cluster, major).await;
}

async fn run(client: &Client, sql: &str) {
    if let Err(error) = client.batch_execute(sql).await {
        panic!("{error:?}\n{sql}");
    }
}

/// A session publishes its counters when it ends, a moment after its client has.
async fn await_scans(cluster: &Cluster, major: u32) {
    let client = connect(cluster).await;
    let expected: Vec<&str> = situations(major)
        .filter(|s| !s.scan.is_empty() && !s.index.starts_with("parts"))
        .map(|s| s.index)
        .collect();
    let sql = "SELECT indexrelname::text FROM pg_stat_user_indexes WHERE idx_scan > 0";
    let started = Instant::now();
    loop {
        let rows = client.query(sql, &[]).await.unwrap();
        let seen: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let missing = expected
            .iter()
            .find(|name| !seen.iter().any(|s| s == *name));
        let Some(missing) = missing else { return };
        let waited = started.elapsed();
        assert!(
            waited < Duration::from_secs(20),
            "{missing} was not scanned"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `dbperf indexes … --save FILE`.
pub(crate) fn save(dsn: &str, file: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args(["indexes", dsn, "--window", "1s", "--quiet", "--save"])
        .arg(file)
        .args(more)
        .output()
        .unwrap()
}

/// What `dbperf indexes --save` saved of the server.
pub(crate) fn saved(dsn: &str, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    let output = save(dsn, &file, more);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// What `dbperf indexes` without a window saved of the server.
pub(crate) fn saved_by(dsn: &str, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    let output = Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args(["indexes", dsn, "--quiet", "--save"])
        .arg(&file)
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The run as if the counters were 60 days old and everything a few thousand times as large.
pub(crate) fn grown_old(mut run: Run) -> Run {
    let days = jiff::SignedDuration::from_hours(60 * 24);
    let standbys = run.indexes.standbys.iter_mut();
    let lives = standbys.filter_map(|node| node.life.as_mut());
    for life in run.life.iter_mut().chain(lives) {
        let since = life.at.checked_sub(days).unwrap();
        life.database_stats_reset = Some(since);
        life.bgwriter_stats_reset = Some(since);
    }
    for saved in &mut run.indexes.saved {
        saved.since = Some(saved.until.checked_sub(days).unwrap());
    }
    for facts in run.indexes.facts.iter_mut().flatten() {
        facts.size_bytes = facts.size_bytes.map(|Bytes(size)| Bytes(size * 4096));
    }
    run
}

/// The verdicts by name.
pub(crate) fn verdicts(run: &Run) -> BTreeMap<String, Judged> {
    let judged = judge(run).expect("the catalogue was read");
    let named = judged.into_iter().map(|j| (j.index.index.clone(), j));
    named.collect()
}
