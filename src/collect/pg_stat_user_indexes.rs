//! `pg_stat_user_indexes`.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::indexes::StatUserIndex;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatUserIndex>, PgError> {
    read_view(session, &catalog::PG_STAT_USER_INDEXES, &[], |row, view| {
        Ok(columns!(row, view => StatUserIndex {
            relid,
            indexrelid,
            schemaname,
            relname,
            indexrelname,
            idx_scan,
            idx_tup_read,
            idx_tup_fetch,
            last_idx_scan,
        }))
    })
    .await
}
