use crate::import::testing::{assert_refused, check, load, tool_row};
use crate::record::Millis;

const TASKS: &str = include_str!("../../../fixtures/load/ab-2.3/tasks.txt");
const POST: &str = include_str!("../../../fixtures/load/ab-2.3/design-post.txt");
const MESSAGES: &str = include_str!("../../../fixtures/load/ab-2.3/messages.txt");
const GNUPLOT: &str = include_str!("../../../fixtures/load/ab-2.3/tasks-gnuplot.tsv");
const PERCENTILES: &str = include_str!("../../../fixtures/load/ab-2.3/tasks-percentiles.csv");
const TRUTH: &str = include_str!("../../../fixtures/load/ab-2.3/truth.json");

#[test]
fn failures_are_error_answers_and_not_other_lengths() {
    for (run, file, failed, text) in [
        (
            "keep-alive, fixed count, all three outputs",
            "tasks.txt",
            12,
            TASKS,
        ),
        (
            "body length that changes, no -l",
            "design-post.txt",
            42,
            POST,
        ),
        (
            "HTTP/1.0 without keep-alive, -l",
            "messages.txt",
            0,
            MESSAGES,
        ),
    ] {
        let key = format!("`{file}` (\"Non-2xx responses\"; \"Failed requests\" says {failed})");
        let result = load(file, text.as_bytes());
        check(&result.total, &tool_row(TRUTH, run, &key), 0.5);
        assert!(result.source.warnings.is_empty());
    }
    let post = load("design-post.txt", POST.as_bytes());
    assert!(
        post.source
            .notes
            .iter()
            .any(|n| n.starts_with("42 answer(s) had another length"))
    );
}

#[test]
fn times_and_the_name_are_those_of_the_text() {
    let messages = load("messages.txt", MESSAGES.as_bytes());
    assert_eq!(messages.source.version.as_deref(), Some("2.3"));
    assert_eq!(messages.operations[0].name, "/lords/herald/messages");
    assert_eq!(messages.length, Some(Millis(872.0)));
    for (key, ms) in [("50", 7.0), ("95", 15.0), ("99", 62.0), ("100", 77.0)] {
        assert_eq!(
            messages.total.latency.percentile(key),
            Some(Millis(ms)),
            "{key}"
        );
    }
    assert_eq!(messages.total.latency.max, Some(Millis(77.0)));
    assert_eq!(messages.total.latency.percentile("99.9"), None);
}

#[test]
fn lost_requests_are_added_and_fast_ones_are_not_zero() {
    let text = POST.replace(
        "(Connect: 0, Receive: 0, Length: 42, Exceptions: 0)",
        "(Connect: 3, Receive: 2, Length: 30, Exceptions: 7)",
    );
    let result = load("x", text.as_bytes());
    assert_eq!((result.total.requests, result.total.failures), (410, 12));
    assert_eq!(result.total.errors["receive"], 2);
    let text = MESSAGES
        .replace(
            "Total:          1    8   8.3      7      77",
            "Total:          0    0   0.3      0      2",
        )
        .replace("  50%      7", "  50%      0");
    let latency = load("x", text.as_bytes()).total.latency;
    assert_eq!(
        (latency.min, latency.mean, latency.max),
        (None, None, Some(Millis(2.0)))
    );
    assert_eq!(latency.percentile("50"), None);
}

#[test]
fn without_deviations_and_percentages_it_is_read_too() {
    let cut = MESSAGES.split("Percentage of").next().unwrap();
    let text = cut.replace(
        "Total:          1    8   8.3      7      77",
        "Total:          1    8     77",
    );
    let latency = load("x", text.as_bytes()).total.latency;
    assert_eq!(
        (latency.mean, latency.max),
        (Some(Millis(8.0)), Some(Millis(77.0)))
    );
    assert!(latency.percentiles.is_empty());
}

#[test]
fn wrong_texts_and_the_tables_beside_them_are_refused() {
    let first_lines = |n: usize| -> String { TASKS.split_inclusive('\n').take(n).collect() };
    assert_refused(&[
        (first_lines(16), ["cut off", "`Complete requests:`"]),
        (first_lines(18), ["cut off", "`Requests per second:`"]),
        (first_lines(28), ["cut off", "`Total:`"]),
        (format!("{TASKS}{POST}"), ["line", "its own file"]),
        (
            TASKS.replace("requests:      1500", "requests:      many"),
            ["line 17", "`Complete requests:` and a whole number"],
        ),
        (
            TASKS.replace("Connect: 0,", "Connect: x,"),
            ["line 19", "Exceptions: 0"],
        ),
        (
            TASKS.replace("Total:          2   16", "Total:          2   x"),
            ["`Total:", "median and max"],
        ),
        (
            TASKS.replace("  99%     60", "  99%     -"),
            ["`99%     -`", "a percentage"],
        ),
        (
            GNUPLOT.to_owned(),
            ["the gnuplot table of ab", "which requests failed"],
        ),
        (
            PERCENTILES.to_owned(),
            ["the percentage table of ab", "how many requests"],
        ),
    ]);
}
