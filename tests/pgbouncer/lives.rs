//! PgBouncer comes and goes with its lab.

use std::os::unix::fs::{FileTypeExt, MetadataExt};

use dbperf::lab::{Account, LabError, LabOptions, start_kept, status_kept, stop_kept};

use super::*;

#[tokio::test]
async fn it_runs_in_transaction_mode_on_a_socket_and_goes_with_the_lab() {
    let Some(lab) = pooled(4) else { return };
    let pooler = lab.pgbouncer().unwrap();
    let folder = lab.folder().to_path_buf();
    let pid = pooler.pid().unwrap();
    let account = Account::current().unwrap();
    let owner = std::fs::metadata(format!("/proc/{pid}"));
    assert!(owner.is_err() || owner.unwrap().uid() == account.uid);
    assert_ne!(account.uid, 0);
    let socket = folder.join("pgbouncer/.s.PGSQL.6432");
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    let home = std::fs::metadata(folder.join("pgbouncer")).unwrap();
    assert_eq!(home.mode() & 0o777, 0o700);
    let answer = client(&lab)
        .await
        .query_typed("SELECT 1", &[])
        .await
        .unwrap();
    assert_eq!(answer.len(), 1);
    lab.stop().unwrap();
    assert!(!folder.exists());
    assert!(!support::served(&folder));
}

/// An owner that was killed cannot clear up: the next lab does.
#[test]
fn a_lab_whose_owner_died_is_swept_with_its_pooler() {
    let Some((major, _)) = support::servers().pop() else {
        return;
    };
    let Some(probe) = pooled(1) else { return };
    drop(probe);
    let parent = support::open_parent();
    let options = LabOptions {
        pgbouncer: true,
        ..support::alone(parent.path())
    };
    let options = support::prepared(major, options).unwrap();
    let lab = Lab::start(&options).unwrap();
    let folder = lab.folder().to_path_buf();
    // What a killed owner leaves is the same folder without a lock on its file.
    let (owner, copy) = (folder.join("owner"), folder.join("copy"));
    std::fs::copy(&owner, &copy).unwrap();
    std::fs::rename(&copy, &owner).unwrap();
    std::mem::forget(lab);
    assert!(support::served(&folder.join("pgbouncer")));
    let next = support::prepared(major, support::alone(parent.path())).unwrap();
    let next = Lab::start(&next).unwrap();
    assert!(!folder.exists());
    assert!(!support::served(&folder));
    next.stop().unwrap();
    assert_eq!(support::count(parent.path()), 0);
}

#[test]
fn what_it_refuses_is_said_with_its_own_words() {
    let Some((major, _)) = support::servers().pop() else {
        return;
    };
    let Some(probe) = pooled(1) else { return };
    drop(probe);
    let parent = support::open_parent();
    let options = LabOptions {
        pgbouncer: true,
        pgbouncer_settings: support::setting("pool_mode", "nonsense"),
        ..support::alone(parent.path())
    };
    let error = Lab::start(&support::prepared(major, options).unwrap()).unwrap_err();
    assert!(matches!(error, LabError::Pooler { .. }), "{error}");
    assert!(error.to_string().contains("pool_mode"), "{error}");
    assert_eq!(support::count(parent.path()), 0);
}

#[tokio::test]
async fn a_kept_lab_keeps_its_pooler_and_starts_it_again() {
    let Some((major, _)) = support::servers().pop() else {
        return;
    };
    let Some(probe) = pooled(1) else { return };
    drop(probe);
    let parent = support::open_parent();
    let here = Some(parent.path());
    let alone = support::prepared(major, support::alone(parent.path())).unwrap();
    let options = LabOptions {
        pgbouncer: true,
        ..alone.clone()
    };
    let kept = start_kept(&options).unwrap();
    assert!(kept.running());
    let pooler = kept.pgbouncer.unwrap();
    let answers = async |dsn: &str| {
        let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.query_typed("SELECT 1", &[]).await.unwrap().len()
    };
    assert_eq!(answers(&pooler.dsn).await, 1);
    let pid = pooler.pid.unwrap();
    assert_eq!(
        start_kept(&options).unwrap().pgbouncer.unwrap().pid,
        Some(pid)
    );

    let dead = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(dead, nix::sys::signal::Signal::SIGKILL).unwrap();
    let start = Instant::now();
    while status_kept(here).unwrap().unwrap().running() {
        assert!(start.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What is not asked for is left as it was.
    let again = start_kept(&alone).unwrap();
    assert!(again.running());
    assert_eq!(answers(&again.pgbouncer.unwrap().dsn).await, 1);
    stop_kept(here).unwrap().unwrap();
    assert_eq!(support::count(parent.path()), 0);

    start_kept(&alone).unwrap();
    let differs = start_kept(&options).unwrap_err();
    assert!(
        differs.to_string().contains("without PgBouncer"),
        "{differs}"
    );
    stop_kept(here).unwrap().unwrap();
}
