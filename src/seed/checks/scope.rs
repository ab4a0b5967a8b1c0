//! Which columns an expression speaks of.

use crate::seed::schema::{Filled, Table, Type};

/// What the names in an expression mean.
pub(super) enum Scope<'a> {
    /// Columns of a table.
    Table(&'a Table),
    /// A domain's VALUE, which a column of this type has, and the column's place.
    Value(&'a Type, usize),
}

impl<'a> Scope<'a> {
    /// The place and the type of what a name means.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &'a Type)> {
        match self {
            Self::Table(table) => {
                let at = table.column(name)?;
                Some((at, &table.columns.get(at)?.type_))
            }
            Self::Value(type_, at) => (name == "value").then_some((*at, type_)),
        }
    }

    /// What the server computes a column from; a row that is sent does not have it.
    pub(super) fn generated(&self, column: usize) -> Option<&'a str> {
        match self {
            Self::Table(table) => match &table.columns.get(column)?.filled {
                Filled::Generated(expression) => Some(expression),
                _ => None,
            },
            Self::Value(..) => None,
        }
    }

    /// The type of a column.
    pub(super) fn type_of(&self, column: usize) -> Option<&'a Type> {
        match self {
            Self::Table(table) => Some(&table.columns.get(column)?.type_),
            Self::Value(type_, _) => Some(type_),
        }
    }
}
