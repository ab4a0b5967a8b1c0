//! k6: the line for each value of `--out json` and `--out csv`, and the summaries at the end of a run.
//!
//! The lines have every request with its phases; a summary has all requests together.

mod arrival;
mod collect;
pub(super) mod csv;
mod finish;
mod name;
pub(super) mod ndjson;
mod operation;
mod point;
mod seconds;
pub(super) mod summary;

/// What all operations together are called.
const ALL: &str = "all requests";

/// What a JSON parser says, without the place in the line, which the message tells itself.
fn json_error(error: &serde_json::Error) -> String {
    let words = crate::import::table::tame(&error.to_string());
    match words.rsplit_once(" at line ") {
        Some((what, _)) => what.to_owned(),
        None => words,
    }
}

#[cfg(test)]
mod tests;
