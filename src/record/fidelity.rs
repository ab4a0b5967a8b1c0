//! How well generated rows stand for those of the source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A filled database beside the profile that it was filled from. Nothing here is a value of a row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Fidelity {
    /// Tables.
    pub tables: Vec<TableFidelity>,
    /// Columns of which the source has statistics.
    pub columns: Vec<ColumnFidelity>,
    /// Statements of a workload.
    pub statements: Vec<StatementFidelity>,
    /// The median of the columns' [`ColumnFidelity::histogram_distance`], of those that have one.
    pub median_histogram_distance: Option<f64>,
    /// Share of the statements whose plans have the same shape, of those that have one on both sides.
    pub same_shape_ratio: Option<f64>,
    /// The distance of distributions that sampling alone makes, in all but five of a hundred cases, of the tables of more
    /// than 30,000 rows: of these statistics are samples. `None` where no table has so many; of fewer rows statistics
    /// are of all.
    pub sampling_distance: Option<f64>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableFidelity {
    /// Its name, with its schema where that is not `public`.
    pub table: String,
    /// Rows of the source, as the planner knows them.
    pub source_rows: f64,
    /// Rows here.
    pub target_rows: Option<f64>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ColumnFidelity {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Share of nulls here less that of the source.
    pub null_frac_difference: Option<f64>,
    /// Distinct values here to those of the source: both per row where the source counts them so, else both as they
    /// are.
    pub distinct_ratio: Option<f64>,
    /// Half the sum of the differences of the common values' frequencies (total variation): from 0 to 1. Where values
    /// are not told, the most common is compared with the most common, and so on.
    pub most_common_distance: Option<f64>,
    /// Between the distributions of what is not null (Kolmogorov–Smirnov), from 0 to 1.
    pub histogram_distance: Option<f64>,
    /// What that was measured on: `values`, `positions` between the first and the last bound of a histogram, common
    /// values left out, or the `order` of common values.
    pub histogram_basis: Option<String>,
    /// Correlation of physical order and the order of values here less that of the source.
    pub correlation_difference: Option<f64>,
    /// What was not measured, and why.
    pub not_measured: Vec<String>,
}

/// A statement of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatementFidelity {
    /// Its name.
    pub statement: String,
    /// The plan has the same nodes on the same relations.
    pub same_shape: Option<bool>,
    /// Rows that the planner expects here to those that it expected on the source, of the plan's top node.
    pub rows_ratio: Option<f64>,
    /// The first line in which the plans differ, of the source and of here.
    pub differs: Option<(String, String)>,
    /// Why nothing was measured.
    pub not_measured: Option<String>,
}

impl Fidelity {
    /// Of its parts, with what they come to together.
    #[must_use]
    pub fn of(
        tables: Vec<TableFidelity>,
        columns: Vec<ColumnFidelity>,
        statements: Vec<StatementFidelity>,
        sampling_distance: Option<f64>,
    ) -> Self {
        let distances = columns
            .iter()
            .filter_map(|column| column.histogram_distance);
        let distances: Vec<f64> = distances.collect();
        let shapes: Vec<bool> = statements.iter().filter_map(|s| s.same_shape).collect();
        let same = shapes.iter().filter(|same| **same).count();
        Self {
            median_histogram_distance: crate::stats::quantile(&distances, 0.5),
            same_shape_ratio: (!shapes.is_empty()).then(|| same as f64 / shapes.len() as f64),
            tables,
            columns,
            statements,
            sampling_distance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(histogram_distance: Option<f64>) -> ColumnFidelity {
        ColumnFidelity {
            histogram_distance,
            ..ColumnFidelity::default()
        }
    }

    #[test]
    fn what_was_not_measured_is_left_out_of_the_median() {
        let columns = [Some(0.3), None, Some(0.1), Some(0.01)].map(column);
        let all = Fidelity::of(Vec::new(), columns.to_vec(), Vec::new(), None);
        assert_eq!(all.median_histogram_distance, Some(0.1));
        assert_eq!(all.same_shape_ratio, None);
        let nothing = Fidelity::of(Vec::new(), vec![column(None)], Vec::new(), None);
        assert_eq!(nothing.median_histogram_distance, None);
    }
}
