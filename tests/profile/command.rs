//! `dbperf profile` as a program.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use dbperf::lab::LabOptions;
use dbperf::seed::profile::{Profile, Values};

use super::support::{connect, each_version, lab, servers};

const PLANTED: &str = "
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE events (id bigint, user_id int REFERENCES users, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE INDEX events_user ON events (user_id);
INSERT INTO users SELECT i, 'Canary ' || i FROM generate_series(1, 1000) AS i;
INSERT INTO events SELECT i, i % 1000 + 1, '2026-01-01'::date + i % 59 FROM generate_series(1, 20000) AS i;
ANALYZE;
CREATE TABLE forgotten (a int);
";

const WORKLOAD: &str = "-- dbperf workload
-- writes
-- operation: look
-- param id: uniform 1 1000
-- statement: user
SELECT name FROM users WHERE id = :id;
-- statement: events
SELECT count(*) FROM events WHERE user_id = :id;
-- statement: constant
SELECT id FROM users WHERE name = 'Canary 7' AND id < 918273;
-- operation: change
-- param id: uniform 1 1000
-- statement: rename
UPDATE users SET name = 'Canary' WHERE id = :id;
-- statement: nowhere
SELECT * FROM nowhere;
";

fn dbperf(arguments: &[&str]) -> Output {
    super::support::dbperf().args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_is_written_with_plans_and_what_is_missing() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        connect(lab.primary())
            .await
            .batch_execute(PLANTED)
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (file, workload) = (folder.path().join("p.json"), folder.path().join("w.sql"));
        fs::write(&workload, WORKLOAD).unwrap();
        let dsn = lab.primary().dsn();
        let (file_name, workload) = (file.to_str().unwrap(), workload.to_str().unwrap());
        let output = dbperf(&["profile", &dsn, "-o", file_name, "--workload", workload]);
        let words = said(&output);
        assert_eq!(output.status.code(), Some(0), "PostgreSQL {major}: {words}");
        assert!(output.stdout.is_empty());
        assert_eq!(mode(&file), 0o600);
        let bytes = fs::read(&file).unwrap();
        let profile = Profile::read(&bytes).unwrap();
        assert_eq!(profile.values, Values::Hash);
        let shape = |name: &str| {
            let mut all = profile.statements.iter();
            let found = all.find(|s| s.name == name);
            found.map(|s| s.shape.clone()).expect(name)
        };
        assert_eq!(shape("look / user"), "Index Scan using users_pkey on users");
        let events = shape("look / events");
        assert!(
            events.contains("on partitions of events"),
            "PostgreSQL {major}: {events}"
        );
        assert!(
            events.contains("(several)") && !events.contains("events_1"),
            "{events}"
        );
        assert_eq!(
            shape("change / rename"),
            "Update on users\n  Index Scan using users_pkey on users"
        );
        for statement in &profile.statements {
            assert_eq!(statement.shape.lines().count(), statement.rows.len());
        }
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            !text.contains("Canary") && !text.contains("918273"),
            "PostgreSQL {major}"
        );
        assert!(
            words.contains("2 tables with 5 columns, with tokens"),
            "{words}"
        );
        let forgotten = if major == 13 {
            "forgotten"
        } else {
            "forgotten: never analysed; ANALYZE it"
        };
        assert!(words.contains(forgotten), "PostgreSQL {major}: {words}");
        assert!(
            words.contains("plan of change / nowhere: relation"),
            "{words}"
        );
    });
}

#[test]
fn without_a_file_the_profile_goes_to_standard_output() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let lab = lab(major, LabOptions::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        connect(lab.primary())
            .await
            .batch_execute(PLANTED)
            .await
            .unwrap();
    });
    let dsn = lab.primary().dsn();
    let output = dbperf(&["profile", &dsn, "--values", "keep"]);
    let profile = Profile::read(&output.stdout).unwrap();
    assert_eq!(
        (profile.values, output.status.code()),
        (Values::Keep, Some(0))
    );
    assert!(
        said(&output).contains("WITH THE VALUES"),
        "{}",
        said(&output)
    );
}

#[test]
fn what_cannot_be_done_is_told_with_its_exit_code() {
    let Some((major, _)) = servers().pop() else {
        return;
    };
    let lab = lab(major, LabOptions::default()).unwrap();
    let dsn = lab.primary().dsn();
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("none/p.json");
    let output = dbperf(&["profile", &dsn, "-o", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        said(&output).contains("name another file with -o"),
        "{}",
        said(&output)
    );
    let odd = folder.path().join("odd.sql");
    fs::write(&odd, "-- dbperf workload\n-- operation: x\n").unwrap();
    let output = dbperf(&["profile", &dsn, "--workload", odd.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let output = dbperf(&["profile", &dsn]);
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains("has no tables"), "{}", said(&output));
    let output = dbperf(&["profile", &dsn, "--values", "some"]);
    assert_eq!(output.status.code(), Some(2));
}
