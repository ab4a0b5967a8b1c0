//! Connecting: what goes wrong is said with its cure and without a secret.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use std::io::Write as _;
use std::time::{Duration, Instant};

use dbperf::lab::{Cluster, Lab, LabOptions};
use dbperf::pg::{Conninfo, PgError, SearchPath, Session, SessionOptions, TlsError};
use support::{connect, lab, servers};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const CANARY: &str = "CANARY-in-no-output";

async fn attempt(dsn: &str) -> Result<Session, PgError> {
    let conninfo = Conninfo::parse(dsn, &|_| None)?;
    Session::connect(&conninfo, &SessionOptions::new("connect")).await
}

async fn refused(dsn: &str) -> PgError {
    let error = attempt(dsn).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(CANARY), "{shown}");
    error
}

fn newest() -> Option<Lab> {
    let (major, _) = servers().pop()?;
    lab(major, LabOptions::default())
}

/// Demands a password of one user.
async fn demand_password(cluster: &Cluster, user: &str) {
    let path = cluster.data_dir().join("pg_hba.conf");
    let rest = std::fs::read_to_string(&path).unwrap();
    let mut file = std::fs::File::create(&path).unwrap();
    write!(
        file,
        "local all {user} scram-sha-256\nlocal all nobody_else reject\n{rest}"
    )
    .unwrap();
    let client = connect(cluster).await;
    let roles = format!(
        "CREATE ROLE {user} LOGIN PASSWORD '{CANARY}-right'; CREATE ROLE nobody_else LOGIN;
         CREATE ROLE full LOGIN CONNECTION LIMIT 0"
    );
    client.batch_execute(&roles).await.unwrap();
    client.query("SELECT pg_reload_conf()", &[]).await.unwrap();
}

#[tokio::test]
async fn every_refusal_of_the_server_is_told_apart() {
    let Some(lab) = newest() else { return };
    demand_password(lab.primary(), "careful").await;
    let dsn = lab.primary().dsn();
    // The server re-reads its files a moment after the signal.
    let start = Instant::now();
    while attempt(&format!("{dsn} user=careful")).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let right = format!("{dsn} user=careful password={CANARY}-right");
    attempt(&right).await.unwrap().close().await;

    let error = refused(&format!("{dsn} user=careful password={CANARY}")).await;
    assert!(matches!(error, PgError::WrongPassword { .. }), "{error}");
    let error = refused(&format!("{dsn} user=careful")).await;
    assert!(matches!(error, PgError::PasswordMissing { .. }), "{error}");
    let error = refused(&format!("{dsn} dbname=absent password={CANARY}")).await;
    assert!(matches!(error, PgError::NoSuchDatabase { .. }), "{error}");
    let error = refused(&format!("{dsn} user=nobody_else")).await;
    assert!(matches!(error, PgError::NotAllowed { .. }), "{error}");
    let error = refused(&format!("{dsn} user=absent")).await;
    assert!(matches!(error, PgError::NotAllowed { .. }), "{error}");
    let error = refused(&format!("{dsn} user=full")).await;
    assert!(error.is_too_many_connections(), "{error}");
    let error = refused(&format!("{dsn} target_session_attrs=standby")).await;
    assert!(matches!(error, PgError::NoFittingServer { .. }), "{error}");
    let prefers = format!("{dsn} target_session_attrs=prefer-standby");
    attempt(&prefers).await.unwrap().close().await;
}

#[tokio::test]
async fn a_host_that_does_not_answer_does_not_hold_dbperf_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dsn = format!("postgres://u:{CANARY}@127.0.0.1:{port}/d?connect_timeout=1");
    for (mode, phase) in [
        ("disable", "waiting for the startup"),
        ("prefer", "agreeing on the encryption"),
    ] {
        let start = Instant::now();
        let error = refused(&format!("{dsn}&sslmode={mode}")).await;
        assert!(start.elapsed() < Duration::from_secs(3));
        assert!(error.to_string().contains(phase), "{error}");
    }
    drop(listener);
    let error = refused(&dsn).await;
    assert!(matches!(error, PgError::Unreachable { .. }), "{error}");
    let error = refused("host=/nowhere/at/all user=u").await;
    assert!(matches!(error, PgError::Unreachable { .. }), "{error}");
    let error = refused("host=host.invalid user=u connect_timeout=5").await;
    assert!(error.is_connection_lost(), "{error}");
}

#[tokio::test]
async fn the_next_host_is_tried() {
    let Some(lab) = newest() else { return };
    let folder = lab.primary().socket_dir().display().to_string();
    let port = lab.primary().port();
    let dsn = format!("host=/nowhere,{folder} port={port} user=postgres dbname=postgres");
    let session = attempt(&dsn).await.unwrap();
    assert_eq!(session.address(), format!("{folder}:{port}"));
    session.close().await;
}

#[tokio::test]
async fn something_else_than_postgresql_is_an_error_and_no_panic() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 64];
            let _read = stream.read(&mut asked).await;
            let _sent = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let dsn = format!("postgres://u:{CANARY}@127.0.0.1:{port}/d");
    let error = refused(&format!("{dsn}?sslmode=disable")).await;
    assert!(matches!(error, PgError::Unreachable { .. }), "{error}");
    let error = refused(&dsn).await;
    assert!(
        matches!(error, PgError::Tls(TlsError::Foreign { .. })),
        "{error}"
    );
    server.await.unwrap();
}

#[tokio::test]
async fn a_statement_can_be_cancelled_from_outside() {
    let Some(lab) = newest() else { return };
    let session = attempt(&lab.primary().dsn()).await.unwrap();
    let canceller = session.canceller();
    let start = Instant::now();
    let cancel = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        canceller.cancel().await.unwrap();
    });
    let sql = "SELECT /* dbperf */ pg_catalog.pg_sleep(20)::text";
    let error = session
        .rows("a long statement", sql, &[])
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("57014"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    cancel.await.unwrap();
    session.round_trip(1).await.unwrap();
    session.close().await;
}

#[tokio::test]
async fn the_guards_hold_in_the_session() {
    let Some(lab) = newest() else { return };
    let conninfo = Conninfo::parse(&lab.primary().dsn(), &|_| None).unwrap();
    let mut options = SessionOptions::new("guards");
    options.statement_timeout = Duration::from_millis(200);
    options.search_path = SearchPath::Role;
    let session = Session::connect(&conninfo, &options).await.unwrap();
    let show = async |name: &str| -> String {
        let sql = format!("SHOW {name}");
        session.client().query_one(&sql, &[]).await.unwrap().get(0)
    };
    assert_eq!(show("statement_timeout").await, "200ms");
    assert_eq!(show("lock_timeout").await, "500ms");
    assert_eq!(show("default_transaction_read_only").await, "on");
    assert_eq!(show("search_path").await, session.role_search_path());
    assert!(show("application_name").await.starts_with("dbperf/"));
    session.begin().await.unwrap();
    let write = "CREATE TABLE t (a int)";
    let error = session.client().query(write, &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "25006");
    session.rollback().await.unwrap();
    session.round_trip(1).await.unwrap();
    let sql = "SELECT /* dbperf */ pg_catalog.pg_sleep(5)::text";
    let error = session.rows("too long", sql, &[]).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("57014"), "{error}");
    session.close().await;
}

/// A relay that answers for the server to one setting, as a meddling proxy would.
async fn meddling_proxy(to: std::path::PathBuf, from: &'static [u8], into: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = tokio::net::UnixStream::connect(to).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::spawn(async move {
            let _ended = tokio::io::copy(&mut from_client, &mut to_server).await;
        });
        let mut buffer = vec![0; 65536];
        while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
            let mut bytes = buffer[..n].to_vec();
            for at in 0..n.saturating_sub(from.len() - 1) {
                if bytes[at..].starts_with(from) {
                    bytes[at..at + into.len()].copy_from_slice(into);
                }
            }
            if to_client.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    port
}

#[tokio::test]
async fn a_guard_that_does_not_hold_ends_the_session() {
    let Some(lab) = newest() else { return };
    let port = lab.primary().port();
    let socket = lab.primary().socket_dir().join(format!(".s.PGSQL.{port}"));
    // The answer says 501 ms where 500 ms was set.
    let port = meddling_proxy(socket, b"500ms", b"501ms").await;
    let error = refused(&format!("postgres://postgres@127.0.0.1:{port}/postgres")).await;
    assert!(
        matches!(&error, PgError::GuardFailed { setting: "lock_timeout", got, .. } if got == "501ms"),
        "{error}"
    );
}
