//! What the theory of queues says of the wait for a connection, beside what was measured.
//!
//! Where a size was measured its wait is known, and the model is only held against it. Between two measured sizes
//! it says what one of those in between would do.

use crate::record::load::Arrival;
use crate::record::sweep::PoolSweep;
use crate::stats::{ClosedQueue, OpenQueue, allen_cunneen_factor};

use super::choose::Choice;
use super::points::Point;

/// Leases of two sizes are as long if they differ by less than this share (ours): then one model holds for both.
const SAME_LEASE_RATIO: f64 = 0.1;

/// Leases without which their spread is not known well enough (ours).
const ENOUGH_LEASES: u64 = 200;

/// Sizes that are named, at most.
const NAMED: u32 = 4;

/// A mean wait that does not matter, as a share of a lease, and in milliseconds (ours).
const SMALL_WAIT_RATIO: f64 = 0.1;
const SMALL_WAIT_MS: f64 = 1.0;

/// Times the largest measured size beyond which no size is looked for: the leases there are anybody's guess (ours).
const FURTHEST: u32 = 4;

/// The queue at the permits of a pool, with the demand and the leases of a measured size.
#[derive(Debug, Clone, Copy)]
struct Queue {
    demand: Demand,
    lease_ms: f64,
    /// Squared coefficient of variation of the leases.
    lease_scv: f64,
    /// Of the times between arrivals.
    arrival_scv: f64,
}

#[derive(Debug, Clone, Copy)]
enum Demand {
    Open { per_sec: f64 },
    Closed { clients: u32, think_ms: f64 },
}

impl Queue {
    /// `None` where too little is known of the leases.
    fn of(point: &Point, sweep: &PoolSweep) -> Option<Self> {
        if point.lease.count() < ENOUGH_LEASES || point.occupied_ms <= 0.0 {
            return None;
        }
        let mean = point.lease.mean_ms()?;
        let spread = point.lease.stddev_ms()? / mean;
        let demand = if sweep.arrival == Arrival::Open {
            Demand::Open {
                per_sec: point.acquires_per_sec,
            }
        } else {
            // The law of closed loops (Denning and Buzen 1978): Z = N/X − R.
            let cycle_ms = f64::from(sweep.clients) / point.acquires_per_sec * 1000.0;
            Demand::Closed {
                clients: sweep.clients,
                think_ms: (cycle_ms - point.wait_mean_ms() - point.occupied_ms).max(0.0),
            }
        };
        Some(Self {
            demand,
            lease_ms: point.occupied_ms,
            lease_scv: spread * spread,
            arrival_scv: sweep.arrival_scv.unwrap_or(1.0),
        })
    }

    /// Mean wait with so many connections; `None` where the queue grows without end.
    ///
    /// The waits of exponential leases are corrected for the spread of leases and arrivals (Allen and Cunneen). In a
    /// closed loop that holds for what lies above the wait that the number of clients enforces by itself
    /// (N·S/c − S − Z), which does not depend on any spread.
    fn mean_wait_ms(&self, size: u32) -> Option<f64> {
        let factor = allen_cunneen_factor(self.arrival_scv, self.lease_scv);
        match self.demand {
            Demand::Open { per_sec } => {
                let queue = OpenQueue {
                    servers: size,
                    arrival_rate: per_sec / 1000.0,
                    service: self.lease_ms,
                };
                Some(queue.mean_wait()? * factor)
            }
            Demand::Closed { clients, think_ms } => {
                let queue = ClosedQueue {
                    population: clients,
                    servers: size,
                    service: self.lease_ms,
                    think: think_ms,
                };
                let wait = queue.solve()?.mean_wait;
                let round = f64::from(clients) * self.lease_ms / f64::from(size);
                let enforced = (round - self.lease_ms - think_ms).max(0.0);
                Some(enforced + (wait - enforced).max(0.0) * factor)
            }
        }
    }

    fn name(&self) -> String {
        let model = match self.demand {
            Demand::Open { .. } => "Erlang C",
            Demand::Closed { .. } => "machine repair",
        };
        format!(
            "{model}, leases of {:.1} ms with a squared coefficient of variation of {:.2}",
            self.lease_ms, self.lease_scv
        )
    }
}

/// How many connections would do where the server could spare no more of them, and clients wait at the largest size.
pub(super) fn beyond(choice: &Choice<'_>, sweep: &PoolSweep) -> Option<String> {
    let largest = choice.chosen;
    if sweep.bound.is_none() || choice.above.is_some() {
        return None;
    }
    let queue = Queue::of(largest, sweep)?;
    let small = (SMALL_WAIT_RATIO * queue.lease_ms).max(SMALL_WAIT_MS);
    if largest.wait_mean_ms() <= small {
        return None;
    }
    let mut sizes = largest.size + 1..=largest.size.saturating_mul(FURTHEST);
    let enough = sizes.find(|size| queue.mean_wait_ms(*size).is_some_and(|ms| ms <= small))?;
    Some(format!(
        "clients wait {:.1} ms on average with {}, the most that the server could spare; by the model {enough} would bring \
         that below {small:.1} ms, if leases stayed as long as they are ({}): not measured",
        largest.wait_mean_ms(),
        largest.size,
        queue.name()
    ))
}

/// The model held against what was measured at the chosen size and the next smaller one, and what it says of those
/// between them. `None` where the leases of the two differ, since then the database decides and no queue.
pub(super) fn words(choice: &Choice<'_>, sweep: &PoolSweep) -> Option<String> {
    let (chosen, below) = (choice.chosen, choice.below?);
    let queue = Queue::of(chosen, sweep)?;
    if (below.occupied_ms / chosen.occupied_ms - 1.0).abs() > SAME_LEASE_RATIO {
        return None;
    }
    let step = (chosen.size - below.size).div_ceil(NAMED);
    let sizes = (below.size..chosen.size).step_by(step as usize);
    let said: Vec<String> = sizes
        .chain([chosen.size])
        .map(|size| {
            let measured = [below, chosen].into_iter().find(|p| p.size == size);
            let measured = measured.map_or_else(String::new, |point| {
                format!(" (measured: {:.1} ms)", point.wait_mean_ms())
            });
            match queue.mean_wait_ms(size) {
                Some(ms) => format!("{ms:.1} ms with {size}{measured}"),
                None => format!("without end with {size}{measured}"),
            }
        })
        .collect();
    Some(format!(
        "mean waits by the model, good to about a quarter ({}): {}",
        queue.name(),
        said.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(lease_scv: f64, arrival_scv: f64) -> Queue {
        Queue {
            demand: Demand::Open { per_sec: 400.0 },
            lease_ms: 20.0,
            lease_scv,
            arrival_scv,
        }
    }

    #[test]
    fn the_worked_waits_of_an_open_loop() {
        // a = 8, c = 10: 0.102295, 0.204590 and 0.511475 leases for variations of 0, 1 and 4.
        for (scv, leases) in [(0.0, 0.102_295), (1.0, 0.204_590), (4.0, 0.511_475)] {
            let wait = open(scv, 1.0).mean_wait_ms(10).unwrap();
            assert!((wait - 20.0 * leases).abs() < 1e-4, "{wait}");
        }
        assert!(open(1.0, 0.0).mean_wait_ms(10) < open(1.0, 1.0).mean_wait_ms(10));
        assert_eq!(open(1.0, 1.0).mean_wait_ms(8), None);
    }

    #[test]
    fn the_worked_waits_of_a_closed_loop() {
        let closed = |clients, think_ms, lease_scv| Queue {
            demand: Demand::Closed { clients, think_ms },
            lease_ms: 20.0,
            lease_scv,
            arrival_scv: 1.0,
        };
        let wait = closed(20, 80.0, 1.0).mean_wait_ms(4).unwrap();
        assert!((wait - 11.7822).abs() < 1e-4, "{wait}");
        // Twelve clients without a pause at four connections: each waits for two others, whatever the spread.
        for scv in [0.0, 1.0, 9.0] {
            let wait = closed(12, 0.0, scv).mean_wait_ms(4).unwrap();
            assert!((wait - 40.0).abs() < 1e-9, "{wait}");
        }
    }
}
