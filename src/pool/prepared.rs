//! A tokio-postgres client that keeps its prepared statements by their place in the workload.

use std::cell::RefCell;
use std::ops::Deref;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, Error, RowStream, Statement};

use crate::workload::{RawValue, Value};

use super::{Control, Execute, ExecuteError, Kept, Protocol, Query};

/// A client, owned in whatever way, with its prepared statements.
pub struct Prepared<C> {
    client: C,
    /// By [`Query::slot`]. Only the holder of the lease touches it.
    statements: RefCell<Vec<Option<Statement>>>,
}

impl<C> std::fmt::Debug for Prepared<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

impl<C> Prepared<C> {
    pub(super) fn new(client: C) -> Self {
        Self {
            client,
            statements: RefCell::default(),
        }
    }

    pub(super) fn client(&self) -> &C {
        &self.client
    }

    pub(super) fn client_mut(&mut self) -> &mut C {
        &mut self.client
    }
}

impl<C: Deref<Target = Client>> Prepared<C> {
    /// The statement, if it was prepared on this connection.
    fn known(&self, query: &Query) -> Option<Statement> {
        self.statements.borrow().get(query.slot)?.clone()
    }

    async fn prepare(&self, query: &Query) -> Result<Statement, Error> {
        let statement = self.client.prepare(&query.sql).await?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() <= query.slot {
            statements.resize(query.slot + 1, None);
        }
        statements[query.slot] = Some(statement.clone());
        Ok(statement)
    }

    /// What is rare is boxed: a future is as large as its largest branch, and is moved when it begins.
    async fn send<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
    ) -> Result<RowStream, Error> {
        if query.protocol == Protocol::Unnamed {
            let typed = params.zip(query.types.iter().cloned());
            return Box::pin(self.client.query_typed_raw(&query.sql, typed)).await;
        }
        let statement = match self.known(query) {
            Some(known) => known,
            None => Box::pin(self.prepare(query)).await?,
        };
        self.client.query_raw(&statement, params).await
    }
}

/// Reads all rows.
async fn drain(rows: RowStream, kept: &mut Kept<'_>) -> Result<u64, Error> {
    let mut rows = pin!(rows);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        count += 1;
        for (column, values) in kept.columns.iter().zip(kept.values.iter_mut()) {
            let RawValue(value) = row.try_get(*column)?;
            values.push(value);
        }
    }
    Ok(rows.rows_affected().unwrap_or(count))
}

impl<C: Deref<Target = Client>> Execute for Prepared<C> {
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
        kept: &mut Kept<'_>,
    ) -> Result<u64, ExecuteError> {
        let rows = self.send(query, params).await;
        match rows {
            Ok(rows) => drain(rows, kept).await.map_err(|e| ExecuteError::from(&e)),
            Err(error) => Err(ExecuteError::from(&error)),
        }
    }

    async fn control(&self, control: Control) -> Result<(), ExecuteError> {
        let sent = self.client.batch_execute(control.sql()).await;
        sent.map_err(|error| ExecuteError::from(&error))
    }
}

impl From<&Error> for ExecuteError {
    fn from(error: &Error) -> Self {
        if let Some(state) = error.code() {
            return Self::Sql(state.code().into());
        }
        let source = std::error::Error::source(error);
        if error.is_closed() || source.is_some_and(<dyn std::error::Error>::is::<std::io::Error>) {
            return Self::ConnectionLost;
        }
        Self::Conversion
    }
}
