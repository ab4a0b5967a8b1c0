//! `pg_stat_progress_vacuum`: vacuums that are running.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::health::ProgressVacuum;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<ProgressVacuum>, PgError> {
    let view = &catalog::PG_STAT_PROGRESS_VACUUM;
    read_view(session, view, &[], |row, view| {
        Ok(columns!(row, view => ProgressVacuum {
            pid,
            datname,
            relid,
            phase,
            heap_blks_total,
            heap_blks_scanned,
            heap_blks_vacuumed,
            index_vacuum_count,
            xact_start,
        }))
    })
    .await
}
