//! `pg_stat_checkpointer` (17+), or the same columns of `pg_stat_bgwriter` before.

use super::rows::{columns, read_view};
use crate::pg::column::millis;
use crate::pg::{PgError, Session, catalog};
use crate::record::database::StatCheckpointer;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatCheckpointer>, PgError> {
    read_view(session, &catalog::PG_STAT_CHECKPOINTER, &[], |row, view| {
        Ok(columns!(row, view => StatCheckpointer {
            num_timed,
            num_requested,
            write_time: millis,
            sync_time: millis,
            buffers_written,
            stats_reset,
        }))
    })
    .await
}
