//! How parameter values are drawn, as plain data.

use super::names::{ColumnName, TableName};

/// The description of a generator, as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Generator {
    /// `uniform LO HI` with integers: every integer from `lo` to `hi` is as likely.
    Uniform {
        /// Smallest.
        lo: i64,
        /// Largest.
        hi: i64,
    },
    /// `uniform LO HI` with decimals: evenly between, with `scale` digits behind the point.
    UniformDecimal {
        /// Smallest, in units of the last digit.
        lo: i64,
        /// Largest, in units of the last digit.
        hi: i64,
        /// Digits behind the point.
        scale: u32,
    },
    /// `zipf LO HI S`: `lo + k − 1` with a probability proportional to `k^−s` (Zipf's law).
    Zipf {
        /// Smallest and most likely.
        lo: i64,
        /// Largest and least likely.
        hi: i64,
        /// Exponent, above 0; 1 is Zipf's own.
        s: f64,
    },
    /// `exponential LO HI P`: as pgbench's `random_exponential`, small values most likely.
    Exponential {
        /// Smallest and most likely.
        lo: i64,
        /// Largest and least likely.
        hi: i64,
        /// How steep, above 0.
        parameter: f64,
    },
    /// `gaussian LO HI P`: as pgbench's `random_gaussian`, a bell between the bounds.
    Gaussian {
        /// Smallest.
        lo: i64,
        /// Largest.
        hi: i64,
        /// How narrow, at least 2: the bounds are this many standard deviations from the middle.
        parameter: f64,
    },
    /// `choice A:6 B:3 'on hold':1`.
    Choice {
        /// Values with their weights, at least one.
        values: Vec<(String, u32)>,
    },
    /// `sequence START [STEP]`: counts over all clients of a run; the next run begins at the start
    /// again.
    Sequence {
        /// First value.
        start: i64,
        /// Distance of two values, not 0.
        step: i64,
    },
    /// `sequence after TABLE.COLUMN [STEP]`: counts up from the column's largest value, or from 0,
    /// as it is when the run begins.
    SequenceAfter {
        /// The column.
        column: ColumnName,
        /// Distance of two values, above 0.
        step: i64,
    },
    /// `text N`: `n` random letters.
    Text {
        /// Characters.
        length: usize,
    },
    /// `uuid`: a random one (version 4).
    Uuid,
    /// `timestamp FROM TO`: evenly between two moments, to the microsecond.
    Timestamp {
        /// Earliest, in microseconds since 2000-01-01 00:00 UTC, PostgreSQL's own zero.
        from: i64,
        /// Latest.
        to: i64,
    },
    /// `column TABLE.COLUMN [with nulls]`: values that the column has, each as often as in the table.
    Column {
        /// The column.
        column: ColumnName,
        /// NULL is drawn too, as often as the column has it.
        nulls: bool,
    },
    /// `statistics TABLE.COLUMN [with nulls]`: values that the planner's statistics know, by their
    /// frequency there; the table is not read.
    Statistics {
        /// The column.
        column: ColumnName,
        /// NULL is drawn too, by its fraction.
        nulls: bool,
    },
    /// `range TABLE.COLUMN SHARE`: two values of the column, the first not above the second, with
    /// about this share of the rows between them.
    Range {
        /// The column.
        column: ColumnName,
        /// Above 0, at most 1.
        share: f64,
    },
    /// `prefix TABLE.COLUMN LENGTH`: a pattern for LIKE of the first characters of a value of the
    /// column and a `%`.
    Prefix {
        /// The column.
        column: ColumnName,
        /// Characters in front of the `%`, at least 1.
        length: u32,
    },
    /// `array TABLE.COLUMN COUNT`: an array of so many values of the column, each drawn by itself.
    Array {
        /// The column.
        column: ColumnName,
        /// Values, at least 1.
        count: u32,
    },
    /// `row TABLE(COLUMN, …) [with nulls]`: several values of one row.
    Row {
        /// The table.
        table: TableName,
        /// One per name.
        columns: Vec<String>,
        /// Rows count too in which one of the columns is NULL.
        nulls: bool,
    },
    /// `result STATEMENT.COLUMN [first|random|last]`: a value of an earlier statement's result, filled
    /// in by whoever runs it; NULL if there was no row.
    FromResult {
        /// Index of the statement in its operation.
        statement: usize,
        /// Column of its result.
        column: String,
        /// Of which row.
        pick: Pick,
    },
}

/// Which row of a result gives the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pick {
    /// The first.
    #[default]
    First,
    /// Any, each as likely.
    Random,
    /// The last.
    Last,
}

impl Generator {
    /// How many values it draws at a time.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Row { columns, .. } => columns.len(),
            Self::Range { .. } => 2,
            _ => 1,
        }
    }
}
