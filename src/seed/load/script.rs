//! The statements of a load, in their order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::foreign_keys;
use super::indexes;
use super::order::ordered;
use super::refuse::can_be_deferred;
use super::sequences::{Sequence, sequences};
use super::sql::{qualified, quoted};
use super::survey::{Relation, Survey};
use super::{LoadError, Triggers};
use crate::pg::Session;
use crate::seed::rows::Rows;
use crate::seed::schema::Name;

/// How tables are filled.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions {
    /// Threads that make rows.
    pub jobs: usize,
    /// What is done with triggers; `None` refuses tables that have any.
    pub triggers: Option<Triggers>,
}

/// How one table is copied.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    /// Its place in the list of tables.
    pub(super) table: usize,
    pub(super) sql: String,
    /// Rows are sent. A table of which no column is sent gets its rows by INSERT.
    pub(super) is_sent: bool,
    pub(super) frozen: bool,
    /// In one statement: a statement's end is when somebody looks at all of its rows.
    pub(super) whole: bool,
}

/// Everything between BEGIN and COMMIT, and what follows.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) before: Vec<String>,
    pub(super) copies: Vec<Copy>,
    pub(super) after: Vec<String>,
    pub(super) sequences: Vec<Sequence>,
    /// After COMMIT, by table.
    pub(super) vacuum: Vec<(usize, String)>,
    pub(super) notes: Vec<String>,
}

/// Locks the tables that are the role's own: nobody puts rows into them between the look and the load.
pub(super) fn lock(survey: &Survey, rows: &[Arc<dyn Rows>]) -> Option<String> {
    let owned = rows.iter().filter_map(|rows| {
        let table = survey.table(rows.name())?;
        survey.is_owned(table.oid).then(|| qualified(&table.name))
    });
    let owned: Vec<String> = owned.collect();
    (!owned.is_empty()).then(|| {
        format!(
            "LOCK /* dbperf */ TABLE {} IN ACCESS EXCLUSIVE MODE",
            owned.join(", ")
        )
    })
}

/// The statements for tables that nothing speaks against.
pub(super) fn script(survey: &Survey, rows: &[Arc<dyn Rows>], options: &LoadOptions) -> Script {
    let keys = foreign_keys::changes(survey);
    let changes = indexes::changes(survey, &keys.dropped);
    let mut script = Script {
        before: vec![indexes::set_tablespace("")],
        ..Script::default()
    };
    script.before.extend(keys.drop.iter().cloned());
    script.before.extend(changes.drop);
    if can_be_deferred(&keys.edges) {
        script
            .before
            .push("SET /* dbperf */ CONSTRAINTS ALL DEFERRED".to_owned());
    }
    let mut switched_on = Vec::new();
    for trigger in survey.triggers.iter().filter(|t| t.is_on_insert()) {
        if options.triggers == Some(Triggers::Disable) && !trigger.is_harmless() {
            let (off, on) = trigger.off_and_on(survey);
            script.before.push(off);
            switched_on.push(on);
        }
    }
    script.add_copies(survey, rows, &keys);
    script.after = changes.create;
    script.after.extend(keys.create);
    script.after.extend(switched_on);
    let (sequences, unset) = sequences(survey);
    script.sequences = sequences;
    for notes in [changes.notes, keys.notes, unset] {
        script.notes.extend(notes);
    }
    script
}

impl Script {
    /// Every table in the order in which they are filled, with what comes before and after its rows.
    fn add_copies(
        &mut self,
        survey: &Survey,
        rows: &[Arc<dyn Rows>],
        keys: &foreign_keys::Changes,
    ) {
        let oid = |rows: &Arc<dyn Rows>| Some(survey.table(rows.name())?.oid);
        let oids: Vec<u32> = rows.iter().filter_map(oid).collect();
        let order = ordered(&oids, &keys.edges).unwrap_or_else(|_| oids.clone());
        let own_keys: BTreeSet<u32> = keys.edges.iter().map(|e| e.from).collect();
        for oid in order {
            let place = rows
                .iter()
                .position(|r| survey.table(r.name()).is_some_and(|t| t.oid == oid));
            let (Some(place), Some(table)) = (place, survey.relations.get(&oid)) else {
                continue;
            };
            let rows = rows[place].as_ref();
            let is_sent = !rows.columns().is_empty();
            let frozen = is_sent && self.truncate(survey, table, &keys.referenced);
            self.copies.push(Copy {
                table: place,
                sql: if is_sent {
                    copy(rows, frozen)
                } else {
                    insert(rows)
                },
                is_sent,
                frozen,
                whole: own_keys.contains(&oid) || has_triggers(survey, oid),
            });
            self.vacuum
                .extend(vacuum(table, &mut self.notes).map(|sql| (place, sql)));
        }
    }

    /// Empties a table that may be, so that it takes rows that are frozen; says whether it does.
    fn truncate(&mut self, survey: &Survey, table: &Relation, referenced: &BTreeSet<u32>) -> bool {
        if !is_truncated(survey, table, referenced) {
            return false;
        }
        if let Some(by) = table.sent_by() {
            self.notes.push(format!(
                "rows of {} are not frozen: {by} would send the TRUNCATE that this needs, and empty the table elsewhere",
                table.name
            ));
            return false;
        }
        self.before.push(format!(
            "TRUNCATE /* dbperf */ TABLE ONLY {}",
            qualified(&table.name)
        ));
        true
    }
}

/// A table that was emptied in the same transaction takes rows that are frozen, and needs no write-ahead log where
/// `wal_level` is minimal. What is emptied was empty before, under a lock. An index that is not valid would be built
/// with it, and so be valid.
fn is_truncated(survey: &Survey, table: &Relation, referenced: &BTreeSet<u32>) -> bool {
    let mut triggers = survey.triggers.iter();
    !table.is_partitioned()
        && table.is_owned
        && !referenced.contains(&table.oid)
        && !triggers.any(|t| t.table == table.oid && t.is_on_truncate())
        && !survey
            .indexes
            .iter()
            .any(|i| i.invalid_of() == Some(table.oid))
}

fn has_triggers(survey: &Survey, root: u32) -> bool {
    let mut triggers = survey.triggers.iter();
    triggers.any(|t| survey.root_of(t.table) == Some(root) && t.is_on_insert())
}

fn copy(rows: &dyn Rows, frozen: bool) -> String {
    let columns: Vec<String> = rows.columns().iter().map(|c| quoted(c)).collect();
    let freeze = if frozen { ", FREEZE" } else { "" };
    format!(
        "COPY /* dbperf */ {} ({}) FROM STDIN (FORMAT binary{freeze})",
        qualified(rows.name()),
        columns.join(", ")
    )
}

/// COPY takes no empty list of columns, and without a list it takes all of them.
fn insert(rows: &dyn Rows) -> String {
    format!(
        "INSERT /* dbperf */ INTO {} SELECT FROM pg_catalog.generate_series(1, {})",
        qualified(rows.name()),
        rows.rows()
    )
}

fn vacuum(table: &Relation, notes: &mut Vec<String>) -> Option<String> {
    if !table.may_vacuum {
        notes.push(format!(
            "{} has no statistics for the planner until somebody runs ANALYZE: the role may not",
            table.name
        ));
        return None;
    }
    Some(format!(
        "VACUUM /* dbperf */ (ANALYZE) {}",
        qualified(&table.name)
    ))
}

/// Every statement that a load of these rows would send, read from the server as it is now. Numbers that are known
/// only when the rows are there are named in angle brackets.
///
/// # Errors
///
/// A reading that failed.
pub async fn statements(
    session: &Session,
    rows: &[Arc<dyn Rows>],
    options: &LoadOptions,
) -> Result<Vec<String>, LoadError> {
    let names: Vec<Name> = rows.iter().map(|r| r.name().clone()).collect();
    let survey = Survey::read(session, &names).await?;
    let script = script(&survey, rows, options);
    let mut all = vec![Session::BEGIN_WRITING.to_owned()];
    all.extend(lock(&survey, rows));
    all.extend(script.before);
    all.extend(script.copies.into_iter().map(|copy| copy.sql));
    all.push(SETTLE.to_owned());
    all.extend(script.after);
    for sequence in &script.sequences {
        all.extend(sequence.last.iter().cloned());
        all.push(sequence.shown());
    }
    all.push(COMMIT.to_owned());
    all.extend(script.vacuum.into_iter().map(|(_, sql)| sql));
    Ok(all)
}

/// What was deferred is done when all rows are there.
pub(super) const SETTLE: &str = "SET /* dbperf */ CONSTRAINTS ALL IMMEDIATE";

/// The end of the transaction.
pub(super) const COMMIT: &str = "COMMIT /* dbperf */";
