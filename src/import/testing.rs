//! What the tests of importers share.

use crate::record::load::{LoadResult, Operation};

use super::{ImportFile, import};

/// The one load result of a file.
pub(super) fn load(name: &str, bytes: &[u8]) -> LoadResult {
    let mut found = import(vec![ImportFile::of_bytes(name, bytes)]).unwrap();
    assert_eq!(
        (found.loads.len(), found.traces.len(), found.pages.len()),
        (1, 0, 0)
    );
    found.loads.remove(0)
}

/// The message with which a text is refused; it names the file.
pub(super) fn refusal(text: &str) -> String {
    let message = import(vec![ImportFile::of_bytes("some.file", text.as_bytes())])
        .unwrap_err()
        .to_string();
    assert!(message.contains("`some.file`"), "{message}");
    message
}

/// Each text is refused with a message that has all its parts.
pub(super) fn assert_refused<const N: usize>(cases: &[(String, [&str; N])]) {
    for (text, parts) in cases {
        let message = refusal(text);
        for part in parts {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }
}

/// Checks counts exactly, and the mean within `within_ms` of what the table of truth says that the tool says.
pub(super) fn check(operation: &Operation, row: &serde_json::Value, within_ms: f64) {
    let count = |key: &str| row[key].as_u64().unwrap();
    assert_eq!(operation.requests, count("requests"), "{}", operation.name);
    assert_eq!(operation.failures, count("failures"), "{}", operation.name);
    let mean = operation.latency.mean.unwrap().0;
    let told = row["mean_ms"].as_f64().unwrap();
    assert!(
        (mean - told).abs() <= within_ms,
        "{}: {mean} {told}",
        operation.name
    );
}

/// The row of one operation of one run in a table of truth.
pub(super) fn tool_row(truth: &str, run: &str, key: &str) -> serde_json::Value {
    let truth: serde_json::Value = serde_json::from_str(truth).unwrap();
    let row = &truth[run]["tool"][key];
    assert!(row.is_object(), "{run} {key}: {truth:?}");
    row.clone()
}

/// Requests of all intervals.
pub(super) fn in_intervals(result: &LoadResult) -> (u64, u64) {
    let sum = |pick: fn(&crate::record::load::LoadInterval) -> u64| {
        result.intervals.iter().map(pick).sum()
    };
    (
        sum(|i| i.requests.values().sum()),
        sum(|i| i.failures.values().sum()),
    )
}
