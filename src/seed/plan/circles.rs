//! Columns that refer to themselves, in another row of their table or by way of other tables: as the tenant does in
//! `(tenant, boss) REFERENCES staff (tenant, id)`. Whatever row is referred to would have to be one of those with the same
//! value, and which these are is not known before they are made. Where a column of such a key may be null it is, and the
//! key refers to nothing; for all else there is no such key.

use std::collections::{BTreeMap, BTreeSet};

use super::options::Problem;
use crate::seed::schema::{ForeignKey, Name, Schema, Table};

/// A schema without foreign keys that come back to their own columns.
pub(super) struct Opened {
    pub(super) schema: Schema,
    /// By table the columns that are null in every row, because a key of theirs is not followed.
    pub(super) left_null: BTreeMap<Name, Vec<String>>,
    /// What is said of them.
    pub(super) said: Vec<Problem>,
}

/// A table, and the place of one of its foreign keys.
type KeyAt<'a> = (&'a Name, usize);

/// A column of a table.
type At<'a> = (&'a Name, &'a String);

/// Why a key whose columns come back to themselves is not followed.
const SAME_IN_BOTH: &str = "a column of it refers to itself, so that the rows must have the same value there, and which \
                            rows have is not known before they are made";

/// Opens every circle at the first key that can be left null, or names those that stay closed.
pub(super) fn opened(schema: &Schema) -> Result<Opened, Vec<Problem>> {
    let graph = Graph {
        tables: schema.tables.iter().map(|t| (&t.name, t)).collect(),
    };
    let mut open: BTreeSet<KeyAt<'_>> = BTreeSet::new();
    let (mut left_null, mut said) = (BTreeMap::<Name, Vec<String>>::new(), Vec::new());
    for (table, number, key) in keys(schema) {
        let nullable = graph.nullable(table, key);
        if nullable.is_empty() || !graph.comes_back(table, key, &open) {
            continue;
        }
        open.insert((&table.name, number));
        let reason = format!("left null: {SAME_IN_BOTH}");
        let nullable: Vec<String> = nullable.into_iter().cloned().collect();
        said.push(Problem::of(&table.name, &nullable.join(", "), reason));
        let columns = left_null.entry(table.name.clone()).or_default();
        columns.extend(nullable);
    }
    let closed: Vec<Problem> = keys(schema)
        .filter(|(table, number, _)| !open.contains(&(&table.name, *number)))
        .filter(|(table, _, key)| graph.comes_back(table, key, &open))
        .map(|(table, _, key)| Problem::of(&table.name, &key.name, SAME_IN_BOTH))
        .collect();
    if !closed.is_empty() {
        return Err(closed);
    }
    let mut schema = schema.clone();
    for table in &mut schema.tables {
        let nulls = left_null.get(&table.name).map_or(&[][..], Vec::as_slice);
        // Any other key with such a column refers to nothing, too, unless all of its columns would have to be null.
        table.foreign_keys.retain(|key| {
            key.match_full && !key.columns.iter().all(|c| nulls.contains(c))
                || !key.columns.iter().any(|c| nulls.contains(c))
        });
    }
    Ok(Opened {
        schema,
        left_null,
        said,
    })
}

fn keys(schema: &Schema) -> impl Iterator<Item = (&Table, usize, &ForeignKey)> {
    schema.tables.iter().flat_map(|table| {
        let keys = table.foreign_keys.iter().enumerate();
        keys.map(move |(number, key)| (table, number, key))
    })
}

struct Graph<'a> {
    tables: BTreeMap<&'a Name, &'a Table>,
}

impl<'a> Graph<'a> {
    /// The columns of a key that can be null so that it refers to nothing: those that do not come back themselves, if
    /// there are any.
    fn nullable(&self, table: &'a Table, key: &'a ForeignKey) -> Vec<&'a String> {
        let may_be_null = |position: &usize| {
            let place = table.column(&key.columns[*position]);
            place.is_some_and(|place| !table.columns[place].is_never_null())
        };
        let all: Vec<usize> = (0..key.columns.len()).filter(may_be_null).collect();
        let stays =
            |position: &usize| !self.position_comes_back(table, key, *position, &BTreeSet::new());
        let staying: Vec<usize> = all.iter().copied().filter(stays).collect();
        let chosen = match (key.match_full, staying.is_empty()) {
            (true, _) if all.len() < key.columns.len() => Vec::new(),
            (true, _) | (false, true) => all,
            (false, false) => staying,
        };
        chosen.into_iter().map(|p| &key.columns[p]).collect()
    }

    fn comes_back(&self, table: &Table, key: &ForeignKey, open: &BTreeSet<KeyAt<'_>>) -> bool {
        (0..key.columns.len()).any(|p| self.position_comes_back(table, key, p, open))
    }

    /// The column that this one refers to refers to this one, if by way of others, over keys that are not open.
    fn position_comes_back(
        &self,
        table: &Table,
        key: &ForeignKey,
        position: usize,
        open: &BTreeSet<KeyAt<'_>>,
    ) -> bool {
        let Some(referenced) = key.referenced_columns.get(position) else {
            return false;
        };
        let target: At<'_> = (&table.name, &key.columns[position]);
        let mut seen: BTreeSet<At<'_>> = BTreeSet::new();
        let mut next: Vec<At<'_>> = vec![(&key.references, referenced)];
        while let Some(at) = next.pop() {
            if at == target {
                return true;
            }
            let Some(table) = self.tables.get(at.0).filter(|_| seen.insert(at)) else {
                continue;
            };
            for (number, key) in table.foreign_keys.iter().enumerate() {
                if open.contains(&(&table.name, number)) {
                    continue;
                }
                let columns = key.columns.iter().zip(&key.referenced_columns);
                let leads = columns.filter(|(column, _)| *column == at.1);
                next.extend(leads.map(|(_, referenced)| (&key.references, referenced)));
            }
        }
        false
    }
}
