//! `pg_prepared_xacts`, and the sessions that wait for one.

use tokio_postgres::types::Type;

use super::rows::{columns, read_view};
use crate::pg::{Param, PgError, Session, catalog};
use crate::record::health::{PreparedBlocker, PreparedTransaction};

/// Every prepared transaction of the cluster; everybody may see them.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<PreparedTransaction>, PgError> {
    read_view(session, &catalog::PG_PREPARED_XACTS, &[], |row, view| {
        Ok(columns!(row, view => PreparedTransaction {
            gid,
            prepared,
            owner,
            database,
            xid_age,
        }))
    })
    .await
}

/// Prepared transactions that hold a lock on what these sessions wait for.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read_blockers(
    session: &Session,
    waiting: &[i32],
) -> Result<Vec<PreparedBlocker>, PgError> {
    let waiting = waiting.to_vec();
    let params: [Param<'_>; 1] = [(&waiting, Type::INT4_ARRAY)];
    read_view(
        session,
        &catalog::PREPARED_BLOCKERS,
        &params,
        |row, view| Ok(columns!(row, view => PreparedBlocker { pid, gid })),
    )
    .await
}
