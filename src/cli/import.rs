//! `import`, and the `--api` files of the other commands.

use std::path::{Path, PathBuf};

use super::args::ImportArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::output;
use super::target::read_input;
use crate::analyze;
use crate::import::{self, ImportFile};
use crate::record::load::LoadResult;
use crate::record::{Coverage, Run, Status};

/// Largest result file that is read whole.
const MAX_BYTES: u64 = 1 << 30;

/// `import`.
pub(super) fn run(args: &ImportArgs, context: &Context) -> Result<Exit, Failure> {
    let results = read(&args.files)?;
    let conclusions = analyze::imported(&results, env!("CARGO_PKG_VERSION"));
    output::write(&conclusions, context)
}

/// Adds API results to a run, and aligns their clock with the run's.
///
/// # Errors
/// A file cannot be read or is not understood.
pub(super) fn add_api(run: &mut Run, files: &[PathBuf]) -> Result<(), Failure> {
    if files.is_empty() {
        return Ok(());
    }
    let mut results = read(files)?;
    for result in &mut results {
        import::align(result, run.meta.started_at);
    }
    run.api = results;
    Ok(())
}

/// Reads the files that exist already, so that a mistake is said before the window and not after.
///
/// # Errors
/// A file is missing, cannot be read or is not understood.
pub(super) fn check_api(files: &[PathBuf]) -> Result<(), Failure> {
    if files.is_empty() {
        return Ok(());
    }
    read(files).map(|_| ())
}

/// Records that the API results are missing, and why.
pub(super) fn say_missing(run: &mut Run, failure: &Failure) {
    run.coverage
        .push(Coverage::not_ok("api", Status::Failed, failure.to_string()));
}

fn read(files: &[PathBuf]) -> Result<Vec<LoadResult>, Failure> {
    let mut contents = Vec::new();
    for path in files {
        contents.push((name(path), read_limited(path)?));
    }
    let files: Vec<ImportFile<'_>> = contents
        .iter()
        .map(|(name, bytes)| ImportFile { name, bytes })
        .collect();
    import::import(&files).map_err(|e| Failure::input(e.to_string()))
}

fn read_limited(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    if size > MAX_BYTES {
        return Err(Failure::input(format!(
            "{} has {size} bytes, more than the {MAX_BYTES} that are read whole",
            path.display()
        )));
    }
    read_input(path)
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
