//! Everything that dbperf does with a server, encrypted.

use std::process::Command;
use std::time::{Duration, Instant};

use dbperf::drive::{Control, DriveOptions, LoadShape, PoolKind, replay};
use dbperf::pg::{Connector, Console, ConsoleQuery, read_server, resolve};
use dbperf::workload::Workload;

use super::between::{Behind, decrypting, listening};
use super::server::{dsn_of, socket_in};
use super::support::{pooled, servers};
use super::*;

/// The begin of what every connection sends: the question for encryption, then a TLS handshake.
const BEGIN: [u8; 10] = [0, 0, 0, 8, 4, 210, 22, 47, 22, 3];

/// `CancelRequest` in plain text.
const CANCEL: [u8; 8] = [0, 0, 0, 16, 4, 210, 22, 46];

#[tokio::test]
async fn a_cancel_request_is_as_encrypted_as_its_session() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let (port, heard) = listening(server.port).await;
    let dsn = server
        .checking("verify-full")
        .replace(&format!("port={}", server.port), &format!("port={port}"));
    let session = accepted(&dsn).await;
    let canceller = session.canceller();
    let cancel = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        canceller.cancel().await.unwrap();
    });
    let start = Instant::now();
    let sql = "SELECT /* dbperf */ pg_catalog.pg_sleep(20)::text";
    let error = session
        .rows("a long statement", sql, &[])
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("57014"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    cancel.await.unwrap();
    session.close().await;
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 2, "the session and the cancel request");
    for bytes in &heard {
        assert_eq!(bytes[..BEGIN.len()], BEGIN);
        let in_plain_text = |word: &[u8]| bytes.windows(word.len()).any(|w| w == word);
        assert!(
            !in_plain_text(&CANCEL) && !in_plain_text(b"careful") && !in_plain_text(b"pg_sleep")
        );
    }
}

/// What tells dbperf that a connection lies idle or was closed must see through the encryption.
#[tokio::test]
async fn a_session_that_was_ended_is_noticed() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let connector = Connector::new(conninfo(&server.checking("verify-full")).unwrap());
    let opened = connector.connect().await.unwrap();
    assert!(opened.protection.is_encrypted());
    opened.client.query_one("SELECT 1", &[]).await.unwrap();
    assert!(!opened.wire.is_closed());
    let admin = support::connect(server.lab.primary()).await;
    let sql =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'careful'";
    let ended: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(ended, 1);
    let start = Instant::now();
    while !opened.wire.is_closed() {
        assert!(start.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn every_pool_replays_encrypted_and_times_the_connecting() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Some(server) = runtime.block_on(Server::newest()) else {
        return;
    };
    // An answer, and a parameter, that need many records of TLS.
    let quick = "-- dbperf workload\n-- operation: quick\n-- statement: big\nSELECT repeat('y', 300000) AS big;\n\
                 -- param again: result big.big\n-- statement: again\n\
                 SELECT 1 / (length(:again::text) = 300000)::int;";
    let quick = Workload::parse(quick, "w.sql").unwrap();
    // sqlx compares the certificate with what it connects to.
    let dsn = server
        .checking("verify-full")
        .replace(" hostaddr=127.0.0.1", "");
    for pool in [PoolKind::None, PoolKind::Deadpool, PoolKind::Sqlx] {
        let options = DriveOptions {
            load: LoadShape::Closed { clients: 2 },
            duration: Duration::from_secs(1),
            warmup: Duration::ZERO,
            pool_size: 2,
            pool,
            ..DriveOptions::default()
        };
        let target = Connector::new(conninfo(&dsn).unwrap());
        let replayed = replay(&quick, target, &options, &Control::default()).unwrap();
        let total = &replayed.load.total;
        assert_eq!(total.errors, std::collections::BTreeMap::new(), "{pool:?}");
        assert!(total.requests > 20, "{pool:?}: {}", total.requests);
        let record = replayed.pool.unwrap();
        assert_eq!(record.connect.count(), 2, "{pool:?}");
        // A handshake and SCRAM cost more than this on any machine.
        let connect = record.connect.summary().unwrap().mean_ms;
        assert!(connect > 0.5, "{pool:?}: {connect}");
    }
    let refused = |dsn: &str| {
        let options = DriveOptions {
            pool: PoolKind::Sqlx,
            ..DriveOptions::default()
        };
        let target = Connector::new(conninfo(dsn).unwrap());
        replay(&quick, target, &options, &Control::default())
            .unwrap_err()
            .to_string()
    };
    let error = refused(&server.checking("verify-ca"));
    assert!(error.contains("sslmode=verify-full"), "{error}");
}

#[tokio::test]
async fn analyze_says_that_the_session_is_encrypted() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let run = |dsn: &str, format: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_dbperf"))
            .args([
                "analyze",
                dsn,
                "--window",
                "1s",
                "--no-progress",
                "--explain",
                "0",
            ])
            .args(["--format", format])
            .env("HOME", "/nowhere")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!out.contains(CANARY) && !err.contains(CANARY));
        (output.status.code(), out, err)
    };
    let (code, out, err) = run(&server.checking("verify-full"), "json");
    assert_eq!(code, Some(0), "{err}");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["server"]["tls"], true);
    let rows = document["coverage"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["collector"] == "connection")
        .unwrap();
    assert_eq!(row["status"], "ok");
    assert!(row["reason"].as_str().unwrap().contains("TLSv1.3"), "{row}");
    let other = server.file("other.crt", &Authority::new().pem);
    let dsn = format!(
        "{} sslmode=verify-full sslrootcert={}",
        server.dsn(),
        other.display()
    );
    let (code, _, err) = run(&dsn, "text");
    assert_eq!(code, Some(3), "{err}");
    assert!(
        err.contains("other.crt") && err.contains("sslrootcert"),
        "{err}"
    );
}

#[tokio::test]
async fn an_encryption_that_ends_in_between_is_none_of_the_servers() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let own = server.authority.server(|_| {});
    let port = decrypting(&own, Behind::Socket(server.socket())).await;
    let dsn = server
        .checking("verify-full")
        .replace(&format!("port={}", server.port), &format!("port={port}"));
    let session = accepted(&dsn).await;
    let target = resolve(Some(&dsn), &|_| None).unwrap();
    let seen = read_server(&session, &target).await.unwrap();
    assert!(!seen.tls);
    let [warning] = &seen.connection_warnings[..] else {
        panic!("{:?}", seen.connection_warnings);
    };
    assert!(warning.contains("in between"), "{warning}");
}

#[tokio::test]
async fn the_console_of_pgbouncer_and_what_is_behind_it_are_reached_encrypted() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let Some(lab) = pooled(major, 2) else { return };
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let root = authority::write(folder.path(), "root.crt", &authority.pem);
    let behind = Behind::Socket(socket_in(&lab.folder().join("pgbouncer"), 6432));
    let port = decrypting(&authority.server(|_| {}), behind).await;
    let dsn = format!(
        "{} user=postgres sslmode=verify-full sslrootcert={}",
        dsn_of(port),
        root.display()
    );
    let console = Console::connect(&conninfo(&dsn).unwrap(), "test", None)
        .await
        .unwrap();
    assert_eq!(console.ask(ConsoleQuery::Version).await.unwrap().len(), 1);
    let session = accepted(&dsn).await;
    assert_eq!(session.through_pooler(), Some(true));
    let target = resolve(Some(&dsn), &|_| None).unwrap();
    let seen = read_server(&session, &target).await.unwrap();
    // The server's own view ends at the pooler.
    assert!(seen.tls);
    assert_eq!(seen.connection_warnings, Vec::<String>::new());
    // In plain text there is no way through this one.
    let error = refused(&format!(
        "{dsn} sslmode=require sslrootcert=/nowhere channel_binding=require"
    ))
    .await;
    assert!(
        matches!(error, PgError::Tls(TlsError::NoChannelBinding { .. })),
        "{error}"
    );
}
