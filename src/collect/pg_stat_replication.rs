//! `pg_stat_replication` with the kind of slot that a sender uses, and the position of the primary.

use super::rows::{columns, read_view};
use crate::pg::column::{get, interval, lsn};
use crate::pg::{PgError, Session, catalog};
use crate::record::replication::SenderSample;
use crate::record::{Lsn, Millis};

/// Every sender, standbys and logical subscribers alike.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session, at: Millis) -> Result<Vec<SenderSample>, PgError> {
    read_view(session, &catalog::PG_STAT_REPLICATION, &[], |row, view| {
        let mut sender = columns!(row, view => SenderSample {
            at: no_time,
            pid,
            application_name: text,
            client_addr,
            state,
            sent_lsn: lsn,
            write_lsn: lsn,
            flush_lsn: lsn,
            replay_lsn: lsn,
            write_lag: interval,
            flush_lag: interval,
            replay_lag: interval,
            sync_state,
            slot_type,
        });
        sender.at = at;
        Ok(sender)
    })
    .await
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a reader of a column by its signature"
)]
fn no_time(_: &tokio_postgres::Row, _: &str, _: &str) -> Result<Millis, PgError> {
    Ok(Millis::default())
}

/// NULL where the role may not see it.
fn text(row: &tokio_postgres::Row, view: &str, column: &str) -> Result<String, PgError> {
    get::<Option<String>>(row, view, column).map(Option::unwrap_or_default)
}

/// `pg_current_wal_lsn()`; an error on a standby.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read_current_lsn(session: &Session) -> Result<Option<Lsn>, PgError> {
    let view = &catalog::PG_CURRENT_WAL_LSN;
    let row = session.one(view, &[]).await?;
    lsn(&row, view.name, "lsn")
}
