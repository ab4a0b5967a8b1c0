//! `pg_constraint`: foreign keys.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::indexes::ForeignKey;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<ForeignKey>, PgError> {
    read_view(session, &catalog::PG_CONSTRAINT, &[], |row, view| {
        Ok(columns!(row, view => ForeignKey {
            conname,
            conrelid,
            confrelid,
            conkey,
            confkey,
            conindid,
            conparentid,
        }))
    })
    .await
}
