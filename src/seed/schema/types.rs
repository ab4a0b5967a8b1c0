//! `pg_type` and what belongs to it: what a column's type is made of.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::model::{Check, Name, Type, TypeKind};
use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};

/// Types that contain each other deeper than this are not followed; PostgreSQL itself allows no circle, but the
/// catalogue may change between two statements.
const DEEPEST: u32 = 64;

/// A row of `pg_type`.
struct Entry {
    typid: u32,
    name: Name,
    typtype: String,
    typrelid: u32,
    typnotnull: bool,
    typbasetype: u32,
    typtypmod: i32,
    element: Option<u32>,
    range_of: Option<u32>,
    multirange_of: Option<u32>,
    extension: Option<String>,
}

/// An attribute of a composite type: its name, type and typmod.
pub(super) type Attribute = (String, u32, i32);

/// Every type of the database.
pub(super) struct Types {
    entries: HashMap<u32, Entry>,
    labels: HashMap<u32, Vec<String>>,
    attributes: HashMap<u32, Vec<Attribute>>,
    checks: HashMap<u32, Vec<Check>>,
}

impl Types {
    /// Reads them. `rows` are the attributes of tables, whose rows are types too; `checks` those of domains.
    pub(super) async fn read(
        session: &Session,
        rows: HashMap<u32, Vec<Attribute>>,
        checks: HashMap<u32, Vec<Check>>,
    ) -> Result<Self, PgError> {
        let entries = session.read_each(&catalog::SEED_TYPES, &[], entry).await?;
        let labels = session.read_each(&catalog::SEED_ENUMS, &[], |row, view| {
            Ok((
                get::<u32>(row, view, "enumtypid")?,
                get::<String>(row, view, "enumlabel")?,
            ))
        });
        let mut of_enum: HashMap<u32, Vec<String>> = HashMap::new();
        for (typid, label) in labels.await? {
            of_enum.entry(typid).or_default().push(label);
        }
        let mut attributes = rows;
        let found = session.read_each(&catalog::SEED_ATTRIBUTES, &[], |row, view| {
            Ok((get::<u32>(row, view, "attrelid")?, attribute(row, view)?))
        });
        for (relid, attribute) in found.await? {
            attributes.entry(relid).or_default().push(attribute);
        }
        Ok(Self {
            entries: entries.into_iter().map(|e| (e.typid, e)).collect(),
            labels: of_enum,
            attributes,
            checks,
        })
    }

    /// A type with this typmod.
    pub(super) fn get(&self, typid: u32, typmod: i32) -> Type {
        self.at_depth(typid, typmod, 0)
    }

    fn at_depth(&self, typid: u32, typmod: i32, depth: u32) -> Type {
        let Some(entry) = self.entries.get(&typid).filter(|_| depth < DEEPEST) else {
            // It was dropped, or made, between two statements.
            return Type {
                oid: typid,
                name: Name {
                    schema: String::new(),
                    name: format!("type {typid}"),
                },
                typmod,
                kind: TypeKind::Other,
            };
        };
        Type {
            oid: typid,
            name: entry.name.clone(),
            typmod,
            kind: self.kind(entry, typmod, depth + 1),
        }
    }

    fn kind(&self, entry: &Entry, typmod: i32, depth: u32) -> TypeKind {
        let of = |typid, typmod| Box::new(self.at_depth(typid, typmod, depth));
        if let Some(element) = entry.element {
            // The typmod of an array is that of its elements.
            return TypeKind::Array(of(element, typmod));
        }
        match entry.typtype.as_str() {
            "e" => TypeKind::Enum(self.labels.get(&entry.typid).cloned().unwrap_or_default()),
            "d" => TypeKind::Domain {
                base: of(entry.typbasetype, entry.typtypmod),
                not_null: entry.typnotnull,
                checks: self.checks.get(&entry.typid).cloned().unwrap_or_default(),
            },
            "r" | "m" => match (entry.range_of, entry.multirange_of) {
                (Some(subtype), _) => TypeKind::Range(of(subtype, -1)),
                (_, Some(subtype)) => TypeKind::Multirange(of(subtype, -1)),
                (None, None) => TypeKind::Other,
            },
            "c" => match self.attributes.get(&entry.typrelid) {
                Some(attributes) => TypeKind::Composite(
                    attributes
                        .iter()
                        .map(|(name, typid, typmod)| (name.clone(), *of(*typid, *typmod)))
                        .collect(),
                ),
                None => TypeKind::Other,
            },
            _ => match &entry.extension {
                Some(extension) => TypeKind::Extension(extension.clone()),
                None if entry.typtype == "b" && entry.name.schema == "pg_catalog" => TypeKind::Base,
                None => TypeKind::Other,
            },
        }
    }
}

fn entry(row: &Row, view: &str) -> Result<Entry, PgError> {
    Ok(Entry {
        typid: get(row, view, "typid")?,
        name: Name {
            schema: get(row, view, "nspname")?,
            name: get(row, view, "typname")?,
        },
        typtype: get(row, view, "typtype")?,
        typrelid: get(row, view, "typrelid")?,
        typnotnull: get(row, view, "typnotnull")?,
        typbasetype: get(row, view, "typbasetype")?,
        typtypmod: get(row, view, "typtypmod")?,
        element: get(row, view, "element")?,
        range_of: get(row, view, "range_of")?,
        multirange_of: get(row, view, "multirange_of")?,
        extension: get(row, view, "extname")?,
    })
}

fn attribute(row: &Row, view: &str) -> Result<Attribute, PgError> {
    Ok((
        get(row, view, "attname")?,
        get(row, view, "atttypid")?,
        get(row, view, "atttypmod")?,
    ))
}
