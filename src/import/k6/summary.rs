//! k6's summaries at the end of a run: `--summary-export`, the data of `handleSummary`, and the machine-readable
//! one of 1.5 and later. All three become the same metrics before they are read.

mod metrics;
mod operations;

use serde_json::Value;

use crate::import::recognise::Found;
use crate::import::{ImportError, Source, json};
use crate::record::Millis;
use crate::record::load::{Arrival, FailuresTimed, LoadResult, LoadSource, PercentileMethod};

use super::arrival::is_busy;
use super::finish::{checks_note, dropped_note, omission};
use metrics::{Metrics, Shape};

/// An object with k6's groups, its metrics or its version.
pub(in crate::import) fn recognises(head: &str) -> bool {
    let has = |key: &str| head.contains(key);
    head.trim_start().starts_with('{')
        && !super::ndjson::recognises(head)
        && (has("\"root_group\"")
            || (has("\"results\"") && has("\"k6Version\""))
            || (has("\"metrics\"")
                && (has("\"http_req_duration\"")
                    || has("\"http_reqs\"")
                    || has("\"iteration_duration\""))))
}

/// Reads the file.
pub(in crate::import) fn import(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let value: Value = json::parse(&file, &text, "one summary of k6")?;
    let metrics = Metrics::of(&file, &value)?;
    result(&file, &metrics).map(Found::Load)
}

fn result(file: &str, metrics: &Metrics) -> Result<LoadResult, ImportError> {
    let mut warnings = Vec::new();
    let arrival = arrival(metrics);
    let total = operations::total(file, metrics, &mut warnings)?;
    let operations = operations::by_tag(metrics, &mut warnings);
    Ok(LoadResult {
        source: LoadSource {
            tool: "k6".to_owned(),
            version: metrics.version.clone(),
            files: vec![file.to_owned()],
            arrival,
            omission: omission(arrival),
            failures_timed: FailuresTimed::All,
            percentile_method: if total.latency.percentiles.is_empty() {
                PercentileMethod::Absent
            } else {
                PercentileMethod::Tool
            },
            notes: notes(metrics, arrival, !operations.is_empty()),
            warnings,
            ..LoadSource::default()
        },
        length: metrics.length_ms().map(Millis),
        total,
        operations,
        ..LoadResult::default()
    })
}

/// Closed if all VUs, whose number never changed, were busy with iterations all the time. `vus` alone says
/// nothing: of an executor with an arrival rate it counts those that are busy.
fn arrival(metrics: &Metrics) -> Arrival {
    let busy = || {
        let vus = metrics.get("vus")?;
        let most = metrics.get("vus_max")?.number("max")?;
        let always = vus.number("min")? >= most;
        let mean = metrics.get("iteration_duration")?.number("avg")?;
        let spent = mean * metrics.get("iterations")?.number("count")?;
        Some(always && is_busy(spent, most * metrics.length_ms()?, dropped(metrics)))
    };
    if busy().unwrap_or_default() {
        Arrival::Closed
    } else {
        Arrival::Unknown
    }
}

fn dropped(metrics: &Metrics) -> f64 {
    let dropped = metrics.get("dropped_iterations");
    dropped.and_then(|m| m.number("count")).unwrap_or_default()
}

fn notes(metrics: &Metrics, arrival: Arrival, has_operations: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if has_operations {
        notes.push(
            "of the endpoints the summary has those with a threshold of their own: they need not add up to the total"
                .to_owned(),
        );
    }
    let dropped = dropped(metrics);
    if dropped > 0.0 {
        notes.push(dropped_note(dropped, arrival));
    }
    let checks = metrics
        .checks
        .iter()
        .map(|(name, check)| (name.as_str(), *check));
    notes.extend(checks_note(checks));
    notes.extend(metrics.thresholds_note());
    if metrics.shape == Shape::MachineReadable {
        notes.push("this kind of summary does not tell which thresholds were met".to_owned());
    }
    notes
}
