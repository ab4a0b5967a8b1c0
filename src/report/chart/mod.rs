//! Charts: what is drawn over a size, and its axes.
//!
//! The drawing for a terminal is no part of it: it stands beside the other blocks of `text/`.

mod axis;
mod labels;
mod model;
#[cfg(test)]
pub(super) mod testing;

pub(super) use axis::{XAxis, YAxis};
pub(super) use labels::{Wanted, place};
pub use model::{Chart, CurvePoint, Mark, MarkKind, Panel, Point, Unit};
pub(super) use model::{Drawn, Sign};
