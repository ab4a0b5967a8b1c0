//! A mix that does not change: the inference says so, or says no more than it knows.

use std::fs;

use serde_json::Value;

use crate::app::{App, CALLS_B};
use crate::commands::{dbperf, newest};
use crate::{locust, number, part, shares_add_up};

/// The report of users who ask for one endpoint after the other in the same order.
fn constant_mix() -> Option<Value> {
    let program = locust::program()?;
    let lab = newest()?;
    let app = App::start(&lab);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (dsn, stats, history) = (
        lab.primary().dsn(),
        file("out_stats.csv"),
        file("out_stats_history.csv"),
    );
    let mut args = vec!["analyze", &dsn, "--format", "json", "--api", &stats];
    args.extend(["--api", &history, "--"]);
    let mut load = locust::command(program, folder.path(), locust::CONSTANT, &app.url());
    load.extend(["-u", "4", "-r", "4", "-t", "16s"].map(str::to_owned));
    args.extend(load.iter().map(String::as_str));
    let output = dbperf(&args);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(!fs::read(&history).unwrap().is_empty());
    app.stop();
    lab.stop().unwrap();
    Some(output.json())
}

#[test]
fn a_constant_mix_is_refused_in_words_or_its_intervals_hold_the_truth() {
    let Some(report) = constant_mix() else { return };
    shares_add_up(&report);
    let breakdown = &report["breakdown"];
    let notes = breakdown["notes"].to_string();
    let refused = ["hardly varied", "follow the requests"]
        .iter()
        .any(|words| notes.contains(words));
    for endpoint in breakdown["endpoints"].as_array().unwrap() {
        let db_exec = part(endpoint, "db_exec");
        if refused {
            assert_eq!(db_exec["basis"], "not-measured", "{db_exec:#}");
            assert_eq!(db_exec["mean_ms"], Value::Null);
            continue;
        }
        // The edges of the seconds vary the mix a little: what that tells has wide intervals.
        let truth = match endpoint["name"].as_str().unwrap() {
            "GET /a" => 20.0,
            "GET /b" => 5.0 * f64::from(CALLS_B),
            _ => 0.0,
        } / number(endpoint, "/mean_ms");
        let (low, high) = (
            number(db_exec, "/low_ratio"),
            number(db_exec, "/high_ratio"),
        );
        // Sleeps last a little longer than they are told.
        assert!(low <= truth * 1.3 && truth <= high, "{truth}: {db_exec:#}");
    }
    let total = part(&breakdown["total"], "db_exec");
    assert!(number(total, "/mean_ms") > 10.0, "{total:#}");
}
