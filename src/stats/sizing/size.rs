//! A size, and the interval that the slices of a window allow.

use super::super::SplitMix64;

/// Slices without which no error is given: fewer do not show how the load varies.
pub const MIN_SLICES: usize = 20;

/// Draws of the bootstrap: the ends of a 95 % interval then rest on the 25 outermost draws each (Efron and
/// Tibshirani 1993, chapter 13).
const DRAWS: usize = 1000;

/// Why there is no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizingError {
    /// Too few slices of time.
    #[error("{slices} slices of time are too few: {MIN_SLICES} are needed")]
    TooFewSlices {
        /// Slices at hand.
        slices: usize,
    },
    /// A rate, time or count that is negative, infinite or undefined.
    #[error("slice {index} cannot be used: its values must be finite and not negative")]
    UnusableSlice {
        /// Which of the slices, from 0.
        index: usize,
    },
    /// Nothing was asked for in the whole window.
    #[error("nothing was asked for in any slice")]
    NoDemand,
    /// Not even the load as it was has a size that meets the target.
    #[error("no size meets the target")]
    NoSize,
}

/// The load of one slice of time; all slices have the same length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadSlice {
    /// Arrivals per unit of time.
    pub arrival_rate: f64,
    /// Mean service time (of the lease, for a pool) of those that arrived, in the same unit of time; of no
    /// meaning without arrivals.
    pub service: f64,
}

/// A size with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeInterval {
    /// The size for the load of all slices together.
    pub size: u32,
    /// Lower end.
    pub low: u32,
    /// Upper end; `None` where too many draws need more than any size that was looked at.
    pub high: Option<u32>,
}

/// The size for a load and how far it may be off, by the percentile bootstrap over slices (Efron 1979).
///
/// `size_for` gives the smallest size for an arrival rate and a mean service time, in the slices' unit, or `None` if
/// no size meets the target. `load` orders the same pairs: of two loads the one that needs more has the larger number
/// (the offered load, rate × service time, for an open queue of one service time). With it a size has to be found
/// three times and not for each of a thousand draws: the percentiles of sizes are the sizes of the percentiles, if
/// sizes grow with the load (Efron and Tibshirani 1993, section 13.6).
///
/// A slice is drawn whole, so rate and service time stay together, and the mean service time of a draw is that
/// of its arrivals, not of its slices. The same `seed` gives the same interval. Ends are drawn sizes, never
/// between two of them.
///
/// Slices have to be long beside a lease: if a busy slice makes the next one busy, the interval is too narrow. With
/// only 20 slices it is so by about a tenth in any case.
///
/// # Errors
/// [`SizingError`]: too few slices, unusable ones, no demand, or no size for the load as it was.
pub fn size_interval(
    slices: &[LoadSlice],
    seed: u64,
    load: impl Fn(f64, f64) -> f64,
    size_for: impl Fn(f64, f64) -> Option<u32>,
) -> Result<SizeInterval, SizingError> {
    let usable = |v: f64| v.is_finite() && v >= 0.0;
    let usable =
        |s: &LoadSlice| usable(s.arrival_rate) && (s.arrival_rate <= 0.0 || usable(s.service));
    check(slices, usable)?;
    let all = Load::of(slices.iter()).ok_or(SizingError::NoDemand)?;
    let size = size_for(all.arrival_rate, all.service).ok_or(SizingError::NoSize)?;
    let mut random = SplitMix64::new(seed);
    let mut draws: Vec<Option<Load>> = (0..DRAWS)
        .map(|_| Load::of((0..slices.len()).map(|_| &slices[random.index(slices.len())])))
        .collect();
    // A draw without any arrival is below every load, and needs no size at all.
    let heavy = |draw: &Option<Load>| {
        draw.as_ref()
            .map_or(f64::NEG_INFINITY, |l| load(l.arrival_rate, l.service))
    };
    draws.sort_by(|a, b| heavy(a).total_cmp(&heavy(b)));
    let outside = DRAWS / 40;
    let end = |at: usize| {
        let draw = draws[at].as_ref();
        draw.map_or(Some(0), |l| size_for(l.arrival_rate, l.service))
    };
    Ok(SizeInterval {
        size,
        low: end(outside).unwrap_or(size).min(size),
        high: end(DRAWS - 1 - outside).map(|high| high.max(size)),
    })
}

/// Whether there are enough slices, and each is usable.
pub(super) fn check<T>(slices: &[T], usable: impl Fn(&T) -> bool) -> Result<(), SizingError> {
    if let Some(index) = slices.iter().position(|s| !usable(s)) {
        return Err(SizingError::UnusableSlice { index });
    }
    if slices.len() < MIN_SLICES {
        return Err(SizingError::TooFewSlices {
            slices: slices.len(),
        });
    }
    Ok(())
}

/// The load of several slices together.
#[derive(Debug, Clone, Copy)]
struct Load {
    arrival_rate: f64,
    service: f64,
}

impl Load {
    /// `None` without arrivals.
    fn of<'a>(slices: impl Iterator<Item = &'a LoadSlice>) -> Option<Self> {
        let (mut count, mut rates, mut offered) = (0.0, 0.0, 0.0);
        for slice in slices {
            count += 1.0;
            if slice.arrival_rate > 0.0 {
                rates += slice.arrival_rate;
                offered += slice.arrival_rate * slice.service;
            }
        }
        (rates > 0.0).then(|| Self {
            arrival_rate: rates / count,
            service: offered / rates,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::{ClosedQueue, OpenQueue, allen_cunneen_factor, round_to_count};
    use super::*;

    /// A number from 0 to below 1.
    pub(in super::super) fn uniform(random: &mut SplitMix64) -> f64 {
        (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn even(arrival_rate: f64, service: f64) -> Vec<LoadSlice> {
        let slice = LoadSlice {
            arrival_rate,
            service,
        };
        vec![slice; MIN_SLICES]
    }

    /// Rate × service time.
    fn offered(rate: f64, service: f64) -> f64 {
        rate * service
    }

    fn open(servers: u32, arrival_rate: f64, service: f64) -> OpenQueue {
        OpenQueue {
            servers,
            arrival_rate,
            service,
        }
    }

    type Value<'a> = &'a dyn Fn(OpenQueue) -> Option<f64>;

    /// The smallest number of servers, of up to 200, whose value is known and at most the target.
    fn smallest(target: f64, value: impl Fn(u32) -> Option<f64>) -> Option<u32> {
        (1..=200).find(|c| value(*c).is_some_and(|v| v <= target))
    }

    #[test]
    fn the_worked_sizes_have_no_width_for_an_even_load() {
        let wait = |p: f64| move |q: OpenQueue| q.wait_quantile(p);
        let waiting = |q: OpenQueue| q.wait_probability();
        let rows: [(Value, f64, u32, f64, f64); 6] = [
            (&wait(0.95), 20.0, 8, 19.6566, 50.1539),
            (&wait(0.99), 20.0, 9, 19.8362, 35.7510),
            (&wait(0.95), 5.0, 10, 3.5303, 9.1066),
            (&wait(0.99), 5.0, 12, 2.6993, 6.3750),
            (&wait(0.95), 1.0, 11, 0.0, 3.5303),
            (&waiting, 0.01, 13, 0.009_647, 0.022_474),
        ];
        for (value, target, size, at, before) in rows {
            let found = size_interval(&even(0.3, 20.0), 1, offered, |rate, service| {
                smallest(target, |c| value(open(c, rate, service)))
            })
            .unwrap();
            let expected = SizeInterval {
                size,
                low: size,
                high: Some(size),
            };
            assert_eq!(found, expected);
            let digits = if target < 1.0 { 1e-6 } else { 1e-4 };
            let reached = value(open(size, 0.3, 20.0)).unwrap();
            let missed = value(open(size - 1, 0.3, 20.0)).unwrap();
            assert!((reached - at).abs() <= digits, "{reached} is not {at}");
            assert!(
                (missed - before).abs() <= digits,
                "{missed} is not {before}"
            );
        }
        let waits = open(11, 0.3, 20.0).wait_probability().unwrap();
        assert!((waits - 0.049_222).abs() <= 1e-6, "{waits}");
    }

    #[test]
    fn closed_and_uneven_loads_are_sized_by_the_same_way() {
        // 50 clients and 200/s: by Little's law one turn of a client takes 250 ms, 20 ms of it served.
        let closed = |rate: f64, service: f64| {
            smallest(5.0, |servers| {
                let queue = ClosedQueue {
                    population: 50,
                    servers,
                    service,
                    think: 50.0 / rate - service,
                };
                Some(queue.solve()?.wait_quantile(0.95))
            })
        };
        let loaded = size_interval(&even(0.2, 20.0), 1, offered, closed).unwrap();
        let uneven = |scv: f64| {
            size_interval(&even(0.2, 20.0), 1, offered, |rate, service| {
                smallest(5.0, |c| {
                    Some(
                        open(c, rate, service).wait_quantile(0.95)?
                            * allen_cunneen_factor(1.0, scv),
                    )
                })
            })
            .unwrap()
            .size
        };
        assert!(loaded.size <= uneven(1.0), "clients that wait do not ask");
        assert!(uneven(1.0) <= uneven(4.0));
    }

    #[test]
    fn the_interval_grows_with_the_variation_and_holds_the_size() {
        let sized = |spread: f64, seed: u64| {
            let slices: Vec<LoadSlice> = (0..40)
                .map(|i| LoadSlice {
                    arrival_rate: 0.3
                        * if i % 2 == 0 {
                            1.0 + spread
                        } else {
                            1.0 - spread
                        },
                    service: 20.0,
                })
                .collect();
            size_interval(&slices, seed, offered, |rate, service| {
                smallest(5.0, |c| open(c, rate, service).wait_quantile(0.95))
            })
            .unwrap()
        };
        let (calm, wild) = (sized(0.05, 1), sized(0.8, 1));
        assert!(calm.low <= 10 && calm.size == 10 && calm.high >= Some(10));
        assert!(wild.low < calm.low && wild.high > calm.high, "{wild:?}");
        assert_eq!(wild, sized(0.8, 1), "one seed, one interval");
    }

    #[test]
    fn the_interval_holds_the_true_size_in_most_cases() {
        // Size here is the offered load rounded up, so that the truth is known; 30 slices of a varying rate.
        let mut random = SplitMix64::new(3);
        let needed = |rate: f64, service: f64| Some(round_to_count((rate * service).ceil()));
        let held = (0..200)
            .filter(|seed| {
                let slices: Vec<LoadSlice> = (0..30)
                    .map(|_| LoadSlice {
                        arrival_rate: 2.0 * uniform(&mut random),
                        service: 1000.5,
                    })
                    .collect();
                let found = size_interval(&slices, *seed, offered, needed).unwrap();
                found.low <= 1001 && found.high >= Some(1001)
            })
            .count();
        assert!((178..=198).contains(&held), "{held} of 200");
    }

    #[test]
    fn three_sizes_are_looked_for_and_the_ends_are_those_of_all_draws() {
        // The same by brute force: a size for each draw, sorted.
        let mut random = SplitMix64::new(9);
        let slices: Vec<LoadSlice> = (0..25)
            .map(|_| LoadSlice {
                arrival_rate: 0.5 * uniform(&mut random),
                service: 20.0 + 10.0 * uniform(&mut random),
            })
            .collect();
        let asked = std::cell::Cell::new(0);
        let needed = |rate: f64, service: f64| {
            asked.set(asked.get() + 1);
            Some(round_to_count((rate * service * 10.0).ceil()))
        };
        let found = size_interval(&slices, 5, offered, needed).unwrap();
        assert_eq!(asked.get(), 3);
        let mut random = SplitMix64::new(5);
        let mut sizes: Vec<Option<u32>> = (0..DRAWS)
            .map(|_| {
                let picks = (0..slices.len()).map(|_| &slices[random.index(slices.len())]);
                let load = Load::of(picks).unwrap();
                needed(load.arrival_rate, load.service)
            })
            .collect();
        sizes.sort_unstable();
        assert_eq!((Some(found.low), found.high), (sizes[25], sizes[974]));
    }

    #[test]
    fn busy_slices_weigh_by_their_arrivals() {
        // 190 arrivals of 10 ms and 10 of 200 ms: the mean lease is 19.5 ms, not 105 ms.
        let slices: Vec<LoadSlice> = (0..MIN_SLICES)
            .map(|i| LoadSlice {
                arrival_rate: if i % 2 == 0 { 19.0 } else { 1.0 },
                service: if i % 2 == 0 { 10.0 } else { 200.0 },
            })
            .collect();
        let load = Load::of(slices.iter()).unwrap();
        assert!((load.arrival_rate - 10.0).abs() < 1e-12);
        assert!((load.service - 19.5).abs() < 1e-12);
    }

    #[test]
    fn an_end_beyond_every_size_is_said() {
        let slices: Vec<LoadSlice> = (0..MIN_SLICES)
            .map(|i| LoadSlice {
                arrival_rate: if i == 0 { 0.1 } else { 0.0 },
                service: if i == 0 { 20.0 } else { f64::NAN },
            })
            .collect();
        let up_to = |limit: f64| {
            size_interval(&slices, 1, offered, move |rate, service| {
                let offered = rate * service;
                (offered <= limit).then(|| round_to_count(offered.ceil()))
            })
        };
        let found = up_to(0.11).unwrap();
        assert_eq!((found.size, found.low, found.high), (1, 0, None));
        assert_eq!(up_to(0.01), Err(SizingError::NoSize));
    }

    #[test]
    fn slices_that_allow_no_interval_are_refused() {
        let size = |_: f64, _: f64| Some(1);
        let few = &even(1.0, 1.0)[..19];
        assert_eq!(
            size_interval(few, 1, offered, size),
            Err(SizingError::TooFewSlices { slices: 19 })
        );
        assert_eq!(
            size_interval(&even(0.0, 1.0), 1, offered, size),
            Err(SizingError::NoDemand)
        );
        for bad in [(f64::NAN, 1.0), (-1.0, 1.0), (1.0, f64::INFINITY)] {
            let mut slices = even(1.0, 1.0);
            slices[7] = LoadSlice {
                arrival_rate: bad.0,
                service: bad.1,
            };
            assert_eq!(
                size_interval(&slices, 1, offered, size),
                Err(SizingError::UnusableSlice { index: 7 })
            );
        }
    }
}
