//! `pgstattuple_approx`: what a table holds beside live rows, where the extension is installed.
//!
//! It reads the pages that are not all-visible, so it takes time and reads the disk: only large tables
//! are asked, the largest first, a few of them, and all together for two seconds at most.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_postgres::types::Type;

use super::pg_stat_statements::quote_ident;
use crate::pg::catalog::{self, extension_version};
use crate::pg::column::get;
use crate::pg::{Extension, Param, PgError, Session};
use crate::record::health::TableBloat;
use crate::record::tables::TableFacts;

/// The size from which a table is asked: smaller ones are not worth a finding.
const LARGE_BYTES: u64 = 100 * 1024 * 1024;
/// Tables that are asked at most (ours).
const MOST_TABLES: usize = 5;
/// Time for all of them together (ours).
const BUDGET: Duration = Duration::from_secs(2);

/// What could be measured.
#[derive(Debug, Default)]
pub struct Bloat {
    /// Tables that were read.
    pub measured: Vec<TableBloat>,
    /// Large tables that were not.
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
) -> Result<Bloat, PgError> {
    let version = extension_version(&extension.version).unwrap_or_default();
    let sql = catalog::PGSTATTUPLE_APPROX.select(version)?;
    let sql = sql.replace("{schema}", &quote_ident(&extension.schema));
    let mut large: Vec<&TableFacts> = tables.iter().filter(|t| is_large(t)).collect();
    large.sort_by_key(|t| std::cmp::Reverse(t.size_bytes.map(|b| b.0)));
    let mut bloat = Bloat::default();
    let start = Instant::now();
    for table in large.iter().take(MOST_TABLES) {
        let rest = BUDGET.saturating_sub(start.elapsed());
        match timeout(rest, one(session, &sql, table.relid)).await {
            Ok(Ok(measured)) => bloat.measured.push(measured),
            Ok(Err(e)) => {
                bloat.failure.get_or_insert(e);
            }
            Err(_) => {
                // Without it the next statement of the session would wait for this one.
                let _sent = session.cancel().await;
                break;
            }
        }
    }
    bloat.left_out = large.len() - bloat.measured.len();
    Ok(bloat)
}

fn is_large(table: &TableFacts) -> bool {
    matches!(table.relkind.as_str(), "r" | "m")
        && table.size_bytes.is_some_and(|size| size.0 >= LARGE_BYTES)
}

async fn one(session: &Session, sql: &str, relid: u32) -> Result<TableBloat, PgError> {
    let view = catalog::PGSTATTUPLE_APPROX.name;
    let params: [Param<'_>; 1] = [(&relid, Type::OID)];
    let rows = session.rows(view, sql, &params).await?;
    let row = crate::pg::column::only(rows, view)?;
    Ok(TableBloat {
        relid,
        table_len: get(&row, view, "table_len")?,
        scanned_percent: get(&row, view, "scanned_percent")?,
        approx_free_space: get(&row, view, "approx_free_space")?,
        dead_tuple_len: get(&row, view, "dead_tuple_len")?,
    })
}
