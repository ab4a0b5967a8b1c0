//! `pg_stat_user_tables`.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::tables::StatUserTable;

/// Every row.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Vec<StatUserTable>, PgError> {
    read_view(session, &catalog::PG_STAT_USER_TABLES, &[], |row, view| {
        Ok(columns!(row, view => StatUserTable {
            relid,
            schemaname,
            relname,
            seq_scan,
            seq_tup_read,
            idx_scan,
            idx_tup_fetch,
            n_tup_ins,
            n_tup_upd,
            n_tup_del,
            n_tup_hot_upd,
            n_tup_newpage_upd,
            n_live_tup,
            n_dead_tup,
            n_mod_since_analyze,
            last_vacuum,
            last_autovacuum,
            last_analyze,
            last_autoanalyze,
        }))
    })
    .await
}
