//! k6's `--out csv=FILE`: the values of the JSON output as a table.

use std::borrow::Cow;

use csv::StringRecord;
use jiff::{SignedDuration, Timestamp};

use super::collect::Collector;
use super::point::{Point, Tags};
use crate::import::recognise::Found;
use crate::import::{ImportError, Source};

/// The header begins as k6 writes it.
pub(in crate::import) fn recognises(head: &str) -> bool {
    head.starts_with("metric_name,timestamp,metric_value")
}

/// Places of the columns that are used. The tags are those that k6 was told to keep (`--system-tags`).
struct Columns {
    method: Option<usize>,
    name: Option<usize>,
    url: Option<usize>,
    status: Option<usize>,
    error: Option<usize>,
    error_code: Option<usize>,
    scenario: Option<usize>,
    check: Option<usize>,
    all: usize,
}

impl Columns {
    fn of(header: &StringRecord) -> Self {
        let place = |name: &str| header.iter().position(|h| h == name);
        Self {
            method: place("method"),
            name: place("name"),
            url: place("url"),
            status: place("status"),
            error: place("error"),
            error_code: place("error_code"),
            scenario: place("scenario"),
            check: place("check"),
            all: header.len(),
        }
    }
}

/// Reads the file in memory that does not grow with the number of requests.
pub(in crate::import) fn import(source: Source<'_>) -> Result<Found, ImportError> {
    let mut collector = Collector::new(source.name());
    let (file, bytes) = source.into_reader();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = StringRecord::new();
    let mut columns: Option<Columns> = None;
    let mut whole_seconds = true;
    while next(&file, &mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let Some(columns) = &columns else {
            columns = Some(Columns::of(&record));
            continue;
        };
        check_shape(&file, line, &record, columns.all, &mut reader)?;
        let written = record.get(1).unwrap_or_default();
        whole_seconds &= written.len() <= 10;
        let point = point(&file, line, &record, columns)?;
        collector.add(line, &point)?;
    }
    if whole_seconds {
        collector.note(
            "the file has times in whole seconds, so that the length of the run and the rates are known to one \
             second (K6_CSV_TIME_FORMAT=rfc3339_nano tells more)",
        );
    }
    collector.finish().map(Found::Load)
}

type Reader<'a> = csv::Reader<Box<dyn std::io::BufRead + 'a>>;

/// The next record; false at the end.
fn next(
    file: &str,
    reader: &mut Reader<'_>,
    record: &mut StringRecord,
) -> Result<bool, ImportError> {
    reader.read_record(record).map_err(|error| {
        let line = error.position().map_or(0, csv::Position::line);
        match error.kind() {
            csv::ErrorKind::Io(io) => crate::import::source::unreadable(file, io),
            _ => ImportError::Line {
                file: file.to_owned(),
                line,
                found: "a row that is not UTF-8 text".to_owned(),
                expected: "the CSV output of k6".to_owned(),
            },
        }
    })
}

/// Every row has as many fields as the header; a header in the middle begins another run.
fn check_shape(
    file: &str,
    line: u64,
    record: &StringRecord,
    wanted: usize,
    reader: &mut Reader<'_>,
) -> Result<(), ImportError> {
    let wrong = |found: String, expected: String| ImportError::Line {
        file: file.to_owned(),
        line,
        found,
        expected,
    };
    if record.get(0) == Some("metric_name") {
        return Err(wrong(
            "a second header, so a second run begins here".to_owned(),
            "the rows of one run".to_owned(),
        ));
    }
    if record.len() == wanted {
        return Ok(());
    }
    let mut after = StringRecord::new();
    if !next(file, reader, &mut after)? {
        return Err(ImportError::Truncated {
            file: file.to_owned(),
            missing: format!(
                "line {line} has {} of {wanted} fields and is the last one",
                record.len()
            ),
        });
    }
    Err(wrong(
        format!("{} fields", record.len()),
        format!("{wanted} fields as in the header"),
    ))
}

fn point<'a>(
    file: &str,
    line: u64,
    record: &'a StringRecord,
    columns: &Columns,
) -> Result<Point<'a>, ImportError> {
    let wrong = |column: &str, text: &str, expected: &str| ImportError::Line {
        file: file.to_owned(),
        line,
        found: format!(
            "`{}` in column `{column}`",
            crate::import::table::tame(text)
        ),
        expected: expected.to_owned(),
    };
    let text = record.get(1).unwrap_or_default();
    let at = moment(text).ok_or_else(|| {
        wrong(
            "timestamp",
            text,
            "Unix time in s, ms, µs or ns, or RFC 3339",
        )
    })?;
    let text = record.get(2).unwrap_or_default();
    let value: f64 = text
        .parse()
        .map_err(|_| wrong("metric_value", text, "a number"))?;
    let tag =
        |place: Option<usize>| Cow::Borrowed(place.and_then(|p| record.get(p)).unwrap_or_default());
    Ok(Point {
        metric: Cow::Borrowed(record.get(0).unwrap_or_default()),
        at,
        value,
        tags: Tags {
            method: tag(columns.method),
            name: tag(columns.name),
            url: tag(columns.url),
            status: tag(columns.status),
            error: tag(columns.error),
            error_code: tag(columns.error_code),
            scenario: tag(columns.scenario),
            check: tag(columns.check),
        },
    })
}

/// A time as `K6_CSV_TIME_FORMAT` has it; Unix times are told apart by their digits.
fn moment(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let number: i64 = text.parse().ok()?;
    match text.len() {
        0..=10 => Timestamp::from_second(number).ok(),
        11..=13 => Timestamp::from_millisecond(number).ok(),
        14..=16 => Timestamp::from_microsecond(number).ok(),
        _ => Timestamp::from_duration(SignedDuration::from_nanos(number)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_format_of_k6() {
        let wanted: Timestamp = "2026-11-23T09:19:04.867859144Z".parse().unwrap();
        assert_eq!(moment("1795425544867859144"), Some(wanted));
        assert_eq!(moment("2026-11-23T09:19:04.867859144Z"), Some(wanted));
        assert_eq!(
            moment("1795425544867").unwrap().as_millisecond(),
            wanted.as_millisecond()
        );
        assert_eq!(
            moment("1795425544867859").unwrap().as_microsecond(),
            wanted.as_microsecond()
        );
        assert_eq!(
            moment("1795425544").unwrap().as_second(),
            wanted.as_second()
        );
        assert_eq!(moment("soon"), None);
    }
}
