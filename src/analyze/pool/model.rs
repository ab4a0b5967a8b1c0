//! Waits by the number of connections.

use crate::stats::{ClosedQueue, OpenQueue, allen_cunneen_factor, round_to_count};

/// Share of requests that the target is made for.
pub(super) const TARGET_PROBABILITY: f64 = 0.95;

/// The target wait as a share of the mean lease.
const TARGET_LEASE_RATIO: f64 = 0.1;

/// The smallest target in milliseconds: shorter waits do not matter to anybody.
const TARGET_MIN_MS: f64 = 1.0;

/// No size above this is looked at.
pub(super) const MAX_SIZE: u32 = 10_000;

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

    /// Leases that are so many times as long, asked for as often.
    pub(super) fn with_lease(&self, times: f64) -> Self {
        Self {
            lease_ms: self.lease_ms * times,
            ..*self
        }
    }

    /// Connections asked for so many times as often: by more arrivals, or after so much less thinking.
    pub(super) fn with_demand(&self, times: f64) -> Self {
        let demand = match self.demand {
            Demand::Open { per_sec } => Demand::Open {
                per_sec: per_sec * times,
            },
            Demand::Closed { clients, think_ms } => Demand::Closed {
                clients,
                think_ms: think_ms / times,
            },
        };
        Self { demand, ..*self }
    }

    /// The wait at the 95th percentile that a size has to stay below.
    pub(super) fn target_ms(&self) -> f64 {
        (TARGET_LEASE_RATIO * self.lease_ms).max(TARGET_MIN_MS)
    }

    /// What the model says of a size; `None` where the queue would grow without end.
    pub(super) fn outcome(&self, size: u32) -> Option<Outcome> {
        let factor = allen_cunneen_factor(1.0, self.lease_scv);
        match self.demand {
            Demand::Closed { .. } => {
                let solution = self.closed(size)?.solve()?;
                Some(Outcome {
                    throughput_per_sec: solution.throughput * 1000.0,
                    wait_p95_ms: solution.wait_quantile(TARGET_PROBABILITY) * factor,
                    wait_p99_ms: solution.wait_quantile(0.99) * factor,
                })
            }
            Demand::Open { per_sec } => {
                let queue = self.open(size)?;
                Some(Outcome {
                    throughput_per_sec: per_sec,
                    wait_p95_ms: queue.wait_quantile(TARGET_PROBABILITY)? * factor,
                    wait_p99_ms: queue.wait_quantile(0.99)? * factor,
                })
            }
        }
    }

    fn closed(&self, size: u32) -> Option<ClosedQueue> {
        match self.demand {
            Demand::Closed { clients, think_ms } => Some(ClosedQueue {
                population: clients,
                servers: size,
                service: self.lease_ms,
                think: think_ms,
            }),
            Demand::Open { .. } => None,
        }
    }

    fn open(&self, size: u32) -> Option<OpenQueue> {
        match self.demand {
            Demand::Open { per_sec } => Some(OpenQueue {
                servers: size,
                arrival_rate: per_sec / 1000.0,
                service: self.lease_ms,
            }),
            Demand::Closed { .. } => None,
        }
    }

    /// The smallest size that meets the target; `None` where none of up to [`MAX_SIZE`] does.
    pub(super) fn size(&self) -> Option<u32> {
        self.size_with_waits(1.0)
    }

    /// The same with waits that are so many times as long as the formulas say.
    pub(super) fn size_with_waits(&self, times: f64) -> Option<u32> {
        // Where the load keeps so many busy, fewer are too few and not many more are needed, so the search
        // begins there: each step of it takes time in proportion to the clients.
        let start = round_to_count(self.busy().ceil()).clamp(1, MAX_SIZE);
        let meets = |size: u32| self.meets_target(size, times);
        let (mut low, mut high) = (0, start);
        while !meets(high) {
            if high == MAX_SIZE {
                return None;
            }
            low = high;
            high = (high + (high - start).max(1)).min(MAX_SIZE);
        }
        // Waits fall with every connection that is added, so the first size that meets the target is
        // found by halving.
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if meets(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }

    /// Connections that are in use on average where nobody waits.
    fn busy(&self) -> f64 {
        match self.demand {
            Demand::Closed { clients, think_ms } => {
                f64::from(clients) * self.lease_ms / (self.lease_ms + think_ms)
            }
            Demand::Open { per_sec } => per_sec / 1000.0 * self.lease_ms,
        }
    }

    /// Whether few enough waits are above the target. One probability tells, where the quantile that it
    /// belongs to would need a hundred.
    fn meets_target(&self, size: u32, times: f64) -> bool {
        let factor = allen_cunneen_factor(1.0, self.lease_scv) * times;
        let limit = self.target_ms() / factor;
        let closed = self.closed(size).and_then(|queue| queue.wait_above(limit));
        let above = closed.or_else(|| self.open(size)?.wait_above(limit));
        above.is_some_and(|share| share <= 1.0 - TARGET_PROBABILITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(per_sec: f64, lease_scv: f64) -> Model {
        Model {
            demand: Demand::Open { per_sec },
            lease_ms: 20.0,
            lease_scv,
        }
    }

    fn closed(clients: u32, think_ms: f64) -> Model {
        Model {
            demand: Demand::Closed { clients, think_ms },
            lease_ms: 10.0,
            lease_scv: 1.0,
        }
    }

    #[test]
    fn the_worked_open_size() {
        // λ = 300/s, S = 20 ms: p95 wait ≤ 2 ms (a tenth of the lease) needs 11; 10 gives 3.53.
        let model = open(300.0, 1.0);
        assert!((model.target_ms() - 2.0).abs() < 1e-12);
        assert_eq!(model.size(), Some(11));
        assert!((model.outcome(10).unwrap().wait_p95_ms - 3.5303).abs() < 1e-4);
        assert_eq!(model.outcome(6), None, "ρ = 1 grows without end");
    }

    #[test]
    fn even_leases_need_fewer_connections_than_uneven_ones() {
        let size = |lease_scv| open(300.0, lease_scv).size().unwrap();
        assert!(size(0.0) < size(1.0) && size(1.0) <= size(9.0));
    }

    #[test]
    fn a_closed_loop_never_needs_more_than_its_clients() {
        let model = closed(16, 0.0);
        assert_eq!(model.size(), Some(16));
        assert!((model.outcome(4).unwrap().throughput_per_sec - 400.0).abs() < 1e-9);
    }

    #[test]
    fn the_size_is_the_first_whose_quantile_meets_the_target() {
        let by_quantile = |model: &Model, times: f64| {
            let meets = |size: &u32| {
                let outcome = model.outcome(*size);
                outcome.is_some_and(|o| o.wait_p95_ms * times <= model.target_ms())
            };
            (1..=200).find(meets)
        };
        for rate in [0.01, 0.5, 3.0, 40.0, 300.0, 2000.0] {
            for times in [0.75, 1.0, 1.25] {
                let model = open(rate, 2.0);
                assert_eq!(model.size_with_waits(times), by_quantile(&model, times));
            }
        }
        for (clients, think_ms) in [(1, 5.0), (20, 80.0), (60, 0.5), (100, 1e6)] {
            let model = closed(clients, think_ms);
            assert_eq!(model.size(), by_quantile(&model, 1.0), "{clients}");
        }
    }

    #[test]
    fn no_size_is_said_where_none_meets_the_target() {
        // 20 000 connections busy, and no pool as large as that is looked at.
        assert_eq!(open(1_000_000.0, 1.0).size(), None);
        assert_eq!(closed(20_000, 0.0).size(), None);
        let most = open(495_000.0, 1.0).size();
        assert!(most.is_some_and(|size| size <= MAX_SIZE), "{most:?}");
    }
}
