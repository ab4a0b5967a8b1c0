//! Foreign keys between tables that are filled: they are checked once, when all rows are there.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::indexes::comment_on_constraint;
use super::refuse::Refused;
use super::sql::{qualified, quoted};
use super::survey::Survey;
use crate::pg::PgError;
use crate::pg::column::get;
use crate::seed::schema::Name;

/// A foreign key from or to a table that is filled.
#[derive(Debug, Clone)]
pub(super) struct ForeignKey {
    oid: u32,
    name: String,
    table: u32,
    table_name: Name,
    references: u32,
    /// The key of which it is the part for a partition, on either end; 0 if it is none.
    parent: u32,
    deferrable: bool,
    definition: String,
    description: Option<String>,
    is_altered: bool,
    is_enforced: bool,
}

impl ForeignKey {
    pub(super) fn read(row: &Row, view: &str) -> Result<Self, PgError> {
        Ok(Self {
            oid: get(row, view, "oid")?,
            name: get(row, view, "conname")?,
            table: get(row, view, "conrelid")?,
            table_name: Name {
                schema: get(row, view, "nspname")?,
                name: get(row, view, "relname")?,
            },
            references: get(row, view, "confrelid")?,
            parent: get(row, view, "conparentid")?,
            deferrable: get(row, view, "condeferrable")?,
            definition: get(row, view, "definition")?,
            description: get(row, view, "description")?,
            is_altered: get(row, view, "is_altered")?,
            is_enforced: get(row, view, "conenforced")?,
        })
    }
}

/// A foreign key that stays, between two of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    /// The root of the referencing table.
    pub(super) from: u32,
    /// The root of the referenced one.
    pub(super) to: u32,
    pub(super) name: String,
    pub(super) deferrable: bool,
}

/// What is done with the foreign keys.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) drop: Vec<String>,
    pub(super) create: Vec<String>,
    /// All that are gone, with their parts.
    pub(super) dropped: BTreeSet<u32>,
    /// Those that stay, between tables that are filled.
    pub(super) edges: Vec<Edge>,
    /// Tables that foreign keys which stay refer to from elsewhere: TRUNCATE refuses these.
    pub(super) referenced: BTreeSet<u32>,
    pub(super) notes: Vec<String>,
}

/// Takes away those that the role may give back: both of its tables are its own, and both are filled.
pub(super) fn changes(survey: &Survey) -> Changes {
    let all: BTreeMap<u32, &ForeignKey> = survey.foreign_keys.iter().map(|k| (k.oid, k)).collect();
    let mut changes = Changes::default();
    for key in survey
        .foreign_keys
        .iter()
        .filter(|k| !all.contains_key(&k.parent))
    {
        let family: Vec<&ForeignKey> = survey
            .foreign_keys
            .iter()
            .filter(|k| top(&all, k.oid) == key.oid)
            .collect();
        let ends = (survey.root_of(key.table), survey.root_of(key.references));
        let altered = family.iter().any(|k| k.is_altered);
        if let (Some(from), Some(to)) = ends {
            if survey.is_owned(from) && survey.is_owned(to) && !altered {
                changes.dropped.extend(family.iter().map(|k| k.oid));
                changes.drop.push(format!(
                    "ALTER /* dbperf */ TABLE {} DROP CONSTRAINT {}",
                    survey.quoted(key.table),
                    quoted(&key.name)
                ));
                create(&all, key, &mut changes.create);
                continue;
            }
            if altered {
                changes.notes.push(format!(
                    "foreign key {} of {} stays while rows are copied: somebody has altered its triggers",
                    key.name, key.table_name
                ));
            }
            changes.edges.push(Edge {
                from,
                to,
                name: key.name.clone(),
                deferrable: key.deferrable,
            });
        }
        let of_others = family.iter().filter(|k| k.table != k.references);
        changes.referenced.extend(of_others.map(|k| k.references));
    }
    changes
}

/// The keys of a table, with its partitions, that refer to a partition instead of its root: rows are made for the root,
/// and which of them come into a partition is the server's affair.
pub(super) fn to_partitions(survey: &Survey, root: u32) -> Vec<Refused> {
    let oids: BTreeSet<u32> = survey.foreign_keys.iter().map(|k| k.oid).collect();
    let own = survey.foreign_keys.iter().filter(|key| {
        // Of a key to a root there is a part for each partition.
        !oids.contains(&key.parent) && survey.root_of(key.table) == Some(root)
    });
    let refused = own.filter(|key| key.is_enforced).filter_map(|key| {
        let partition = survey.relations.get(&key.references)?;
        let whole = survey.relations.get(&partition.root)?;
        let what = format!(
            "{}, {}: {}",
            key.table_name, key.name, key.definition
        );
        let why = format!(
            "which rows of {} come into its partition {} is not known before: let it refer to {}, drop it while rows \
             are made, or ask for no rows (--rows {}=0)",
            whole.name, partition.name, whole.name, key.table_name
        );
        (whole.oid != partition.oid).then(|| Refused::new(what, why))
    });
    refused.collect()
}

fn top(all: &BTreeMap<u32, &ForeignKey>, oid: u32) -> u32 {
    let mut top = oid;
    while let Some(parent) = all
        .get(&top)
        .map(|k| k.parent)
        .filter(|p| all.contains_key(p))
    {
        top = parent;
    }
    top
}

/// A key after those of its partitions that have a name of their own: it takes them over instead of making others.
fn create(all: &BTreeMap<u32, &ForeignKey>, key: &ForeignKey, out: &mut Vec<String>) {
    for part in parts(all, key) {
        if has_own_name(all, part, &key.name) {
            create(all, part, out);
        }
    }
    out.push(format!(
        "ALTER /* dbperf */ TABLE {} ADD CONSTRAINT {} {}",
        qualified(&key.table_name),
        quoted(&key.name),
        key.definition
    ));
    comments(all, key, out);
}

/// Those for partitions of the referencing table. The server makes those for the referenced one by itself.
fn parts<'a>(
    all: &'a BTreeMap<u32, &'a ForeignKey>,
    key: &'a ForeignKey,
) -> impl Iterator<Item = &'a ForeignKey> {
    let parts = all.values().copied();
    parts.filter(|k| k.parent == key.oid && k.references == key.references && k.table != key.table)
}

fn has_own_name(all: &BTreeMap<u32, &ForeignKey>, key: &ForeignKey, name: &str) -> bool {
    key.name != name || parts(all, key).any(|part| has_own_name(all, part, name))
}

fn comments(all: &BTreeMap<u32, &ForeignKey>, key: &ForeignKey, out: &mut Vec<String>) {
    if let Some(text) = &key.description {
        let table = qualified(&key.table_name);
        out.push(comment_on_constraint(&table, &key.name, text));
    }
    for part in parts(all, key) {
        comments(all, part, out);
    }
}
