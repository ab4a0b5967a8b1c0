//! What a span stands for.

use super::names::Names;
use super::span::{Kind, Span};

/// What a span stands for in the time of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A request of the service.
    Server,
    /// A message that was taken from a queue: its spans are of no request.
    Consumer,
    /// The database executes, seen by its client.
    Database,
    /// A connection is acquired or opened.
    Pool,
    /// Another service is called.
    Other,
    /// The service's own work.
    Inner,
}

/// Names of spans that acquire or open a connection, whatever their attributes: of node-postgres
/// (instrumentation-pg), pgx (otelpgx), database/sql (otelsql), Prisma and the JVM's data sources.
const POOL_NAMES: [&str; 6] = [
    "pg-pool.connect",
    "pg.connect",
    "pool.acquire",
    "prisma:engine:connection",
    "sql.connector.connect",
    "sql.conn.reset_session",
];

/// Last or first words of such spans where the attributes are those of a database: SQLAlchemy (`connect`), Npgsql
/// (`CONNECT shop`), data sources (`HikariDataSource.getConnection`).
const POOL_WORDS: [&str; 5] = [
    "connect",
    "acquire",
    "getconnection",
    "checkout",
    "get_connection",
];

/// Text of a statement, in both generations of the conventions.
pub(super) const TEXT: [&str; 2] = ["db.query.text", "db.statement"];

/// Decides by kind, attributes and name.
pub(super) fn class(span: &Span, names: &mut Names) -> Class {
    match span.kind {
        Kind::Server => return Class::Server,
        Kind::Consumer => return Class::Consumer,
        Kind::Producer => return Class::Other,
        Kind::Client | Kind::Internal => {}
    }
    let has_text = span.text(&TEXT).is_some();
    if !has_text && acquires(span) {
        return Class::Pool;
    }
    let client = span.kind == Kind::Client;
    let database = has_text || (client && span.has_database_attribute());
    if !database {
        return if client { Class::Other } else { Class::Inner };
    }
    match span.text(&["db.system.name", "db.system"]) {
        // `other_sql` is what a driver says that does not know its server.
        None | Some("postgresql" | "postgres" | "other_sql") => Class::Database,
        Some(system) => {
            names.other_database(system);
            if client { Class::Other } else { Class::Inner }
        }
    }
}

fn acquires(span: &Span) -> bool {
    let name = span.name.to_ascii_lowercase();
    if POOL_NAMES.contains(&name.as_str()) || name.ends_with("datasource.getconnection") {
        return true;
    }
    if !span.has_database_attribute() {
        return false;
    }
    if span
        .text(&["db.client.connection.pool.name", "pool.name"])
        .is_some()
    {
        return true;
    }
    let mut words = name.split(['.', ' ', ':', '/']);
    let first = words.next().unwrap_or_default();
    let last = words.next_back().unwrap_or(first);
    POOL_WORDS.contains(&first) || POOL_WORDS.contains(&last)
}
