//! Columns that refer to themselves, in another row of their table or by way of other tables: as the tenant does in
//! `(tenant, boss) REFERENCES staff (tenant, id)`. Whatever row is referred to would have to be one of those with the same
//! value, and which these are is not known before they are made.

use std::collections::BTreeSet;

use crate::seed::schema::{ForeignKey, Name, Schema, Table};

/// A column of a table.
type At<'a> = (&'a Name, &'a String);

/// What is done with a foreign key whose columns come back to themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Circle {
    /// The columns at these positions of the key may be null, and refer to nothing.
    LeftNull(Vec<usize>),
    /// No row can be made.
    Closed,
}

/// `None` where the key can be followed: it does not come back, or another one on the way refers to nothing.
pub(super) fn circle(schema: &Schema, table: &Table, key: &ForeignKey) -> Option<Circle> {
    if !comes_back(schema, table, key, &|_, _| true) {
        return None;
    }
    let nullable = nullable(schema, table, key);
    if !nullable.is_empty() {
        return Some(Circle::LeftNull(nullable));
    }
    let is_followed = |table: &Table, key: &ForeignKey| {
        !comes_back(schema, table, key, &|_, _| true)
            || self::nullable(schema, table, key).is_empty()
    };
    comes_back(schema, table, key, &is_followed).then_some(Circle::Closed)
}

/// Positions of the key that may be null and do not come back.
fn nullable(schema: &Schema, table: &Table, key: &ForeignKey) -> Vec<usize> {
    let may_be_null = |position: &usize| {
        let place = table.column(&key.columns[*position]);
        place.is_some_and(|place| !table.columns[place].is_never_null())
    };
    let stays =
        |position: &usize| !position_comes_back(schema, table, key, *position, &|_, _| true);
    let all = (0..key.columns.len()).filter(|_| !key.match_full);
    all.filter(may_be_null).filter(stays).collect()
}

fn comes_back(
    schema: &Schema,
    table: &Table,
    key: &ForeignKey,
    is_followed: &dyn Fn(&Table, &ForeignKey) -> bool,
) -> bool {
    (0..key.columns.len())
        .any(|position| position_comes_back(schema, table, key, position, is_followed))
}

/// The column that this one refers to refers to this one, if by way of others.
fn position_comes_back(
    schema: &Schema,
    table: &Table,
    key: &ForeignKey,
    position: usize,
    is_followed: &dyn Fn(&Table, &ForeignKey) -> bool,
) -> bool {
    let (Some(own), Some(referenced)) = (
        key.columns.get(position),
        key.referenced_columns.get(position),
    ) else {
        return false;
    };
    let target: At<'_> = (&table.name, own);
    let mut seen: BTreeSet<At<'_>> = BTreeSet::new();
    let mut next: Vec<At<'_>> = vec![(&key.references, referenced)];
    while let Some(at) = next.pop() {
        if at == target {
            return true;
        }
        if !seen.insert(at) {
            continue;
        }
        let Some(table) = schema.table(at.0) else {
            continue;
        };
        for key in table
            .foreign_keys
            .iter()
            .filter(|key| is_followed(table, key))
        {
            let columns = key.columns.iter().zip(&key.referenced_columns);
            let leads = columns.filter(|(column, _)| *column == at.1);
            next.extend(leads.map(|(_, referenced)| (&key.references, referenced)));
        }
    }
    false
}
