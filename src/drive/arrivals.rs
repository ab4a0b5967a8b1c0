//! When the requests of an open loop are due.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::profile::Profile;

/// How the distances of requests are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// Exponential distances, as of many users who know nothing of each other.
    #[default]
    Poisson,
    /// The same distance between all.
    Even,
}

/// One of several that share a load: `index` of `count`, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) index: u32,
    pub(super) count: u32,
}

/// The moments at which the requests of one part of the load are due, since the begin of the profile.
#[derive(Debug)]
pub(super) struct Schedule {
    profile: Arc<Profile>,
    arrivals: Arrivals,
    part: Part,
    /// ∫ rate up to the last request.
    area: f64,
    rng: ChaCha8Rng,
}

impl Schedule {
    pub(super) fn new(
        profile: Arc<Profile>,
        arrivals: Arrivals,
        part: Part,
        rng: ChaCha8Rng,
    ) -> Self {
        let count = f64::from(part.count);
        let area = match arrivals {
            Arrivals::Poisson => 0.0,
            // The first one is due in the middle of its slot, so that parts interleave.
            Arrivals::Even => f64::from(part.index) + 0.5 - count,
        };
        Self {
            profile,
            arrivals,
            part,
            area,
            rng,
        }
    }

    /// The next moment; `None` when the profile has ended at a rate of 0.
    pub(super) fn next(&mut self) -> Option<Duration> {
        let count = f64::from(self.part.count);
        self.area += match self.arrivals {
            // An independent share of a Poisson process is one, at that share of its rate.
            Arrivals::Poisson => -(1.0 - self.rng.random::<f64>()).ln() * count,
            Arrivals::Even => count,
        };
        self.profile.when(self.area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    fn schedule(arrivals: Arrivals, index: u32, count: u32, rate: f64) -> Schedule {
        let profile = Arc::new(Profile::constant(rate));
        let rng = ChaCha8Rng::seed_from_u64(u64::from(index));
        Schedule::new(profile, arrivals, Part { index, count }, rng)
    }

    #[test]
    fn even_parts_interleave_at_the_rate_of_the_whole() {
        let mut all: Vec<Duration> = Vec::new();
        for index in 0..4 {
            let mut schedule = schedule(Arrivals::Even, index, 4, 100.0);
            all.extend((0..25).map(|_| schedule.next().unwrap()));
        }
        all.sort_unstable();
        for (i, due) in all.iter().enumerate() {
            let expected = (i as f64 + 0.5) / 100.0;
            assert!((due.as_secs_f64() - expected).abs() < 1e-9, "{i}: {due:?}");
        }
    }

    #[test]
    fn poisson_distances_have_the_mean_and_the_spread_of_an_exponential() {
        let mut schedule = schedule(Arrivals::Poisson, 0, 2, 200.0);
        let (mut last, mut gaps) = (0.0, Vec::new());
        for _ in 0..50_000 {
            let due = schedule.next().unwrap().as_secs_f64();
            gaps.push(due - last);
            last = due;
        }
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let var = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Half of 200 per second; an exponential's deviation is its mean.
        assert!((mean * 100.0 - 1.0).abs() < 0.02, "{mean}");
        assert!(
            (var.sqrt() / mean - 1.0).abs() < 0.03,
            "{}",
            var.sqrt() / mean
        );
    }
}
