//! Fills a database with production-like data.
//!
//! No load is driven here.

mod checks;
mod domain;
mod generate;
mod left_alone;
pub mod load;
mod names;
mod oracle;
mod plan;
pub mod plans;
mod prepare;
pub mod profile;
pub mod rows;
mod sample;
pub mod schema;
mod shape;
mod values;
pub mod verify;

pub use left_alone::left_alone;
pub use plan::{PlanOptions, Problem};
pub use prepare::{PrepareError, Prepared, prepare};
pub use sample::{
    SAMPLE_WORKLOAD, SampleError, SampleOptions, SampleReport, TableRows, load_sample,
};
