//! The console: its rows by name, and users who may not look.

use dbperf::pg::{Conninfo, Console, ConsoleQuery};
use dbperf::record::Status;

use super::*;

fn console_of(lab: &Lab, user: &str) -> Target {
    let dsn = lab.pgbouncer().unwrap().dsn();
    target(&dsn.replace("user=postgres", &format!("user={user}")))
}

#[tokio::test]
async fn the_console_is_read_whatever_database_the_string_names() {
    let Some(lab) = pooled(7) else { return };
    client(&lab)
        .await
        .query_typed("SELECT 1", &[])
        .await
        .unwrap();
    let conninfo: Conninfo = console_of(&lab, "postgres").conninfo;
    let console = Console::connect(&conninfo, "test", None).await.unwrap();
    let version = console.ask(ConsoleQuery::Version).await.unwrap();
    assert!(
        version[0]
            .text("version")
            .unwrap()
            .starts_with("PgBouncer 1.")
    );
    let databases = console.ask(ConsoleQuery::Databases).await.unwrap();
    let ours = databases
        .iter()
        .find(|d| d.text("name") == Some("postgres"))
        .unwrap();
    assert_eq!(ours.number("pool_size"), Some(7));
    assert_eq!(ours.text("no such column"), None);
    let stats = console.ask(ConsoleQuery::Stats).await.unwrap();
    let ours = stats
        .iter()
        .find(|d| d.text("database") == Some("postgres"))
        .unwrap();
    assert_eq!(ours.number("total_query_count"), Some(1));
}

/// Not being allowed to look is said with its cure, and the rest of the window is measured.
#[tokio::test]
async fn a_user_without_the_right_gets_a_row_of_coverage_with_the_cure() {
    let Some(lab) = pooled(2) else { return };
    let users = lab.folder().join("pgbouncer/users.txt");
    std::fs::write(users, "\"postgres\" \"\"\n\"watcher\" \"\"\n").unwrap();
    let console = lab.pgbouncer().unwrap().console_dsn();
    let (admin, connection) = tokio_postgres::connect(&console, NoTls).await.unwrap();
    tokio::spawn(connection);
    admin.simple_query("RELOAD").await.unwrap();
    let options = ObserveOptions {
        pgbouncer: Some(PgBouncerTarget::named(console_of(&lab, "watcher"))),
        ..ObserveOptions::new("refused")
    };
    let started = Observer::start(&target(&lab.primary().dsn()), options).await;
    let (observer, _) = started.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let seen = Box::pin(observer.finish(LoadState::GoesOn)).await;
    assert!(seen.pgbouncer.is_none());
    assert!(seen.activity.is_some());
    let mut rows = seen.coverage.iter();
    let row = rows.find(|c| c.collector == "pgbouncer").unwrap();
    assert_eq!(row.status, Status::Failed);
    let reason = row.reason.as_ref().unwrap();
    assert!(
        reason.contains("stats_users") && reason.contains("watcher"),
        "{reason}"
    );
}
