//! Columns that share their values: those that foreign keys join, through any number of tables.
//!
//! No others may be compared by what is told of them. The schema names the values of some columns, in a CHECK or in the
//! bounds of list partitions, and the order of common values says which is which: whatever could be compared with such a
//! column could be read.

use std::collections::HashMap;

use super::statistics::ColumnKey;
use crate::seed::schema::{Name, Schema};

/// A column with all that foreign keys join to it, as a number within one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kin(pub(super) u64);

/// Which columns are of one kin.
pub(super) struct Kinship(HashMap<ColumnKey, Kin>);

impl Kinship {
    /// Of the columns of a schema.
    pub(super) fn of(schema: &Schema) -> Self {
        let mut numbers: HashMap<ColumnKey, usize> = HashMap::new();
        for table in &schema.tables {
            for column in &table.columns {
                let number = numbers.len();
                numbers.insert(key(&table.name, &column.name), number);
            }
        }
        // Each column with one of its kin, which is itself for one of them.
        let mut kin: Vec<usize> = (0..numbers.len()).collect();
        for table in &schema.tables {
            for foreign_key in &table.foreign_keys {
                let theirs = &foreign_key.referenced_columns;
                for (own, theirs) in foreign_key.columns.iter().zip(theirs) {
                    let own = numbers.get(&key(&table.name, own));
                    let theirs = numbers.get(&key(&foreign_key.references, theirs));
                    if let Some((own, theirs)) = own.zip(theirs) {
                        let (own, theirs) = (head(&mut kin, *own), head(&mut kin, *theirs));
                        kin[own] = theirs;
                    }
                }
            }
        }
        let of = |(column, number)| (column, Kin(head(&mut kin, number) as u64));
        Self(numbers.into_iter().map(of).collect())
    }

    /// That of a column; `None` of one that the schema does not have.
    pub(super) fn of_column(&self, table: &Name, column: &str) -> Option<Kin> {
        self.0.get(&key(table, column)).copied()
    }
}

fn key(table: &Name, column: &str) -> ColumnKey {
    (table.schema.clone(), table.name.clone(), column.to_owned())
}

/// The one that stands for all of its kin; the way to it is made shorter.
fn head(kin: &mut [usize], mut column: usize) -> usize {
    while kin[column] != column {
        kin[column] = kin[kin[column]];
        column = kin[column];
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::schema::{Column, Filled, ForeignKey, Table, Type, TypeKind};

    fn name(table: &str) -> Name {
        Name {
            schema: "public".to_owned(),
            name: table.to_owned(),
        }
    }

    fn table(of: &str, columns: &[&str], foreign_keys: &[(&[&str], &str, &[&str])]) -> Table {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let column = |of: &&str| Column {
            name: (*of).to_owned(),
            type_: Type {
                oid: 0,
                name: name("int4"),
                typmod: -1,
                kind: TypeKind::Base,
            },
            not_null: false,
            collation: None,
            filled: Filled::Not,
            sequence: None,
        };
        let foreign_key = |(own, references, theirs): &(&[&str], &str, &[&str])| ForeignKey {
            name: String::new(),
            columns: owned(own),
            references: name(references),
            referenced_columns: owned(theirs),
            deferrable: false,
            match_full: false,
        };
        Table {
            name: name(of),
            columns: columns.iter().map(column).collect(),
            keys: Vec::new(),
            foreign_keys: foreign_keys.iter().map(foreign_key).collect(),
            checks: Vec::new(),
            exclusions: Vec::new(),
            triggers: Vec::new(),
            partitioning: None,
            row_security: false,
        }
    }

    #[test]
    fn foreign_keys_join_columns_through_any_number_of_tables_and_nothing_else_does() {
        let tables = vec![
            table(
                "line",
                &["shop", "number", "item"],
                &[(&["shop", "number"], "sale", &["shop", "number"])],
            ),
            table(
                "sale",
                &["shop", "number", "seller"],
                &[(&["shop"], "shop", &["id"])],
            ),
            table(
                "shop",
                &["id", "parent", "size"],
                &[(&["parent"], "shop", &["id"])],
            ),
            table("visit", &["shop", "size"], &[(&["shop"], "shop", &["id"])]),
            table("other", &["id"], &[(&["id"], "gone", &["id"])]),
        ];
        let kinship = Kinship::of(&Schema { tables });
        let of = |table: &str, column| kinship.of_column(&name(table), column).unwrap();
        for (table, column) in [
            ("line", "shop"),
            ("sale", "shop"),
            ("shop", "parent"),
            ("visit", "shop"),
        ] {
            assert_eq!(of(table, column), of("shop", "id"), "{table}.{column}");
        }
        assert_eq!(of("line", "number"), of("sale", "number"));
        let apart = [
            of("shop", "id"),
            of("sale", "number"),
            of("line", "item"),
            of("sale", "seller"),
            of("shop", "size"),
            of("visit", "size"),
            of("other", "id"),
        ];
        for (place, one) in apart.iter().enumerate() {
            assert!(!apart[..place].contains(one), "{place}");
        }
        assert_eq!(kinship.of_column(&name("gone"), "id"), None);
    }
}
