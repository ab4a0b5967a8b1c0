//! Labs on every installed version: what they start, and that nothing stays behind.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod support;

use std::{
    io::{BufRead as _, BufReader},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use dbperf::lab::{Account, Cluster, Lab, LabError, LabOptions, StopMode};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::{Pid, getpgid, getpgrp, getsid},
};
use support::{
    alone, connect, count, lab, open_parent, processes, served, servers, setting, value,
    with_standby,
};
use tokio_postgres::Client;

/// The oldest and the newest version found, for what hardly depends on the version.
fn ends() -> Vec<u32> {
    let mut majors: Vec<u32> = servers().into_iter().map(|(major, _)| major).collect();
    if majors.len() > 2 {
        majors.drain(1..majors.len() - 1);
    }
    majors
}

/// Asks until the answer is the wanted one; fails after a generous time.
async fn until(client: &Client, sql: &str, wanted: &str) {
    let begun = Instant::now();
    loop {
        let row = client.query_opt(sql, &[]).await;
        let last = row.map(|row| row.map(|row| row.get::<_, String>(0)));
        if matches!(&last, Ok(Some(answer)) if answer == wanted) {
            return;
        }
        let since = begun.elapsed();
        assert!(
            since < Duration::from_secs(30),
            "{sql}: still {last:?}, not {wanted}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn the_tested_versions_can_all_be_installed() {
    let listed: Vec<u32> = include_str!("support/versions.txt")
        .lines()
        .map(|line| {
            let (major, version) = line.split_once(' ').unwrap();
            assert!(version.starts_with(&format!("{major}.")), "{line}");
            major.parse().unwrap()
        })
        .collect();
    assert_eq!(listed, support::TESTED);
}

#[tokio::test]
async fn a_primary_starts_on_every_version_with_what_dbperf_reads() {
    for (major, _) in servers() {
        let parent = open_parent();
        let lab = lab(major, alone(parent.path())).unwrap();
        let primary = lab.primary();
        assert_eq!(primary.major(), major);
        assert!(lab.standby().is_none());

        let client = connect(primary).await;
        let show = async |name: &str| value(&client, &format!("SHOW {name}")).await;
        assert!(show("server_version").await.starts_with(primary.version()));
        assert_eq!(show("track_io_timing").await, "on");
        assert_eq!(show("listen_addresses").await, "");
        assert_eq!(show("fsync").await, "off");
        assert_eq!(show("cluster_name").await, "dbperf-lab-primary");
        assert_eq!(show("shared_buffers").await, "64MB");
        if major >= 14 {
            assert_eq!(show("compute_query_id").await, "on");
        }
        client
            .batch_execute("CREATE EXTENSION pg_stat_statements")
            .await
            .unwrap();
        let seen = "SELECT (count(*) > 0)::text FROM pg_stat_statements";
        value(&client, "SELECT 'counted'").await;
        assert_eq!(value(&client, seen).await, "true", "PostgreSQL {major}");

        lab.stop().unwrap();
        assert!(
            !served(parent.path()),
            "PostgreSQL {major} is still running"
        );
        assert_eq!(count(parent.path()), 0, "PostgreSQL {major} left files");
    }
}

#[tokio::test]
async fn a_standby_streams_on_every_version() {
    for (major, _) in servers() {
        let parent = open_parent();
        let options = LabOptions {
            standby_settings: setting("recovery_min_apply_delay", "1ms"),
            ..with_standby(parent.path())
        };
        let lab = lab(major, options).unwrap();
        let primary = connect(lab.primary()).await;
        let standby = connect(lab.standby().unwrap()).await;
        until(
            &primary,
            "SELECT state FROM pg_stat_replication WHERE application_name = 'dbperf-lab-standby'",
            "streaming",
        )
        .await;
        until(
            &primary,
            "SELECT string_agg(slot_name || ' ' || active::text, ',') FROM pg_replication_slots",
            "r1 true",
        )
        .await;
        primary
            .batch_execute("CREATE TABLE t AS SELECT 'carried over' AS v")
            .await
            .unwrap();
        until(&standby, "SELECT v FROM t", "carried over").await;
        let recovering = "SELECT pg_is_in_recovery()::text";
        assert_eq!(value(&primary, recovering).await, "false");
        assert_eq!(value(&standby, recovering).await, "true");
        let slots = "SELECT count(*)::text FROM pg_replication_slots";
        assert_eq!(value(&standby, slots).await, "0");
        let name = value(&standby, "SHOW cluster_name").await;
        assert_eq!(name, "dbperf-lab-standby");
        let delay = value(&standby, "SHOW recovery_min_apply_delay").await;
        assert_eq!(delay, "1ms");
        drop(lab);
        assert!(
            !served(parent.path()),
            "PostgreSQL {major} is still running"
        );
        assert_eq!(count(parent.path()), 0, "PostgreSQL {major} left files");
    }
}

#[tokio::test]
async fn a_server_stops_and_starts_again_with_its_data() {
    for major in ends() {
        let parent = open_parent();
        let mut lab = lab(major, with_standby(parent.path())).unwrap();
        let client = connect(lab.primary()).await;
        client
            .batch_execute("CREATE TABLE t AS SELECT 'kept' AS v; CHECKPOINT")
            .await
            .unwrap();
        for mode in [StopMode::Fast, StopMode::Immediate] {
            let before = lab.primary().pid().unwrap();
            lab.primary_mut().restart(mode).unwrap();
            assert_ne!(lab.primary().pid().unwrap(), before);
            let client = connect(lab.primary()).await;
            assert_eq!(value(&client, "SELECT v FROM t").await, "kept");
        }
        let standby = lab.standby_mut().unwrap();
        standby.stop(StopMode::Smart).unwrap();
        assert_eq!(standby.pid(), None);
        standby.stop(StopMode::Fast).unwrap();
        standby.start().unwrap();
        let running = standby.pid();
        standby.start().unwrap();
        assert_eq!(standby.pid(), running, "a second start is no restart");
    }
}

#[test]
fn a_panic_leaves_neither_process_nor_folder() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let parent = open_parent();
    let path = parent.path().to_path_buf();
    let ended = std::thread::spawn(move || {
        let lab = lab(major, with_standby(&path)).unwrap();
        assert!(served(&path));
        panic!("on purpose, with {} running", lab.folder().display());
    })
    .join();
    let said = ended.unwrap_err();
    assert!(
        said.downcast_ref::<String>()
            .unwrap()
            .contains("on purpose")
    );
    assert!(!served(parent.path()));
    assert_eq!(count(parent.path()), 0);
}

/// The other process of the tests below: it owns a lab until it is killed.
#[test]
#[ignore = "started by other tests as a process of its own"]
fn owns_a_lab_until_it_is_killed() {
    let parent = PathBuf::from(std::env::var_os("LAB_PARENT").unwrap());
    let (major, _) = servers().pop().unwrap();
    let lab = lab(major, with_standby(&parent)).unwrap();
    let pids = [lab.primary(), lab.standby().unwrap()].map(|c| c.pid().unwrap());
    let ready = format!("{}\n{} {}\n", lab.folder().display(), pids[0], pids[1]);
    std::fs::write(std::env::var_os("LAB_READY").unwrap(), ready).unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

/// A process that owns a lab, the lab's folder, and its servers' process ids.
fn owner(parent: &Path) -> (Child, PathBuf, Vec<Pid>) {
    let ready = tempfile::tempdir().unwrap();
    let ready = ready.path().join("ready");
    std::fs::create_dir_all(ready.parent().unwrap()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "owns_a_lab_until_it_is_killed", "--ignored"])
        .env("LAB_PARENT", parent)
        .env("LAB_READY", &ready)
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let said = loop {
        match std::fs::read_to_string(&ready) {
            Ok(text) if text.lines().count() == 2 => break text,
            _ => {}
        }
        assert!(child.try_wait().unwrap().is_none(), "the owner ended early");
        assert!(begun.elapsed() < Duration::from_secs(60), "no lab");
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut lines = said.lines();
    let folder = PathBuf::from(lines.next().unwrap());
    let pids = lines.next().unwrap().split(' ');
    let pids = pids.map(|pid| Pid::from_raw(pid.parse().unwrap()));
    (child, folder, pids.collect())
}

fn swept_after(signal: impl FnOnce(&Child)) {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let parent = open_parent();
    let (mut child, folder, pids) = owner(parent.path());

    // While its owner lives, another start does not touch it.
    drop(lab(major, alone(parent.path())));
    assert!(folder.join("owner").exists());
    for pid in &pids {
        kill(*pid, None).expect("a lab with a living owner was swept");
    }

    signal(&child);
    child.wait().unwrap();
    for pid in &pids {
        kill(*pid, None).expect("the server must outlive the signal to its owner");
    }

    let next = lab(major, alone(parent.path())).unwrap();
    assert!(!folder.exists(), "the sweep left the folder");
    assert!(!served(&folder), "the sweep left a server");
    assert_eq!(count(parent.path()), 1);
    next.stop().unwrap();
}

#[test]
fn the_lab_of_a_killed_process_is_swept_by_the_next_start() {
    swept_after(|child| {
        kill(
            Pid::from_raw(child.id().try_into().unwrap()),
            Signal::SIGKILL,
        )
        .unwrap();
    });
}

#[test]
fn a_terminals_interrupt_reaches_the_owner_and_not_its_servers() {
    // What a terminal does on Ctrl-C: SIGINT to the whole foreground process group.
    swept_after(|child| {
        killpg(
            Pid::from_raw(child.id().try_into().unwrap()),
            Signal::SIGINT,
        )
        .unwrap();
    });
}

#[test]
fn servers_run_unprivileged_and_apart_from_the_terminal() {
    let account = Account::current().unwrap();
    for major in ends() {
        let parent = open_parent();
        let lab = lab(major, with_standby(parent.path())).unwrap();
        for cluster in [lab.primary(), lab.standby().unwrap()] {
            let pid = Pid::from_raw(cluster.pid().unwrap());
            let data = cluster.data_dir();
            let owners = processes().into_iter();
            let owners = owners.filter(|(_, line)| line.contains(data.to_str().unwrap()));
            let owners: Vec<u32> = owners.map(|(uid, _)| uid).collect();
            assert_eq!(owners, [account.uid], "one server, as that user");
            assert_ne!(account.uid, 0);
            assert_ne!(getpgid(Some(pid)).unwrap(), getpgrp());
            assert_eq!(getsid(Some(pid)).unwrap(), pid);

            let folder = std::fs::metadata(cluster.socket_dir()).unwrap();
            assert_eq!(folder.uid(), account.uid);
            assert_eq!(folder.permissions().mode() & 0o777, 0o700);
        }
    }
}

#[test]
fn a_server_that_cannot_start_shows_its_log() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let (_, bin) = servers().pop().unwrap();
    let parent = open_parent();
    let error = Lab::start(&LabOptions {
        pg_bin: Some(bin),
        settings: setting("max_connections", "none at all"),
        ..alone(parent.path())
    })
    .unwrap_err();
    assert!(matches!(&error, LabError::Start { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("max_connections"), "{said}");
    assert!(said.contains(&format!("PostgreSQL {major}")), "{said}");
    assert_eq!(count(parent.path()), 0);
}

#[test]
fn a_folder_with_too_long_a_name_is_refused_with_the_cure() {
    let Some((_, bin)) = servers().pop() else {
        return;
    };
    let parent = open_parent();
    let deep = parent.path().join("x".repeat(90));
    std::fs::create_dir(&deep).unwrap();
    let error = Lab::start(&LabOptions {
        pg_bin: Some(bin),
        ..alone(&deep)
    })
    .unwrap_err();
    assert!(matches!(&error, LabError::SocketPath { .. }), "{error}");
    assert!(error.to_string().contains("TMPDIR"), "{error}");
    assert_eq!(count(&deep), 0);
}

#[test]
fn a_template_of_another_version_is_refused() {
    let servers = servers();
    let [(_, old), .., (_, new)] = servers.as_slice() else {
        return;
    };
    let parent = open_parent();
    let template = parent.path().join("template");
    dbperf::lab::prepare_template(Some(old), &template).unwrap();
    let error = Lab::start(&LabOptions {
        pg_bin: Some(new.clone()),
        template: Some(template),
        ..alone(parent.path())
    })
    .unwrap_err();
    assert!(matches!(&error, LabError::Template { .. }), "{error}");
    assert_eq!(count(parent.path()), 1);
}

#[tokio::test]
async fn the_log_tells_who_waited_for_a_lock() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let parent = open_parent();
    let options = LabOptions {
        settings: setting("deadlock_timeout", "10ms"),
        ..alone(parent.path())
    };
    let lab = lab(major, options).unwrap();
    let holder = connect(lab.primary()).await;
    let waiter = connect(lab.primary()).await;
    holder.batch_execute("CREATE TABLE t ()").await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let wait = waiter.batch_execute("BEGIN; LOCK TABLE t; COMMIT");
    let logged = async {
        let begun = Instant::now();
        while !logs(lab.primary(), "still waiting for AccessExclusiveLock") {
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (locked, ()) = tokio::join!(wait, logged);
    locked.unwrap();
}

fn logs(cluster: &Cluster, words: &str) -> bool {
    let log = std::fs::File::open(cluster.log_file()).unwrap();
    let mut lines = BufReader::new(log).lines();
    lines.any(|line| line.unwrap().contains(words))
}
