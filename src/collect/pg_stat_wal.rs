//! `pg_stat_wal` (14+).

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::database::StatWal;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatWal>, PgError> {
    read_view(session, &catalog::PG_STAT_WAL, &[], |row, view| {
        Ok(columns!(row, view => StatWal {
            wal_records,
            wal_fpi,
            wal_bytes,
            wal_buffers_full,
            stats_reset,
        }))
    })
    .await
}
