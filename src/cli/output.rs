//! The result leaves the program: standard output or a file, and the exit code it means.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use super::args::{FailOn, OutputFormat};
use super::context::Context;
use super::exit::{Exit, Failure};
use crate::analyze::conclusions::{Conclusions, Severity, SlaStatus};
use crate::report::{self, Format, Style};

/// Renders and writes the result.
///
/// # Errors
/// The file cannot be written. A closed pipe is no error.
pub(super) fn write(conclusions: &Conclusions, context: &Context) -> Result<Exit, Failure> {
    emit_by(&|out| render(conclusions, context, out), context)
}

/// The same, with the sweep as a picture of this address where the format can show one.
///
/// # Errors
/// As [`write`].
pub(super) fn write_with_picture(
    conclusions: &Conclusions,
    address: &str,
    context: &Context,
) -> Result<Exit, Failure> {
    match context.format {
        OutputFormat::Markdown => emit(
            &report::markdown_with_picture(conclusions, address),
            context,
        ),
        OutputFormat::Text | OutputFormat::Json => write(conclusions, context),
    }
}

/// Renders the report of a command whose result went to the file of `-o`, on standard output.
///
/// # Errors
/// Standard output cannot be written to.
pub(super) fn write_to_terminal(
    conclusions: &Conclusions,
    context: &Context,
) -> Result<Exit, Failure> {
    to_stdout_by(&|out| render(conclusions, context, out))
}

/// Renders the report of a command whose result went to standard output, on standard error.
///
/// # Errors
/// The report cannot be rendered.
pub(super) fn write_beside(conclusions: &Conclusions, context: &Context) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    render(conclusions, context, &mut bytes)
        .map_err(|e| Failure::new(Exit::Bug, format!("cannot render the report: {e}")))?;
    context.say(String::from_utf8_lossy(&bytes).trim_end());
    Ok(Exit::Done)
}

fn render(conclusions: &Conclusions, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let format = match context.format {
        OutputFormat::Text => Format::Text,
        OutputFormat::Json => Format::Json,
        OutputFormat::Markdown => Format::Markdown,
    };
    let style = Style {
        width: context.width,
        color: context.color,
        unicode: context.unicode,
    };
    report::write(conclusions, format, &style, out)
}

/// Prints the JSON Schema of the JSON format.
///
/// # Errors
/// The file cannot be written.
pub(super) fn schema(context: &Context) -> Result<Exit, Failure> {
    let schema = report::schema()
        .map_err(|e| Failure::new(Exit::Bug, format!("cannot write the schema: {e}")))?;
    emit(&schema, context)
}

/// Writes a finished result to where the user wants it.
///
/// # Errors
/// The file or standard output cannot be written to.
pub(super) fn emit(bytes: &[u8], context: &Context) -> Result<Exit, Failure> {
    emit_by(&|out| out.write_all(bytes), context)
}

/// Writes to standard output; a reader that went away is no error.
///
/// # Errors
/// Standard output cannot be written to.
pub(super) fn to_stdout(bytes: &[u8]) -> Result<Exit, Failure> {
    to_stdout_by(&|out| out.write_all(bytes))
}

/// Writes a result, which need not be in memory as a whole.
type Fill<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

fn emit_by(fill: Fill<'_>, context: &Context) -> Result<Exit, Failure> {
    let Some(path) = &context.output else {
        return to_stdout_by(fill);
    };
    // A report names tables and statements: a new file is for its owner only.
    let mut new_file = OpenOptions::new();
    new_file.write(true).create(true).truncate(true).mode(0o600);
    let opened = new_file.open(path);
    let written = opened.and_then(|file| filled(file, fill));
    written.map_err(|e| {
        let path = path.display();
        Failure::new(
            Exit::Precondition,
            format!("cannot write the result to {path}: {e}; name another file with -o"),
        )
    })?;
    Ok(Exit::Done)
}

fn to_stdout_by(fill: Fill<'_>) -> Result<Exit, Failure> {
    match filled(io::stdout().lock(), fill) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::Precondition,
            format!("cannot write the result to standard output: {e}; write it to a file with -o"),
        )),
        _ => Ok(Exit::Done),
    }
}

fn filled(out: impl Write, fill: Fill<'_>) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    fill(&mut out)?;
    out.flush()
}

/// The exit code that the conclusions mean under `--fail-on`.
pub(super) fn verdict(conclusions: &Conclusions, context: &Context) -> Exit {
    let findings = conclusions.findings.as_deref().unwrap_or_default();
    let explained = conclusions.explained.iter().flatten();
    let insights = explained.flat_map(|statement| &statement.plan.insights);
    let worst = findings.iter().map(|f| f.severity);
    let worst = worst.chain(insights.map(|i| i.severity)).max();
    let missed = conclusions
        .sla
        .iter()
        .flatten()
        .any(|row| row.status == SlaStatus::Fail);
    let fails = match context.fail_on {
        FailOn::Never => false,
        FailOn::Critical => worst >= Some(Severity::Critical),
        FailOn::Warning => missed || worst >= Some(Severity::Warning),
    };
    if fails { Exit::Findings } else { Exit::Done }
}
