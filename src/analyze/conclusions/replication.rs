//! Standbys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Basis;

/// Standbys and slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Replication {
    /// By standby.
    pub standbys: Vec<StandbyState>,
    /// Replication slots.
    pub slots: Vec<SlotState>,
}

/// What a standby is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StandbyVerdict {
    /// It replays what it receives.
    Streaming,
    /// It has everything; the primary wrote nothing.
    Idle,
    /// Its replay is paused.
    Paused,
    /// It delays on purpose (`recovery_min_apply_delay`).
    Delayed,
    /// It receives nothing.
    Severed,
    /// It could not be asked, so what it does is not known.
    Unknown,
}

/// A figure of the lag that can be a lower bound, in ascending order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LagFigure {
    /// The median.
    P50,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The largest.
    Max,
}

/// Delay of visibility over the window. What was written before the window began counts as later
/// than all else; a figure that falls on it is a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Lag {
    /// Median over time, in milliseconds.
    pub p50: Option<f64>,
    /// 95th percentile over time, in milliseconds.
    pub p95: Option<f64>,
    /// 99th percentile over time, in milliseconds.
    pub p99: Option<f64>,
    /// Largest, in milliseconds.
    pub max: Option<f64>,
    /// At the end of the window, in milliseconds.
    pub last: Option<f64>,
    /// The first figure that is a lower bound; the larger ones are, too. `null` where none is.
    #[serde(default)]
    pub bound_from: Option<LagFigure>,
}

impl Lag {
    /// Whether a figure is a lower bound only.
    #[must_use]
    pub fn is_bound(&self, figure: LagFigure) -> bool {
        self.bound_from.is_some_and(|from| from <= figure)
    }
}

/// One standby.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StandbyState {
    /// Name.
    pub name: String,
    /// `pg_stat_replication.state`, as the primary sees it.
    pub state: Option<String>,
    /// What it is doing.
    pub verdict: StandbyVerdict,
    /// How the lag was obtained.
    pub basis: Basis,
    /// Delay of visibility; all `null` where it is unknown.
    pub lag_ms: Lag,
    /// Bytes behind at the end of the window.
    pub lag_bytes: Option<u64>,
    /// Time to catch up at the observed rates; `null` where it does not catch up or is not behind.
    pub catch_up_sec: Option<f64>,
    /// What one has to know to read it.
    pub note: Option<String>,
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlotState {
    /// `slot_name`.
    pub name: String,
    /// `active`.
    pub active: bool,
    /// `wal_status`.
    pub wal_status: Option<String>,
    /// WAL kept back by it.
    pub retained_bytes: Option<u64>,
}
