//! Rows of `pg_stats` and `pg_stats_ext`, as the server gives them.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};

/// Schema, table, column.
pub(super) type ColumnKey = (String, String, String);

/// A row of `pg_stats`.
pub(super) struct ColumnRow {
    pub(super) inherited: bool,
    pub(super) null_frac: f32,
    pub(super) avg_width: i32,
    pub(super) n_distinct: f32,
    pub(super) most_common_vals: Option<Vec<String>>,
    pub(super) most_common_freqs: Vec<f32>,
    pub(super) histogram_bounds: Vec<String>,
    pub(super) correlation: Option<f32>,
    pub(super) most_common_elems: Option<Vec<String>>,
    /// After those of the elements the least and the greatest of them, and of arrays the share with a null.
    pub(super) most_common_elem_freqs: Option<Vec<f32>>,
    /// The last one is the mean.
    pub(super) elem_count_histogram: Option<Vec<f32>>,
}

/// The statistics of the columns of tables of these names, in any schema; a table may have some without and some with
/// those that inherit from it.
pub(super) async fn columns(
    session: &Session,
    names: &[&str],
    with_values: bool,
) -> Result<HashMap<ColumnKey, Vec<ColumnRow>>, PgError> {
    let params: [crate::pg::Param<'_>; 2] =
        [(&names, Type::NAME_ARRAY), (&with_values, Type::BOOL)];
    let rows = session.read_each(&catalog::SEED_STATS, &params, column);
    let mut by_column: HashMap<ColumnKey, Vec<ColumnRow>> = HashMap::new();
    for (key, row) in rows.await? {
        by_column.entry(key).or_default().push(row);
    }
    Ok(by_column)
}

fn column(row: &Row, view: &str) -> Result<(ColumnKey, ColumnRow), PgError> {
    let key = (
        get(row, view, "schemaname")?,
        get(row, view, "tablename")?,
        get(row, view, "attname")?,
    );
    let texts = |name| get::<Option<Vec<String>>>(row, view, name);
    let numbers = |name| get::<Option<Vec<f32>>>(row, view, name);
    let column = ColumnRow {
        inherited: get(row, view, "inherited")?,
        null_frac: get(row, view, "null_frac")?,
        avg_width: get(row, view, "avg_width")?,
        n_distinct: get(row, view, "n_distinct")?,
        most_common_vals: texts("most_common_vals")?,
        most_common_freqs: numbers("most_common_freqs")?.unwrap_or_default(),
        histogram_bounds: texts("histogram_bounds")?.unwrap_or_default(),
        correlation: get(row, view, "correlation")?,
        most_common_elems: texts("most_common_elems")?,
        most_common_elem_freqs: numbers("most_common_elem_freqs")?,
        elem_count_histogram: numbers("elem_count_histogram")?,
    };
    Ok((key, column))
}

/// A row of `pg_stats_ext`.
pub(super) struct ExtendedRow {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) expressions: Option<Vec<String>>,
    pub(super) inherited: bool,
    pub(super) n_distinct: Option<String>,
    pub(super) dependencies: Option<String>,
    /// One combination after the other.
    pub(super) most_common_vals: Option<Vec<Option<String>>>,
    pub(super) most_common_val_nulls: Vec<bool>,
    pub(super) most_common_freqs: Vec<f64>,
}

/// Every extended statistics that was filled, by schema and table.
pub(super) async fn extended(
    session: &Session,
    with_values: bool,
) -> Result<HashMap<(String, String), Vec<ExtendedRow>>, PgError> {
    let params: [crate::pg::Param<'_>; 1] = [(&with_values, Type::BOOL)];
    let rows = session.read_each(&catalog::SEED_STATS_EXT, &params, |row, view| {
        let table: (String, String) = (get(row, view, "schemaname")?, get(row, view, "tablename")?);
        let row = ExtendedRow {
            name: get(row, view, "statistics_name")?,
            columns: get::<Option<Vec<String>>>(row, view, "attnames")?.unwrap_or_default(),
            expressions: get(row, view, "exprs")?,
            inherited: get(row, view, "inherited")?,
            n_distinct: get(row, view, "n_distinct")?,
            dependencies: get(row, view, "dependencies")?,
            most_common_vals: get(row, view, "most_common_vals")?,
            most_common_val_nulls: get(row, view, "most_common_val_nulls")?,
            most_common_freqs: get::<Option<Vec<f64>>>(row, view, "most_common_freqs")?
                .unwrap_or_default(),
        };
        Ok((table, row))
    });
    let mut by_table: HashMap<(String, String), Vec<ExtendedRow>> = HashMap::new();
    for (table, row) in rows.await? {
        by_table.entry(table).or_default().push(row);
    }
    Ok(by_table)
}

/// A number that the server keeps in four bytes, without digits that it does not have.
pub(super) fn short(number: f32) -> f64 {
    number
        .to_string()
        .parse()
        .unwrap_or_else(|_| f64::from(number))
}
