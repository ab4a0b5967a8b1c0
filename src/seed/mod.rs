//! Fills a database with production-like data.
//!
//! No load is driven here.

mod checks;
mod domain;
mod generate;
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
mod spare;
mod values;
pub mod verify;

pub use plan::{PlanOptions, Problem};
pub use prepare::{PrepareError, Prepared, prepare};
pub use sample::{
    SAMPLE_WORKLOAD, SampleError, SampleOptions, SampleReport, TableRows, load_sample,
};
pub use spare::spared;
