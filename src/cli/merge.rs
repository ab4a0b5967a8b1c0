//! `merge`: the runs of several machines as one.

use super::args::MergeArgs;
use super::conclude::{Files, View, conclude, conclusions};
use super::context::Context;
use super::exit::{Exit, Failure};
use super::redact::redacted_command;
use super::run_file;
use crate::analyze::Options;
use crate::record::Run;
use crate::record::merge::{NamedRun, merge};

/// `merge`.
///
/// # Errors
/// A file is no run, runs do not fit together, or the result cannot be written.
pub(super) fn run(args: &MergeArgs, context: &Context) -> Result<Exit, Failure> {
    let names: Vec<String> = args
        .runs
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let runs: Result<Vec<Run>, Failure> =
        args.runs.iter().map(|path| run_file::load(path)).collect();
    let runs = runs?;
    let parts: Vec<NamedRun<'_>> = names
        .iter()
        .zip(&runs)
        .map(|(name, run)| NamedRun { name, run })
        .collect();
    let mut merged = merge(&parts).map_err(|e| Failure::input(e.to_string()))?;
    merged.meta.command = redacted_command(&std::env::args().collect::<Vec<_>>());
    env!("CARGO_PKG_VERSION").clone_into(&mut merged.meta.dbperf_version);
    let conclusions = conclusions(&merged, &Options::default())?;
    conclude(
        merged,
        conclusions,
        View::Replay,
        Files::saved(args.save.as_deref()),
        context,
    )
}
