//! The shape of a database's data, without its rows.
//!
//! Nothing is generated here.

mod file;
mod json;
mod kin;
mod model;
mod order;
mod positions;
mod read;
mod statistics;
mod tables;
mod veil;

pub use file::ProfileError;
pub use model::{
    ColumnStats, Common, Elements, ExtendedStats, Histogram, HistogramShape, JsonShape, Magnitude,
    Profile, StatementProfile, TableProfile, VERSION, Value, Values,
};
pub use read::read;
