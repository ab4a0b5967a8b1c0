//! A short window over a server, and what is concluded from it.

use std::time::Duration;

use dbperf::analyze::conclusions::{Conclusions, Finding, Health, HealthState, HealthSubject};
use dbperf::analyze::{Options, conclude};
use dbperf::collect::{LoadState, ObserveOptions, Observer};
use dbperf::lab::Cluster;
use dbperf::pg::resolve;
use dbperf::record::Run;
use dbperf::record::run::{Host, RunMeta};
use jiff::{Timestamp, ToSpan as _};
use tokio_postgres::Client;

use crate::support::connect;

/// Long enough to see a wait of a second.
pub(crate) const WINDOW: Duration = Duration::from_millis(2_500);

/// Watches a server by this connection string while `during` runs.
pub(crate) async fn watch(dsn: &str, replicas: &[&Cluster], during: impl Future) -> Run {
    let target = |dsn: &str| resolve(Some(dsn), &|_| None).unwrap();
    let started_at = Timestamp::now();
    let options = ObserveOptions {
        replicas: replicas.iter().map(|r| target(&r.dsn())).collect(),
        ..ObserveOptions::new("health")
    };
    let server = target(dsn);
    let started = Box::pin(Observer::start(&server, options)).await;
    let (observer, _) = started.unwrap();
    Box::pin(during).await;
    let seen = Box::pin(observer.finish(LoadState::GoesOn)).await;
    let meta = RunMeta {
        run_id: "health".to_owned(),
        started_at,
        ended_at: Timestamp::now(),
        window: seen.window,
        dbperf_version: String::new(),
        command: String::new(),
        interrupted: false,
        // Of a lab some things are expected that a real server is told of.
        lab: false,
        load_command: None,
        since: None,
    };
    Run {
        server: Some(seen.server),
        coverage: seen.coverage,
        life: seen.life,
        disturbances: seen.disturbances,
        activity: seen.activity,
        statements: seen.statements,
        database: seen.database,
        tables: seen.tables,
        indexes: seen.indexes,
        replication: seen.replication,
        health: seen.health,
        ..Run::of(meta, Host::default())
    }
}

/// The same facts, read so many minutes later: a test cannot wait for what takes a quarter of an hour.
pub(crate) fn later(run: &Run, minutes: i64) -> Run {
    let mut run = run.clone();
    let health = run.health.as_mut().unwrap();
    let at = health.read_at.unwrap();
    health.read_at = Some(at.checked_add(minutes.minutes()).unwrap());
    run
}

pub(crate) fn concluded(run: &Run) -> Conclusions {
    conclude(run, &Options::default()).unwrap()
}

pub(crate) fn health(all: &Conclusions) -> &Health {
    all.health.as_ref().unwrap()
}

pub(crate) fn findings<'a>(all: &'a Conclusions, rule: &str) -> Vec<&'a Finding> {
    let findings = all.findings.iter().flatten();
    findings.filter(|f| f.rule == rule).collect()
}

pub(crate) fn subject<'a>(all: &'a Conclusions, name: &str) -> &'a HealthSubject {
    let mut subjects = health(all).subjects.iter();
    subjects.find(|s| s.subject == name).unwrap()
}

#[track_caller]
pub(crate) fn assert_state(all: &Conclusions, name: &str, state: HealthState) {
    let subject = subject(all, name);
    assert_eq!(subject.status, state, "{subject:?}");
}

/// A session of this application in which these statements ran; it ends with the client.
pub(crate) async fn session(cluster: &Cluster, application: &str, sql: &[&str]) -> Client {
    let client = connect(cluster).await;
    let name = format!("SET application_name = '{application}'");
    client.batch_execute(&name).await.unwrap();
    for statement in sql {
        client.batch_execute(statement).await.unwrap();
    }
    client
}

/// Until a statement answers with 1.
pub(crate) async fn until(client: &Client, sql: &str) {
    for _ in 0..200 {
        let count: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
        if count >= 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("this never came true: {sql}");
}
