//! The contract's JSON and its schema.

use std::io::{self, Write};

use serde::Serialize;

use crate::analyze::conclusions::Conclusions;

use super::ReportError;

/// Pretty JSON in the order of the contract. A number that is not finite, which no measurement
/// gives, becomes `null`: JSON has no word for it.
///
/// # Errors
/// `out` could not be written to.
pub(super) fn write(conclusions: &Conclusions, out: &mut dyn Write) -> io::Result<()> {
    pretty(conclusions, out)
}

/// The JSON Schema (draft 2020-12) of the document, for `dbperf schema`.
///
/// # Errors
/// The schema could not be serialised.
pub fn schema() -> Result<Vec<u8>, ReportError> {
    let mut out = Vec::new();
    pretty(&schemars::schema_for!(Conclusions), &mut out)?;
    Ok(out)
}

fn pretty(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(Escaped(&mut *out), value)?;
    out.write_all(b"\n")
}

/// JSON leaves DEL and the C1 controls as they are, and some terminals obey them. They can only
/// stand inside strings, where an escape means the same.
struct Escaped<W>(W);

impl<W: Write> Write for Escaped<W> {
    /// `bytes` are whole characters, as the serialiser writes them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        while let Some(at) = rest.find(|c| matches!(c, '\u{7f}'..='\u{9f}')) {
            let (before, after) = rest.split_at(at);
            let mut after = after.chars();
            let control = after.next().map_or(0, u32::from);
            write!(self.0, "{before}\\u{control:04x}")?;
            rest = after.as_str();
        }
        self.0.write_all(rest.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
