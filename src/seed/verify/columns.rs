//! Statistics of one column on the source and here.

use std::collections::{BTreeMap, HashMap};

use super::compare::SAMPLE_ROWS;
use super::line;
use crate::record::fidelity::ColumnFidelity;
use crate::seed::profile::{ColumnStats, Common, Histogram, TableProfile, Value};
use crate::seed::schema::Type;
use crate::stats::kolmogorov_smirnov;

/// A column of the source, and the table here.
pub(super) struct Pair<'a> {
    pub(super) table: &'a TableProfile,
    pub(super) here: Option<&'a TableProfile>,
    pub(super) column: &'a str,
    pub(super) stats: &'a ColumnStats,
    pub(super) type_: Option<&'a Type>,
    pub(super) order: Option<&'a HashMap<String, f64>>,
}

impl Pair<'_> {
    pub(super) fn compare(&self) -> ColumnFidelity {
        let mut found = ColumnFidelity {
            table: self.table.name.to_string(),
            column: self.column.to_owned(),
            ..ColumnFidelity::default()
        };
        let Some(here) = self.here else {
            found
                .not_measured
                .push("the table has no statistics here".to_owned());
            return found;
        };
        let Some(stats) = here.columns.get(self.column) else {
            found
                .not_measured
                .push("the column has no statistics here".to_owned());
            return found;
        };
        found.null_frac_difference = Some(stats.null_frac - self.stats.null_frac);
        found.distinct_ratio = self.distinct(here, stats);
        // Where neither has a value that is more common than others, there is nothing to measure.
        let common = !self.stats.most_common.is_empty() || !stats.most_common.is_empty();
        found.most_common_distance =
            common.then(|| variation(&self.stats.most_common, &stats.most_common));
        match self.histogram(here, stats) {
            Ok((distance, basis)) => {
                found.histogram_distance = Some(distance);
                found.histogram_basis = Some(basis.to_owned());
            }
            Err(reason) => found
                .not_measured
                .push(format!("histogram distance: {reason}")),
        }
        match (self.stats.correlation, stats.correlation) {
            (Some(source), Some(target)) => found.correlation_difference = Some(target - source),
            (None, None) => {}
            _ => {
                let reason = "correlation: only one side has it";
                found.not_measured.push(reason.to_owned());
            }
        }
        found
    }

    /// As the source counts them: per row, or all.
    fn distinct(&self, here: &TableProfile, stats: &ColumnStats) -> Option<f64> {
        let (source, target) = (self.stats.n_distinct, stats.n_distinct);
        let target = match (source < 0.0, target < 0.0) {
            (true, false) if here.rows > 0.0 => -target / here.rows,
            (false, true) => -target * here.rows,
            _ => target,
        };
        (source != 0.0).then(|| target / source)
    }

    fn histogram(
        &self,
        here: &TableProfile,
        stats: &ColumnStats,
    ) -> Result<(f64, &'static str), &'static str> {
        if self.stats.null_frac >= 1.0 || stats.null_frac >= 1.0 {
            return Err("there are only nulls");
        }
        if let (Histogram::Shape(a), Histogram::Shape(b)) =
            (&self.stats.histogram, &stats.histogram)
        {
            // Few rows end earlier than many, and all that lies between would seem to have moved.
            if !alike(self.table.rows, here.rows) {
                return Err(OTHER_ENDS);
            }
            let (a, b) = (
                line::of_positions(&a.positions),
                line::of_positions(&b.positions),
            );
            let (a, b) = a.zip(b).ok_or("a histogram without bounds")?;
            return Ok((kolmogorov_smirnov(&a, &b), "positions"));
        }
        let few = self.stats.most_common.len() == stats.most_common.len();
        if few
            && is_untold(&self.stats.most_common)
            && let (Some(a), Some(b)) = (line::of_order(self.stats), line::of_order(stats))
        {
            return Ok((kolmogorov_smirnov(&a, &b), "order"));
        }
        let type_ = self.type_.ok_or("its type is not known")?;
        let place = |text: &str| line::place_of(text, type_, self.order);
        let a = line::of_values(self.stats, place)?;
        let b = line::of_values(stats, place)?;
        Ok((kolmogorov_smirnov(&a, &b), "values"))
    }
}

const OTHER_ENDS: &str = "without values it is told between the ends of the histogram, and so many more rows have others";

/// Samples of so many rows, of which the smaller is half of the larger at least (ours), end at about the same values.
fn alike(source: f64, target: f64) -> bool {
    let (source, target) = (source.min(SAMPLE_ROWS), target.min(SAMPLE_ROWS));
    source <= 2.0 * target && target <= 2.0 * source
}

/// At least one value is not told.
fn is_untold(common: &[Common]) -> bool {
    let told = |common: &Common| matches!(common.value, Value::Kept(_));
    !common.iter().all(told)
}

/// Half the sum of the differences of frequencies: by value where both sides tell it, else by rank.
fn variation(source: &[Common], target: &[Common]) -> f64 {
    let mut differences: BTreeMap<(usize, &str), f64> = BTreeMap::new();
    let told = !is_untold(source) && !is_untold(target);
    for (list, sign) in [(source, 1.0), (target, -1.0)] {
        for (rank, common) in list.iter().enumerate() {
            let key = match &common.value {
                Value::Kept(text) if told => (0, text.as_str()),
                _ => (rank, ""),
            };
            *differences.entry(key).or_default() += sign * common.frequency;
        }
    }
    differences
        .values()
        .map(|difference| difference.abs())
        .sum::<f64>()
        / 2.0
}
