//! The catalogue SQL on every installed server: it runs, and all variants of one view have the
//! same columns in the same order.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use std::collections::BTreeMap;

use dbperf::collect;
use dbperf::lab::LabOptions;
use dbperf::pg::catalog::{self, Since, View};
use dbperf::pg::{Conninfo, Session, SessionOptions, read_extensions, read_life, read_server};
use dbperf::pg::{Target, resolve};
use support::{connect, lab, servers};
use tokio_postgres::Client;

/// Names and types of the columns, in order.
type Shape = Vec<(String, String)>;

/// The shapes seen so far, by view, each with where it was seen first.
#[derive(Default)]
struct Shapes(BTreeMap<&'static str, (String, Shape)>);

impl Shapes {
    fn same(&mut self, view: &View, place: &str, shape: &Shape) {
        let (first, expected) = self
            .0
            .entry(view.name)
            .or_insert_with(|| (place.to_owned(), shape.clone()));
        assert_eq!(
            shape, expected,
            "{} on {place} has another shape than on {first}",
            view.name
        );
    }
}

async fn shape(client: &Client, name: &str, sql: &str) -> Shape {
    let statement = match client.prepare(sql).await {
        Ok(statement) => statement,
        Err(e) => panic!("{name}: {e:?}\n{sql}"),
    };
    let columns = statement.columns().iter();
    columns
        .map(|c| (c.name().to_owned(), c.type_().to_string()))
        .collect()
}

fn target(dsn: &str) -> Target {
    resolve(Some(dsn), &|_| None).unwrap()
}

#[tokio::test]
async fn every_server_view_has_one_shape_on_every_version() {
    let mut shapes = Shapes::default();
    for (major, _) in servers() {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        for view in catalog::all().filter(|v| v.axis == "PostgreSQL") {
            // Variants of older versions are not asked for: their columns may be gone.
            let Ok(sql) = view.select((major, 0)) else {
                continue;
            };
            let place = format!("PostgreSQL {major}");
            shapes.same(view, &place, &shape(&client, view.name, sql).await);
        }
        read_everything(&lab.primary().dsn(), major).await;
    }
}

/// Every reader turns what its view returns into its row struct.
async fn read_everything(dsn: &str, major: u32) {
    let target = target(dsn);
    let session = Session::connect(&target.conninfo, &SessionOptions::new("shape"))
        .await
        .unwrap();
    assert_eq!(session.major(), major);
    assert_eq!(session.through_pooler(), Some(false));
    let server = read_server(&session, &target).await.unwrap();
    assert_eq!(server.major(), major);
    assert!(server.system_identifier.is_some() && server.round_trip.is_some());
    assert!(!server.settings.contains_key("primary_conninfo"));
    read_life(&session, None).await.unwrap();

    macro_rules! read {
        ($($view:ident),+) => { $(
            if let Err(e) = collect::$view::read(&session).await {
                panic!("PostgreSQL {major}: {e}");
            }
        )+ };
    }
    read!(
        pg_stat_user_tables,
        pg_statio_user_tables,
        pg_stat_user_indexes,
        pg_statio_user_indexes,
        pg_stat_database,
        pg_stat_checkpointer,
        pg_stat_bgwriter,
        pg_constraint,
        constraints_not_validated,
        pg_prepared_xacts,
        pg_stat_progress_vacuum,
        open_transactions,
        pg_statistic_ext,
        pg_replication_slots,
        standby
    );
    // Absent before the version that brought them, and never another failure.
    let wal = collect::pg_stat_wal::read(&session).await;
    assert_eq!(wal.is_ok(), major >= 14, "{wal:?}");
    let io = collect::pg_stat_io::read(&session).await;
    assert_eq!(io.is_ok(), major >= 16, "{io:?}");
    collect::ages::read_databases(&session).await.unwrap();
    collect::ages::read_oldest_tables(&session).await.unwrap();
    collect::pg_sequence::read(&session, &server).await.unwrap();
    collect::pg_prepared_xacts::read_blockers(&session, &[1])
        .await
        .unwrap();
    let sizes = collect::relation_size::read(&session).await.unwrap();
    collect::pg_class::read(&session, &sizes).await.unwrap();
    collect::pg_index::read(&session, &sizes).await.unwrap();
    collect::pg_stat_activity::read(&session, "x")
        .await
        .unwrap();
    collect::pg_stat_replication::read(&session, dbperf::record::Millis(0.0))
        .await
        .unwrap();
    collect::pg_stat_replication::read_current_lsn(&session)
        .await
        .unwrap()
        .unwrap();
    session.close().await;
}

#[tokio::test]
async fn every_extension_version_has_one_shape() {
    let mut shapes = Shapes::default();
    for (major, _) in servers() {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        client
            .batch_execute("CREATE SCHEMA \"Odd schema\"")
            .await
            .unwrap();
        let mut seen = Vec::new();
        for version in installable(&client).await {
            let (a, b) = version;
            let sql = if seen.is_empty() {
                format!(
                    "CREATE EXTENSION pg_stat_statements SCHEMA \"Odd schema\" VERSION '{a}.{b}'"
                )
            } else {
                format!("ALTER EXTENSION pg_stat_statements UPDATE TO '{a}.{b}'")
            };
            client.batch_execute(&sql).await.unwrap();
            seen.push(version);
            let place = format!("PostgreSQL {major} with extension {a}.{b}");
            for view in catalog::all().filter(|v| v.axis == "pg_stat_statements") {
                if let Ok(sql) = view.select(version) {
                    let sql = sql.replace("{schema}", "\"Odd schema\"");
                    shapes.same(view, &place, &shape(&client, view.name, &sql).await);
                }
            }
            read_statements(&lab.primary().dsn(), &place).await;
        }
        let newest = [(1, 8), (1, 9), (1, 10), (1, 10), (1, 11), (1, 12)][(major - 13) as usize];
        assert_eq!(seen.last(), Some(&newest), "PostgreSQL {major}");
    }
}

/// Versions from 1.8 on that this server can install, oldest first.
async fn installable(client: &Client) -> Vec<Since> {
    let sql = "SELECT version FROM pg_available_extension_versions
               WHERE name = 'pg_stat_statements'";
    let rows = client.query(sql, &[]).await.unwrap();
    let mut versions: Vec<Since> = rows
        .iter()
        .filter_map(|row| catalog::extension_version(row.get(0)))
        .filter(|version| *version >= (1, 8))
        .collect();
    versions.sort_unstable();
    versions
}

async fn read_statements(dsn: &str, place: &str) {
    let session = Session::connect(&target(dsn).conninfo, &SessionOptions::new("shape"))
        .await
        .unwrap();
    let extension = read_extensions(&session).await.unwrap();
    let source = collect::pg_stat_statements::Source::new(&extension["pg_stat_statements"]);
    let source = source.unwrap();
    let sample = source.read(&session).await.unwrap();
    assert!(!sample.rows.is_empty(), "{place}");
    let ids: Vec<i64> = sample.rows.iter().map(|r| r.key.queryid.0).collect();
    let texts = source.read_texts(&session, &ids).await.unwrap();
    assert!(
        texts.iter().any(|(_, t)| t.contains(catalog::MARKER)),
        "{place}: {texts:?}"
    );
    source.read_info(&session).await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn a_guarded_session_cannot_write_and_says_so_by_sqlstate() {
    for (major, _) in servers() {
        let lab = lab(major, LabOptions::default()).unwrap();
        let conninfo = Conninfo::parse(&lab.primary().dsn(), &|_| None).unwrap();
        let session = Session::connect(&conninfo, &SessionOptions::new("guard"))
            .await
            .unwrap();
        let write = "CREATE /* dbperf */ TABLE t (a int)";
        let error = session.rows("a write", write, &[]).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("25006"), "{error}");
        // Two statements in one message are refused by the extended protocol.
        let two = "COMMIT; CREATE TABLE t (a int)";
        let error = session.rows("two statements", two, &[]).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("42601"), "{error}");
        session.close().await;
    }
}
