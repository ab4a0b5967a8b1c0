//! A server whose throughput at every size is known.

use super::*;

/// A closed loop on a server that does `rate(n)` requests per second with n of them at work.
pub(super) struct Simulated {
    pub(super) clients: u32,
    pub(super) current: u32,
    pub(super) rate: fn(f64) -> f64,
    /// Share of a lease in which the connection does nothing.
    pub(super) held_idle: f64,
    /// Difference of a block from the truth, at most.
    pub(super) noise: f64,
    /// What all blocks of a round differ from others by, at most: the host of the machine has other guests.
    pub(super) drift: f64,
    pub(super) seed: u64,
    pub(super) failing: bool,
}

impl Default for Simulated {
    fn default() -> Self {
        Self {
            clients: 32,
            current: 10,
            rate: |n| 100.0 * n.min(6.0),
            held_idle: 0.0,
            noise: 0.01,
            drift: 0.0,
            seed: 7,
            failing: false,
        }
    }
}

impl Simulated {
    pub(super) fn throughput(&self, size: u32) -> f64 {
        (self.rate)(f64::from(size.min(self.clients)))
    }

    /// The most that any size does.
    pub(super) fn best(&self) -> f64 {
        let all = (1..=self.clients).map(|size| self.throughput(size));
        all.fold(0.0, f64::max)
    }

    pub(super) fn block(&self, turn: SizeTurn, random: &mut SplitMix64) -> SizeBlock {
        let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let of_round = SplitMix64::new(self.seed << 32 | u64::from(turn.round)).next_u64();
        let of_round = (of_round >> 11) as f64 / (1u64 << 53) as f64;
        let rate = self.throughput(turn.pool_size)
            * (1.0 + self.noise * (2.0 * uniform - 1.0))
            * (1.0 + self.drift * (2.0 * of_round - 1.0));
        let requests = rate.round();
        let busy = f64::from(turn.pool_size.min(self.clients));
        let (latency, lease) = (f64::from(self.clients) / rate, busy / rate);
        let spread = |mean: f64| {
            let mut histogram = LatencyHistogram::new();
            // An exponential distribution by its quantiles.
            for i in 0..200 {
                let quantile = (f64::from(i) + 0.5) / 200.0;
                histogram.record(Duration::from_secs_f64(-mean * (1.0 - quantile).ln()));
            }
            histogram
        };
        let lease_total = Millis(1000.0 * lease * requests);
        SizeBlock {
            pool_size: turn.pool_size,
            purpose: turn.purpose,
            round: turn.round,
            started_at: None,
            length: Millis(1000.0),
            requests: crate::stats::round_to_count(requests).into(),
            failures: if self.failing {
                crate::stats::round_to_count(requests).into()
            } else {
                0
            },
            latency: spread(latency),
            pool: PoolRecord {
                counters: AcquireCounters {
                    acquires: 200,
                    ..AcquireCounters::default()
                },
                permit_wait: spread((latency - lease).max(1e-7)),
                lease: spread(lease),
                in_use_mean: busy,
                lease_total: Millis(lease_total.0 * 200.0 / requests),
                held_idle_total: Millis(self.held_idle * lease_total.0 * 200.0 / requests),
                ..PoolRecord::default()
            },
            driver: DriverRecord::default(),
            driver_saturated: Some(false),
        }
    }

    pub(super) fn sweep(&self, plan: &SweepPlan) -> PoolSweep {
        let mut sweep = PoolSweep {
            pool: "deadpool".to_owned(),
            arrival: Arrival::Closed,
            clients: self.clients,
            rate_per_sec: None,
            arrival_scv: None,
            thinks: false,
            current: self.current,
            largest: self.clients,
            bound: None,
            target_p99: None,
            block: Millis(1000.0),
            block_warmup: Millis(0.0),
            blocks: Vec::new(),
            failure: None,
            interrupted: false,
        };
        let mut random = SplitMix64::new(self.seed);
        loop {
            let turns = next_turns(&sweep, plan);
            if turns.is_empty() {
                return sweep;
            }
            for turn in turns {
                sweep.blocks.push(self.block(turn, &mut random));
            }
            assert!(sweep.blocks.len() < 150, "a sweep has an end");
        }
    }

    pub(super) fn recommended(&self) -> Result<Recommendation, NoRecommendation> {
        let sweep = self.sweep(&PLAN);
        let mut run = run(Millis(60_000.0));
        run.server = Some(server(
            &[
                ("max_connections", "200"),
                ("superuser_reserved_connections", "3"),
            ],
            Some(2),
        ));
        recommend(&run, &sweep, &PoolOptions::default())
    }
}
