//! `JMeter`'s results as CSV (`-l FILE`): a row for each sample, in the order in which they ended.
//!
//! `timeStamp` is the start in milliseconds since 1970, `elapsed` the time to the last byte, `Latency` to the first
//! byte, `Connect` to the open connection; all from the same start. Which columns there are is configured
//! (`jmeter.save.saveservice.*`). XML is refused: it is more than the same in four times the bytes.

mod columns;

use std::time::Duration;

use crate::record::load::{Arrival, LoadSource, Omission, PercentileMethod};

use super::list::Refusal;
use super::recognise::Found;
use super::rows::{Row, Rows};
use super::tally::{Clock, PhaseTimes, Request, Tally};
use super::{ImportError, Source};
use columns::{Columns, millis, text};

/// How the message of a sample begins that a transaction controller made of others.
const TRANSACTION: &str = "Number of samples in transaction";

/// First response code that is a failure, where the column `success` is missing.
const FIRST_FAILURE: u16 = 400;

/// Why the XML is not read.
pub(super) const XML: Refusal = Refusal {
    why: "results are read as CSV only",
    instead: "run JMeter with -Jjmeter.save.saveservice.output_format=csv, or save the results as CSV in a listener",
};

/// A header with its three names, or a first row as `JMeter` writes it without one.
pub(super) fn recognises(head: &str) -> bool {
    columns::layout(head).is_some()
}

/// The root of the XML.
pub(super) fn recognises_xml(head: &str) -> bool {
    let text = head.trim_start();
    (text.starts_with("<?xml") && text.contains("<testResults "))
        || text.starts_with("<testResults ")
}

/// What is known beside the samples.
#[derive(Debug, Default)]
struct Beside {
    transactions: u64,
}

/// Reads the file.
pub(super) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let layout = columns::layout(source.head()).ok_or_else(|| ImportError::Unknown {
        file: source.name().to_owned(),
        known: "JMeter CSV".to_owned(),
    })?;
    let mut rows = Rows::new(source, layout.delimiter);
    let file = rows.file().to_owned();
    let mut columns = layout.columns;
    let mut tally = Tally::new(&file, Clock::Unix);
    let mut beside = Beside::default();
    while let Some(row) = rows.next()? {
        match &columns {
            None => columns = Some(Columns::of_header(&row)?),
            Some(columns) => add(&mut tally, &mut beside, &row, columns)?,
        }
    }
    rows.check_end()?;
    if tally.is_empty() {
        return Err(ImportError::Truncated {
            file,
            missing: "there is no sample after the header".to_owned(),
        });
    }
    Ok(Found::Load(tally.finish(origin(file, &beside))))
}

fn add(
    tally: &mut Tally,
    beside: &mut Beside,
    row: &Row<'_>,
    columns: &Columns,
) -> Result<(), ImportError> {
    if text(row, columns.message).starts_with(TRANSACTION) {
        beside.transactions += 1;
        return Ok(());
    }
    let started = columns.started_ms(row)?;
    let elapsed = millis(row, columns.elapsed, "elapsed")?;
    let why = why(row, columns)?;
    tally.add(
        row.line,
        &Request {
            name: Some(row.text(columns.label)),
            started_ms: Some(started as f64),
            latency: Duration::from_millis(elapsed),
            failure: why.as_deref(),
            phases: phases(row, columns, elapsed)?,
            users: columns.threads(row)?,
        },
    )
}

/// Why a sample failed, in `JMeter`'s words; `None` if it did not.
fn why(row: &Row<'_>, columns: &Columns) -> Result<Option<String>, ImportError> {
    let code = text(row, columns.code);
    let failed = match columns.success {
        Some(column) => match row.text(column) {
            "true" => false,
            "false" => true,
            _ => return Err(row.wrong(column, "success", "`true` or `false`")),
        },
        // A code such as `Non HTTP response code: …` is no number.
        None => code
            .parse::<u16>()
            .map_or(true, |status| status >= FIRST_FAILURE),
    };
    if !failed {
        return Ok(None);
    }
    let assertion = text(row, columns.failure);
    let good = code
        .parse::<u16>()
        .is_ok_and(|status| status < FIRST_FAILURE);
    let words = if good && !assertion.is_empty() {
        assertion.to_owned()
    } else {
        format!("{code} {}", text(row, columns.message))
    };
    Ok(Some(words.trim().to_owned()))
}

/// `None` where a column is missing, and of a sample without a first byte.
fn phases(
    row: &Row<'_>,
    columns: &Columns,
    elapsed: u64,
) -> Result<Option<PhaseTimes>, ImportError> {
    let (Some(latency), Some(connect)) = (columns.latency, columns.connect) else {
        return Ok(None);
    };
    let first_byte = millis(row, latency, "Latency")?;
    let connect = millis(row, connect, "Connect")?;
    if first_byte == 0 && elapsed > 0 {
        return Ok(None);
    }
    Ok(Some(PhaseTimes {
        connecting: Some(connect as f64),
        waiting: Some(first_byte.saturating_sub(connect) as f64),
        receiving: Some(elapsed.saturating_sub(first_byte) as f64),
        ..PhaseTimes::default()
    }))
}

fn origin(file: String, beside: &Beside) -> LoadSource {
    let mut notes = vec![
        "times are whole milliseconds, and the connection is part of them".to_owned(),
        "threads wait for answers, unless an Open Model Thread Group started them, which the file does not tell"
            .to_owned(),
    ];
    if beside.transactions > 0 {
        notes.push(format!(
            "{} row(s) of transaction controllers are left out, as they repeat the samples in them",
            beside.transactions
        ));
    }
    LoadSource {
        tool: "jmeter".to_owned(),
        files: vec![file],
        arrival: Arrival::Closed,
        omission: Omission::Omitted,
        percentile_method: PercentileMethod::Histogram,
        notes,
        ..LoadSource::default()
    }
}

#[cfg(test)]
mod tests;
