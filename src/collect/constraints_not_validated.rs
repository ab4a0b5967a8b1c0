//! `pg_constraint`: constraints that are enforced for new rows only.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::health::NotValidated;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<NotValidated>, PgError> {
    let view = &catalog::CONSTRAINTS_NOT_VALIDATED;
    read_view(session, view, &[], |row, view| {
        Ok(columns!(row, view => NotValidated {
            oid,
            schemaname,
            relname,
            conname,
            contype,
            conparentid,
        }))
    })
    .await
}
