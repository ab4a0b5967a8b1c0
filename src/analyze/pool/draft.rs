//! What both ways to a size have in common.

use crate::analyze::conclusions::{Evidence, Expected};
use crate::record::Run;
use crate::stats::round_to_count;

use super::model::Model;

/// A pool is too large if the 99th percentile in use is below this share of it.
pub(super) const OVERSIZED_RATIO: f64 = 0.5;

/// Connections per core of the start value of `HikariCP`'s guide (SSD or cached data).
pub(super) const CONNECTIONS_PER_CORE: u32 = 2;

/// Held idle as a share of the time in use from which leases are to be shortened first.
pub(super) const HELD_IDLE_RATIO: f64 = 0.5;

/// What a size is made for where the cores are busy.
pub(super) const CORES_TARGET: &str = "no more connections than the cores of the server can serve";

/// What a size is made for where sessions wait for each other or for the disk.
pub(super) const WAITS_TARGET: &str =
    "no more connections than now: they are not what the sessions wait for";

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

/// The number of connections at which every core is busy, at the present CPU use of those in use.
pub(super) fn cores_full_at(cores: Option<f64>, on_cpu: f64, in_use: f64) -> Option<u32> {
    let per_connection = (on_cpu / in_use).min(1.0);
    let full = (cores? / per_connection).ceil();
    (in_use > 0.0 && full.is_finite()).then(|| round_to_count(full).max(1))
}
