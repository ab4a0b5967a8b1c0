//! `JMeter`'s results (`-l FILE`), as CSV here: a row for each sample, in the order in which they ended.
//!
//! `timeStamp` is the start in milliseconds since 1970, `elapsed` the time to the last byte, `Latency` to the first
//! byte, `Connect` to the open connection; all from the same start. Which columns there are is configured
//! (`jmeter.save.saveservice.*`).

mod columns;
pub(super) mod xml;

use std::borrow::Cow;
use std::time::Duration;

use crate::record::load::{Arrival, LoadSource, Omission, PercentileMethod};

use super::recognise::Found;
use super::rows::{Row, Rows};
use super::tally::{Clock, PhaseTimes, Request, Tally};
use super::{ImportError, Source};
use columns::{Columns, millis, text};

/// How the message of a sample begins that a transaction controller made of others.
const TRANSACTION: &str = "Number of samples in transaction";

/// First response code that is a failure, where the column `success` is missing.
const FIRST_FAILURE: u16 = 400;

/// A header with its three names, or a first row as `JMeter` writes it without one.
pub(super) fn recognises(head: &str) -> bool {
    columns::layout(head).is_some()
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
    let started_ms = columns.started_ms(row)?;
    let elapsed_ms = millis(row, columns.elapsed, "elapsed")?;
    let success = match columns.success {
        None => None,
        Some(column) => match row.text(column) {
            "true" => Some(true),
            "false" => Some(false),
            _ => return Err(row.wrong(column, "success", "`true` or `false`")),
        },
    };
    let told = |column: Option<usize>, name: &str| {
        column.map(|column| millis(row, column, name)).transpose()
    };
    let sample = Sample {
        line: row.line,
        label: row.text(columns.label).into(),
        started_ms,
        elapsed_ms,
        first_byte_ms: told(columns.latency, "Latency")?,
        connect_ms: told(columns.connect, "Connect")?,
        success,
        code: text(row, columns.code).into(),
        message: text(row, columns.message).into(),
        assertion: text(row, columns.failure).into(),
        threads: columns.threads(row)?,
    };
    sample.count(tally, beside).map(|_| ())
}

/// One sample, in whichever form it was written.
#[derive(Debug)]
struct Sample<'a> {
    line: u64,
    label: Cow<'a, str>,
    /// Since 1970.
    started_ms: u64,
    elapsed_ms: u64,
    first_byte_ms: Option<u64>,
    connect_ms: Option<u64>,
    /// `None` where only the code tells it.
    success: Option<bool>,
    code: Cow<'a, str>,
    message: Cow<'a, str>,
    /// The message of the assertion that failed.
    assertion: Cow<'a, str>,
    threads: Option<u32>,
}

impl Sample<'_> {
    /// Adds it to the tally; false if it is one that a transaction controller made of others.
    fn count(&self, tally: &mut Tally, beside: &mut Beside) -> Result<bool, ImportError> {
        if self.message.starts_with(TRANSACTION) {
            beside.transactions += 1;
            return Ok(false);
        }
        let why = self.why();
        let request = Request {
            name: Some(&self.label),
            started_ms: Some(self.started_ms as f64),
            latency: Duration::from_millis(self.elapsed_ms),
            failure: why.as_deref(),
            phases: self.phases(),
            users: self.threads,
        };
        tally.add(self.line, &request)?;
        Ok(true)
    }

    /// Why it failed, in `JMeter`'s words; `None` if it did not.
    fn why(&self) -> Option<String> {
        // A code such as `Non HTTP response code: …` is no number.
        let status = self.code.parse::<u16>().ok();
        let good = status.is_some_and(|status| status < FIRST_FAILURE);
        if self.success.unwrap_or(good) {
            return None;
        }
        let words = if good && !self.assertion.is_empty() {
            self.assertion.to_string()
        } else {
            format!("{} {}", self.code, self.message)
        };
        Some(words.trim().to_owned())
    }

    /// `None` where a time is missing, and of a sample without a first byte.
    fn phases(&self) -> Option<PhaseTimes> {
        let (first_byte, connect) = self.first_byte_ms.zip(self.connect_ms)?;
        if first_byte == 0 && self.elapsed_ms > 0 {
            return None;
        }
        Some(PhaseTimes {
            connecting: Some(connect as f64),
            waiting: Some(first_byte.saturating_sub(connect) as f64),
            receiving: Some(self.elapsed_ms.saturating_sub(first_byte) as f64),
            ..PhaseTimes::default()
        })
    }
}

fn origin(file: String, beside: &Beside) -> LoadSource {
    let mut notes = vec![
        "times are whole milliseconds, and the connection is part of them".to_owned(),
        "threads wait for answers, unless an Open Model Thread Group started them, which the file does not tell"
            .to_owned(),
    ];
    if beside.transactions > 0 {
        notes.push(format!(
            "{} sample(s) of transaction controllers are left out, as they repeat the samples in them",
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
