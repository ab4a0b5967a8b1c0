//! CHECK constraints and domains, understood as far as rows can be made that satisfy them.
//!
//! No values are made here: [`Domain`](crate::seed::domain::Domain)s say which may be made, and [`Rules`] change the
//! values of a row that do not go together.

mod bounds;
mod cases;
mod compute;
mod domains;
mod eval;
mod formula;
mod functions;
mod narrow;
mod patterns;
mod read;
mod repair;
mod rules;
mod scope;
mod solve;
mod terms;
#[cfg(test)]
mod tests;
mod time;
mod understand;
mod value;

pub(crate) use narrow::{narrowed, written};
pub(crate) use read::parsed;
pub(crate) use rules::{Cells, Rules};
pub(crate) use understand::{Nulls, Understanding, understand};
pub(crate) use value::place;
