//! What the role or the installation lacks, and the statement or setting that would help.

use super::ledger::Ledger;
use super::pg_stat_statements::quote_ident;
use crate::pg::Extension;
use crate::record::Status;
use crate::record::server::Server;

const STATEMENTS: &str = "pg_stat_statements";

/// Whether `pg_stat_statements` can be read at all; otherwise the ledger says why not.
pub(super) fn statements_usable(
    server: &Server,
    extension: Option<&Extension>,
    ledger: &mut Ledger,
) -> bool {
    // Settings of a module are visible once it is loaded, and to everybody.
    let loaded = server.setting("pg_stat_statements.max").is_some();
    let create = format!(
        "run CREATE EXTENSION pg_stat_statements in database {}",
        quote_ident(&server.database)
    );
    let preload = "add pg_stat_statements to shared_preload_libraries and restart the server";
    let problem = match (loaded, extension) {
        (true, Some(_)) => None,
        (true, None) => Some(format!(
            "the module is preloaded but the extension does not exist in this database: {create}"
        )),
        (false, Some(_)) => Some(format!(
            "the extension exists but its module is not preloaded: {preload}"
        )),
        (false, None) => Some(format!(
            "the extension is not installed: {preload}, then {create}"
        )),
    };
    let usable = problem.is_none();
    if let Some(problem) = problem {
        ledger.note(STATEMENTS, Status::Failed, problem);
    }
    usable
}

/// Remarks on how much of the statements is seen.
pub(super) fn statements_limits(server: &Server, extension: &Extension, ledger: &mut Ledger) {
    let grant = grant_monitor(server);
    if !server.privileges.read_all_stats {
        ledger.note(
            STATEMENTS,
            Status::Partial,
            format!("texts and ids of other roles' statements are hidden: {grant}"),
        );
    }
    if server.setting("pg_stat_statements.track") == Some("none") {
        ledger.note(
            STATEMENTS,
            Status::Failed,
            "pg_stat_statements.track is none, so nothing is recorded: set it to top",
        );
    }
    if let Some(default) = &extension.default_version
        && *default != extension.version
    {
        ledger.note(
            STATEMENTS,
            Status::Ok,
            format!(
                "the extension has version {}, the server brings {default}: ALTER EXTENSION \
                 pg_stat_statements UPDATE adds columns",
                extension.version
            ),
        );
    }
    if server.setting_on("track_io_timing") == Some(false) {
        ledger.note(
            STATEMENTS,
            Status::Ok,
            "block read and write times are not measured: track_io_timing is off",
        );
    }
    if server.setting_on("pg_stat_statements.track_planning") == Some(false) {
        ledger.note(
            STATEMENTS,
            Status::Ok,
            "planning times are not measured: pg_stat_statements.track_planning is off",
        );
    }
}

/// Remarks on what the role may see apart from statements.
pub(super) fn privileges(server: &Server, unreadable_tables: u64, ledger: &mut Ledger) {
    let role = quote_ident(&server.privileges.role);
    if server.privileges.superuser {
        ledger.note(
            "privileges",
            Status::Ok,
            "the role is a superuser, so only dbperf's own care protects the server: a role with \
             pg_monitor is enough",
        );
    }
    if unreadable_tables > 0 {
        ledger.note(
            "privileges",
            Status::Partial,
            format!(
                "{unreadable_tables} tables may not be read by {role}: plans of statements on them \
                 and their column statistics are missing; GRANT SELECT on them to {role}, or GRANT \
                 pg_read_all_data TO {role} (14+)"
            ),
        );
    }
    if !server.privileges.read_all_settings {
        ledger.note(
            "pg_settings",
            Status::Partial,
            format!("some settings are hidden: {}", grant_monitor(server)),
        );
    }
    for warning in &server.connection_warnings {
        ledger.note("connection", Status::Partial, warning);
    }
    if server.tls
        && let Some(protection) = &server.protection
    {
        let reason = format!("encrypted: {protection}");
        ledger.note("connection", Status::Ok, reason);
    }
    if server.through_pooler == Some(true) {
        ledger.note(
            "connection",
            Status::Partial,
            "the connection goes through a pooler; name the server itself, so that every sample \
             comes from the same one (and PgBouncer with --pgbouncer DSN)",
        );
    }
    if !statistics_in_shared_memory(server) {
        for view in ["pg_stat_user_tables", "pg_stat_user_indexes"] {
            ledger.note(
                view,
                Status::Ok,
                "before PostgreSQL 15 an idle session publishes its last counters only at its \
                 next command or its end",
            );
        }
    }
}

/// The grant that shows other roles' activity.
pub(super) fn grant_monitor(server: &Server) -> String {
    format!(
        "GRANT pg_monitor TO {}",
        quote_ident(&server.privileges.role)
    )
}

/// The setting came with the statistics in shared memory (15); before, an idle session keeps its
/// last counters until its next command, and readers see a file.
pub(super) fn statistics_in_shared_memory(server: &Server) -> bool {
    server.setting("stats_fetch_consistency").is_some()
}
