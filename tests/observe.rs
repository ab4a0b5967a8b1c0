//! The observer against real servers: what it finds where the right answer is known.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dbperf::collect::{LoadState, ObserveOptions, Observed, Observer};
use dbperf::lab::{Cluster, Lab, LabOptions, StopMode};
use dbperf::pg::catalog::MARKER;
use dbperf::pg::{Target, resolve};
use dbperf::record::server::Disturbance;
use dbperf::record::statements::StatementDelta;
use dbperf::record::{Coverage, Status};
use support::{connect, lab, left_sessions, measured_async, servers};
use tokio_postgres::Client;

const WINDOW: Duration = Duration::from_secs(3);

/// The oldest, the newest, and the one of the system's package.
fn some_versions() -> Vec<u32> {
    let all: Vec<u32> = servers().into_iter().map(|(major, _)| major).collect();
    let wanted = [all.first().copied(), Some(15), all.last().copied()];
    all.into_iter()
        .filter(|major| wanted.contains(&Some(*major)))
        .collect()
}

fn target_of(cluster: &Cluster) -> Target {
    resolve(Some(&cluster.dsn()), &|_| None).unwrap()
}

async fn with_extension(lab: &Lab) -> Client {
    let client = connect(lab.primary()).await;
    let sql = "CREATE EXTENSION pg_stat_statements";
    client.batch_execute(sql).await.unwrap();
    client
}

/// Runs `sql` again and again until the guard is dropped; counts the time on the client.
struct Load {
    task: tokio::task::JoinHandle<()>,
    micros: Arc<AtomicU64>,
}

impl Load {
    async fn start(cluster: &Cluster, sql: &'static str, pause: Duration) -> Self {
        let client = connect(cluster).await;
        let micros = Arc::new(AtomicU64::new(0));
        let spent = Arc::clone(&micros);
        let task = tokio::spawn(async move {
            loop {
                let start = Instant::now();
                if client.query(sql, &[]).await.is_err() {
                    return;
                }
                let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                spent.fetch_add(took, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
            }
        });
        Self { task, micros }
    }

    /// Stops between two statements is not promised: the last one may be cut off.
    async fn stop(self) -> f64 {
        self.task.abort();
        let _aborted = self.task.await;
        self.micros.load(Ordering::Relaxed) as f64 / 1000.0
    }
}

fn coverage<'a>(seen: &'a Observed, collector: &str) -> &'a Coverage {
    let mut rows = seen.coverage.iter();
    rows.find(|c| c.collector == collector).unwrap()
}

fn delta_of<'a>(seen: &'a Observed, text: &str) -> Option<&'a StatementDelta> {
    let window = seen.statements.as_ref().unwrap();
    let (id, _) = window.texts.iter().find(|(_, t)| t.query.contains(text))?;
    window.deltas.iter().find(|d| d.key.queryid.0 == *id)
}

async fn own_sessions(client: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dbperf/%'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[test]
fn a_statement_of_known_cost_is_reported_and_dbperf_is_not() {
    measured_async(|| async {
        for (major, _) in servers() {
            let lab = lab(major, LabOptions::default()).unwrap();
            let client = with_extension(&lab).await;
            let target = target_of(lab.primary());
            let (observer, server) = Observer::start(&target, ObserveOptions::new("known"))
                .await
                .unwrap();
            assert_eq!(server.major(), major);
            assert!(own_sessions(&client).await <= 3, "connection budget");
            let sql = "SELECT pg_sleep(0.2) /*route='%2Forders%2F42',user='jane'*/";
            let load = Load::start(lab.primary(), sql, Duration::ZERO).await;
            tokio::time::sleep(WINDOW).await;
            let expected = load.stop().await;
            let seen = observer.finish(LoadState::Ended).await;

            let sleep = delta_of(&seen, "pg_sleep").unwrap();
            let total = sleep.counters.total_exec_time.0;
            let error = (total - expected).abs() / expected;
            assert!(
                error < 0.05,
                "PostgreSQL {major}: {total} ms, expected {expected} ms"
            );
            assert!(sleep.counters.calls >= 10 && !sleep.partial);

            let window = seen.statements.as_ref().unwrap();
            let own: Vec<_> = window
                .texts
                .values()
                .filter(|t| t.query.contains(MARKER))
                .collect();
            assert!(own.is_empty(), "PostgreSQL {major}: {own:?}");
            assert!(!window.own.is_empty());
            assert!((window.covered_ratio - 1.0).abs() < 1e-9);
            assert!(seen.disturbances.is_empty(), "{:?}", seen.disturbances);

            let activity = seen.activity.as_ref().unwrap();
            let per_second = activity.samples.len() as f64 / seen.window.secs();
            assert!(
                (8.0..=10.5).contains(&per_second),
                "{per_second} samples per second"
            );
            let sleeping = activity.samples.iter().filter(|s| {
                let mut sessions = s.sessions.iter();
                sessions.any(|s| s.is_active() && s.wait_event.as_deref() == Some("PgSleep"))
            });
            assert!(sleeping.count() * 10 >= activity.samples.len() * 8);
            // The route of the comment is kept, without the row's number; its other values and the text are not.
            let mut sessions = activity.samples.iter().flat_map(|s| &s.sessions);
            let tagged = sessions.find(|s| s.wait_event.as_deref() == Some("PgSleep"));
            let tags: Vec<_> = tagged.unwrap().tags.iter().collect();
            assert_eq!(tags, [(&"route".to_owned(), &"/orders/{}".to_owned())]);
            let names = activity.samples.iter().flat_map(|s| &s.sessions);
            assert!(
                names
                    .into_iter()
                    .all(|s| !s.application_name.starts_with("dbperf/"))
            );

            assert!(seen.database.stat_database.is_some());
            assert!(seen.tables.stat_user_tables.is_some() && seen.tables.facts.is_some());
            assert!(seen.indexes.stat_user_indexes.is_some() && seen.indexes.facts.is_some());
            assert_eq!(seen.database.stat_io.is_some(), major >= 16);
            let skipped = seen.coverage.iter().filter(|c| c.status != Status::Ok);
            let skipped: Vec<_> = skipped.map(|c| c.collector.as_str()).collect();
            let absent: &[&str] = match major {
                13 => &["pg_stat_io", "pg_stat_wal", "pgstattuple"],
                14 | 15 => &["pg_stat_io", "pgstattuple"],
                _ => &["pgstattuple"],
            };
            assert_eq!(skipped, absent, "PostgreSQL {major}: {:?}", seen.coverage);

            let own_ratio = seen.own_exec.unwrap().0 / seen.window.0;
            assert!(
                own_ratio < 0.02,
                "PostgreSQL {major}: {own_ratio} of the window"
            );
            assert_eq!(
                left_sessions(&client).await,
                0,
                "nothing is left on the server"
            );
        }
    });
}

#[test]
fn a_reset_inside_the_window_loses_only_what_came_before_it() {
    measured_async(|| async {
        for major in some_versions() {
            let lab = lab(major, LabOptions::default()).unwrap();
            let client = with_extension(&lab).await;
            let target = target_of(lab.primary());
            let mut options = ObserveOptions::new("reset");
            options.statements_interval = Some(Duration::from_millis(500));
            let (observer, _) = Observer::start(&target, options).await.unwrap();
            let load = Load::start(lab.primary(), "SELECT pg_sleep(0.05)", Duration::ZERO).await;
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let sql = "SELECT pg_stat_statements_reset()";
            client.query(sql, &[]).await.unwrap();
            tokio::time::sleep(WINDOW).await;
            let all = load.stop().await;
            let seen = observer.finish(LoadState::Ended).await;

            let window = seen.statements.as_ref().unwrap();
            let sleep = delta_of(&seen, "pg_sleep").unwrap();
            let total = sleep.counters.total_exec_time.0;
            assert!(total > 0.0 && total < all, "{total} of {all}");
            assert!(sleep.partial, "the row is marked");
            assert!(window.deltas.iter().all(|d| d.counters.calls >= 0));
            if major > 13 {
                // The extension of 13 does not tell of a reset; its rows alone do.
                assert!(seen.disturbances.contains(&Disturbance::StatementsReset));
                assert!(window.covered_ratio < 1.0, "{}", window.covered_ratio);
                // Up to the last sample before the reset, and everything after it.
                assert!(total > all * window.covered_ratio * 0.9, "{total} of {all}");
            }
        }
    });
}

#[test]
fn a_restart_inside_the_window_is_survived_and_said() {
    measured_async(|| async {
        for major in some_versions() {
            let mut lab = lab(major, LabOptions::default()).unwrap();
            drop(with_extension(&lab).await);
            let target = target_of(lab.primary());
            let options = ObserveOptions::new("restart");
            let (observer, _) = Observer::start(&target, options).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let lab = tokio::task::spawn_blocking(move || {
                lab.primary_mut().restart(StopMode::Fast).unwrap();
                lab
            });
            let lab = lab.await.unwrap();
            let load = Load::start(lab.primary(), "SELECT pg_sleep(0.1)", Duration::ZERO).await;
            tokio::time::sleep(WINDOW).await;
            load.stop().await;
            let seen = observer.finish(LoadState::Ended).await;

            assert!(seen.disturbances.contains(&Disturbance::Restart), "{major}");
            assert!(seen.disturbances.contains(&Disturbance::ConnectionLost));
            let sleep = delta_of(&seen, "pg_sleep").unwrap();
            assert!(sleep.counters.calls >= 15);
            let window = seen.statements.as_ref().unwrap();
            assert!(window.covered_ratio < 1.0);
            let after = seen.activity.as_ref().unwrap().samples.iter();
            assert!(
                after.filter(|s| s.at.0 > 2500.0).count() > 5,
                "sampling went on"
            );
            // Every tick of the window was taken or is counted as missed, however fast the restart was.
            let activity = seen.activity.as_ref().unwrap();
            let ticks = activity.samples.len() as u64 + activity.missed;
            let expected = seen.window.0 / activity.interval.0;
            assert!(
                (ticks as f64 - expected).abs() <= expected * 0.1,
                "{ticks} of {expected} ticks"
            );
        }
    });
}

#[test]
fn evictions_are_counted_and_no_number_is_negative() {
    measured_async(|| async {
        for major in some_versions() {
            let options = LabOptions {
                settings: vec![("pg_stat_statements.max".to_owned(), "100".to_owned())],
                ..LabOptions::default()
            };
            let lab = lab(major, options).unwrap();
            let client = with_extension(&lab).await;
            let target = target_of(lab.primary());
            let mut options = ObserveOptions::new("evicted");
            options.statements_interval = Some(Duration::from_millis(300));
            let (observer, _) = Observer::start(&target, options).await.unwrap();
            let load = Load::start(lab.primary(), "SELECT pg_sleep(0.01)", Duration::ZERO).await;
            for i in 0..600 {
                let columns = vec!["1"; i % 300 + 1].join(", ");
                client
                    .query(&format!("SELECT {columns}"), &[])
                    .await
                    .unwrap();
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            load.stop().await;
            let seen = observer.finish(LoadState::Ended).await;

            let window = seen.statements.as_ref().unwrap();
            let passes = window.disturbances.iter().find_map(|d| match d {
                Disturbance::StatementsEvicted { passes } => Some(*passes),
                _ => None,
            });
            // The extension of 13 does not count evictions; missing entries show them.
            assert!(
                passes.is_some_and(|p| p > 0) || major == 13,
                "{:?}",
                window.disturbances
            );
            assert!(window.evicted > 0, "PostgreSQL {major}");
            let time = |d: &StatementDelta| d.counters.total_exec_time.0;
            assert!(
                window
                    .deltas
                    .iter()
                    .all(|d| d.counters.calls >= 0 && time(d) >= 0.0)
            );
            let texts = window.deltas.iter();
            let texts = texts
                .filter(|d| window.texts.contains_key(&d.key.queryid.0))
                .count();
            assert!(
                texts * 2 > window.deltas.len(),
                "{texts} of {}",
                window.deltas.len()
            );
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_inside_the_window_is_told_from_a_restart() {
    for major in some_versions() {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = with_extension(&lab).await;
        let target = target_of(lab.primary());
        let options = ObserveOptions::new("crash");
        let (observer, _) = Observer::start(&target, options).await.unwrap();
        let victim: i32 = client
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        let victim = nix::unistd::Pid::from_raw(victim);
        nix::sys::signal::kill(victim, nix::sys::signal::Signal::SIGKILL).unwrap();
        tokio::time::sleep(WINDOW).await;
        let seen = observer.finish(LoadState::Ended).await;
        assert!(
            seen.disturbances.contains(&Disturbance::Crash),
            "{:?}",
            seen.disturbances
        );
        assert!(!seen.disturbances.contains(&Disturbance::Restart));
        assert!(seen.statements.unwrap().covered_ratio < 1.0);
        assert!(
            seen.database.stat_database.is_some(),
            "the closing sample was taken"
        );
    }
}

#[tokio::test]
async fn without_the_extension_the_rest_is_still_observed() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let lab = lab(major, LabOptions::default()).unwrap();
    let target = target_of(lab.primary());
    let options = ObserveOptions::new("absent");
    let (observer, _) = Observer::start(&target, options).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seen = observer.finish(LoadState::Ended).await;
    assert!(seen.statements.is_none());
    let row = coverage(&seen, "pg_stat_statements");
    assert_eq!(row.status, Status::Failed);
    assert!(
        row.reason.as_ref().unwrap().contains("CREATE EXTENSION"),
        "{row:?}"
    );
    assert!(!seen.activity.unwrap().samples.is_empty());
    assert!(seen.own_exec.unwrap().0 > 0.0);
}

#[tokio::test]
async fn a_role_without_grants_is_told_which_one_would_help() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let lab = lab(major, LabOptions::default()).unwrap();
    let client = with_extension(&lab).await;
    client
        .batch_execute("CREATE TABLE secret (a int); CREATE ROLE \"Guest\" LOGIN")
        .await
        .unwrap();
    let dsn = format!("{} user=Guest", lab.primary().dsn());
    let target = resolve(Some(&dsn), &|_| None).unwrap();
    let load = Load::start(lab.primary(), "SELECT pg_sleep(0.1)", Duration::ZERO).await;
    let options = ObserveOptions::new("guest");
    let (observer, server) = Observer::start(&target, options).await.unwrap();
    assert!(!server.privileges.superuser && !server.privileges.read_all_stats);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    load.stop().await;
    let seen = observer.finish(LoadState::Ended).await;
    for collector in ["pg_stat_statements", "pg_stat_activity"] {
        let row = coverage(&seen, collector);
        assert_eq!(row.status, Status::Partial, "{row:?}");
        let reason = row.reason.as_ref().unwrap();
        assert!(reason.contains("GRANT pg_monitor TO \"Guest\""), "{reason}");
    }
    let row = coverage(&seen, "privileges");
    assert!(
        row.reason
            .as_ref()
            .unwrap()
            .contains("1 tables may not be read"),
        "{row:?}"
    );
    assert!(seen.statements.unwrap().hidden_rows > 0);
}

#[test]
fn a_standby_is_sampled_beside_its_primary() {
    measured_async(|| async {
        for major in some_versions() {
            let options = LabOptions {
                standby: true,
                standby_settings: vec![("wal_receiver_timeout".into(), "17s".into())],
                ..LabOptions::default()
            };
            let lab = lab(major, options).unwrap();
            let client = with_extension(&lab).await;
            client
                .batch_execute("CREATE TABLE t (a int)")
                .await
                .unwrap();
            let target = target_of(lab.primary());
            let mut options = ObserveOptions::new("standby");
            options.replicas = vec![target_of(lab.standby().unwrap())];
            let (observer, _) = Observer::start(&target, options).await.unwrap();
            let insert = "INSERT INTO t SELECT generate_series(1, 100)";
            let load = Load::start(lab.primary(), insert, Duration::from_millis(20)).await;
            tokio::time::sleep(WINDOW).await;
            load.stop().await;
            let seen = observer.finish(LoadState::Ended).await;

            let replication = seen.replication.as_ref().unwrap();
            assert!(
                replication.primary.len() > 30,
                "{}",
                replication.primary.len()
            );
            let grew = replication.primary.last().unwrap().lsn.0 - replication.primary[0].lsn.0;
            assert!(grew > 0);
            assert!(replication.senders.len() > 5);
            let [standby] = &replication.standbys[..] else {
                panic!("one standby");
            };
            assert!(standby.samples.len() > 30);
            assert_eq!(standby.failure, None);
            let timeout = standby.wal_receiver_timeout;
            assert_eq!(timeout, Some(dbperf::record::Millis(17_000.0)), "its own");
            let last = standby.samples.last().unwrap();
            assert!(last.in_recovery && last.replay_lsn.is_some());
            assert_eq!(last.receiver_status.as_deref(), Some("streaming"));
            let sender = replication.senders.last().unwrap();
            assert_eq!(replication.senders_read_at, Some(sender.at));
            assert_eq!(
                standby.application_name.as_ref(),
                Some(&sender.application_name)
            );
            assert_eq!(seen.indexes.standbys_not_asked, Some(0));
            assert_eq!(seen.indexes.standbys.len(), 1);
            assert_eq!(seen.indexes.standbys[0].node, standby.name);
        }
    });
}

#[tokio::test]
async fn a_dropped_observer_leaves_no_session_behind() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let lab = lab(major, LabOptions::default()).unwrap();
    let client = with_extension(&lab).await;
    let target = target_of(lab.primary());
    let options = ObserveOptions::new("dropped");
    let (observer, _) = Observer::start(&target, options).await.unwrap();
    assert!(own_sessions(&client).await > 0);
    drop(observer);
    let start = Instant::now();
    while own_sessions(&client).await > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "sessions are still there"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
