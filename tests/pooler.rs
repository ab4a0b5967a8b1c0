//! Through PgBouncer in transaction mode: it is noticed, reading works, and nothing leaks to its
//! other clients. Without PgBouncer on the machine the test is skipped with a line on stderr.

mod support;

use std::time::Duration;

use dbperf::collect::{LoadState, ObserveOptions, Observer};
use dbperf::pg::{Conninfo, Session, SessionOptions, resolve};
use support::{pooled, servers};

#[tokio::test]
async fn a_pooler_is_noticed_and_its_clients_are_left_alone() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let Some(lab) = pooled(major, 2) else {
        return;
    };
    let bouncer = lab.pgbouncer().unwrap();
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
