//! `pg_statistic_ext`: statistics over several columns or an expression.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::tables::ExtendedStatistics;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<ExtendedStatistics>, PgError> {
    read_view(session, &catalog::PG_STATISTIC_EXT, &[], |row, view| {
        Ok(columns!(row, view => ExtendedStatistics {
            stxrelid,
            schemaname,
            stxname,
            stxkeys,
            stxkind,
        }))
    })
    .await
}
