//! The CSV: a row for each request that got an answer, by its start. Seconds.

use std::time::Duration;

use crate::import::rows::{Row, Rows};
use crate::import::tally::{Clock, PhaseTimes, Request, Tally};
use crate::import::{ImportError, Source};
use crate::record::load::{LoadResult, PercentileMethod};

/// What the file leaves out.
const ONLY_ANSWERS: &str = "requests without an answer are not in the file";

const COLUMNS: [&str; 7] = [
    "request-start",
    "DNS",
    "DNS+dialup",
    "Response-delay",
    "request-duration",
    "bytes",
    "status",
];

/// The header begins as oha writes it.
pub(in crate::import) fn recognises(head: &str) -> bool {
    head.starts_with("request-start,DNS,")
}

pub(super) fn read(source: Source<'_>) -> Result<LoadResult, ImportError> {
    let mut rows = Rows::new(source, b',');
    let file = rows.file().to_owned();
    if let Some(header) = rows.next()? {
        let wrong = header
            .fields()
            .zip(COLUMNS)
            .position(|(found, expected)| found != expected);
        if let Some(place) = wrong {
            let name = format!("number {}", place + 1);
            return Err(header.wrong(place, &name, &format!("`{}`", COLUMNS[place])));
        }
        if header.len() != COLUMNS.len() {
            return Err(header.wrong(
                header.len() - 1,
                "the last one",
                "the 7 columns that oha writes",
            ));
        }
    }
    let mut tally = Tally::new(&file, Clock::Run);
    while let Some(row) = rows.next()? {
        add(&mut tally, &row)?;
    }
    rows.check_end()?;
    if tally.is_empty() {
        return Err(ImportError::Truncated {
            file,
            missing: "there is no request after the header".to_owned(),
        });
    }
    let mut source = super::origin(file, PercentileMethod::Histogram);
    source.notes.push(ONLY_ANSWERS.to_owned());
    let mut result = tally.finish(source);
    result.total.failures_untold = Some(ONLY_ANSWERS.to_owned());
    Ok(result)
}

fn add(tally: &mut Tally, row: &Row<'_>) -> Result<(), ImportError> {
    let ms = |column: usize| Ok(row.number(column, COLUMNS[column])? * 1000.0);
    let (started, dns, opened) = (ms(0)?, ms(1)?, ms(2)?);
    let (first_byte, whole) = (ms(3)?, ms(4)?);
    let latency = Duration::try_from_secs_f64(whole / 1000.0)
        .map_err(|_| row.wrong(4, COLUMNS[4], "seconds"))?;
    let status: u16 = row
        .text(6)
        .parse()
        .map_err(|_| row.wrong(6, COLUMNS[6], "a status such as 200"))?;
    // An answer without a body has no first byte of one, which oha writes as 0.
    let first_byte = if first_byte > 0.0 { first_byte } else { whole };
    let phases = PhaseTimes {
        dns: Some(dns),
        connecting: Some((opened - dns).max(0.0)),
        sending: None,
        // Sending is part of it.
        waiting: Some((first_byte - opened).max(0.0)),
        receiving: Some((whole - first_byte).max(0.0)),
    };
    tally.add(
        row.line,
        &Request {
            name: None,
            started_ms: Some(started),
            latency,
            failure: (status >= super::FIRST_FAILURE).then(|| row.text(6)),
            phases: Some(phases),
            users: None,
        },
    )
}
