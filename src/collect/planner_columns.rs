//! What the planner knows of columns (`pg_stats`), without any value of them.

use super::rows::read_view;
use crate::pg::column::get;
use crate::pg::{Param, PgError, Session, catalog};
use crate::record::what_if::ColumnStats;
use tokio_postgres::types::Type;

/// Columns of these tables and indexes, with their names. What the role may not read has no statistics.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(
    session: &Session,
    relations: &[(u32, &str)],
) -> Result<Vec<ColumnStats>, PgError> {
    let (relids, names): (Vec<u32>, Vec<&str>) = relations.iter().copied().unzip();
    let params: [Param<'_>; 2] = [(&relids, Type::OID_ARRAY), (&names, Type::NAME_ARRAY)];
    read_view(session, &catalog::PLANNER_COLUMNS, &params, |row, view| {
        let collation: Option<String> = get(row, view, "collname")?;
        let database: String = get(row, view, "datcollate")?;
        Ok(ColumnStats {
            attrelid: get(row, view, "attrelid")?,
            attname: get(row, view, "attname")?,
            attnum: get(row, view, "attnum")?,
            attlen: get(row, view, "attlen")?,
            attalign: get(row, view, "attalign")?,
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
