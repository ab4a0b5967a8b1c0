//! The tables of a database, from its catalogue.
//!
//! Every view is read as a whole and joined here by oid: the number of statements does not grow with that of tables.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;

use super::constraints::{self, Constraint, constraint};
use super::model::{Check, Column, Filled, Key, Name, Schema, Table, Trigger};
use super::partitions::{Below, Children, Leaf};
use super::types::{Attribute, Types};
use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};

/// The tables of the session's database: ordinary and partitioned ones outside the system's schemas, those of
/// extensions left out. Children of plain inheritance are tables of their own.
///
/// # Errors
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(session: &Session) -> Result<Schema, PgError> {
    Ok(catalogue(session).await?.schema)
}

/// A schema, and where its tables stand in the catalogue.
pub(in crate::seed) struct Catalogue {
    /// The tables.
    pub(in crate::seed) schema: Schema,
    /// One for each table, in the same order.
    pub(in crate::seed) places: Vec<Place>,
}

/// Where a table stands in the catalogue.
pub(in crate::seed) struct Place {
    /// `attnum` of each column, in the order of the table's columns.
    pub(in crate::seed) attnums: Vec<i16>,
    /// Whether the role may read each column, in the same order.
    pub(in crate::seed) readable: Vec<bool>,
    /// `reltuples`.
    pub(in crate::seed) reltuples: f32,
    /// `relpages`.
    pub(in crate::seed) relpages: i32,
    /// Partitions of all levels that hold rows.
    pub(in crate::seed) leaves: Vec<Leaf>,
}

/// A row of `pg_class`.
pub(super) struct Relation {
    pub(super) relid: u32,
    pub(super) name: Name,
    pub(super) relkind: String,
    pub(super) parent: Option<u32>,
    pub(super) bound: Option<String>,
    pub(super) partstrat: Option<String>,
    pub(super) partcolumns: Option<Vec<Option<String>>>,
    pub(super) reltuples: f32,
    pub(super) relpages: i32,
    row_security: bool,
    extension_owned: bool,
}

/// Reads the schema with its place in the catalogue.
///
/// # Errors
/// As [`read`].
pub(in crate::seed) async fn catalogue(session: &Session) -> Result<Catalogue, PgError> {
    let relations = session.read_each(&catalog::SEED_TABLES, &[], relation);
    let relations = relations.await?;
    let roots = relations.iter().filter(|r| r.parent.is_none());
    let roots: HashSet<u32> = roots.map(|r| r.relid).collect();
    let mut parts = Parts::read(session, &roots).await?;
    let names: HashMap<u32, Name> = relations
        .iter()
        .map(|r| (r.relid, r.name.clone()))
        .collect();
    let types = Types::read(session, parts.row_types(), parts.domain_checks()).await?;
    let children = Children::of(&relations);
    let (mut tables, mut places) = (Vec::new(), Vec::new());
    let roots = relations
        .iter()
        .filter(|r| r.parent.is_none() && r.relkind != "f" && !r.extension_owned);
    for root in roots {
        let columns = parts.columns.remove(&root.relid).unwrap_or_default();
        let mut leaves = Vec::new();
        let mut table = Table {
            name: root.name.clone(),
            columns: columns.iter().map(|c| c.told(&types)).collect(),
            keys: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            exclusions: Vec::new(),
            triggers: parts.triggers.remove(&root.relid).unwrap_or_default(),
            partitioning: children.partitioning(root, &mut leaves),
            row_security: root.row_security,
        };
        let keys = parts.keys.remove(&root.relid).unwrap_or_default();
        table.keys = keys;
        let below = children.below(root);
        parts.demand_of_parts(&mut table, &below);
        constraints::add(
            &mut table,
            (root.relid, &below),
            &mut parts.constraints,
            (&parts.names_of_columns, &names),
        );
        tables.push(table);
        places.push(Place {
            attnums: columns.iter().map(|c| c.attnum).collect(),
            readable: columns.iter().map(|c| c.readable).collect(),
            reltuples: root.reltuples,
            relpages: root.relpages,
            leaves,
        });
    }
    let schema = Schema { tables };
    Ok(Catalogue { schema, places })
}

/// What belongs to tables, by the table's oid.
struct Parts {
    columns: HashMap<u32, Vec<RawColumn>>,
    /// Columns of partitions that are NOT NULL.
    needed_below: HashMap<u32, Vec<String>>,
    /// Names of columns by table and `attnum`: foreign keys name them of other tables. A partition's are not there.
    names_of_columns: HashMap<(u32, i16), String>,
    keys: HashMap<u32, Vec<Key>>,
    constraints: HashMap<u32, Vec<Constraint>>,
    triggers: HashMap<u32, Vec<Trigger>>,
}

impl Parts {
    async fn read(session: &Session, roots: &HashSet<u32>) -> Result<Self, PgError> {
        let columns = session.read_each(&catalog::SEED_COLUMNS, &[], column);
        let (columns, of_parts): (Vec<_>, Vec<_>) = columns
            .await?
            .into_iter()
            .partition(|(relid, _)| roots.contains(relid));
        let needed = of_parts.into_iter().filter(|(_, c)| c.not_null);
        let needed_below = by_oid(needed.map(|(relid, c)| (relid, c.name)).collect());
        let columns = by_oid(columns);
        let names_of_columns = columns
            .iter()
            .flat_map(|(relid, all)| all.iter().map(|c| ((*relid, c.attnum), c.name.clone())))
            .collect();
        let keys = session.read_each(&catalog::SEED_KEYS, &[], key);
        let keys = by_oid(keys.await?);
        let constraints = session.read_each(&catalog::SEED_CONSTRAINTS, &[], constraint);
        let constraints = by_oid(constraints.await?);
        let triggers = session.read_each(&catalog::SEED_TRIGGERS, &[], trigger);
        let triggers = by_oid(triggers.await?.into_iter().flatten().collect());
        Ok(Self {
            columns,
            needed_below,
            names_of_columns,
            keys,
            constraints,
            triggers,
        })
    }

    /// NOT NULL and unique keys that partitions have and the root has not: all rows are held to them, which
    /// satisfies every partition.
    fn demand_of_parts(&mut self, table: &mut Table, below: &[Below]) {
        for part in below {
            for name in self.needed_below.remove(&part.relid).unwrap_or_default() {
                if let Some(place) = table.column(&name) {
                    table.columns[place].not_null = true;
                }
            }
            for key in self.keys.remove(&part.relid).unwrap_or_default() {
                let key = Key {
                    primary: false,
                    ..key
                };
                if !table.keys.iter().any(|known| known.implies(&key)) {
                    table.keys.push(key);
                }
            }
        }
    }

    /// The rows of tables as types.
    fn row_types(&self) -> HashMap<u32, Vec<Attribute>> {
        let of = |all: &Vec<RawColumn>| {
            let all = all.iter();
            all.map(|c| (c.name.clone(), c.typid, c.typmod)).collect()
        };
        let columns = self.columns.iter();
        columns.map(|(relid, all)| (*relid, of(all))).collect()
    }

    /// CHECK constraints of domains, by the domain's oid.
    fn domain_checks(&mut self) -> HashMap<u32, Vec<Check>> {
        // They belong to no table.
        let of_domains = self.constraints.remove(&0).unwrap_or_default();
        let mut checks: HashMap<u32, Vec<Check>> = HashMap::new();
        for constraint in of_domains {
            if let Some(check) = constraint.check() {
                checks.entry(constraint.contypid).or_default().push(check);
            }
        }
        checks
    }
}

fn by_oid<T>(rows: Vec<(u32, T)>) -> HashMap<u32, Vec<T>> {
    let mut by_oid: HashMap<u32, Vec<T>> = HashMap::new();
    for (oid, row) in rows {
        by_oid.entry(oid).or_default().push(row);
    }
    by_oid
}

fn relation(row: &Row, view: &str) -> Result<Relation, PgError> {
    Ok(Relation {
        relid: get(row, view, "relid")?,
        name: Name {
            schema: get(row, view, "nspname")?,
            name: get(row, view, "relname")?,
        },
        relkind: get(row, view, "relkind")?,
        parent: get(row, view, "parent")?,
        bound: get(row, view, "bound")?,
        partstrat: get(row, view, "partstrat")?,
        partcolumns: get(row, view, "partcolumns")?,
        reltuples: get(row, view, "reltuples")?,
        relpages: get(row, view, "relpages")?,
        // NULL where the table was dropped in between.
        row_security: get::<Option<bool>>(row, view, "row_security")?.unwrap_or(false),
        extension_owned: get(row, view, "extension_owned")?,
    })
}

struct RawColumn {
    attnum: i16,
    name: String,
    typid: u32,
    typmod: i32,
    not_null: bool,
    identity: String,
    generated: String,
    expression: Option<String>,
    collation: Option<Name>,
    sequence: Option<Name>,
    readable: bool,
}

impl RawColumn {
    fn told(&self, types: &Types) -> Column {
        let expression = self.expression.clone();
        Column {
            name: self.name.clone(),
            type_: types.get(self.typid, self.typmod),
            not_null: self.not_null,
            collation: self.collation.clone(),
            filled: match (
                self.identity.is_empty(),
                self.generated.is_empty(),
                expression,
            ) {
                (false, _, _) => Filled::Identity,
                (true, false, expression) => Filled::Generated(expression.unwrap_or_default()),
                (true, true, Some(expression)) => Filled::Default(expression),
                (true, true, None) => Filled::Not,
            },
            sequence: self.sequence.clone(),
        }
    }
}

fn column(row: &Row, view: &str) -> Result<(u32, RawColumn), PgError> {
    let name = |schema, name| -> Result<Option<Name>, PgError> {
        let schema: Option<String> = get(row, view, schema)?;
        let name: Option<String> = get(row, view, name)?;
        let both = schema.zip(name);
        Ok(both.map(|(schema, name)| Name { schema, name }))
    };
    let column = RawColumn {
        attnum: get(row, view, "attnum")?,
        name: get(row, view, "attname")?,
        typid: get(row, view, "atttypid")?,
        typmod: get(row, view, "atttypmod")?,
        not_null: get(row, view, "attnotnull")?,
        identity: get(row, view, "attidentity")?,
        generated: get(row, view, "attgenerated")?,
        expression: get(row, view, "expression")?,
        collation: name("collation_schema", "collation_name")?,
        sequence: name("sequence_schema", "sequence_name")?,
        // NULL where the table was dropped in between.
        readable: get::<Option<bool>>(row, view, "readable")?.unwrap_or(false),
    };
    Ok((get(row, view, "attrelid")?, column))
}

fn key(row: &Row, view: &str) -> Result<(u32, Key), PgError> {
    let key = Key {
        name: get(row, view, "relname")?,
        primary: get(row, view, "indisprimary")?,
        columns: get::<Option<Vec<Option<String>>>>(row, view, "columns")?.unwrap_or_default(),
        predicate: get(row, view, "predicate")?,
        nulls_not_distinct: get(row, view, "indnullsnotdistinct")?,
        definition: get::<Option<String>>(row, view, "definition")?.unwrap_or_default(),
    };
    Ok((get(row, view, "indrelid")?, key))
}

/// `pg_trigger.tgtype`: what it fires for, in bits.
const FOR_EACH_ROW: i16 = 1 << 0;
const BEFORE: i16 = 1 << 1;
const ON_INSERT: i16 = 1 << 2;

/// A trigger, where it is one on INSERT.
fn trigger(row: &Row, view: &str) -> Result<Option<(u32, Trigger)>, PgError> {
    let kind: i16 = get(row, view, "tgtype")?;
    if kind & ON_INSERT == 0 {
        return Ok(None);
    }
    let trigger = Trigger {
        name: get(row, view, "tgname")?,
        function: Name {
            schema: get(row, view, "proc_schema")?,
            name: get(row, view, "proname")?,
        },
        for_each_row: kind & FOR_EACH_ROW != 0,
        before: kind & BEFORE != 0,
    };
    Ok(Some((get(row, view, "tgrelid")?, trigger)))
}
