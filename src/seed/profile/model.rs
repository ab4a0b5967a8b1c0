//! The profile file: the shape of a database's data, from its catalogue and its planner's statistics.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seed::schema::{Name, Schema};

/// The version of the form that this program writes.
pub const VERSION: u32 = 1;

/// A profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// [`VERSION`].
    pub dbperf_profile: u32,
    /// dbperf's own version.
    pub dbperf_version: String,
    /// When it was read.
    pub collected_at: Timestamp,
    /// `server_version_num` of the source.
    pub server_version_num: u32,
    /// What is told of values.
    pub values: Values,
    /// The tables of the source.
    pub schema: Schema,
    /// What is known of their rows; a table that was never analysed is absent.
    pub tables: Vec<TableProfile>,
    /// What could not be read, in words.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Plans of a workload's statements on the source.
    #[serde(default)]
    pub statements: Vec<StatementProfile>,
}

/// What is told of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Values {
    /// Nothing: frequencies only.
    None,
    /// Tokens of a key that is thrown away: equal values have equal tokens within a column and where foreign keys lead
    /// from there.
    Hash,
    /// The values themselves, as text.
    Keep,
}

/// The rows of a table, all its partitions included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableProfile {
    /// Its name.
    pub name: Name,
    /// `reltuples`, of partitions the sum; where some were never counted, that of the whole if it is more.
    pub rows: f64,
    /// `relpages`, of partitions the sum.
    pub pages: u64,
    /// Columns by name; one without statistics is absent.
    pub columns: BTreeMap<String, ColumnStats>,
    /// Extended statistics.
    #[serde(default)]
    pub extended: Vec<ExtendedStats>,
    /// Rows of each leaf partition of which they are known, by its name.
    #[serde(default)]
    pub partitions: Vec<(Name, f64)>,
}

/// A row of `pg_stats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnStats {
    /// Share of nulls.
    pub null_frac: f64,
    /// Mean width of what is not null, in bytes.
    pub avg_width: i32,
    /// As in `pg_stats`: a number of distinct values, or minus their ratio to the rows.
    pub n_distinct: f64,
    /// The most common values, most common first.
    #[serde(default)]
    pub most_common: Vec<Common>,
    /// Bounds of equally many values that are none of the most common, in their order.
    #[serde(default)]
    pub histogram: Histogram,
    /// Between physical order and the order of values, -1 to 1.
    #[serde(default)]
    pub correlation: Option<f64>,
    /// Of arrays and tsvector.
    #[serde(default)]
    pub elements: Option<Elements>,
    /// Of json and jsonb: the shape of what was seen among the statistics' values.
    #[serde(default)]
    pub json: Option<JsonShape>,
}

/// A common value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Common {
    /// The value.
    pub value: Value,
    /// Its share of all rows.
    pub frequency: f64,
    /// Its place, from 0, among all common values and all bounds of the histogram in the order of values; `None` where
    /// the type has no order.
    #[serde(default)]
    pub order: Option<u32>,
}

/// A value, or what is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Nothing is told.
    Untold,
    /// A token: equal values have equal tokens within a column and where foreign keys lead from there.
    Token(String),
    /// The value in its text form.
    Kept(String),
}

/// A histogram.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Histogram {
    /// There is none, or nothing is told of it.
    #[default]
    None,
    /// The bounds in their text form.
    Kept(Vec<String>),
    /// The form of it, of numbers and times.
    Shape(HistogramShape),
    /// How many bounds there are; nothing else of them is told (text, and whatever is no number and no time).
    Untold(u32),
}

/// Where the bounds of a histogram lie between its first and its last, without saying where these are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistogramShape {
    /// From 0 to 1, of four decimals.
    pub positions: Vec<f64>,
    /// The order of magnitude of the first bound, or of where the frame begins.
    pub low: Magnitude,
    /// That of the distance from the first to the last, or of the frame's length. Of times both are in seconds, and
    /// `low` counts from when the profile was read.
    pub span: Magnitude,
    /// Where the first and the last bound lie, from 0 to 1, between the earliest and the latest bound of all dates and
    /// timestamps of the table, so that times of one row stay in their order. `None` where they are alone.
    #[serde(default)]
    pub frame: Option<(f64, f64)>,
    /// Decimals of numbers.
    #[serde(default)]
    pub decimals: Option<u32>,
}

impl HistogramShape {
    /// Into so many steps a frame is divided for a column that has this part of it: ten thousand, and twice as many each
    /// time that the part is half as long. Equal places of columns of about the same length come out as equal.
    pub(in crate::seed) fn frame_steps(part: f64) -> f64 {
        // Of a column that is far shorter the frame says too little.
        let halved = (-part.log2() + 1e-9).floor().clamp(0.0, 10.0);
        1e4 * halved.exp2()
    }
}

/// An order of magnitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Magnitude {
    /// Below 0.
    pub negative: bool,
    /// The least n for which the size is at most 2^n; `None` of 0.
    pub log2: Option<i32>,
}

/// Elements of arrays, or lexemes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elements {
    /// Common elements with the share of rows that have them.
    pub most_common: Vec<(Value, f64)>,
    /// Share of rows that have a null element.
    pub null_frac: Option<f64>,
    /// Bounds of the number of distinct elements, of arrays.
    pub counts: Vec<f32>,
    /// Its mean.
    pub mean_count: Option<f32>,
}

/// The shape of a JSON value. Keys are told with values `keep` only, else they are numbered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JsonShape {
    /// Always null.
    Null,
    /// true or false.
    Boolean,
    /// A number.
    Number,
    /// Text of about this many characters.
    Text(u32),
    /// An array of about this many elements.
    Array(u32, Box<JsonShape>),
    /// Keys, each with the share of objects that have it and its shape.
    Object(Vec<(String, f64, JsonShape)>),
}

/// Extended statistics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtendedStats {
    /// Its name.
    pub name: String,
    /// Columns, in its own order.
    pub columns: Vec<String>,
    /// Number of distinct combinations of some of the columns (by their place in `columns`), as in `n_distinct`.
    #[serde(default)]
    pub n_distinct: Vec<(Vec<usize>, f64)>,
    /// Columns that determine another, and how often they do, 0 to 1.
    #[serde(default)]
    pub dependencies: Vec<(Vec<usize>, usize, f64)>,
    /// Common combinations; a null is `None`.
    #[serde(default)]
    pub most_common: Vec<(Vec<Option<Value>>, f64)>,
}

/// The plan of a statement on the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementProfile {
    /// The statement's name in its workload.
    pub name: String,
    /// The plan's shape: a node a line, indented by its depth, with what it works on, without conditions and numbers.
    pub shape: String,
    /// Rows that the planner expects, by node, in the order of the lines.
    pub rows: Vec<f64>,
}
