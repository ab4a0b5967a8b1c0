//! What can be wrong with a script, and with what it computes.

/// A script or an argument that goes with it could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PgbenchError {
    /// A place in the script does not make sense.
    #[error("{file}:{line}:{column}: {problem}")]
    Syntax {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Character of the line, from 1.
        column: usize,
        /// What was found, and what was expected.
        problem: String,
    },
    /// A line of the script does not make sense.
    #[error("{file}:{line}: {problem}")]
    Line {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What was found, and what was expected.
        problem: String,
    },
    /// The script has neither statements nor meta commands.
    #[error("{file}: empty command list: the script has neither statements nor meta commands")]
    Empty {
        /// The file.
        file: String,
    },
    /// A `NAME=VALUE` that is none. The value is left out: it may be a secret.
    #[error("invalid variable definition for `{name}`: expected NAME=VALUE, with a value")]
    Definition {
        /// What stands before the `=`.
        name: String,
    },
    /// A name that pgbench refuses.
    #[error(
        "invalid variable name `{name}`: letters, digits and underscores, and no digit at the front"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A variable that the script only has where no value can be put.
    #[error(
        "{file}:{line}: `:{name}` stands inside of a string or a quoted name, where a parameter \
         cannot go: pgbench pastes text there in its simple mode, dbperf sends parameters; \
         write it outside of the quotes, as in `'prefix' || :{name}`"
    )]
    OnlyQuoted {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Name of the variable.
        name: String,
    },
    /// What stands behind the `@` of `FILE@WEIGHT` is no number.
    #[error("invalid weight specification `@{weight}`: expected a number, as in `script.sql@3`")]
    Weight {
        /// What stands behind the `@`.
        weight: String,
    },
    /// The number behind the `@` of `FILE@WEIGHT` is too small or too large.
    #[error("weight specification out of range (0 to 2147483647): {weight}")]
    WeightRange {
        /// What stands behind the `@`.
        weight: String,
    },
    /// No built-in script has that name.
    #[error(
        "no built-in script, or more than one, has a name that begins with `{name}`: there are \
         tpcb-like, simple-update and select-only"
    )]
    Builtin {
        /// The name that was asked for.
        name: String,
    },
}

/// A command could not be evaluated. Values are left out: they may come from a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct EvalError {
    /// Line of the command in its script, from 1.
    pub line: usize,
    /// What went wrong.
    pub problem: EvalProblem,
}

/// What went wrong when a command was evaluated, in pgbench's words where it has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalProblem {
    /// A variable that nothing has set.
    #[error("undefined variable \"{0}\"")]
    Undefined(String),
    /// A variable whose text is neither a number, nor a boolean, nor null.
    #[error("the value of variable \"{0}\" is neither a number nor a boolean nor null")]
    Malformed(String),
    /// A variable that looks like an integer, but is too large.
    #[error("the value of variable \"{0}\" is out of range for type bigint")]
    IntegerRange(String),
    /// A value of one type where another is needed.
    #[error("cannot coerce {from} to {to}")]
    Coerce {
        /// Type of the value.
        from: &'static str,
        /// Type that is needed.
        to: &'static str,
    },
    /// A double without an integer near it.
    #[error("double to int overflow")]
    DoubleToInt,
    /// An integer result outside of 64 bits.
    #[error("bigint {0} out of range")]
    Overflow(&'static str),
    /// Integer division, or its remainder, by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A random range whose end is below its begin.
    #[error("empty range given to random")]
    EmptyRange,
    /// A random range with more than 2^63 - 1 values.
    #[error("random range is too large")]
    RangeTooLarge,
    /// A parameter of `random_gaussian` below 2.
    #[error("gaussian parameter must be at least 2")]
    Gaussian,
    /// A parameter of `random_exponential` that is not above 0.
    #[error("exponential parameter must be greater than zero")]
    Exponential,
    /// A parameter of `random_zipfian` outside of 1.001 to 1000.
    #[error("zipfian parameter must be in range [1.001, 1000]")]
    Zipfian,
    /// A size of `permute` below 1.
    #[error("permute size parameter must be greater than zero")]
    PermuteSize,
    /// A `\sleep` by a variable that is no number.
    #[error("invalid sleep time for variable \"{0}\"")]
    SleepTime(String),
    /// A `\gset` whose statement did not return one row.
    #[error("expected one row, got {0}")]
    StoreRows(u64),
    /// A column of `\gset` or `\aset` whose name, with the prefix, is no name of a variable.
    #[error(
        "error storing into variable \"{0}\": it is not a valid name, so give the column one with AS"
    )]
    StoreName(String),
}
