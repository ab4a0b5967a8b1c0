//! A table with all that its rows are held to, before they are laid out.

use super::drafts::Draft;
use super::expressions;
use super::free;
use super::keys;
use super::options::Problem;
use super::pairs;
use super::table::OpaqueKey;
use crate::collect::pg_stat_statements::quote_ident;
use crate::seed::checks::{self, Understanding};
use crate::seed::schema::{Check, Column, Exclusion, Filled, Key, Name, Table, TypeKind};

/// A table with what rows are held to beside its own constraints, and all of it understood.
pub(super) struct Prepared {
    pub(super) table: Table,
    /// Partial unique indexes whose rows are kept out of them.
    avoided: Vec<String>,
    /// Columns that are null in all rows, each with the unique index that this is for.
    emptied: Vec<(String, String)>,
    /// Partial unique indexes that only some rows are kept out of: each is a condition of the rules.
    pub(super) partial: Vec<Key>,
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) understanding: Understanding,
}

impl Prepared {
    /// With `strict`, no row is in a partial unique index whose columns cannot be unique in all rows.
    pub(super) fn of(source: &Table, left_null: &[String], strict: bool) -> Self {
        let mut table = source.clone();
        let pairs = pairs::pairs(&table);
        table.checks.extend(pairs::checks(&table, &pairs));
        table.checks.extend(left_null.iter().map(|column| Check {
            name: column.clone(),
            expression: format!("{} IS NULL", quote_ident(column)),
        }));
        for key in &mut table.keys {
            expressions::without_coalesce(source, key);
            // Nulls differ from each other anyway.
            if !key.nulls_not_distinct && expressions::is_of_all_rows(source, key) {
                key.predicate = None;
            }
        }
        let (partial, keys): (Vec<Key>, Vec<Key>) = std::mem::take(&mut table.keys)
            .into_iter()
            .partition(|key| key.predicate.is_some() && !can_be_unique(source, key));
        table.keys = keys;
        let outside = partial.iter().map(|key| Check {
            name: key.name.clone(),
            expression: format!("NOT ({})", key.predicate.as_deref().unwrap_or("true")),
        });
        let outside: Vec<Check> = outside.collect();
        let (mut avoided, mut emptied, mut kept_out) = (Vec::new(), Vec::new(), Vec::new());
        for key in &table.keys {
            let Some(column) = emptied_by(&table, key) else {
                continue;
            };
            kept_out.push(Check {
                name: key.name.clone(),
                expression: format!("{} IS NULL", quote_ident(&column)),
            });
            emptied.push((column, key.name.clone()));
        }
        table.checks.extend(kept_out);
        let (of_some_rows, partial) = if strict {
            // No row is in the index, so none is in it twice.
            table.checks.extend(outside);
            avoided.extend(partial.into_iter().map(|key| key.name));
            (Vec::new(), Vec::new())
        } else {
            (outside, partial)
        };
        Self {
            understanding: checks::understand(&table, &of_some_rows),
            table,
            avoided,
            emptied,
            partial,
            pairs,
        }
    }

    /// What rows are kept out by is understood.
    pub(super) fn understands_partial(&self) -> bool {
        let opaque = &self.understanding.opaque;
        let mut partial = self.partial.iter();
        partial.all(|key| opaque.iter().all(|(name, _)| *name != key.name))
    }

    /// Those of few columns first: with one of them unique a key of more is.
    pub(super) fn keys(&self) -> Vec<&Key> {
        let emptied = |key: &Key| self.emptied.iter().any(|(_, name)| *name == key.name);
        let kept = |key: &&Key| !emptied(key);
        let mut keys: Vec<&Key> = self.table.keys.iter().filter(kept).collect();
        keys.sort_by_key(|key| key.columns.len());
        keys
    }

    /// Keys of which only a server knows whether rows differ in them.
    pub(super) fn opaque_keys(&self) -> Vec<OpaqueKey> {
        let keys = self.keys().into_iter();
        let opaque = keys.filter_map(|key| {
            let (column, expression) = keys::opaque(&self.table, key)?;
            Some(OpaqueKey {
                key: key.name.clone(),
                column,
                expression,
            })
        });
        opaque.collect()
    }

    /// Columns of ranges that must not overlap.
    pub(super) fn spans(&self, drafts: &mut [Draft], problems: &mut Vec<Problem>) -> Vec<usize> {
        let mut spans = Vec::new();
        for exclusion in &self.table.exclusions {
            match span(&self.table, exclusion) {
                Some(column) => {
                    spans.push(column);
                    if let Some(draft) = drafts.iter_mut().find(|d| d.columns == [column]) {
                        draft.unique = true;
                        draft.fixed = true;
                        let rows = draft.distribution.nulls;
                        draft.distribution = free::own(rows, u64::MAX, u64::MAX);
                    }
                }
                None => problems.push(Problem::of(
                    &self.table.name,
                    &exclusion.name,
                    "only ranges that must not overlap (&&) and columns that must not be equal are understood among exclusion constraints",
                )),
            }
        }
        spans
    }

    /// Partial unique indexes that no row is in.
    pub(super) fn kept_out(&self) -> impl Iterator<Item = Problem> {
        let avoided = self.avoided.iter().map(|name| {
            let why = "no row is in this partial index: which rows of it would differ is not known";
            Problem::of(&self.table.name, name, why)
        });
        let emptied = self.emptied.iter().map(|(column, index)| {
            let why =
                format!("left null: which of its values would differ in {index} is not known");
            Problem::of(&self.table.name, column, why)
        });
        avoided.chain(emptied)
    }

    /// Checks of the table and of its columns' domains that were not understood. A pair of names is no constraint.
    pub(super) fn opaque(&self, source: &Table) -> Vec<(Check, String)> {
        let avoided = |check: &&Check| self.avoided.contains(&check.name);
        let own = source.checks.iter();
        let checks = own.chain(self.table.checks.iter().filter(avoided));
        let checks: Vec<&Check> = checks.collect();
        let domains: Vec<Check> = source.columns.iter().flat_map(of_domains).collect();
        let found = self.understanding.opaque.iter();
        found
            .filter_map(|(name, reason)| {
                let mut checks = checks.iter().copied().chain(&domains);
                let check = checks.find(|check| check.name == *name)?;
                Some((check.clone(), reason.clone()))
            })
            .collect()
    }
}

/// The checks of a column's domain and of those that it is made of, each as a question about the column: a value that the
/// domain refuses is an error.
fn of_domains(column: &Column) -> Vec<Check> {
    let Name { schema, name } = &column.type_.name;
    let [column_name, schema, name] = [&column.name, schema, name].map(|n| quote_ident(n));
    let expression = format!("pg_catalog.num_nulls({column_name}::{schema}.{name}) >= 0");
    let mut found = Vec::new();
    let mut type_ = &column.type_;
    while let TypeKind::Domain { base, checks, .. } = &type_.kind {
        found.extend(checks.iter().map(|check| Check {
            name: check.name.clone(),
            expression: expression.clone(),
        }));
        type_ = base;
    }
    found
}

/// A column that may be null, and of which a unique index takes out what is not known, where nothing else of the index
/// tells rows apart.
fn emptied_by(table: &Table, key: &Key) -> Option<String> {
    let is_generated = |name: &String| {
        let place = table.column(name);
        place.is_some_and(|place| matches!(table.columns[place].filled, Filled::Generated(_)))
    };
    let computed = |column: &Option<String>| column.as_ref().is_none_or(is_generated);
    let unknown = key.columns.iter().any(computed) && !key.nulls_not_distinct;
    if !unknown || !keys::telling(table, key).is_empty() {
        return None;
    }
    let column = expressions::taken_out_of(table, key)?;
    let place = table.column(&column)?;
    (!table.columns[place].is_never_null()).then_some(column)
}

/// Whether the columns of a partial unique index can be unique in all rows.
fn can_be_unique(table: &Table, key: &Key) -> bool {
    let refers = |place: &usize| {
        let name = &table.columns[*place].name;
        table.foreign_keys.iter().any(|f| f.columns.contains(name))
    };
    if keys::telling(table, key).iter().any(|place| !refers(place)) {
        return true;
    }
    // What is unique in all rows is among these, too.
    let alone = |name: &String| {
        let mut keys = table.keys.iter();
        keys.any(|k| k.predicate.is_none() && k.columns == [Some(name.clone())])
    };
    key.columns.iter().flatten().any(alone)
}

fn span(table: &Table, exclusion: &Exclusion) -> Option<usize> {
    exclusion.elements.iter().find_map(|(column, operator)| {
        let place = table.column(column.as_ref()?)?;
        let range = matches!(table.columns[place].type_.base().kind, TypeKind::Range(_));
        (range && operator == "&&").then_some(place)
    })
}
