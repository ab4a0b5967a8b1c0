//! What can go wrong with a server, each with its cure.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::TlsError;

/// An error of the room `pg` (and of the rooms that read a server through it).
///
/// Messages hold an SQLSTATE and the server's primary message, never DETAIL, CONTEXT or a
/// parameter, which may hold the values of rows; and never a password.
#[derive(Debug, thiserror::Error)]
pub enum PgError {
    /// The connection string cannot be read. The message never quotes it.
    #[error(
        "the connection string cannot be read: {what}; it is a URL (postgres://user@host:5432/db), \
         a key=value string (host=… dbname=…) or a database name"
    )]
    Dsn {
        /// What is wrong, without quoting a value.
        what: String,
    },
    /// A key that libpq does not know either.
    #[error(
        "the connection string has an unknown key `{key}`; remove it or correct its spelling \
         (known keys: host, hostaddr, port, user, password, dbname, sslmode, sslrootcert, \
         connect_timeout, \
         options, application_name, target_session_attrs, keepalives…)"
    )]
    UnknownKey {
        /// The key, never its value.
        key: String,
    },
    /// A key or a variable that libpq knows and this build does not.
    #[error("the connection asks for `{key}`, which this version does not support: {why}")]
    UnsupportedKey {
        /// The key or the variable, never its value.
        key: String,
        /// Reason and cure.
        why: String,
    },
    /// The connection is not encrypted as it was asked for.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nothing answers at the address.
    #[error(
        "cannot reach a PostgreSQL server at {address}: {what}; check the host and the port, and \
         that the server runs and listens there (listen_addresses, firewall)"
    )]
    Unreachable {
        /// Host and port, or socket.
        address: String,
        /// The operating system's reason.
        what: String,
    },
    /// The server did not answer in time.
    #[error(
        "timeout after {after:?} while {phase} at {address}; check that a PostgreSQL server \
         answers there, or raise connect_timeout"
    )]
    ConnectTimeout {
        /// Host and port, or socket.
        address: String,
        /// What was being done.
        phase: &'static str,
        /// The limit.
        after: Duration,
    },
    /// SQLSTATE 28P01.
    #[error(
        "{address} refused the password of user \"{user}\" (SQLSTATE 28P01); correct the password \
         in the connection string or in PGPASSWORD"
    )]
    WrongPassword {
        /// Host and port, or socket.
        address: String,
        /// The user.
        user: String,
    },
    /// The server asks for a password and none is known.
    #[error(
        "{address} asks for a password of user \"{user}\" and none was given; set PGPASSWORD or \
         write it in the connection string"
    )]
    PasswordMissing {
        /// Host and port, or socket.
        address: String,
        /// The user.
        user: String,
    },
    /// SQLSTATE 28000: no entry in `pg_hba.conf`, no such role, or a refused method.
    #[error(
        "{address} does not let user \"{user}\" in: {message} (SQLSTATE 28000); check the user \
         name and pg_hba.conf (an entry for this user, database and address){}",
        hint(message)
    )]
    NotAllowed {
        /// Host and port, or socket.
        address: String,
        /// The user.
        user: String,
        /// The server's primary message.
        message: String,
    },
    /// SQLSTATE 3D000.
    #[error(
        "there is no database \"{database}\" on {address} (SQLSTATE 3D000); name another one in \
         the connection string (list them with `psql -l`)"
    )]
    NoSuchDatabase {
        /// Host and port, or socket.
        address: String,
        /// The database.
        database: String,
    },
    /// SQLSTATE 53300.
    #[error(
        "{address} has no free connection: {message} (SQLSTATE 53300); close idle sessions or \
         raise max_connections; dbperf itself needs up to three"
    )]
    TooManyConnections {
        /// Host and port, or socket.
        address: String,
        /// The server's primary message.
        message: String,
    },
    /// SQLSTATE class 57P: starting up, shutting down, or terminated by an administrator.
    #[error("{address} is not available: {message} (SQLSTATE {sqlstate}); try again in a moment")]
    NotAvailable {
        /// Host and port, or socket.
        address: String,
        /// The code.
        sqlstate: String,
        /// The server's primary message.
        message: String,
    },
    /// The server is older than the oldest supported one.
    #[error(
        "{address} runs PostgreSQL {version}; dbperf needs {needed} or newer: upgrade the server, \
         or measure a copy of the database on a newer one"
    )]
    ServerTooOld {
        /// Host and port, or socket.
        address: String,
        /// The server's version.
        version: String,
        /// The oldest supported version.
        needed: u32,
    },
    /// No host of the list has what `target_session_attrs` asks for.
    #[error(
        "no server of {address} fits target_session_attrs={wanted}; name another host or another \
         value"
    )]
    NoFittingServer {
        /// All hosts.
        address: String,
        /// The value.
        wanted: &'static str,
    },
    /// A guard of the session did not take effect.
    #[error(
        "the session on {address} is not safe: {setting} reads back as \"{got}\" after it was set \
         to \"{wanted}\"; a pooler or a proxy in between may change it: connect to the server \
         itself"
    )]
    GuardFailed {
        /// Host and port, or socket.
        address: String,
        /// The setting.
        setting: &'static str,
        /// What was set.
        wanted: String,
        /// What the server says.
        got: String,
    },
    /// The connection ended while it was in use.
    #[error("the connection to {address} was lost: {what}")]
    Lost {
        /// Host and port, or socket.
        address: String,
        /// What ended it.
        what: String,
    },
    /// A statement of dbperf got no answer within its limit.
    #[error("timeout: {what} on {address} got no answer within {after:?}")]
    StatementTimeout {
        /// Host and port, or socket.
        address: String,
        /// Name of the view or step.
        what: String,
        /// The limit.
        after: Duration,
    },
    /// The server refused a statement of dbperf.
    #[error("reading {what} failed: {message} (SQLSTATE {sqlstate})")]
    Refused {
        /// Name of the view or step.
        what: String,
        /// The code.
        sqlstate: String,
        /// The server's primary message.
        message: String,
    },
    /// A view does not exist in this version.
    #[error("{view} needs {axis} {needed} or newer, and this is {has}")]
    ViewTooNew {
        /// The view.
        view: &'static str,
        /// `PostgreSQL` or the name of the extension.
        axis: &'static str,
        /// First version that has it.
        needed: String,
        /// The version at hand.
        has: String,
    },
    /// A row did not have the expected shape: a bug of dbperf or an unknown server.
    #[error("{view} has another shape than expected: column {column}: {what}; please report this")]
    Shape {
        /// The view.
        view: String,
        /// The column.
        column: String,
        /// What was found, without a value.
        what: String,
    },
}

/// What the server's message says about the encryption; "SSL off" before `PostgreSQL` 14.
fn hint(message: &str) -> &'static str {
    if message.contains("no encryption") || message.contains("SSL off") {
        "; the connection was not encrypted: with sslmode=require it may be let in"
    } else {
        ""
    }
}

impl PgError {
    /// The same, where it is not the connection string that asks for it but a variable.
    pub(super) fn of_variable(self, name: &str) -> Self {
        match self {
            Self::UnsupportedKey { why, .. } => Self::UnsupportedKey {
                key: name.to_owned(),
                why,
            },
            Self::Dsn { what } => Self::Dsn {
                what: format!("{what} (in {name})"),
            },
            other => other,
        }
    }

    /// The operating system's reason why nothing answers.
    pub(super) fn unreachable(address: &str, error: &std::io::Error) -> Self {
        Self::Unreachable {
            address: address.to_owned(),
            what: error.to_string(),
        }
    }

    /// Why there is no connection, in a word that can be counted: the SQLSTATE, or what failed, without any
    /// name or number of its own.
    #[must_use]
    pub fn keyword(&self) -> String {
        match (self.sqlstate(), self) {
            (Some(sqlstate), _) => sqlstate.to_owned(),
            (None, Self::Unreachable { what, .. }) => {
                let words = what.split(" (os error").next();
                words.unwrap_or_default().to_lowercase()
            }
            (None, Self::ConnectTimeout { phase, .. }) => format!("timeout while {phase}"),
            (None, Self::Tls(error)) => error.keyword().to_owned(),
            (None, Self::PasswordMissing { .. }) => "no password".to_owned(),
            (None, Self::NoFittingServer { wanted, .. }) => {
                format!("no server fits target_session_attrs={wanted}")
            }
            (None, _) => "failed".to_owned(),
        }
    }

    /// The SQLSTATE, where the server gave one that is kept.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::WrongPassword { .. } => Some("28P01"),
            Self::NotAllowed { .. } => Some("28000"),
            Self::NoSuchDatabase { .. } => Some("3D000"),
            Self::TooManyConnections { .. } => Some("53300"),
            Self::NotAvailable { sqlstate, .. } | Self::Refused { sqlstate, .. } => Some(sqlstate),
            _ => None,
        }
    }

    /// The session is gone; another attempt may succeed later.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        if let Self::Tls(error) = self {
            return error.is_cut();
        }
        matches!(
            self,
            Self::Lost { .. }
                | Self::NotAvailable { .. }
                | Self::Unreachable { .. }
                | Self::ConnectTimeout { .. }
                | Self::StatementTimeout { .. }
        )
    }

    /// No slot is free: retrying would make it worse.
    #[must_use]
    pub fn is_too_many_connections(&self) -> bool {
        matches!(self, Self::TooManyConnections { .. })
    }

    /// The role may not do this (SQLSTATE 42501).
    #[must_use]
    pub fn is_no_privilege(&self) -> bool {
        self.sqlstate() == Some("42501")
    }
}

/// The server's message as it may be shown. Class 22 is about values, and quotes them (`invalid input syntax for type
/// integer: "…"`, `value "…" is out of range`): it ends before the first. Those of 22023 are settings.
pub(crate) fn shown(db: &tokio_postgres::error::DbError) -> String {
    let code = db.code().code();
    match db.message().split_once('"') {
        Some((before, _)) if code.starts_with("22") && code != "22023" => {
            before.trim_end_matches([' ', ':']).to_owned()
        }
        _ => db.message().to_owned(),
    }
}

/// An error of the driver while a statement ran, reduced to what may be shown.
pub(super) fn statement_error(address: &str, what: &str, error: &tokio_postgres::Error) -> PgError {
    let Some(db) = error.as_db_error() else {
        return PgError::Lost {
            address: address.to_owned(),
            what: with_causes(error),
        };
    };
    let (sqlstate, message) = (db.code().code().to_owned(), shown(db));
    // Class 57P: the session ends with the message. 57014 (cancelled) is class 57 but stays.
    if sqlstate.starts_with("57P") {
        return PgError::NotAvailable {
            address: address.to_owned(),
            sqlstate,
            message,
        };
    }
    PgError::Refused {
        what: what.to_owned(),
        sqlstate,
        message,
    }
}

/// An error of the driver while connecting, reduced to what may be shown.
pub(super) fn connect_error(
    address: &str,
    user: &str,
    database: &str,
    error: &tokio_postgres::Error,
) -> PgError {
    let (address, user) = (address.to_owned(), user.to_owned());
    let Some(db) = error.as_db_error() else {
        let what = with_causes(error);
        if what.contains("password missing") {
            return PgError::PasswordMissing { address, user };
        }
        return PgError::Unreachable { address, what };
    };
    let message = db.message().to_owned();
    match db.code() {
        code if *code == SqlState::INVALID_PASSWORD => PgError::WrongPassword { address, user },
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => PgError::NotAllowed {
            address,
            user,
            message,
        },
        code if *code == SqlState::INVALID_CATALOG_NAME => PgError::NoSuchDatabase {
            address,
            database: database.to_owned(),
        },
        code if *code == SqlState::TOO_MANY_CONNECTIONS => {
            PgError::TooManyConnections { address, message }
        }
        code if code.code().starts_with("57P") => PgError::NotAvailable {
            address,
            sqlstate: code.code().to_owned(),
            message,
        },
        code => PgError::Refused {
            what: format!("the connection to {address}"),
            sqlstate: code.code().to_owned(),
            message,
        },
    }
}

/// An error with all its causes in one line; the driver's own message hides why.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
