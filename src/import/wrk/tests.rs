use super::lines::millis;
use crate::import::testing::{assert_refused, check, load, tool_row};
use crate::record::Millis;
use crate::record::load::{Arrival, LoadResult, Omission, PercentileMethod};

const TASKS: &str = include_str!("../../../fixtures/load/wrk-4.1.0/tasks-latency.txt");
const MIXED: &str = include_str!("../../../fixtures/load/wrk-4.1.0/mixed-latency.txt");
const PLAIN: &str = include_str!("../../../fixtures/load/wrk-4.1.0/plain.txt");
const TRUTH: &str = include_str!("../../../fixtures/load/wrk-4.1.0/truth.json");
const TWO: &str = include_str!("../../../fixtures/load/wrk2-4.0.0/latency.txt");
const TWO_PLAIN: &str = include_str!("../../../fixtures/load/wrk2-4.0.0/plain.txt");
const TWO_BOTH: &str = include_str!("../../../fixtures/load/wrk2-4.0.0/uncorrected.txt");

fn read(text: &str) -> LoadResult {
    load("run.txt", text.as_bytes())
}

fn percentile(result: &LoadResult, key: &str) -> Option<f64> {
    result.total.latency.percentile(key).map(|m| m.0)
}

#[test]
fn counts_and_times_are_those_of_the_text() {
    for (run, file, text) in [
        (
            "one endpoint, --latency, done() as JSON",
            "tasks-latency.txt",
            TASKS,
        ),
        (
            "several endpoints from Lua, done() as JSON",
            "mixed-latency.txt",
            MIXED,
        ),
        ("plain text without --latency", "plain.txt", PLAIN),
    ] {
        let row = tool_row(TRUTH, run, &format!("`{file}`"));
        check(&read(text).total, &row, 0.005);
    }
    let tasks = read(TASKS);
    // What wrk told its script at the end of the same run.
    assert_eq!(tasks.total.latency.max, Some(Millis(106.85)));
    assert!(
        (tasks.length.unwrap().0 - 10_018.528).abs() < 0.2,
        "{:?}",
        tasks.length
    );
    assert_eq!(percentile(&tasks, "99"), Some(64.31));
    assert_eq!(percentile(&tasks, "50"), Some(14.41));
    assert_eq!(percentile(&tasks, "95"), None);
    assert_eq!(tasks.total.errors["status 400 or more"], 41);
    assert_eq!(
        read(PLAIN).source.percentile_method,
        PercentileMethod::Absent
    );
}

#[test]
fn the_mean_is_known_to_be_filled_in() {
    let tasks = read(TASKS);
    assert_eq!(
        (tasks.source.arrival, tasks.source.omission),
        (Arrival::Closed, Omission::Corrected)
    );
    // The server's own mean of this run is 15.688 ms; wrk's is 16.93 ms, and 8 connections made 5053 requests in
    // 10.018 s.
    let notes = tasks.source.notes.join("\n");
    assert!(notes.contains("15.86 ms"), "{notes}");
}

#[test]
fn only_a_path_names_an_operation() {
    assert_eq!(read(TASKS).operations[0].name, "/lords/strategos/tasks");
    assert!(read(MIXED).operations.is_empty());
}

#[test]
fn lost_requests_are_failures_and_late_answers_too() {
    let lost = TASKS.replace(
        "  Non-2xx",
        "  Socket errors: connect 1, read 20, write 300, timeout 4\n  Non-2xx",
    );
    let result = read(&lost);
    assert_eq!(result.total.requests, 5053 + 321);
    assert_eq!(result.total.failures, 321 + 4 + 41);
    assert_eq!(result.total.errors["write"], 300);
    assert!(result.source.warnings[0].contains("4 answer(s) came after"));
    let twice = PLAIN.replace(" 1458 requests", " 3 requests").replace(
        "Requests/sec",
        "  Socket errors: connect 0, read 0, write 0, timeout 3\n  Non-2xx or 3xx responses: 3\nRequests/sec",
    );
    let result = read(&twice);
    assert_eq!((result.total.requests, result.total.failures), (3, 3));
    assert!(
        result
            .source
            .warnings
            .iter()
            .any(|w| w.contains("6 failures among 3 requests"))
    );
}

#[test]
fn units_are_those_of_wrk() {
    for (text, ms) in [
        ("94.00us", Some(0.094)),
        ("16.93ms", Some(16.93)),
        ("1.20s", Some(1200.0)),
        ("2.00m", Some(120_000.0)),
        ("1.00h", Some(3_600_000.0)),
        ("16.93", None),
        ("-nanus", None),
        ("1.63k", None),
    ] {
        assert_eq!(millis(text), ms, "{text}");
    }
}

#[test]
fn wrk2_is_open_and_has_every_percentile() {
    let two = read(TWO);
    assert_eq!(two.source.tool, "wrk2");
    assert_eq!(
        (two.source.arrival, two.source.omission),
        (Arrival::Open, Omission::None)
    );
    assert_eq!(two.total.requests, 60_018);
    assert_eq!(two.total.latency.mean, Some(Millis(6.602)));
    assert_eq!(two.total.latency.max, Some(Millis(12.496)));
    for (key, ms) in [
        ("50", 6.67),
        ("95", 10.015),
        ("99", 11.18),
        ("99.9", 12.3),
        ("99.99", 12.45),
    ] {
        assert_eq!(percentile(&two, key), Some(ms), "{key}");
    }
    let notes = two.source.notes.join("\n");
    assert!(notes.contains("39500 of 60018"), "{notes}");
    assert!((two.length.unwrap().secs() - 30.004).abs() < 0.001);
    let plain = read(TWO_PLAIN);
    assert_eq!(
        (plain.source.tool.as_str(), plain.total.requests),
        ("wrk2", 60_017)
    );
    assert_eq!(plain.total.latency.mean, Some(Millis(6.46)));
    assert_eq!(plain.source.percentile_method, PercentileMethod::Absent);
}

#[test]
fn of_wrk2_only_the_section_from_the_schedule_on_is_read() {
    let both = read(TWO_BOTH);
    assert_eq!(both.total.latency.mean, Some(Millis(6.178)));
    assert_eq!(percentile(&both, "99"), Some(10.52));
    assert!(percentile(&both, "95").unwrap() > 8.46);
}

#[test]
fn timeouts_of_wrk2_are_no_requests_and_a_short_run_has_no_latency() {
    let late = TWO.replace(
        "Requests/sec",
        "  Socket errors: connect 0, read 0, write 0, timeout 9\nRequests/sec",
    );
    let result = read(&late);
    assert_eq!((result.total.requests, result.total.failures), (60_018, 0));
    assert!(
        result.source.warnings[0].contains("9 time(s)"),
        "{:?}",
        result.source.warnings
    );
    let nothing = "Latency -nanus -nanus 0.00us 0.00%";
    let plain = TWO_PLAIN.replace("Latency     6.46ms    1.93ms  12.34ms   67.66%", nothing);
    let table = TWO
        .replace("Latency     6.60ms    1.92ms  12.50ms   68.46%", nothing)
        .replace("#[Mean    =        6.602", "#[Mean    =         -nan")
        .replace(
            "Total count    =        39500",
            "Total count    =            0",
        );
    for text in [plain, table] {
        let result = read(&text);
        let latency = &result.total.latency;
        assert_eq!((latency.mean, latency.max), (None, None));
        assert!(latency.percentiles.is_empty(), "{latency:?}");
        assert!(result.source.warnings[0].contains("too short"));
    }
}

#[test]
fn without_an_answer_there_is_no_time() {
    let text = TASKS
        .replace("5053 requests", "0 requests")
        .replace("  504.37", "    0.00")
        .replace(
            "  Non-2xx or 3xx responses: 41",
            "  Socket errors: connect 8, read 0, write 0, timeout 0",
        );
    let result = read(&text);
    assert_eq!((result.total.requests, result.total.failures), (8, 8));
    assert_eq!(result.total.latency.mean, None);
    assert!(result.total.latency.percentiles.is_empty());
    assert!((result.length.unwrap().secs() - 10.02).abs() < 1e-9);
}

#[test]
fn wrong_texts_are_refused() {
    let first_lines =
        |text: &str, n: usize| -> String { text.split_inclusive('\n').take(n).collect() };
    assert_refused(&[
        (first_lines(TASKS, 9), ["cut off", "requests in"]),
        (first_lines(TASKS, 13), ["cut off", "Transfer/sec"]),
        (first_lines(TWO, 40), ["cut off", "requests in"]),
        (format!("{TASKS}{PLAIN}"), ["line 15", "its own file"]),
        (
            TASKS.replace("5053 requests", "many requests"),
            ["line 11", "requests in 10.02s"],
        ),
        (TASKS.replace("16.93ms", "16.93"), ["line 4", "`16.93ms`"]),
        (
            TASKS.replace("  64.31ms", "     nan"),
            ["line 10", "a percentile"],
        ),
        (
            TASKS.replace("responses: 41", "responses: x"),
            ["line 12", "a number of responses"],
        ),
        (
            TWO.replace("#[Max     =       12.496", "#[Max     =       -"),
            ["#[Max", "Total count"],
        ),
    ]);
}
