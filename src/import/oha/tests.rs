use crate::import::testing::{assert_refused, check, in_intervals, load, tool_row};
use crate::record::Millis;

const TASKS: &str = include_str!("../../../fixtures/load/oha-1.16.0/tasks.json");
const MIXED: &str = include_str!("../../../fixtures/load/oha-1.16.0/mixed.json");
const POST: &str = include_str!("../../../fixtures/load/oha-1.16.0/design-post.json");
const CSV: &str = include_str!("../../../fixtures/load/oha-1.16.0/tasks.csv");
const TRUTH: &str = include_str!("../../../fixtures/load/oha-1.16.0/truth.json");

#[test]
fn the_json_counts_answers_by_status() {
    let all = [
        ("JSON, fixed time", "tasks.json", TASKS),
        ("JSON, URLs from a file", "mixed.json", MIXED),
        ("JSON, POST, fixed count", "design-post.json", POST),
    ];
    for (run, file, text) in all {
        let key = format!("`{file}` (failures = 5xx in statusCodeDistribution, successRate 1.0)");
        let result = load(file, text.as_bytes());
        check(&result.total, &tool_row(TRUTH, run, &key), 5e-4);
        assert!(result.operations.is_empty() && result.source.warnings.is_empty());
    }
    let tasks = load("tasks.json", TASKS.as_bytes());
    let percentile = |key: &str| tasks.total.latency.percentile(key).unwrap().0;
    assert!((percentile("99.9") - 78.215_555).abs() < 1e-9);
    assert!((percentile("95") - 29.247_08).abs() < 1e-9);
    assert_eq!(tasks.total.errors["500"], 41);
    assert!((tasks.length.unwrap().0 - 10_001.735_854).abs() < 1e-6);
    assert!(
        tasks
            .source
            .notes
            .iter()
            .any(|n| n.contains("8 request(s) that oha did not wait for"))
    );
}

#[test]
fn requests_without_an_answer_are_failures() {
    let text = TASKS.replace(
        "\"aborted due to deadline\": 8",
        "\"connection\\u001b error\": 7",
    );
    let result = load("x", text.as_bytes());
    assert_eq!(
        (result.total.requests, result.total.failures),
        (5083 + 7, 41 + 7)
    );
    assert_eq!(result.total.errors["connection\u{FFFD} error"], 7);
    let text = TASKS.replace("\"200\": 5042", "\"200\": 5041");
    let warnings = load("x", text.as_bytes()).source.warnings;
    assert!(
        warnings[0].contains("5082 answers") && warnings[0].contains("5083"),
        "{warnings:?}"
    );
}

#[test]
fn without_an_answer_there_is_no_time() {
    let text = r#"{"summary":{"successRate":0.0,"total":1.5,"slowest":null,"fastest":null,"average":null},
        "responseTimeHistogram":{},"latencyPercentiles":{"p50":null,"p99.9":null},
        "statusCodeDistribution":{},"errorDistribution":{"refused":3}}"#;
    let result = load("x", text.as_bytes());
    assert_eq!((result.total.requests, result.total.failures), (3, 3));
    assert_eq!(result.total.latency.mean, None);
    assert!(result.total.latency.percentiles.is_empty());
    assert_eq!(result.length, Some(Millis(1500.0)));
}

#[test]
fn the_csv_has_every_answer() {
    let result = load("tasks.csv", CSV.as_bytes());
    check(
        &result.total,
        &tool_row(TRUTH, "CSV, fixed time", "`tasks.csv`"),
        5e-4,
    );
    assert_eq!(in_intervals(&result), (3088, 24));
    assert!(result.total.failures_untold.is_some());
    let json = load("tasks.json", TASKS.as_bytes());
    assert_eq!(json.total.failures_untold, None);
    assert_eq!(result.intervals.len(), 8);
    assert!(result.intervals.iter().all(|i| i.started_at.is_none()));
    let phases = result.total.phases.as_ref().unwrap();
    let parts = [
        phases.dns,
        phases.connecting,
        phases.waiting,
        phases.receiving,
    ];
    let sum: f64 = parts.iter().map(|p| p.unwrap().0).sum();
    let latency = result.total.latency.mean.unwrap().0 * 3088.0;
    assert!((sum - latency).abs() < 1e-6 * latency, "{sum} {latency}");
    // Six workers opened a connection each: 0.17 ms on average.
    assert!(
        (0.1..2.0).contains(&phases.connecting.unwrap().0),
        "{phases:?}"
    );
    assert_eq!(phases.sending, None);
}

#[test]
fn wrong_files_are_refused() {
    let head: String = CSV.split_inclusive('\n').take(3).collect();
    assert_refused(&[
        (TASKS[..900].to_owned(), ["cut off", "line"]),
        (format!("{TASKS}{MIXED}"), ["line", "trailing characters"]),
        (
            TASKS.replace("\"500\": 41", "\"5xx\": 41"),
            ["statusCodeDistribution", "a status such as 200"],
        ),
        (
            TASKS.replace("\"total\": 10.001735854", "\"total\": \"long\""),
            ["line 4", "that oha writes"],
        ),
        (
            TASKS.replace("\"statusCodeDistribution\"", "\"codes\""),
            ["missing field", "statusCodeDistribution"],
        ),
        (head.trim_end().to_owned(), ["cut off", "line 3"]),
        (
            head[..head.len() - 6].to_owned(),
            ["line 3: 6 fields", "7 fields"],
        ),
        (format!("{head}{head}"), ["line 4", "not negative"]),
        (
            head.replace(",200\n", ",OK\n"),
            ["line 2", "a status such as 200"],
        ),
        (
            head.replace("Response-delay", "delay"),
            ["line 1", "`Response-delay`"],
        ),
        (
            head.lines().next().unwrap().to_owned() + "\n",
            ["cut off", "no request"],
        ),
    ]);
}
