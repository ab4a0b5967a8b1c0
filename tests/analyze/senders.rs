//! Senders that serve no standby: a backup, its stream of WAL, and a subscriber.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cli::analyze_spawn;
use crate::load::{execute, one_value};
use crate::staged::Staging;
use serde_json::Value;

/// A program of the server's own version, as a client of it.
fn client(bin: &Path, program: &str, dsn: &str, args: &[&str]) -> Child {
    Command::new(bin.join(program))
        .args(["-d", dsn])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_for(dsn: &str, condition: &str) {
    let query = format!("SELECT ({condition})::text");
    for _ in 0..100 {
        if one_value(dsn, &query) == "true" {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{condition}: it never was");
}

#[test]
fn a_backup_and_a_subscriber_that_end_in_the_window_are_no_standbys() {
    let staging = Staging {
        settings: &[("wal_level", "logical"), ("max_wal_senders", "10")],
        ..Staging::default()
    };
    let programs = ["pg_basebackup", "pg_recvlogical"];
    staging.newest_with(&programs, |server, bin| {
        let dsn = server.primary().dsn();
        execute(&dsn, "CREATE PUBLICATION p FOR ALL TABLES");
        let slot = "SELECT pg_create_logical_replication_slot('sub', 'pgoutput')";
        execute(&dsn, slot);
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup");
        let args = ["-D", backup.to_str().unwrap(), "-cfast", "-r1M"];
        let options = "--start --no-loop -S sub -f - -o proto_version=1 -o publication_names=p";
        let subscribed: Vec<&str> = options.split(' ').collect();
        let clients = [
            client(bin, programs[0], &dsn, &args),
            client(bin, programs[1], &dsn, &subscribed),
        ];
        let senders = "SELECT count(*) FROM pg_stat_replication WHERE state";
        wait_for(&dsn, &format!("({senders} = 'streaming') = 2"));
        wait_for(&dsn, &format!("({senders} = 'backup') = 1"));
        let file = folder.path().join("run.json");
        let save = ["--window", "5s", "--save", file.to_str().unwrap()];
        let analysis = analyze_spawn(&dsn, &save);
        std::thread::sleep(Duration::from_secs(3));
        execute(
            &dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_replication",
        );
        for mut client in clients {
            client.wait().unwrap();
        }
        let report = analysis.wait().json();
        let run: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let senders = run["replication"]["senders"].as_array().unwrap();
        let seen = |column: &str, value: &str| senders.iter().any(|s| s[column] == value);
        assert!(seen("state", "backup") && seen("slot_type", "logical"));
        assert!(seen("application_name", "pg_recvlogical"));
        let last = senders.last().unwrap()["at"].as_f64().unwrap();
        let read = run["replication"]["senders_read_at"].as_f64().unwrap();
        assert!(
            last < read,
            "they were gone when the senders were last read"
        );
        let standbys = &report["replication"]["standbys"];
        assert_eq!(standbys, &serde_json::json!([]), "{standbys:#}");
    });
}
