//! Quantiles of plain values and of curves over time.

/// The quantile `probability` (0 to 1) of `values`, interpolated linearly between order statistics
/// (type 7 of Hyndman and Fan 1996). `None` without a value or outside 0 to 1.
#[must_use]
pub fn quantile(values: &[f64], probability: f64) -> Option<f64> {
    if values.is_empty() || !(0.0..=1.0).contains(&probability) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = probability * (sorted.len() - 1) as f64;
    let below = position.floor();
    let index = super::round_to_count(below) as usize;
    let next = sorted[(index + 1).min(sorted.len() - 1)];
    Some(sorted[index] + (next - sorted[index]) * (position - below))
}

/// The quantile `probability` (0 to 1) of a curve that was read at moments: the value below which
/// the curve was for that share of the time. `points` are (moment, value) in the order of time;
/// each value stands for the time half-way to its neighbours, so that a missed reading does not
/// make the readings around it count for less. `None` without a point or outside 0 to 1.
#[must_use]
pub fn time_weighted_quantile(points: &[(f64, f64)], probability: f64) -> Option<f64> {
    if points.is_empty() || !(0.0..=1.0).contains(&probability) {
        return None;
    }
    let mut weighted: Vec<(f64, f64)> = points
        .iter()
        .enumerate()
        .map(|(i, &(at, value))| {
            let before = i.checked_sub(1).map_or(at, |p| points[p].0);
            let after = points.get(i + 1).map_or(at, |p| p.0);
            (value, ((after - before) / 2.0).max(0.0))
        })
        .collect();
    weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = weighted.iter().map(|w| w.1).sum();
    if total <= 0.0 {
        // All readings at one moment: there is no time to weigh with.
        let values: Vec<f64> = points.iter().map(|p| p.1).collect();
        return quantile(&values, probability);
    }
    let mut passed = 0.0;
    for &(value, weight) in &weighted {
        passed += weight;
        if weight > 0.0 && passed >= probability * total {
            return Some(value);
        }
    }
    weighted.last().map(|w| w.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_quantiles_interpolate() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.5), Some(2.5));
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&values, 1.0), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&values, 1.5), None);
    }

    #[test]
    fn a_value_counts_for_as_long_as_it_stood() {
        // 10 for nearly nine tenths of the time, 0 for the rest, although most readings are 0.
        let points = [
            (0.0, 0.0),
            (0.1, 0.0),
            (0.2, 0.0),
            (0.3, 0.0),
            (1.0, 10.0),
            (10.0, 10.0),
        ];
        assert_eq!(time_weighted_quantile(&points, 0.5), Some(10.0));
        assert_eq!(time_weighted_quantile(&points, 0.01), Some(0.0));
        assert_eq!(time_weighted_quantile(&[(1.0, 5.0)], 0.5), Some(5.0));
        assert_eq!(time_weighted_quantile(&[], 0.5), None);
    }
}
