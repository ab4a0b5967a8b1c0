//! What the tables of a database are made of: read from its catalogue, or made by a file first.
//!
//! Nothing about their rows is here.

mod constraints;
mod file;
mod model;
mod partitions;
mod read;
mod types;

pub use file::{FileStatement, Lenient, SchemaFile, SchemaFileError, When};
pub use model::{
    Check, Column, Exclusion, Filled, ForeignKey, Key, Name, Partition, Partitioning, Schema,
    Table, Trigger, Type, TypeKind,
};
pub use read::read;
pub(in crate::seed) use read::{Place, catalogue};
