//! The JSON report (`vegeta report -type=json`): one summary of all targets. Nanoseconds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{GOOD, origin, without_address};
use crate::import::json::{keys_at_top, parse};
use crate::import::recognise::Found;
use crate::import::table::tame;
use crate::import::{AGGREGATED, ImportError, Source};
use crate::record::Millis;
use crate::record::load::{Latency, LoadResult, Operation, PercentileMethod};

/// Most errors that are repeated.
const SHOWN_ERRORS: usize = 10;

#[derive(Debug, Deserialize)]
struct Report {
    latencies: BTreeMap<String, f64>,
    earliest: Option<Timestamp>,
    end: Option<Timestamp>,
    /// From the first hit to the last one.
    duration: f64,
    /// From the last hit to its answer.
    #[serde(default)]
    wait: f64,
    requests: u64,
    success: f64,
    status_codes: BTreeMap<String, u64>,
    #[serde(default)]
    errors: Option<Vec<String>>,
}

pub(in crate::import) fn recognises(head: &str) -> bool {
    let keys = keys_at_top(head);
    keys.contains(&"latencies") && keys.contains(&"bytes_in")
}

/// Reads the file.
pub(in crate::import) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let report: Report = parse(
        &file,
        &text,
        "the report that vegeta report -type=json writes",
    )?;
    let total = total(&file, &report)?;
    let mut source = origin(&file, PercentileMethod::Sketch);
    source
        .notes
        .push("percentiles are estimates (t-digest)".to_owned());
    source
        .notes
        .push("the report adds up all targets; `vegeta encode` tells them apart".to_owned());
    let counted: u64 = report.status_codes.values().sum();
    if counted != report.requests {
        source.warnings.push(format!(
            "the hits by status add up to {counted}, the total says {}",
            report.requests
        ));
    }
    let good = report.success * report.requests as f64;
    if (good - report.requests.saturating_sub(total.failures) as f64).abs() > 0.5 {
        source.warnings.push(format!(
            "{} hits failed by status, the share of successes says {:.0}",
            total.failures,
            report.requests as f64 - good
        ));
    }
    for error in report.errors.iter().flatten().take(SHOWN_ERRORS) {
        source.warnings.push(format!(
            "vegeta tells the error {}",
            tame(without_address(error))
        ));
    }
    let length = report.duration + report.wait;
    Ok(Found::Load(LoadResult {
        source,
        length: (length > 0.0).then_some(Millis(length / 1e6)),
        started_at: report.earliest.filter(|_| report.requests > 0),
        ended_at: report.end.filter(|_| report.requests > 0),
        total,
        ..LoadResult::default()
    }))
}

fn total(file: &str, report: &Report) -> Result<Operation, ImportError> {
    let mut errors = BTreeMap::new();
    for (text, count) in &report.status_codes {
        let status: u16 = text.parse().map_err(|_| ImportError::Key {
            file: file.to_owned(),
            key: "status_codes".to_owned(),
            found: format!("`{}`", tame(text)),
            expected: "a status such as 200".to_owned(),
        })?;
        if !GOOD.contains(&status) && *count > 0 {
            let name = if status == 0 { "no answer" } else { text };
            errors.insert(name.to_owned(), *count);
        }
    }
    let ms = |name: &str| {
        let nanos = report.latencies.get(name).copied();
        nanos
            .filter(|_| report.requests > 0)
            .map(|n| Millis(n / 1e6))
    };
    let percentiles = report.latencies.keys().filter_map(|name| {
        let key = name.strip_suffix("th")?;
        key.parse::<f64>().ok()?;
        Some((key.to_owned(), ms(name)?))
    });
    Ok(Operation {
        name: AGGREGATED.to_owned(),
        requests: report.requests,
        failures: errors.values().sum::<u64>().min(report.requests),
        latency: Latency {
            mean: ms("mean"),
            min: ms("min"),
            max: ms("max"),
            percentiles: percentiles.collect(),
            histogram: None,
        },
        errors,
        ..Operation::default()
    })
}
