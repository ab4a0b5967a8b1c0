//! Triggers that rows would fire.

use tokio_postgres::Row;

use super::sql::quoted;
use super::survey::Survey;
use crate::pg::PgError;
use crate::pg::column::get;
use crate::seed::schema::Name;

/// What is done with triggers on INSERT that somebody made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triggers {
    /// They fire, as for any other row.
    Fire,
    /// They are switched off in the transaction that loads, and on again at its end.
    Disable,
}

/// Bits of `tgtype`.
const INSERT: i16 = 4;
const TRUNCATE: i16 = 32;

/// Functions of the server whose triggers only fill a column of their own row, or do nothing on INSERT.
const HARMLESS: [&str; 3] = [
    "suppress_redundant_updates_trigger",
    "tsvector_update_trigger",
    "tsvector_update_trigger_column",
];

/// An enabled trigger.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) table: u32,
    pub(super) name: String,
    kind: i16,
    /// `tgenabled`: `O`, or `A` where it fires always.
    enabled: String,
    pub(super) function: Name,
}

impl Trigger {
    pub(super) fn read(row: &Row, view: &str) -> Result<Self, PgError> {
        Ok(Self {
            table: get(row, view, "tgrelid")?,
            name: get(row, view, "tgname")?,
            kind: get(row, view, "tgtype")?,
            enabled: get(row, view, "tgenabled")?,
            function: Name {
                schema: get(row, view, "function_schema")?,
                name: get(row, view, "function_name")?,
            },
        })
    }

    /// Rows that come fire it.
    pub(super) fn is_on_insert(&self) -> bool {
        self.kind & INSERT != 0
    }

    /// TRUNCATE fires it.
    pub(super) fn is_on_truncate(&self) -> bool {
        self.kind & TRUNCATE != 0
    }

    /// Nobody need be asked whether it may fire.
    pub(super) fn is_harmless(&self) -> bool {
        self.function.schema == "pg_catalog" && HARMLESS.contains(&self.function.name.as_str())
    }

    /// Switches it off, and on again as it was. ONLY: each partition's is named by itself.
    pub(super) fn off_and_on(&self, survey: &Survey) -> (String, String) {
        let table = survey.quoted(self.table);
        let name = quoted(&self.name);
        let always = if self.enabled == "A" { "ALWAYS " } else { "" };
        (
            format!("ALTER /* dbperf */ TABLE ONLY {table} DISABLE TRIGGER {name}"),
            format!("ALTER /* dbperf */ TABLE ONLY {table} ENABLE {always}TRIGGER {name}"),
        )
    }
}
