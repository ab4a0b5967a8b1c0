//! k6's `--out json=FILE`: a line for each value of each request.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use super::collect::Collector;
use super::point::{Point, Tags};
use crate::import::recognise::Found;
use crate::import::source::Line;
use crate::import::{ImportError, Source};

/// A line as k6 writes it; keys come in any order.
#[derive(Debug, Deserialize)]
struct Written<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    metric: Cow<'a, str>,
    #[serde(borrow)]
    data: Data<'a>,
}

/// Of a metric its properties, which are not needed; of a point its value.
#[derive(Debug, Deserialize)]
struct Data<'a> {
    time: Option<Timestamp>,
    value: Option<f64>,
    #[serde(borrow)]
    tags: Option<Tags<'a>>,
}

/// The first line is a metric or a point of k6.
pub(in crate::import) fn recognises(head: &str) -> bool {
    let first = head.trim_start().lines().next().unwrap_or_default();
    let compact: String = first.chars().filter(|c| *c != ' ').collect();
    compact.starts_with('{')
        && compact.contains("\"metric\":\"")
        && compact.contains("\"data\":{")
        && (compact.contains("\"type\":\"Metric\"") || compact.contains("\"type\":\"Point\""))
}

/// Reads the file in memory that does not grow with the number of requests.
pub(in crate::import) fn import(source: Source<'_>) -> Result<Found, ImportError> {
    let mut collector = Collector::new(source.name());
    let mut declared = BTreeSet::new();
    let mut lines = source.lines();
    let file = lines.name().to_owned();
    while let Some(line) = lines.next()? {
        if line.text.trim().is_empty() {
            continue;
        }
        let written: Written<'_> =
            serde_json::from_str(line.text).map_err(|e| damaged(&file, line, &e))?;
        match written.kind.as_ref() {
            "Point" => {
                let point = point(&file, line.number, written)?;
                collector.add(line.number, &point)?;
            }
            "Metric" => {
                let metric = written.metric.into_owned();
                // k6 declares each metric once, before its first value.
                if declared.contains(&metric) {
                    return Err(second_run(&file, line.number, &metric));
                }
                declared.insert(metric);
            }
            other => {
                return Err(ImportError::Line {
                    file,
                    line: line.number,
                    found: format!("a line of the type `{}`", crate::import::table::tame(other)),
                    expected: "`Metric` or `Point`, the lines that k6 writes".to_owned(),
                });
            }
        }
    }
    collector.finish().map(Found::Load)
}

fn point<'a>(file: &str, line: u64, written: Written<'a>) -> Result<Point<'a>, ImportError> {
    let missing = |key: &str| ImportError::Line {
        file: file.to_owned(),
        line,
        found: format!("a point without `data.{key}`"),
        expected: "the time and the value of the point".to_owned(),
    };
    Ok(Point {
        at: written.data.time.ok_or_else(|| missing("time"))?,
        value: written.data.value.ok_or_else(|| missing("value"))?,
        tags: written.data.tags.unwrap_or_default(),
        metric: written.metric,
    })
}

fn damaged(file: &str, line: Line<'_>, error: &serde_json::Error) -> ImportError {
    if !line.ended && error.is_eof() {
        return ImportError::Truncated {
            file: file.to_owned(),
            missing: format!("line {} ends in the middle", line.number),
        };
    }
    ImportError::Line {
        file: file.to_owned(),
        line: line.number,
        found: super::json_error(error),
        expected: "a line of k6's JSON output".to_owned(),
    }
}

fn second_run(file: &str, line: u64, metric: &str) -> ImportError {
    ImportError::Line {
        file: file.to_owned(),
        line,
        found: format!(
            "the metric `{}` is declared a second time, so a second run begins here",
            crate::import::table::tame(metric)
        ),
        expected: "the lines of one run".to_owned(),
    }
}
