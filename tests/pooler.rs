//! Through PgBouncer in transaction mode: it is noticed, reading works, and nothing leaks to its
//! other clients. Without PgBouncer on the machine the test is skipped with a line on stderr.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dbperf::collect::{LoadState, ObserveOptions, Observer};
use dbperf::lab::{Account, Lab, LabOptions};
use dbperf::pg::{Conninfo, Session, SessionOptions, resolve};
use support::{lab, open_parent, servers};

struct Bouncer {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Bouncer {
    fn start(lab: &Lab) -> Option<Self> {
        let places = [
            "/usr/sbin/pgbouncer",
            "/usr/bin/pgbouncer",
            "/usr/local/bin/pgbouncer",
        ];
        let Some(program) = places.iter().find(|p| Path::new(p).is_file()) else {
            let _ = writeln!(std::io::stderr(), "SKIPPED: no PgBouncer");
            return None;
        };
        let account = Account::current().unwrap();
        let folder = open_parent();
        let home = folder.path().display().to_string();
        let socket = lab.primary().socket_dir().display();
        let port = lab.primary().port();
        let config = format!(
            "[databases]\npostgres = user=postgres host={socket} port={port} pool_size=2\n\
             [pgbouncer]\nlisten_port = 6432\nunix_socket_dir = {home}\nauth_type = any\n\
             pool_mode = transaction\nlogfile = {home}/log\n"
        );
        let path = folder.path().join("pgbouncer.ini");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new(program);
        command
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if account.drops_privileges() {
            chown(folder.path(), Some(account.uid), Some(account.gid)).unwrap();
            command.uid(account.uid).gid(account.gid);
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let child = command.spawn().unwrap();
        let bouncer = Self { child, folder };
        let start = Instant::now();
        while !bouncer.folder.path().join(".s.PGSQL.6432").exists() {
            let log = std::fs::read_to_string(bouncer.folder.path().join("log"));
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "PgBouncer: {log:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(bouncer)
    }

    fn dsn(&self) -> String {
        let folder = self.folder.path().display();
        format!("host={folder} port=6432 user=postgres dbname=postgres")
    }
}

#[tokio::test]
async fn a_pooler_is_noticed_and_its_clients_are_left_alone() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let lab = lab(major, LabOptions::default()).unwrap();
    let Some(bouncer) = Bouncer::start(&lab) else {
        return;
    };
    let conninfo = Conninfo::parse(&bouncer.dsn(), &|_| None).unwrap();
    let session = Session::connect(&conninfo, &SessionOptions::new("pooled"))
        .await
        .unwrap();
    assert_eq!(session.through_pooler(), Some(true));
    let write = "SELECT /* dbperf */ pg_catalog.txid_current()";
    let rows = session.rows("a read", write, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    let write = "CREATE /* dbperf */ TABLE t (a int)";
    let error = session.rows("a write", write, &[]).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("25006"), "{error}");
    session.round_trip(3).await.unwrap();
    session.begin().await.unwrap();
    let shown = session
        .client()
        .simple_query("SHOW lock_timeout")
        .await
        .unwrap();
    let limit = shown.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    assert_eq!(limit, Some("500ms"));
    session.rollback().await.unwrap();

    let target = resolve(Some(&bouncer.dsn()), &|_| None).unwrap();
    let options = ObserveOptions::new("pooled");
    let (observer, server) = Observer::start(&target, options).await.unwrap();
    assert_eq!(server.through_pooler, Some(true));
    tokio::time::sleep(Duration::from_millis(700)).await;
    let seen = observer.finish(LoadState::Ended).await;
    assert!(seen.activity.unwrap().samples.len() > 3);
    assert!(seen.indexes.facts.is_some());
    let mut notes = seen.coverage.iter();
    let note = notes.find(|c| c.collector == "connection").unwrap();
    assert!(note.reason.as_ref().unwrap().contains("pooler"));
    session.close().await;

    // Another client gets the same backends, and none of the limits.
    let (other, connection) = tokio_postgres::connect(&bouncer.dsn(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut settings = Vec::new();
    for name in [
        "statement_timeout",
        "lock_timeout",
        "default_transaction_read_only",
    ] {
        let rows = other.simple_query(&format!("SHOW {name}")).await.unwrap();
        for row in rows {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = row {
                settings.push(row.get(0).unwrap().to_owned());
            }
        }
    }
    assert_eq!(settings, ["0", "0", "off"]);
}
