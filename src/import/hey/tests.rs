use crate::import::testing::{assert_refused, check, in_intervals, load, tool_row};
use crate::record::Millis;

const TASKS: &str = include_str!("../../../fixtures/load/hey-0.1.4/tasks.csv");
const INITIATIVES: &str = include_str!("../../../fixtures/load/hey-0.1.4/initiatives.csv");
const SUMMARY: &str = include_str!("../../../fixtures/load/hey-0.1.4/tasks.txt");
const TRUTH: &str = include_str!("../../../fixtures/load/hey-0.1.4/truth.json");

#[test]
fn every_request_with_an_answer_is_counted() {
    let tasks = load("tasks.csv", TASKS.as_bytes());
    let row = tool_row(TRUTH, "CSV, fixed time", "`tasks.csv`");
    check(&tasks.total, &row, 5e-4);
    assert!(tasks.operations.is_empty());
    assert_eq!(tasks.total.errors["500"], 25);
    let untold = tasks.total.failures_untold.as_deref();
    assert_eq!(
        untold,
        Some("requests without an answer are not in the file")
    );
    let close = |key: &str, ms: f64| {
        let told = tasks.total.latency.percentile(key).unwrap().0;
        // The server's own percentile, plus what the client and the loopback take.
        assert!((told - ms).abs() < 1.0, "{key}: {told} {ms}");
    };
    close("50", 13.17);
    close("95", 28.983);
    close("99", 61.417);
    let seconds = tasks.length.unwrap().secs();
    assert!((seconds - 8.0).abs() < 0.1, "{seconds}");
    let fixed = load("initiatives.csv", INITIATIVES.as_bytes());
    let run = "CSV, fixed count that the workers do not divide";
    check(
        &fixed.total,
        &tool_row(TRUTH, run, "`initiatives.csv`"),
        5e-4,
    );
}

#[test]
fn seconds_are_of_the_run_and_not_of_a_clock() {
    let tasks = load("tasks.csv", TASKS.as_bytes());
    assert_eq!(in_intervals(&tasks), (3072, 25));
    assert_eq!(tasks.intervals.len(), 9);
    assert!(tasks.intervals.iter().all(|i| i.started_at.is_none()));
    assert!(tasks.started_at.is_none());
    let spent: f64 = tasks
        .intervals
        .iter()
        .map(|i| i.latency_total.unwrap().0)
        .sum();
    assert!((spent / 3072.0 - tasks.total.latency.mean.unwrap().0).abs() < 1e-6);
}

#[test]
fn phases_add_up_to_the_latency() {
    let tasks = load("tasks.csv", TASKS.as_bytes());
    let phases = tasks.total.phases.as_ref().unwrap();
    assert_eq!((phases.requests, phases.setup_in_latency), (3072, true));
    let parts = [
        phases.dns,
        phases.connecting,
        phases.sending,
        phases.waiting,
        phases.receiving,
    ];
    let sum: f64 = parts.iter().map(|p| p.unwrap().0).sum();
    let latency = tasks.total.latency.mean.unwrap().0 * 3072.0;
    // Each column is rounded to 0.1 ms, and hey's own work lies between them.
    assert!(
        (latency - sum) / latency < 0.01 && sum < latency,
        "{sum} {latency}"
    );
    let tail = tasks
        .total
        .by_latency
        .as_ref()
        .unwrap()
        .slowest(1.0)
        .unwrap();
    let network = latency - phases.waiting.unwrap().0;
    assert!(tail.parts["network"].0 > 0.0 && tail.parts["network"].0 <= network);
}

#[test]
fn an_old_build_has_no_status_and_says_so() {
    let text = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read\n\
                0.0080,0.0009,0.0004,0.0001,0.0059,0.0006\n0.0100,0.0000,0.0000,0.0000,0.0100,0.0000\n";
    let old = load("old.csv", text.as_bytes());
    assert_eq!((old.total.requests, old.length), (2, None));
    assert_eq!(old.total.latency.max, Some(Millis(10.0)));
    assert!(
        old.source.warnings[0].contains("status-code"),
        "{:?}",
        old.source.warnings
    );
    assert!(old.intervals.is_empty());
    let phases = old.total.phases.unwrap();
    assert!((phases.connecting.unwrap().0 - 0.5).abs() < 1e-9);
}

#[test]
fn wrong_files_are_refused() {
    let head: String = TASKS.split_inclusive('\n').take(3).collect();
    assert_refused(&[
        (head.trim_end().to_owned(), ["cut off", "line 3"]),
        (
            head[..head.len() - 8].to_owned(),
            ["line 3: 7 fields", "8 fields"],
        ),
        (
            format!("{head}{head}"),
            ["line 4: `response-time`", "a number"],
        ),
        (format!("{head}{}", &SUMMARY[1..]), ["line 4", "8 fields"]),
        (
            head.replace(",200,", ",OK,"),
            ["line 2: `OK`", "a status such as 200"],
        ),
        (
            head.replace("0.0080,", "-1,"),
            ["line 2: `-1` in column `response-time`", "not negative"],
        ),
        (
            head.replace("Response-read", "read"),
            ["line 1", "`Response-read`"],
        ),
        (
            head.lines().next().unwrap().to_owned() + "\n",
            ["cut off", "no request"],
        ),
        (SUMMARY.to_owned(), ["text summary of hey", "`-o csv`"]),
    ]);
}
