//! `capture`, and `capture log`: a workload of what a server has logged.

use std::fs;
use std::io::{self, BufWriter, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::capture_statements::CaptureStatementsArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::output;
use super::progress::Progress;
use crate::analyze;
use crate::record::CaptureSummary;
use crate::workload::{CapturedError, LogError, LogOptions, ReadLog};

/// Flags of `capture`.
#[derive(Debug, Args)]
pub(super) struct CaptureArgs {
    #[command(subcommand)]
    pub(super) source: CaptureSource,
}

#[derive(Debug, Subcommand)]
pub(super) enum CaptureSource {
    /// Make a captured workload of server logs.
    ///
    /// Reads stderr logs with any `log_line_prefix`, csvlog and jsonlog of PostgreSQL 13 and later,
    /// plain or as .gz, and writes what every session did, with parameters and timing. The workload
    /// goes to the file of `-o`, or to standard output; what was read is said beside it.
    Log(CaptureLogArgs),
    /// Make a workload file of what `pg_stat_statements` has counted.
    Statements(CaptureStatementsArgs),
}

/// Flags of `capture log`.
#[derive(Debug, Args)]
pub(super) struct CaptureLogArgs {
    /// Log files of one server, in any order.
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Only calls that began at this time or later, such as `2026-11-23 10:31:00`.
    ///
    /// A time without an offset is one in the time zone of the log.
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// Only calls that began before this time.
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
    /// Only calls in this database.
    #[arg(long, value_name = "DB")]
    pub(super) database: Option<String>,
    /// `log_line_prefix` of a stderr log, where it cannot be worked out from the file.
    #[arg(long, value_name = "PREFIX")]
    pub(super) prefix: Option<String>,
}

/// `capture log`.
///
/// # Errors
/// A log cannot be read or has no call, or the workload cannot be written.
pub(super) fn log(args: &CaptureLogArgs, context: &Context) -> Result<Exit, Failure> {
    let options = LogOptions {
        files: args.files.clone(),
        prefix: args.prefix.clone(),
        since: args.since.clone(),
        until: args.until.clone(),
        database: args.database.clone(),
    };
    let size: u64 = args
        .files
        .iter()
        .filter_map(|f| fs::metadata(f).ok())
        .map(|m| m.len())
        .sum();
    let progress = Progress::of(context, "Reading logs", size);
    let read = options
        .read(&mut |bytes| progress.at(bytes, "Reading logs"))
        .map_err(|e| failure(&e))?;
    drop(progress);
    let progress = Progress::step(context, "Writing the captured workload");
    let summary = match &context.output {
        Some(path) => to_file(read, path),
        None => to_stdout(read),
    };
    drop(progress);
    let Some(summary) = summary.map_err(|e| failure(&e))? else {
        return Ok(Exit::Done);
    };
    let conclusions = analyze::captured(summary, "dbperf capture log", env!("CARGO_PKG_VERSION"));
    if context.output.is_some() {
        output::write_to_terminal(&conclusions, context)
    } else {
        output::write_beside(&conclusions, context)
    }
}

/// Writes the workload to a file, whole or not at all.
fn to_file(read: ReadLog, path: &Path) -> Result<Option<CaptureSummary>, LogError> {
    // A device or a pipe is written to as it is; a file is replaced in one step.
    if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        let mut device = fs::File::options()
            .write(true)
            .open(path)
            .map_err(CapturedError::from)?;
        return read.write(&mut device).map(Some);
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // It holds parameters and constants: it is for its owner only.
    let file = tempfile::Builder::new()
        .prefix(".dbperf-capture-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(CapturedError::from)?;
    let summary = read.write(&mut file.as_file())?;
    file.persist(path)
        .map_err(|e| CapturedError::from(e.error))?;
    Ok(Some(summary))
}

/// Writes the workload to standard output; `None` if its reader went away.
fn to_stdout(read: ReadLog) -> Result<Option<CaptureSummary>, LogError> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    match read.write(&mut stdout) {
        Err(LogError::Captured(CapturedError::Write { error }))
            if error.kind() == ErrorKind::BrokenPipe =>
        {
            Ok(None)
        }
        result => result.map(Some),
    }
}

fn failure(error: &LogError) -> Failure {
    let exit = match error {
        LogError::Prefix { .. } | LogError::Time { .. } => Exit::Usage,
        LogError::Captured(_) => Exit::Precondition,
        _ => Exit::Input,
    };
    Failure::new(exit, error.to_string())
}
