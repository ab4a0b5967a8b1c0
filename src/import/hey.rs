//! hey's CSV (`-o csv`): a row for each request that got an answer.
//!
//! Columns (hey's `requester/print.go` and `requester/requester.go`): `response-time` from before the connection to
//! the last byte, `DNS+dialup` and `DNS` of requests that opened a connection, `Request-write`, `Response-delay` from
//! the last byte written to the first one read, `Response-read`, `status-code`, and `offset`, the start since the
//! run began. Seconds with four decimals. Builds before 2018 lack the last two columns.

use std::time::Duration;

use crate::record::load::{Arrival, FailuresTimed, LoadSource, Omission, PercentileMethod};

use super::list::Refusal;
use super::recognise::Found;
use super::rows::{Row, Rows};
use super::tally::{Clock, PhaseTimes, Request, Tally};
use super::{ImportError, Source};

/// The columns that every build writes, in this order.
const COLUMNS: [&str; 6] = [
    "response-time",
    "DNS+dialup",
    "DNS",
    "Request-write",
    "Response-delay",
    "Response-read",
];

/// The columns of newer builds.
const STATUS: (usize, &str) = (6, "status-code");
const OFFSET: (usize, &str) = (7, "offset");

/// hey keeps no more results than this (`maxRes`).
const MAX_ROWS: u64 = 1_000_000;

/// First status that is a failure.
const FIRST_FAILURE: u16 = 400;

/// What the file leaves out.
const ONLY_ANSWERS: &str = "requests without an answer are not in the file";

/// Why the text summary is not read.
pub(super) const TEXT: Refusal = Refusal {
    why: "with few requests it prints `0% in 0.0000 secs`, and the fastest and slowest of its connection are those \
          of the total",
    instead: "run hey with `-o csv`",
};

/// The header begins as hey writes it.
pub(super) fn recognises(head: &str) -> bool {
    head.starts_with("response-time,DNS+dialup,DNS,")
}

/// The summary that hey prints by default.
pub(super) fn recognises_text(head: &str) -> bool {
    let text = head.trim_start();
    text.starts_with("Summary:")
        && text.contains("Response time histogram:")
        && text.contains(" secs\n")
}

/// Reads the file.
pub(super) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let mut rows = Rows::new(source, b',');
    let file = rows.file().to_owned();
    let columns = match rows.next()? {
        Some(header) => check_header(&header)?,
        None => 0,
    };
    let mut tally = Tally::new(&file, Clock::Run);
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        add(&mut tally, &row, columns)?;
    }
    rows.check_end()?;
    if tally.is_empty() {
        return Err(ImportError::Truncated {
            file,
            missing: "there is no request after the header".to_owned(),
        });
    }
    let mut result = tally.finish(origin(file, count, columns));
    result.total.failures_untold = Some(untold(columns).to_owned());
    Ok(Found::Load(result))
}

fn check_header(header: &Row<'_>) -> Result<usize, ImportError> {
    let known = COLUMNS.iter().chain([&STATUS.1, &OFFSET.1]);
    for (place, (found, expected)) in header.fields().zip(known).enumerate() {
        if found != *expected {
            return Err(header.wrong(
                place,
                &format!("number {}", place + 1),
                &format!("`{expected}`"),
            ));
        }
    }
    let columns = header.len();
    if columns == COLUMNS.len() || columns == OFFSET.0 + 1 {
        return Ok(columns);
    }
    Err(header.wrong(
        columns - 1,
        &format!("number {columns}"),
        "6 or 8 columns as hey writes them",
    ))
}

fn add(tally: &mut Tally, row: &Row<'_>, columns: usize) -> Result<(), ImportError> {
    let ms = |column: usize| Ok(row.number(column, COLUMNS[column])? * 1000.0);
    let latency = Duration::try_from_secs_f64(row.number(0, COLUMNS[0])?)
        .map_err(|_| row.wrong(0, COLUMNS[0], "seconds"))?;
    let (opened, dns) = (ms(1)?, ms(2)?);
    let phases = PhaseTimes {
        dns: Some(dns),
        // The column spans the lookup too.
        connecting: Some((opened - dns).max(0.0)),
        sending: Some(ms(3)?),
        waiting: Some(ms(4)?),
        receiving: Some(ms(5)?),
    };
    let newer = columns > STATUS.0;
    let started_ms = newer.then(|| row.number(OFFSET.0, OFFSET.1)).transpose()?;
    let failure = if newer { failure(row)? } else { None };
    tally.add(
        row.line,
        &Request {
            name: None,
            started_ms: started_ms.map(|s| s * 1000.0),
            latency,
            failure,
            phases: Some(phases),
            users: None,
        },
    )
}

fn failure<'a>(row: &Row<'a>) -> Result<Option<&'a str>, ImportError> {
    let text = row.text(STATUS.0);
    let status: u16 = text
        .parse()
        .map_err(|_| row.wrong(STATUS.0, STATUS.1, "a status such as 200"))?;
    Ok((status >= FIRST_FAILURE).then_some(text))
}

/// Why there may be more failures than those in the file.
fn untold(columns: usize) -> &'static str {
    if columns > STATUS.0 {
        ONLY_ANSWERS
    } else {
        "the file tells neither the status of answers nor requests without an answer"
    }
}

fn origin(file: String, rows: u64, columns: usize) -> LoadSource {
    let mut warnings = Vec::new();
    if rows >= MAX_ROWS {
        warnings.push(format!(
            "hey keeps the first {MAX_ROWS} requests: those after them are in no number of this file"
        ));
    }
    if columns == COLUMNS.len() {
        warnings.push(
            "the file has no column `status-code` (an old build of hey): answers with an error status are not \
             told from others"
                .to_owned(),
        );
    }
    LoadSource {
        tool: "hey".to_owned(),
        files: vec![file],
        arrival: Arrival::Closed,
        omission: Omission::Omitted,
        failures_timed: FailuresTimed::Answered,
        percentile_method: PercentileMethod::Histogram,
        notes: vec![
            "hey names no address: all requests are in the total".to_owned(),
            ONLY_ANSWERS.to_owned(),
            "times are told to 0.1 ms, and the connection is part of them".to_owned(),
        ],
        warnings,
        ..LoadSource::default()
    }
}

#[cfg(test)]
mod tests;
