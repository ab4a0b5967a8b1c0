//! From a row of `pg_stats` to how a column is laid out.

use std::ops::Range;

use crate::seed::profile::{ColumnStats, Histogram, Value};
use crate::seed::shape::{Atom, Layout, Permutation, Piece, mix};

/// How the values of a column are distributed over its rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Distribution {
    /// Rows without a value.
    pub(super) nulls: u64,
    /// Common values in the order of values.
    pub(super) atoms: Vec<Atom>,
    /// What is known of each, in the order of `atoms`.
    pub(super) values: Vec<Value>,
    /// The other values.
    pub(super) pieces: Vec<Piece>,
    /// Correlation of physical order and the order of values, where it is known.
    pub(super) correlation: Option<f64>,
}

/// Rows by which the order of a column with equal values is found (ours): a correlation of so many is known to 0.015.
const TRIED_ROWS: u64 = 4_000;

/// Above this share of the rows, what is left after the common values is more than an error of the sample.
const LEAST_REST: f64 = 0.0005;

impl Distribution {
    /// Of a column with statistics; `distinct` is how many values it has in as many rows.
    pub(super) fn measured(stats: &ColumnStats, rows: u64, distinct: f64, key: u64) -> Self {
        let bounds = stats.histogram.bounds();
        let total: f64 = stats.most_common.iter().map(|c| c.frequency).sum();
        let rest_share = (1.0 - stats.null_frac - total).max(0.0);
        let mut rest = (distinct - stats.most_common.len() as f64).round().max(0.0);
        if rest_share < LEAST_REST && bounds < 2 {
            rest = 0.0;
        } else if rest_share >= LEAST_REST {
            rest = rest.max(1.0).max(bounds as f64);
        }
        let nulls = whole(stats.null_frac * rows as f64 + 0.5);
        if stats.most_common.is_empty() && nulls < rows {
            // A sample need not have met a row of the few that are filled.
            rest = rest.max(1.0);
        }
        let values = whole(rest).min(rows);
        let mut common: Vec<(Atom, Value)> = (0_u64..)
            .zip(&stats.most_common)
            .map(|(number, common)| {
                let atom = Atom {
                    frequency: common.frequency,
                    after: after(stats, common.order, bounds, values, mix(key ^ number)),
                };
                (atom, common.value.clone())
            })
            .collect();
        sort(&mut common, stats);
        let (atoms, told) = common.into_iter().unzip();
        Self {
            nulls,
            atoms,
            values: told,
            pieces: vec![Piece { values, share: 1.0 }],
            correlation: stats.correlation,
        }
    }

    /// Every row has a value of its own; nulls and correlation are kept.
    pub(super) fn made_unique(mut self, rows: u64) -> Self {
        self.atoms.clear();
        self.values.clear();
        self.pieces = vec![Piece {
            values: rows.saturating_sub(self.nulls),
            share: 1.0,
        }];
        self
    }

    /// Values have so many rows at most: what common ones have above goes to those that have room.
    pub(super) fn held_below(mut self, most: u64, rows: u64) -> Self {
        let rows = rows.max(1) as f64;
        // Shares are rounded to rows.
        let cap = (most as f64 - 0.5).max(0.5) / rows;
        for atom in &mut self.atoms {
            atom.frequency = atom.frequency.min(cap);
        }
        let common: f64 = self.atoms.iter().map(|atom| atom.frequency).sum();
        let others = 1.0 - self.nulls as f64 / rows - common;
        // Among the others some have twice as many as the mean.
        let excess = others - self.others() as f64 * cap / 2.0;
        let room = self.atoms.len() as f64 * cap - common;
        if excess > 0.0 && room > 0.0 {
            let part = (excess / room).min(1.0);
            for atom in &mut self.atoms {
                atom.frequency += (cap - atom.frequency) * part;
            }
        }
        self
    }

    /// Equally many rows lie in each of these ranges of ordinals. A range may begin with the last ordinal of the one
    /// before.
    pub(super) fn grouped(&mut self, groups: &[Range<u64>]) {
        let (Some(end), before) = (groups.last().map(|g| g.end), self.others()) else {
            return;
        };
        if before == 0 || end == 0 {
            return;
        }
        let share = 1.0 / groups.len() as f64;
        // Where common values have ordinals too, the others are fewer than the ordinals.
        let scaled = |ordinal: u64| whole(ordinal as f64 / end as f64 * before as f64 + 0.5);
        let mut pieces: Vec<Piece> = Vec::with_capacity(groups.len());
        let mut covered = 0;
        for group in groups {
            let until = scaled(group.end).clamp(covered, before);
            if until > covered {
                pieces.push(Piece {
                    values: until - covered,
                    share,
                });
            } else {
                heavier(&mut pieces, share);
            }
            covered = until;
        }
        self.laid_over(pieces);
    }

    /// The other values in pieces of their own shares; common values keep their places among the rows.
    pub(super) fn laid_over(&mut self, pieces: Vec<Piece>) {
        let before = self.others().max(1) as f64;
        for atom in &mut self.atoms {
            atom.after = at_share(&pieces, atom.after as f64 / before);
        }
        self.pieces = pieces;
    }

    /// With so many other values, in the same shares.
    pub(super) fn resized(&mut self, values: u64) {
        let before = self.others().max(1) as f64;
        let factor = values as f64 / before;
        let (mut sum, mut until) = (0, 0);
        for piece in &mut self.pieces {
            sum += piece.values;
            let next = whole(sum as f64 * factor + 0.5).max(until + 1);
            piece.values = next - until;
            until = next;
        }
        for atom in &mut self.atoms {
            atom.after = whole(atom.after as f64 * factor + 0.5);
        }
    }

    /// Values that are not common.
    pub(super) fn others(&self) -> u64 {
        self.pieces.iter().map(|p| p.values).sum()
    }

    /// All values are equally frequent: how often each occurs is not laid out here.
    pub(super) fn level(&mut self) {
        let share = 1.0 / self.distinct().max(1) as f64;
        for atom in &mut self.atoms {
            atom.frequency = share;
        }
    }

    /// With so many different values at least.
    pub(super) fn at_least(&mut self, values: u64) {
        let missing = values.saturating_sub(self.distinct());
        match self.pieces.last_mut() {
            Some(last) => last.values += missing,
            None => self.pieces.push(Piece {
                values: missing,
                share: 1.0,
            }),
        }
    }

    /// Different values.
    pub(super) fn distinct(&self) -> u64 {
        self.atoms.len() as u64 + self.pieces.iter().map(|p| p.values).sum::<u64>()
    }

    /// With no more values than can be made; common values stay.
    pub(super) fn limited_to(mut self, values: u64) -> Self {
        let mut left = values.saturating_sub(self.atoms.len() as u64);
        for piece in &mut self.pieces {
            piece.values = piece.values.min(left);
            left -= piece.values;
        }
        let values = usize::try_from(values).unwrap_or(usize::MAX);
        if self.atoms.len() > values {
            self.atoms.truncate(values);
            self.values.truncate(values);
        }
        self
    }

    pub(super) fn layout(&self, rows: u64, key: u64) -> Layout {
        Layout::new(rows, self.nulls, &self.atoms, &self.pieces, key)
    }

    /// The order of rows that shows the correlation measured.
    ///
    /// PostgreSQL sorts equal values by their place in the table, so that a column of few values seems correlated where
    /// it is not: two equally frequent values in any order show 0.5. So the order is looked for that shows what was
    /// measured, with as many rows as [`TRIED_ROWS`].
    pub(super) fn order(&self, rows: u64, key: u64) -> Permutation {
        let Some(wanted) = self.correlation else {
            return Permutation::full(rows, key);
        };
        let wanted = wanted.clamp(-1.0, 1.0);
        let has_ties = self.distinct() < rows.saturating_sub(self.nulls);
        if !has_ties || wanted.abs() > 0.9999 {
            return Permutation::correlated(rows, wanted, key);
        }
        let (mut low, mut high) = (-1.0, 1.0);
        for _ in 0..12 {
            let middle = f64::midpoint(low, high);
            if self.shown(middle, rows, key) < wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        Permutation::correlated(rows, f64::midpoint(low, high), key)
    }

    /// The correlation that PostgreSQL would measure of rows in an order of this correlation: of the places of values,
    /// equal ones by their place in the table, and the places in the table.
    fn shown(&self, correlation: f64, rows: u64, key: u64) -> f64 {
        let tried = rows.min(TRIED_ROWS);
        let part = tried as f64 / rows.max(1) as f64;
        let nulls = whole(self.nulls as f64 * part);
        let layout = Layout::new(tried, nulls, &self.atoms, &self.pieces, key);
        let order = Permutation::correlated(tried, correlation, key);
        let mut places: Vec<(u64, u64)> = (0..tried)
            .filter_map(|row| Some((layout.at(order.at(row))?.ordinal, row)))
            .collect();
        places.sort_unstable();
        let mut by_table: Vec<usize> = (0..places.len()).collect();
        by_table.sort_unstable_by_key(|place| places[*place].1);
        let count = places.len() as f64;
        if count < 2.0 {
            return 0.0;
        }
        let mean = (count - 1.0) / 2.0;
        let products = by_table.iter().enumerate();
        let sum: f64 = products
            .map(|(row, place)| (row as f64 - mean) * (*place as f64 - mean))
            .sum();
        sum / count / ((count * count - 1.0) / 12.0)
    }
}

/// The last value so far has another share.
fn heavier(pieces: &mut Vec<Piece>, share: f64) {
    let Some(last) = pieces.last_mut() else {
        pieces.push(Piece { values: 1, share });
        return;
    };
    if last.values <= 1 {
        last.share += share;
        return;
    }
    let own = last.share / last.values as f64;
    last.values -= 1;
    last.share -= own;
    pieces.push(Piece {
        values: 1,
        share: own + share,
    });
}

/// How many values lie before this share of the rows.
fn at_share(pieces: &[Piece], share: f64) -> u64 {
    let (mut values, mut sum) = (0, 0.0);
    for piece in pieces {
        if sum + piece.share >= share {
            let within = (share - sum) / piece.share.max(f64::MIN_POSITIVE);
            return values + whole(within * piece.values as f64 + 0.5).min(piece.values);
        }
        sum += piece.share;
        values += piece.values;
    }
    values
}

/// How many of the other values come before a common one: by its place among the bounds, else anywhere.
fn after(stats: &ColumnStats, order: Option<u32>, bounds: usize, values: u64, bits: u64) -> u64 {
    let Some(order) = order else {
        return bits % (values + 1);
    };
    let lower = stats
        .most_common
        .iter()
        .filter(|c| c.order.is_some_and(|o| o < order));
    let below = (order as usize).saturating_sub(lower.count());
    if bounds < 2 {
        return 0;
    }
    // Between two bounds it lies in the middle, as far as anybody knows.
    let place = match below {
        0 => 0.0,
        below if below >= bounds => 1.0,
        below => (below as f64 - 0.5) / (bounds - 1) as f64,
    };
    whole(place * values as f64 + 0.5)
}

/// By their order where it is known.
fn sort(common: &mut [(Atom, Value)], stats: &ColumnStats) {
    let mut orders: Vec<(usize, Option<u32>)> = stats
        .most_common
        .iter()
        .map(|c| c.order)
        .enumerate()
        .collect();
    if orders.iter().all(|(_, order)| order.is_some()) {
        orders.sort_by_key(|(_, order)| *order);
        let sorted: Vec<(Atom, Value)> = orders.iter().map(|(i, _)| common[*i].clone()).collect();
        common.clone_from_slice(&sorted);
    } else {
        common.sort_by_key(|(atom, _)| atom.after);
    }
}

impl Histogram {
    /// How many bounds there are.
    pub(super) fn bounds(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Kept(bounds) => bounds.len(),
            Self::Shape(shape) => shape.positions.len(),
            Self::Untold(bounds) => *bounds as usize,
        }
    }
}

/// The whole part of a number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count; the cast saturates"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::profile::Common;

    fn common(value: &str, frequency: f64, order: u32) -> Common {
        Common {
            value: Value::Kept(value.to_owned()),
            frequency,
            order: Some(order),
        }
    }

    fn stats() -> ColumnStats {
        ColumnStats {
            null_frac: 0.1,
            avg_width: 4,
            n_distinct: 50.0,
            most_common: vec![common("90", 0.4, 4), common("10", 0.2, 0)],
            // 10* | 20 30 40 | 90* | 99
            histogram: Histogram::Kept(["20", "30", "40", "99"].map(str::to_owned).to_vec()),
            correlation: Some(0.5),
            elements: None,
            json: None,
        }
    }

    #[test]
    fn common_values_lie_between_the_bounds() {
        let got = Distribution::measured(&stats(), 1_000, 50.0, 1);
        assert_eq!(got.nulls, 100);
        assert_eq!(got.distinct(), 50);
        let places: Vec<(u64, f64)> = got.atoms.iter().map(|a| (a.after, a.frequency)).collect();
        // Three of four bounds lie below 90, so five sixths of the 48 other values.
        assert_eq!(places, [(0, 0.2), (40, 0.4)]);
        assert_eq!(got.values[0], Value::Kept("10".to_owned()));
    }

    #[test]
    fn values_of_a_key_are_held_below_their_room() {
        // 20 values, one of them with half of the rows: no more than 9 of 100 rows each.
        let mut common: Vec<Common> = (0..19).map(|n| common(&n.to_string(), 0.025, n)).collect();
        common[3].frequency = 0.5;
        let crowded = ColumnStats {
            null_frac: 0.0,
            most_common: common,
            histogram: Histogram::None,
            n_distinct: 20.0,
            ..stats()
        };
        let got = Distribution::measured(&crowded, 100, 20.0, 1).held_below(9, 100);
        let layout = got.layout(100, 1);
        assert!(layout.largest() <= 9, "{layout:?}");
        assert_eq!(layout.filled(), 100);
    }

    #[test]
    fn intervals_of_few_values_have_as_many_rows_as_those_of_many() {
        let mut got = Distribution::measured(&stats(), 1_000, 50.0, 1);
        // 48 values in three intervals; the second has one value only, the last of the first.
        got.grouped(&[0..4, 3..4, 4..48]);
        let values: Vec<u64> = got.pieces.iter().map(|p| p.values).collect();
        assert_eq!(values, [3, 1, 44]);
        let shares: Vec<f64> = got.pieces.iter().map(|p| p.share * 12.0).collect();
        assert!(
            (shares[0] - 3.0).abs() < 1e-9 && (shares[1] - 5.0).abs() < 1e-9,
            "{shares:?}"
        );
        // Five sixths of the rows lie before 90: half of the last interval.
        assert_eq!(got.atoms[1].after, 26);
    }

    #[test]
    fn values_that_are_all_common_leave_nothing() {
        let all = ColumnStats {
            most_common: vec![common("a", 0.5, 0), common("b", 0.3999, 1)],
            histogram: Histogram::None,
            n_distinct: 2.0,
            ..stats()
        };
        let got = Distribution::measured(&all, 1_000, 2.0, 1);
        assert_eq!(got.distinct(), 2);
        assert_eq!(got.layout(1_000, 1).filled(), 900);
    }

    #[test]
    fn few_values_in_any_order_seem_correlated() {
        for (share, shown) in [
            (0.5, 0.5),
            (0.5, 0.9),
            (0.5, -0.3),
            (0.9, 0.85),
            (0.9, 0.97),
        ] {
            let two = ColumnStats {
                null_frac: 0.0,
                most_common: vec![common("a", share, 0), common("b", 1.0 - share, 1)],
                histogram: Histogram::None,
                correlation: Some(shown),
                ..stats()
            };
            let distribution = Distribution::measured(&two, 20_000, 2.0, 1);
            let order = distribution.order(20_000, 9);
            // Places of values, equal ones by their rows, beside the rows.
            let first = whole(share * 20_000.0);
            let mut places: Vec<(bool, u64)> = (0..20_000)
                .map(|row| (order.at(row) >= first, row))
                .collect();
            places.sort_unstable();
            let mean = 9_999.5;
            let sum: f64 = (0..20_000)
                .zip(&places)
                .map(|(place, (_, row))| (f64::from(place) - mean) * (*row as f64 - mean))
                .sum();
            let got = sum / 20_000.0 / (20_000.0 * 20_000.0 / 12.0);
            assert!((got - shown).abs() < 0.03, "{share} {shown}: {got}");
        }
    }
}
