//! A tokio-postgres client that keeps its prepared statements by their place in the workload.
//!
//! A statement that has the connection to itself goes past the driver, over the [`Wire`]: it is only the
//! frames of its parameters, its rows and its end. All else is the driver's work: the first execution of a
//! statement, which parses it; statements of a pipeline; unnamed ones.

use std::cell::RefCell;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use futures_util::TryStreamExt as _;
use postgres_protocol::IsNull as WireNull;
use postgres_protocol::message::frontend;
use tokio_postgres::types::{Format, FromSql as _, IsNull, ToSql as _, Type};
use tokio_postgres::{Client, Error, RowStream, Statement};

use crate::pg::{ExchangeError, Wire};
use crate::workload::{RawValue, Value};

use super::{Control, Execute, ExecuteError, Kept, Protocol, Query, Traffic};

/// A client, owned in whatever way, with its prepared statements.
pub struct Prepared<C> {
    client: C,
    wire: Wire,
    /// By [`Query::slot`]. Only the holder of the lease touches it.
    statements: RefCell<Vec<Option<Arc<Known>>>>,
}

/// A statement that was prepared on a connection.
struct Known {
    statement: Statement,
    /// What the server calls it; `None` where the wire did not see that.
    name: Option<Box<str>>,
}

impl<C> std::fmt::Debug for Prepared<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

impl<C> Prepared<C> {
    pub(super) fn new(client: C, wire: Wire) -> Self {
        Self {
            client,
            wire,
            statements: RefCell::default(),
        }
    }

    pub(super) fn client_mut(&mut self) -> &mut C {
        &mut self.client
    }
}

impl<C: Deref<Target = Client>> Prepared<C> {
    /// The connection has ended, as far as the driver or the socket tells.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.wire.is_closed()
    }

    /// The statement, if it was prepared on this connection.
    fn known(&self, query: &Query) -> Option<Arc<Known>> {
        self.statements.borrow().get(query.slot)?.clone()
    }

    async fn prepare(&self, query: &Query) -> Result<Arc<Known>, Error> {
        let statement = self.client.prepare(&query.sql).await?;
        let known = Arc::new(Known {
            name: self.wire.take_name(&query.sql),
            statement,
        });
        let mut statements = self.statements.borrow_mut();
        if statements.len() <= query.slot {
            statements.resize(query.slot + 1, None);
        }
        statements[query.slot] = Some(Arc::clone(&known));
        Ok(known)
    }

    /// Executes a statement through the driver.
    async fn driven<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
        kept: &mut Kept<'_>,
    ) -> Result<u64, Error> {
        let rows = if query.protocol == Protocol::Unnamed {
            let typed = params.zip(query.types.iter().cloned());
            self.client.query_typed_raw(&query.sql, typed).await?
        } else {
            let known = match self.known(query) {
                Some(known) => known,
                None => self.prepare(query).await?,
            };
            self.client.query_raw(&known.statement, params).await?
        };
        drain(rows, kept).await
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
    // A tag without a count, such as that of EXPLAIN, is taken for 0.
    Ok(rows.rows_affected().map_or(count, |n| n.max(count)))
}

impl Known {
    /// Bind, Execute and Sync; false where a value does not fit its type.
    fn encode<'v>(
        &self,
        name: &str,
        params: impl ExactSizeIterator<Item = &'v Value> + Clone,
        out: &mut BytesMut,
    ) -> bool {
        let types = self.statement.params();
        let formats = params
            .clone()
            .zip(types)
            .map(|(value, ty)| format(value, ty));
        let values = params.zip(types);
        let serialize = |(value, ty): (&Value, &Type), out: &mut BytesMut| {
            value.to_sql(ty, out).map(|null| match null {
                IsNull::Yes => WireNull::Yes,
                IsNull::No => WireNull::No,
            })
        };
        // Rows come in their binary form.
        frontend::bind("", name, formats, values, serialize, Some(1), out).is_ok()
            && frontend::execute("", 0, out).is_ok()
            && {
                frontend::sync(out);
                true
            }
    }

    /// Keeps the columns of a row that are wanted; false where one cannot be read.
    fn keep(&self, row: &[u8], kept: &mut Kept<'_>) -> bool {
        let columns = self.statement.columns();
        let read = |index: usize| {
            let ty = columns.get(index)?.type_();
            Some(match column(row, index)? {
                Column::Value(bytes) => RawValue::from_sql(ty, bytes).ok()?.0,
                Column::Null => Value::Null,
            })
        };
        for (index, values) in kept.columns.iter().zip(kept.values.iter_mut()) {
            match read(*index) {
                Some(value) => values.push(value),
                None => return false,
            }
        }
        true
    }
}

fn format(value: &Value, ty: &Type) -> i16 {
    match value.encode_format(ty) {
        Format::Text => 0,
        Format::Binary => 1,
    }
}

/// A column of a row.
#[derive(Debug, PartialEq, Eq)]
enum Column<'r> {
    Null,
    Value(&'r [u8]),
}

/// A column of the payload of a `DataRow`; `None` where there is no such column.
fn column(mut row: &[u8], index: usize) -> Option<Column<'_>> {
    let mut left = index.checked_add(1)?;
    if left > usize::from(row.try_get_u16().ok()?) {
        return None;
    }
    loop {
        left -= 1;
        // A length of -1 is NULL.
        let column = match usize::try_from(row.try_get_i32().ok()?) {
            Ok(length) => Column::Value(row.split_off(..length)?),
            Err(_) => Column::Null,
        };
        if left == 0 {
            return Some(column);
        }
    }
}

impl<C: Deref<Target = Client>> Execute for Prepared<C> {
    /// What is rare is boxed: a future is as large as its largest branch, and is moved when it begins.
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value> + Clone,
        kept: &mut Kept<'_>,
        traffic: Traffic,
    ) -> Result<u64, ExecuteError> {
        if traffic == Traffic::Alone
            && let Some(known) = self.known(query)
            && let Some(name) = &known.name
            && params.len() == known.statement.params().len()
            && let Some(held) = self.wire.hold()
        {
            let encode = |out: &mut BytesMut| known.encode(name, params, out);
            let done = if kept.columns.is_empty() {
                held.exchange(encode, None).await
            } else {
                let mut keep = |row: &[u8]| known.keep(row, kept);
                held.exchange(encode, Some(&mut keep)).await
            };
            return done.map_err(ExecuteError::from);
        }
        let driven = Box::pin(self.driven(query, params, kept)).await;
        driven.map_err(|error| ExecuteError::from(&error))
    }

    async fn control(&self, control: Control, traffic: Traffic) -> Result<(), ExecuteError> {
        if traffic == Traffic::Alone
            && let Some(held) = self.wire.hold()
        {
            let encode = |out: &mut BytesMut| frontend::query(control.sql(), out).is_ok();
            return Ok(held.exchange(encode, None).await.map(drop)?);
        }
        let sent = Box::pin(self.client.batch_execute(control.sql())).await;
        sent.map_err(|error| ExecuteError::from(&error))
    }
}

impl From<ExchangeError> for ExecuteError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Sql(state) => Self::Sql(state),
            ExchangeError::Lost => Self::ConnectionLost,
            ExchangeError::Misfit => Self::Conversion,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_row_are_found() {
        let row = [
            &[0, 3][..],
            &[0, 0, 0, 2, 7, 8],
            &[0xff, 0xff, 0xff, 0xff],
            &[0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(column(&row, 0), Some(Column::Value(&[7, 8])));
        assert_eq!(column(&row, 1), Some(Column::Null));
        assert_eq!(column(&row, 2), Some(Column::Value(&[])));
        assert_eq!(column(&row, 3), None);
        assert_eq!(column(&row[..5], 0), None);
    }
}
