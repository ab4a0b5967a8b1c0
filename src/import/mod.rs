//! Bytes of other tools' results become record types.
//!
//! No file is opened here: callers pass bytes.

mod dbperf;
mod endpoint_map;
mod error;
mod list;
mod locust;
mod recognise;
mod source;
mod table;

use source::Source;

pub use endpoint_map::{EndpointMap, MappedEndpoint, MappedStatement, StatementSelector};
pub use error::ImportError;
pub use locust::AGGREGATED;
pub use recognise::{Imported, align, import};
pub use source::ImportFile;
