//! The files of one call of Locust become one load result.

pub(super) mod exceptions;
pub(super) mod failures;
pub(super) mod history;
mod join;
pub(super) mod json;
pub(super) mod stats;

use jiff::Timestamp;

use crate::record::Millis;
use crate::record::load::{
    Arrival, FailuresTimed, Latency, LoadInterval, LoadResult, LoadSource, Omission, Operation,
    PercentileMethod,
};

use super::table::tame;
use super::{ImportError, Source};
use exceptions::Exception;
use failures::Failure;
use history::{History, Reading};
use json::JsonStats;
use stats::Stats;

pub(super) use join::{join, stem_of};

/// Locust's name for all endpoints together. Intervals of a history without endpoints
/// (no `--csv-full-history`) count under it.
pub const AGGREGATED: &str = "Aggregated";

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Stats,
    History,
    Failures,
    Exceptions,
    Json,
}

/// Everything that was given of one call.
#[derive(Debug, Default)]
pub(super) struct Call {
    files: Vec<String>,
    stats: Option<Stats>,
    history: Option<History>,
    failures: Option<Vec<Failure>>,
    exceptions: Option<Vec<Exception>>,
    json: Option<JsonStats>,
}

/// `GET /path`, or the name alone where Locust has no type.
pub(super) fn operation_name(kind: &str, name: &str) -> String {
    if kind.is_empty() {
        tame(name)
    } else {
        tame(&format!("{kind} {name}"))
    }
}

impl Call {
    /// Reads one file of the call.
    pub(super) fn read(&mut self, kind: Kind, source: Source<'_>) -> Result<(), ImportError> {
        let file = source.name().to_owned();
        let text = source.whole()?;
        match kind {
            Kind::Stats => self.stats = Some(stats::import(&file, &text)?),
            Kind::History => self.history = Some(history::import(&file, &text)?),
            Kind::Failures => self.failures = Some(failures::import(&file, &text)?),
            Kind::Exceptions => self.exceptions = Some(exceptions::import(&file, &text)?),
            Kind::Json => self.json = Some(json::import(&file, &text)?),
        }
        self.files.push(file);
        Ok(())
    }

    /// It has numbers of requests, and not only errors.
    pub(super) fn has_requests(&self) -> bool {
        self.stats.is_some() || self.history.is_some() || self.json.is_some()
    }

    /// One load result of all files. The JSON is preferred: it is written at the very end and has
    /// every latency, while the CSV files miss up to a second.
    pub(super) fn into_result(self) -> LoadResult {
        let mut warnings = self.warnings();
        let (mut operations, total) = self.operations();
        if let Some(failures) = &self.failures {
            add_errors(&mut operations, failures, &mut warnings);
        }
        check_sums(&operations, &total, &mut warnings);
        let (started_at, ended_at) = self.clock();
        let length = self.length(started_at, ended_at);
        LoadResult {
            source: LoadSource {
                tool: "locust".to_owned(),
                version: None,
                files: self.files.clone(),
                arrival: Arrival::Closed,
                omission: Omission::Omitted,
                failures_timed: FailuresTimed::All,
                percentile_method: PercentileMethod::RoundedByTool,
                warnings,
                ..LoadSource::default()
            },
            length,
            started_at,
            ended_at,
            total,
            operations,
            intervals: self.intervals(),
            stages: self
                .history
                .as_ref()
                .map(History::stages)
                .unwrap_or_default(),
            driver_saturated: None,
            driver_cpu_ratio: None,
            driver: None,
        }
    }

    fn operations(&self) -> (Vec<Operation>, Operation) {
        if let Some(json) = &self.json {
            return (json.operations.clone(), json.total.clone());
        }
        if let Some(stats) = &self.stats {
            return (stats.operations.clone(), stats.total.clone());
        }
        let last = self.history.as_ref().and_then(|h| h.moments.last());
        last.map_or_else(Default::default, |moment| {
            (
                moment.operations.iter().map(from_reading).collect(),
                from_reading(&moment.total),
            )
        })
    }

    fn intervals(&self) -> Vec<LoadInterval> {
        let from_history = || self.history.as_ref().map(History::intervals);
        let Some(json) = &self.json else {
            return from_history().unwrap_or_default();
        };
        let mut intervals = json.intervals.clone();
        if let Some(history) = &self.history {
            for interval in &mut intervals {
                interval.users = interval
                    .started_at
                    .and_then(|at| history.users_at(at.as_second() + 1));
            }
        }
        intervals
    }

    fn clock(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        if let Some(json) = &self.json {
            return (json.started_at, json.ended_at);
        }
        let second =
            |m: Option<&history::Moment>| m.and_then(|m| Timestamp::from_second(m.second).ok());
        let moments = self.history.as_ref().map(|h| h.moments.as_slice());
        (
            second(moments.and_then(<[_]>::first)),
            second(moments.and_then(<[_]>::last)),
        )
    }

    /// Locust's own rate divides by the time from the first request to the last answer; without it
    /// the clock of the files.
    fn length(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Option<Millis> {
        if self.json.is_none()
            && let Some(seconds) = self.stats.as_ref().and_then(|s| s.seconds)
        {
            return Some(Millis(seconds * 1000.0));
        }
        let length = to?.duration_since(from?);
        (length.is_positive()).then(|| Millis(length.as_secs_f64() * 1000.0))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(history) = &self.history {
            warnings.extend(history.warnings.iter().cloned());
        }
        if let Some(json) = &self.json {
            warnings.extend(json.warnings.iter().cloned());
        }
        if let (Some(json), Some(stats)) = (&self.json, &self.stats)
            && json.total.requests != stats.total.requests
        {
            warnings.push(format!(
                "the JSON has {} requests and the statistics CSV {}: the CSV is written once a \
                 second and misses the end, so the JSON is used",
                json.total.requests, stats.total.requests
            ));
        }
        for exception in self.exceptions.iter().flatten() {
            warnings.push(format!(
                "the script raised {} {} time(s); exceptions of the script are no failed requests",
                exception.message, exception.count
            ));
        }
        warnings
    }
}

fn from_reading(reading: &Reading) -> Operation {
    Operation {
        name: reading.name.clone(),
        requests: reading.requests,
        failures: reading.failures,
        latency: Latency {
            mean: reading.mean,
            min: reading.min,
            max: reading.max,
            percentiles: reading
                .median
                .map(|m| ("50".to_owned(), m))
                .into_iter()
                .collect(),
            histogram: None,
        },
        ..Operation::default()
    }
}

fn add_errors(operations: &mut [Operation], failures: &[Failure], warnings: &mut Vec<String>) {
    for failure in failures {
        let Some(operation) = operations.iter_mut().find(|o| o.name == failure.operation) else {
            warnings.push(format!(
                "the failures name {} ({} times), which the statistics do not",
                failure.operation, failure.occurrences
            ));
            continue;
        };
        *operation.errors.entry(failure.error.clone()).or_default() += failure.occurrences;
    }
    for operation in operations {
        let listed: u64 = operation.errors.values().sum();
        if listed != operation.failures {
            warnings.push(format!(
                "{}: {} failures in the statistics, {listed} in the list of failures",
                operation.name, operation.failures
            ));
        }
    }
}

/// Answers and failures must add up to the requests, endpoints to the total.
fn check_sums(operations: &[Operation], total: &Operation, warnings: &mut Vec<String>) {
    for operation in operations.iter().chain([total]) {
        if operation.failures > operation.requests {
            warnings.push(format!(
                "{}: {} failures among {} requests",
                operation.name, operation.failures, operation.requests
            ));
        }
    }
    if operations.is_empty() {
        return;
    }
    let requests: u64 = operations.iter().map(|o| o.requests).sum();
    let failures: u64 = operations.iter().map(|o| o.failures).sum();
    if requests != total.requests || failures != total.failures {
        warnings.push(format!(
            "the endpoints add up to {requests} requests and {failures} failures, the total says \
             {} and {}",
            total.requests, total.failures
        ));
    }
}
