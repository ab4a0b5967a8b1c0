//! The lag of one standby over the window, and what follows from it.

use super::curve::{Curve, Delay, rate};
use crate::analyze::conclusions::{Basis, Lag, LagFigure, StandbyState, StandbyVerdict};
use crate::record::replication::LsnPoint;
use crate::stats::time_weighted_quantile;

/// A primary that wrote no more than this over the window is idle: one WAL page. Even an idle
/// server writes a record of running transactions now and then (ours).
const IDLE_GROWTH_BYTES: u64 = 8192;

/// The lag curve of one standby and what follows from it.
#[derive(Default)]
pub(super) struct Measured {
    /// (moment, lag), both in milliseconds. Of a lag that began before the window, what was seen of it.
    least: Vec<(f64, f64)>,
    /// The same, with a lag that began before the window longer than any other.
    most: Vec<(f64, f64)>,
    /// At the end only a lower bound is known.
    bounded: bool,
    lag_bytes: Option<u64>,
    catch_up_sec: Option<f64>,
    primary_growth: Option<u64>,
}

impl Measured {
    /// `primary` and `positions` (replayed ones) in the order of time.
    pub(super) fn new(primary: &[LsnPoint], positions: &[LsnPoint]) -> Self {
        let Some(curve) = Curve::new(primary) else {
            return Self::default();
        };
        let bound = |delay: &Delay| matches!(delay, Delay::AtLeast(_));
        let begin = primary[0].at.0;
        let delays: Vec<(f64, Delay)> = positions
            .iter()
            .map(|p| (p.at.0, curve.delay(p.at.0, p.lsn)))
            // Before the first position of the primary there is nothing to be behind of.
            .filter(|(at, delay)| *at > begin || !bound(delay))
            .collect();
        let lags = |unknown: fn(f64) -> f64| {
            let lag = |delay: Delay| match delay {
                Delay::CaughtUp => 0.0,
                Delay::Behind(lag) => lag,
                Delay::AtLeast(lag) => unknown(lag),
            };
            delays
                .iter()
                .map(|(at, delay)| (*at, lag(*delay)))
                .collect()
        };
        let behind = |p: &LsnPoint| match curve.delay(p.at.0, p.lsn) {
            Delay::CaughtUp => 0,
            Delay::Behind(_) | Delay::AtLeast(_) => curve.at(p.at.0).bytes_since(p.lsn).0,
        };
        let lag_bytes = positions.last().map(behind);
        Self {
            least: lags(|lag| lag),
            most: lags(|_| f64::INFINITY),
            bounded: delays.last().is_some_and(|(_, delay)| bound(delay)),
            lag_bytes,
            catch_up_sec: catch_up(lag_bytes, rate(positions), curve.rate()),
            primary_growth: Some(curve.growth()),
        }
    }

    /// The primary wrote next to nothing, and the standby has all of it.
    pub(super) fn idle(&self) -> bool {
        self.primary_growth.is_some_and(|g| g <= IDLE_GROWTH_BYTES) && self.lag_bytes == Some(0)
    }

    /// The quantile at `probability` (0 to 1) in milliseconds, and whether it is a lower bound. One
    /// that is none is not too small: what is not known counts as the worst.
    fn quantile(&self, probability: f64) -> Option<(f64, bool)> {
        let most = time_weighted_quantile(&self.most, probability)?;
        if most.is_finite() {
            return Some((most, false));
        }
        let least = time_weighted_quantile(&self.least, probability)?;
        Some((least, true))
    }

    fn lag(&self) -> Lag {
        let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|q| self.quantile(q));
        let largest = |lags: &[(f64, f64)]| lags.iter().map(|l| l.1).max_by(f64::total_cmp);
        let max = largest(&self.least);
        let max_is_bound = largest(&self.most).is_some_and(f64::is_infinite);
        let figures = [
            (LagFigure::P50, p50),
            (LagFigure::P95, p95),
            (LagFigure::P99, p99),
            (LagFigure::Max, max.map(|max| (max, max_is_bound))),
        ];
        let value = |figure: Option<(f64, bool)>| figure.map(|(ms, _)| ms);
        Lag {
            p50: value(p50),
            p95: value(p95),
            p99: value(p99),
            max,
            last: self.least.last().map(|l| l.1),
            bound_from: figures
                .into_iter()
                .find(|(_, figure)| figure.is_some_and(|(_, bound)| bound))
                .map(|(name, _)| name),
        }
    }

    /// The conclusion; `basis` is that of a lag that is known.
    pub(super) fn state(
        self,
        name: &str,
        state: Option<String>,
        verdict: StandbyVerdict,
        basis: Basis,
        mut notes: Vec<String>,
    ) -> StandbyState {
        let lag = self.lag();
        let bounded = self.bounded || lag.is_bound(LagFigure::P95);
        notes.extend(self.note(&lag));
        StandbyState {
            name: name.to_owned(),
            state,
            verdict,
            basis: match (self.least.is_empty(), bounded) {
                (true, _) => Basis::NotMeasured,
                (false, true) => Basis::Bound,
                (false, false) => basis,
            },
            lag_ms: lag,
            lag_bytes: self.lag_bytes,
            catch_up_sec: self.catch_up_sec,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }

    /// Which figures are lower bounds. The largest alone says nothing worth a note: most windows
    /// begin while something is on its way.
    fn note(&self, lag: &Lag) -> Option<String> {
        if self.bounded {
            return Some(
                "what it replays was written before the window began: its lag is at least this"
                    .to_owned(),
            );
        }
        let from = match lag.bound_from? {
            LagFigure::P50 => "p50",
            LagFigure::P95 => "p95",
            LagFigure::P99 => "p99",
            LagFigure::Max => return None,
        };
        Some(format!(
            "at first it replayed what was written before the window began: its lag from {from} on \
             is at least this"
        ))
    }
}

/// Bytes behind over the rate at which the standby gains on the primary (both per millisecond).
fn catch_up(lag_bytes: Option<u64>, replay_rate: f64, write_rate: f64) -> Option<f64> {
    let behind = lag_bytes.filter(|bytes| *bytes > 0)?;
    let gain = replay_rate - write_rate;
    (gain > 0.0).then(|| behind as f64 / gain / 1000.0)
}
