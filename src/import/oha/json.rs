//! The JSON: one summary. Seconds; percentiles are of all answers.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::import::json::{keys_at_top, parse};
use crate::import::table::tame;
use crate::import::{AGGREGATED, ImportError, Source};
use crate::record::Millis;
use crate::record::load::{Latency, LoadResult, Operation, PercentileMethod};

/// What oha calls requests that its own deadline (`-z`) cut off: they are no failures of the service, and were not
/// waited for.
const CUT_OFF: &str = "aborted due to deadline";

#[derive(Debug, Deserialize)]
struct Report {
    summary: Summary,
    #[serde(rename = "responseTimeHistogram", default)]
    histogram: BTreeMap<String, u64>,
    #[serde(rename = "latencyPercentiles")]
    percentiles: BTreeMap<String, Option<f64>>,
    #[serde(rename = "statusCodeDistribution")]
    statuses: BTreeMap<String, u64>,
    #[serde(rename = "errorDistribution")]
    errors: BTreeMap<String, u64>,
}

/// Numbers are null where no request got an answer.
#[derive(Debug, Deserialize)]
struct Summary {
    total: f64,
    slowest: Option<f64>,
    fastest: Option<f64>,
    average: Option<f64>,
}

pub(in crate::import) fn recognises(head: &str) -> bool {
    let keys = keys_at_top(head);
    keys.contains(&"summary") && keys.contains(&"responseTimeHistogram")
}

pub(super) fn read(source: Source<'_>) -> Result<LoadResult, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let mut report: Report = parse(&file, &text, "the report that oha writes")?;
    let cut_off = report.errors.remove(CUT_OFF).unwrap_or(0);
    let total = total(&file, &report)?;
    let mut source = super::origin(file, PercentileMethod::Tool);
    let answers: u64 = report.statuses.values().sum();
    let lost: u64 = report.errors.values().sum();
    let binned: u64 = report.histogram.values().sum();
    if binned != answers {
        source.warnings.push(format!(
            "{answers} answers are counted by status, {binned} in the histogram of times"
        ));
    }
    if lost > 0 {
        source.notes.push(format!(
            "{lost} request(s) without an answer are in no time"
        ));
    }
    if cut_off > 0 {
        source.notes.push(format!(
            "{cut_off} request(s) that oha did not wait for at its end are not counted"
        ));
    }
    Ok(LoadResult {
        source,
        length: Some(Millis(report.summary.total * 1000.0)),
        total,
        ..LoadResult::default()
    })
}

fn total(file: &str, report: &Report) -> Result<Operation, ImportError> {
    let mut failures = 0;
    let mut errors = BTreeMap::new();
    for (text, count) in &report.statuses {
        let status: u16 = text.parse().map_err(|_| ImportError::Key {
            file: file.to_owned(),
            key: "statusCodeDistribution".to_owned(),
            found: format!("`{}`", tame(text)),
            expected: "a status such as 200".to_owned(),
        })?;
        if status >= super::FIRST_FAILURE {
            failures += count;
            errors.insert(text.clone(), *count);
        }
    }
    for (text, count) in &report.errors {
        failures += count;
        *errors.entry(tame(text)).or_default() += count;
    }
    let answers: u64 = report.statuses.values().sum();
    let ms = |seconds: Option<f64>| seconds.filter(|_| answers > 0).map(|s| Millis(s * 1000.0));
    let told = |(key, seconds): (&String, &Option<f64>)| {
        let key = key.strip_prefix('p')?.to_owned();
        Some((key, ms(*seconds)?))
    };
    Ok(Operation {
        name: AGGREGATED.to_owned(),
        requests: answers + report.errors.values().sum::<u64>(),
        failures,
        latency: Latency {
            mean: ms(report.summary.average),
            min: ms(report.summary.fastest),
            max: ms(report.summary.slowest),
            percentiles: report.percentiles.iter().filter_map(told).collect(),
            histogram: None,
        },
        errors,
        ..Operation::default()
    })
}
