//! Sequences that must not give numbers again which rows already have.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::sql::{literal, qualified, quoted};
use super::survey::Survey;
use crate::pg::PgError;
use crate::pg::column::get;
use crate::seed::schema::Name;

/// A column that a sequence numbers.
#[derive(Debug, Clone)]
pub(super) struct SequenceUse {
    table: u32,
    column: String,
    sequence: Name,
    is_owned: bool,
    may_update: bool,
    increment: i64,
    min: i64,
    max: i64,
    type_name: String,
    category: String,
}

impl SequenceUse {
    pub(super) fn read(row: &Row, view: &str) -> Result<Self, PgError> {
        Ok(Self {
            table: get(row, view, "relid")?,
            column: get(row, view, "attname")?,
            sequence: Name {
                schema: get(row, view, "nspname")?,
                name: get(row, view, "relname")?,
            },
            is_owned: get(row, view, "is_owned")?,
            may_update: get(row, view, "may_update")?,
            increment: get(row, view, "seqincrement")?,
            min: get(row, view, "seqmin")?,
            max: get(row, view, "seqmax")?,
            type_name: get(row, view, "type_name")?,
            category: get(row, view, "typcategory")?,
        })
    }
}

/// A sequence that is set when the rows are there.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    pub(super) name: Name,
    /// Each gives the last number of a column as text, or null.
    pub(super) last: Vec<String>,
    is_owned: bool,
    increment: i64,
    min: i64,
    max: i64,
}

/// The sequences of the tables, and those that cannot be set, with the reason.
pub(super) fn sequences(survey: &Survey) -> (Vec<Sequence>, Vec<String>) {
    let mut all: BTreeMap<Name, Sequence> = BTreeMap::new();
    let mut notes = Vec::new();
    for it in &survey.sequences {
        if it.category != "N" {
            notes.push(format!(
                "sequence {} is not set: it numbers {}, which is {}",
                it.sequence, it.column, it.type_name
            ));
            continue;
        }
        if !it.is_owned && !it.may_update {
            notes.push(format!(
                "sequence {} is not set: the role may not change it (GRANT UPDATE ON SEQUENCE {} TO it)",
                it.sequence,
                qualified(&it.sequence)
            ));
            continue;
        }
        let end = if it.increment < 0 { "min" } else { "max" };
        let last = format!(
            "SELECT /* dbperf */ pg_catalog.{end}({})::pg_catalog.text FROM {}",
            quoted(&it.column),
            survey.quoted(it.table)
        );
        let sequence = all.entry(it.sequence.clone()).or_insert_with(|| Sequence {
            name: it.sequence.clone(),
            last: Vec::new(),
            is_owned: it.is_owned,
            increment: it.increment,
            min: it.min,
            max: it.max,
        });
        sequence.last.push(last);
    }
    (all.into_values().collect(), notes)
}

impl Sequence {
    /// The one of two numbers that comes later.
    pub(super) fn later(&self, a: i128, b: i128) -> i128 {
        if self.increment < 0 {
            a.min(b)
        } else {
            a.max(b)
        }
    }

    /// The statement behind which it goes on after `last`; an error says in words why there is none.
    ///
    /// The owner's is undone with the transaction. What others may do is not: should the transaction fail after it,
    /// the sequence leaves numbers out, as it does after any other failure.
    pub(super) fn set(&self, last: i128) -> Result<Option<String>, String> {
        let next = last + i128::from(self.increment);
        let (min, max) = (i128::from(self.min), i128::from(self.max));
        let before = if self.increment < 0 {
            next > max
        } else {
            next < min
        };
        if before {
            return Ok(None);
        }
        if next < min || next > max {
            return Err(format!(
                "sequence {} is not set: the rows have used its last number",
                self.name
            ));
        }
        Ok(Some(self.statement(&next.to_string())))
    }

    /// The statement with placeholders, as it can be shown before the rows are there.
    pub(super) fn shown(&self) -> String {
        self.statement("<the next number>")
    }

    fn statement(&self, next: &str) -> String {
        let name = qualified(&self.name);
        if self.is_owned {
            format!("ALTER /* dbperf */ SEQUENCE {name} RESTART WITH {next}")
        } else {
            // Not `last` as one that was used: it may lie before the first number, where `next` does not.
            format!(
                "SELECT /* dbperf */ pg_catalog.setval({}, {next}, false)",
                literal(&name)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(increment: i64, min: i64, max: i64) -> Sequence {
        Sequence {
            name: Name {
                schema: "s".to_owned(),
                name: "q".to_owned(),
            },
            last: Vec::new(),
            is_owned: true,
            increment,
            min,
            max,
        }
    }

    #[test]
    fn who_does_not_own_it_names_the_next_number_too() {
        let others = Sequence {
            is_owned: false,
            ..sequence(10, 1, 100)
        };
        // The last number of the rows is none of the sequence's own.
        let set = "SELECT /* dbperf */ pg_catalog.setval(E'\"s\".\"q\"', 4, false)";
        assert_eq!(others.set(-6), Ok(Some(set.to_owned())));
    }

    #[test]
    fn it_goes_on_behind_the_last_number_as_far_as_it_goes() {
        let restart = |n: i64| {
            Ok(Some(format!(
                "ALTER /* dbperf */ SEQUENCE \"s\".\"q\" RESTART WITH {n}"
            )))
        };
        assert_eq!(sequence(1, 1, 100).set(7), restart(8));
        assert_eq!(sequence(10, 1, 100).set(7), restart(17));
        assert_eq!(sequence(-1, -100, -1).set(-7), restart(-8));
        assert!(sequence(1, 1, 100).set(100).is_err());
        assert!(sequence(-1, -100, -1).set(-100).is_err());
        // All numbers of the rows come before its first.
        assert_eq!(sequence(1, 1, 100).set(-5), Ok(None));
        assert_eq!(sequence(-1, -100, -1).later(-3, -9), -9);
    }
}
