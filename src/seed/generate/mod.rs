//! Rows as functions of their number: what a plan has laid out, turned into the tuples of a binary COPY.
//!
//! Why a column is laid out as it is, is decided in `plan`.

mod cells;
mod field;
mod table;
mod unit;

pub(crate) use field::{Field, LeafField, Own, Reference, Shared, Span, Used};
pub(crate) use table::{TablePlan, TableRows, Tables};
pub(crate) use unit::{Driver, Follow, Unit};
