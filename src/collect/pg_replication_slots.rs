//! `pg_replication_slots`.

use super::rows::{columns, read_view};
use crate::pg::column::lsn;
use crate::pg::{PgError, Session, catalog};
use crate::record::replication::Slot;

/// Every slot.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<Slot>, PgError> {
    read_view(session, &catalog::PG_REPLICATION_SLOTS, &[], |row, view| {
        Ok(columns!(row, view => Slot {
            slot_name,
            slot_type,
            active,
            restart_lsn: lsn,
            wal_status,
            safe_wal_size,
            database,
            active_pid,
            xmin_age,
            catalog_xmin_age,
            inactive_since,
        }))
    })
    .await
}
