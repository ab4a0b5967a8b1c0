//! The one way into the room.

use std::io::{self, Write};
use std::str::FromStr;

use crate::analyze::conclusions::Conclusions;

use super::{json, markdown, sections, text};

/// Form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For a terminal of 80 to 200 columns.
    #[default]
    Text,
    /// The contract's JSON, `schema_version` 1.
    Json,
    /// GitHub-flavoured Markdown.
    Markdown,
}

impl FromStr for Format {
    type Err = ReportError;

    fn from_str(name: &str) -> Result<Self, ReportError> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "markdown" => Ok(Self::Markdown),
            other => Err(ReportError::UnknownFormat(other.to_owned())),
        }
    }
}

/// What the terminal can do. JSON and Markdown take no notice of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns; kept within 60 and 200.
    pub width: u16,
    /// Whether escape codes for colour may be written. Words say everything that colour does.
    pub color: bool,
    /// Whether bars, lines and signs beyond ASCII may be written.
    pub unicode: bool,
}

impl Default for Style {
    /// What suits a pipe: 100 columns, no colour, Unicode.
    fn default() -> Self {
        Self {
            width: 100,
            color: false,
            unicode: true,
        }
    }
}

/// A report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no format of that name.
    #[error("there is no report format `{0}`; there are text, json and markdown")]
    UnknownFormat(String),
    /// The report could not be written.
    #[error("the report could not be written: {0}")]
    Write(#[from] io::Error),
}

/// Renders conclusions; the bytes are UTF-8 and end in a line break.
///
/// # Errors
/// JSON could not be made of the conclusions.
pub fn render(
    conclusions: &Conclusions,
    format: Format,
    style: &Style,
) -> Result<Vec<u8>, ReportError> {
    let mut out = Vec::new();
    write(conclusions, format, style, &mut out)?;
    Ok(out)
}

/// Writes what [`render`] returns. JSON of a large database is never there as a whole; `out` should have a buffer.
///
/// # Errors
/// `out` could not be written to.
pub fn write(
    conclusions: &Conclusions,
    format: Format,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let page = match format {
        Format::Text => text::render(&sections::report(conclusions), *style),
        Format::Markdown => markdown::render(&sections::report(conclusions), None),
        Format::Json => return json::write(conclusions, out),
    };
    out.write_all(page.as_bytes())
}

/// Renders Markdown that shows the sizes of a sweep as the picture at `address`, instead of drawing them in
/// characters. The address is taken as it is: no character of it may be markup.
#[must_use]
pub fn markdown_with_picture(conclusions: &Conclusions, address: &str) -> Vec<u8> {
    markdown::render(&sections::report(conclusions), Some(address)).into_bytes()
}
