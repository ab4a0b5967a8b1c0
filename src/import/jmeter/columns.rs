//! Which columns a file has: told by its header, or known from what `JMeter` writes without one.

use crate::import::ImportError;
use crate::import::rows::Row;

/// What `JMeter` 2.13 writes by default.
const DEFAULT_2: [&str; 12] = [
    "timeStamp",
    "elapsed",
    "label",
    "responseCode",
    "responseMessage",
    "threadName",
    "dataType",
    "success",
    "bytes",
    "grpThreads",
    "allThreads",
    "Latency",
];

/// What `JMeter` 5 writes by default; without a header if `print_field_names` is off.
const DEFAULT_5: [&str; 17] = [
    "timeStamp",
    "elapsed",
    "label",
    "responseCode",
    "responseMessage",
    "threadName",
    "dataType",
    "success",
    "failureMessage",
    "bytes",
    "sentBytes",
    "grpThreads",
    "allThreads",
    "URL",
    "Latency",
    "IdleTime",
    "Connect",
];

/// Delimiters that are looked for in a header.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Digits of a timestamp in milliseconds.
const TIMESTAMP_DIGITS: usize = 13;

/// Where what stands in a row.
#[derive(Debug)]
pub(super) struct Columns {
    time: usize,
    pub(super) elapsed: usize,
    pub(super) label: usize,
    pub(super) code: Option<usize>,
    pub(super) message: Option<usize>,
    pub(super) success: Option<usize>,
    pub(super) failure: Option<usize>,
    pub(super) thread: Option<usize>,
    threads: Option<usize>,
    pub(super) latency: Option<usize>,
    pub(super) connect: Option<usize>,
}

/// How a file is laid out.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// `None` if its first row is a header.
    pub(super) columns: Option<Columns>,
}

/// The layout of a file that begins with `head`; `None` if it is not `JMeter`'s.
pub(super) fn layout(head: &str) -> Option<Layout> {
    let first = head.lines().next()?;
    let header = DELIMITERS.into_iter().find(|delimiter| {
        let names: Vec<&str> = first.split(char::from(*delimiter)).collect();
        ["timeStamp", "elapsed", "label"]
            .iter()
            .all(|name| names.contains(name))
    });
    if let Some(delimiter) = header {
        return Some(Layout {
            delimiter,
            columns: None,
        });
    }
    let cells = cells(first)?;
    let digits = |place: usize| {
        let cell: Option<&String> = cells.get(place);
        cell.filter(|c| !c.is_empty() && c.bytes().all(|b| b.is_ascii_digit()))
    };
    digits(0).filter(|time| time.len() == TIMESTAMP_DIGITS)?;
    digits(1)?;
    if !matches!(cells.get(7)?.as_str(), "true" | "false") {
        return None;
    }
    let names: &[&str] = match cells.len() {
        12 => &DEFAULT_2,
        17 => &DEFAULT_5,
        _ => return None,
    };
    Some(Layout {
        delimiter: b',',
        columns: Some(Columns::of_names(names).ok()?),
    })
}

fn cells(line: &str) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(line.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(str::to_owned).collect())
}

impl Columns {
    /// Of the names in a header.
    ///
    /// # Errors
    /// A column is missing without which nothing can be said.
    pub(super) fn of_header(header: &Row<'_>) -> Result<Self, ImportError> {
        let names: Vec<&str> = header.fields().collect();
        Self::of_names(&names).map_err(|missing| {
            header.wrong(
                0,
                names.first().unwrap_or(&""),
                &format!("the column `{missing}` too"),
            )
        })
    }

    /// Of names, or the one that is missing.
    fn of_names(names: &[&str]) -> Result<Self, &'static str> {
        let find = |name: &str| names.iter().position(|n| *n == name);
        let needed = |name: &'static str| find(name).ok_or(name);
        let columns = Self {
            time: needed("timeStamp")?,
            elapsed: needed("elapsed")?,
            label: needed("label")?,
            code: find("responseCode"),
            message: find("responseMessage"),
            success: find("success"),
            failure: find("failureMessage"),
            thread: find("threadName"),
            threads: find("allThreads"),
            latency: find("Latency"),
            connect: find("Connect"),
        };
        if columns.success.is_none() && columns.code.is_none() {
            return Err("success");
        }
        Ok(columns)
    }

    /// The start of a sample.
    pub(super) fn started_ms(&self, row: &Row<'_>) -> Result<u64, ImportError> {
        row.text(self.time).parse().map_err(|_| {
            row.wrong(
                self.time,
                "timeStamp",
                "milliseconds since 1970 (jmeter.save.saveservice.timestamp_format=ms)",
            )
        })
    }

    /// Threads of all groups at that time.
    pub(super) fn threads(&self, row: &Row<'_>) -> Result<Option<u32>, ImportError> {
        let Some(column) = self.threads else {
            return Ok(None);
        };
        row.text(column)
            .parse()
            .map(Some)
            .map_err(|_| row.wrong(column, "allThreads", "a whole number"))
    }
}

/// The text of a column; empty where there is none.
pub(super) fn text<'a>(row: &Row<'a>, column: Option<usize>) -> &'a str {
    column.map_or("", |column| row.text(column))
}

/// Whole milliseconds.
pub(super) fn millis(row: &Row<'_>, column: usize, name: &str) -> Result<u64, ImportError> {
    row.text(column)
        .parse()
        .map_err(|_| row.wrong(column, name, "whole milliseconds"))
}
