//! What both ways to a size have in common.

use crate::analyze::conclusions::{Evidence, Expected};
use crate::record::Run;
use crate::stats::student_t_quantile;

use super::model::Model;

/// A pool is too large if the 99th percentile in use is below this share of it.
pub(super) const OVERSIZED_RATIO: f64 = 0.5;

/// Connections per core of the start value of `HikariCP`'s guide (SSD or cached data).
pub(super) const CONNECTIONS_PER_CORE: u32 = 2;

/// Slices of time for the error of the demand.
pub(super) const SLICES: usize = 20;

/// Error of the demand that is assumed where only the server's side was seen: a lease is then taken
/// for one transaction.
pub(super) const OBSERVED_ERROR_RATIO: f64 = 0.25;

/// What was decided before the budget is applied; sizes per instance.
pub(super) struct Draft {
    pub(super) size: u32,
    /// Connections that one pool for the load of all instances would need.
    pub(super) fleet_size: u32,
    pub(super) interval: Option<(u32, u32)>,
    pub(super) verdict: &'static str,
    pub(super) evidence: Evidence,
    pub(super) target: String,
    pub(super) expected: Expected,
    pub(super) reasons: Vec<String>,
}

/// The model says nothing of a size that was cut, nor of cores that are not there.
pub(super) const UNKNOWN: Expected = Expected {
    throughput_per_sec: None,
    p99_ms: None,
    wait_p99_ms: None,
};

pub(super) fn target_text(model: &Model) -> String {
    format!(
        "95 % of waits for a connection at most {:.1} ms (a tenth of the mean lease of {:.1} ms, \
         at least 1 ms)",
        model.target_ms(),
        model.lease_ms
    )
}

/// Cores of the server, where they are known.
pub(super) fn cores(run: &Run) -> Option<f64> {
    let told = run.server.as_ref().and_then(|s| s.cores);
    let here = run.host.cores.filter(|_| run.host.server_is_local);
    told.or(here).map(f64::from)
}

/// Relative error of a mean over time from the means of [`SLICES`] slices: Student's t, 95 %.
pub(super) fn slice_error(values: &[f64]) -> Option<f64> {
    let length = values.len() / SLICES;
    if length == 0 {
        return None;
    }
    let means: Vec<f64> = values
        .chunks_exact(length)
        .map(|c| c.iter().sum::<f64>() / length as f64)
        .collect();
    let count = means.len() as f64;
    let mean = means.iter().sum::<f64>() / count;
    let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let t = student_t_quantile(0.975, count - 1.0)?;
    (mean > 0.0).then(|| t * (variance / count).sqrt() / mean)
}
