//! The window in slices of time: how the demand for connections varies, and whether it has a rush.

use std::ops::Range;

use crate::stats::{Busiest, LoadSlice, MIN_SLICES, busiest};

/// Readings of a slice from which a longer window is cut into more slices instead of longer ones.
const READINGS: usize = 50;

/// More slices make the interval no better, and shorter ones are noisier (ours).
const MAX_SLICES: usize = 60;

/// A window cut into slices of one length; those without a reading are left out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    /// Readings of each slice.
    pub(super) readings: Vec<Range<usize>>,
    /// Begin of each, in milliseconds since the start of the window.
    pub(super) starts_ms: Vec<f64>,
    /// Length of each.
    pub(super) length_ms: f64,
}

impl Cut {
    /// Cuts by the moments of the readings, in the order of time: 20 slices, and of long windows up to 60.
    pub(super) fn of(moments_ms: &[f64]) -> Self {
        let count = (moments_ms.len() / READINGS).clamp(MIN_SLICES, MAX_SLICES);
        let (first, last) = match moments_ms {
            [first, .., last] if last > first => (*first, *last),
            _ => (0.0, 0.0),
        };
        // The last reading stands for as much time as the others do.
        let gaps = moments_ms.len().saturating_sub(1).max(1) as f64;
        let length_ms = (last - first) * (1.0 + 1.0 / gaps) / count as f64;
        let mut cut = Self {
            readings: Vec::new(),
            starts_ms: Vec::new(),
            length_ms,
        };
        for slice in 0..count {
            let start = first + length_ms * slice as f64;
            // Half a gap earlier, so that a reading that is a little late does not change its slice.
            let edge = |at: f64| {
                let half_gap = (last - first) / gaps / 2.0;
                moments_ms.partition_point(|moment| *moment < at - half_gap)
            };
            let readings = edge(start)..edge(start + length_ms);
            if !readings.is_empty() {
                cut.readings.push(readings);
                cut.starts_ms.push(start);
            }
        }
        cut
    }

    /// Mean of some values of the readings, by slice.
    pub(super) fn means(&self, values: &[f64]) -> Vec<f64> {
        let slices = self.readings.iter();
        let means = slices.map(|range| mean(&values[range.clone()]));
        means.collect()
    }

    /// Mean of 1 ÷ readings of a slice.
    fn per_reading(&self) -> f64 {
        let parts = self.readings.iter().map(|range| 1.0 / range.len() as f64);
        parts.sum::<f64>() / self.readings.len().max(1) as f64
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Connections that the load asks for, by slice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slices {
    pub(super) cut: Cut,
    pub(super) levels: Vec<f64>,
    /// Variance by chance of a level over the level (see [`busiest`]).
    pub(super) noise: f64,
}

/// The busiest part of a window, where it stands out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    /// Mean level over the mean of all slices.
    pub(super) times: f64,
    /// Standard error of the level, as a share of it.
    pub(super) error_ratio: f64,
    /// Which slices.
    pub(super) slices: Vec<usize>,
}

impl Slices {
    /// Numbers of connections that were counted at moments, with the mean number of readings in a row that
    /// saw the same lease.
    pub(super) fn counted(cut: Cut, counts: &[f64], readings_per_lease: f64) -> Self {
        let levels = cut.means(counts);
        let overall = mean(counts);
        // Of random arrivals the number in use has Poisson's distribution; if it varies more from one
        // reading to the next than that, arrivals come in bursts, which is no rush either.
        let ranges = cut.readings.iter().map(|range| &counts[range.clone()]);
        let (squares, degrees) = ranges.fold((0.0, 0.0), |(squares, degrees), slice| {
            let middle = mean(slice);
            let here: f64 = slice.iter().map(|n| (n - middle).powi(2)).sum();
            (squares + here, degrees + (slice.len() - 1) as f64)
        });
        let burstiness = squares / (degrees * overall).max(f64::MIN_POSITIVE);
        let noise =
            burstiness.max(1.0) * cut.per_reading() * repeats(&cut.readings, readings_per_lease);
        Self { cut, levels, noise }
    }

    /// There are enough of them to tell how the demand varies.
    pub(super) fn are_enough(&self) -> bool {
        self.levels.len() >= MIN_SLICES && self.mean() > 0.0
    }

    pub(super) fn mean(&self) -> f64 {
        mean(&self.levels)
    }

    /// Standard error of the mean level by chance alone, as a share of it. Slices are taken to be independent,
    /// and leases that last for several of them are accounted for in their noise.
    pub(super) fn error_by_chance(&self, readings_per_lease: f64) -> f64 {
        let all = 0..self.cut.readings.iter().map(Range::len).sum();
        let readings = all.len().max(1) as f64;
        let factor = repeats(std::slice::from_ref(&all), readings_per_lease);
        (factor / readings / self.mean()).sqrt()
    }

    /// The load of each slice, for a mean rate and a lease: the rate follows the level.
    pub(super) fn loads(&self, per_ms: f64, lease_ms: f64) -> Vec<LoadSlice> {
        let levels = self.levels.iter();
        let loads = levels.map(|level| LoadSlice {
            arrival_rate: per_ms * level / self.mean(),
            service: lease_ms,
        });
        loads.collect()
    }

    /// The busiest part, if the slices differ by more than chance explains.
    pub(super) fn busiest(&self) -> Option<Stretch> {
        let Busiest {
            level,
            standard_error,
            slices,
        } = busiest(&self.levels, self.noise)?;
        let times = level / self.mean();
        (times > 1.0).then_some(Stretch {
            times,
            error_ratio: standard_error / level,
            slices,
        })
    }

    /// Mean and busiest stretch in words, and when that was.
    pub(super) fn words(&self, stretch: Option<&Stretch>, what: &str) -> String {
        let count = self.levels.len();
        let length = self.cut.length_ms / 1000.0;
        let all = self.mean();
        if let Some(stretch) = stretch {
            let from = stretch.slices.first().map_or(0.0, |i| self.seconds_at(*i));
            let which = match stretch.slices.len() {
                1 => format!("the busiest of {count} slices of {length:.1} s, {from:.1} s"),
                several => format!(
                    "the busiest {several} of {count} slices of {length:.1} s, the first of them {from:.1} s"
                ),
            };
            return format!(
                "{which} into the window, had {:.1} connections {what}, {all:.1} is the mean of all: more than \
                 chance explains, so the size is made for them",
                stretch.times * all
            );
        }
        let largest = (0..count).max_by(|a, b| self.levels[*a].total_cmp(&self.levels[*b]));
        let largest = largest.unwrap_or(0);
        format!(
            "no rush was seen: the busiest of {count} slices of {length:.1} s, {:.1} s into the window, had {:.1} \
             connections {what} and the mean of all is {all:.1}, which chance explains",
            self.seconds_at(largest),
            self.levels.get(largest).copied().unwrap_or(0.0)
        )
    }

    fn seconds_at(&self, slice: usize) -> f64 {
        let start = self.cut.starts_ms.get(slice).copied();
        start.unwrap_or(0.0).max(0.0) / 1000.0
    }
}

/// How many times as much the mean of a slice varies because readings in a row see the same leases. A reading
/// sees a lease of the one before with the chance ρ = 1 − 1 ÷ (readings per lease), as for leases of exponential
/// length; for even ones that is rather too much. The variance of the mean of n such readings is
/// 1 + 2 Σ (1 − k/n) ρᵏ times that of independent ones.
fn repeats(slices: &[Range<usize>], readings_per_lease: f64) -> f64 {
    let again = 1.0 - 1.0 / readings_per_lease.max(1.0);
    let factor = |readings: usize| {
        let (n, mut power, mut sum) = (readings as f64, 1.0, 1.0);
        for k in 1..readings {
            power *= again;
            if power < 1e-6 {
                break;
            }
            sum += 2.0 * (1.0 - k as f64 / n) * power;
        }
        sum
    };
    let factors = slices.iter().map(|range| factor(range.len()));
    factors.sum::<f64>() / slices.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_into_slices_of_one_length() {
        let every_100_ms: Vec<f64> = (0..120).map(|i| 100.0 * f64::from(i)).collect();
        let cut = Cut::of(&every_100_ms);
        assert_eq!(cut.readings.len(), 20);
        assert!(cut.readings.iter().all(|r| r.len() == 6), "{cut:?}");
        assert!((cut.length_ms - 600.0).abs() < 1e-9);
        let long: Vec<f64> = (0..6000).map(|i| 100.0 * f64::from(i)).collect();
        assert_eq!(Cut::of(&long).readings.len(), 60);
        // Nothing was read from 3 s on for 6 s: ten slices are missing, none is made up.
        let mut gap = every_100_ms.clone();
        gap.retain(|at| !(3000.0..9000.0).contains(at));
        let cut = Cut::of(&gap);
        assert!(cut.readings.len() < MIN_SLICES, "{cut:?}");
        assert_eq!(cut.readings.last().unwrap().end, gap.len());
    }

    #[test]
    fn too_few_readings_are_no_slices() {
        for moments in [vec![], vec![5.0], vec![5.0, 5.0]] {
            let slices = Slices::counted(Cut::of(&moments), &vec![1.0; moments.len()], 1.0);
            assert!(!slices.are_enough(), "{slices:?}");
        }
    }

    #[test]
    fn leases_that_are_seen_again_are_less_evidence() {
        let slice = 0..10;
        let slice = std::slice::from_ref(&slice);
        assert!((repeats(slice, 1.0) - 1.0).abs() < 1e-12);
        // One lease throughout: ten readings are worth one.
        assert!((repeats(slice, 1e9) - 10.0).abs() < 1e-6);
        let half = repeats(slice, 2.0);
        assert!(
            (half - 2.6).abs() < 0.01,
            "3 less what lies beyond the edges: {half}"
        );
    }
}
