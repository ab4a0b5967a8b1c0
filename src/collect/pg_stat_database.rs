//! `pg_stat_database`, every database and the shared objects (`datid` 0).

use super::rows::{columns, read_view};
use crate::pg::column::{millis, millis_opt};
use crate::pg::{PgError, Session, catalog};
use crate::record::database::StatDatabase;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatDatabase>, PgError> {
    read_view(session, &catalog::PG_STAT_DATABASE, &[], |row, view| {
        Ok(columns!(row, view => StatDatabase {
            datid,
            datname,
            numbackends,
            xact_commit,
            xact_rollback,
            blks_read,
            blks_hit,
            tup_returned,
            tup_fetched,
            tup_inserted,
            tup_updated,
            tup_deleted,
            conflicts,
            temp_files,
            temp_bytes,
            deadlocks,
            blk_read_time: millis,
            blk_write_time: millis,
            session_time: millis_opt,
            active_time: millis_opt,
            idle_in_transaction_time: millis_opt,
            sessions,
            sessions_abandoned,
            sessions_fatal,
            sessions_killed,
            stats_reset,
        }))
    })
    .await
}
