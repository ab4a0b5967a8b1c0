//! What the planner knows of columns (`pg_stats`), without any value of them.

use super::rows::read_view;
use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};
use crate::record::what_if::ColumnStats;
use tokio_postgres::types::Type;

/// Columns of these tables. What the role may not read has no statistics.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session, relids: &[u32]) -> Result<Vec<ColumnStats>, PgError> {
    let params = [(&relids as _, Type::OID_ARRAY)];
    read_view(session, &catalog::PLANNER_COLUMNS, &params, |row, view| {
        let collation: Option<String> = get(row, view, "collname")?;
        let database: String = get(row, view, "datcollate")?;
        Ok(ColumnStats {
            attrelid: get(row, view, "attrelid")?,
            attname: get(row, view, "attname")?,
            bytewise: collation.map(|name| is_bytewise(&name, &database)),
            relallvisible: get(row, view, "relallvisible")?,
            n_distinct: get(row, view, "n_distinct")?,
            null_frac: get(row, view, "null_frac")?,
            avg_width: get(row, view, "avg_width")?,
        })
    })
    .await
}

/// `C` and `POSIX` compare bytes; `default` is the database's own collation.
fn is_bytewise(collation: &str, database: &str) -> bool {
    let name = if collation == "default" {
        database
    } else {
        collation
    };
    matches!(name, "C" | "POSIX" | "ucs_basic" | "pg_c_utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_collation_is_that_of_the_database() {
        assert!(is_bytewise("C", "en_US.UTF-8") && is_bytewise("default", "C"));
        assert!(!is_bytewise("default", "en_US.UTF-8") && !is_bytewise("de-x-icu", "C"));
    }
}
