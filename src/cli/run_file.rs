//! Saved runs: one JSON file that only its owner may read.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::whole_file;
use crate::record::Run;
use crate::record::run::RUN_FORMAT;

/// Writes a run, whole or not at all.
///
/// # Errors
/// The folder cannot be written to or the disk is full; the file that was there stays.
pub(super) fn save(run: &Run, path: &Path) -> Result<(), Failure> {
    let written = whole_file::write(path, |file| Ok(serde_json::to_writer(file, run)?));
    written.map_err(|error| {
        Failure::new(
            Exit::Precondition,
            format!(
                "cannot save the run to {}: {error}; the report above is complete, save it to \
                 another place with room by --save",
                path.display()
            ),
        )
    })
}

/// Reads a run.
///
/// # Errors
/// The file cannot be opened, is no run, or is one of another format version.
pub(super) fn load(path: &Path) -> Result<Run, Failure> {
    let name = path.display();
    let file =
        File::open(path).map_err(|e| Failure::input(format!("cannot open the run {name}: {e}")))?;
    let value: serde_json::Value = serde_json::from_reader(BufReader::new(file)).map_err(|e| {
        Failure::input(format!(
            "{name} is not a saved run: {e}; expected a file written by --save"
        ))
    })?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(RUN_FORMAT) => {}
        Some(format) => {
            return Err(Failure::input(format!(
                "{name} is a run of format {format}, this dbperf reads format {RUN_FORMAT}: use \
                 the dbperf that wrote it, or measure again"
            )));
        }
        None => {
            return Err(Failure::input(format!(
                "{name} is JSON but not a saved run (it has no `format`): expected a file written \
                 by --save, not by --format json"
            )));
        }
    }
    serde_json::from_value(value)
        .map_err(|e| Failure::input(format!("{name} is a damaged run: {e}; measure again")))
}
