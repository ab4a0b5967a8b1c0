//! Who the server is, and whether it is still the same one.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::catalog;
use super::column::{get, only};
use super::{PgError, Protection, Session, Target};
use crate::record::server::{ConnectionLimits, Privileges, Server, ServerLife, Setting};
use crate::record::{Bytes, Millis};

/// An installed extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// `extversion`.
    pub version: String,
    /// Schema of its objects.
    pub schema: String,
    /// `pg_available_extensions.default_version`.
    pub default_version: Option<String>,
}

/// Round trips of which the median is taken.
const ROUND_TRIPS: usize = 7;

/// Reads the facts of a server that do not change within a window. What the role may not read
/// is `None`, never a failure.
///
/// # Errors
///
/// [`PgError`] where identity, settings or extensions cannot be read.
pub async fn read_server(session: &Session, target: &Target) -> Result<Server, PgError> {
    let round_trip = session.round_trip(ROUND_TRIPS).await?;
    let row = session.one(&catalog::SERVER, &[]).await?;
    let text = |name| get::<String>(&row, "server", name);
    let roles = named(session, &catalog::PG_ROLES, "rolname", "rolconnlimit").await?;
    let databases = named(session, &catalog::PG_DATABASE, "datname", "datconnlimit").await?;
    let extensions = read_extensions(session).await?;
    let versions = extensions
        .iter()
        .map(|(n, e)| (n.clone(), e.version.clone()));
    let defaults = extensions
        .iter()
        .filter_map(|(n, e)| Some((n.clone(), e.default_version.clone()?)));
    let (tls, protection, tls_warning) = protection(session).await?;
    let mut connection_warnings = target.conninfo.warnings().to_vec();
    connection_warnings.extend(tls_warning);
    Ok(Server {
        address: address_of(session, target),
        target_source: target.source.clone(),
        version: text("version")?,
        version_num: session.version_num(),
        system_identifier: system_identifier(session).await?,
        database: text("database")?,
        database_oid: get(&row, "server", "database_oid")?,
        size_bytes: database_size(session).await?,
        in_recovery: get(&row, "server", "in_recovery")?,
        tls,
        protection: Some(protection),
        connection_warnings,
        extensions: versions.collect(),
        extension_default_versions: defaults.collect(),
        settings: read_settings(session).await?,
        privileges: privileges(&row)?,
        through_pooler: session.through_pooler(),
        cores: local_cores(session),
        round_trip: Some(Millis::from(round_trip)),
        connection_limits: Some(ConnectionLimits {
            roles: limits(&roles),
            databases: limits(&databases),
        }),
        role_names: names(roles),
        database_names: names(databases),
    })
}

/// Whether the session is encrypted, how, and what the user should know about it.
async fn protection(session: &Session) -> Result<(bool, String, Option<String>), PgError> {
    let own = session.protection();
    let warning = own.warning(session.host());
    if session.through_pooler() == Some(true) {
        // The server only knows how the pooler connects to it.
        return Ok((own.is_encrypted(), own.to_string(), warning));
    }
    let view = &catalog::PG_STAT_SSL;
    let rows = session.read(view, &[]).await?;
    let seen = match rows.first() {
        Some(row) => get::<bool>(row, view.name, "ssl")?,
        None => own.is_encrypted(),
    };
    let Protection::Tls { checked, .. } = own else {
        return Ok((false, own.to_string(), warning));
    };
    if !seen {
        let warning = format!(
            "the connection to {} is encrypted, and the server says that its own end is not: something in between \
             (a proxy or a load balancer) ends the encryption; look after the way from there to the server",
            session.address()
        );
        return Ok((false, own.to_string(), Some(warning)));
    }
    let name = |column| {
        rows.first()
            .map(|row| get::<Option<String>>(row, view.name, column))
    };
    let (version, cipher) = (name("version").transpose()?, name("cipher").transpose()?);
    let shown = match (version.flatten(), cipher.flatten()) {
        (Some(version), Some(cipher)) => format!("{version}, {cipher}, {checked}"),
        _ => own.to_string(),
    };
    Ok((true, shown, warning))
}

fn address_of(session: &Session, target: &Target) -> String {
    format!("{}/{}", session.address(), target.conninfo.dbname())
}

fn privileges(row: &Row) -> Result<Privileges, PgError> {
    let flag = |name| get::<Option<bool>>(row, "server", name).map(Option::unwrap_or_default);
    let superuser = flag("superuser")?;
    Ok(Privileges {
        role: get(row, "server", "role")?,
        superuser,
        read_all_stats: superuser || flag("read_all_stats")?,
        read_all_settings: superuser || flag("read_all_settings")?,
        // Before 14 there is no such role; only a superuser reads everything.
        read_all_data: superuser || flag("read_all_data")?,
    })
}

/// SQL cannot tell the number of cores, this machine can, if it is the server's.
fn local_cores(session: &Session) -> Option<u32> {
    if !session.is_local() || session.through_pooler() == Some(true) {
        return None;
    }
    let cores = std::thread::available_parallelism().ok()?;
    u32::try_from(cores.get()).ok()
}

/// What an error that concerns one optional fact becomes: absent, unless the session is gone.
fn optional<T>(result: Result<T, PgError>) -> Result<Option<T>, PgError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.is_connection_lost() => Err(e),
        Err(_) => Ok(None),
    }
}

async fn system_identifier(session: &Session) -> Result<Option<String>, PgError> {
    let rows = optional(session.one(&catalog::PG_CONTROL_SYSTEM, &[]).await)?;
    rows.map(|row| get::<i64>(&row, "pg_control_system", "system_identifier"))
        // Unsigned in the control file, signed in SQL.
        .map(|id| id.map(|id| id.cast_unsigned().to_string()))
        .transpose()
}

async fn timeline_id(session: &Session) -> Result<Option<i64>, PgError> {
    let rows = optional(session.one(&catalog::PG_CONTROL_CHECKPOINT, &[]).await)?;
    rows.map(|row| get::<i32>(&row, "pg_control_checkpoint", "timeline_id").map(i64::from))
        .transpose()
}

async fn database_size(session: &Session) -> Result<Option<Bytes>, PgError> {
    let rows = optional(session.one(&catalog::DATABASE_SIZE, &[]).await)?;
    rows.map(|row| get::<i64>(&row, "database_size", "size_bytes"))
        .map(|size| size.map(|size| Bytes(u64::try_from(size).unwrap_or(0))))
        .transpose()
}

/// A role or a database.
struct Named {
    oid: u32,
    name: String,
    /// `CONNECTION LIMIT`; negative where there is none (-2 marks an invalid database).
    limit: i32,
}

async fn named(
    session: &Session,
    view: &catalog::View,
    name: &str,
    limit: &str,
) -> Result<Vec<Named>, PgError> {
    let rows = session.read(view, &[]).await?;
    let row = |row| {
        Ok(Named {
            oid: get(row, view.name, "oid")?,
            name: get(row, view.name, name)?,
            limit: get(row, view.name, limit)?,
        })
    };
    rows.iter().map(row).collect()
}

fn names(all: Vec<Named>) -> BTreeMap<u32, String> {
    all.into_iter().map(|n| (n.oid, n.name)).collect()
}

fn limits(all: &[Named]) -> BTreeMap<String, u32> {
    let limit = |n: &Named| Some((n.name.clone(), u32::try_from(n.limit).ok()?));
    all.iter().filter_map(limit).collect()
}

/// Installed extensions by name.
///
/// # Errors
///
/// As [`Session::read`].
pub async fn read_extensions(session: &Session) -> Result<BTreeMap<String, Extension>, PgError> {
    let view = &catalog::PG_EXTENSION;
    let rows = session.read(view, &[]).await?;
    rows.iter()
        .map(|row| {
            let extension = Extension {
                version: get(row, view.name, "extversion")?,
                schema: get(row, view.name, "nspname")?,
                default_version: get(row, view.name, "default_version")?,
            };
            Ok((get(row, view.name, "extname")?, extension))
        })
        .collect()
}

/// Settings that hold commands or connection strings, in which passwords are found.
const SECRET_SETTINGS: [&str; 7] = [
    "archive_cleanup_command",
    "archive_command",
    "primary_conninfo",
    "recovery_end_command",
    "restore_command",
    "ssl_passphrase_command",
    // dbperf's own, set by its startup message.
    "application_name",
];

/// The name of an extension's setting suggests a secret.
fn is_secret(name: &str) -> bool {
    let words = ["secret", "password", "passwd", "token", "key", "conninfo"];
    SECRET_SETTINGS.contains(&name)
        || (name.contains('.') && words.iter().any(|w| name.contains(w)))
}

/// Visible settings by name, those that may hold a secret left out.
///
/// # Errors
///
/// As [`Session::read`].
pub async fn read_settings(session: &Session) -> Result<BTreeMap<String, Setting>, PgError> {
    let mut settings = all_settings(session).await?;
    settings.retain(|name, _| !is_secret(name));
    Ok(settings)
}

async fn all_settings(session: &Session) -> Result<BTreeMap<String, Setting>, PgError> {
    let view = &catalog::PG_SETTINGS;
    let rows = session.read(view, &[]).await?;
    rows.iter()
        .map(|row| {
            let setting = Setting {
                reset_val: get::<Option<String>>(row, view.name, "reset_val")?.unwrap_or_default(),
                unit: get(row, view.name, "unit")?,
                source: get(row, view.name, "source")?,
                pending_restart: get(row, view.name, "pending_restart")?,
            };
            Ok((get(row, view.name, "name")?, setting))
        })
        .collect()
}

/// The `application_name` under which this standby reports to its primary: that of
/// `primary_conninfo`, else `cluster_name`, else libpq's default `walreceiver`. `None` where the
/// role may not see `primary_conninfo` and there is no `cluster_name`.
///
/// # Errors
///
/// As [`Session::read`].
pub async fn standby_application_name(session: &Session) -> Result<Option<String>, PgError> {
    let settings = all_settings(session).await?;
    let value = |name: &str| {
        let found = settings.get(name).map(|s| s.reset_val.clone());
        found.filter(|v| !v.is_empty())
    };
    let Some(conninfo) = value("primary_conninfo") else {
        return Ok(value("cluster_name"));
    };
    // Only the name is taken from the string, which may hold a password.
    let pairs = super::dsn::parse(&conninfo).unwrap_or_default();
    let named = pairs
        .into_iter()
        .rev()
        .find(|(k, _)| k == "application_name");
    Ok(Some(named.map_or_else(
        || value("cluster_name").unwrap_or_else(|| "walreceiver".to_owned()),
        |(_, v)| v,
    )))
}

/// Continuity of the server at this moment, without the part of `pg_stat_statements`, which its
/// own reader adds.
///
/// With `before`, the times of the last resets are taken from that reading instead of the server:
/// before `PostgreSQL` 15 asking for them waits about 7 ms for the statistics collector.
///
/// # Errors
///
/// As [`Session::read`].
pub async fn read_life(
    session: &Session,
    before: Option<&ServerLife>,
) -> Result<ServerLife, PgError> {
    let view = &catalog::SERVER_LIFE;
    let row = only(session.read(view, &[]).await?, view.name)?;
    let (bgwriter_stats_reset, database_stats_reset) = if let Some(life) = before {
        (life.bgwriter_stats_reset, life.database_stats_reset)
    } else {
        let view = &catalog::STATS_RESETS;
        let row = only(session.read(view, &[]).await?, view.name)?;
        (
            get(&row, view.name, "bgwriter_stats_reset")?,
            get(&row, view.name, "database_stats_reset")?,
        )
    };
    Ok(ServerLife {
        at: get(&row, view.name, "at")?,
        postmaster_start_time: get(&row, view.name, "postmaster_start_time")?,
        system_identifier: system_identifier(session).await?,
        timeline_id: timeline_id(session).await?,
        in_recovery: get(&row, view.name, "in_recovery")?,
        bgwriter_stats_reset,
        database_stats_reset,
        statements_stats_reset: None,
        statements_dealloc: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_may_hold_a_secret_are_left_out() {
        for name in [
            "primary_conninfo",
            "restore_command",
            "app.jwt_secret",
            "x.api_key",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "work_mem",
            "pg_stat_statements.max",
            "password_encryption",
            "ssl_key_file",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
