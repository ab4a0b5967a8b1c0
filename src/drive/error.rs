//! Why a replay could not begin, or ended early.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::pg::PgError;
use crate::pool::PoolError;
use crate::workload::DrawProblem;

use super::Replayed;

/// A replay could not begin, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// No clients.
    #[error("a replay needs at least 1 client")]
    NoClients,
    /// A window of no length.
    #[error("a replay of 0 s measures nothing: give a longer duration")]
    NoDuration,
    /// A rate of nothing.
    #[error("a rate must be above 0 requests per second")]
    NoRate,
    /// No threads.
    #[error("a replay needs at least 1 thread")]
    NoThreads,
    /// More machines than clients.
    #[error(
        "machine {index} of {count} would have no client: use at least as many --clients as machines"
    )]
    NoShare {
        /// This machine, from 1.
        index: u32,
        /// Machines in all.
        count: u32,
    },
    /// The moment to start at has passed.
    #[error("--start-at {0} has passed; give a moment in the future, with room for the warm-up")]
    Past(Timestamp),
    /// Pools are compared in short blocks, for which this flag has no meaning.
    #[error(
        "{0} cannot be used with several pools, which are compared in short blocks: name one --pool"
    )]
    NotInTurns(&'static str),
    /// The scenario proposes what makes no sense.
    #[error("{file}:{line}: {problem}")]
    Scenario {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What was found, and what was expected.
        problem: String,
    },
    /// The address of the service is none. It is not repeated: it may hold a password.
    #[error("the base URL cannot be used: {0}")]
    BaseUrl(&'static str),
    /// Nobody vouches for certificates.
    #[error(
        "no certificate authorities were found for https: install the system's (ca-certificates), or name a \
         file of them in SSL_CERT_FILE"
    )]
    NoAuthorities,
    /// TLS cannot be used on this machine.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The service is not there.
    #[error("cannot reach {service}: {reason}; is it running, and is the base URL right?{hint}")]
    Unreachable {
        /// Scheme, host and port.
        service: String,
        /// Why.
        reason: String,
        /// What else may be the cause.
        hint: &'static str,
    },
    /// A script uses a variable that nothing sets.
    #[error(
        "{file}:{line}: nothing sets the variable `:{name}`: define it with \\set, \\gset or -D {name}=VALUE"
    )]
    Undefined {
        /// The script.
        file: String,
        /// Line of its first use.
        line: usize,
        /// The variable.
        name: String,
    },
    /// A variable from outside does not fit the script.
    #[error(transparent)]
    Script(#[from] crate::workload::pgbench::PgbenchError),
    /// A captured workload cannot be read.
    #[error(transparent)]
    Captured(#[from] crate::workload::CapturedError),
    /// A thread of the driver died.
    #[error("a thread of the driver ended before its time")]
    Died,
    /// The workload writes, and nobody agreed.
    #[error(
        "{file} writes to the database: replay it only where that may be done, with --writes and \
         --target-db naming the database"
    )]
    Writes {
        /// The workload file.
        file: String,
    },
    /// The pool cannot be built.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The runtime of the driver's thread could not be built.
    #[error("the driver could not start its thread's event loop: {0}")]
    Runtime(#[source] std::io::Error),
    /// The server cannot be reached, or refuses.
    #[error("cannot connect to replay the workload: {0}")]
    Connect(#[from] PgError),
    /// The server did not answer.
    #[error("the server did not answer within {0:?} while the workload was checked against it")]
    Silent(Duration),
    /// A statement does not fit the server's schema.
    #[error("{place}: {reason}")]
    Statement {
        /// The statement.
        place: Box<StatementPlace>,
        /// The server's words, or what does not fit.
        reason: String,
    },
    /// A parameter cannot be sent as the type that the server wants.
    #[error("{place}: parameter `{parameter}`: {problem}")]
    Parameter {
        /// The statement that uses it.
        place: Box<StatementPlace>,
        /// Name of the parameter.
        parameter: String,
        /// What does not fit.
        problem: DrawProblem,
    },
    /// More failures than allowed.
    #[error(
        "stopped after {errors} failed requests (more than {limit} allowed), mostly: {most}; \
         try one of them by hand, or allow more errors"
    )]
    TooManyErrors {
        /// Failures so far, warm-up included.
        errors: u64,
        /// Failures allowed.
        limit: u64,
        /// The most frequent SQLSTATE or reason.
        most: String,
        /// What was recorded up to there; `None` during the warm-up.
        partial: Option<Box<Replayed>>,
    },
    /// Stopped before anything was measured.
    #[error("stopped before the window began: nothing was measured")]
    Interrupted,
}

/// A statement of a workload file, as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementPlace {
    /// The workload file.
    pub file: String,
    /// Line of the statement, or of the parameter that is wrong.
    pub line: usize,
    /// Name of the operation.
    pub operation: String,
    /// Name of the statement.
    pub statement: String,
}

impl fmt::Display for StatementPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            operation,
            statement,
        } = self;
        write!(
            f,
            "{file}:{line}: statement `{statement}` of operation `{operation}`"
        )
    }
}
