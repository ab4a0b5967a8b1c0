//! `pgstattuple_approx` and `pgstatindex`: what tables and btrees hold beside live rows, where the
//! extension is installed.
//!
//! The first reads the pages that are not all-visible, the second the whole index, so both take time
//! and read the disk: only large ones are asked, the largest first, a few of them, and all together
//! for two seconds at most; an index of more than a gigabyte never.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::pg_stat_statements::quote_ident;
use crate::pg::catalog::{self, View, extension_version};
use crate::pg::column::{get, only};
use crate::pg::{Extension, Param, PgError, Session};
use crate::record::health::{IndexBloat, TableBloat};
use crate::record::indexes::IndexFacts;
use crate::record::tables::TableFacts;

/// The size from which a table or an index is asked: smaller ones are not worth a finding.
const LARGE_BYTES: u64 = 100 * 1024 * 1024;
/// The size above which an index is not read (ours): it would not be done in time.
const MOST_INDEX_BYTES: u64 = 1024 * 1024 * 1024;
/// Tables, and indexes, that are asked at most (ours).
const MOST: usize = 5;
/// Time for all tables together, and for all indexes (ours).
const BUDGET: Duration = Duration::from_secs(2);

/// What could be measured.
#[derive(Debug)]
pub struct Bloat<T> {
    /// Those that were read.
    pub measured: Vec<T>,
    /// Large ones that were not.
    pub left_out: usize,
    /// The first failure.
    pub failure: Option<PgError>,
}

/// Asks for the largest tables.
///
/// # Errors
///
/// [`PgError::ViewTooNew`] where the extension is too old.
pub async fn read(
    session: &Session,
    extension: &Extension,
    tables: &[TableFacts],
) -> Result<Bloat<TableBloat>, PgError> {
    let view = &catalog::PGSTATTUPLE_APPROX;
    let sql = sql(view, extension)?;
    let large = tables.iter().filter(|t| is_large(t));
    let large = large.filter_map(|t| Some((t.size_bytes?.0, t.relid)));
    let large = largest_first(large.collect());
    Ok(within_budget(session, view.name, &sql, &large, table_bloat).await)
}

/// Asks for the largest btrees that can be read in time.
///
/// # Errors
///
/// [`PgError::ViewTooNew`] where the extension is too old.
pub async fn read_indexes(
    session: &Session,
    extension: &Extension,
    indexes: &[IndexFacts],
) -> Result<Bloat<IndexBloat>, PgError> {
    let view = &catalog::PGSTATINDEX;
    let sql = sql(view, extension)?;
    let large = indexes.iter().filter(|i| is_large_btree(i));
    let large = large.filter_map(|i| Some((i.size_bytes?.0, i.indexrelid)));
    let (mut small, beyond): (Vec<_>, Vec<_>) =
        large.partition(|(size, _)| *size <= MOST_INDEX_BYTES);
    small = largest_first(small);
    let mut bloat = within_budget(session, view.name, &sql, &small, index_bloat).await;
    bloat.left_out += beyond.len();
    Ok(bloat)
}

fn sql(view: &View, extension: &Extension) -> Result<String, PgError> {
    let version = extension_version(&extension.version).unwrap_or_default();
    let sql = view.select(version)?;
    Ok(sql.replace("{schema}", &quote_ident(&extension.schema)))
}

fn is_large(table: &TableFacts) -> bool {
    matches!(table.relkind.as_str(), "r" | "m")
        && table.size_bytes.is_some_and(|size| size.0 >= LARGE_BYTES)
}

fn is_large_btree(index: &IndexFacts) -> bool {
    index.relkind == "i"
        && index.amname == "btree"
        && index.indisvalid
        && index.indisready
        && index.size_bytes.is_some_and(|size| size.0 >= LARGE_BYTES)
}

fn largest_first(mut sized: Vec<(u64, u32)>) -> Vec<(u64, u32)> {
    sized.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    sized
}

/// Asks for one after the other, until the time is over.
async fn within_budget<T>(
    session: &Session,
    view: &str,
    sql: &str,
    large: &[(u64, u32)],
    build: fn(&Row, &str, u32) -> Result<T, PgError>,
) -> Bloat<T> {
    let mut bloat = Bloat {
        measured: Vec::new(),
        left_out: 0,
        failure: None,
    };
    let start = Instant::now();
    for (_, relid) in large.iter().take(MOST) {
        let rest = BUDGET.saturating_sub(start.elapsed());
        let Ok(row) = timeout(rest, one(session, view, sql, *relid)).await else {
            // Without it the next statement of the session would wait for this one.
            let _sent = session.cancel().await;
            break;
        };
        match row.and_then(|row| build(&row, view, *relid)) {
            Ok(measured) => bloat.measured.push(measured),
            Err(e) => {
                bloat.failure.get_or_insert(e);
            }
        }
    }
    bloat.left_out = large.len() - bloat.measured.len();
    bloat
}

async fn one(session: &Session, view: &str, sql: &str, relid: u32) -> Result<Row, PgError> {
    let params: [Param<'_>; 1] = [(&relid, Type::OID)];
    only(session.rows(view, sql, &params).await?, view)
}

fn table_bloat(row: &Row, view: &str, relid: u32) -> Result<TableBloat, PgError> {
    Ok(TableBloat {
        relid,
        table_len: get(row, view, "table_len")?,
        scanned_percent: get(row, view, "scanned_percent")?,
        approx_free_space: get(row, view, "approx_free_space")?,
        dead_tuple_len: get(row, view, "dead_tuple_len")?,
    })
}

fn index_bloat(row: &Row, view: &str, indexrelid: u32) -> Result<IndexBloat, PgError> {
    let density: f64 = get(row, view, "avg_leaf_density")?;
    Ok(IndexBloat {
        indexrelid,
        index_size: get(row, view, "index_size")?,
        internal_pages: get(row, view, "internal_pages")?,
        leaf_pages: get(row, view, "leaf_pages")?,
        empty_pages: get(row, view, "empty_pages")?,
        deleted_pages: get(row, view, "deleted_pages")?,
        // NaN where there is no leaf.
        avg_leaf_density: density.is_finite().then_some(density),
    })
}
