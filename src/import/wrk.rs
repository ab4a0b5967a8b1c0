//! The text that wrk and wrk2 print.
//!
//! wrk (`src/wrk.c`) counts answers, of them those with a status of 400 or more, and those that came after its
//! timeout, which are in no latency. After the run it adds to the latencies what its connections would have sent at
//! an even pace (`stats_correct`): mean, deviation and percentiles are of more values than there were requests.
//! wrk2 begins a latency when the request was due, and records none in the first ten seconds.

mod lines;
mod two;

use std::collections::BTreeMap;

use crate::record::Millis;
use crate::record::load::{
    Arrival, FailuresTimed, Latency, LoadResult, LoadSource, Omission, Operation, PercentileMethod,
};

use super::address::path_of;
use super::recognise::Found;
use super::{AGGREGATED, ImportError, Source};

/// What stands behind the duration in the first line.
const TEST_AT: &str = " test @ ";

/// Everything that is read of a text.
#[derive(Debug, Default)]
struct Summary {
    address: String,
    connections: u64,
    requests: u64,
    seconds: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
    /// Milliseconds by the key in per cent.
    percentiles: BTreeMap<String, f64>,
    errors: SocketErrors,
    status: u64,
    /// Latencies that wrk2 recorded, where it tells.
    recorded: Option<u64>,
}

/// The counts of `Socket errors`.
#[derive(Debug, Default, Clone, Copy)]
struct SocketErrors {
    connect: u64,
    read: u64,
    write: u64,
    timeout: u64,
}

/// The text of wrk.
pub(super) fn recognises(head: &str) -> bool {
    is_either(head) && !two::is_wrk2(head)
}

/// The text of wrk2.
pub(super) fn recognises_two(head: &str) -> bool {
    is_either(head) && two::is_wrk2(head)
}

fn is_either(head: &str) -> bool {
    head.lines()
        .any(|line| line.starts_with("Running ") && line.contains(TEST_AT))
        && head.contains(" threads and ")
}

/// Reads the text of wrk.
pub(super) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let summary = lines::read(&file, &text)?;
    let mut notes = vec![
        "wrk's closed loop is filled in afterwards at an even pace (its `stats_correct`), the mean with it".to_owned(),
    ];
    if let Some(cycle) = summary.cycle_ms() {
        notes.push(format!(
            "connections × time ÷ requests is {cycle:.2} ms, which the plain mean is no longer than"
        ));
    }
    let mut warnings = Vec::new();
    if summary.errors.timeout > 0 {
        warnings.push(format!(
            "{} answer(s) came after wrk's timeout: they are failures, and in no latency; give a longer --timeout",
            summary.errors.timeout
        ));
    }
    let source = LoadSource {
        tool: "wrk".to_owned(),
        files: vec![file],
        arrival: Arrival::Closed,
        omission: Omission::Corrected,
        failures_timed: FailuresTimed::Answered,
        notes,
        warnings,
        ..LoadSource::default()
    };
    Ok(Found::Load(summary.into_result(source)))
}

/// Reads the text of wrk2.
pub(super) fn read_two(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let mut summary = lines::read(&file, &text)?;
    two::add(&file, &text, &mut summary)?;
    let source = two::origin(file, &mut summary);
    Ok(Found::Load(summary.into_result(source)))
}

impl Summary {
    /// The time from one request of a connection to its next one.
    fn cycle_ms(&self) -> Option<f64> {
        let seconds = self.seconds.filter(|_| self.requests > 0)?;
        Some(self.connections as f64 * seconds * 1000.0 / self.requests as f64)
    }

    fn into_result(mut self, mut source: LoadSource) -> LoadResult {
        if self.requests == 0 {
            // wrk prints times of 0 then.
            (self.mean, self.max) = (None, None);
            self.percentiles.clear();
        }
        let lost = self.errors.connect + self.errors.read + self.errors.write;
        let requests = self.requests + lost;
        let failures = lost + self.errors.timeout + self.status;
        if failures > requests {
            source.warnings.push(format!(
                "{failures} failures among {requests} requests: answers that came late with an error status count twice"
            ));
        }
        source.percentile_method = if self.percentiles.is_empty() {
            source.notes.push("percentiles need --latency".to_owned());
            PercentileMethod::Absent
        } else {
            PercentileMethod::Tool
        };
        let path = path_of(&self.address);
        if path.is_some() {
            source.notes.push(
                "what is named is the address of the command, without its method; a script may have asked for others"
                    .to_owned(),
            );
        }
        let percentiles = self.percentiles.iter();
        let total = Operation {
            name: AGGREGATED.to_owned(),
            requests,
            failures: failures.min(requests),
            latency: Latency {
                mean: self.mean.map(Millis),
                min: None,
                max: self.max.map(Millis),
                percentiles: percentiles
                    .map(|(k, ms)| (k.clone(), Millis(*ms)))
                    .collect(),
                histogram: None,
            },
            errors: self.errors_by_name(),
            ..Operation::default()
        };
        let named = |name: String| Operation {
            name,
            ..total.clone()
        };
        LoadResult {
            source,
            length: self.seconds.map(|s| Millis(s * 1000.0)),
            operations: path.map(named).into_iter().collect(),
            total,
            ..LoadResult::default()
        }
    }

    fn errors_by_name(&self) -> BTreeMap<String, u64> {
        [
            ("status 400 or more", self.status),
            ("connect", self.errors.connect),
            ("read", self.errors.read),
            ("write", self.errors.write),
            ("timeout", self.errors.timeout),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
    }
}

#[cfg(test)]
mod tests;
