//! The lab that is kept from one command to the next.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use dbperf::lab::{LabError, LabOptions, start_kept, status_kept, stop_kept};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{
    alone, count, lab, open_parent, prepared, served, servers, setting, value, with_standby,
};

/// What a shell does with a DSN that a kept lab prints.
async fn ask(dsn: &str, sql: &str) -> String {
    let (client, connection) = tokio_postgres::connect(dsn, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    value(&client, sql).await
}

#[tokio::test]
async fn a_kept_lab_stays_until_it_is_stopped() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let parent = open_parent();
    let options = prepared(major, with_standby(parent.path())).unwrap();
    let here = Some(parent.path());
    assert!(status_kept(here).unwrap().is_none());
    assert!(stop_kept(here).unwrap().is_none());
    assert_eq!(count(parent.path()), 0);

    let kept = start_kept(&options).unwrap();
    assert!(kept.running());
    let recovering = "SELECT pg_is_in_recovery()::text";
    assert_eq!(ask(&kept.primary.dsn, recovering).await, "false");
    let standby = kept.standby.as_ref().unwrap();
    assert_eq!(ask(&standby.dsn, recovering).await, "true");

    // Another lab's sweep leaves it, and a second start finds it.
    drop(lab(major, alone(parent.path())));
    let again = start_kept(&options).unwrap();
    assert_eq!(again.primary.pid, kept.primary.pid);
    let status = status_kept(here).unwrap().unwrap();
    assert_eq!(status.primary.pid, kept.primary.pid);
    assert_eq!(status.version, kept.version);

    let other = LabOptions {
        settings: setting("work_mem", "1MB"),
        ..options.clone()
    };
    let error = start_kept(&other).unwrap_err();
    assert!(matches!(error, LabError::KeptDiffers { .. }), "{error}");

    // As after a reboot: the servers are gone, the data is not.
    let pid = Pid::from_raw(kept.primary.pid.unwrap());
    kill(pid, Signal::SIGQUIT).unwrap();
    let begun = Instant::now();
    while status_kept(here).unwrap().unwrap().running() {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert!(start_kept(&options).unwrap().running());

    let stopped = stop_kept(here).unwrap().unwrap();
    assert!(stopped.running(), "what stop returns is what it stopped");
    assert!(status_kept(here).unwrap().is_none());
    assert!(!served(parent.path()));
    assert_eq!(count(parent.path()), 0);
}

#[test]
fn a_kept_labs_folder_planted_by_another_is_refused() {
    let parent = open_parent();
    let own = nix::unistd::geteuid();
    let path = parent.path().join(format!("dbperf-kept-{own}"));
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = status_kept(Some(parent.path())).unwrap_err();
    assert!(matches!(error, LabError::Foreign { .. }), "{error}");

    std::fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink(parent.path(), &path).unwrap();
    let error = stop_kept(Some(parent.path())).unwrap_err();
    assert!(matches!(error, LabError::Foreign { .. }), "{error}");
    assert_eq!(count(parent.path()), 1);
}
