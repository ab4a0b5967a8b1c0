//! The catalogue SQL by version: `queries/catalog/<view>/<since>.sql`.
//!
//! `<since>` is the first version with that shape: the extension's version for the views of an
//! extension, the server's major version otherwise. All variants of one view return the same
//! names and types in the same order; a column that a version lacks is a typed NULL. The SQL
//! fetches raw columns: no rounding, threshold, `LIMIT` or arithmetic. Every statement carries
//! the marker `/* dbperf */` after its first keyword, because PostgreSQL 18 strips leading
//! comments from what `pg_stat_statements` keeps.

use super::PgError;

pub use crate::record::MARKER;

/// A server's major version as `(15, 0)`, or an extension's version as `(1, 10)`.
pub type Since = (u32, u32);

/// One view and its SQL by version.
#[derive(Debug)]
pub struct View {
    /// Name of the view, and of the folder of its SQL.
    pub name: &'static str,
    /// What the versions count: `PostgreSQL` or the name of the extension.
    pub axis: &'static str,
    /// SQL by first version, oldest first.
    pub variants: &'static [(Since, &'static str)],
}

impl View {
    /// The newest variant that is not newer than `version`.
    ///
    /// # Errors
    ///
    /// [`PgError::ViewTooNew`] where every variant is newer.
    pub fn select(&self, version: Since) -> Result<&'static str, PgError> {
        let fits = self
            .variants
            .iter()
            .rev()
            .find(|(since, _)| *since <= version);
        fits.map(|(_, sql)| *sql)
            .ok_or_else(|| PgError::ViewTooNew {
                view: self.name,
                axis: self.axis,
                needed: self
                    .variants
                    .first()
                    .map(|(s, _)| shown(*s))
                    .unwrap_or_default(),
                has: shown(version),
            })
    }
}

fn shown((major, minor): Since) -> String {
    // A server's version has no second part here, an extension's always has.
    if major >= 10 && minor == 0 {
        major.to_string()
    } else {
        format!("{major}.{minor}")
    }
}

/// Reads an extension's version such as `1.10`.
#[must_use]
pub fn extension_version(text: &str) -> Option<Since> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

macro_rules! views {
    ($list:ident, $axis:literal: $($(#[$doc:meta])* $ident:ident = $name:literal [$($file:literal $since:expr),+];)+) => {
        $(
            $(#[$doc])*
            pub static $ident: View = View {
                name: $name,
                axis: $axis,
                variants: &[$((
                    $since,
                    include_str!(concat!("../../queries/catalog/", $name, "/", $file, ".sql")),
                )),+],
            };
        )+
        static $list: &[&View] = &[$(&$ident),+];
    };
}

views! { EXTENSION_VIEWS, "pg_stat_statements":
    /// Counters of every entry, without texts.
    PG_STAT_STATEMENTS = "pg_stat_statements"
        ["1.8" (1, 8), "1.9" (1, 9), "1.10" (1, 10), "1.11" (1, 11), "1.12" (1, 12)];
    /// Texts of given ids.
    PG_STAT_STATEMENTS_TEXT = "pg_stat_statements_text" ["1.8" (1, 8)];
    /// Evictions and the last full reset.
    PG_STAT_STATEMENTS_INFO = "pg_stat_statements_info" ["1.9" (1, 9)];
}

views! { TUPLE_VIEWS, "pgstattuple":
    /// What a table holds beside live rows.
    PGSTATTUPLE_APPROX = "pgstattuple_approx" ["1.5" (1, 5)];
    /// How full the pages of a btree are.
    PGSTATINDEX = "pgstatindex" ["1.5" (1, 5)];
}

views! { SERVER_VIEWS, "PostgreSQL":
    /// Constraints that older rows may break.
    CONSTRAINTS_NOT_VALIDATED = "constraints_not_validated" ["13" (13, 0), "18" (18, 0)];
    /// How many transactions ago the oldest rows of every database were frozen.
    DATABASE_AGE = "database_age" ["13" (13, 0)];
    /// Sessions with a transaction or a snapshot.
    OPEN_TRANSACTIONS = "open_transactions" ["13" (13, 0), "14" (14, 0)];
    /// Columns of tables.
    PG_ATTRIBUTE = "pg_attribute" ["13" (13, 0)];
    /// Where HypoPG is installed, and its version.
    HYPOPG = "hypopg" ["13" (13, 0)];
    /// What the planner knows of the columns of given tables, without values.
    PLANNER_COLUMNS = "planner_columns" ["13" (13, 0)];
    /// Who blocks given sessions.
    PG_BLOCKING_PIDS = "pg_blocking_pids" ["13" (13, 0)];
    /// Tables.
    PG_CLASS = "pg_class" ["13" (13, 0)];
    /// Foreign keys.
    PG_CONSTRAINT = "pg_constraint" ["13" (13, 0)];
    /// Timeline.
    PG_CONTROL_CHECKPOINT = "pg_control_checkpoint" ["13" (13, 0)];
    /// System identifier.
    PG_CONTROL_SYSTEM = "pg_control_system" ["13" (13, 0)];
    /// Position of a primary.
    PG_CURRENT_WAL_LSN = "pg_current_wal_lsn" ["13" (13, 0)];
    /// Databases by oid.
    PG_DATABASE = "pg_database" ["13" (13, 0)];
    /// Size of the current database.
    DATABASE_SIZE = "database_size" ["13" (13, 0)];
    /// Extensions.
    PG_EXTENSION = "pg_extension" ["13" (13, 0)];
    /// Indexes.
    PG_INDEX = "pg_index" ["13" (13, 0), "15" (15, 0)];
    /// Prepared transactions.
    PG_PREPARED_XACTS = "pg_prepared_xacts" ["13" (13, 0)];
    /// Replication slots.
    PG_REPLICATION_SLOTS = "pg_replication_slots" ["13" (13, 0), "17" (17, 0)];
    /// Roles by oid.
    PG_ROLES = "pg_roles" ["13" (13, 0)];
    /// Sequences with their columns, without their values.
    PG_SEQUENCE = "pg_sequence" ["13" (13, 0)];
    /// Settings.
    PG_SETTINGS = "pg_settings" ["13" (13, 0)];
    /// Statistics over several columns or an expression.
    PG_STATISTIC_EXT = "pg_statistic_ext" ["13" (13, 0)];
    /// Sessions.
    PG_STAT_ACTIVITY = "pg_stat_activity" ["13" (13, 0), "14" (14, 0)];
    /// Background writer.
    PG_STAT_BGWRITER = "pg_stat_bgwriter" ["13" (13, 0)];
    /// Checkpointer; before 17 the same columns of `pg_stat_bgwriter`.
    PG_STAT_CHECKPOINTER = "pg_stat_checkpointer" ["13" (13, 0), "17" (17, 0)];
    /// Databases' counters.
    PG_STAT_DATABASE = "pg_stat_database" ["13" (13, 0), "14" (14, 0)];
    /// I/O by backend type, object and context.
    PG_STAT_IO = "pg_stat_io" ["16" (16, 0)];
    /// Vacuums that are running.
    PG_STAT_PROGRESS_VACUUM = "pg_stat_progress_vacuum" ["13" (13, 0)];
    /// Standbys as the primary sees them.
    PG_STAT_REPLICATION = "pg_stat_replication" ["13" (13, 0)];
    /// The own session's encryption, as the server sees it.
    PG_STAT_SSL = "pg_stat_ssl" ["13" (13, 0)];
    /// Indexes' counters.
    PG_STAT_USER_INDEXES = "pg_stat_user_indexes" ["13" (13, 0), "16" (16, 0)];
    /// Tables' counters.
    PG_STAT_USER_TABLES = "pg_stat_user_tables" ["13" (13, 0), "16" (16, 0)];
    /// The planner's statistics of one column, values as text.
    PG_STATS = "pg_stats" ["13" (13, 0)];
    /// Write-ahead log.
    PG_STAT_WAL = "pg_stat_wal" ["14" (14, 0)];
    /// Indexes' blocks.
    PG_STATIO_USER_INDEXES = "pg_statio_user_indexes" ["13" (13, 0)];
    /// Tables' blocks.
    PG_STATIO_USER_TABLES = "pg_statio_user_tables" ["13" (13, 0)];
    /// Prepared transactions that given sessions wait for.
    PREPARED_BLOCKERS = "prepared_blockers" ["13" (13, 0)];
    /// How many transactions ago the oldest rows of every table were frozen.
    RELATION_AGE = "relation_age" ["13" (13, 0)];
    /// Last values of given sequences.
    SEQUENCE_LAST_VALUE = "sequence_last_value" ["13" (13, 0)];
    /// Triggers that somebody made and that are not switched off.
    PG_TRIGGER = "pg_trigger" ["13" (13, 0)];
    /// Foreign keys from and to tables that are to be filled.
    LOAD_FOREIGN_KEYS = "load_foreign_keys" ["13" (13, 0), "18" (18, 0)];
    /// Their indexes, as they have to be known to drop them and create them again.
    LOAD_INDEXES = "load_indexes" ["13" (13, 0)];
    /// Tables that are to be filled with their partitions, and what the role may do with them.
    LOAD_RELATIONS = "load_relations" ["13" (13, 0), "17" (17, 0)];
    /// Sequences that number their columns.
    LOAD_SEQUENCES = "load_sequences" ["13" (13, 0)];
    /// Their triggers.
    LOAD_TRIGGERS = "load_triggers" ["13" (13, 0)];
    /// Nothing: the round trip itself.
    PING = "ping" ["13" (13, 0)];
    /// One index by its name, as it has to be known to drop it and create it again.
    PROOF_INDEX = "proof_index" ["13" (13, 0)];
    /// Sizes of tables and indexes, those under an exclusive lock left out.
    RELATION_SIZE = "relation_size" ["13" (13, 0)];
    /// Sets the guards of a session or, behind a pooler, of a transaction.
    GUARD = "guard" ["13" (13, 0), "14" (14, 0), "17" (17, 0)];
    /// Reads the guards back.
    GUARD_CHECK = "guard_check" ["13" (13, 0), "14" (14, 0), "17" (17, 0)];
    /// Identity and privileges.
    SERVER = "server" ["13" (13, 0), "14" (14, 0)];
    /// What tells one life of a server from another.
    SERVER_LIFE = "server_life" ["13" (13, 0)];
    /// Columns of one table by its name, and whether they may be read.
    TABLE_COLUMNS = "table_columns" ["13" (13, 0)];
    /// Attributes of composite types.
    SEED_ATTRIBUTES = "seed_attributes" ["13" (13, 0)];
    /// Columns of tables as they have to be known to fill them.
    SEED_COLUMNS = "seed_columns" ["13" (13, 0)];
    /// CHECK, FOREIGN KEY and EXCLUDE constraints of tables and domains.
    SEED_CONSTRAINTS = "seed_constraints" ["13" (13, 0), "18" (18, 0)];
    /// Labels of enums.
    SEED_ENUMS = "seed_enums" ["13" (13, 0)];
    /// Unique indexes.
    SEED_KEYS = "seed_keys" ["13" (13, 0), "15" (15, 0)];
    /// The planner's statistics of columns, with or without values.
    SEED_STATS = "seed_stats" ["13" (13, 0)];
    /// The planner's statistics over several columns, with or without values.
    SEED_STATS_EXT = "seed_stats_ext" ["13" (13, 0), "14" (14, 0), "15" (15, 0)];
    /// Tables and partitions as they have to be known to fill them.
    SEED_TABLES = "seed_tables" ["13" (13, 0), "14" (14, 0)];
    /// Triggers that fire for an ordinary session.
    SEED_TRIGGERS = "seed_triggers" ["13" (13, 0)];
    /// Types.
    SEED_TYPES = "seed_types" ["13" (13, 0), "14" (14, 0)];
    /// When cumulative statistics were last reset.
    STATS_RESETS = "stats_resets" ["13" (13, 0)];
    /// The first statement of a session, before its guards.
    SESSION = "session" ["13" (13, 0)];
    /// A standby's own positions and its receiver.
    STANDBY = "standby" ["13" (13, 0), "14" (14, 0)];
}

/// Every view, for tests of shape.
pub fn all() -> impl Iterator<Item = &'static View> {
    let all = EXTENSION_VIEWS
        .iter()
        .chain(TUPLE_VIEWS)
        .chain(SERVER_VIEWS);
    all.copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The SQL without its comments.
    fn code(sql: &str) -> String {
        let lines = sql.lines().map(|l| l.split("--").next().unwrap_or(""));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_file_is_in_the_list_and_every_entry_has_its_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/catalog");
        let mut files = BTreeSet::new();
        for folder in std::fs::read_dir(&root).unwrap() {
            let folder = folder.unwrap();
            for file in std::fs::read_dir(folder.path()).unwrap() {
                let file = file.unwrap().file_name().into_string().unwrap();
                let since = file.strip_suffix(".sql").unwrap().to_owned();
                files.insert((folder.file_name().into_string().unwrap(), since));
            }
        }
        let entries: BTreeSet<_> = all()
            .flat_map(|v| {
                v.variants
                    .iter()
                    .map(|(s, _)| (v.name.to_owned(), shown(*s)))
            })
            .collect();
        assert_eq!(files, entries);
    }

    #[test]
    fn every_statement_is_marked_raw_and_single() {
        for view in all() {
            for (since, sql) in view.variants {
                let name = format!("{}/{}", view.name, shown(*since));
                assert!(sql.starts_with("SELECT /* dbperf */\n"), "{name}: marker");
                let code = code(sql);
                let upper = code.to_uppercase();
                // Names of columns may end in it.
                assert!(
                    upper.split_whitespace().all(|w| w != "LIMIT"),
                    "{name}: LIMIT"
                );
                for banned in ["ROUND(", "COALESCE", "SUM(", " / ", " * ", " - ", " + "] {
                    let hits = upper.match_indices(banned).count();
                    assert_eq!(hits, 0, "{name}: {banned}");
                }
                assert!(
                    !code.contains(';'),
                    "{name}: one statement without semicolon"
                );
            }
        }
    }

    #[test]
    fn variants_are_in_order() {
        for view in all() {
            assert!(
                view.variants.is_sorted_by(|a, b| a.0 < b.0),
                "{}",
                view.name
            );
        }
    }

    #[test]
    fn the_newest_variant_not_newer_than_the_server_is_taken() {
        let sql = |version| PG_STAT_STATEMENTS.select(version).unwrap();
        assert!(sql((1, 8)).contains("NULL::bool AS toplevel"));
        assert!(sql((1, 13)).contains("parallel_workers_launched"));
        assert_eq!(sql((1, 12)), sql((1, 13)));
        let error = PG_STAT_IO.select((15, 0)).unwrap_err().to_string();
        assert_eq!(
            error,
            "pg_stat_io needs PostgreSQL 16 or newer, and this is 15"
        );
        assert_eq!(extension_version("1.10"), Some((1, 10)));
        assert_eq!(extension_version("x"), None);
    }
}
