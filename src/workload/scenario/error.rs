//! What can be wrong with a scenario.

/// A scenario could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
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
    /// `-D` names a value that the scenario does not use.
    #[error(
        "-D {name}=… gives a value that no step of {file} uses: write `{{{name}}}` where it belongs"
    )]
    Unused {
        /// The file.
        file: String,
        /// The value.
        name: String,
    },
}
