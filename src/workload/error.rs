//! What can be wrong with a workload file.

/// A workload file could not be understood. Every variant names the file, and the line where there is
/// one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// Nothing in the file says that it is a workload of dbperf.
    #[error(
        "{file}: not a dbperf workload: it has neither a line `-- dbperf workload: TITLE` nor a line \
         `-- operation: NAME`; add `-- operation: NAME` above the statements of each operation"
    )]
    NotAWorkload {
        /// The file.
        file: String,
    },
    /// The file has pgbench's meta commands.
    #[error(
        "{file}:{line}: this looks like a pgbench script (`{command}`), and those are not accepted yet: \
         write it as `-- operation: NAME`, `-- param NAME: uniform 1 100` and statements with `:NAME`"
    )]
    PgbenchScript {
        /// The file.
        file: String,
        /// Line of the first meta command.
        line: usize,
        /// The meta command.
        command: String,
    },
    /// A line says something that does not make sense.
    #[error("{file}:{line}: {problem}")]
    Line {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What was found, and what was expected.
        problem: String,
    },
}
