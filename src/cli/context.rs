//! What every command knows about the terminal it runs in.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::OnceLock;

use super::args::{Color, FailOn, Global, OutputFormat};
use super::exit::{Exit, Failure};

/// Width where the terminal does not tell one (a pipe, a file).
const DEFAULT_WIDTH: u16 = 120;

/// Narrowest and widest report.
const WIDTHS: std::ops::RangeInclusive<u16> = 80..=200;

/// The global flags, joined with what the terminal says.
#[derive(Debug)]
pub(super) struct Context {
    /// Format of the result.
    pub(super) format: OutputFormat,
    /// File of the result.
    pub(super) output: Option<PathBuf>,
    /// Lowest severity that makes the exit code 1.
    pub(super) fail_on: FailOn,
    /// Colour in the result.
    pub(super) color: bool,
    /// Columns of the result.
    pub(super) width: u16,
    /// Box drawing and bars beyond ASCII.
    pub(super) unicode: bool,
    /// Progress on standard error.
    pub(super) progress: bool,
    quiet: bool,
    verbose: bool,
    failed: OnceLock<Exit>,
}

impl Context {
    /// Joins flags, environment and terminal.
    pub(super) fn new(global: &Global) -> Self {
        let to_file = global
            .output
            .as_ref()
            .is_some_and(|path| path.as_os_str() != "-");
        let stdout_is_terminal = std::io::stdout().is_terminal() && !to_file;
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Self {
            format: global.format,
            // `-` is standard output, as for curl and psql's files.
            output: global.output.clone().filter(|path| path.as_os_str() != "-"),
            fail_on: global.fail_on,
            color: match global.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => stdout_is_terminal && !no_color && !dumb,
            },
            width: width(stdout_is_terminal),
            unicode: locale_is_utf8(),
            progress: std::io::stderr().is_terminal() && !global.quiet && !global.no_progress,
            quiet: global.quiet,
            verbose: global.verbose,
            failed: OnceLock::new(),
        }
    }

    /// Says something on standard error, unless `--quiet`.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Says something on standard error with `--verbose` only.
    pub(super) fn detail(&self, text: &str) {
        if self.verbose && !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Says what went wrong with something whose partial result is shown all the same; the command then ends
    /// with its exit code.
    pub(super) fn fail_later(&self, failure: &Failure) {
        self.error(failure);
        // The first one counts.
        let _ = self.failed.set(failure.exit);
    }

    /// The exit code of what failed, if its result was shown all the same.
    pub(super) fn failed(&self) -> Option<Exit> {
        self.failed.get().copied()
    }

    /// Says why the command failed.
    #[expect(
        clippy::unused_self,
        reason = "errors are printed even with --quiet, by the same room"
    )]
    pub(super) fn error(&self, failure: &Failure) {
        let _ = writeln!(std::io::stderr(), "dbperf: {failure}");
    }
}

fn width(stdout_is_terminal: bool) -> u16 {
    let from_environment = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let from_terminal = || {
        stdout_is_terminal
            .then(terminal_size::terminal_size)
            .flatten()
            .map(|(terminal_size::Width(columns), _)| columns)
    };
    from_terminal()
        .or(from_environment)
        .unwrap_or(DEFAULT_WIDTH)
        .clamp(*WIDTHS.start(), *WIDTHS.end())
}

fn locale_is_utf8() -> bool {
    // The first of these that is set decides (POSIX); a bare container sets none and means UTF-8.
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
        .is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}
