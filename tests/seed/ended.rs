//! Whatever ends a load before its COMMIT leaves nothing.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dbperf::lab::LabOptions;
use dbperf::seed::load::{Load, LoadError, LoadOptions, Step};
use dbperf::seed::rows::Rows;
use tokio::sync::watch;
use tokio_postgres::Client;

use super::catalogue::snapshot;
use super::made::{Field, Row, load, made, numbered, run, session};
use super::support::{connect, each_version, lab, left_sessions, value};

const SCHEMA: &[&str] = &[
    "CREATE SCHEMA \"Odd one\"",
    "CREATE TABLE one (id bigserial PRIMARY KEY, body text)",
    "CREATE INDEX one_body ON one (body)",
    "CREATE TABLE two (id bigint PRIMARY KEY REFERENCES one, body text)",
];

/// Longest wait of a test.
const LIMIT: Duration = Duration::from_secs(120);

/// The number of a child's rows tells it apart.
const DSN: &str = "DBPERF_TEST_LOAD_DSN";

fn rows(second: u64, row: Row) -> Vec<Arc<dyn Rows>> {
    vec![
        made("one", &["id", "body"], 1000, numbered),
        made("two", &["id", "body"], second, row),
    ]
}

/// What must not change: the catalogue, files of tables, rows, and the sequence.
async fn state(client: &Client) -> String {
    let files = "SELECT string_agg(relname || ' ' || relfilenode, ', ' ORDER BY relname) FROM pg_class \
                 WHERE relnamespace = 'public'::regnamespace";
    let counts = "SELECT concat_ws(' ', (SELECT count(*) FROM one), (SELECT count(*) FROM two), \
                  (SELECT last_value FROM one_id_seq), (SELECT is_called FROM one_id_seq))";
    format!(
        "{}\n{}\n{}",
        snapshot(client).await,
        value(client, files).await,
        value(client, counts).await
    )
}

#[test]
fn an_interrupt_leaves_nothing_whenever_it_comes() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, SCHEMA).await;
        let before = state(&client).await;
        // While the first rows are sent, later, and while an index is built.
        for when in ["first", "second", "CREATE"] {
            let session = session(&lab.primary().dsn()).await;
            let (sender, stop) = watch::channel(false);
            let load = Load::begin(&session, stop).await.unwrap();
            let seen = AtomicU64::new(0);
            let tell = |step: &Step<'_>| {
                let now = match step {
                    Step::Rows { table, .. } if when == "first" => table.name == "one",
                    Step::Rows { table, done, .. } if when == "second" => {
                        table.name == "two" && *done > 100_000
                    }
                    Step::Doing(what) => what.starts_with(when),
                    Step::Rows { .. } => false,
                };
                if now {
                    seen.fetch_add(1, Ordering::Relaxed);
                    let _ = sender.send(true);
                }
            };
            let options = LoadOptions {
                jobs: 2,
                triggers: None,
            };
            let endless: Row = |row| numbered(row % 1_000_000);
            let many = if when == "CREATE" { 1000 } else { 50_000_000 };
            let error = load
                .fill(&rows(many, endless), &options, &tell)
                .await
                .unwrap_err();
            assert!(matches!(error, LoadError::Interrupted), "{when}: {error}");
            assert!(seen.into_inner() > 0, "{when}");
            session.close().await;
            assert_eq!(state(&client).await, before, "PostgreSQL {major}, {when}");
        }
        assert_eq!(left_sessions(&client).await, 0);
    });
}

#[test]
fn a_row_that_is_refused_leaves_nothing_and_is_not_told() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, SCHEMA).await;
        let before = state(&client).await;
        let wrong: [(Row, &str); 3] = [
            // The key is broken: heard of when its index is built.
            (
                |row| {
                    vec![
                        Field::Int8(i64::try_from(row / 2).unwrap() + 1),
                        Field::Text("secret".to_owned()),
                    ]
                },
                "23505",
            ),
            // Nobody is referred to.
            (
                |row| {
                    vec![
                        Field::Int8(-i64::try_from(row).unwrap()),
                        Field::Text("secret".to_owned()),
                    ]
                },
                "23503",
            ),
            // It is no row of this table.
            (|_| vec![Field::Text("secret".to_owned())], "22P04"),
        ];
        for (row, sqlstate) in wrong {
            let error = load(&lab.primary().dsn(), &rows(1000, row), None)
                .await
                .unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(sqlstate), "PostgreSQL {major}: {text}");
            assert!(!text.contains("secret"), "{text}");
            assert_eq!(
                state(&client).await,
                before,
                "PostgreSQL {major}, {sqlstate}"
            );
        }
    });
}

/// A process of its own, to be killed by [`a_killed_load_leaves_nothing`].
#[test]
#[ignore = "it is run by another test"]
fn child() {
    let Ok(dsn) = std::env::var(DSN) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let endless: Row = |row| numbered(row % 1_000_000);
    let loaded = runtime.block_on(load(&dsn, &rows(50_000_000_000, endless), None));
    panic!("it ended: {loaded:?}");
}

#[test]
fn a_killed_load_leaves_nothing() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, SCHEMA).await;
        let before = state(&client).await;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ended::child", "--ignored"])
            .env(DSN, lab.primary().dsn())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let copying = "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'COPY /* dbperf */ \"public\".\"two\"%' \
                       AND state = 'active'";
        let began = Instant::now();
        while value(&client, copying).await == "0" {
            assert!(began.elapsed() < LIMIT, "no COPY");
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while left_sessions(&client).await > 0 {
            assert!(began.elapsed() < LIMIT, "its session is still there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(state(&client).await, before, "PostgreSQL {major}");
    });
}
