//! Fills a database with production-like data.
//!
//! No load is driven here.

mod copy_text;
mod draw;
mod error;
mod load;
mod sample;
mod words;

pub use error::SeedError;
pub use load::{SampleReport, TableRows, load_sample};
pub use sample::{SAMPLE_WORKLOAD, SampleOptions};
