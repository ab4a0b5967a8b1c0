//! `pg_replication_slots`.

use super::rows::{columns, read_view};
use crate::pg::column::{get, lsn};
use crate::pg::{PgError, Session, catalog};
use crate::record::replication::Slot;

/// Every slot with the process that uses it (`active_pid`).
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<(Slot, Option<i32>)>, PgError> {
    read_view(session, &catalog::PG_REPLICATION_SLOTS, &[], |row, view| {
        let slot = columns!(row, view => Slot {
            slot_name,
            slot_type,
            active,
            restart_lsn: lsn,
            wal_status,
            safe_wal_size,
        });
        Ok((slot, get(row, view, "active_pid")?))
    })
    .await
}
