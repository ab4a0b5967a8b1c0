//! Lines, tables and summaries written by hand: what the fixtures do not show, and damaged files.

use super::*;

/// A line for one value, with the tags of a request.
fn line(metric: &str, second: u32, value: f64, tags: &str) -> String {
    format!(
        "{{\"metric\":\"{metric}\",\"type\":\"Point\",\"data\":{{\"time\":\"2026-11-23T09:00:{second:02}.5+02:00\",\
         \"value\":{value},\"tags\":{{{tags}}}}}}}\n"
    )
}

const ORDERS: &str =
    r#""method":"GET","name":"http://a.example/orders/1?x=2","scenario":"s","status":"200""#;

#[test]
fn iterations_without_a_free_vu_make_an_open_loop() {
    let mut text = line("vus_max", 1, 2.0, "") + &line("vus", 1, 2.0, "");
    text += &line("http_reqs", 1, 1.0, ORDERS);
    text += &line("http_req_duration", 1, 12.5, ORDERS);
    let one_for_each_vu = line("dropped_iterations", 2, 7.0, r#""scenario":"s""#).repeat(2);
    let few = text.clone() + &one_for_each_vu;
    let result = read("few", few.as_bytes()).unwrap();
    assert_eq!(result.source.arrival, Arrival::Unknown);
    assert!(
        result
            .source
            .notes
            .iter()
            .any(|n| n.starts_with("14 iteration(s) were due and not begun"))
    );
    let many = text + &line("dropped_iterations", 2, 1.0, r#""scenario":"s""#).repeat(3);
    let result = read("many", many.as_bytes()).unwrap();
    assert_eq!(result.source.arrival, Arrival::Open);
    assert_eq!(result.source.omission, Omission::Unknown);
    assert_eq!(result.operations[0].name, "GET /orders/1");
    assert_eq!(
        result.started_at.unwrap().to_string(),
        "2026-11-23T07:00:01.4875Z"
    );
}

#[test]
fn server_timing_with_the_tags_of_its_request_is_of_the_endpoint() {
    let text = line("http_reqs", 1, 1.0, ORDERS)
        + &line("http_req_duration", 1, 12.5, ORDERS)
        + &line("server_timing_db", 1, 7.5, ORDERS)
        + &line("server_timing_db", 1, 2.5, ORDERS)
        + &line("server_timing_pool", 1, 1.0, r#""name":"other""#);
    let result = read("timing", text.as_bytes()).unwrap();
    let timing = &result.operations[0].server_timing;
    assert_eq!((timing["db"].requests, timing["db"].total.0), (2, 10.0));
    assert!(!timing.contains_key("pool"));
    assert_eq!(result.total.server_timing["pool"].requests, 1);
    assert!(
        result
            .source
            .warnings
            .iter()
            .any(|w| w.starts_with("1 values of server_timing_*"))
    );
}

#[test]
fn a_stage_does_not_last_for_the_whole_of_its_first_and_last_second() {
    // A request of 12.5 ms ends in the middle of each of eleven seconds.
    let mut text = String::new();
    for second in 1..=11 {
        text += &line("vus", second, 2.0, "");
        text += &line("http_reqs", second, 1.0, ORDERS);
        text += &line("http_req_duration", second, 12.5, ORDERS);
    }
    let result = read("edges", text.as_bytes()).unwrap();
    assert_eq!((result.intervals.len(), result.stages.len()), (11, 1));
    let stage = &result.stages[0];
    assert_eq!(stage.total.requests, 11);
    close(stage.length.0, 10_012.5, 1e-6);
    assert_eq!(Some(stage.length), result.length);
    // Five seconds, with four of load.
    let short: String = text.split_inclusive('\n').take(15).collect();
    assert!(read("short", short.as_bytes()).unwrap().stages.is_empty());
}

#[test]
fn a_run_that_judges_no_request_is_judged_by_status() {
    let failed = ORDERS.replace("200", "503");
    let refused = ORDERS
        .replace("200", "0")
        .replace("\"scenario\"", "\"error\":\"dial: refused\",\"scenario\"");
    let mut text = String::new();
    for tags in [ORDERS, &failed, &refused] {
        text += &line("http_reqs", 1, 1.0, tags);
        text += &line(
            "http_req_duration",
            1,
            if tags == refused { 0.0 } else { 4.0 },
            tags,
        );
    }
    let result = read("status", text.as_bytes()).unwrap();
    assert_eq!((result.total.requests, result.total.failures), (3, 2));
    assert_eq!(result.total.errors["HTTP 503"], 1);
    assert_eq!(result.total.errors["dial: refused"], 1);
    assert_eq!(result.intervals[0].failures.values().sum::<u64>(), 2);
    let notes = result.source.notes.join("\n");
    assert!(notes.contains("1 request(s) got no connection"), "{notes}");
    assert!(notes.contains("judges no request"), "{notes}");
}

#[test]
fn hosts_are_told_apart_only_where_there_are_several() {
    let other = ORDERS.replace("a.example", "b.example");
    let mut text = String::new();
    for tags in [ORDERS, &other] {
        text += &line("http_reqs", 1, 1.0, tags);
        text += &line("http_req_duration", 1, 4.0, tags);
    }
    let names: Vec<String> = read("hosts", text.as_bytes())
        .unwrap()
        .operations
        .into_iter()
        .map(|o| o.name)
        .collect();
    assert_eq!(
        names,
        [
            "GET http://a.example/orders/1",
            "GET http://b.example/orders/1"
        ]
    );
}

#[test]
fn a_count_that_does_not_add_up_is_said_with_both_numbers() {
    let text =
        line("http_reqs", 1, 1.0, ORDERS).repeat(2) + &line("http_req_duration", 1, 4.0, ORDERS);
    let result = read("gap", text.as_bytes()).unwrap();
    assert!(
        result
            .source
            .warnings
            .iter()
            .any(|w| w == "2 requests (http_reqs) and 1 latencies (http_req_duration)")
    );
    // Neither says whether it failed, except by its status.
    assert_eq!(result.total.failures_untold, None);
    let one_judged = text + &line("http_req_failed", 1, 0.0, ORDERS);
    let result = read("judged", one_judged.as_bytes()).unwrap();
    let untold = result.operations[0].failures_untold.as_deref();
    assert!(
        untold.unwrap().starts_with("of 1 of 2 requests"),
        "{untold:?}"
    );
}

fn refused(name: &str, text: &str) -> String {
    read(name, text.as_bytes()).unwrap_err()
}

#[test]
fn damaged_lines_are_told_with_their_place() {
    let text = text("k6-1.1.0", "fail.ndjson.gz");
    let cut = refused("cut.ndjson", &text[..text.len() - 20]);
    assert!(
        cut.contains("`cut.ndjson` is cut off: line ") && cut.contains("ends in the middle"),
        "{cut}"
    );
    let mixed = refused("mixed.ndjson", &format!("{text}{text}"));
    let lines = text.lines().count();
    assert!(
        mixed.contains(&format!("line {}", lines + 1))
            && mixed.contains("a second run begins here"),
        "{mixed}"
    );
    let first: String = text.split_inclusive('\n').take(2).collect();
    let foreign = refused("foreign", &format!("{first}{{\"latency\":3}}\n"));
    assert!(
        foreign.contains("line 3") && foreign.contains("missing field `type`"),
        "{foreign}"
    );
    let kind = refused(
        "kind",
        &format!("{first}{{\"type\":\"Sum\",\"metric\":\"x\",\"data\":{{}}}}\n"),
    );
    assert!(
        kind.contains("line 3") && kind.contains("`Sum`") && kind.contains("`Metric` or `Point`"),
        "{kind}"
    );
    let no_value = refused(
        "value",
        &line("http_reqs", 1, 1.0, ORDERS).replace("\"value\":1,", ""),
    );
    assert!(
        no_value.contains("line 1") && no_value.contains("`data.value`"),
        "{no_value}"
    );
    let negative = refused("negative", &line("http_req_duration", 1, -1.0, ORDERS));
    assert!(negative.contains("http_req_duration is -1"), "{negative}");
    let nothing = refused("nothing", &line("vus", 1, 1.0, ""));
    assert!(
        nothing.contains("`http_req_duration`") && nothing.contains("no request"),
        "{nothing}"
    );
    assert!(refused("empty", " \n").contains("is empty"));
}

#[test]
fn damaged_tables_are_told_with_their_place() {
    let text = text("k6-1.1.0", "fail.csv.gz");
    let cut = refused("cut.csv", &text[..text.len() - 30]);
    assert!(
        cut.contains("`cut.csv` is cut off: line ") && cut.contains(" fields and is the last one"),
        "{cut}"
    );
    let mixed = refused("mixed.csv", &format!("{text}{text}"));
    assert!(
        mixed.contains(&format!("line {}", text.lines().count() + 1))
            && mixed.contains("second header"),
        "{mixed}"
    );
    let mut lines: Vec<&str> = text.lines().take(3).collect();
    lines.push("http_reqs,soon,1,,,,true,,GET,/x,HTTP/1.1,default,,200,,,/x,,");
    let time = refused("time.csv", &lines.join("\n"));
    assert!(
        time.contains("line 4: `soon` in column `timestamp`"),
        "{time}"
    );
    lines[3] = "http_reqs,1795425544,much,,,,true,,GET,/x,HTTP/1.1,default,,200,,,/x,,";
    assert!(refused("value.csv", &lines.join("\n")).contains("`much` in column `metric_value`"));
    lines[3] = "a,b";
    lines.push("http_reqs,1795425544,1,,,,true,,GET,/x,HTTP/1.1,default,,200,,,/x,,");
    assert!(
        refused("fields.csv", &lines.join("\n")).contains("line 4: 2 fields; expected 19 fields")
    );
    assert!(refused("header.csv", lines[0]).contains("no request"));
}

#[test]
fn damaged_summaries_are_told_with_their_key() {
    let text = String::from_utf8(bytes("k6-1.1.0", "pass-summary-export.json")).unwrap();
    let cut = refused("cut.json", &text[..text.len() / 2]);
    assert!(cut.contains("`cut.json` is cut off"), "{cut}");
    let mixed = refused("mixed.json", &format!("{text}\n{text}"));
    assert!(
        mixed.contains("line ")
            && mixed.contains("trailing characters")
            && mixed.contains("one summary of k6"),
        "{mixed}"
    );
    let list = refused("list.json", r#"{"root_group":{},"metrics":3}"#);
    assert!(list.contains("key `metrics`: a number"), "{list}");
    let metric = refused(
        "metric.json",
        r#"{"root_group":{},"metrics":{"http_req_duration":3}}"#,
    );
    assert!(
        metric.contains("key `metrics.http_req_duration`"),
        "{metric}"
    );
    let none = refused("none.json", r#"{"root_group":{},"metrics":{}}"#);
    assert!(
        none.contains("key `http_req_duration`: no such metric"),
        "{none}"
    );
    let count = refused(
        "count.json",
        r#"{"root_group":{},"metrics":{"http_req_duration":{"avg":1}}}"#,
    );
    assert!(count.contains("key `http_reqs`"), "{count}");
}

#[test]
fn a_summary_that_contradicts_itself_says_so() {
    let text = r#"{"root_group":{},"metrics":{"http_req_duration":{"avg":1},"http_reqs":{"count":3,"rate":1},
        "http_req_failed":{"passes":1,"fails":1}}}"#;
    let result = read("contradiction", text.as_bytes()).unwrap();
    assert!(
        result
            .source
            .warnings
            .iter()
            .any(|w| w == "3 requests (http_reqs) and 2 values of http_req_failed")
    );
    assert_eq!(result.source.percentile_method, PercentileMethod::Absent);
    assert_eq!(result.source.arrival, Arrival::Unknown);
    let untold = |text: &str| {
        read("untold", text.as_bytes())
            .unwrap()
            .total
            .failures_untold
    };
    assert_eq!(
        untold(text).unwrap(),
        "the summary tells of 2 of 3 requests whether they failed"
    );
    assert_eq!(untold(&text.replace("\"fails\":1", "\"fails\":2")), None);
    let silent = untold(&text.replace("http_req_failed", "other"));
    assert!(silent.unwrap().contains("how many requests failed"));
}
