use std::fmt::Write as _;

use super::without_address;
use crate::import::testing::{assert_refused, in_intervals, load};
use crate::import::{ImportFile, import};
use crate::record::Millis;
use crate::record::load::{Arrival, LoadResult, Omission};

const NDJSON: &str = include_str!("../../../fixtures/load/vegeta-12/hits.ndjson");
const CSV: &str = include_str!("../../../fixtures/load/vegeta-12/hits.csv");
const REPORT: &str = include_str!("../../../fixtures/load/vegeta-12/report.json");

fn read(text: &str) -> LoadResult {
    load("hits", text.as_bytes())
}

#[test]
fn both_encodings_tell_the_same_hits() {
    let lines = read(NDJSON);
    assert_eq!(lines, read(CSV));
    assert_eq!((lines.total.requests, lines.total.failures), (48, 2));
    let counts: Vec<(&str, u64, u64)> = lines
        .operations
        .iter()
        .map(|o| (o.name.as_str(), o.requests, o.failures))
        .collect();
    assert_eq!(
        counts,
        [
            ("GET /lords/herald/messages", 32, 1),
            ("POST /lords/architect/initiatives/design", 16, 1),
        ]
    );
    assert_eq!(lines.total.latency.max, Some(Millis(250.0)));
    assert_eq!(in_intervals(&lines), (48, 2));
    assert_eq!(
        (lines.source.arrival, lines.source.omission),
        (Arrival::Open, Omission::Unknown)
    );
    let began = lines.started_at.unwrap().to_string();
    assert!(began.starts_with("2026-11-23T09:40:00.12"), "{began}");
}

#[test]
fn errors_do_not_hold_the_address() {
    let errors: Vec<String> = read(NDJSON).total.errors.into_keys().collect();
    assert_eq!(errors[0], "500 Internal Server Error");
    assert!(
        errors[1].starts_with("no answer: context deadline exceeded"),
        "{errors:?}"
    );
    assert_eq!(without_address("Get \"http://a/?key=1\": EOF"), "EOF");
    assert_eq!(without_address("dial tcp: refused"), "dial tcp: refused");
}

#[test]
fn old_rows_have_no_address() {
    let mut old = String::new();
    for line in CSV.lines().filter(|l| !l.contains('"')) {
        let fields: Vec<&str> = line.split(',').take(9).collect();
        writeln!(old, "{}", fields.join(",")).unwrap();
    }
    let result = read(&old);
    assert_eq!((result.total.requests, result.total.failures), (47, 1));
    assert!(result.operations.is_empty());
}

#[test]
fn the_report_is_the_published_one() {
    let report = read(REPORT);
    assert_eq!((report.total.requests, report.total.failures), (100, 0));
    assert_eq!(report.total.latency.mean, Some(Millis(2.371_194)));
    assert_eq!(
        report.total.latency.percentile("95"),
        Some(Millis(3.478_629))
    );
    assert_eq!(report.total.latency.min, Some(Millis(1.949_582)));
    assert_eq!(report.length, Some(Millis(993.507_166)));
    assert!(
        report.source.warnings.is_empty(),
        "{:?}",
        report.source.warnings
    );
    let text = REPORT
        .replace("\"200\": 100", "\"200\": 90, \"0\": 8")
        .replace("[]", "[\"Get \\\"http://x/?s=1\\\": EOF\"]");
    let report = read(&text);
    assert_eq!(
        (report.total.failures, report.total.errors["no answer"]),
        (8, 8)
    );
    let warnings = report.source.warnings.join("\n");
    assert!(
        warnings.contains("add up to 98, the total says 100"),
        "{warnings}"
    );
    assert!(
        warnings.contains("8 hits failed by status, the share of successes says 0"),
        "{warnings}"
    );
    assert!(
        warnings.contains("the error EOF") && !warnings.contains("s=1"),
        "{warnings}"
    );
}

#[test]
fn wrong_files_are_refused() {
    let lines: String = NDJSON.split_inclusive('\n').take(2).collect();
    let rows: String = CSV.split_inclusive('\n').take(2).collect();
    assert_refused(&[
        (lines.trim_end().to_owned(), ["cut off", "line 2"]),
        (
            lines.replacen("\"code\":200", "\"code\":\"x\"", 1),
            ["line 1", "vegeta encode"],
        ),
        (format!("{lines}{rows}"), ["line 3", "vegeta encode"]),
        (
            format!("{lines}\n{{\"seq\":1}}\n"),
            ["line 4", "missing field `code`"],
        ),
        (rows.trim_end().to_owned(), ["cut off", "line 2"]),
        (format!("{rows}{lines}"), ["line 3", "whole nanoseconds"]),
        (
            rows.replacen(",200,", ",OK,", 1),
            ["not a load result", "vegeta CSV"],
        ),
        (
            format!("{rows}{}", rows.replacen(",200,", ",OK,", 1)),
            ["line 3: `OK` in column `code`", "a status"],
        ),
        (REPORT[..REPORT.len() - 20].to_owned(), ["cut off", "line"]),
        (
            REPORT.replace("\"200\"", "\"2xx\""),
            ["status_codes", "a status such as 200"],
        ),
    ]);
}

#[test]
fn the_binary_encoding_is_refused_by_name() {
    // How a stream of Go's gob begins that holds vegeta's results.
    let gob = b"\x77\xff\x81\x03\x01\x01\x06Result\x01\xff\x82\x00\x01\x09\x01\x06Attack\x01\x0c";
    let refused = import(vec![ImportFile::of_bytes("results.bin", gob)])
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("results.bin") && refused.contains("vegeta encode"),
        "{refused}"
    );
}
