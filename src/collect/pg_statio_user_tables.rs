//! `pg_statio_user_tables`.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::tables::StatioUserTable;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatioUserTable>, PgError> {
    read_view(
        session,
        &catalog::PG_STATIO_USER_TABLES,
        &[],
        |row, view| {
            Ok(columns!(row, view => StatioUserTable {
                relid,
                heap_blks_read,
                heap_blks_hit,
                idx_blks_read,
                idx_blks_hit,
                toast_blks_read,
                toast_blks_hit,
            }))
        },
    )
    .await
}
