//! Distributions on a line, of points and even stretches, and how far two of them are apart.

/// A distribution on a line. Its weight is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    parts: Vec<Part>,
}

/// Weight that lies at a point, or is spread evenly between two.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    from: f64,
    to: f64,
    weight: f64,
}

impl Part {
    /// Its weight below a place, or at it as well.
    fn below(&self, place: f64, or_at: bool) -> f64 {
        let reached = self.to < place || (or_at && self.to <= place);
        if reached {
            self.weight
        } else if self.from < place && place < self.to {
            self.weight * (place - self.from) / (self.to - self.from)
        } else if self.from < self.to && place >= self.to {
            // The end of a stretch has no weight of its own.
            self.weight
        } else {
            0.0
        }
    }
}

impl Distribution {
    /// Of stretches: where each begins and ends (at the same place for a point), and its weight. Weights are made to
    /// sum up to one. `None` where there is no weight, or a place is no number.
    #[must_use]
    pub fn new(parts: impl IntoIterator<Item = (f64, f64, f64)>) -> Option<Self> {
        let parts = parts.into_iter().filter(|(_, _, weight)| *weight > 0.0);
        let mut parts: Vec<Part> = parts
            .map(|(from, to, weight)| Part { from, to, weight })
            .collect();
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        let sound =
            |part: &Part| part.from.is_finite() && part.to.is_finite() && part.from <= part.to;
        if total <= 0.0 || !total.is_finite() || !parts.iter().all(sound) {
            return None;
        }
        for part in &mut parts {
            part.weight /= total;
        }
        Some(Self { parts })
    }

    /// The weight below a place, or at it as well.
    fn below(&self, place: f64, or_at: bool) -> f64 {
        self.parts.iter().map(|part| part.below(place, or_at)).sum()
    }

    /// Where its course may bend or jump.
    fn places(&self) -> impl Iterator<Item = f64> + '_ {
        self.parts.iter().flat_map(|part| [part.from, part.to])
    }
}

/// The Kolmogorov–Smirnov distance: the largest difference, over all places of the line, of the weights up to there.
/// From 0, where both are the same, to 1, where all of one lies below all of the other. Both are straight between the
/// places where one bends or jumps, so that the largest difference is at one of these, from one side or the other.
#[must_use]
pub fn kolmogorov_smirnov(a: &Distribution, b: &Distribution) -> f64 {
    let places = a.places().chain(b.places());
    let apart = |place: f64, or_at: bool| (a.below(place, or_at) - b.below(place, or_at)).abs();
    let apart = places.map(|place| apart(place, false).max(apart(place, true)));
    apart.fold(0.0, f64::max)
}

/// By how much the empirical distributions of two samples of the same rows differ in all but five of a hundred cases
/// (N. V. Smirnov, "Table for Estimating the Goodness of Fit of Empirical Distributions", 1948): `None` of an empty
/// sample.
#[must_use]
pub fn sampling_distance(rows: f64, other_rows: f64) -> Option<f64> {
    let known = rows >= 1.0 && other_rows >= 1.0;
    known.then(|| (1.358 * (1.0 / rows + 1.0 / other_rows).sqrt()).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(from: f64, to: f64) -> Distribution {
        Distribution::new([(from, to, 1.0)]).unwrap()
    }

    fn near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-12,
            "{found} instead of {expected}"
        );
    }

    #[test]
    fn even_stretches_differ_by_how_far_they_are_moved() {
        near(kolmogorov_smirnov(&even(0.0, 1.0), &even(0.0, 1.0)), 0.0);
        near(kolmogorov_smirnov(&even(0.0, 1.0), &even(0.25, 1.25)), 0.25);
        near(kolmogorov_smirnov(&even(0.0, 1.0), &even(2.0, 3.0)), 1.0);
        // Half of the one lies where nothing of the other does.
        near(kolmogorov_smirnov(&even(0.0, 2.0), &even(0.0, 1.0)), 0.5);
    }

    #[test]
    fn points_are_jumps() {
        let two = |at_one: f64| {
            Distribution::new([(1.0, 1.0, at_one), (2.0, 2.0, 1.0 - at_one)]).unwrap()
        };
        near(kolmogorov_smirnov(&two(0.7), &two(0.4)), 0.3);
        // A point in an even stretch: all of its weight at once.
        let point = Distribution::new([(0.5, 0.5, 1.0)]).unwrap();
        near(kolmogorov_smirnov(&point, &even(0.0, 1.0)), 0.5);
        let mixed = Distribution::new([(0.5, 0.5, 0.2), (0.0, 1.0, 0.8)]).unwrap();
        near(kolmogorov_smirnov(&mixed, &even(0.0, 1.0)), 0.1);
    }

    #[test]
    fn weights_need_not_sum_up_to_one() {
        let same = Distribution::new([(0.0, 1.0, 30.0)]).unwrap();
        near(kolmogorov_smirnov(&same, &even(0.0, 1.0)), 0.0);
        assert_eq!(Distribution::new([]), None);
        assert_eq!(Distribution::new([(0.0, 1.0, 0.0)]), None);
        assert_eq!(Distribution::new([(f64::NAN, 1.0, 1.0)]), None);
    }

    #[test]
    fn more_bounds_of_the_same_course_change_nothing() {
        let coarse = even(0.0, 1.0);
        let fine = Distribution::new((0..100).map(|i| {
            let from = f64::from(i) / 100.0;
            (from, from + 0.01, 1.0)
        }));
        assert!(kolmogorov_smirnov(&coarse, &fine.unwrap()) < 1e-9);
    }

    #[test]
    fn samples_of_thirty_thousand_differ_by_a_hundredth() {
        let apart = sampling_distance(30_000.0, 30_000.0).unwrap();
        assert!((apart - 0.0111).abs() < 1e-4, "{apart}");
        assert_eq!(sampling_distance(0.0, 10.0), None);
    }
}
