//! Charts: what is drawn over a size, its axes, and the picture as SVG.
//!
//! The drawing for a terminal is no part of it: it stands beside the other blocks of `text/`.

mod axis;
mod labels;
mod model;
mod svg;
#[cfg(test)]
pub(super) mod testing;

pub(super) use axis::{XAxis, YAxis};
pub(super) use labels::{Wanted, place};
pub use model::{Chart, CurvePoint, Mark, MarkKind, Panel, Point, Unit};
pub(super) use model::{Drawn, Sign};
pub use svg::svg;
