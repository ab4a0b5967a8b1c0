//! Sizes of tables (`pg_table_size`) and indexes (`pg_relation_size`) by oid.

use std::collections::BTreeMap;

use super::rows::read_view;
use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};
use crate::record::Bytes;

/// Sizes by oid. A relation under an exclusive lock is left out: asking would wait for the lock.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<BTreeMap<u32, Bytes>, PgError> {
    let rows = read_view(session, &catalog::RELATION_SIZE, &[], |row, view| {
        let size: Option<i64> = get(row, view, "size_bytes")?;
        Ok((get(row, view, "relid")?, size))
    });
    let sizes = rows
        .await?
        .into_iter()
        .filter_map(|(relid, size): (u32, _)| {
            // NULL: the relation was dropped while the statement ran.
            let size = size.and_then(|s| u64::try_from(s).ok())?;
            Some((relid, Bytes(size)))
        });
    Ok(sizes.collect())
}
