//! Sessions with a transaction or a snapshot, from `pg_stat_activity`.

use jiff::Timestamp;

use super::rows::read_view;
use super::texts::without_values;
use crate::pg::column::get;
use crate::pg::{OWN_PREFIX, PgError, Session, catalog};
use crate::record::QueryId;
use crate::record::health::OpenTransaction;

/// What the server shows in the place of a text that the role may not see.
const HIDDEN_TEXT: &str = "<insufficient privilege>";

/// One reading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Sessions with a transaction or a snapshot, dbperf's own left out.
    pub transactions: Vec<OpenTransaction>,
    /// Sessions whose transactions the role may not see.
    pub hidden: u64,
    /// `clock_timestamp()` of the server; the own session is always among the rows.
    pub read_at: Option<Timestamp>,
}

/// Reads the view.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Reading, PgError> {
    let rows = read_view(session, &catalog::OPEN_TRANSACTIONS, &[], |row, view| {
        let backend_type: Option<String> = get(row, view, "backend_type")?;
        let query: Option<String> = get(row, view, "query")?;
        let query = query.filter(|q| !q.is_empty() && q != HIDDEN_TEXT);
        let hidden = backend_type.is_none();
        let transaction = OpenTransaction {
            pid: get(row, view, "pid")?,
            datname: get(row, view, "datname")?,
            usename: get(row, view, "usename")?,
            application_name: get::<Option<_>>(row, view, "application_name")?.unwrap_or_default(),
            backend_type: backend_type.unwrap_or_default(),
            state: get(row, view, "state")?,
            xact_start: get(row, view, "xact_start")?,
            state_change: get(row, view, "state_change")?,
            xid_age: get(row, view, "xid_age")?,
            xmin_age: get(row, view, "xmin_age")?,
            query_id: get::<Option<i64>>(row, view, "query_id")?.map(QueryId),
            query: query.map(|q| without_values(&q)),
        };
        let read_at: Timestamp = get(row, view, "read_at")?;
        Ok((hidden, read_at, transaction))
    });
    let mut reading = Reading::default();
    for (hidden, read_at, transaction) in rows.await? {
        reading.read_at = Some(read_at);
        if hidden {
            reading.hidden += u64::from(!transaction.application_name.starts_with(OWN_PREFIX));
        } else if !transaction.application_name.starts_with(OWN_PREFIX) {
            reading.transactions.push(transaction);
        }
    }
    Ok(reading)
}
