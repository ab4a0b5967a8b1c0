//! Where nothing is loaded, with all reasons at once.

use std::fmt;

use super::LoadError;
use super::foreign_keys::{self, Edge};
use super::order::ordered;
use super::script::LoadOptions;
use super::sql::qualified;
use super::survey::{Relation, Survey};
use crate::collect::{Doubt, Refusal, doubts};
use crate::pg::Session;
use crate::pg::column::get;
use crate::seed::schema::Name;

/// A reason for which nothing is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it concerns: a table, or the server.
    pub what: String,
    /// Why, and what would help.
    pub why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl Refused {
    pub(super) fn new(what: impl fmt::Display, why: impl Into<String>) -> Self {
        Self {
            what: what.to_string(),
            why: why.into(),
        }
    }
}

/// Whether this is the database that the user has named, and one to fill.
///
/// # Errors
///
/// A reading that failed.
pub async fn permit(
    session: &Session,
    target_db: &str,
    despite: &[Refusal],
) -> Result<Vec<Refused>, LoadError> {
    let mut refused = Vec::new();
    let database = session.database();
    if database != target_db {
        refused.push(Refused::new(
            "the database",
            format!("--target-db says {target_db}, but the connection goes to {database}"),
        ));
    }
    if session.in_recovery() {
        refused.push(Refused::new(
            "the server",
            "it is a standby, to which nothing can be written: name the primary",
        ));
    }
    if session.through_pooler() == Some(true) {
        refused.push(Refused::new(
            "the server",
            "the connection goes through a pooler: rows are loaded on the server itself, name that one",
        ));
    }
    for doubt in doubts(session, despite).await? {
        let why = match &doubt {
            Doubt::Name(name) => format!("\"{name}\" sounds like production"),
            Doubt::Standbys(standbys) => {
                format!("{standbys} standbys or receivers follow it and would replay every row")
            }
            Doubt::Sessions(sessions) => {
                format!("{sessions} sessions of others use it, and would wait for the load")
            }
        };
        let refusal = doubt.refusal();
        let why = format!("{why}; --despite {refusal} overrides this");
        refused.push(Refused::new("the server", why));
    }
    Ok(refused)
}

/// Everything about these tables for which they cannot be filled, each with whether it gets any row.
///
/// # Errors
///
/// A reading that failed.
pub async fn refusals(
    session: &Session,
    tables: &[(Name, bool)],
    options: &LoadOptions,
) -> Result<Vec<Refused>, LoadError> {
    let names: Vec<Name> = tables.iter().map(|(name, _)| name.clone()).collect();
    let survey = Survey::read(session, &names).await?;
    of(session, &survey, tables, options).await
}

/// The same of what was read.
pub(super) async fn of(
    session: &Session,
    survey: &Survey,
    tables: &[(Name, bool)],
    options: &LoadOptions,
) -> Result<Vec<Refused>, LoadError> {
    let mut refused = Vec::new();
    let mut roots = Vec::new();
    for (name, gets_rows) in tables {
        let Some(table) = survey.table(name) else {
            refused.push(Refused::new(name, "there is no such table"));
            continue;
        };
        roots.push(table.oid);
        let before = refused.len();
        privileges(survey, table, &mut refused);
        let readable = refused.len() == before;
        triggers(survey, table, options, &mut refused);
        if *gets_rows {
            refused.extend(foreign_keys::to_partitions(survey, table.oid));
        }
        if readable && !is_empty(session, table).await? {
            refused.push(Refused::new(
                name,
                "it has rows, and only empty tables are filled: TRUNCATE it, leave it as it is with --exclude-table, or \
                 name another database",
            ));
        }
    }
    let keys = foreign_keys::changes(survey);
    if let Err(circle) = ordered(&roots, &keys.edges) {
        refused.push(Refused::new(
            format!("the foreign keys {}", circle.join(", ")),
            "they go round in a circle, so no table can come first: connect as the owner of these tables, who may take \
             them away while rows are copied, or make one of them DEFERRABLE",
        ));
    }
    Ok(refused)
}

fn privileges(survey: &Survey, table: &Relation, refused: &mut Vec<Refused>) {
    let name = &table.name;
    let grant = |what: &str, on: &str| {
        format!("the role may not {what} it: GRANT {what} ON {on} TO it, or connect as its owner")
    };
    if !table.may_use {
        let schema = format!("SCHEMA {}", super::sql::quoted(&name.schema));
        refused.push(Refused::new(name, grant("USAGE", &schema)));
    }
    if !table.may_insert {
        refused.push(Refused::new(name, grant("INSERT", &qualified(name))));
    }
    if !table.may_select {
        let why = grant("SELECT", &qualified(name));
        refused.push(Refused::new(
            name,
            format!("it cannot be seen whether it is empty; {why}"),
        ));
    }
    for member in survey.members(table.oid) {
        if member.row_security {
            refused.push(Refused::new(
                &member.name,
                "row security applies to the role, and COPY does not go together with it: connect as a role with \
                 BYPASSRLS, or as the owner of a table without FORCE ROW LEVEL SECURITY",
            ));
        }
        if member.kind == "f" {
            refused.push(Refused::new(
                &member.name,
                "it is a foreign table: rows would be written to another server",
            ));
        }
    }
    if !matches!(table.kind.as_str(), "r" | "p") {
        refused.push(Refused::new(name, "it is no table"));
    }
}

fn triggers(survey: &Survey, table: &Relation, options: &LoadOptions, refused: &mut Vec<Refused>) {
    let of_table = survey.triggers.iter().filter(|trigger| {
        survey.root_of(trigger.table) == Some(table.oid)
            && trigger.is_on_insert()
            && !trigger.is_harmless()
    });
    for trigger in of_table {
        let why = match options.triggers {
            Some(super::Triggers::Fire) => continue,
            Some(super::Triggers::Disable) if survey.is_owned(table.oid) => continue,
            Some(super::Triggers::Disable) => {
                "only its owner may switch it off: connect as the owner, or use --triggers fire"
                    .to_owned()
            }
            None => format!(
                "it calls {} for what is loaded: --triggers fire lets it, --triggers disable switches it off meanwhile",
                trigger.function
            ),
        };
        // A partition has the trigger of its table under the same name.
        let what = format!("trigger {} of {}", trigger.name, table.name);
        let refusal = Refused::new(what, why);
        if !refused.contains(&refusal) {
            refused.push(refusal);
        }
    }
}

async fn is_empty(session: &Session, table: &Relation) -> Result<bool, LoadError> {
    // A table that others inherit from is filled by itself; a partitioned one only has the rows of its partitions.
    let only = if table.is_partitioned() { "" } else { "ONLY " };
    let sql = format!(
        "SELECT /* dbperf */ EXISTS (SELECT FROM {only}{}) AS has_rows",
        qualified(&table.name)
    );
    let what = format!("looking whether {} is empty", table.name);
    let rows = session.rows(&what, &sql, &[]).await?;
    let row = crate::pg::column::only(rows, &what)?;
    Ok(!get::<bool>(&row, &what, "has_rows")?)
}

/// The keys that stay and can be deferred.
pub(super) fn can_be_deferred(edges: &[Edge]) -> bool {
    edges.iter().any(|edge| edge.deferrable)
}
