//! vegeta's results: every hit as JSON lines or CSV (`vegeta encode`), and the JSON report.
//!
//! A hit begins when vegeta sends it (`lib/attack.go`), not when it was due: on a machine that cannot keep the
//! rate, the wait is in no latency. Every latency is to the last byte, of failed hits too.

mod csv;
mod ndjson;
mod report;

use std::time::Duration;

use super::ImportError;
use super::address::path_of;
use super::tally::{Request, Tally};
use crate::record::load::{Arrival, FailuresTimed, LoadSource, Omission, PercentileMethod};

pub(super) use csv::{read as read_csv, recognises as recognises_csv};
pub(super) use ndjson::{read as read_ndjson, recognises as recognises_ndjson};
pub(super) use report::{read as read_report, recognises as recognises_report};

/// Statuses of answers that did not fail.
const GOOD: std::ops::Range<u16> = 200..400;

/// One hit, as both encodings tell it.
#[derive(Debug)]
struct Hit<'a> {
    code: u16,
    started_ns: i128,
    latency: Duration,
    error: &'a str,
    method: &'a str,
    address: &'a str,
}

impl Hit<'_> {
    fn add_to(&self, tally: &mut Tally, line: u64) -> Result<(), ImportError> {
        let path = path_of(self.address);
        // Old versions tell neither the method nor the address.
        let name = path
            .filter(|_| !self.method.is_empty())
            .map(|path| format!("{} {path}", self.method));
        let failed = !GOOD.contains(&self.code) || !self.error.is_empty();
        let why = match (self.code, self.error) {
            (0, error) => format!("no answer: {}", without_address(error)),
            (code, "") => code.to_string(),
            (_, error) => without_address(error).to_owned(),
        };
        tally.add(
            line,
            &Request {
                name: name.as_deref(),
                started_ms: Some(self.started_ns as f64 / 1e6),
                latency: self.latency,
                failure: failed.then_some(why.as_str()),
                ..Request::default()
            },
        )
    }
}

/// Errors of Go's HTTP client begin with the method and the address, such as `Get "http://shop/orders?id=1": `, which
/// would make every error one of its own and may hold what is secret.
fn without_address(error: &str) -> &str {
    match error.split_once("\": ") {
        Some((begin, rest)) if begin.contains(" \"") => rest,
        _ => error,
    }
}

fn origin(file: &str, percentile_method: PercentileMethod) -> LoadSource {
    LoadSource {
        tool: "vegeta".to_owned(),
        files: vec![file.to_owned()],
        arrival: Arrival::Open,
        omission: Omission::Unknown,
        failures_timed: FailuresTimed::All,
        percentile_method,
        notes: vec![
            "latencies begin when vegeta sent the request, which is late where it could not keep its rate".to_owned(),
        ],
        ..LoadSource::default()
    }
}

#[cfg(test)]
mod tests;
