//! Bytes of other tools' results become record types.
//!
//! No file is opened here: callers pass bytes.

mod ab;
mod address;
mod artillery;
mod autocannon;
mod binary;
mod dbperf;
mod endpoint_map;
mod error;
mod gatling;
mod hey;
mod jmeter;
mod json;
mod k6;
mod lighthouse;
mod list;
mod locust;
mod oha;
mod otlp;
pub mod plan;
mod recognise;
mod rows;
mod siege;
mod source;
mod table;
mod tally;
#[cfg(test)]
mod testing;
mod text;
mod vegeta;
mod web_vitals;
mod wrk;

use source::Source;

pub use endpoint_map::{EndpointMap, MappedEndpoint, MappedStatement, StatementSelector};
pub use error::ImportError;
pub use list::recognised;
pub use locust::AGGREGATED;
pub use recognise::{Imported, align, import};
pub use source::ImportFile;
