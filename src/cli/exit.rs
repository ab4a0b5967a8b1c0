//! Exit codes of the contract, and failures that carry one.

use std::fmt;
use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// 0: done.
    Done,
    /// 1: findings or missed targets at or above `--fail-on`.
    Findings,
    /// 2: the command line is wrong.
    Usage,
    /// 3: the server or another precondition failed.
    Precondition,
    /// 4: an input file cannot be read.
    Input,
    /// 70: a bug.
    Bug,
    /// 130: interrupted, after the partial result was written.
    Interrupted,
}

impl Exit {
    /// The number of the contract.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Precondition => 3,
            Self::Input => 4,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that could not do its work: what was tried, what was wrong, and the cure, in words.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) exit: Exit,
    message: String,
}

impl Failure {
    /// A failure with its exit code.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// The command line asks for something that cannot be.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// An input cannot be read.
    pub(super) fn input(message: impl Into<String>) -> Self {
        Self::new(Exit::Input, message)
    }

    /// A server or another precondition failed; with the whole chain of causes.
    pub(super) fn precondition(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            source = cause.source();
        }
        Self::new(Exit::Precondition, message)
    }

    /// The user interrupted before anything was measured.
    pub(super) fn interrupted() -> Self {
        Self::new(
            Exit::Interrupted,
            "interrupted before anything was measured; nothing was left behind",
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
