//! What is asked of a maker of values.

use jiff::Timestamp;

use crate::seed::domain::Domain;
use crate::seed::profile::{Elements, HistogramShape, JsonShape};
use crate::seed::schema::Type;

/// What values of a column are to be like.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    /// The table, for what values should look like.
    pub(crate) table: &'a str,
    /// The column.
    pub(crate) column: &'a str,
    /// Its type.
    pub(crate) type_: &'a Type,
    /// How many different values are wanted.
    pub(crate) distinct: u64,
    /// Most different values between two bounds, where there are no more rows for them.
    pub(crate) crowd: Option<u64>,
    /// Mean width in bytes as `pg_stats.avg_width` counts it (of text with its header of one or four bytes), where it is
    /// known.
    pub(crate) width: Option<f64>,
    /// Where the values lie.
    pub(crate) spread: Spread,
    /// Which are allowed.
    pub(crate) domain: &'a Domain,
    /// Values in binary form that are not to be made: they are given elsewhere.
    pub(crate) avoid: &'a [Vec<u8>],
    /// Of arrays and tsvector.
    pub(crate) elements: Option<&'a Elements>,
    /// Of json and jsonb.
    pub(crate) json: Option<&'a JsonShape>,
    /// A number that makes these values others than those of another column.
    pub(crate) seed: u64,
}

/// Where values lie among all those of their type.
#[derive(Debug, Clone)]
pub(crate) enum Spread {
    /// Nothing is known.
    Free,
    /// Bounds in binary form, in their order, with equally many values between each and the next.
    Bounds(Vec<Vec<u8>>),
    /// The form of a histogram, and the moment that its times count from.
    Shape(HistogramShape, Timestamp),
}

/// Why no values can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfillable(pub(crate) String);
