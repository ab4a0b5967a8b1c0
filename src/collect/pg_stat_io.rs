//! `pg_stat_io` (16+).

use super::rows::{columns, read_view};
use crate::pg::column::millis_opt;
use crate::pg::{PgError, Session, catalog};
use crate::record::database::StatIo;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatIo>, PgError> {
    read_view(session, &catalog::PG_STAT_IO, &[], |row, view| {
        Ok(columns!(row, view => StatIo {
            backend_type,
            object,
            context,
            reads,
            read_time: millis_opt,
            writes,
            write_time: millis_opt,
            extends,
            extend_time: millis_opt,
            hits,
            evictions,
            fsyncs,
            fsync_time: millis_opt,
            stats_reset,
        }))
    })
    .await
}
