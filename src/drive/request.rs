//! One request: acquire a connection, run the statements of an operation, give it back.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::pool::{AcquireError, DeadpoolSource, Lease, PgConnection, Pool};
use crate::workload::{RawValue, Value};

use super::plan::{Binding, PlannedOperation, PlannedStatement};
use super::trace::Trace;

/// Why a request failed, without a word of the server's message: it may hold values of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection within the acquire timeout.
    AcquireTimeout,
    /// The pool could not connect; with the SQLSTATE or the kind of the error.
    Connect(String),
    /// The connection was lost.
    ConnectionLost,
    /// The server answered with this error.
    Sql(SqlState),
    /// The statement timeout passed.
    StatementTimeout,
    /// The driver refused, such as a value that does not fit its type.
    Driver,
    /// The replay ended before the answer.
    Cancelled,
}

impl Failure {
    /// The key under which it is counted: the SQLSTATE, or words.
    pub(super) fn key(&self) -> String {
        match self {
            Self::AcquireTimeout => "acquire timeout".to_owned(),
            Self::Connect(reason) => format!("connect: {reason}"),
            Self::ConnectionLost => "connection lost".to_owned(),
            Self::Sql(state) => state.code().to_owned(),
            Self::StatementTimeout => "statement timeout".to_owned(),
            Self::Driver => "parameter conversion".to_owned(),
            Self::Cancelled => "cancelled at the end of the run".to_owned(),
        }
    }

    /// Repeating the request at once would only hammer a server that is not there.
    pub(super) fn wants_pause(&self) -> bool {
        match self {
            Self::Connect(_) | Self::ConnectionLost => true,
            // 57P…: shutting down or starting up; 53…: out of connections, memory, disk.
            Self::Sql(state) => state.code().starts_with("57P") || state.code().starts_with("53"),
            _ => false,
        }
    }

    fn acquire(error: &AcquireError) -> Self {
        match error {
            AcquireError::TimedOut { .. } => Self::AcquireTimeout,
            AcquireError::Closed => Self::Connect("pool closed".to_owned()),
            AcquireError::Connect(error) => Self::Connect(reason(error)),
        }
    }

    fn statement(error: &Error) -> Self {
        if let Some(state) = error.code() {
            return Self::Sql(state.clone());
        }
        let source = std::error::Error::source(error);
        if error.is_closed() || source.is_some_and(<dyn std::error::Error>::is::<std::io::Error>) {
            return Self::ConnectionLost;
        }
        Self::Driver
    }
}

/// SQLSTATE or the kind of the I/O error of a failed connect.
fn reason(error: &Error) -> String {
    if let Some(state) = error.code() {
        return state.code().to_owned();
    }
    let source = std::error::Error::source(error);
    match source.and_then(|s| s.downcast_ref::<std::io::Error>()) {
        Some(io) => io.kind().to_string(),
        None => "failed".to_owned(),
    }
}

/// Slots of an operation's statements: BEGIN, its own, COMMIT, ROLLBACK.
pub(super) const BEGIN: usize = 0;

/// Slot of the statement with this index.
pub(super) fn slot(index: usize) -> usize {
    index + 1
}

/// Runs one request and writes down its parts.
pub(super) async fn run(
    pool: &Pool<DeadpoolSource>,
    operation: &PlannedOperation,
    values: &[Value],
    statement_timeout: Option<Duration>,
    trace: &mut Trace,
) -> Result<(), Failure> {
    trace.begin_acquire(Instant::now());
    let acquired = pool.acquire().await;
    trace.end_acquire(Instant::now(), acquired.is_ok());
    let lease = acquired.map_err(|error| Failure::acquire(&error))?;
    let mut session = Session {
        lease: &lease,
        timeout: statement_timeout,
        trace,
    };
    let result = if operation.transaction {
        session.transaction(operation, values).await
    } else {
        session.statements(operation, values).await
    };
    drop(lease);
    result
}

/// A lease with what is needed to measure its statements.
struct Session<'a> {
    lease: &'a Lease<PgConnection>,
    timeout: Option<Duration>,
    trace: &'a mut Trace,
}

impl Session<'_> {
    async fn transaction(
        &mut self,
        operation: &PlannedOperation,
        values: &[Value],
    ) -> Result<(), Failure> {
        let commit = slot(operation.statements.len());
        self.control(BEGIN, "BEGIN").await?;
        let mut result = self.statements(operation, values).await;
        if result.is_ok() {
            result = self.control(commit, "COMMIT").await;
        }
        let open = matches!(result, Err(Failure::Sql(_) | Failure::Driver));
        if open && self.control(commit + 1, "ROLLBACK").await.is_err() {
            // Recycling does not look for an open transaction.
            self.lease.spoil();
        }
        result
    }

    async fn statements(
        &mut self,
        operation: &PlannedOperation,
        values: &[Value],
    ) -> Result<(), Failure> {
        let mut kept: Vec<Vec<Vec<Value>>> = Vec::with_capacity(operation.statements.len());
        for (index, statement) in operation.statements.iter().enumerate() {
            let mut mine = vec![Vec::new(); statement.keep.len()];
            match statement.foreach {
                None => {
                    let none = Value::Null;
                    self.execute(slot(index), statement, values, &none, &mut mine)
                        .await?;
                }
                Some(rows) => {
                    let over = kept.get(rows.statement).and_then(|k| k.get(rows.kept));
                    for row in over.into_iter().flatten() {
                        self.execute(slot(index), statement, values, row, &mut mine)
                            .await?;
                    }
                }
            }
            kept.push(mine);
        }
        Ok(())
    }

    /// Runs a statement once, and keeps the columns that later ones want.
    async fn execute(
        &mut self,
        slot: usize,
        statement: &PlannedStatement,
        values: &[Value],
        row: &Value,
        keep: &mut [Vec<Value>],
    ) -> Result<(), Failure> {
        let params = statement.bindings.iter().map(|binding| match binding {
            Binding::Drawn(index) => values.get(*index).unwrap_or(&Value::Null),
            Binding::Row => row,
        });
        let client = self.lease.connection();
        let work = async {
            let prepared = client.prepare_cached(&statement.sql).await?;
            let mut rows = pin!(client.query_raw(&prepared, params).await?);
            let mut count = 0;
            while let Some(row) = rows.try_next().await? {
                count += 1;
                for (column, kept) in statement.keep.iter().zip(keep.iter_mut()) {
                    let RawValue(value) = row.try_get(*column)?;
                    kept.push(value);
                }
            }
            Ok(rows.rows_affected().unwrap_or(count))
        };
        self.timed(slot, work).await
    }

    /// A statement of dbperf's own.
    async fn control(&mut self, slot: usize, sql: &'static str) -> Result<(), Failure> {
        let client = self.lease.connection();
        let work = async { client.batch_execute(sql).await.map(|()| 0) };
        self.timed(slot, work).await
    }

    /// Measures a statement; one that passes its timeout leaves its timer unfinished, so that the pool
    /// cancels it and discards the connection.
    async fn timed(
        &mut self,
        slot: usize,
        work: impl Future<Output = Result<u64, Error>>,
    ) -> Result<(), Failure> {
        self.trace.begin_statement(Instant::now(), slot);
        let timer = self.lease.statement();
        let result = match self.timeout {
            None => work.await,
            Some(limit) => {
                let Ok(result) = tokio::time::timeout(limit, work).await else {
                    self.trace.end_statement(Instant::now(), 0);
                    return Err(Failure::StatementTimeout);
                };
                result
            }
        };
        let _ = timer.finish();
        let rows = *result.as_ref().unwrap_or(&0);
        self.trace.end_statement(Instant::now(), rows);
        result
            .map(|_| ())
            .map_err(|error| Failure::statement(&error))
    }
}
