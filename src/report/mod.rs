//! Conclusions become bytes: terminal text, JSON, Markdown.
//!
//! Nothing is concluded here and nothing is printed.

mod clean;
mod doc;
mod format;
mod json;
mod markdown;
mod render;
mod sections;
mod text;

pub use json::schema;
pub use render::{Format, ReportError, Style, render};
