//! Values that a server has: samples of tables, and the planner's statistics.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row};

use super::draw::Known;
use super::error::DrawProblem;
use super::names::{ColumnName, TableName, quoted};
use crate::pg::catalog::{PG_STATS, TABLE_COLUMNS, View};

/// Rows of a table that are read at most (ours): enough for frequencies of a thousandth to be within a
/// few percent, and read in well under a second.
pub(super) const SAMPLE_ROWS: u32 = 50_000;

/// Different tuples of text values, NULL as `None`, each with the number of rows that have it.
pub(super) type Rows = Vec<(Vec<Option<String>>, i64)>;

/// What is read of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TableSample {
    table: TableName,
    columns: Vec<String>,
    nulls: bool,
}

/// A sample, with the oids of the types that its columns are drawn as.
pub(super) type TypedSample = (TableSample, Vec<Option<u32>>);

/// The planner's statistics of a column.
#[derive(Debug)]
pub(super) struct Statistics {
    /// Share of NULL.
    pub(super) null_ratio: f32,
    /// Most common values.
    pub(super) common: Vec<String>,
    /// Their shares.
    pub(super) frequencies: Vec<f32>,
    /// Bounds of the histogram of the others.
    pub(super) bounds: Vec<String>,
}

/// What generators have read so far over a connection.
pub struct Samples<'a> {
    client: &'a Client,
    rows: HashMap<TableSample, Arc<Rows>>,
    known: HashMap<TypedSample, Arc<Known>>,
    sorted: HashMap<ColumnName, Arc<Vec<String>>>,
    tables: HashMap<TableName, Found>,
}

/// A table that was found.
struct Found {
    /// Columns, with whether they may be read.
    columns: Vec<(String, bool)>,
    size: Size,
}

/// How much there is to sample.
#[derive(Clone, Copy)]
struct Size {
    /// Rows that the planner expects.
    rows: f64,
    /// It has blocks of its own, as views and foreign tables have not.
    blocks: bool,
}

impl std::fmt::Debug for Samples<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values of rows stay out of every output.
        f.debug_struct("Samples")
            .field("rows", &self.rows.len())
            .field("sorted", &self.sorted.len())
            .finish_non_exhaustive()
    }
}

impl TableSample {
    pub(super) fn new(table: &TableName, columns: &[String], nulls: bool) -> Self {
        Self {
            table: table.clone(),
            columns: columns.to_vec(),
            nulls,
        }
    }
}

impl<'a> Samples<'a> {
    /// Nothing read yet.
    #[must_use]
    pub fn new(client: &'a Client) -> Self {
        Self {
            client,
            rows: HashMap::new(),
            known: HashMap::new(),
            sorted: HashMap::new(),
            tables: HashMap::new(),
        }
    }

    pub(super) fn client(&self) -> &'a Client {
        self.client
    }

    /// Tuples that were put into the form of their types before.
    pub(super) fn known(&self, key: &TypedSample) -> Option<Arc<Known>> {
        self.known.get(key).cloned()
    }

    /// Keeps tuples for other operations.
    pub(super) fn keep(&mut self, key: TypedSample, known: &Arc<Known>) {
        self.known.insert(key, Arc::clone(known));
    }

    /// Tuples of a sample of a table.
    pub(super) async fn rows(&mut self, sample: &TableSample) -> Result<Arc<Rows>, DrawProblem> {
        if let Some(rows) = self.rows.get(sample) {
            return Ok(Arc::clone(rows));
        }
        let TableSample {
            table,
            columns,
            nulls,
        } = sample;
        let size = self.columns_of(table, columns).await?;
        let names: Vec<String> = (1..=columns.len()).map(|i| format!("c{i}")).collect();
        let texts = columns.iter().zip(&names);
        let texts = texts.map(|(column, name)| format!("{}::text AS {name}", quoted(column)));
        let not_null = columns.iter().map(|c| format!("{} IS NOT NULL", quoted(c)));
        let filter = if *nulls {
            String::new()
        } else {
            format!(" WHERE {}", not_null.collect::<Vec<_>>().join(" AND "))
        };
        let order = names.iter().map(|name| format!("{name} COLLATE \"C\""));
        let (inner, by, order) = (
            texts.collect::<Vec<_>>().join(", "),
            names.join(", "),
            order.collect::<Vec<_>>().join(", "),
        );
        let sql = |from: &str| {
            format!(
                "SELECT /* dbperf */ {by}, count(*) FROM (SELECT {inner} FROM {from}{filter} \
                 LIMIT {SAMPLE_ROWS}) AS s GROUP BY {by} ORDER BY {order}"
            )
        };
        let rows = self.sampled(table, size, sql).await?;
        let rows = rows.iter().map(|row| {
            let texts = (0..columns.len()).map(|i| row.try_get::<_, Option<String>>(i));
            Ok((
                texts.collect::<Result<_, _>>()?,
                row.try_get(columns.len())?,
            ))
        });
        let rows: Rows = rows.collect::<Result<_, tokio_postgres::Error>>()?;
        if rows.is_empty() {
            return Err(DrawProblem::Empty {
                table: table.to_string(),
                columns: columns.clone(),
            });
        }
        let rows = Arc::new(rows);
        self.rows.insert(sample.clone(), Arc::clone(&rows));
        Ok(rows)
    }

    /// Values of a sample of a column, in the column's own order, with repetitions.
    pub(super) async fn sorted(
        &mut self,
        name: &ColumnName,
    ) -> Result<Arc<Vec<String>>, DrawProblem> {
        if let Some(values) = self.sorted.get(name) {
            return Ok(Arc::clone(values));
        }
        let columns = std::slice::from_ref(&name.column);
        let size = self.columns_of(&name.table, columns).await?;
        let column = quoted(&name.column);
        let sql = |from: &str| {
            format!(
                "SELECT /* dbperf */ c::text FROM (SELECT {column} AS c FROM {from} \
                 WHERE {column} IS NOT NULL LIMIT {SAMPLE_ROWS}) AS s ORDER BY s.c"
            )
        };
        let rows = self.sampled(&name.table, size, sql).await?;
        let values = rows.iter().map(|row| row.try_get(0));
        let values: Vec<String> = values.collect::<Result<_, _>>()?;
        if values.is_empty() {
            return Err(DrawProblem::Empty {
                table: name.table.to_string(),
                columns: columns.to_vec(),
            });
        }
        let values = Arc::new(values);
        self.sorted.insert(name.clone(), Arc::clone(&values));
        Ok(values)
    }

    /// The largest value of a column of whole numbers.
    pub(super) async fn largest(&mut self, name: &ColumnName) -> Result<Option<i64>, DrawProblem> {
        let columns = std::slice::from_ref(&name.column);
        self.columns_of(&name.table, columns).await?;
        let sql = format!(
            "SELECT /* dbperf */ max({})::text FROM {}",
            quoted(&name.column),
            name.table.sql()
        );
        let rows = self.client.query_typed(&sql, &[]).await?;
        let largest: Option<String> = match rows.first() {
            Some(row) => row.try_get(0)?,
            None => None,
        };
        let Some(largest) = largest else {
            return Ok(None);
        };
        let number = largest.parse();
        number.map(Some).map_err(|_| DrawProblem::NotWhole {
            column: name.to_string(),
        })
    }

    /// The planner's statistics of a column; of a partitioned table those of the whole.
    pub(super) async fn statistics(
        &mut self,
        name: &ColumnName,
    ) -> Result<Statistics, DrawProblem> {
        let columns = std::slice::from_ref(&name.column);
        self.columns_of(&name.table, columns).await?;
        let table = name.table.sql();
        let params = [(&table as _, Type::TEXT), (&name.column as _, Type::TEXT)];
        let rows = self.client.query_typed(newest(&PG_STATS), &params).await?;
        let row = rows.last().ok_or_else(|| DrawProblem::NoStatistics {
            column: name.to_string(),
        })?;
        Ok(Statistics {
            null_ratio: row.try_get("null_frac")?,
            common: list(row, "most_common_vals")?,
            frequencies: list(row, "most_common_freqs")?,
            bounds: list(row, "histogram_bounds")?,
        })
    }

    /// Runs a statement on a part of the table of about [`SAMPLE_ROWS`] rows: whole blocks of it, drawn
    /// at random but the same every time. A small table is read whole.
    async fn sampled(
        &self,
        table: &TableName,
        size: Size,
        sql: impl Fn(&str) -> String,
    ) -> Result<Vec<Row>, DrawProblem> {
        let whole = table.sql();
        let share = f64::from(SAMPLE_ROWS) / size.rows;
        if share < 1.0 && size.blocks {
            // A little less than fits, so that the limit does not cut off the end of the table.
            let percent = share * 95.0;
            let part = format!("{whole} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (42)");
            let rows = self.client.query_typed(&sql(&part), &[]).await?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(self.client.query_typed(&sql(&whole), &[]).await?)
    }

    /// Checks that a table has these columns and that they may be read. Returns how much
    /// there is.
    async fn columns_of(
        &mut self,
        table: &TableName,
        wanted: &[String],
    ) -> Result<Size, DrawProblem> {
        if !self.tables.contains_key(table) {
            let found = self.find(table).await?;
            self.tables.insert(table.clone(), found);
        }
        let Some(Found { columns, size }) = self.tables.get(table) else {
            return Err(DrawProblem::NoTable {
                table: table.to_string(),
            });
        };
        for name in wanted {
            match columns.iter().find(|(column, _)| column == name) {
                Some((_, true)) => {}
                Some((_, false)) => {
                    return Err(DrawProblem::NoPrivilege {
                        table: table.to_string(),
                        column: name.clone(),
                    });
                }
                None => {
                    return Err(DrawProblem::NoColumn {
                        table: table.to_string(),
                        column: name.clone(),
                        known: columns.iter().map(|(column, _)| column.clone()).collect(),
                    });
                }
            }
        }
        Ok(*size)
    }

    async fn find(&self, table: &TableName) -> Result<Found, DrawProblem> {
        let sql = table.sql();
        let params = [(&sql as _, Type::TEXT)];
        let rows = self.client.query_typed(newest(&TABLE_COLUMNS), &params);
        let rows = rows.await?;
        let kind: String = match rows.first() {
            Some(row) => row.try_get("relkind")?,
            None => {
                return Err(DrawProblem::NoTable {
                    table: table.to_string(),
                });
            }
        };
        let columns = rows.iter().map(|row| {
            let readable: Option<bool> = row.try_get("readable")?;
            Ok((row.try_get("attname")?, readable == Some(true)))
        });
        let columns: Vec<(String, bool)> = columns.collect::<Result<_, tokio_postgres::Error>>()?;
        let rows = if columns.iter().any(|(_, readable)| *readable) {
            self.expected_rows(table).await?
        } else {
            0.0
        };
        let blocks = ["r", "p", "m"].contains(&kind.as_str());
        Ok(Found {
            columns,
            size: Size { rows, blocks },
        })
    }

    /// The planner knows the size of a table that was never analysed, and of all partitions together.
    async fn expected_rows(&self, table: &TableName) -> Result<f64, DrawProblem> {
        let sql = format!(
            "EXPLAIN (FORMAT JSON) SELECT /* dbperf */ 1 FROM {}",
            table.sql()
        );
        let rows = self.client.query_typed(&sql, &[]).await?;
        let plan: Option<serde_json::Value> = match rows.first() {
            Some(row) => row.try_get(0)?,
            None => None,
        };
        let rows = plan.and_then(|plan| plan.get(0)?.get("Plan")?.get("Plan Rows")?.as_f64());
        Ok(rows.unwrap_or(0.0))
    }
}

/// An array that may be NULL.
fn list<'r, T>(row: &'r Row, column: &str) -> Result<Vec<T>, tokio_postgres::Error>
where
    Vec<T>: FromSql<'r>,
{
    let list = row.try_get::<_, Option<Vec<T>>>(column)?;
    Ok(list.unwrap_or_default())
}

/// Views of which there is one variant for all versions.
fn newest(view: &View) -> &'static str {
    view.variants.last().map_or("", |(_, sql)| sql)
}
