//! SQL that carries a verdict out, SQL that takes it back, and what it locks.

use crate::record::indexes::IndexFacts;

use super::look::Look;
use super::sql::{concurrently, qualified, quote_ident};

/// The lock note of a drop (PostgreSQL's manual, DROP INDEX).
pub const DROP_NOTE: &str = "SHARE UPDATE EXCLUSIVE lock; waits for every older transaction that \
    uses the table; not inside a transaction block; if it fails it leaves an invalid index";

/// The lock note of a drop of a partitioned index (PostgreSQL's manual, DROP INDEX, ALTER INDEX).
const DROP_PARTITIONED_NOTE: &str = "the index of a partitioned table cannot be dropped \
    concurrently: ACCESS EXCLUSIVE lock on the table and every partition; set lock_timeout. The undo \
    builds the partitions' indexes concurrently, one statement at a time, and attaches them";

/// The lock note of a drop of a constraint.
const DROP_CONSTRAINT_NOTE: &str = "ACCESS EXCLUSIVE lock: set lock_timeout; statements that say ON \
    CONFLICT ON CONSTRAINT with this name fail afterwards";

/// The lock note of a rebuild (PostgreSQL's manual, REINDEX).
pub const REBUILD_NOTE: &str = "SHARE UPDATE EXCLUSIVE lock; needs free space for one copy; \
    two scans of the table; waits for older transactions";

/// How to do it, how to undo it, what it locks.
pub(super) struct Drop {
    pub(super) sql: String,
    pub(super) undo: String,
    pub(super) note: String,
    /// What the undo does not bring back.
    pub(super) lost: Option<String>,
}

/// Drops an index, by its constraint where one owns it.
pub(super) fn drop(look: &Look<'_>, facts: &IndexFacts) -> Drop {
    let name = qualified(&facts.schemaname, &facts.indexrelname);
    let lost = facts
        .has_comment
        .then(|| "its comment is not brought back by the undo".to_owned());
    if let Some(constraint) = &facts.constraint_name {
        let table = qualified(&facts.schemaname, &facts.relname);
        let (constraint, index) = (quote_ident(constraint), quote_ident(&facts.indexrelname));
        return Drop {
            sql: format!("ALTER TABLE {table} DROP CONSTRAINT {constraint};"),
            undo: format!(
                "{} ALTER TABLE {table} ADD CONSTRAINT {constraint} UNIQUE USING INDEX {index};",
                create(facts)
            ),
            note: DROP_CONSTRAINT_NOTE.to_owned(),
            lost,
        };
    }
    if facts.relkind == "I" {
        return Drop {
            sql: format!("DROP INDEX {name};"),
            undo: create_partitioned(look, facts).join(" "),
            note: DROP_PARTITIONED_NOTE.to_owned(),
            lost,
        };
    }
    Drop {
        sql: format!("DROP INDEX CONCURRENTLY {name};"),
        undo: create(facts),
        note: DROP_NOTE.to_owned(),
        lost,
    }
}

/// Creates the same index again: its definition, its tablespace, and what a definition leaves out.
fn create(facts: &IndexFacts) -> String {
    let mut statements = vec![in_its_tablespace(facts, concurrently)];
    statements.extend(settings(facts));
    statements.join(" ")
}

/// The parent without its partitions, each partition's index, and their attachment.
fn create_partitioned(look: &Look<'_>, facts: &IndexFacts) -> Vec<String> {
    // The definition says ON ONLY, so the parent is created alone and at once.
    let mut statements = vec![in_its_tablespace(facts, |definition| {
        format!("{definition};")
    })];
    statements.extend(settings(facts));
    let parent = qualified(&facts.schemaname, &facts.indexrelname);
    for child in look.children(facts) {
        if child.relkind == "I" {
            statements.extend(create_partitioned(look, child));
        } else {
            statements.push(create(child));
        }
        let child = qualified(&child.schemaname, &child.indexrelname);
        statements.push(format!("ALTER INDEX {parent} ATTACH PARTITION {child};"));
    }
    statements
}

/// `pg_get_indexdef` leaves the tablespace out; the grammar wants it before the predicate.
fn in_its_tablespace(facts: &IndexFacts, statement: impl Fn(&str) -> String) -> String {
    let definition = &facts.definition;
    let Some(tablespace) = &facts.tablespace else {
        return statement(definition);
    };
    let tablespace = quote_ident(tablespace);
    let predicate = facts.predicate.as_ref().map(|p| format!(" WHERE {p}"));
    let predicate = predicate.unwrap_or_default();
    match definition.strip_suffix(&predicate) {
        Some(rest) => statement(&format!("{rest} TABLESPACE {tablespace}{predicate}")),
        // Another form of the same predicate: the setting has the same effect.
        None => format!(
            "SET default_tablespace = {tablespace}; {} RESET default_tablespace;",
            statement(definition)
        ),
    }
}

/// What a definition does not show.
fn settings(facts: &IndexFacts) -> Vec<String> {
    let name = qualified(&facts.schemaname, &facts.indexrelname);
    let targets = facts.stat_targets.iter();
    let mut statements: Vec<String> = targets
        .map(|(column, target)| {
            format!("ALTER INDEX {name} ALTER COLUMN {column} SET STATISTICS {target};")
        })
        .collect();
    if facts.indisclustered {
        let table = qualified(&facts.schemaname, &facts.relname);
        let index = quote_ident(&facts.indexrelname);
        statements.push(format!("ALTER TABLE {table} CLUSTER ON {index};"));
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run_with_indexes};

    fn undo_of(facts: IndexFacts) -> String {
        let run = run_with_indexes(vec![(facts, 0)]);
        let look = Look::new(&run).unwrap();
        drop(&look, &look.facts[0]).undo
    }

    #[test]
    fn a_tablespace_and_targets_come_back() {
        let mut facts = index(1, 1, "i", &[0]);
        facts.tablespace = Some("Fast disk".to_owned());
        facts.predicate = Some("(a > 0)".to_owned());
        facts.definition =
            "CREATE INDEX i ON public.tasks USING btree (lower(name)) WHERE (a > 0)".to_owned();
        facts.stat_targets = vec![(1, 500)];
        facts.indisclustered = true;
        assert_eq!(
            undo_of(facts),
            "CREATE INDEX CONCURRENTLY i ON public.tasks USING btree (lower(name)) TABLESPACE \
             \"Fast disk\" WHERE (a > 0); ALTER INDEX public.i ALTER COLUMN 1 SET STATISTICS 500; \
             ALTER TABLE public.tasks CLUSTER ON i;"
        );
    }

    #[test]
    fn a_partitioned_index_comes_back_with_its_children() {
        let mut parent = index(1, 1, "p", &[2]);
        parent.relkind = "I".to_owned();
        parent.definition = "CREATE INDEX p ON ONLY public.tasks USING btree (a)".to_owned();
        let mut child = index(2, 2, "c", &[2]);
        child.parent = Some(1);
        let run = run_with_indexes(vec![(parent, 0), (child, 0)]);
        let look = Look::new(&run).unwrap();
        let drop = drop(&look, &look.facts[0]);
        assert_eq!(drop.sql, "DROP INDEX public.p;");
        assert_eq!(
            drop.undo,
            "CREATE INDEX p ON ONLY public.tasks USING btree (a); CREATE INDEX CONCURRENTLY c ON \
             public.tasks USING btree (x); ALTER INDEX public.p ATTACH PARTITION public.c;"
        );
        assert!(drop.note.contains("ACCESS EXCLUSIVE"));
    }
}
