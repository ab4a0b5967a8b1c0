//! `JMeter`'s results (`-l FILE`), as CSV here: a row for each sample, in the order in which they ended.
//!
//! `timeStamp` is the start in milliseconds since 1970, `elapsed` the time to the last byte, `Latency` to the first
//! byte, `Connect` to the open connection; all from the same start. Which columns there are is configured
//! (`jmeter.save.saveservice.*`).

mod columns;
pub(super) mod xml;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::load::{Arrival, FailuresTimed, LoadSource, Omission, PercentileMethod};

use super::recognise::Found;
use super::rows::{Row, Rows};
use super::tally::{Clock, PhaseTimes, Request, Tally};
use super::{ImportError, Source};
use columns::{Columns, millis, text};

/// How the message of a sample begins that a transaction controller made of others.
const TRANSACTION: &str = "Number of samples in transaction";

/// The same of a controller that nothing ran in.
const TRANSACTION_OF_NONE: &str = "Number of samples in transaction : 0,";

/// Most different names of threads.
const MAX_THREADS: usize = 1_000_000;

/// First response code that is a failure, where the column `success` is missing.
const FIRST_FAILURE: u16 = 400;

/// A header with its three names, or a first row as `JMeter` writes it without one.
pub(super) fn recognises(head: &str) -> bool {
    columns::layout(head).is_some()
}

/// What is known beside the samples.
#[derive(Debug, Default)]
struct Beside {
    /// Samples of transaction controllers that repeat others of the file.
    repeated: u64,
    /// Those that stand for others, which are not in the file ("Generate parent sample").
    whole: u64,
    /// When the last sample of each thread began, in milliseconds since 1970.
    last_start: BTreeMap<String, u64>,
}

impl Beside {
    /// The samples in a transaction end before it, in its thread: the last one before it began within it. Its end
    /// is not asked for, because pauses may be left out of its time.
    fn has_parts_of(&self, transaction: &Sample<'_>) -> bool {
        let last = self.last_start.get(&*transaction.thread);
        last.is_some_and(|start| *start >= transaction.started_ms)
    }

    fn remember(&mut self, sample: &Sample<'_>) -> bool {
        if let Some(start) = self.last_start.get_mut(&*sample.thread) {
            *start = sample.started_ms;
            return true;
        }
        let thread = sample.thread.to_string();
        self.last_start.insert(thread, sample.started_ms);
        self.last_start.len() <= MAX_THREADS
    }
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
        thread: text(row, columns.thread).into(),
        threads: columns.threads(row)?,
    };
    sample.count(tally, beside, false).map(|_| ())
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
    /// The thread's name; empty where it is not told, so that all are taken for one.
    thread: Cow<'a, str>,
    threads: Option<u32>,
}

impl Sample<'_> {
    /// Adds it to the tally; false if it is one that a transaction controller made of others, which are in the file:
    /// before it, or within it (`parts_follow`).
    fn count(
        &self,
        tally: &mut Tally,
        beside: &mut Beside,
        parts_follow: bool,
    ) -> Result<bool, ImportError> {
        let whole = self.is_transaction();
        if whole
            && (parts_follow
                || self.message.starts_with(TRANSACTION_OF_NONE)
                || beside.has_parts_of(self))
        {
            beside.repeated += 1;
            return Ok(false);
        }
        beside.whole += u64::from(whole);
        // Without names of threads the transactions of others would be taken for parts of this one.
        let is_remembered = (whole && self.thread.is_empty()) || beside.remember(self);
        if !is_remembered {
            return Err(tally.wrong(
                self.line,
                format!("one more than {MAX_THREADS} distinct names of threads"),
                "the threads of one run",
            ));
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

    fn is_transaction(&self) -> bool {
        self.message.starts_with(TRANSACTION)
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

    /// `None` where a time is missing, of a sample without a first byte, and of a transaction, which has the sums of
    /// several requests.
    fn phases(&self) -> Option<PhaseTimes> {
        if self.is_transaction() {
            return None;
        }
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
    if beside.repeated > 0 {
        notes.push(format!(
            "{} sample(s) of transaction controllers are left out, as they repeat the samples in them",
            beside.repeated
        ));
    }
    if beside.whole > 0 {
        notes.push(format!(
            "{} sample(s) of transaction controllers count as requests, because the samples in them are not in the file \
             (Generate parent sample)",
            beside.whole
        ));
    }
    LoadSource {
        tool: "jmeter".to_owned(),
        files: vec![file],
        arrival: Arrival::Closed,
        omission: Omission::Omitted,
        failures_timed: FailuresTimed::All,
        percentile_method: PercentileMethod::Histogram,
        notes,
        ..LoadSource::default()
    }
}

#[cfg(test)]
mod tests;
