//! Queues: what a number of servers (connections) does to the wait of those who need one.
//!
//! Times may be in any unit as long as they are all in the same one.

/// Mean number in a system by Little's law (Little 1961): arrivals per unit of time × mean time
/// spent. For a pool the time is that of the **lease**; statement time alone gives too small a
/// pool.
#[must_use]
pub fn little_concurrency(arrival_rate: f64, mean_time: f64) -> f64 {
    arrival_rate * mean_time
}

/// Share of arrivals that find all `servers` busy and are lost (Erlang 1917), with `offered` =
/// arrival rate × mean service time. By recurrence: factorials overflow.
#[must_use]
pub fn erlang_b(offered: f64, servers: u32) -> f64 {
    let mut blocked = 1.0;
    for n in 1..=servers {
        blocked = offered * blocked / (f64::from(n) + offered * blocked);
    }
    blocked
}

/// Share of arrivals that have to wait for one of `servers` (Erlang 1917): M/M/c. `None` where the
/// queue grows without end (`offered` ≥ `servers`).
#[must_use]
pub fn erlang_c(offered: f64, servers: u32) -> Option<f64> {
    let count = f64::from(servers);
    if offered.is_nan() || offered < 0.0 || offered >= count {
        return None;
    }
    let blocked = erlang_b(offered, servers);
    Some(count * blocked / (count - offered * (1.0 - blocked)))
}

/// Factor by which waits of M/M/c are multiplied for other distributions (Allen 1978, after
/// Cunneen): the mean of the squared coefficients of variation of the times between arrivals and
/// of the service times. Good to about a quarter.
#[must_use]
pub fn allen_cunneen_factor(arrival_scv: f64, service_scv: f64) -> f64 {
    f64::midpoint(arrival_scv, service_scv)
}

/// Arrivals that do not depend on the answers (Poisson), exponential service: M/M/c.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenQueue {
    /// Number of servers.
    pub servers: u32,
    /// Arrivals per unit of time.
    pub arrival_rate: f64,
    /// Mean service time.
    pub service: f64,
}

impl OpenQueue {
    fn spare(&self) -> f64 {
        f64::from(self.servers) - little_concurrency(self.arrival_rate, self.service)
    }

    /// Probability of having to wait; `None` where the queue grows without end.
    #[must_use]
    pub fn wait_probability(&self) -> Option<f64> {
        erlang_c(
            little_concurrency(self.arrival_rate, self.service),
            self.servers,
        )
    }

    /// Mean wait over all arrivals; `None` where the queue grows without end.
    #[must_use]
    pub fn mean_wait(&self) -> Option<f64> {
        Some(self.wait_probability()? * self.service / self.spare())
    }

    /// The wait that the share `probability` of arrivals stays below; `None` where the queue grows
    /// without end.
    #[must_use]
    pub fn wait_quantile(&self, probability: f64) -> Option<f64> {
        let waits = self.wait_probability()?;
        let rest = 1.0 - probability;
        if waits <= rest {
            return Some(0.0);
        }
        Some(self.service * (waits / rest).ln() / self.spare())
    }

    /// Probability of a wait above `time`; `None` where the queue grows without end.
    #[must_use]
    pub fn wait_above(&self, time: f64) -> Option<f64> {
        Some(self.wait_probability()? * (-self.spare() * time / self.service).exp())
    }
}

/// A closed loop: each of `population` clients thinks, then needs a server, then thinks again
/// (the machine-repair model). Arrivals stop while clients wait, so its waits are below those of
/// an open queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClosedQueue {
    /// Number of clients.
    pub population: u32,
    /// Number of servers.
    pub servers: u32,
    /// Mean service time.
    pub service: f64,
    /// Mean time of a client between leaving a server and asking for the next.
    pub think: f64,
}

/// What a [`ClosedQueue`] comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedSolution {
    /// Completed services per unit of time.
    pub throughput: f64,
    /// Mean wait over all arrivals.
    pub mean_wait: f64,
    /// Probability of having to wait.
    pub wait_probability: f64,
    /// Number of others in service or waiting, as an arriving client finds it: probabilities of
    /// 0, 1, … (arrival theorem: the distribution with one client less).
    found: Vec<f64>,
    servers: u32,
    service: f64,
}

impl ClosedQueue {
    /// Distribution of the number in service or waiting, for `population` clients.
    fn distribution(&self, population: u32) -> Vec<f64> {
        if self.think <= 0.0 {
            // Nobody ever thinks: all clients are always in service or waiting.
            let mut all = vec![0.0; population as usize + 1];
            all[population as usize] = 1.0;
            return all;
        }
        let ratio = self.service / self.think;
        let mut logs = vec![0.0];
        for n in 0..population {
            let last = logs[n as usize];
            let step = f64::from(population - n) * ratio / f64::from((n + 1).min(self.servers));
            logs.push(last + step.ln());
        }
        // Logarithms, because the weights themselves leave the range of f64 for large populations.
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|l| (l - top).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|w| w / sum).collect()
    }

    fn is_usable(&self) -> bool {
        self.population > 0 && self.servers > 0 && self.service > 0.0 && self.think >= 0.0
    }

    /// Probability of a wait above `time`, which takes a fraction of the time of [`Self::solve`]; `None`
    /// unless there is a client, a server and a service time.
    #[must_use]
    pub fn wait_above(&self, time: f64) -> Option<f64> {
        if !self.is_usable() {
            return None;
        }
        // There is always a server for as many clients.
        if self.servers >= self.population {
            return Some(0.0);
        }
        let found = self.distribution(self.population - 1);
        Some(wait_above(&found, self.servers, self.service, time))
    }

    /// Throughput and waits; `None` unless there is a client, a server and a service time.
    #[must_use]
    pub fn solve(&self) -> Option<ClosedSolution> {
        if !self.is_usable() {
            return None;
        }
        let inside = self.distribution(self.population);
        let busy: f64 = inside
            .iter()
            .zip(0u32..)
            .map(|(p, n)| p * f64::from(n.min(self.servers)))
            .sum();
        let present: f64 = inside
            .iter()
            .zip(0u32..)
            .map(|(p, n)| p * f64::from(n))
            .sum();
        // Busy servers ÷ service time equals (K − L) ÷ Z and also holds without thinking.
        let throughput = busy / self.service;
        let found = self.distribution(self.population - 1);
        let wait_probability = found.iter().skip(self.servers as usize).sum();
        Some(ClosedSolution {
            throughput,
            mean_wait: (present / throughput - self.service).max(0.0),
            wait_probability,
            found,
            servers: self.servers,
            service: self.service,
        })
    }
}

/// Probability of a wait above `time`: who finds n ≥ c others waits for n − c + 1 departures, each after an
/// exponential time of mean service ÷ c. `found` are the probabilities of finding 0, 1, … others.
fn wait_above(found: &[f64], servers: u32, service: f64, time: f64) -> f64 {
    let mean_departures = time * f64::from(servers) / service;
    let mut log_term = -mean_departures;
    let mut poisson_sum = 0.0;
    let mut above = 0.0;
    for (probability, ahead) in found.iter().skip(servers as usize).zip(0u32..) {
        if ahead > 0 {
            log_term += (mean_departures / f64::from(ahead)).ln();
        }
        poisson_sum += log_term.exp();
        above += probability * poisson_sum;
    }
    above
}

impl ClosedSolution {
    /// Probability of a wait above `time`.
    #[must_use]
    pub fn wait_above(&self, time: f64) -> f64 {
        wait_above(&self.found, self.servers, self.service, time)
    }

    /// The wait that the share `probability` of arrivals stays below.
    #[must_use]
    pub fn wait_quantile(&self, probability: f64) -> f64 {
        let rest = 1.0 - probability;
        if self.wait_probability <= rest {
            return 0.0;
        }
        let mut high = self.service;
        while self.wait_above(high) > rest && high < self.service * 1e9 {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if self.wait_above(middle) > rest {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Within one unit of the last of `digits` printed decimals.
    fn printed(actual: f64, expected: f64, digits: i32) {
        assert!(
            (actual - expected).abs() <= 10f64.powi(-digits),
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn erlang_gives_the_worked_table() {
        // a, c, B, C, mean/S, p90/S, p95/S, p99/S
        for (offered, servers, b, c, mean, p90, p95, p99) in [
            (0.5, 1, 0.333_333, 0.5, 1.0, 3.218_876, 4.605_170, 7.824_046),
            (
                0.9, 1, 0.473_684, 0.9, 9.0, 21.972_246, 28.903_718, 44.998_097,
            ),
            (
                3.6, 5, 0.163_105, 0.410_394, 0.293_138, 1.008_534, 1.503_639, 2.653_237,
            ),
            (
                8.0, 10, 0.121_661, 0.409_180, 0.204_590, 0.704_493, 1.051_066, 1.855_785,
            ),
            (
                18.0, 20, 0.109_213, 0.550_769, 0.275_385, 0.853_073, 1.199_646, 2.004_365,
            ),
            (
                95.0, 100, 0.048_804, 0.506_457, 0.101_291, 0.324_454, 0.463_083, 0.784_971,
            ),
        ] {
            let queue = OpenQueue {
                servers,
                arrival_rate: offered,
                service: 1.0,
            };
            printed(erlang_b(offered, servers), b, 6);
            printed(queue.wait_probability().unwrap(), c, 6);
            printed(queue.mean_wait().unwrap(), mean, 6);
            printed(queue.wait_quantile(0.90).unwrap(), p90, 6);
            printed(queue.wait_quantile(0.95).unwrap(), p95, 6);
            printed(queue.wait_quantile(0.99).unwrap(), p99, 6);
        }
    }

    #[test]
    fn lease_time_and_not_query_time_decides_the_size() {
        // 200/s, query 8 ms, lease 18 ms: two connections by query time, really 3.6 in use.
        printed(little_concurrency(0.2, 18.0), 3.6, 9);
        assert_eq!(erlang_c(3.6, 2), None);
        let queue = |servers| OpenQueue {
            servers,
            arrival_rate: 0.2,
            service: 18.0,
        };
        printed(queue(4).wait_probability().unwrap(), 0.787_753, 6);
        printed(queue(4).mean_wait().unwrap(), 35.448_897, 6);
        printed(queue(5).wait_quantile(0.95).unwrap(), 27.065_497, 6);
        printed(queue(6).wait_quantile(0.99).unwrap(), 22.338_109, 6);
        printed(queue(7).wait_quantile(0.95).unwrap(), 2.886_080, 6);
    }

    #[test]
    fn the_sizing_table_is_met() {
        let smallest = |probability: f64, target: f64| {
            (1..40).find(|servers| {
                let queue = OpenQueue {
                    servers: *servers,
                    arrival_rate: 0.3,
                    service: 20.0,
                };
                queue
                    .wait_quantile(probability)
                    .is_some_and(|w| w <= target)
            })
        };
        for (probability, target, servers) in [
            (0.95, 20.0, 8),
            (0.99, 20.0, 9),
            (0.95, 5.0, 10),
            (0.99, 5.0, 12),
            (0.95, 1.0, 11),
        ] {
            assert_eq!(smallest(probability, target), Some(servers));
        }
    }

    #[test]
    fn a_closed_loop_gives_the_worked_table() {
        for (population, servers, service, think, throughput, wait, probability) in [
            (20, 4, 20.0, 80.0, 178.9194, 11.7822, 0.6928),
            (50, 10, 20.0, 80.0, 466.0522, 7.2841, 0.6928),
            (50, 10, 20.0, 230.0, 199.9877, 0.0153, 0.0051),
            (100, 10, 20.0, 180.0, 471.8569, 11.9287, 0.7666),
        ] {
            let solution = ClosedQueue {
                population,
                servers,
                service,
                think,
            }
            .solve()
            .unwrap();
            printed(solution.throughput * 1000.0, throughput, 4);
            printed(solution.mean_wait, wait, 4);
            printed(solution.wait_probability, probability, 4);
        }
    }

    #[test]
    fn closed_quantiles_agree_with_the_mean() {
        // The mean is the integral of the quantile function.
        let solution = ClosedQueue {
            population: 20,
            servers: 4,
            service: 20.0,
            think: 80.0,
        }
        .solve()
        .unwrap();
        let steps = 4000;
        let mean: f64 = (0..steps)
            .map(|i| solution.wait_quantile((f64::from(i) + 0.5) / f64::from(steps)))
            .sum::<f64>()
            / f64::from(steps);
        assert!((mean / solution.mean_wait - 1.0).abs() < 0.01, "{mean}");
        assert!(solution.wait_quantile(0.99) > solution.wait_quantile(0.5));
    }

    #[test]
    fn the_share_above_a_wait_is_the_inverse_of_the_quantile() {
        let closed = ClosedQueue {
            population: 20,
            servers: 4,
            service: 20.0,
            think: 80.0,
        };
        let solution = closed.solve().unwrap();
        let open = OpenQueue {
            servers: 4,
            arrival_rate: 0.15,
            service: 20.0,
        };
        for share in [0.3, 0.05, 0.01] {
            let wait = solution.wait_quantile(1.0 - share);
            printed(solution.wait_above(wait), share, 9);
            printed(closed.wait_above(wait).unwrap(), share, 9);
            let wait = open.wait_quantile(1.0 - share).unwrap();
            printed(open.wait_above(wait).unwrap(), share, 9);
        }
        let with = |servers| ClosedQueue { servers, ..closed }.wait_above(0.0);
        assert_eq!((with(0), with(20)), (None, Some(0.0)));
        printed(with(4).unwrap(), solution.wait_probability, 12);
    }

    #[test]
    fn without_thinking_everybody_waits_for_a_turn() {
        let solution = ClosedQueue {
            population: 10,
            servers: 2,
            service: 5.0,
            think: 0.0,
        }
        .solve()
        .unwrap();
        printed(solution.throughput, 0.4, 12);
        printed(solution.mean_wait, 20.0, 9);
        printed(solution.wait_probability, 1.0, 12);
        assert!(
            ClosedQueue {
                population: 0,
                servers: 1,
                service: 1.0,
                think: 1.0
            }
            .solve()
            .is_none()
        );
    }

    #[test]
    fn large_populations_stay_finite() {
        let solution = ClosedQueue {
            population: 20_000,
            servers: 100,
            service: 20.0,
            think: 1000.0,
        }
        .solve()
        .unwrap();
        printed(solution.throughput, 5.0, 6);
        assert!(solution.wait_quantile(0.99).is_finite());
    }

    #[test]
    fn allen_cunneen_gives_the_worked_column() {
        let base = |offered, servers| {
            OpenQueue {
                servers,
                arrival_rate: offered,
                service: 1.0,
            }
            .mean_wait()
            .unwrap()
        };
        for (offered, servers, service_scv, mean) in [
            (8.0, 10, 0.0, 0.102_295),
            (8.0, 10, 4.0, 0.511_475),
            (3.0, 4, 4.0, 1.273_585),
            (18.0, 20, 2.25, 0.447_500),
        ] {
            printed(
                allen_cunneen_factor(1.0, service_scv) * base(offered, servers),
                mean,
                6,
            );
        }
    }
}
