//! CHECK, FOREIGN KEY and EXCLUDE, of tables and of their partitions.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Row;

use super::model::{Check, Exclusion, ForeignKey, Name, Table};
use super::partitions::Below;
use crate::pg::PgError;
use crate::pg::column::get;

/// Names of columns by table and `attnum`, and those of tables.
pub(super) type Names<'a> = (&'a HashMap<(u32, i16), String>, &'a HashMap<u32, Name>);

/// A row of `pg_constraint`.
pub(super) struct Constraint {
    pub(super) contypid: u32,
    name: String,
    contype: String,
    /// An expression is `None`.
    columns: Vec<Option<String>>,
    confrelid: u32,
    confkey: Vec<i16>,
    deferrable: bool,
    match_full: bool,
    enforced: bool,
    expression: Option<String>,
    definition: Option<String>,
    operators: Vec<String>,
}

/// Adds to a table what it has itself, and what its partitions have and it has not: of these rows of the whole are
/// held to what some partitions ask for, which satisfies all of them.
pub(super) fn add(
    table: &mut Table,
    (relid, below): (u32, &[Below]),
    all: &mut HashMap<u32, Vec<Constraint>>,
    names: Names<'_>,
) {
    for constraint in all.remove(&relid).unwrap_or_default() {
        match constraint.contype.as_str() {
            "c" => table.checks.extend(constraint.check()),
            "f" => table.foreign_keys.extend(constraint.foreign_key(names)),
            _ => table.exclusions.push(constraint.exclusion()),
        }
    }
    let mut of_parts = Vec::new();
    for part in below {
        for constraint in all.remove(&part.relid).unwrap_or_default() {
            match constraint.contype.as_str() {
                "c" => add_check(&mut of_parts, &constraint, part),
                "x" => add_exclusion(&mut table.exclusions, constraint.exclusion()),
                _ => {
                    if let Some(key) = constraint.foreign_key(names) {
                        add_key(&mut table.foreign_keys, key);
                    }
                }
            }
        }
    }
    let leaves: BTreeSet<u32> = below.iter().flat_map(|p| p.leaves.clone()).collect();
    for part in of_parts {
        let known = table.checks.iter();
        let is_known = known
            .map(|c| &c.expression)
            .any(|e| *e == part.check.expression);
        if !is_known && (!part.restates_bound || part.leaves == leaves) {
            table.checks.push(part.check);
        }
    }
}

/// A CHECK that only partitions have.
struct OfParts {
    check: Check,
    /// It speaks of nothing but what decides which rows the partition takes. Whoever attaches a partition is advised
    /// to make such a constraint first; of other partitions' rows it must not hold.
    restates_bound: bool,
    /// Partitions without partitions of their own that have it.
    leaves: BTreeSet<u32>,
}

fn add_check(of_parts: &mut Vec<OfParts>, constraint: &Constraint, part: &Below) {
    let Some(check) = constraint.check() else {
        return;
    };
    // What the key's expressions speak of is not known: it may be the same.
    let decides = |column| part.keys.contains(column) || part.keys.contains(&None);
    let restates_bound = !constraint.columns.is_empty() && constraint.columns.iter().all(decides);
    let mut known = of_parts.iter_mut();
    if let Some(same) = known.find(|p| p.check.expression == check.expression) {
        same.restates_bound &= restates_bound;
        same.leaves.extend(&part.leaves);
    } else {
        of_parts.push(OfParts {
            check,
            restates_bound,
            leaves: part.leaves.iter().copied().collect(),
        });
    }
}

/// Adds a partition's EXCLUDE, once for all that have the same.
fn add_exclusion(exclusions: &mut Vec<Exclusion>, exclusion: Exclusion) {
    if !exclusions.iter().any(|e| e.elements == exclusion.elements) {
        exclusions.push(exclusion);
    }
}

/// Adds a partition's foreign key; one that is known has what holds for both.
fn add_key(keys: &mut Vec<ForeignKey>, key: ForeignKey) {
    let same =
        |known: &&mut ForeignKey| known.references == key.references && pairs(known) == pairs(&key);
    if let Some(known) = keys.iter_mut().find(same) {
        known.deferrable &= key.deferrable;
        known.match_full |= key.match_full;
    } else {
        keys.push(key);
    }
}

/// Each column with the one that it refers to.
fn pairs(key: &ForeignKey) -> BTreeSet<(&String, &String)> {
    key.columns.iter().zip(&key.referenced_columns).collect()
}

impl Constraint {
    /// As a CHECK constraint that the server enforces.
    pub(super) fn check(&self) -> Option<Check> {
        let expression = self.expression.clone().filter(|_| self.enforced)?;
        Some(Check {
            name: self.name.clone(),
            expression,
        })
    }

    /// `None` where a table was dropped in between, or the key refers to a partition: rows for that are refused when
    /// they are to be loaded.
    fn foreign_key(&self, (columns, tables): Names<'_>) -> Option<ForeignKey> {
        let theirs = |attnum: &i16| columns.get(&(self.confrelid, *attnum)).cloned();
        Some(ForeignKey {
            name: self.name.clone(),
            columns: self.columns.iter().cloned().collect::<Option<_>>()?,
            references: tables.get(&self.confrelid).cloned()?,
            referenced_columns: self.confkey.iter().map(theirs).collect::<Option<_>>()?,
            deferrable: self.deferrable,
            match_full: self.match_full,
        })
    }

    fn exclusion(self) -> Exclusion {
        Exclusion {
            elements: self.columns.into_iter().zip(self.operators).collect(),
            name: self.name,
            definition: self.definition.unwrap_or_default(),
        }
    }
}

pub(super) fn constraint(row: &Row, view: &str) -> Result<(u32, Constraint), PgError> {
    let matched: String = get(row, view, "confmatchtype")?;
    let constraint = Constraint {
        contypid: get(row, view, "contypid")?,
        name: get(row, view, "conname")?,
        contype: get(row, view, "contype")?,
        columns: get::<Option<Vec<Option<String>>>>(row, view, "columns")?.unwrap_or_default(),
        confrelid: get(row, view, "confrelid")?,
        confkey: get::<Option<Vec<i16>>>(row, view, "confkey")?.unwrap_or_default(),
        deferrable: get(row, view, "condeferrable")?,
        match_full: matched == "f",
        enforced: get(row, view, "conenforced")?,
        expression: get(row, view, "expression")?,
        definition: get(row, view, "definition")?,
        operators: get::<Option<Vec<String>>>(row, view, "operators")?.unwrap_or_default(),
    };
    Ok((get(row, view, "conrelid")?, constraint))
}
