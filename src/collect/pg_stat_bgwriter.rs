//! `pg_stat_bgwriter`.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::database::StatBgwriter;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatBgwriter>, PgError> {
    read_view(session, &catalog::PG_STAT_BGWRITER, &[], |row, view| {
        Ok(columns!(row, view => StatBgwriter {
            buffers_clean,
            maxwritten_clean,
            buffers_alloc,
            stats_reset,
        }))
    })
    .await
}
