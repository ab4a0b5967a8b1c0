//! What can be wrong with a captured workload file.

use std::io;

/// A captured workload file cannot be read or written. No variant carries a statement or a value.
#[derive(Debug, thiserror::Error)]
pub enum CapturedError {
    /// The file cannot be opened or read.
    #[error("cannot read the captured workload {file}: {error}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// The file cannot be written, or a temporary one beside it.
    #[error(
        "cannot write the captured workload: {error}; it needs room for itself and, for a log larger than memory, once more for sorting"
    )]
    Write {
        /// What the system said.
        #[from]
        error: io::Error,
    },
    /// It is no captured workload, or one of another version.
    #[error(
        "{file} is no captured workload of this dbperf: expected the first line `{expected}`; capture it again"
    )]
    NotCaptured {
        /// The file.
        file: String,
        /// The first line that this version writes.
        expected: &'static str,
    },
    /// A line says something that does not make sense.
    #[error("{file}:{line}: {problem}")]
    Line {
        /// The file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What was expected.
        problem: &'static str,
    },
    /// The file ends before its last entry.
    #[error(
        "{file}: cut off: its header promises {expected} entries and it has {found}; capture or copy it again"
    )]
    CutOff {
        /// The file.
        file: String,
        /// Entries of the header.
        expected: u64,
        /// Entries that were there.
        found: u64,
    },
}
