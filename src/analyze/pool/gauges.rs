//! How the demand of a replay varied, by the gauges of its pool.

use crate::record::pool::PoolRecord;
use crate::stats::{LoadSlice, MIN_SLICES};

use super::interval::Sampled;
use super::model::{Demand, Model};
use super::slices::{Cut, Slices, Stretch};

/// The demand over the window.
pub(super) struct Varying {
    pub(super) sampled: Sampled,
    /// The rush and what is to be said of it; of an open loop only, because the clients of a closed one are as
    /// many throughout.
    pub(super) busiest: Option<Stretch>,
    pub(super) words: Option<String>,
}

/// Connections and waiting clients, at the moments of the gauges.
struct Gauges {
    cut: Cut,
    in_use: Vec<f64>,
    waiting: Vec<f64>,
    gap_ms: f64,
}

impl Gauges {
    fn of(pool: &PoolRecord) -> Self {
        let gauges = &pool.gauges;
        let moments: Vec<f64> = gauges.iter().map(|g| g.at.0).collect();
        Self {
            gap_ms: match moments.as_slice() {
                [first, .., last] => (last - first) / (moments.len() - 1) as f64,
                _ => 0.0,
            },
            cut: Cut::of(&moments),
            in_use: gauges.iter().map(|g| f64::from(g.in_use)).collect(),
            waiting: gauges.iter().map(|g| f64::from(g.waiting)).collect(),
        }
    }

    /// A closed loop: the rate that was served, and the time from asking to giving back. By Little's law the first
    /// goes with the connections in use, the waits with those who wait over those who are served.
    fn closed(&self, per_ms: f64, lease_ms: f64, wait_ms: f64) -> Vec<LoadSlice> {
        let in_use = self.cut.means(&self.in_use);
        let waiting = self.cut.means(&self.waiting);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (all_in_use, all_waiting) = (mean(&in_use), mean(&waiting));
        let slices = in_use.iter().zip(&waiting).map(|(in_use, waiting)| {
            let served = in_use / all_in_use;
            let waited = if all_waiting > 0.0 && served > 0.0 {
                waiting / all_waiting / served
            } else {
                1.0
            };
            LoadSlice {
                arrival_rate: per_ms * served,
                service: lease_ms + wait_ms * waited,
            }
        });
        slices.collect()
    }

    /// An open loop: connections that the arrivals of each slice ask for. What arrived in a slice is what left in
    /// it and what came on top, so that a pool with all connections in use does not hide a rush.
    fn open(self, lease_ms: f64) -> Slices {
        // A gauge sees a lease of the one before with the chance exp(−gap ÷ lease).
        let again = (-self.gap_ms / lease_ms).exp();
        let per_lease = 1.0 / (1.0 - again.min(0.999));
        let inside: Vec<f64> = self
            .in_use
            .iter()
            .zip(&self.waiting)
            .map(|(a, b)| a + b)
            .collect();
        let mut slices = Slices::counted(self.cut, &self.in_use, per_lease);
        let part = lease_ms / slices.cut.length_ms;
        for (level, readings) in slices.levels.iter_mut().zip(&slices.cut.readings) {
            let end = readings.end.min(inside.len() - 1);
            *level = (*level + (inside[end] - inside[readings.start]) * part).max(0.0);
        }
        // Both ends of a slice have the noise of one reading.
        slices.noise += 2.0 * part * part;
        slices
    }
}

/// The demand of a replay that was served so many leases per millisecond, after a mean wait.
pub(super) fn varying(pool: &PoolRecord, model: &Model, per_ms: f64, wait_ms: f64) -> Varying {
    let gauges = Gauges::of(pool);
    let enough = gauges.cut.readings.len() >= MIN_SLICES && gauges.in_use.iter().any(|n| *n > 0.0);
    let unknown = |sampled| Varying {
        sampled,
        busiest: None,
        words: None,
    };
    if !enough {
        return unknown(Sampled::Unseen);
    }
    if let Demand::Closed { .. } = model.demand {
        return unknown(Sampled::Slices {
            loads: gauges.closed(per_ms, model.lease_ms, wait_ms),
            chance_ratio: 0.0,
        });
    }
    let slices = gauges.open(model.lease_ms);
    if !slices.are_enough() {
        return unknown(Sampled::Unseen);
    }
    let busiest = slices.busiest();
    Varying {
        words: Some(slices.words(busiest.as_ref(), "asked for")),
        sampled: match &busiest {
            Some(stretch) => Sampled::Busiest(stretch.error_ratio),
            None => Sampled::Slices {
                loads: slices.loads(per_ms, model.lease_ms),
                chance_ratio: 0.0,
            },
        },
        busiest,
    }
}
