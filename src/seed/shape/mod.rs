//! Which row gets which place among the values of its column: functions of the row's number, without any state.
//!
//! What the value at a place looks like is not known here.

mod layout;
mod mix;
mod permutation;

pub(crate) use layout::{Atom, Layout, Piece, Place};
pub(crate) use mix::{key, mix};
pub(crate) use permutation::Permutation;
