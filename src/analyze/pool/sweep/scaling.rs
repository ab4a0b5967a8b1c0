//! Capacity over the size of the pool, by Gunther's law.

use crate::analyze::conclusions::{Estimate, Scaling, ScalingPeak};
use crate::record::load::Arrival;
use crate::record::sweep::{PoolSweep, Purpose};
use crate::stats::{Peak, UslEstimate, UslFit, UslPoint};

/// The law fitted to the throughput of every block, or why there is no fit. Blocks of one size are points of
/// their own, so that the scatter of the machine is in the intervals.
pub(super) fn fit(sweep: &PoolSweep) -> Result<UslFit, String> {
    if sweep.arrival != Arrival::Closed || sweep.thinks {
        return Err(
            "a rate, or pauses between requests, decide how much is done: capacity shows in a closed loop \
             without pauses"
                .to_owned(),
        );
    }
    let blocks = sweep
        .blocks
        .iter()
        .filter(|b| b.purpose == Purpose::Explore);
    let points = blocks.filter_map(|block| {
        Some(UslPoint {
            concurrency: f64::from(block.pool_size),
            throughput: block.throughput().filter(|rate| *rate > 0.0)?,
            error: None,
        })
    });
    UslFit::new(&points.collect::<Vec<_>>()).map_err(|error| error.to_string())
}

/// What the fit says.
pub(in crate::analyze::pool) fn scaling(sweep: &PoolSweep) -> Scaling {
    match fit(sweep) {
        Err(reason) => Scaling {
            reason: Some(reason),
            ..Scaling::default()
        },
        Ok(fit) => Scaling {
            lambda_per_sec: Some(estimate(&fit.lambda)),
            sigma_ratio: Some(estimate(&fit.sigma)),
            kappa_ratio: Some(estimate(&fit.kappa)),
            deviation_ratio: Some(fit.deviation),
            peak: match &fit.peak {
                Peak::Seen(peak) => Some(ScalingPeak {
                    pool_size: peak.best,
                    pool_size_low: peak.interval.low,
                    pool_size_high: peak.interval.high,
                    throughput_per_sec: peak.throughput,
                }),
                Peak::NotSeen { .. } | Peak::BeforeFirst { .. } => None,
            },
            reason: match &fit.peak {
                Peak::Seen(_) => None,
                Peak::NotSeen { up_to } => {
                    Some(format!("no peak seen up to {up_to:.0} connections"))
                }
                Peak::BeforeFirst { from } => {
                    Some(format!("throughput falls from {from:.0} connections on"))
                }
            },
        },
    }
}

fn estimate(of: &UslEstimate) -> Estimate {
    Estimate {
        value: of.value,
        low: of.interval.low,
        high: of.interval.high,
    }
}
