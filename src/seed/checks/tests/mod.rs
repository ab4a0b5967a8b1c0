//! Tables in a line or two, and rows whose values are drawn from what a column may have.

mod domains;
mod rows;
mod rules;

use super::value::{Kind, Value};
use super::{Cells, Nulls, Rules, Understanding, understand};
use crate::seed::domain::Domain;
use crate::seed::schema::{Check, Column, Filled, Name, Table, Type, TypeKind};

fn type_of(text: &str) -> Type {
    let (name, typmod) = match text.split_once(':') {
        Some((name, scale)) => (name, (10 << 16 | scale.parse::<i32>().unwrap()) + 4),
        None => (text, -1),
    };
    let labels = name.strip_prefix("enum ");
    Type {
        oid: 0,
        name: Name {
            schema: "pg_catalog".into(),
            name: name.into(),
        },
        typmod,
        kind: match labels {
            Some(labels) => TypeKind::Enum(labels.split(' ').map(str::to_owned).collect()),
            None => TypeKind::Base,
        },
    }
}

/// Columns as `name type, …` (`numeric:2` has two digits behind the point), and checks named `c0`, `c1`, ….
fn table(columns: &str, checks: &[&str]) -> Table {
    let column = |text: &str| {
        let (name, type_) = text.trim().split_once(' ').unwrap();
        Column {
            name: name.into(),
            type_: type_of(type_),
            not_null: false,
            collation: None,
            filled: Filled::Not,
            sequence: None,
        }
    };
    let check = |(index, text): (usize, &&str)| Check {
        name: format!("c{index}"),
        expression: (*text).into(),
    };
    Table {
        name: Name {
            schema: "public".into(),
            name: "t".into(),
        },
        columns: columns.split(',').map(column).collect(),
        keys: Vec::new(),
        foreign_keys: Vec::new(),
        checks: checks.iter().enumerate().map(check).collect(),
        exclusions: Vec::new(),
        triggers: Vec::new(),
        partitioning: None,
        row_security: false,
    }
}

fn bytes(text: &str, type_: &Type) -> Vec<u8> {
    let kind = Kind::of(type_);
    let mut out = Vec::new();
    let value = Value::literal(text, kind).unwrap();
    assert!(value.write(type_, kind, &mut out), "{text}");
    out
}

/// A row; what is drawn anew comes from each column's pool, one after the other.
#[derive(Debug, Clone)]
struct Row {
    types: Vec<Type>,
    cells: Vec<Option<Vec<u8>>>,
    pools: Vec<Vec<Vec<u8>>>,
    fixed: Vec<bool>,
    nullable: Vec<bool>,
}

impl Row {
    /// Values by the order of columns, `-` for null.
    fn new(table: &Table, values: &[&str]) -> Self {
        let types: Vec<Type> = table.columns.iter().map(|c| c.type_.clone()).collect();
        let cells = values.iter().zip(&types);
        Self {
            cells: cells
                .map(|(text, type_)| (*text != "-").then(|| bytes(text, type_)))
                .collect(),
            pools: vec![Vec::new(); types.len()],
            fixed: vec![false; types.len()],
            nullable: vec![true; types.len()],
            types,
        }
    }

    fn pool(mut self, column: usize, values: &[&str]) -> Self {
        let type_ = &self.types[column];
        self.pools[column] = values.iter().map(|text| bytes(text, type_)).collect();
        self
    }

    fn fixed(mut self, column: usize) -> Self {
        self.fixed[column] = true;
        self
    }

    fn texts(&self) -> Vec<String> {
        let cells = self.cells.iter().zip(&self.types);
        cells
            .map(|(cell, type_)| match cell {
                None => "-".to_owned(),
                Some(bytes) => {
                    let value = Value::read(type_, Kind::of(type_), bytes).unwrap();
                    value.print(type_).unwrap_or_else(|| format!("{value:?}"))
                }
            })
            .collect()
    }
}

impl Cells for Row {
    fn bytes(&self, column: usize) -> Option<&[u8]> {
        self.cells[column].as_deref()
    }

    fn set(&mut self, column: usize, bytes: &[u8]) {
        assert!(!self.fixed[column] || self.cells[column].as_deref() == Some(bytes));
        self.cells[column] = Some(bytes.to_vec());
    }

    fn set_null(&mut self, column: usize) -> bool {
        if self.nullable[column] && !self.fixed[column] {
            self.cells[column] = None;
        }
        self.cells[column].is_none()
    }

    fn redraw(&mut self, column: usize, attempt: u32) -> bool {
        let pool = &self.pools[column];
        if pool.is_empty() || self.fixed[column] {
            return false;
        }
        self.cells[column] = Some(pool[attempt as usize % pool.len()].clone());
        true
    }

    fn is_fixed(&self, column: usize) -> bool {
        self.fixed[column]
    }

    /// Those of odd numbers.
    fn is_held_to(&self, condition: usize) -> bool {
        condition % 2 == 1
    }
}

fn rules(table: &Table) -> Rules {
    understand(table, &[]).rules
}

/// What one check says of the only column of a table.
fn one(type_: &str, check: &str) -> Understanding {
    understand(&table(&format!("x {type_}"), &[check]), &[])
}

/// The domain, where the check is understood and nothing else is demanded.
fn domain(type_: &str, check: &str) -> Domain {
    let understood = one(type_, check);
    assert_eq!(understood.opaque, [], "{check}");
    assert!(understood.rules.is_empty(), "{check}");
    assert_eq!(understood.nulls, [Nulls::Allowed], "{check}");
    understood.domains.into_iter().next().unwrap()
}
