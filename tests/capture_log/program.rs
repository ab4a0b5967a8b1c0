//! The command: files, flags, messages, exit codes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dbperf::workload::{CapturedFile, EventKind};
use serde_json::Value;

use crate::logs;

fn dbperf(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .args(["capture", "log"])
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fixture(file: &str) -> String {
    let path = logs::folder("17").join(format!("{file}.gz"));
    path.to_str().unwrap().to_owned()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn the_workload_goes_to_the_file_and_the_summary_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = dbperf(&[&fixture("minduration.log"), "-o", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mode = std::fs::metadata(&out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let summary = text(&output.stdout);
    for part in [
        "Captured workload",
        "calls in",
        "1 call left out: COPY",
        "pgbench_accounts",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    assert_eq!(text(&output.stderr), "");
    let file = CapturedFile::open(&out).unwrap();
    assert!(file.header().writes);
    assert_eq!(file.header().databases, ["bench", "lords", "postgres"]);
    let left: Vec<PathBuf> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(left, [out]);
}

#[test]
fn without_a_file_the_workload_goes_to_standard_output_and_the_summary_beside_it() {
    let output = dbperf(&[&fixture("minduration.csv")]);
    assert_eq!(output.status.code(), Some(0));
    assert!(CapturedFile::recognises(&output.stdout));
    assert!(text(&output.stderr).contains("Captured workload"));
    let quiet = dbperf(&[&fixture("minduration.csv"), "-q"]);
    assert_eq!(quiet.stdout, output.stdout);
    assert_eq!(text(&quiet.stderr), "");
}

#[test]
fn json_is_the_document_of_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = dbperf(&[
        &fixture("minduration.json"),
        "--format",
        "json",
        "-o",
        out.to_str().unwrap(),
    ]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = Command::new(env!("CARGO_BIN_EXE_dbperf"))
        .arg("schema")
        .output()
        .unwrap();
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    jsonschema::validate(&schema, &json).unwrap_or_else(|e| panic!("{e}"));
    let capture = &json["capture"];
    assert_eq!(capture["sources"][0]["format"], "jsonlog");
    assert_eq!(capture["sources"][0]["damaged"], 0);
    let calls: u64 = capture["statements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["calls"].as_u64().unwrap())
        .sum();
    let left_out: u64 = capture["left_out"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    let total = capture["calls"].as_u64().unwrap() - capture["failed"].as_u64().unwrap();
    assert_eq!(calls, total + left_out);
}

#[test]
fn passwords_are_in_no_output_and_constants_only_in_the_workload() {
    let folder = tempfile::tempdir().unwrap();
    let statements = [
        "CREATE USER a PASSWORD 'canary-1'",
        "ALTER ROLE a PASSWORD 'canary-2",
        "ALTER ROLE a PASSWORD 'canary-3'; SELECT 1",
        "SELECT 'canary-4'",
        "DO $$ BEGIN PERFORM 'canary-5'; END $$",
    ];
    let head = "2026-11-23 10:31:26.499 UTC [7] LOG:  duration: 1.000 ms  statement: ";
    let log = statements
        .map(|statement| format!("{head}{statement}\n"))
        .concat();
    let log = write(folder.path(), "log", log.as_bytes());
    let out = folder.path().join("out");
    for format in ["text", "json", "markdown"] {
        let (log, out) = (log.to_str().unwrap(), out.to_str().unwrap());
        let output = dbperf(&[log, "--format", format, "-o", out]);
        assert_eq!(output.status.code(), Some(0));
        assert!(
            !text(&output.stdout).contains("canary"),
            "{}",
            text(&output.stdout)
        );
        assert!(!text(&output.stderr).contains("canary"));
    }
    let workload = std::fs::read_to_string(&out).unwrap();
    for number in 1..=3 {
        assert!(
            !workload.contains(&format!("canary-{number}")),
            "{workload}"
        );
    }
    assert!(workload.contains("canary-4") && workload.contains("canary-5"));
}

#[test]
fn time_and_database_narrow_what_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let take = |flags: &[&str]| {
        let log = fixture("statement-and-duration.log");
        let mut arguments = vec![log.as_str(), "-o", out.to_str().unwrap()];
        arguments.extend(flags);
        let output = dbperf(&arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{flags:?}: {}",
            text(&output.stderr)
        );
        let file = CapturedFile::open(&out).unwrap();
        (
            file.header().clone(),
            file.events().map(Result::unwrap).collect::<Vec<_>>(),
        )
    };
    let (all, events) = take(&[]);
    let (bench, _) = take(&["--database", "bench"]);
    let (lords, _) = take(&["--database", "lords"]);
    assert_eq!(bench.databases, ["bench"]);
    assert_eq!(bench.calls + lords.calls, all.calls);
    // Between two calls, in the time zone of the log and in UTC.
    let middle = events[events.len() / 2].at;
    let at = all.started_at.as_microsecond() + i64::try_from(middle.as_micros()).unwrap();
    let utc = jiff::Timestamp::from_microsecond(at).unwrap();
    let paris = jiff::tz::Offset::from_seconds(3600)
        .unwrap()
        .to_datetime(utc);
    let (early, _) = take(&["--until", &utc.to_string()]);
    let (late, after) = take(&["--since", &paris.to_string()]);
    assert_eq!(early.calls + late.calls, all.calls);
    assert!(early.calls > 10 && late.calls > 10);
    assert_eq!(late.started_at, utc);
    let begun = after
        .iter()
        .filter(|e| matches!(e.what, EventKind::Begin { .. }))
        .count();
    assert_eq!(begun as u64, late.sessions);
}

#[test]
fn rotated_files_are_one_log_in_whatever_order_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let whole = logs::bytes("17", "minduration.csv");
    // Rotation cuts between records; the last line of the first file begins with a time.
    let half = whole.len() / 2;
    let cut = (half..whole.len())
        .find(|at| whole[*at - 1] == b'\n' && whole[*at..].starts_with(b"2026-11-23 10:"))
        .unwrap();
    let first = write(folder.path(), "z", &whole[..cut]);
    let second = write(folder.path(), "a", &whole[cut..]);
    let one = dbperf(&[&fixture("minduration.csv"), "-q"]);
    let two = dbperf(&[second.to_str().unwrap(), first.to_str().unwrap(), "-q"]);
    let body = |bytes: &[u8]| text(bytes).split_once("\nQ").unwrap().1.to_owned();
    assert_eq!(body(&one.stdout), body(&two.stdout));
}

#[test]
fn what_cannot_be_captured_says_why_and_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = write(folder.path(), "out", b"old");
    let path = |name: &str, bytes: &[u8]| {
        write(folder.path(), name, bytes)
            .to_str()
            .unwrap()
            .to_owned()
    };
    let nginx = path(
        "nginx",
        b"1.1.1.1 - - [23/Nov/2026:10:31:26 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\"\n",
    );
    let empty = path("empty", b"");
    let binary = path("binary", b"\x7fELF\0\0\n");
    let secret = path(
        "secret",
        b"2026-11-23 10:31:26.499 UTC [7] LOG:  statement: ALTER ROLE a PASSWORD 'canary'\n",
    );
    let missing = folder.path().join("missing").to_str().unwrap().to_owned();
    let good = fixture("minduration.log");
    let (csv, durations) = (fixture("minduration.csv"), fixture("duration-only.log"));
    for (arguments, code, part) in [
        (vec![nginx.as_str()], 4, "it looks like a web server's log"),
        (vec![&empty], 4, "is empty"),
        (vec![&binary], 4, "binary:1: this is no text"),
        (vec![&missing], 4, "cannot read the log"),
        (vec![&good, &nginx], 4, "nginx:1:"),
        (vec![&good, &csv], 4, "give files of one format"),
        (vec![&durations], 4, "it has durations and no statements"),
        (vec![&good, "--database", "nosuch"], 4, "none of its"),
        (vec![&good, "--since", "2030-01-01"], 4, "none of its"),
        (vec![&good, "--since", "soon"], 2, "found \"soon\""),
        (
            vec![&good, "--prefix", "%m "],
            2,
            "does not tell sessions apart",
        ),
        (
            vec![&good, "--prefix", "%m (%p) "],
            4,
            "does not fit this line",
        ),
        (vec![&secret], 4, "a password in the text"),
        (vec![], 2, "required"),
    ] {
        let mut all = arguments.clone();
        all.extend(["-o", out.to_str().unwrap()]);
        let output = dbperf(&all);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("canary"));
        assert_eq!(std::fs::read(&out).unwrap(), b"old");
    }
    let nowhere = folder
        .path()
        .join("no/such/folder")
        .to_str()
        .unwrap()
        .to_owned();
    let output = dbperf(&[&good, "-o", &nowhere]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("cannot write the captured workload"));
}
