//! autocannon's JSON (`-j`): one summary of one address.
//!
//! Latencies are milliseconds cut to whole ones. With a rate (`-R`, `-r`) autocannon fills in a value for every
//! millisecond of a latency, about twenty times as many as there were requests where these took 20 ms: then
//! `latency.totalCount` is above `requests.total`, and nothing but the largest is of a request.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::record::Millis;
use crate::record::load::{
    Arrival, FailuresTimed, Latency, LoadResult, LoadSource, Omission, Operation, PercentileMethod,
};

use super::address::path_of;
use super::json::{keys_at_top, parse};
use super::recognise::Found;
use super::table::tame;
use super::{AGGREGATED, ImportError, Source};

#[derive(Debug, Deserialize)]
struct Report {
    title: Option<String>,
    url: Option<String>,
    duration: f64,
    start: Option<Timestamp>,
    finish: Option<Timestamp>,
    /// Connection errors, timeouts included.
    errors: u64,
    #[serde(default)]
    timeouts: u64,
    #[serde(default)]
    mismatches: u64,
    #[serde(rename = "1xx")]
    informational: u64,
    #[serde(rename = "2xx")]
    good: u64,
    #[serde(rename = "3xx")]
    redirects: u64,
    #[serde(rename = "4xx")]
    client_errors: u64,
    #[serde(rename = "5xx")]
    server_errors: u64,
    /// Numbers by name: `mean`, `max`, `p97_5`, `totalCount` …
    latency: BTreeMap<String, Option<f64>>,
    requests: Requests,
}

#[derive(Debug, Deserialize)]
struct Requests {
    /// Answers of any status.
    total: u64,
    sent: Option<u64>,
}

pub(super) fn recognises(head: &str) -> bool {
    let keys = keys_at_top(head);
    ["2xx", "latency", "throughput", "connections"]
        .iter()
        .all(|key| keys.contains(key))
}

/// Reads the file.
pub(super) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let report: Report = parse(&file, &text, "the result that autocannon -j prints")?;
    let recorded = report.recorded(&file)?;
    let omission = match recorded {
        Some(count) if count > report.requests.total => Omission::OverCorrected,
        Some(_) => Omission::Omitted,
        None => Omission::Unknown,
    };
    let total = report.total(omission);
    let name = report.name();
    let named = |name: String| Operation {
        name,
        ..total.clone()
    };
    Ok(Found::Load(LoadResult {
        source: report.origin(file, omission, recorded),
        length: (report.duration > 0.0).then_some(Millis(report.duration * 1000.0)),
        started_at: report.start,
        ended_at: report.finish,
        operations: name.map(named).into_iter().collect(),
        total,
        ..LoadResult::default()
    }))
}

impl Report {
    /// Latencies that the percentiles are of; older versions do not tell.
    fn recorded(&self, file: &str) -> Result<Option<u64>, ImportError> {
        let Some(count) = self.latency.get("totalCount").copied().flatten() else {
            return Ok(None);
        };
        if count < 0.0 || count.fract() != 0.0 {
            return Err(ImportError::Key {
                file: file.to_owned(),
                key: "latency.totalCount".to_owned(),
                found: format!("`{count}`"),
                expected: "a whole number".to_owned(),
            });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is whole and not negative, and a cast of a float saturates"
        )]
        let count = count as u64;
        Ok(Some(count))
    }

    /// The title that the user gave, or the path; autocannon does not tell the method.
    fn name(&self) -> Option<String> {
        let title = self.title.as_deref().filter(|t| !t.is_empty()).map(tame);
        title.or_else(|| path_of(self.url.as_deref()?))
    }

    fn total(&self, omission: Omission) -> Operation {
        let errors = [
            (
                "connection errors",
                self.errors.saturating_sub(self.timeouts),
            ),
            ("timeouts", self.timeouts),
            ("bodies that were not as expected", self.mismatches),
            ("status 4xx", self.client_errors),
            ("status 5xx", self.server_errors),
        ];
        let failures: u64 = errors.iter().map(|(_, count)| count).sum();
        let requests = self.requests.total + self.errors;
        Operation {
            name: AGGREGATED.to_owned(),
            requests,
            // An answer with an error status may have an unexpected body too.
            failures: failures.min(requests),
            latency: self.times(omission),
            errors: errors
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            ..Operation::default()
        }
    }

    fn times(&self, omission: Omission) -> Latency {
        let told = |key: &str| {
            let value = self.latency.get(key).copied().flatten();
            value.filter(|_| self.requests.total > 0).map(Millis)
        };
        if omission == Omission::OverCorrected {
            return Latency {
                max: told("max"),
                ..Latency::default()
            };
        }
        let percentiles = self.latency.keys().filter_map(|key| {
            let per_cent = key.strip_prefix('p')?.replace('_', ".");
            per_cent.parse::<f64>().ok()?;
            Some((per_cent, told(key)?))
        });
        Latency {
            mean: told("mean").or_else(|| told("average")),
            min: told("min"),
            max: told("max"),
            percentiles: percentiles.collect(),
            histogram: None,
        }
    }

    fn origin(&self, file: String, omission: Omission, recorded: Option<u64>) -> LoadSource {
        let mut notes = vec![
            "times are cut to whole milliseconds, so that the mean is up to 1 ms too small; there is no 95th \
             percentile"
                .to_owned(),
        ];
        let mut warnings = Vec::new();
        let count = recorded.unwrap_or(0);
        if omission == Omission::OverCorrected {
            notes.truncate(0);
            warnings.push(format!(
                "autocannon made {count} latencies of {} answers: mean, smallest and percentiles are not those of the \
                 requests and are left out; run it with -C (--ignoreCoordinatedOmission)",
                self.requests.total
            ));
        } else if recorded.is_some_and(|count| count < self.requests.total) {
            warnings.push(format!(
                "{count} latencies are told of {} answers",
                self.requests.total
            ));
        }
        let answers = self.informational
            + self.good
            + self.redirects
            + self.client_errors
            + self.server_errors;
        if answers != self.requests.total {
            warnings.push(format!(
                "the answers by status add up to {answers}, the total says {}",
                self.requests.total
            ));
        }
        if self.errors > 0 {
            notes.push(format!(
                "{} request(s) without an answer are in no time",
                self.errors
            ));
        }
        let ended = self.requests.total + self.errors;
        if let Some(open) = self
            .requests
            .sent
            .map(|sent| sent.saturating_sub(ended))
            .filter(|n| *n > 0)
        {
            notes.push(format!("{open} request(s) were sent and not waited for"));
        }
        LoadSource {
            tool: "autocannon".to_owned(),
            files: vec![file],
            arrival: Arrival::Closed,
            omission,
            failures_timed: FailuresTimed::Answered,
            percentile_method: match omission {
                Omission::OverCorrected => PercentileMethod::Absent,
                _ => PercentileMethod::Tool,
            },
            notes,
            warnings,
            ..LoadSource::default()
        }
    }
}

#[cfg(test)]
mod tests;
