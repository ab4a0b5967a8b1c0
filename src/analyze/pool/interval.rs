//! How far a size may be off: by what the slices of the window show, and by what they cannot show.

use crate::stats::{LoadSlice, MIN_SLICES, SizingError, size_interval};

use super::model::{Demand, Model};

/// Allen and Cunneen's factor is good to about a quarter (measured by simulation).
const FACTOR_ERROR_RATIO: f64 = 0.25;

/// Error of the demand that is assumed where there are too few slices to see it (ours).
const UNSEEN_ERROR_RATIO: f64 = 0.25;

/// Half of a 95 % interval in standard errors.
const Z_95: f64 = 1.96;

/// Any number: a saved run has the same interval whenever it is looked at.
const SEED: u64 = 1;

/// What is known of the error of the demand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sampled {
    /// The load of each slice of time, and the standard error of their mean by chance alone, as a share of it.
    Slices {
        loads: Vec<LoadSlice>,
        chance_ratio: f64,
    },
    /// The standard error of the demand of the busiest slices, as a share of it.
    Busiest(f64),
    /// Fewer slices than show anything.
    Unseen,
}

impl Sampled {
    /// Why the interval is not drawn from slices.
    pub(super) fn doubt(&self) -> Option<String> {
        let enough = match self {
            Self::Slices { loads, .. } => loads.len() >= MIN_SLICES,
            Self::Busiest(_) => true,
            Self::Unseen => false,
        };
        (!enough).then(|| {
            format!(
                "fewer than {MIN_SLICES} slices of time have readings, which is too few to see how the demand \
                 varies: that it may be off by {:.0} % is assumed, and a rush would not be seen",
                UNSEEN_ERROR_RATIO * 100.0
            )
        })
    }
}

/// The ends of one cause of error; `None` for an upper end beyond every size.
type Ends = (u32, Option<u32>);

/// The interval around the size of a model; `None` where there is no size, or no upper end.
///
/// Three causes are put together: the demand varies over the window (a bootstrap over its slices shows that), a lease
/// may be longer or shorter than what was taken for it (by `lease_error`, a share), and the formula of the wait is an
/// approximation. The last two are the same in every slice, so no bootstrap sees them. The three know nothing of each
/// other, so their distances from the size add up as independent errors do, by squares, each side by itself; the
/// plain sum would be the case that all three are as wrong as they can be, and in the same direction.
pub(super) fn interval(model: &Model, sampled: &Sampled, lease_error: f64) -> Option<(u32, u32)> {
    let size = model.size()?;
    let causes = [
        sampling(model, size, sampled),
        shifted(size, |up| model.with_lease(1.0 + up * lease_error).size()),
        shifted(size, |up| {
            model.size_with_waits(1.0 + up * FACTOR_ERROR_RATIO)
        }),
    ];
    let (mut below, mut above) = (0.0f64, 0.0f64);
    for (low, high) in causes {
        below = below.hypot(f64::from(size.saturating_sub(low)));
        above = above.hypot(f64::from(high?.saturating_sub(size)));
    }
    let end = |value: f64| crate::stats::round_to_count(value.max(1.0));
    Some((
        end((f64::from(size) - below).floor()),
        end((f64::from(size) + above).ceil()),
    ))
}

/// The ends by what varies in the window.
fn sampling(model: &Model, size: u32, sampled: &Sampled) -> Ends {
    let by_error = |ratio: f64| {
        shifted(size, |up| {
            model.with_demand((1.0 + up * ratio).max(0.0)).size()
        })
    };
    match sampled {
        Sampled::Slices {
            loads,
            chance_ratio,
        } => {
            let drawn = bootstrap(model, loads);
            let drawn = drawn.unwrap_or_else(|_| by_error(UNSEEN_ERROR_RATIO));
            // Leases as long as slices make one slice like the next, so that draws hardly differ: then chance
            // alone explains more than they show.
            let chance = by_error(Z_95 * chance_ratio);
            let high = drawn.1.zip(chance.1);
            (drawn.0.min(chance.0), high.map(|(a, b)| a.max(b)))
        }
        Sampled::Busiest(error) => by_error(Z_95 * error),
        Sampled::Unseen => by_error(UNSEEN_ERROR_RATIO),
    }
}

/// The ends for a shift down (−1) and up (1), which are never on the wrong side of the size.
fn shifted(size: u32, shift: impl Fn(f64) -> Option<u32>) -> Ends {
    let low = shift(-1.0).unwrap_or(size).min(size);
    (low, shift(1.0).map(|high| high.max(size)))
}

/// The ends of the bootstrap over slices. In an open loop a slice has a rate and a lease. In a closed one it has the
/// rate that was served and the time from asking to giving back, waits included: what is left of a client's turn is its
/// thinking, Z = N ÷ λ − R, on which the size depends.
fn bootstrap(model: &Model, loads: &[LoadSlice]) -> Result<Ends, SizingError> {
    let found = match model.demand {
        Demand::Open { .. } => size_interval(
            loads,
            SEED,
            |per_ms, lease_ms| per_ms * lease_ms,
            |per_ms, lease_ms| {
                let demand = Demand::Open {
                    per_sec: per_ms * 1000.0,
                };
                let model = Model {
                    demand,
                    lease_ms,
                    ..*model
                };
                model.size()
            },
        ),
        Demand::Closed { clients, .. } => {
            let think = |per_ms: f64, stay_ms: f64| f64::from(clients) / per_ms - stay_ms;
            size_interval(
                loads,
                SEED,
                |per_ms, stay_ms| -think(per_ms, stay_ms),
                |per_ms, stay_ms| {
                    let demand = Demand::Closed {
                        clients,
                        think_ms: think(per_ms, stay_ms).max(0.0),
                    };
                    Model { demand, ..*model }.size()
                },
            )
        }
    }?;
    Ok((found.low, found.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(per_sec: f64) -> Model {
        Model {
            demand: Demand::Open { per_sec },
            lease_ms: 20.0,
            lease_scv: 1.0,
        }
    }

    fn slices(rates: impl Iterator<Item = f64>, stay_ms: f64) -> Sampled {
        Sampled::Slices {
            loads: rates
                .map(|arrival_rate| LoadSlice {
                    arrival_rate,
                    service: stay_ms,
                })
                .collect(),
            chance_ratio: 0.0,
        }
    }

    #[test]
    fn an_even_load_is_as_sure_as_the_formula() {
        // 300/s of 20 ms: 11. Waits a quarter longer or shorter move that by less than one.
        let even = slices((0..20).map(|_| 0.3), 20.0);
        let (low, high) = interval(&open(300.0), &even, 0.0).unwrap();
        assert!(low >= 10 && (11..=12).contains(&high), "{low} {high}");
        let (wider, higher) = interval(&open(300.0), &even, 0.25).unwrap();
        assert!(wider < low && higher > high, "{wider} {higher}");
    }

    #[test]
    fn causes_add_up_by_squares_and_never_to_less_than_one_of_them() {
        let uneven = slices((0..20).map(|i| if i % 2 == 0 { 0.1 } else { 0.5 }), 20.0);
        let alone = interval(&open(300.0), &uneven, 0.0).unwrap();
        let lease = interval(&open(300.0), &slices((0..20).map(|_| 0.3), 20.0), 0.25).unwrap();
        let both = interval(&open(300.0), &uneven, 0.25).unwrap();
        assert!(both.0 <= alone.0.min(lease.0) && both.1 >= alone.1.max(lease.1));
        assert!(both.1 - 11 <= (alone.1 - 11) + (lease.1 - 11), "{both:?}");
    }

    #[test]
    fn leases_as_long_as_slices_do_not_make_the_interval_narrow() {
        let with = |chance_ratio: f64| {
            let Sampled::Slices { loads, .. } = slices((0..20).map(|_| 0.3), 20.0) else {
                unreachable!()
            };
            let sampled = Sampled::Slices {
                loads,
                chance_ratio,
            };
            interval(&open(300.0), &sampled, 0.0).unwrap()
        };
        let (sure, unsure) = (with(0.0), with(0.3));
        assert!(unsure.0 < sure.0 && unsure.1 > sure.1, "{unsure:?}");
    }

    #[test]
    fn few_slices_are_said_and_get_an_assumed_error() {
        let few = slices((0..19).map(|_| 0.3), 20.0);
        assert!(few.doubt().unwrap().contains("fewer than 20 slices"));
        assert_eq!(
            interval(&open(300.0), &few, 0.0),
            interval(&open(300.0), &Sampled::Unseen, 0.0)
        );
        assert_eq!(slices((0..20).map(|_| 0.3), 20.0).doubt(), None);
    }

    #[test]
    fn a_closed_loop_has_an_interval_for_its_thinking() {
        // 20 clients, 20 ms, thinking 80 ms: 200/s where nobody waits.
        let model = Model {
            demand: Demand::Closed {
                clients: 20,
                think_ms: 80.0,
            },
            ..open(0.0)
        };
        let rates = (0..20).map(|i| 0.2 + if i % 2 == 0 { 0.03 } else { -0.03 });
        let (low, high) = interval(&model, &slices(rates, 20.0), 0.02).unwrap();
        let size = model.size().unwrap();
        assert!(
            low <= size && size < high && high <= 20,
            "{low} {size} {high}"
        );
    }

    #[test]
    fn no_upper_end_is_no_interval() {
        assert_eq!(interval(&open(495_000.0), &Sampled::Unseen, 0.0), None);
    }

    #[test]
    fn thousands_of_clients_have_an_interval() {
        let model = Model {
            demand: Demand::Closed {
                clients: 1000,
                think_ms: 20.0,
            },
            ..open(0.0)
        };
        let rates = (0..60).map(|i| 25.0 + f64::from(i % 7) - 3.0);
        let sampled = slices(rates, 20.0);
        // Three sizes for each cause of error: 10 ms without optimisation.
        let (low, high) = interval(&model, &sampled, 0.05).unwrap();
        assert!(low < 500 && high > 500, "{low} {high}");
    }
}
