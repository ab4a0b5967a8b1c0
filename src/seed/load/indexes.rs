//! Indexes and the constraints that they hold up: taken away before the rows come, and put back as they were.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::sql::{beside, literal, marked, quoted};
use super::survey::Survey;
use crate::pg::PgError;
use crate::pg::column::get;
use crate::seed::schema::Name;

/// An index of a table, or of a partition.
#[derive(Debug, Clone)]
pub(super) struct Index {
    oid: u32,
    table: u32,
    name: String,
    /// `relkind`: `i`, or `I` of a partitioned table.
    kind: String,
    /// The index of the table above of which it is a part.
    parent: Option<u32>,
    definition: String,
    is_valid: bool,
    is_clustered: bool,
    is_replica_identity: bool,
    tablespace: Option<String>,
    may_use_tablespace: bool,
    has_options: bool,
    description: Option<String>,
    constraint: Option<Constraint>,
    /// `attnum` and target.
    statistics: Vec<(i32, i32)>,
    foreign_keys: Vec<u32>,
    needed_by: Vec<String>,
    of_extension: bool,
    /// Those that it calls and that may need the search path of whoever inserts.
    functions: Vec<String>,
}

#[derive(Debug, Clone)]
struct Constraint {
    name: String,
    /// `contype`: `p`, `u` or `x`.
    kind: String,
    deferrable: bool,
    deferred: bool,
    definition: String,
    description: Option<String>,
}

impl Index {
    pub(super) fn read(row: &Row, view: &str) -> Result<Self, PgError> {
        let columns: Vec<i32> = get(row, view, "statistics_columns")?;
        let targets: Vec<i32> = get(row, view, "statistics_targets")?;
        Ok(Self {
            oid: get(row, view, "indexrelid")?,
            table: get(row, view, "indrelid")?,
            name: get(row, view, "relname")?,
            kind: get(row, view, "relkind")?,
            parent: get(row, view, "parent")?,
            definition: get(row, view, "definition")?,
            is_valid: get(row, view, "is_valid")?,
            is_clustered: get(row, view, "indisclustered")?,
            is_replica_identity: get(row, view, "indisreplident")?,
            tablespace: get(row, view, "tablespace")?,
            may_use_tablespace: get(row, view, "may_use_tablespace")?,
            has_options: get(row, view, "has_options")?,
            description: get(row, view, "description")?,
            constraint: Constraint::read(row, view)?,
            statistics: columns.into_iter().zip(targets).collect(),
            foreign_keys: get(row, view, "foreign_keys")?,
            needed_by: get(row, view, "needed_by")?,
            of_extension: get(row, view, "of_extension")?,
            functions: get(row, view, "functions")?,
        })
    }

    /// Its constraint is made of the finished index: so its storage options are kept, which the text of a constraint
    /// leaves out. A primary key of a partition cannot be made so from 18 on: its NOT NULL would no longer be the
    /// table's, but its own.
    fn is_made_first(&self) -> bool {
        let can_be = |c: &Constraint| c.kind == "u" || (c.kind == "p" && self.parent.is_none());
        self.has_options
            && self.kind == "i"
            && self.definition.contains(" USING btree ")
            && self.constraint.as_ref().is_none_or(can_be)
    }

    /// The table that has it, where it is not valid.
    pub(super) fn invalid_of(&self) -> Option<u32> {
        (!self.is_valid).then_some(self.table)
    }

    /// Why it stays in place; `dropped` are the foreign keys that are gone before.
    fn stays(&self, dropped: &BTreeSet<u32>) -> Option<String> {
        if !self.is_valid {
            return Some("it is not valid".to_owned());
        }
        if self.of_extension {
            return Some("an extension depends on it".to_owned());
        }
        if let Some(other) = self.needed_by.first() {
            return Some(format!("{other} depends on it"));
        }
        if self.foreign_keys.iter().any(|key| !dropped.contains(key)) {
            return Some("a foreign key that stays in place refers to it".to_owned());
        }
        // From 17 on no index is built under the role's own path, whatever is set.
        if let Some(function) = self.functions.first() {
            return Some(format!(
                "it calls {function}, which may need the search path of whoever inserts"
            ));
        }
        (self.has_options && self.constraint.is_some() && !self.is_made_first())
            .then(|| "its storage options could not be given back".to_owned())
    }

    /// Why the owner of its table may not make it again.
    fn lacks(&self, survey: &Survey) -> Option<String> {
        let table = &survey.relations.get(&self.table)?;
        let on = match &self.tablespace {
            _ if !table.may_create => format!("SCHEMA {}", quoted(&table.name.schema)),
            Some(name) if !self.may_use_tablespace => format!("TABLESPACE {}", quoted(name)),
            _ => return None,
        };
        Some(format!(
            "the role may not make it again (GRANT CREATE ON {on} TO it)"
        ))
    }
}

impl Constraint {
    fn read(row: &Row, view: &str) -> Result<Option<Self>, PgError> {
        let Some(name) = get::<Option<String>>(row, view, "conname")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            name,
            kind: get(row, view, "contype")?,
            deferrable: get(row, view, "condeferrable")?,
            deferred: get(row, view, "condeferred")?,
            definition: get(row, view, "constraint_definition")?,
            description: get(row, view, "constraint_description")?,
        }))
    }
}

/// What is done with the indexes of the tables.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) drop: Vec<String>,
    pub(super) create: Vec<String>,
    /// Those that stay, with the reason.
    pub(super) notes: Vec<String>,
}

/// Takes away every index that can be given back as it was; `dropped` are the foreign keys that are gone before.
pub(super) fn changes(survey: &Survey, dropped: &BTreeSet<u32>) -> Changes {
    let all: BTreeMap<u32, &Index> = survey.indexes.iter().map(|i| (i.oid, i)).collect();
    let mut stay: BTreeMap<u32, Option<String>> = BTreeMap::new();
    for index in &survey.indexes {
        let owned = survey
            .root_of(index.table)
            .is_some_and(|root| survey.is_owned(root));
        let why = index
            .stays(dropped)
            .or_else(|| index.lacks(survey).filter(|_| owned));
        if !owned || why.is_some() {
            let entry = stay.entry(top(&all, index.oid)).or_default();
            *entry = entry.take().or(why);
        }
    }
    let mut changes = Changes::default();
    for index in survey.indexes.iter().filter(|i| top(&all, i.oid) == i.oid) {
        let Some(table) = survey.relations.get(&index.table) else {
            continue;
        };
        let name = beside(&table.name, &index.name);
        match stay.get(&index.oid) {
            Some(Some(why)) => changes.notes.push(format!(
                "index {} of {} stays while rows are copied: {why}",
                index.name, table.name
            )),
            Some(None) => {}
            None => {
                changes.drop.push(match &index.constraint {
                    Some(constraint) => format!(
                        "ALTER /* dbperf */ TABLE {} DROP CONSTRAINT {}",
                        survey.quoted(index.table),
                        quoted(&constraint.name)
                    ),
                    None => format!("DROP /* dbperf */ INDEX {name}"),
                });
                create(survey, &all, index, &mut changes.create);
            }
        }
    }
    changes
}

/// The index that an index is a part of, over all levels.
fn top(all: &BTreeMap<u32, &Index>, oid: u32) -> u32 {
    let mut top = oid;
    while let Some(parent) = all
        .get(&top)
        .and_then(|i| i.parent)
        .filter(|p| all.contains_key(p))
    {
        top = parent;
    }
    top
}

/// An index and then its parts, each joined to it: as `pg_dump` does it, so that every part keeps its name and what
/// else is its own.
fn create(survey: &Survey, all: &BTreeMap<u32, &Index>, index: &Index, out: &mut Vec<String>) {
    let Some(table) = survey.relations.get(&index.table) else {
        return;
    };
    if let Some(tablespace) = &index.tablespace {
        out.push(set_tablespace(tablespace));
    }
    build(&table.name, index, out);
    if index.tablespace.is_some() {
        out.push(set_tablespace(""));
    }
    finish(&table.name, index, out);
    let parts = all.values().filter(|part| part.parent == Some(index.oid));
    for part in parts {
        create(survey, all, part, out);
        if let Some(of) = survey.relations.get(&part.table) {
            out.push(format!(
                "ALTER /* dbperf */ INDEX {} ATTACH PARTITION {}",
                beside(&table.name, &index.name),
                beside(&of.name, &part.name)
            ));
        }
    }
}

/// The tablespace of what is created next; none is the database's own.
pub(super) fn set_tablespace(name: &str) -> String {
    format!(
        "SET /* dbperf */ LOCAL default_tablespace = {}",
        literal(name)
    )
}

fn build(table: &Name, index: &Index, out: &mut Vec<String>) {
    let add = |constraint: &Constraint, what: &str| {
        format!(
            "ALTER /* dbperf */ TABLE ONLY {} ADD CONSTRAINT {} {what}",
            beside(table, &table.name),
            quoted(&constraint.name)
        )
    };
    match &index.constraint {
        None => out.push(marked(&index.definition)),
        Some(constraint) if index.is_made_first() => {
            out.push(marked(&index.definition));
            let kind = if constraint.kind == "p" {
                "PRIMARY KEY"
            } else {
                "UNIQUE"
            };
            let deferred = match (constraint.deferrable, constraint.deferred) {
                (false, _) => "",
                (true, false) => " DEFERRABLE",
                (true, true) => " DEFERRABLE INITIALLY DEFERRED",
            };
            let using = format!("{kind} USING INDEX {}{deferred}", quoted(&index.name));
            out.push(add(constraint, &using));
        }
        Some(constraint) => out.push(add(constraint, &constraint.definition)),
    }
}

/// What neither definition says.
fn finish(table: &Name, index: &Index, out: &mut Vec<String>) {
    let name = beside(table, &index.name);
    let of = beside(table, &table.name);
    for (column, target) in &index.statistics {
        out.push(format!(
            "ALTER /* dbperf */ INDEX {name} ALTER COLUMN {column} SET STATISTICS {target}"
        ));
    }
    if let Some(text) = &index.description {
        let text = literal(text);
        out.push(format!("COMMENT /* dbperf */ ON INDEX {name} IS {text}"));
    }
    if let Some((constraint, text)) = index
        .constraint
        .as_ref()
        .and_then(|c| Some((&c.name, c.description.as_ref()?)))
    {
        out.push(comment_on_constraint(&of, constraint, text));
    }
    if index.is_clustered {
        out.push(format!(
            "ALTER /* dbperf */ TABLE {of} CLUSTER ON {}",
            quoted(&index.name)
        ));
    }
    if index.is_replica_identity {
        out.push(format!(
            "ALTER /* dbperf */ TABLE ONLY {of} REPLICA IDENTITY USING INDEX {}",
            quoted(&index.name)
        ));
    }
}

/// Gives a constraint of a table, whose name is quoted, its comment.
pub(super) fn comment_on_constraint(table: &str, constraint: &str, text: &str) -> String {
    format!(
        "COMMENT /* dbperf */ ON CONSTRAINT {} ON {table} IS {}",
        quoted(constraint),
        literal(text)
    )
}
