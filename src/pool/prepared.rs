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
    async fn statement(&self, query: &Query) -> Result<Statement, Error> {
        if let Some(Some(known)) = self.statements.borrow().get(query.slot) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(&query.sql).await?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() <= query.slot {
            statements.resize(query.slot + 1, None);
        }
        statements[query.slot] = Some(statement.clone());
        Ok(statement)
    }

    async fn send<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
    ) -> Result<RowStream, Error> {
        match query.protocol {
            Protocol::Prepared => {
                let statement = self.statement(query).await?;
                self.client.query_raw(&statement, params).await
            }
            Protocol::Unnamed => {
                let typed = params.zip(query.types.iter().cloned());
                self.client.query_typed_raw(&query.sql, typed).await
            }
        }
    }

    async fn run<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
        kept: &mut Kept<'_>,
    ) -> Result<u64, Error> {
        let mut rows = pin!(self.send(query, params).await?);
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
}

impl<C: Deref<Target = Client>> Execute for Prepared<C> {
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
        kept: &mut Kept<'_>,
    ) -> Result<u64, ExecuteError> {
        self.run(query, params, kept)
            .await
            .map_err(|error| ExecuteError::from(&error))
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
