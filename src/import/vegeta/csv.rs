//! One hit a row as CSV (`vegeta encode --to csv`), without a header: start in nanoseconds since 1970, status, latency
//! in nanoseconds, bytes out and in, error, body, attack, number, and since version 12 method, address and headers.

use std::time::Duration;

use super::{Hit, origin};
use crate::import::recognise::Found;
use crate::import::rows::{Row, Rows};
use crate::import::tally::{Clock, Tally};
use crate::import::{ImportError, Source};
use crate::record::load::PercentileMethod;

/// Fields of a row, old and new.
const FIELDS: [usize; 2] = [9, 12];

/// Digits of a time in nanoseconds between 2001 and 2286.
const TIME_DIGITS: usize = 19;

/// The first fields are those numbers.
pub(in crate::import) fn recognises(head: &str) -> bool {
    let first = head.lines().next().unwrap_or("");
    let mut fields = first.split(',');
    let digits = |field: Option<&str>| {
        field.is_some_and(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()))
    };
    fields
        .next()
        .is_some_and(|time| time.len() == TIME_DIGITS && digits(Some(time)))
        && (0..4).all(|_| digits(fields.next()))
}

/// Reads the file, row after row.
pub(in crate::import) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let mut rows = Rows::new(source, b',');
    let file = rows.file().to_owned();
    let mut tally = Tally::new(&file, Clock::Unix);
    while let Some(row) = rows.next()? {
        if !FIELDS.contains(&row.len()) {
            return Err(ImportError::Line {
                file,
                line: row.line,
                found: format!("{} fields", row.len()),
                expected: "9 or 12 fields as `vegeta encode --to csv` writes them".to_owned(),
            });
        }
        hit(&row)?.add_to(&mut tally, row.line)?;
    }
    rows.check_end()?;
    let source = origin(&file, PercentileMethod::Histogram);
    Ok(Found::Load(tally.finish(source)))
}

fn hit<'a>(row: &Row<'a>) -> Result<Hit<'a>, ImportError> {
    let whole = |column: usize, name: &str| {
        row.text(column)
            .parse::<u64>()
            .map_err(|_| row.wrong(column, name, "whole nanoseconds"))
    };
    Ok(Hit {
        started_ns: i128::from(whole(0, "timestamp")?),
        code: row
            .text(1)
            .parse()
            .map_err(|_| row.wrong(1, "code", "a status such as 200"))?,
        latency: Duration::from_nanos(whole(2, "latency")?),
        error: row.text(5),
        method: row.text(9),
        address: row.text(10),
    })
}
