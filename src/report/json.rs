//! The contract's JSON and its schema.

use std::fmt::Write as _;

use crate::analyze::conclusions::Conclusions;

use super::ReportError;

/// Pretty JSON in the order of the contract. A number that is not finite, which no measurement
/// gives, becomes `null`: JSON has no word for it.
///
/// # Errors
/// The conclusions could not be serialised.
pub(super) fn render(conclusions: &Conclusions) -> Result<Vec<u8>, ReportError> {
    Ok(finish(&serde_json::to_string_pretty(conclusions)?))
}

/// The JSON Schema (draft 2020-12) of the document, for `dbperf schema`.
///
/// # Errors
/// The schema could not be serialised.
pub fn schema() -> Result<Vec<u8>, ReportError> {
    let schema = schemars::schema_for!(Conclusions);
    Ok(finish(&serde_json::to_string_pretty(&schema)?))
}

/// JSON leaves DEL and the C1 controls as they are, and some terminals obey them. They can only
/// stand inside strings, where an escape means the same.
fn finish(json: &str) -> Vec<u8> {
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if matches!(c, '\u{7f}'..='\u{9f}') {
            // Writing into memory cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out.into_bytes()
}
