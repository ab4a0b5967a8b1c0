use crate::import::testing::{assert_refused, load, tool_row};
use crate::record::Millis;

const JSON: &str = include_str!("../../../fixtures/load/siege-4.0.7/run.json");
const TEXT: &str = include_str!("../../../fixtures/load/siege-4.0.7/text.txt");
const LOG: &str = include_str!("../../../fixtures/load/siege-4.0.7/siege.log");
const TRUTH: &str = include_str!("../../../fixtures/load/siege-4.0.7/truth.json");

/// The server's own mean of a run.
fn server_mean(run: &str) -> f64 {
    let truth: serde_json::Value = serde_json::from_str(TRUTH).unwrap();
    truth[run]["server"]["total"]["mean_ms"].as_f64().unwrap()
}

#[test]
fn failed_requests_are_added_to_the_transactions() {
    let result = load("run.json", JSON.as_bytes());
    let run = "JSON, fixed time, URL list";
    let row = tool_row(
        TRUTH,
        run,
        "`run.json` (transactions; failed_transactions are not among them)",
    );
    let failed = row["failures"].as_u64().unwrap();
    assert_eq!(
        result.total.requests,
        row["requests"].as_u64().unwrap() + failed
    );
    assert_eq!(result.total.failures, failed);
    assert_eq!(result.length, Some(Millis(9680.0)));
    assert_eq!(
        (result.total.latency.max, result.total.latency.min),
        (Some(Millis(80.0)), None)
    );
}

#[test]
fn with_many_failures_the_mean_is_not_told() {
    // A tenth of the requests: their times may be in the sum that siege divides, and they are not in the divisor.
    let many = JSON.replace("           7,", "         414,");
    assert_ne!(many, JSON);
    let result = load("run.json", many.as_bytes());
    assert_eq!(result.total.latency.mean, None);
    let told = result.source.warnings.join(" ");
    assert!(told.contains("between 18.6 and 20.7 ms"), "{told}");
}

#[test]
fn the_mean_has_more_digits_than_the_printed_one() {
    for (run, text) in [
        ("JSON, fixed time, URL list", JSON),
        ("text and siege.log, fixed count, URL list", TEXT),
    ] {
        let mean = load("x", text.as_bytes()).total.latency.mean.unwrap().0;
        let server = server_mean(run);
        // siege prints 20 ms of both; the client and the loopback take a quarter of a millisecond.
        assert!(
            mean > server && mean - server < 0.3,
            "{run}: {mean} {server}"
        );
    }
    let odd = JSON.replace(
        "\"response_time\":		        0.02",
        "\"response_time\": 0.20",
    );
    let result = load("x", odd.as_bytes());
    assert_eq!(result.total.latency.mean, Some(Millis(200.0)));
    assert!(
        result.source.warnings[0].contains("20.7 ms"),
        "{:?}",
        result.source.warnings
    );
}

#[test]
fn the_text_tells_the_same() {
    let result = load("text.txt", TEXT.as_bytes());
    assert_eq!((result.total.requests, result.total.failures), (360, 0));
    assert_eq!(result.total.latency.max, Some(Millis(80.0)));
    assert!(result.operations.is_empty() && result.total.latency.percentiles.is_empty());
}

/// The text as 4.1.7 prints it: `%12.2f ms` of a thousand times the seconds (`src/main.c`).
fn in_milliseconds() -> String {
    TEXT.replace("0.02 secs", "20.15 ms")
        .replace("0.08\n", "75.90 ms\n")
        .replace("0.00\n", "2.31 ms\n")
}

#[test]
fn milliseconds_are_no_seconds() {
    let result = load("text.txt", in_milliseconds().as_bytes());
    let latency = &result.total.latency;
    assert_eq!(
        (latency.mean, latency.min, latency.max),
        (Some(Millis(20.15)), Some(Millis(2.31)), Some(Millis(75.9)))
    );
    assert_eq!(result.length, Some(Millis(4450.0)));
    assert!(result.source.warnings.is_empty());
    let notes = result.source.notes.join("; ");
    assert!(notes.contains("of a millisecond") && !notes.contains("of a second"));
}

#[test]
fn wrong_files_are_refused() {
    let lines = |n: usize| -> String { TEXT.split_inclusive('\n').take(n).collect() };
    assert_refused(&[
        (LOG.to_owned(), ["the log of siege", "-j or without"]),
        (JSON[..200].to_owned(), ["cut off", "line"]),
        (format!("{JSON}{JSON}"), ["trailing characters", "siege -j"]),
        (JSON.replace("3730", "-3"), ["line", "siege -j"]),
        (lines(11), ["cut off", "`Failed transactions:`"]),
        (format!("{TEXT}{TEXT}"), ["line 20", "its own file"]),
        (
            TEXT.replace("360 hits", "many hits"),
            ["line 4", "a whole number"],
        ),
        (
            TEXT.replace("4.45 secs", "long"),
            ["line 6", "not negative"],
        ),
        (
            in_milliseconds().replace("75.90 ms", "75.90 us"),
            ["line 14", "in `secs` or `ms`"],
        ),
    ]);
}
