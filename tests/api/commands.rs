//! `dbperf` as a user runs it, and load commands that do not do what they should.

use std::process::Stdio;

use dbperf::lab::{Lab, LabOptions};
use serde_json::Value;

use crate::app::App;
use crate::support::{lab, servers};
use crate::{named, number, shares_add_up};

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The JSON document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }
}

/// Runs `dbperf` with a clean environment: only what a test passes decides.
pub(crate) fn dbperf<S: AsRef<str>>(args: &[S]) -> Output {
    let mut command = crate::support::dbperf();
    command.args(args.iter().map(AsRef::as_ref));
    let done = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let output = Output {
        code: done.status.code(),
        stdout: text(done.stdout),
        stderr: text(done.stderr),
    };
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    output
}

/// A lab on the newest server found: the join reads nothing whose shape depends on the version.
pub(crate) fn newest() -> Option<Lab> {
    lab(servers().last()?.0, LabOptions::default())
}

/// Locust's files of a call that ended before dbperf's own: what a load command "writes" here.
const RESULTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/fixtures/load/locust-2.47.0/full"
);

#[test]
fn a_load_command_that_fails_or_writes_nothing_costs_no_report() {
    let Some(lab) = newest() else { return };
    let app = App::start(&lab);
    let dsn = lab.primary().dsn();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (stats, history) = (file("out_stats.csv"), file("out_stats_history.csv"));
    let with = |format: &str, load: &str| {
        let arguments = [
            "analyze", &dsn, "--format", format, "--api", &stats, "--api", &history,
        ];
        let command = ["--", "sh", "-c", load];
        dbperf(&[arguments.as_slice(), command.as_slice()].concat())
    };

    // It ends well, and writes nothing.
    let silent = with("json", "sleep 2");
    assert_eq!(silent.code, Some(4), "{}", silent.stderr);
    for file in [&stats, &history] {
        assert!(silent.stderr.contains(file), "{}", silent.stderr);
    }
    let report = silent.json();
    assert!(number(&report, "/run/window_ms") >= 2000.0);
    let row = named(&report["coverage"], "collector", "api");
    assert_eq!(row["status"], "failed");
    assert!(row["reason"].as_str().unwrap().contains(&stats), "{row}");
    assert_eq!(report["load"], Value::Null);
    assert_eq!(report["breakdown"], Value::Null);

    // It fails, and writes nothing.
    let failed = with("text", "sleep 2; exit 3");
    assert_eq!(failed.code, Some(4), "{}", failed.stderr);
    assert!(failed.stderr.contains(&stats), "{}", failed.stderr);
    for words in ["ended with exit code 3", "Database time", &stats] {
        assert!(
            failed.stdout.contains(words),
            "no {words}: {}",
            failed.stdout
        );
    }

    // It writes one of the two files.
    let half = with("json", &format!("sleep 1; cp {RESULTS}_stats.csv {stats}"));
    assert_eq!(half.code, Some(4), "{}", half.stderr);
    assert!(half.stderr.contains(&history), "{}", half.stderr);
    assert!(!half.stderr.contains(&stats), "{}", half.stderr);

    // It fails, but writes what it has (Locust does so when a request failed).
    let copy = format!("cp {RESULTS}_stats.csv {stats}; cp {RESULTS}_stats_history.csv {history}");
    let complained = with("json", &format!("sleep 1; {copy}; exit 3"));
    assert_eq!(complained.code, Some(0), "{}", complained.stderr);
    assert!(
        complained.stderr.contains("exit status: 3"),
        "{}",
        complained.stderr
    );
    let report = complained.json();
    assert_eq!(report["run"]["load_command"]["exit_code"], 3);
    assert_eq!(report["load"]["total"]["requests"], 768);
    shares_add_up(&report);

    // The mapping has a slip that only the window can tell.
    let (map, saved) = (file("map.toml"), file("run.json"));
    let wrong = "[[endpoint]]\nname = \"GET /a\"\ntables = [\"aa\"]\n";
    std::fs::write(&map, wrong).unwrap();
    let load = ["--", "sh", "-c", &format!("sleep 1; {copy}")].map(str::to_owned);
    let begin = [
        "analyze", &dsn, "--format", "json", "--api", &stats, "--api", &history,
    ];
    let more = ["--map", &map, "--save", &saved];
    let arguments: Vec<String> = begin.iter().chain(&more).map(|s| (*s).to_owned()).collect();
    let slip = dbperf(&[arguments.as_slice(), load.as_slice()].concat());
    assert_eq!(slip.code, Some(4), "{}", slip.stderr);
    assert!(slip.stderr.contains("did you mean"), "{}", slip.stderr);
    let report = slip.json();
    assert_eq!(report["load"]["total"]["requests"], 768);
    let notes = report["breakdown"]["notes"].to_string();
    assert!(notes.contains("did you mean"), "{notes}");
    assert!(std::fs::metadata(&saved).is_ok(), "the run is saved");

    // It writes nothing, and the files of the call before are still there.
    let stale = with("json", "sleep 2");
    assert_eq!(stale.code, Some(4), "{}", stale.stderr);
    assert!(
        stale.stderr.contains("earlier load") && stale.stderr.contains(&stats),
        "{}",
        stale.stderr
    );
    assert_eq!(stale.json()["load"], Value::Null);

    // With the results, a saved run no longer says that they are missing.
    let late = dbperf(&[
        "analyze", &dsn, "--save", &saved, "--api", &stats, "--", "true",
    ]);
    assert_eq!(late.code, Some(4), "{}", late.stderr);
    let found = dbperf(&[
        "analyze", "--from", &saved, "--format", "json", "--api", &stats,
    ]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let coverage = found.json()["coverage"].to_string();
    assert!(!coverage.contains("\"api\""), "{coverage}");

    // It cannot be run at all.
    let arguments = ["analyze", &dsn, "--", "/nowhere/locust"];
    let absent = dbperf(&arguments);
    assert_eq!(absent.code, Some(2), "{}", absent.stderr);
    assert!(
        absent.stderr.contains("/nowhere/locust"),
        "{}",
        absent.stderr
    );

    app.stop();
    lab.stop().unwrap();
}
