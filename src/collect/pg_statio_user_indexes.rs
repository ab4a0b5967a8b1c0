//! `pg_statio_user_indexes`.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::indexes::StatioUserIndex;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatioUserIndex>, PgError> {
    read_view(
        session,
        &catalog::PG_STATIO_USER_INDEXES,
        &[],
        |row, view| {
            Ok(columns!(row, view => StatioUserIndex {
                indexrelid,
                idx_blks_read,
                idx_blks_hit,
            }))
        },
    )
    .await
}
