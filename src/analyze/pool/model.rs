//! Waits by the number of connections.

use crate::stats::{ClosedQueue, OpenQueue, allen_cunneen_factor};

/// Share of requests that the target is made for.
pub(super) const TARGET_PROBABILITY: f64 = 0.95;

/// The target wait as a share of the mean lease.
const TARGET_LEASE_RATIO: f64 = 0.1;

/// The smallest target in milliseconds: shorter waits do not matter to anybody.
const TARGET_MIN_MS: f64 = 1.0;

/// Allen and Cunneen's factor is good to about a quarter (measured by simulation).
const FACTOR_ERROR_RATIO: f64 = 0.25;

/// No size above this is looked at.
const MAX_SIZE: u32 = 10_000;

/// The machine-repair model takes time in proportion to its clients.
const MAX_CLIENTS: u32 = 100_000;

/// How connections are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Demand {
    /// A number of clients, each of which waits for its answer.
    Closed {
        clients: u32,
        /// Mean time of a client between two leases.
        think_ms: f64,
    },
    /// So many leases per second, whatever the answers do.
    Open { per_sec: f64 },
}

/// Demand and leases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Model {
    pub(super) demand: Demand,
    pub(super) lease_ms: f64,
    /// Squared coefficient of variation of leases.
    pub(super) lease_scv: f64,
}

/// What a size comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    pub(super) throughput_per_sec: f64,
    pub(super) wait_p95_ms: f64,
    pub(super) wait_p99_ms: f64,
}

impl Model {
    /// So many times the demand; `None` where it is too large to be computed.
    pub(super) fn times(&self, instances: u32) -> Option<Self> {
        let demand = match self.demand {
            Demand::Closed { clients, think_ms } => Demand::Closed {
                clients: clients
                    .checked_mul(instances)
                    .filter(|n| *n <= MAX_CLIENTS)?,
                think_ms,
            },
            Demand::Open { per_sec } => Demand::Open {
                per_sec: per_sec * f64::from(instances),
            },
        };
        Some(Self { demand, ..*self })
    }

    /// The wait at the 95th percentile that a size has to stay below.
    pub(super) fn target_ms(&self) -> f64 {
        (TARGET_LEASE_RATIO * self.lease_ms).max(TARGET_MIN_MS)
    }

    /// What the model says of a size; `None` where the queue would grow without end.
    pub(super) fn outcome(&self, size: u32) -> Option<Outcome> {
        self.scaled_outcome(size, 1.0)
    }

    fn scaled_outcome(&self, size: u32, correction: f64) -> Option<Outcome> {
        let factor = allen_cunneen_factor(1.0, self.lease_scv) * correction;
        match self.demand {
            Demand::Closed { clients, think_ms } => {
                let solution = ClosedQueue {
                    population: clients,
                    servers: size,
                    service: self.lease_ms,
                    think: think_ms,
                }
                .solve()?;
                Some(Outcome {
                    throughput_per_sec: solution.throughput * 1000.0,
                    wait_p95_ms: solution.wait_quantile(TARGET_PROBABILITY) * factor,
                    wait_p99_ms: solution.wait_quantile(0.99) * factor,
                })
            }
            Demand::Open { per_sec } => {
                let queue = OpenQueue {
                    servers: size,
                    arrival_rate: per_sec / 1000.0,
                    service: self.lease_ms,
                };
                Some(Outcome {
                    throughput_per_sec: per_sec,
                    wait_p95_ms: queue.wait_quantile(TARGET_PROBABILITY)? * factor,
                    wait_p99_ms: queue.wait_quantile(0.99)? * factor,
                })
            }
        }
    }

    /// The smallest size that meets the target.
    pub(super) fn size(&self) -> u32 {
        self.size_for(1.0)
    }

    fn size_for(&self, correction: f64) -> u32 {
        let meets = |size: u32| {
            self.scaled_outcome(size, correction)
                .is_some_and(|o| o.wait_p95_ms <= self.target_ms())
        };
        // Waits fall with every connection that is added, so the first size that meets the target
        // is found by doubling and halving.
        let mut high = 1;
        while high < MAX_SIZE && !meets(high) {
            high *= 2;
        }
        let mut low = high / 2;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if meets(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// Sizes at the ends of what is known: demand off by `error_ratio`, waits by a quarter.
    pub(super) fn size_interval(&self, error_ratio: f64) -> (u32, u32) {
        let shifted = |direction: f64| {
            let mut model = *self;
            model.lease_ms *= 1.0 + direction * error_ratio;
            if let Demand::Open { per_sec } = &mut model.demand {
                *per_sec *= 1.0 + direction * error_ratio;
            }
            model.size_for(1.0 + direction * FACTOR_ERROR_RATIO)
        };
        let middle = self.size();
        (shifted(-1.0).min(middle), shifted(1.0).max(middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_open_size() {
        // λ = 300/s, S = 20 ms: p95 wait ≤ 2 ms (a tenth of the lease) needs 11; 10 gives 3.53.
        let model = Model {
            demand: Demand::Open { per_sec: 300.0 },
            lease_ms: 20.0,
            lease_scv: 1.0,
        };
        assert!((model.target_ms() - 2.0).abs() < 1e-12);
        assert_eq!(model.size(), 11);
        assert!((model.outcome(10).unwrap().wait_p95_ms - 3.5303).abs() < 1e-4);
        assert_eq!(model.outcome(6), None, "ρ = 1 grows without end");
        let (low, high) = model.size_interval(0.1);
        assert!(low < 11 && high > 11, "{low} {high}");
    }

    #[test]
    fn even_leases_need_fewer_connections_than_uneven_ones() {
        let size = |lease_scv| {
            Model {
                demand: Demand::Open { per_sec: 300.0 },
                lease_ms: 20.0,
                lease_scv,
            }
            .size()
        };
        assert!(size(0.0) < size(1.0) && size(1.0) <= size(9.0));
    }

    #[test]
    fn a_closed_loop_never_needs_more_than_its_clients() {
        let model = Model {
            demand: Demand::Closed {
                clients: 16,
                think_ms: 0.0,
            },
            lease_ms: 10.0,
            lease_scv: 1.0,
        };
        assert_eq!(model.size(), 16);
        assert!((model.outcome(4).unwrap().throughput_per_sec - 400.0).abs() < 1e-9);
    }
}
