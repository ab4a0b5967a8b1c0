//! oha's JSON and CSV (`--output-format json|csv`).
//!
//! Requests of one address, or of a list that the file does not tell. A latency is from before the connection to the
//! last byte of the answer; with `-q` and `--latency-correction` from when the request was due, which the file does
//! not tell either (`src/client.rs`, `src/printer.rs` of oha).

mod csv;
mod json;

use super::recognise::Found;
use super::{ImportError, Source};
use crate::record::load::{Arrival, FailuresTimed, LoadSource, Omission, PercentileMethod};

pub(super) use csv::recognises as recognises_csv;
pub(super) use json::recognises as recognises_json;

/// First status that is a failure.
const FIRST_FAILURE: u16 = 400;

/// Reads the JSON.
pub(super) fn read_json(source: Source<'_>) -> Result<Found, ImportError> {
    json::read(source).map(Found::Load)
}

/// Reads the CSV.
pub(super) fn read_csv(source: Source<'_>) -> Result<Found, ImportError> {
    csv::read(source).map(Found::Load)
}

/// Where it comes from.
fn origin(file: String, percentile_method: PercentileMethod) -> LoadSource {
    LoadSource {
        tool: "oha".to_owned(),
        files: vec![file],
        // A worker waits for its answer; whether latencies begin when requests were due is not told.
        arrival: Arrival::Closed,
        omission: Omission::Unknown,
        failures_timed: FailuresTimed::Answered,
        percentile_method,
        notes: vec![
            "oha names no address: all requests are in the total".to_owned(),
            "workers wait for answers (a closed loop, in which high percentiles are too low), unless oha ran with -q \
             and --latency-correction, which the file does not tell"
                .to_owned(),
        ],
        ..LoadSource::default()
    }
}

#[cfg(test)]
mod tests;
