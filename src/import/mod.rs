//! Bytes of other tools' results become record types.
//!
//! No file is opened here: callers pass bytes.

mod endpoint_map;
mod error;
mod locust;
mod locust_exceptions;
mod locust_failures;
mod locust_history;
mod locust_json;
mod locust_stats;
mod recognise;
mod table;

pub use endpoint_map::{EndpointMap, MappedEndpoint, MappedStatement, StatementSelector};
pub use error::ImportError;
pub use locust::AGGREGATED;
pub use recognise::{ImportFile, align, import};
