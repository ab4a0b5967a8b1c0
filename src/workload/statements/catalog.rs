//! Tables that statements name, as far as their columns are needed to fill parameters.

use std::collections::HashMap;

use serde_json::Value as Json;
use tokio_postgres::types::Type;

use super::tree;
use crate::pg::catalog::TABLE_COLUMNS;
use crate::pg::column::get;
use crate::pg::{PgError, Session};
use crate::workload::names::quoted;
use crate::workload::{ColumnName, TableName};

/// Tables by the way in which statements name them.
#[derive(Debug, Default)]
pub(super) struct Catalog(HashMap<String, Option<Table>>);

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: TableName,
    /// Rows as of the last ANALYZE; negative where it never was.
    pub(super) rows: f32,
    pub(super) columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// No two rows have the same value, by an index on this column alone.
    pub(super) unique: bool,
    /// `pg_type.typname` of its base type.
    pub(super) type_name: String,
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn named(&self, column: &str) -> ColumnName {
        ColumnName {
            table: self.name.clone(),
            column: column.to_owned(),
        }
    }

    /// The server's own.
    pub(super) fn is_system(&self) -> bool {
        ["pg_catalog", "information_schema", "pg_toast"].contains(&self.schema.as_str())
    }
}

/// A table as a `RangeVar` names it, in SQL.
pub(super) fn sql_name(range_var: &Json) -> Option<String> {
    let table = quoted(tree::text(range_var, "relname")?);
    Some(match tree::text(range_var, "schemaname") {
        Some(schema) => format!("{}.{table}", quoted(schema)),
        None => table,
    })
}

impl Catalog {
    /// Reads a table of a name, once. A name that is none, as that of a WITH query, stays unknown.
    pub(super) async fn read(&mut self, session: &Session, name: &str) -> Result<(), PgError> {
        if self.0.contains_key(name) {
            return Ok(());
        }
        let view = &TABLE_COLUMNS;
        let rows = session.read(view, &[(&name, Type::TEXT)]).await?;
        let mut table: Option<Table> = None;
        for row in &rows {
            let get_text = |column| get::<String>(row, view.name, column);
            let column = Column {
                name: get_text("attname")?,
                unique: get(row, view.name, "is_unique")?,
                type_name: get_text("base_type")?,
            };
            if let Some(table) = &mut table {
                table.columns.push(column);
                continue;
            }
            let schema = get_text("nspname")?;
            table = Some(Table {
                name: TableName::new(&schema, &get_text("relname")?),
                schema,
                rows: get(row, view.name, "reltuples")?,
                columns: vec![column],
            });
        }
        self.0.insert(name.to_owned(), table);
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Table> {
        self.0.get(name)?.as_ref()
    }

    #[cfg(test)]
    pub(super) fn of(tables: Vec<(&str, Table)>) -> Self {
        let entry = |(name, table): (&str, Table)| {
            let qualified = format!("\"public\".{}", quoted(name));
            [
                (quoted(name), Some(table.clone())),
                (qualified, Some(table)),
            ]
        };
        Self(tables.into_iter().flat_map(entry).collect())
    }
}
