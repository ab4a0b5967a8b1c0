//! Conclusions become bytes: terminal text, JSON, Markdown, charts as SVG.
//!
//! Nothing is concluded here and nothing is printed.

mod chart;
mod clean;
mod doc;
mod format;
mod json;
mod markdown;
mod render;
mod sections;
mod text;

pub use chart::{Chart, CurvePoint, Mark, MarkKind, Panel, Point, Unit, svg};
pub use json::schema;
pub use render::{Format, ReportError, Style, markdown_with_picture, render, write};
pub use sections::sweep_chart;
