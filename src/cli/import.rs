//! `import`, and the `--api` files of the other commands.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::args::ImportArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::output;
use crate::analyze;
use crate::import::{self, ImportFile, Imported};
use crate::record::{Coverage, Run, Status};

/// The step of reading API results, in the coverage of a run.
const API: &str = "api";

/// `import`.
pub(super) fn run(args: &ImportArgs, context: &Context) -> Result<Exit, Failure> {
    let imported = read(&args.files)?;
    let conclusions = analyze::imported(&imported, env!("CARGO_PKG_VERSION"));
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
    let mut imported = read(files)?;
    for result in &mut imported.loads {
        import::align(result, run.meta.started_at);
    }
    // A page is no part of a load: it neither replaces one that was saved with the run nor goes with it.
    if !(imported.loads.is_empty() && imported.traces.is_empty()) {
        run.api = imported.loads;
        run.traces = imported.traces;
    }
    if !imported.pages.is_empty() {
        run.pages = imported.pages;
    }
    // A saved run may say that they were missing when it was measured.
    run.coverage.retain(|row| row.collector != API);
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

/// When each file was last written; `None` where it does not exist.
pub(super) fn last_written(files: &[PathBuf]) -> Vec<Option<SystemTime>> {
    let written = |path: &PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    files.iter().map(written).collect()
}

/// Checks that the load command wrote the files: one of an earlier load would be joined with a
/// window that it knows nothing of.
///
/// # Errors
/// A file is still the one that was there before the command.
pub(super) fn check_written(
    files: &[PathBuf],
    before: &[Option<SystemTime>],
) -> Result<(), Failure> {
    let after = last_written(files);
    let old: Vec<String> = files
        .iter()
        .zip(before.iter().zip(&after))
        .filter(|(_, (before, after))| before.is_some() && before == after)
        .map(|(path, _)| name(path))
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    Err(Failure::input(format!(
        "the load command did not write {}: what is there is of an earlier load and was not used",
        old.join(", ")
    )))
}

/// Records that the API results are missing, and why.
pub(super) fn say_missing(run: &mut Run, failure: &Failure) {
    run.coverage
        .push(Coverage::not_ok(API, Status::Failed, failure.to_string()));
}

fn read(files: &[PathBuf]) -> Result<Imported, Failure> {
    let missing: Vec<String> = files
        .iter()
        .filter(|p| !p.exists())
        .map(|p| name(p))
        .collect();
    if !missing.is_empty() {
        return Err(Failure::input(format!(
            "cannot read {}: no such file{}",
            missing.join(", "),
            writer(&missing)
        )));
    }
    let names: Vec<String> = files.iter().map(|path| name(path)).collect();
    let mut opened = Vec::new();
    for (path, name) in files.iter().zip(&names) {
        let file = File::open(path)
            .map_err(|e| Failure::input(format!("cannot read {}: {e}", path.display())))?;
        opened.push(ImportFile {
            name,
            bytes: Box::new(file),
        });
    }
    import::import(opened).map_err(|e| Failure::input(e.to_string()))
}

/// How a file comes to be whose name only Locust gives; empty for others.
fn writer(missing: &[String]) -> &'static str {
    const LOCUST: [&str; 4] = [
        "_stats.csv",
        "_stats_history.csv",
        "_failures.csv",
        "_exceptions.csv",
    ];
    let of_locust = |name: &String| LOCUST.iter().any(|end| name.ends_with(end));
    if missing.iter().any(of_locust) {
        " (Locust writes NAME_stats.csv and NAME_stats_history.csv with --csv NAME --csv-full-history)"
    } else {
        ""
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_locust_are_told_how_locust_writes_them() {
        let hint = |file: &str| {
            let failure = read(&[PathBuf::from(file)]).err().unwrap();
            failure.to_string()
        };
        assert_eq!(
            hint("no/such/points.ndjson"),
            "cannot read no/such/points.ndjson: no such file"
        );
        assert!(hint("no/such/load_stats_history.csv").ends_with("--csv-full-history)"));
    }
}
