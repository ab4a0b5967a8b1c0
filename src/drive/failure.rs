//! Why a request failed, without a word of the server's message: it may hold values of rows.

use std::borrow::Cow;
use std::sync::Arc;

use crate::pool::{AcquireError, ExecuteError};
use crate::workload::pgbench::EvalError;

/// Why a request failed, without a word of the server's message: it may hold values of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection within the acquire timeout.
    AcquireTimeout,
    /// The pool could not connect; with the SQLSTATE or the kind of the error.
    Connect(String),
    /// The connection was lost.
    ConnectionLost,
    /// The server answered with this SQLSTATE.
    Sql(Arc<str>),
    /// The statement timeout passed.
    StatementTimeout,
    /// The driver refused, such as a value that does not fit its type.
    Conversion,
    /// A script could not go on.
    Script(EvalError),
    /// The service answered with this status.
    Status(u16),
    /// The request timeout passed.
    Timeout,
    /// The answer does not have in it what the scenario expects.
    Answer(&'static str),
    /// The connection to the service failed.
    Wire {
        /// In words of dbperf.
        reason: Cow<'static, str>,
        /// The service is not there.
        down: bool,
    },
    /// The load ended before the answer.
    Cancelled,
}

impl Failure {
    /// The key under which it is counted: the SQLSTATE, or words.
    pub(super) fn key(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::AcquireTimeout => "acquire timeout",
            Self::ConnectionLost => "connection lost",
            Self::StatementTimeout => "statement timeout",
            Self::Conversion => "parameter conversion",
            Self::Cancelled => "cancelled at the end of the run",
            Self::Timeout => "timeout",
            Self::Answer(problem) => problem,
            Self::Status(status) => return Cow::Owned(format!("HTTP {status}")),
            Self::Wire { reason, .. } => return reason.clone(),
            Self::Connect(reason) => return Cow::Owned(format!("connect: {reason}")),
            Self::Sql(state) => return Cow::Owned(state.as_ref().to_owned()),
            Self::Script(error) => return Cow::Owned(format!("script, {error}")),
        })
    }

    /// Repeating the request at once would only hammer a server that is not there.
    pub(super) fn wants_pause(&self) -> bool {
        match self {
            Self::Connect(_) | Self::ConnectionLost | Self::Wire { down: true, .. } => true,
            // 57P…: shutting down or starting up; 53…: out of connections, memory, disk.
            Self::Sql(state) => state.starts_with("57P") || state.starts_with("53"),
            _ => false,
        }
    }

    /// The connection is of use, but a transaction may be open on it.
    pub(super) fn leaves_a_session(&self) -> bool {
        matches!(self, Self::Sql(_) | Self::Conversion | Self::Script(_))
    }
}

impl From<AcquireError> for Failure {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::TimedOut { .. } => Self::AcquireTimeout,
            AcquireError::Closed => Self::Connect("pool closed".to_owned()),
            AcquireError::Connect(reason) => Self::Connect(reason),
        }
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Sql(state) => Self::Sql(state),
            ExecuteError::ConnectionLost => Self::ConnectionLost,
            ExecuteError::Conversion => Self::Conversion,
        }
    }
}
