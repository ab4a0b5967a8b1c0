use crate::import::testing::{assert_refused, check, in_intervals, load, tool_row};
use crate::record::Millis;
use crate::record::load::{Arrival, Measures, PercentileMethod};

const HTTP: &str = include_str!("../../../fixtures/load/artillery-2.0.21/http-report.json");
const WS: &str = include_str!("../../../fixtures/load/artillery-2.0.21/ws-report.json");
const TRUTH: &str = include_str!("../../../fixtures/load/artillery-2.0.21/truth.json");
const RUN: &str = "HTTP scenarios, one endpoint per metric";

#[test]
fn counts_and_times_are_those_of_the_tool() {
    let result = load("http-report.json", HTTP.as_bytes());
    check(&result.total, &tool_row(TRUTH, RUN, "http.responses"), 1e-9);
    assert_eq!(result.operations.len(), 4);
    for operation in &result.operations {
        let key = format!("`{}`", operation.name);
        check(operation, &tool_row(TRUTH, RUN, &key), 1e-9);
    }
    assert_eq!(result.total.errors["500"], 1);
    for (key, ms) in [("50", 12.1), ("95", 41.7), ("99", 58.6), ("99.9", 76.0)] {
        assert_eq!(
            result.total.latency.percentile(key),
            Some(Millis(ms)),
            "{key}"
        );
    }
    assert!(
        result.source.warnings.is_empty(),
        "{:?}",
        result.source.warnings
    );
    assert_eq!(result.length, Some(Millis(11_935.0)));
}

#[test]
fn times_end_with_the_first_byte_and_percentiles_have_an_error() {
    let source = load("http-report.json", HTTP.as_bytes()).source;
    assert_eq!(
        (source.arrival, source.measures),
        (Arrival::Open, Measures::FirstByte)
    );
    assert_eq!(source.percentile_method, PercentileMethod::Sketch);
    assert_eq!(source.percentile_error_ratio, Some(0.01));
}

#[test]
fn periods_are_intervals_of_the_run() {
    let result = load("http-report.json", HTTP.as_bytes());
    assert_eq!(in_intervals(&result), (372, 1));
    let [first, last] = &result.intervals[..] else {
        panic!("{:?}", result.intervals)
    };
    assert_eq!(
        first.started_at.unwrap().to_string(),
        "2026-11-23T09:34:05.844Z"
    );
    assert_eq!(
        (first.length, last.length),
        (Millis(4156.0), Millis(7779.0))
    );
    assert_eq!(first.requests["/lords/strategos/tasks"], 41);
    assert_eq!(first.failures["/lords/strategos/tasks"], 1);
    let spent: f64 = result
        .intervals
        .iter()
        .map(|i| i.latency_total.unwrap().0)
        .sum();
    // Both means are rounded to 0.1 ms.
    assert!((spent / 372.0 - 17.0).abs() < 0.1, "{spent}");
}

#[test]
fn messages_have_no_time() {
    let result = load("ws-report.json", WS.as_bytes());
    let row = tool_row(TRUTH, "websocket engine", "websocket.messages_sent");
    assert_eq!(result.total.requests, row["requests"].as_u64().unwrap());
    assert_eq!(
        (result.total.failures, result.total.latency.mean),
        (0, None)
    );
    assert_eq!(result.source.percentile_method, PercentileMethod::Absent);
    assert!(result.source.notes[0].contains("measures no time"));
}

#[test]
fn requests_without_an_answer_are_failures() {
    let text = HTTP.replacen(
        "\"http.requests\": 372",
        "\"errors.ETIMEDOUT\": 3, \"http.requests\": 375",
        1,
    );
    let result = load("x", text.as_bytes());
    assert_eq!((result.total.requests, result.total.failures), (375, 4));
    assert_eq!(result.total.errors["without an answer"], 3);
    assert_eq!(result.total.failures_untold, None);
    let endpoints = &result.operations;
    assert!(!endpoints.is_empty() && endpoints.iter().all(|o| o.failures_untold.is_some()));
    assert!(result.source.warnings[0].contains("ETIMEDOUT 3 time(s)"));
    let text = HTTP.replacen("\"http.codes.200\": 319", "\"http.codes.200\": 318", 1);
    let warnings = load("x", text.as_bytes()).source.warnings;
    assert!(
        warnings[0].contains("add up to 371, the total says 372"),
        "{warnings:?}"
    );
}

#[test]
fn wrong_files_are_refused() {
    let old = r#"{"aggregate":{"scenariosCreated":1,"x":{"counters":1}},"intermediate":[]}"#;
    assert_refused(&[
        (HTTP[..HTTP.len() / 2].to_owned(), ["cut off", "line"]),
        (
            format!("{HTTP}{WS}"),
            ["trailing characters", "artillery run --output"],
        ),
        (old.to_owned(), ["line 1", "missing field `counters`"]),
        (
            HTTP.replace("\"1795426440000\"", "\"soon\""),
            ["intermediate.period", "milliseconds since 1970"],
        ),
        (
            WS.replace("websocket.messages_sent", "websocket.x"),
            ["aggregate.counters", "a run that sent requests"],
        ),
        (
            HTTP.replacen("\"http.requests\": 372", "\"http.requests\": -1", 1),
            ["line", "invalid value"],
        ),
    ]);
}
