//! Why bytes could not be read.

/// Why a file of another tool, or a mapping file, could not be read. Contents of a file are never
/// repeated beyond the one value that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The file has no bytes.
    #[error(
        "`{file}` is empty; if the load tool writes it, wait until the tool has ended before reading it"
    )]
    Empty {
        /// The file.
        file: String,
    },
    /// The file is larger than any result that is worth reading whole.
    #[error(
        "`{file}` is larger than {limit} bytes, unpacked; results of this kind above that are not read"
    )]
    TooLarge {
        /// The file.
        file: String,
        /// The limit.
        limit: u64,
    },
    /// The system could not read the file, or its packed data is damaged.
    #[error("cannot read `{file}`: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        error: String,
    },
    /// The file is not text.
    #[error("`{file}` is not UTF-8 text: byte {offset} is wrong; expected {expected}")]
    NotText {
        /// The file.
        file: String,
        /// Where it stops being text.
        offset: usize,
        /// What would be read.
        expected: &'static str,
    },
    /// No importer knows the file.
    #[error("`{file}` is not a load result that dbperf knows; expected {known}")]
    Unknown {
        /// The file.
        file: String,
        /// What is known.
        known: String,
    },
    /// A line is wrong.
    #[error("`{file}` line {line}: {found}; expected {expected}")]
    Line {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// A key is wrong or missing.
    #[error("`{file}` key `{key}`: {found}; expected {expected}")]
    Key {
        /// The file.
        file: String,
        /// The key with its path.
        key: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// The file ends before it is complete.
    #[error("`{file}` is cut off: {missing}; let the tool end before reading it")]
    Truncated {
        /// The file.
        file: String,
        /// What is missing.
        missing: String,
    },
    /// The file says nothing by itself.
    #[error("`{file}` holds only {holds}; name the {needs} of the same call beside it")]
    Alone {
        /// The file.
        file: String,
        /// What it holds.
        holds: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// The file is known, and is not read, because its numbers are not to be trusted or another file of the
    /// same tool says more.
    #[error("`{file}` is {what}, which is not read: {why}; {instead}")]
    Refused {
        /// The file.
        file: String,
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// Two files of one kind claim to be of one call.
    #[error("`{file}` and `{other}` are both the {kind} of one call; name only one of them")]
    Twice {
        /// The file.
        file: String,
        /// The other one.
        other: String,
        /// What they are.
        kind: &'static str,
    },
}
