//! How far databases are from wraparound.
//!
//! PostgreSQL refuses new transactions some way before half of all numbers separate the next one from
//! the oldest that is not frozen (`xidStopLimit` and `multiStopLimit` in its varsup.c and multixact.c).

use crate::analyze::conclusions::{AgedDatabase, AgedTable};
use crate::record::health::{DatabaseAge, TableAge};

/// Half of all transaction numbers.
const HALF: i64 = 1 << 31;
/// How long before that the server stops: 3 million from PostgreSQL 14 on, 1 million before.
const STOP: i64 = 3_000_000;
const STOP_BEFORE_14: i64 = 1_000_000;
/// The same of multixacts before 14.
const MULTI_STOP_BEFORE_14: i64 = 100;

/// Databases, oldest first.
#[must_use]
pub fn databases(all: &[DatabaseAge], major: u32) -> Vec<AgedDatabase> {
    let (stop, multi_stop) = if major >= 14 {
        (STOP, STOP)
    } else {
        (STOP_BEFORE_14, MULTI_STOP_BEFORE_14)
    };
    let mut aged: Vec<AgedDatabase> = all
        .iter()
        .map(|d| AgedDatabase {
            database: d.datname.clone(),
            xid_age: i64::from(d.frozen_xid_age),
            xids_left: (HALF - stop - i64::from(d.frozen_xid_age)).max(0),
            mxid_age: i64::from(d.min_mxid_age),
            mxids_left: (HALF - multi_stop - i64::from(d.min_mxid_age)).max(0),
        })
        .collect();
    aged.sort_by_key(|d| (d.xids_left.min(d.mxids_left), d.database.clone()));
    aged
}

/// Tables, oldest first, each once with its TOAST table.
#[must_use]
pub fn tables(all: &[TableAge]) -> Vec<AgedTable> {
    let mut merged: Vec<AgedTable> = Vec::new();
    for t in all {
        let (xid_age, mxid_age) = (
            t.frozen_xid_age.map(i64::from),
            t.min_mxid_age.map(i64::from),
        );
        let known = merged
            .iter_mut()
            .find(|m| m.schema == t.schemaname && m.table == t.relname);
        if let Some(known) = known {
            known.xid_age = known.xid_age.max(xid_age);
            known.mxid_age = known.mxid_age.max(mxid_age);
        } else {
            merged.push(AgedTable {
                schema: t.schemaname.clone(),
                table: t.relname.clone(),
                xid_age,
                mxid_age,
            });
        }
    }
    merged.sort_by_key(|t| std::cmp::Reverse(t.xid_age.max(t.mxid_age)));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(frozen_xid_age: i32, min_mxid_age: i32) -> DatabaseAge {
        DatabaseAge {
            datname: "app".to_owned(),
            datallowconn: true,
            frozen_xid_age,
            min_mxid_age,
        }
    }

    #[test]
    fn what_is_left_ends_where_the_server_stops() {
        let left = |age: i32, major| {
            let aged = databases(&[database(age, 0)], major);
            aged[0].xids_left
        };
        assert_eq!(left(0, 15), 2_144_483_648);
        assert_eq!(left(2_144_483_647, 15), 1);
        assert_eq!(left(i32::MAX, 15), 0);
        assert_eq!(left(2_146_483_647, 13), 1);
        let multi = databases(&[database(0, 2_147_483_547)], 13);
        assert_eq!(multi[0].mxids_left, 1);
    }

    #[test]
    fn the_database_that_stops_first_comes_first() {
        let mut other = database(1_000, 2_000_000_000);
        other.datname = "other".to_owned();
        let aged = databases(&[database(1_900_000_000, 5), other], 16);
        assert_eq!(aged[0].database, "other");
    }

    #[test]
    fn a_toast_table_counts_as_its_table() {
        let part = |is_toast, age| TableAge {
            schemaname: "public".to_owned(),
            relname: "t".to_owned(),
            is_toast,
            frozen_xid_age: Some(age),
            min_mxid_age: None,
        };
        let merged = tables(&[part(false, 5), part(true, 9)]);
        assert_eq!(merged.len(), 1);
        assert_eq!((merged[0].xid_age, merged[0].mxid_age), (Some(9), None));
    }
}
