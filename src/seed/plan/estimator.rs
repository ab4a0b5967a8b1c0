//! How many values there must be for PostgreSQL to find as many as it says.

use super::statistics::Distribution;
use crate::seed::profile::ColumnStats;
use crate::seed::shape::Layout;

/// Rows that ANALYZE looks at for each of the statistics' entries (`std_typanalyze`: 300 × the target).
const ROWS_OF_AN_ENTRY: f64 = 300.0;
/// Entries by default (`default_statistics_target`).
const ENTRIES: usize = 100;
/// Steps towards the number of values that is found to be as many as wanted: to a millionth of what is possible (ours).
const STEPS: u32 = 20;

/// Gives a distribution so many values that ANALYZE will find as many as `wanted`, but no more than `most`.
///
/// ANALYZE sees a sample only, and from what it sees once there (f1) among all that it sees (d) it estimates n·d / (n -
/// f1 + f1·n/N), after Haas and Stokes (IBM Research Report RJ 10025). That is too few where some values are much rarer
/// than others. What is generated is seen through the same estimate, so that is what has to be as on the source.
pub(super) fn fit(
    distribution: &mut Distribution,
    stats: &ColumnStats,
    (rows, most): (u64, u64),
    wanted: f64,
    key: u64,
) {
    let sample = sampled(stats);
    if rows as f64 <= sample {
        return;
    }
    let found = |values: u64| {
        let mut tried = distribution.clone();
        tried.resized(values);
        estimate(&tried.layout(rows, key), rows, sample)
    };
    let most = most.saturating_sub(distribution.atoms.len() as u64);
    // The estimate grows with the number of values.
    let (mut low, mut high) = (distribution.others(), most);
    if low == 0 || low >= high || found(low) >= wanted {
        return;
    }
    for _ in 0..STEPS {
        let middle = u64::midpoint(low, high);
        if found(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    distribution.resized(u64::midpoint(low, high));
}

/// Rows that ANALYZE has looked at.
fn sampled(stats: &ColumnStats) -> f64 {
    let entries = stats.histogram.bounds().saturating_sub(1);
    let entries = entries.max(stats.most_common.len()).max(ENTRIES);
    entries as f64 * ROWS_OF_AN_ENTRY
}

/// How many different values ANALYZE will find, on the mean: a row is seen with the probability q = n/N, so that a value
/// of c rows is seen with 1 - (1 - q)^c, and once with c·q·(1 - q)^(c - 1).
fn estimate(layout: &Layout, rows: u64, sample: f64) -> f64 {
    let seen = sample / rows as f64;
    let (mut distinct, mut once) = (0.0, 0.0);
    for (count, values) in layout.counts() {
        let unseen = power(1.0 - seen, count.saturating_sub(1));
        distinct += values * (1.0 - unseen * (1.0 - seen));
        once += values * count as f64 * seen * unseen;
    }
    // Nulls are seen, too.
    let sample = sample * layout.filled() as f64 / rows as f64;
    sample * distinct / (sample - once + once * seen)
}

/// By multiplication: the power functions of platforms differ in their last bit.
fn power(base: f64, mut exponent: u64) -> f64 {
    let (mut result, mut factor) = (1.0, base);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result *= factor;
        }
        factor *= factor;
        exponent /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::plan::statistics::whole;
    use crate::seed::profile::Histogram;
    use crate::seed::shape::Piece;

    fn stats(n_distinct: f64) -> ColumnStats {
        ColumnStats {
            null_frac: 0.0,
            avg_width: 4,
            n_distinct,
            most_common: Vec::new(),
            histogram: Histogram::None,
            correlation: None,
            elements: None,
            json: None,
        }
    }

    #[test]
    fn small_tables_are_as_measured() {
        let stats = stats(700.0);
        let mut distribution = Distribution::measured(&stats, 30_000, 700.0, 1);
        fit(&mut distribution, &stats, (30_000, 30_000), 700.0, 1);
        assert_eq!(distribution.distinct(), 700);
    }

    #[test]
    fn a_sample_of_what_is_laid_out_is_estimated_as_measured() {
        for measured in [500.0, 20_000.0, 60_000.0] {
            let stats = stats(measured);
            let mut distribution = Distribution::measured(&stats, 240_000, measured, 1);
            distribution.laid_over(vec![
                Piece {
                    values: whole(measured / 4.0),
                    share: 0.75,
                },
                Piece {
                    values: whole(measured * 0.75),
                    share: 0.25,
                },
            ]);
            fit(&mut distribution, &stats, (240_000, 240_000), measured, 1);
            assert!(distribution.distinct() as f64 >= measured * 0.999);
            // Every eighth row, in an order that has nothing to do with the values.
            let layout = distribution.layout(240_000, 1);
            let order = crate::seed::shape::Permutation::full(240_000, 5);
            let mut seen: Vec<u64> = (0..30_000)
                .map(|row| layout.at(order.at(row)).unwrap().ordinal)
                .collect();
            seen.sort_unstable();
            let groups = seen.chunk_by(|a, b| a == b);
            let (mut d, mut f1) = (0.0, 0.0);
            for group in groups {
                d += 1.0;
                f1 += f64::from(u8::from(group.len() == 1));
            }
            let found = 30_000.0 * d / (30_000.0 - f1 + f1 / 8.0);
            let error = (found / measured - 1.0).abs();
            // The estimate of one sample has a standard error of about 2 %.
            assert!(error < 0.05, "{measured}: {found}");
        }
    }
}
