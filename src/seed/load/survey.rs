//! The tables to be filled as the server has them: relations with their partitions, keys, triggers, sequences.

use std::collections::BTreeMap;

use tokio_postgres::types::{ToSql, Type};

use super::LoadError;
use super::foreign_keys::ForeignKey;
use super::indexes::Index;
use super::sequences::SequenceUse;
use super::sql::qualified;
use super::triggers::Trigger;
use crate::pg::column::get;
use crate::pg::{Session, catalog};
use crate::seed::schema::Name;

/// A table, or a partition of one.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) oid: u32,
    /// The table whose partition it is, over all levels; itself if it is none.
    pub(super) root: u32,
    pub(super) name: Name,
    /// `relkind`.
    pub(super) kind: String,
    pub(super) is_owned: bool,
    pub(super) may_use: bool,
    /// Indexes can be made beside it, in its schema.
    pub(super) may_create: bool,
    pub(super) may_select: bool,
    pub(super) may_insert: bool,
    pub(super) may_vacuum: bool,
    pub(super) row_security: bool,
    /// Publications that would send a TRUNCATE of it.
    publications: Vec<String>,
    /// Slots of other plugins, which may send one of any table.
    slots: Vec<String>,
}

impl Relation {
    /// It has partitions.
    pub(super) fn is_partitioned(&self) -> bool {
        self.kind == "p"
    }

    /// What would send a TRUNCATE of it elsewhere, where it would empty a table that has rows.
    pub(super) fn sent_by(&self) -> Option<String> {
        let publication = self.publications.first();
        let slot = || self.slots.first().map(|s| format!("replication slot {s}"));
        publication
            .map(|p| format!("publication {p}"))
            .or_else(slot)
    }
}

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) relations: BTreeMap<u32, Relation>,
    pub(super) indexes: Vec<Index>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) sequences: Vec<SequenceUse>,
}

impl Survey {
    /// Reads what concerns these tables.
    pub(super) async fn read(session: &Session, names: &[Name]) -> Result<Self, LoadError> {
        let relations = relations(session, names).await?;
        let oids: Vec<u32> = relations.keys().copied().collect();
        let roots: Vec<u32> = relations
            .values()
            .filter(|r| r.oid == r.root)
            .map(|r| r.oid)
            .collect();
        Ok(Self {
            indexes: of(session, &catalog::LOAD_INDEXES, &oids, Index::read).await?,
            foreign_keys: of(
                session,
                &catalog::LOAD_FOREIGN_KEYS,
                &oids,
                ForeignKey::read,
            )
            .await?,
            triggers: of(session, &catalog::LOAD_TRIGGERS, &oids, Trigger::read).await?,
            sequences: of(session, &catalog::LOAD_SEQUENCES, &roots, SequenceUse::read).await?,
            relations,
        })
    }

    /// A table by its name; partitions are not found by theirs.
    pub(super) fn table(&self, name: &Name) -> Option<&Relation> {
        let mut roots = self.relations.values().filter(|r| r.oid == r.root);
        roots.find(|r| r.name == *name)
    }

    /// A table with all its partitions.
    pub(super) fn members(&self, root: u32) -> impl Iterator<Item = &Relation> {
        self.relations.values().filter(move |r| r.root == root)
    }

    /// The role may change the table and all its partitions.
    pub(super) fn is_owned(&self, root: u32) -> bool {
        self.members(root).all(|r| r.is_owned)
    }

    /// The root of a relation that is to be filled.
    pub(super) fn root_of(&self, oid: u32) -> Option<u32> {
        self.relations.get(&oid).map(|r| r.root)
    }

    /// `schema.name`, quoted.
    pub(super) fn quoted(&self, oid: u32) -> String {
        self.relations
            .get(&oid)
            .map(|r| qualified(&r.name))
            .unwrap_or_default()
    }
}

async fn of<T>(
    session: &Session,
    view: &catalog::View,
    oids: &Vec<u32>,
    read: fn(&tokio_postgres::Row, &str) -> Result<T, crate::pg::PgError>,
) -> Result<Vec<T>, LoadError> {
    let params: [(&(dyn ToSql + Sync), Type); 1] = [(oids, Type::OID_ARRAY)];
    Ok(session.read_each(view, &params, read).await?)
}

async fn relations(
    session: &Session,
    names: &[Name],
) -> Result<BTreeMap<u32, Relation>, LoadError> {
    let view = &catalog::LOAD_RELATIONS;
    let schemas: Vec<&str> = names.iter().map(|n| n.schema.as_str()).collect();
    let tables: Vec<&str> = names.iter().map(|n| n.name.as_str()).collect();
    let params: [(&(dyn ToSql + Sync), Type); 2] =
        [(&schemas, Type::TEXT_ARRAY), (&tables, Type::TEXT_ARRAY)];
    let read = |row: &tokio_postgres::Row, view: &str| {
        Ok(Relation {
            oid: get(row, view, "oid")?,
            root: get(row, view, "root")?,
            name: Name {
                schema: get(row, view, "nspname")?,
                name: get(row, view, "relname")?,
            },
            kind: get(row, view, "relkind")?,
            is_owned: get(row, view, "is_owned")?,
            may_use: get(row, view, "may_use")?,
            may_create: get(row, view, "may_create")?,
            may_select: get(row, view, "may_select")?,
            may_insert: get(row, view, "may_insert")?,
            may_vacuum: get(row, view, "may_vacuum")?,
            row_security: get(row, view, "row_security")?,
            publications: get(row, view, "publications")?,
            slots: get(row, view, "slots")?,
        })
    };
    let rows = session.read_each(view, &params, read).await?;
    Ok(rows.into_iter().map(|r| (r.oid, r)).collect())
}
