//! Gatling's report (`js/stats.json`, `js/global_stats.json`) and its text `simulation.log` of the versions up to 3.11.

mod log;
mod stats;

use crate::record::load::{Arrival, FailuresTimed, LoadSource, Omission, PercentileMethod};

use super::list::Refusal;

pub(super) use log::{read as read_log, recognises as recognises_log};
pub(super) use stats::{read as read_stats, recognises as recognises_stats};

/// Why `js/stats.js` is not read.
pub(super) const SCRIPT: Refusal = Refusal {
    why: "it is a script and no JSON",
    instead: "give js/stats.json beside it",
};

/// `js/stats.js`.
pub(super) fn recognises_script(head: &str) -> bool {
    head.trim_start().starts_with("var stats = {") && head.contains("numberOfRequests")
}

/// Gatling injects users on a schedule or keeps a number of them; neither file tells.
fn origin(file: &str, percentile_method: PercentileMethod) -> LoadSource {
    LoadSource {
        tool: "gatling".to_owned(),
        files: vec![file.to_owned()],
        arrival: Arrival::Unknown,
        omission: Omission::Unknown,
        failures_timed: FailuresTimed::All,
        percentile_method,
        notes: vec![
            "times are whole milliseconds, and the connection is part of them".to_owned(),
            "whether users arrive on a schedule is not told".to_owned(),
        ],
        ..LoadSource::default()
    }
}

#[cfg(test)]
mod tests;
