//! What the waits of a queue are: by formula, and for one sequence of requests.

use std::time::Duration;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// How the lengths of leases are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    Exponential,
    /// All the same.
    Even,
}

impl Spread {
    /// Squared coefficient of variation.
    pub(crate) fn scv(self) -> f64 {
        match self {
            Self::Exponential => 1.0,
            Self::Even => 0.0,
        }
    }
}

/// A load, and the size of the pool that it meets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) servers: u32,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Mean lease that is asked for, in milliseconds.
    pub(crate) lease_ms: f64,
    pub(crate) spread: Spread,
}

/// What requests meet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// Share of requests that wait.
    pub(crate) share: f64,
    /// Mean wait of all requests in milliseconds.
    pub(crate) mean_ms: f64,
}

/// Waits of a queue with Poisson arrivals: Erlang's C, as the sum that it is (the program has a recurrence), and
/// Allen and Cunneen's factor for the mean. NaN where the queue grows without end.
pub(crate) fn expected(pair: &Pair, per_ms: f64, lease_ms: f64) -> Waits {
    let offered = per_ms * lease_ms;
    let left = f64::from(pair.servers) - offered;
    if left <= 0.0 {
        let nan = f64::NAN;
        return Waits {
            share: nan,
            mean_ms: nan,
        };
    }
    let (mut term, mut below) = (1.0, 0.0);
    for busy in 1..=pair.servers {
        below += term;
        term *= offered / f64::from(busy);
    }
    let full = term * f64::from(pair.servers) / left;
    let share = full / (below + full);
    let mean_ms = share * lease_ms / left * f64::midpoint(1.0, pair.spread.scv());
    Waits { share, mean_ms }
}

/// The requests of a replay, those of its warm-up first.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// The `--seed` of the replay.
    pub(crate) seed: u64,
    /// Length of the warm-up in milliseconds.
    pub(crate) warm_up_ms: f64,
    /// Requests in it.
    pub(crate) warm: usize,
    /// When each is due, in milliseconds since the begin of the window.
    due: Vec<f64>,
    /// How long each is to hold its connection, in milliseconds.
    pub(crate) leases: Vec<f64>,
}

/// A search that takes longer has no sequences to choose from that obey the formulas.
const SEEDS: u64 = 5000;

impl Sequence {
    /// The requests of the first seed that stand for all that there could be.
    pub(crate) fn of(pair: &Pair, length: Duration) -> Self {
        (1..SEEDS)
            .map(|seed| Self::drawn(pair, length, seed))
            .find(|it| it.is_like_the_average(pair, length))
            .unwrap_or_else(|| panic!("no seed below {SEEDS} has the waits of {pair:?}"))
    }

    /// The moments are drawn as the driver draws them: how many there are is compared with what it did.
    pub(crate) fn drawn(pair: &Pair, length: Duration, seed: u64) -> Self {
        let exponential = |stream: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            std::iter::repeat_with(move || -(1.0 - rng.random::<f64>()).ln())
        };
        let moments = exponential(1 << 39).scan(0.0, |sum, gap| {
            *sum += gap;
            Some(*sum / pair.rate * 1000.0)
        });
        let length_ms = length.as_secs_f64() * 1000.0;
        let window: Vec<f64> = moments.take_while(|due| *due < length_ms).collect();
        let warm_up_ms = warm_up(&window);
        // The warm-up goes by a schedule of its own, which is the same.
        let warm = window.partition_point(|due| *due < warm_up_ms);
        let before = window[..warm].iter().map(|due| due - warm_up_ms);
        let due: Vec<f64> = before.chain(window.iter().copied()).collect();
        let leases = exponential(1).map(|one| match pair.spread {
            Spread::Exponential => one * pair.lease_ms,
            Spread::Even => pair.lease_ms,
        });
        Self {
            seed,
            warm_up_ms,
            warm,
            leases: leases.take(due.len()).collect(),
            due,
        }
    }

    /// Requests of the window.
    pub(crate) fn count(&self) -> usize {
        self.due.len() - self.warm
    }

    /// Mean lease of the window.
    pub(crate) fn lease_ms(&self) -> f64 {
        self.leases[self.warm..].iter().sum::<f64>() / self.count() as f64
    }

    /// Waits in the window if the requests are served in their order, and each lease is `longer` than asked for.
    pub(crate) fn walked(&self, servers: u32, longer: f64) -> Waits {
        let mut free = vec![f64::NEG_INFINITY; servers as usize];
        let (mut waited, mut sum) = (0.0, 0.0);
        for (request, (due, lease)) in self.due.iter().zip(&self.leases).enumerate() {
            let mut first = 0;
            for other in 1..free.len() {
                if free[other] < free[first] {
                    first = other;
                }
            }
            let wait = (free[first] - due).max(0.0);
            free[first] = due + wait + lease + longer;
            if request >= self.warm {
                waited += f64::from(u8::from(wait > 0.0));
                sum += wait;
            }
        }
        let count = self.count() as f64;
        Waits {
            share: waited / count,
            mean_ms: sum / count,
        }
    }

    /// Whether its waits and the spread of its leases are those of the formulas, also where the machine makes each
    /// lease two milliseconds longer.
    fn is_like_the_average(&self, pair: &Pair, length: Duration) -> bool {
        let mean = self.lease_ms();
        let squares = self.leases[self.warm..].iter();
        let squares = squares.map(|lease| (lease - mean).powi(2));
        let scv = squares.sum::<f64>() / self.count() as f64 / mean.powi(2);
        let limits = match pair.spread {
            Spread::Exponential => Waits {
                share: 0.02,
                mean_ms: 0.02,
            },
            // The formula itself is no better, and it is one for the mean.
            Spread::Even => Waits {
                share: f64::INFINITY,
                mean_ms: 0.1,
            },
        };
        (scv - pair.spread.scv()).abs() < 0.1
            && [0.0, 2.0].iter().all(|longer| {
                let it = self.walked(pair.servers, *longer);
                let per_ms = self.count() as f64 / (length.as_secs_f64() * 1000.0);
                let truth = expected(pair, per_ms, mean + longer);
                (it.share / truth.share - 1.0).abs() < limits.share
                    && (it.mean_ms / truth.mean_ms - 1.0).abs() < limits.mean_ms
            })
    }
}

/// The middle of the longest pause between two requests from 2 to 4 s: a warm-up that ends there has the same
/// requests though it begins and ends some milliseconds late.
fn warm_up(due: &[f64]) -> f64 {
    let pairs = due
        .windows(2)
        .filter(|two| (2000.0..4000.0).contains(&two[0]));
    let longest = pairs.max_by(|one, other| (one[1] - one[0]).total_cmp(&(other[1] - other[0])));
    longest.map_or(3000.0, |two| f64::midpoint(two[0], two[1]).round())
}
