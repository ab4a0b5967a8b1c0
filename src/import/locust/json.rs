//! Locust's JSON (`--json`, `--json-file`): every latency by its rounded value, every second by its
//! number of requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::record::Millis;
use crate::record::load::{Latency, LoadInterval, Operation};
use crate::stats::LatencyHistogram;

use super::operation_name;
use crate::import::ImportError;

/// One element of the array.
#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    method: Option<String>,
    start_time: f64,
    last_request_timestamp: Option<f64>,
    num_requests: u64,
    /// Requests whose script gave no response time; they are in `num_requests` only.
    #[serde(default)]
    num_none_requests: u64,
    num_failures: u64,
    total_response_time: f64,
    min_response_time: Option<f64>,
    max_response_time: Option<f64>,
    response_times: BTreeMap<String, u64>,
    #[serde(default)]
    num_reqs_per_sec: BTreeMap<String, u64>,
    #[serde(default)]
    num_fail_per_sec: BTreeMap<String, u64>,
}

/// What one file holds.
#[derive(Debug, Clone)]
pub(super) struct JsonStats {
    pub(super) operations: Vec<Operation>,
    pub(super) total: Operation,
    pub(super) intervals: Vec<LoadInterval>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) warnings: Vec<String>,
}

/// An array of objects with Locust's keys.
pub(in crate::import) fn recognises(head: &str) -> bool {
    head.trim_start().starts_with('[')
        && head.contains("\"num_requests\"")
        && head.contains("\"response_times\"")
}

/// Reads the file.
pub(super) fn import(file: &str, text: &str) -> Result<JsonStats, ImportError> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|e| {
        if e.is_eof() {
            return ImportError::Truncated {
                file: file.to_owned(),
                missing: format!("the JSON ends at line {} inside a value", e.line()),
            };
        }
        ImportError::Line {
            file: file.to_owned(),
            line: e.line() as u64,
            found: e.to_string(),
            expected: "the array of request statistics that Locust writes".to_owned(),
        }
    })?;
    let mut warnings = Vec::new();
    let mut operations = Vec::new();
    for entry in &entries {
        operations.push(operation(file, entry, &mut warnings)?);
    }
    let total = total_of(&operations, &entries);
    let first = entries
        .iter()
        .map(|e| e.start_time)
        .fold(f64::INFINITY, f64::min);
    let last = entries
        .iter()
        .filter_map(|e| e.last_request_timestamp)
        .fold(f64::NEG_INFINITY, f64::max);
    Ok(JsonStats {
        operations,
        total,
        intervals: intervals(file, &entries)?,
        started_at: moment(first),
        ended_at: moment(last),
        warnings,
    })
}

fn moment(unix_seconds: f64) -> Option<Timestamp> {
    let since_epoch = Duration::try_from_secs_f64(unix_seconds).ok()?;
    Timestamp::from_duration(since_epoch.try_into().ok()?).ok()
}

fn entry_name(entry: &Entry) -> String {
    operation_name(entry.method.as_deref().unwrap_or(""), &entry.name)
}

fn operation(
    file: &str,
    entry: &Entry,
    warnings: &mut Vec<String>,
) -> Result<Operation, ImportError> {
    let name = entry_name(entry);
    let mut histogram = LatencyHistogram::new();
    for (key, count) in &entry.response_times {
        let latency = key
            .parse::<f64>()
            .ok()
            .and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok())
            .ok_or_else(|| ImportError::Key {
                file: file.to_owned(),
                key: format!("response_times of {name}"),
                found: format!("`{key}`"),
                expected: "milliseconds".to_owned(),
            })?;
        histogram.record_n(latency, *count);
    }
    let timed = entry.num_requests.saturating_sub(entry.num_none_requests);
    if histogram.count() != timed {
        warnings.push(format!(
            "{name}: {} latencies are listed for {timed} requests with a response time",
            histogram.count()
        ));
    }
    if entry.num_none_requests > 0 {
        warnings.push(format!(
            "{name}: {} request(s) have no response time and are in no latency",
            entry.num_none_requests
        ));
    }
    let answered = |value: Option<f64>| value.filter(|v| timed > 0 && v.is_finite()).map(Millis);
    Ok(Operation {
        name,
        requests: entry.num_requests,
        failures: entry.num_failures,
        latency: Latency {
            mean: (timed > 0).then(|| Millis(entry.total_response_time / timed as f64)),
            min: answered(entry.min_response_time),
            max: answered(entry.max_response_time),
            percentiles: BTreeMap::new(),
            histogram: Some(histogram).filter(|h| !h.is_empty()),
        },
        ..Operation::default()
    })
}

fn total_of(operations: &[Operation], entries: &[Entry]) -> Operation {
    let mut histogram = LatencyHistogram::new();
    for operation in operations {
        if let Some(part) = &operation.latency.histogram {
            histogram.add(part);
        }
    }
    let timed: u64 = entries
        .iter()
        .map(|e| e.num_requests.saturating_sub(e.num_none_requests))
        .sum();
    let spent: f64 = entries.iter().map(|e| e.total_response_time).sum();
    let ends = |pick: fn(&Latency) -> Option<Millis>| {
        operations
            .iter()
            .filter_map(move |o| pick(&o.latency))
            .map(|m| m.0)
    };
    Operation {
        name: super::AGGREGATED.to_owned(),
        requests: operations.iter().map(|o| o.requests).sum(),
        failures: operations.iter().map(|o| o.failures).sum(),
        latency: Latency {
            mean: (timed > 0).then(|| Millis(spent / timed as f64)),
            min: ends(|l| l.min).reduce(f64::min).map(Millis),
            max: ends(|l| l.max).reduce(f64::max).map(Millis),
            percentiles: BTreeMap::new(),
            histogram: Some(histogram).filter(|h| !h.is_empty()),
        },
        ..Operation::default()
    }
}

fn intervals(file: &str, entries: &[Entry]) -> Result<Vec<LoadInterval>, ImportError> {
    let second_of = |key: &str, entry: &Entry| {
        key.parse::<i64>().map_err(|_| ImportError::Key {
            file: file.to_owned(),
            key: format!("num_reqs_per_sec of {}", entry_name(entry)),
            found: format!("`{key}`"),
            expected: "Unix seconds".to_owned(),
        })
    };
    let mut requests: BTreeMap<i64, BTreeMap<String, u64>> = BTreeMap::new();
    let mut failures: BTreeMap<i64, BTreeMap<String, u64>> = BTreeMap::new();
    for entry in entries {
        for (key, count) in &entry.num_reqs_per_sec {
            let slot = requests.entry(second_of(key, entry)?).or_default();
            *slot.entry(entry_name(entry)).or_default() += count;
        }
        for (key, count) in &entry.num_fail_per_sec {
            let slot = failures.entry(second_of(key, entry)?).or_default();
            *slot.entry(entry_name(entry)).or_default() += count;
        }
    }
    // Seconds without any request have no key in the file.
    let seconds: BTreeSet<i64> = requests.keys().chain(failures.keys()).copied().collect();
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else {
        return Ok(Vec::new());
    };
    if last - first > 7 * 24 * 3600 {
        return Err(ImportError::Key {
            file: file.to_owned(),
            key: "num_reqs_per_sec".to_owned(),
            found: format!("seconds from {first} to {last}"),
            expected: "a run of no more than a week".to_owned(),
        });
    }
    Ok((*first..=*last)
        .map(|second| LoadInterval {
            started_at: Timestamp::from_second(second).ok(),
            length: Millis(1000.0),
            requests: requests.remove(&second).unwrap_or_default(),
            failures: failures.remove(&second).unwrap_or_default(),
            ..LoadInterval::default()
        })
        .collect())
}
