//! The text that ab (`ApacheBench`) prints.
//!
//! What ab calls failed is not what failed (`support/ab.c`): an answer of another length than the first one counts,
//! and an answer with an error status does not, unless its length differs.

use std::collections::BTreeMap;

use crate::record::Millis;
use crate::record::load::{
    Arrival, FailuresTimed, Latency, LoadResult, LoadSource, Omission, Operation, PercentileMethod,
};

use super::address::path_of;
use super::list::Refusal;
use super::recognise::Found;
use super::table::tame;
use super::text::{Labelled, wrong};
use super::{AGGREGATED, ImportError, Source};

const VERSION: &str = "This is ApacheBench, Version ";

/// Why `-g` is not read.
pub(super) const GNUPLOT: Refusal = Refusal {
    why: "it tells neither the address nor which requests failed",
    instead: "give the text that ab prints",
};

/// Why `-e` is not read.
pub(super) const PERCENTILES: Refusal = Refusal {
    why: "it tells neither the address nor how many requests there were",
    instead: "give the text that ab prints",
};

/// The text.
pub(super) fn recognises(head: &str) -> bool {
    head.lines().any(|line| line.starts_with(VERSION))
}

/// The table of `-g`.
pub(super) fn recognises_gnuplot(head: &str) -> bool {
    head.starts_with("starttime\tseconds\tctime\t")
}

/// The table of `-e`.
pub(super) fn recognises_percentiles(head: &str) -> bool {
    head.starts_with("Percentage served,Time in ms")
}

/// Counts of failures.
#[derive(Debug, Default)]
struct Failed {
    status: u64,
    connect: u64,
    receive: u64,
    exceptions: u64,
    /// Not failures, but answers of another length than the first one.
    length: u64,
}

/// Reads the file.
pub(super) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let lines = Labelled::new(&file, &text);
    lines.once("Complete requests")?;
    let complete = lines.needed("Complete requests", lines.count("Complete requests")?)?;
    let seconds = lines.needed(
        "Time taken for tests",
        lines.number("Time taken for tests")?,
    )?;
    lines.needed("Requests per second", lines.number("Requests per second")?)?;
    let failed = failed(&file, &lines)?;
    // Requests that got no connection, or lost it before an answer, are not among the complete ones.
    let requests = complete + failed.connect + failed.exceptions;
    let latency = if complete > 0 {
        times(&file, &text, &lines)?
    } else {
        Latency::default()
    };
    let total = Operation {
        name: AGGREGATED.to_owned(),
        requests,
        failures: failed.sum().min(requests),
        latency,
        errors: failed.by_name(),
        ..Operation::default()
    };
    let path = lines.value("Document Path").and_then(path_of);
    let named = |name: String| Operation {
        name,
        ..total.clone()
    };
    Ok(Found::Load(LoadResult {
        source: origin(&file, &text, &failed, &total),
        length: (seconds > 0.0).then_some(Millis(seconds * 1000.0)),
        operations: path.map(named).into_iter().collect(),
        total,
        ..LoadResult::default()
    }))
}

/// `Failed requests` with its parts in the line below, which is there only if any failed.
fn failed(file: &str, lines: &Labelled<'_>) -> Result<Failed, ImportError> {
    let mut failed = Failed {
        status: lines.count("Non-2xx responses")?.unwrap_or(0),
        ..Failed::default()
    };
    let all = lines.needed("Failed requests", lines.count("Failed requests")?)?;
    if all == 0 {
        return Ok(failed);
    }
    let parts = lines.needed("(Connect", lines.line("(Connect"))?;
    let count = |name: &str| -> Result<u64, ImportError> {
        let behind = parts
            .1
            .split(name)
            .nth(1)
            .and_then(|b| b.strip_prefix(": "));
        let number = behind.and_then(|b| b.split([',', ')']).next()?.parse().ok());
        number.ok_or_else(|| {
            wrong(
                file,
                parts,
                "`(Connect: 0, Receive: 0, Length: 0, Exceptions: 0)`",
            )
        })
    };
    failed.connect = count("Connect")?;
    failed.receive = count("Receive")?;
    failed.length = count("Length")?;
    failed.exceptions = count("Exceptions")?;
    Ok(failed)
}

impl Failed {
    fn sum(&self) -> u64 {
        self.status + self.connect + self.receive + self.exceptions
    }

    fn by_name(&self) -> BTreeMap<String, u64> {
        [
            ("status other than 2xx", self.status),
            ("connect", self.connect),
            ("receive", self.receive),
            ("exceptions", self.exceptions),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
    }
}

/// `Total:` of the connection times, and the percentages. A time of 0 is one below half a millisecond, of which
/// nothing more is known.
fn times(file: &str, text: &str, lines: &Labelled<'_>) -> Result<Latency, ImportError> {
    let known = |ms: f64| (ms > 0.0).then_some(Millis(ms));
    let row = lines.needed("Total", lines.line("Total"))?;
    let words = row.1.split_whitespace().skip(1);
    let finite = |word: &str| word.parse().ok().filter(|n: &f64| n.is_finite());
    let numbers: Vec<f64> = words.map_while(finite).collect();
    let ([min, mean, _, _, max] | [min, mean, max]) = numbers[..] else {
        let expected = "`Total:` with min, mean, deviation, median and max";
        return Err(wrong(file, row, expected));
    };
    let mut percentiles = BTreeMap::new();
    let table = text.lines().enumerate();
    let table =
        table.skip_while(|(_, line)| !line.starts_with("Percentage of the requests served"));
    for (index, line) in table.skip(1).take_while(|(_, line)| line.contains('%')) {
        let mut words = line.split_whitespace();
        let key = words.next().and_then(|w| w.strip_suffix('%'));
        let key = key.filter(|k| k.parse::<u8>().is_ok());
        let ms = words
            .next()
            .and_then(|w| w.parse::<f64>().ok())
            .filter(|ms| ms.is_finite());
        let (Some(key), Some(ms)) = (key, ms) else {
            return Err(wrong(
                file,
                (index as u64 + 1, line),
                "a percentage such as `99%     60`",
            ));
        };
        if let Some(ms) = known(ms) {
            percentiles.insert(key.to_owned(), ms);
        }
    }
    Ok(Latency {
        mean: known(mean),
        min: known(min),
        max: known(max),
        percentiles,
        histogram: None,
    })
}

fn origin(file: &str, text: &str, failed: &Failed, total: &Operation) -> LoadSource {
    let version = text.lines().find_map(|line| line.strip_prefix(VERSION));
    let version = version.and_then(|v| v.split_whitespace().next()).map(tame);
    let mut notes = vec![
        "times are whole milliseconds, and the connection is part of them".to_owned(),
        "ab does not tell the method".to_owned(),
    ];
    if failed.length > 0 {
        notes.push(format!(
            "{} answer(s) had another length than the first one, which ab calls failed and dbperf does not (-l)",
            failed.length
        ));
    }
    let mut warnings = Vec::new();
    if failed.sum() > total.requests {
        warnings.push(format!(
            "{} failures among {} requests",
            failed.sum(),
            total.requests
        ));
    }
    LoadSource {
        tool: "ab".to_owned(),
        version,
        files: vec![file.to_owned()],
        arrival: Arrival::Closed,
        omission: Omission::Omitted,
        failures_timed: FailuresTimed::Answered,
        percentile_method: if total.latency.percentiles.is_empty() {
            PercentileMethod::Absent
        } else {
            PercentileMethod::Tool
        },
        notes,
        warnings,
        ..LoadSource::default()
    }
}

#[cfg(test)]
mod tests;
