use crate::import::testing::{assert_refused, check, load, tool_row};
use crate::record::Millis;
use crate::record::load::{Omission, PercentileMethod};

const TASKS: &str = include_str!("../../../fixtures/load/autocannon-9.0.0/tasks.json");
const POST: &str = include_str!("../../../fixtures/load/autocannon-9.0.0/design-post.json");
const RATE: &str = include_str!("../../../fixtures/load/autocannon-9.0.0/initiatives-rate.json");
const TRUTH: &str = include_str!("../../../fixtures/load/autocannon-9.0.0/truth.json");

#[test]
fn counts_and_times_are_those_of_the_tool() {
    let tasks = load("tasks.json", TASKS.as_bytes());
    let key = "`tasks.json` http://127.0.0.1:8077/lords/strategos/tasks";
    check(&tasks.total, &tool_row(TRUTH, "fixed time", key), 1e-9);
    assert_eq!(tasks.operations[0].name, "/lords/strategos/tasks");
    assert_eq!(tasks.source.omission, Omission::Omitted);
    for (key, ms) in [("50", 13.0), ("97.5", 39.0), ("99.9", 78.0)] {
        assert_eq!(tasks.total.latency.percentile(key), Some(Millis(ms)));
    }
    assert_eq!(tasks.total.latency.percentile("95"), None);
    assert_eq!(
        tasks.started_at.unwrap().to_string(),
        "2026-11-23T09:27:30.694Z"
    );
    assert!(
        tasks
            .source
            .notes
            .iter()
            .any(|n| n.starts_with("8 request(s) were sent"))
    );
    assert!(
        tasks.source.warnings.is_empty(),
        "{:?}",
        tasks.source.warnings
    );
    let post = load("design-post.json", POST.as_bytes());
    let run = "fixed count, POST, title";
    check(
        &post.total,
        &tool_row(TRUTH, run, "`design-post.json` design"),
        1e-9,
    );
    assert_eq!(post.operations[0].name, "design");
}

#[test]
fn over_corrected_times_are_left_out() {
    let rate = load("initiatives-rate.json", RATE.as_bytes());
    assert_eq!(rate.source.omission, Omission::OverCorrected);
    assert_eq!(rate.source.percentile_method, PercentileMethod::Absent);
    let latency = &rate.total.latency;
    assert_eq!((latency.mean, latency.min), (None, None));
    assert!(latency.percentiles.is_empty());
    // The server's own largest is 78.4 ms.
    assert_eq!(latency.max, Some(Millis(78.0)));
    assert_eq!((rate.total.requests, rate.total.failures), (800, 0));
    let warning = &rate.source.warnings[0];
    assert!(
        warning.contains("17034") && warning.contains("-C"),
        "{warning}"
    );
}

#[test]
fn requests_without_an_answer_are_failures() {
    let text = TASKS.replace("\"errors\":0,\"timeouts\":0", "\"errors\":5,\"timeouts\":2");
    let result = load("x", text.as_bytes());
    assert_eq!((result.total.requests, result.total.failures), (5073, 46));
    assert_eq!(result.total.errors["timeouts"], 2);
    assert_eq!(result.total.errors["connection errors"], 3);
    let text = TASKS
        .replace("\"5xx\":41", "\"5xx\":40")
        .replace("\"totalCount\":5068", "\"totalCount\":5000");
    let warnings = load("x", text.as_bytes()).source.warnings.join("\n");
    assert!(
        warnings.contains("add up to 5067, the total says 5068"),
        "{warnings}"
    );
    assert!(
        warnings.contains("5000 latencies are told of 5068"),
        "{warnings}"
    );
}

#[test]
fn wrong_files_are_refused() {
    assert_refused(&[
        (TASKS[..TASKS.len() - 3].to_owned(), ["cut off", "line 1"]),
        (format!("{TASKS}{POST}"), ["line 2", "trailing characters"]),
        (
            TASKS.replace("\"4xx\":0,", ""),
            ["line", "missing field `4xx`"],
        ),
        (
            TASKS.replace("\"total\":5068", "\"total\":-1"),
            ["line 1", "autocannon -j"],
        ),
        (
            TASKS.replace("\"totalCount\":5068", "\"totalCount\":0.5"),
            ["latency.totalCount", "whole number"],
        ),
    ]);
}
