//! What every kind of pool must be able to do: hand out connections, and run statements on them.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_postgres::types::Type;

use crate::workload::Value;

use super::AcquireError;

/// What hands out connections once a permit is there: a pool that is never asked for more
/// connections than there are permits, so that it never has to queue.
#[expect(
    async_fn_in_trait,
    reason = "each client's futures stay on the thread of the client, so they need not be Send"
)]
pub trait Source: Send + Sync + 'static {
    /// What is handed out. Dropping it gives it back.
    type Connection: Send;

    /// A connection that is ready to use by the client with this number.
    ///
    /// # Errors
    /// The connection could not be made.
    async fn get(&self, client: usize) -> Result<Self::Connection, AcquireError>;

    /// It was checked, not made, for whom it is handed out to: what its acquire took beside the wait for the
    /// permit was that check. False for a source that checks nothing, or writes the check down itself.
    #[must_use]
    fn was_checked(_: &Self::Connection) -> bool {
        false
    }

    /// Gives a connection back, then its permit.
    fn give_back(connection: Self::Connection, permits: &Arc<Semaphore>) {
        // The source must have its connection back before the next permit holder asks for one.
        drop(connection);
        permits.add_permits(1);
    }

    /// Takes a connection out of service whose last statement may still run: cancels the statement
    /// and closes the connection.
    async fn discard(&self, connection: Self::Connection);

    /// Connections that are open.
    fn size(&self) -> u32;

    /// Connections that are open and not handed out.
    fn idle(&self) -> u32;

    /// Closes what is idle, and waits until every connection has told the server good-bye, which makes it
    /// flush the counters of that session.
    async fn close(&self);
}

/// A connection that runs the statements of a workload.
#[expect(
    async_fn_in_trait,
    reason = "each client's futures stay on the thread of the client, so they need not be Send"
)]
pub trait Execute {
    /// Runs a statement to its last row; the columns in `kept` are kept. Returns the rows returned or
    /// affected.
    ///
    /// # Errors
    /// [`ExecuteError`], without a word of the server's message: it may hold values of rows.
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value> + Clone,
        kept: &mut Kept<'_>,
        traffic: Traffic,
    ) -> Result<u64, ExecuteError>;

    /// Runs one of dbperf's own statements that control a transaction.
    ///
    /// # Errors
    /// As [`Self::execute`].
    async fn control(&self, control: Control, traffic: Traffic) -> Result<(), ExecuteError>;
}

/// What else is under way on the connection of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Nothing until its answer is there.
    Alone,
    /// Other statements may be sent before its answer is there.
    Pipelined,
}

/// How a statement travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Parsed once per connection and executed by name.
    #[default]
    Prepared,
    /// Parsed at every execution: what a pooler that moves connections between transactions needs.
    Unnamed,
}

/// A statement that was described by the server.
#[derive(Debug, Clone)]
pub struct Query {
    /// Its place among all statements of the workload: connections keep prepared ones by it.
    pub slot: usize,
    /// Its text with `$n` parameters.
    pub sql: Arc<str>,
    /// Types of `$1`, `$2` …
    pub types: Vec<Type>,
    /// How it travels.
    pub protocol: Protocol,
}

/// The columns of a result that later statements use.
#[derive(Debug, Default)]
pub struct Kept<'a> {
    /// Indexes of the columns.
    pub columns: &'a [usize],
    /// One list of values for each of them, a value for each row.
    pub values: &'a mut [Vec<Value>],
}

/// dbperf's own statements of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// BEGIN.
    Begin,
    /// BEGIN READ ONLY.
    BeginReadOnly,
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    Rollback,
}

impl Control {
    /// Its text.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::Begin => "BEGIN",
            Self::BeginReadOnly => "BEGIN READ ONLY",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
        }
    }
}

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// The server answered with this SQLSTATE.
    #[error("SQLSTATE {0}")]
    Sql(Arc<str>),
    /// The connection was lost.
    #[error("connection lost")]
    ConnectionLost,
    /// The driver refused, such as a value that does not fit its type.
    #[error("parameter conversion")]
    Conversion,
}
