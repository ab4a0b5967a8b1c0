//! How long ago the oldest rows were frozen: of every database, and of the tables of this one.

use super::rows::{columns, read_view};
use crate::pg::{PgError, Session, catalog};
use crate::record::health::{DatabaseAge, TableAge};

/// Tables that are kept by each age (ours): enough to begin with, few enough for a run file.
const OLDEST: usize = 10;

/// Every database of the cluster.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read_databases(session: &Session) -> Result<Vec<DatabaseAge>, PgError> {
    read_view(session, &catalog::DATABASE_AGE, &[], |row, view| {
        Ok(columns!(row, view => DatabaseAge {
            datname,
            datallowconn,
            frozen_xid_age,
            min_mxid_age,
        }))
    })
    .await
}

/// The oldest tables of this database by either age.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read_oldest_tables(session: &Session) -> Result<Vec<TableAge>, PgError> {
    let all = read_view(session, &catalog::RELATION_AGE, &[], |row, view| {
        Ok(columns!(row, view => TableAge {
            schemaname,
            relname,
            is_toast,
            frozen_xid_age,
            min_mxid_age,
        }))
    });
    Ok(oldest(all.await?))
}

fn oldest(mut all: Vec<TableAge>) -> Vec<TableAge> {
    all.sort_by_key(|t| std::cmp::Reverse(t.frozen_xid_age));
    let (mut kept, mut rest) = if all.len() > OLDEST {
        let rest = all.split_off(OLDEST);
        (all, rest)
    } else {
        return all;
    };
    rest.sort_by_key(|t| std::cmp::Reverse(t.min_mxid_age));
    rest.truncate(OLDEST);
    kept.extend(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_by_either_age_are_kept() {
        let all = (0..100).map(|i| TableAge {
            schemaname: "public".to_owned(),
            relname: format!("t{i}"),
            is_toast: false,
            frozen_xid_age: (i != 50).then_some(i),
            min_mxid_age: Some(100 - i),
        });
        let kept = oldest(all.collect());
        let has = |name: &str| kept.iter().any(|t| t.relname == name);
        assert_eq!(kept.len(), 20);
        assert!(has("t99") && has("t90") && has("t0") && has("t9"));
        assert!(!has("t50") && !has("t89"));
    }
}
