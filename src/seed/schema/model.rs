//! Tables, as far as rows for them have to be known. Names are PostgreSQL's own, without quotes.

use serde::{Deserialize, Serialize};

/// The tables of one database.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Schema {
    /// Every ordinary and partitioned table outside the system's schemas, and none that an extension owns. Partitions
    /// are in [`Table::partitioning`] of their root, not tables of their own.
    pub tables: Vec<Table>,
}

/// A name in a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    /// The schema.
    pub schema: String,
    /// The name in it.
    pub name: String,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: Name,
    /// In the order of `attnum`, dropped ones left out.
    pub columns: Vec<Column>,
    /// What must be unique: primary key first.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// References to other tables and to itself.
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints of the table; those of domains are in [`TypeKind::Domain`].
    #[serde(default)]
    pub checks: Vec<Check>,
    /// EXCLUDE constraints.
    #[serde(default)]
    pub exclusions: Vec<Exclusion>,
    /// Triggers on INSERT that somebody made and that are enabled.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
    /// How rows are routed, where the table is partitioned.
    #[serde(default)]
    pub partitioning: Option<Partitioning>,
    /// Row security applies to the role that reads this.
    #[serde(default)]
    pub row_security: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// `attname`.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_: Type,
    /// NOT NULL; of a domain, [`TypeKind::Domain`] says its own.
    pub not_null: bool,
    /// The collation, where it is not the database's own.
    #[serde(default)]
    pub collation: Option<Name>,
    /// How the server fills it.
    #[serde(default)]
    pub filled: Filled,
    /// The sequence that the column owns (serial, identity).
    #[serde(default)]
    pub sequence: Option<Name>,
}

/// How the server fills a column.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filled {
    /// It does not.
    #[default]
    Not,
    /// By default, with this expression.
    Default(String),
    /// GENERATED ALWAYS or BY DEFAULT AS IDENTITY; COPY may fill it.
    Identity,
    /// GENERATED ALWAYS AS (expression), stored or virtual: it cannot be filled.
    Generated(String),
}

/// A type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Type {
    /// `pg_type.oid` in the database that it was read from; in a file it says nothing.
    #[serde(skip)]
    pub oid: u32,
    /// Its name.
    pub name: Name,
    /// `atttypmod`, -1 where there is none: of numeric `((precision << 16) | scale) + 4`, of varchar and char the
    /// length + 4, of bit and varbit the length, of times the digits of seconds.
    pub typmod: i32,
    /// What it is made of.
    pub kind: TypeKind,
}

/// What a type is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeKind {
    /// One that PostgreSQL ships; `name.name` tells which (`int4`, `text`).
    Base,
    /// `CREATE TYPE … AS ENUM`: labels in their order.
    Enum(Vec<String>),
    /// `CREATE DOMAIN`.
    Domain {
        /// The type below, with the typmod that the domain gives it.
        base: Box<Type>,
        /// NOT NULL.
        not_null: bool,
        /// CHECK constraints, of VALUE.
        checks: Vec<Check>,
    },
    /// `CREATE TYPE … AS (…)`: names and types of its attributes.
    Composite(Vec<(String, Type)>),
    /// An array of this.
    Array(Box<Type>),
    /// A range over this.
    Range(Box<Type>),
    /// A multirange over this (the subtype of its range).
    Multirange(Box<Type>),
    /// A type that an extension brought: its name.
    Extension(String),
    /// Anything else, such as a pseudo-type or a base type that somebody made.
    Other,
}

/// PRIMARY KEY, UNIQUE or a unique index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The constraint's or the index's name.
    pub name: String,
    /// The primary key.
    pub primary: bool,
    /// Columns; an expression is `None`.
    pub columns: Vec<Option<String>>,
    /// The predicate of a partial unique index.
    #[serde(default)]
    pub predicate: Option<String>,
    /// NULLS NOT DISTINCT.
    #[serde(default)]
    pub nulls_not_distinct: bool,
    /// `pg_get_indexdef`.
    pub definition: String,
}

impl Key {
    /// A unique index of some rows.
    pub(in crate::seed) fn is_partial(&self) -> bool {
        self.predicate.is_some()
    }

    /// Where this one holds the other does, too.
    pub(super) fn implies(&self, other: &Key) -> bool {
        let told = |key: &Key| key.columns.iter().all(Option::is_some);
        told(self)
            && told(other)
            && self.columns.iter().all(|c| other.columns.contains(c))
            && (self.predicate.is_none() || self.predicate == other.predicate)
            && (self.nulls_not_distinct || !other.nulls_not_distinct)
    }
}

/// FOREIGN KEY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// Referencing columns.
    pub columns: Vec<String>,
    /// The referenced table.
    pub references: Name,
    /// The referenced columns, in the order of `columns`.
    pub referenced_columns: Vec<String>,
    /// DEFERRABLE.
    #[serde(default)]
    pub deferrable: bool,
    /// MATCH FULL: all columns are null, or none.
    #[serde(default)]
    pub match_full: bool,
}

/// CHECK, of a table or a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The constraint's name.
    pub name: String,
    /// Its expression as `pg_get_expr` prints it, without CHECK and its parentheses.
    pub expression: String,
}

/// EXCLUDE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The constraint's name.
    pub name: String,
    /// Columns (an expression is `None`), each with its operator.
    pub elements: Vec<(Option<String>, String)>,
    /// `pg_get_constraintdef`.
    pub definition: String,
}

/// A trigger on INSERT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The function that it calls.
    pub function: Name,
    /// FOR EACH ROW.
    pub for_each_row: bool,
    /// BEFORE: it may change the row.
    pub before: bool,
}

/// How rows of a partitioned table are routed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partitioning {
    /// `r` range, `l` list, `h` hash (`pg_partitioned_table.partstrat`).
    pub strategy: String,
    /// The key's columns; an expression is `None`.
    pub columns: Vec<Option<String>>,
    /// The partitions of this level.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name.
    pub name: Name,
    /// Which rows it takes, as `pg_get_expr(relpartbound)` prints it: `FOR VALUES …` or `DEFAULT`.
    pub bound: String,
    /// Where it is partitioned itself.
    #[serde(default)]
    pub partitioning: Option<Partitioning>,
}

impl Schema {
    /// A table by its name.
    #[must_use]
    pub fn table(&self, name: &Name) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }

    /// The table that a user calls so, with or without its schema.
    ///
    /// # Errors
    ///
    /// Why it is none, or which is not known.
    pub fn called(&self, asked: &str) -> Result<&Table, &'static str> {
        let mut found = self
            .tables
            .iter()
            .filter(|table| table.name.is_called(asked));
        match (found.next(), found.next()) {
            (Some(table), None) => Ok(table),
            (None, _) => Err("there is no such table"),
            (Some(_), Some(_)) => Err("several schemas have such a table: name one"),
        }
    }
}

impl Name {
    /// A user calls it so, with or without its schema.
    #[must_use]
    pub fn is_called(&self, asked: &str) -> bool {
        match asked.split_once('.') {
            Some((schema, table)) => self.schema == schema && self.name == table,
            None => self.name == asked,
        }
    }
}

impl Table {
    /// A column's place by its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

impl Type {
    /// The type below all domains.
    #[must_use]
    pub fn base(&self) -> &Self {
        match &self.kind {
            TypeKind::Domain { base, .. } => base.base(),
            _ => self,
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.schema.as_str() {
            "public" | "pg_catalog" => f.write_str(&self.name),
            schema => write!(f, "{schema}.{}", self.name),
        }
    }
}

impl Column {
    /// NOT NULL, of the column or of a domain that it has.
    #[must_use]
    pub fn is_never_null(&self) -> bool {
        fn domain(type_: &Type) -> bool {
            match &type_.kind {
                TypeKind::Domain { base, not_null, .. } => *not_null || domain(base),
                _ => false,
            }
        }
        self.not_null || domain(&self.type_)
    }
}
