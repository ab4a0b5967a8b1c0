//! artillery's JSON report (`--output`).
//!
//! `http.response_time` ends with the first byte of the answer. Percentiles come from a sketch (`DDSketch`) with a
//! relative error of 1 %. Endpoints are told by the plugin metrics-by-endpoint alone, and without their method.

mod periods;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::record::Millis;
use crate::record::load::{
    Arrival, FailuresTimed, Latency, LoadResult, LoadSource, Measures, Omission, Operation,
    PercentileMethod,
};

use super::json::{keys_at_top, parse};
use super::recognise::Found;
use super::table::tame;
use super::{AGGREGATED, ImportError, Source};

/// Relative error of the sketch.
const SKETCH_ERROR: f64 = 0.01;

/// What the plugin's counters and summaries begin with.
const BY_ENDPOINT: &str = "plugins.metrics-by-endpoint.";

/// What requests are counted as that got no answer.
const LOST: &str = "without an answer";

/// First status that is a failure.
const FIRST_FAILURE: u16 = 400;

#[derive(Debug, Deserialize)]
struct Report {
    aggregate: Period,
    #[serde(default)]
    intermediate: Vec<Period>,
}

/// The whole run, or ten seconds of it.
#[derive(Debug, Deserialize)]
struct Period {
    counters: BTreeMap<String, u64>,
    #[serde(default)]
    summaries: BTreeMap<String, Summary>,
    /// Milliseconds since 1970.
    #[serde(rename = "firstMetricAt")]
    first_at: Option<i64>,
    #[serde(rename = "lastMetricAt")]
    last_at: Option<i64>,
    /// Begin in milliseconds since 1970: a number in the aggregate, a text in the periods.
    #[serde(rename = "period")]
    begins_at: Option<serde_json::Value>,
}

/// A distribution in milliseconds.
#[derive(Debug, Clone, Deserialize)]
struct Summary {
    count: u64,
    #[serde(default, flatten)]
    values: BTreeMap<String, Option<f64>>,
}

pub(super) fn recognises(head: &str) -> bool {
    let keys = keys_at_top(head);
    keys.first() == Some(&"aggregate") && head.contains("\"counters\"")
}

/// Reads the file.
pub(super) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let report: Report = parse(
        &file,
        &text,
        "the report that artillery run --output writes",
    )?;
    let mut source = origin(&file);
    let run = &report.aggregate;
    let total = run.total(&file, &mut source)?;
    let mut operations = run.operations(&mut source.warnings);
    if total.errors.contains_key(LOST) {
        for operation in &mut operations {
            operation.failures_untold =
                Some("requests without an answer are not told by endpoint".to_owned());
        }
    }
    let named: u64 = operations.iter().map(|o| o.requests).sum();
    if !operations.is_empty() && named != run.count("http.responses") {
        source.warnings.push(format!(
            "the endpoints add up to {named} answers, the total says {}",
            run.count("http.responses")
        ));
    }
    let moment = |ms: Option<i64>| Timestamp::from_millisecond(ms?).ok();
    let length = run
        .first_at
        .zip(run.last_at)
        .map(|(first, last)| last.saturating_sub(first));
    Ok(Found::Load(LoadResult {
        source,
        length: length.filter(|ms| *ms > 0).map(|ms| Millis(ms as f64)),
        started_at: moment(run.first_at),
        ended_at: moment(run.last_at),
        total,
        operations,
        intervals: periods::intervals(&file, &report)?,
        ..LoadResult::default()
    }))
}

impl Period {
    fn count(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// Counters that begin with `prefix`: the rest of their names and the numbers.
    fn counters(&self, prefix: &str) -> impl Iterator<Item = (&str, u64)> {
        let counters = self.counters.iter();
        counters.filter_map(move |(name, count)| Some((name.strip_prefix(prefix)?, *count)))
    }

    fn total(&self, file: &str, source: &mut LoadSource) -> Result<Operation, ImportError> {
        for (error, count) in self.counters("errors.").filter(|(_, count)| *count > 0) {
            source.warnings.push(format!(
                "artillery counts the error {} {count} time(s)",
                tame(error)
            ));
        }
        if !self.counters.contains_key("http.requests") {
            return self.messages(file, source);
        }
        let (sent, answered) = (self.count("http.requests"), self.count("http.responses"));
        let mut total = operation(AGGREGATED.to_owned(), self.counters("http.codes."));
        if total.requests != answered {
            source.warnings.push(format!(
                "the answers by status add up to {}, the total says {answered}",
                total.requests
            ));
        }
        let lost = sent.saturating_sub(answered);
        if lost > 0 {
            total.errors.insert(LOST.to_owned(), lost);
            source.notes.push(format!(
                "{lost} request(s) without an answer are in no time"
            ));
        }
        total.requests = sent.max(answered);
        total.failures += lost;
        if let Some(times) = self.summaries.get("http.response_time") {
            total.latency = times.latency();
        }
        Ok(total)
    }

    /// A run without HTTP: messages have no time in artillery.
    fn messages(&self, file: &str, source: &mut LoadSource) -> Result<Operation, ImportError> {
        let Some(sent) = self.counters.get("websocket.messages_sent") else {
            return Err(ImportError::Key {
                file: file.to_owned(),
                key: "aggregate.counters".to_owned(),
                found: "neither `http.requests` nor `websocket.messages_sent`".to_owned(),
                expected: "a run that sent requests".to_owned(),
            });
        };
        source.percentile_method = PercentileMethod::Absent;
        source.percentile_error_ratio = None;
        source.measures = Measures::default();
        source.failures_timed = FailuresTimed::Unknown;
        source.notes = vec![
            "requests are WebSocket messages sent, of which artillery measures no time".to_owned(),
        ];
        let errors: BTreeMap<String, u64> = self
            .counters("errors.")
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (tame(name), count))
            .collect();
        let failures: u64 = errors.values().sum();
        Ok(Operation {
            name: AGGREGATED.to_owned(),
            requests: *sent + failures,
            failures,
            errors,
            ..Operation::default()
        })
    }

    /// Answers by endpoint.
    fn operations(&self, warnings: &mut Vec<String>) -> Vec<Operation> {
        let mut codes: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
        for (rest, count) in self.counters(BY_ENDPOINT) {
            if let Some((name, code)) = rest.rsplit_once(".codes.") {
                codes.entry(name).or_default().push((code, count));
            }
        }
        let mut operations = Vec::new();
        for (name, codes) in codes {
            let mut one = operation(tame(name), codes.into_iter());
            let times = format!("{BY_ENDPOINT}response_time.{name}");
            if let Some(times) = self.summaries.get(&times) {
                if times.count != one.requests {
                    warnings.push(format!(
                        "{}: {} answers by status, {} with a time",
                        one.name, one.requests, times.count
                    ));
                }
                one.latency = times.latency();
            }
            operations.push(one);
        }
        operations
    }
}

/// An operation of its answers by status.
fn operation<'a>(name: String, codes: impl Iterator<Item = (&'a str, u64)>) -> Operation {
    let mut operation = Operation {
        name,
        ..Operation::default()
    };
    for (code, count) in codes {
        operation.requests += count;
        if count > 0
            && code
                .parse::<u16>()
                .is_ok_and(|status| status >= FIRST_FAILURE)
        {
            operation.failures += count;
            *operation.errors.entry(tame(code)).or_default() += count;
        }
    }
    operation
}

impl Summary {
    fn value(&self, name: &str) -> Option<f64> {
        let value = self.values.get(name).copied().flatten();
        value.filter(|v| self.count > 0 && v.is_finite() && *v >= 0.0)
    }

    fn latency(&self) -> Latency {
        let told = |name: &str| self.value(name).map(Millis);
        let keys = [
            ("p50", "50"),
            ("p75", "75"),
            ("p90", "90"),
            ("p95", "95"),
            ("p99", "99"),
            ("p999", "99.9"),
        ];
        let percentiles = keys.into_iter();
        Latency {
            mean: told("mean"),
            min: told("min"),
            max: told("max"),
            percentiles: percentiles
                .filter_map(|(name, key)| Some((key.to_owned(), told(name)?)))
                .collect(),
            histogram: None,
        }
    }
}

fn origin(file: &str) -> LoadSource {
    LoadSource {
        tool: "artillery".to_owned(),
        files: vec![file.to_owned()],
        arrival: Arrival::Open,
        omission: Omission::Unknown,
        failures_timed: FailuresTimed::Answered,
        measures: Measures::FirstByte,
        percentile_method: PercentileMethod::Sketch,
        percentile_error_ratio: Some(SKETCH_ERROR),
        notes: vec![
            "users arrive on a schedule; the requests of one user wait for each other's answers"
                .to_owned(),
            "times are rounded to whole milliseconds before they are added up".to_owned(),
        ],
        ..LoadSource::default()
    }
}

#[cfg(test)]
mod tests;
