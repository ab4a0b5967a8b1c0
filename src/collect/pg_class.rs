//! `pg_class` and `pg_attribute`: tables and their columns.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Row;

use super::rows::{columns, read_view};
use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};
use crate::record::Bytes;
use crate::record::tables::{ColumnFacts, PartitionKey, TableFacts};

/// Tables and what the role may not read of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// Ordinary and partitioned tables and materialised views outside the system schemas.
    pub facts: Vec<TableFacts>,
    /// Tables without the privilege SELECT: no plan of a statement on them, no column statistics.
    pub unreadable: u64,
}

/// Tables with their columns; `sizes` as read by [`relation_size`](super::relation_size).
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session, sizes: &BTreeMap<u32, Bytes>) -> Result<Tables, PgError> {
    let mut columns_of = read_columns(session).await?;
    let rows = read_view(session, &catalog::PG_CLASS, &[], |row, view| {
        let relid = get(row, view, "relid")?;
        let facts = TableFacts {
            relid,
            schemaname: get(row, view, "schemaname")?,
            relname: get(row, view, "relname")?,
            relkind: get(row, view, "relkind")?,
            reltuples: get(row, view, "reltuples")?,
            relpages: get(row, view, "relpages")?,
            reloptions: get::<Option<_>>(row, view, "reloptions")?.unwrap_or_default(),
            parent: get(row, view, "parent")?,
            partition_key: partition_key(row, view)?,
            size_bytes: sizes.get(&relid).copied(),
            columns: Vec::new(),
        };
        // NULL: the table was dropped while the statement ran.
        Ok((
            facts,
            get::<Option<bool>>(row, view, "readable")? != Some(false),
        ))
    })
    .await?;
    let unreadable = rows.iter().filter(|(_, readable)| !readable).count() as u64;
    let facts = rows.into_iter().map(|(mut table, _)| {
        table.columns = columns_of.remove(&table.relid).unwrap_or_default();
        table
    });
    Ok(Tables {
        facts: facts.collect(),
        unreadable,
    })
}

/// How a partitioned table is partitioned; the columns are NULL for any other.
fn partition_key(row: &Row, view: &str) -> Result<Option<PartitionKey>, PgError> {
    let Some(partstrat) = get::<Option<String>>(row, view, "partstrat")? else {
        return Ok(None);
    };
    Ok(Some(PartitionKey {
        partstrat,
        partattrs: get::<Option<_>>(row, view, "partattrs")?.unwrap_or_default(),
        definition: get::<Option<_>>(row, view, "partkeydef")?.unwrap_or_default(),
    }))
}

async fn read_columns(session: &Session) -> Result<HashMap<u32, Vec<ColumnFacts>>, PgError> {
    let rows = read_view(session, &catalog::PG_ATTRIBUTE, &[], |row, view| {
        let column = columns!(row, view => ColumnFacts {
            attnum,
            attname,
            type_name,
            not_null,
            stattarget,
        });
        Ok((get::<u32>(row, view, "attrelid")?, column))
    })
    .await?;
    let mut by_table: HashMap<u32, Vec<ColumnFacts>> = HashMap::new();
    for (relid, column) in rows {
        by_table.entry(relid).or_default().push(column);
    }
    Ok(by_table)
}
