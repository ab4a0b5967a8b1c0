//! Encrypted connections to real servers: what each `sslmode` accepts, what is said where it does not, and that
//! everything dbperf opens is encrypted.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

mod answers;
mod authority;
mod between;
mod certificates;
mod clients;
mod modes;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod work;

use dbperf::pg::{Checked, Conninfo, PgError, Protection, Session, SessionOptions, TlsError};

use authority::Authority;
use server::Server;

/// The password of the role that the tests connect as; it must be in no output.
const CANARY: &str = "CANARY-in-no-output";

/// Reads a connection string for a user without any file of libpq in the home folder.
fn conninfo(dsn: &str) -> Result<Conninfo, PgError> {
    Conninfo::parse(dsn, &|name| (name == "HOME").then(|| "/nowhere".to_owned()))
}

async fn attempt(dsn: &str) -> Result<Session, PgError> {
    Session::connect(&conninfo(dsn)?, &SessionOptions::new("tls")).await
}

async fn accepted(dsn: &str) -> Session {
    match attempt(dsn).await {
        Ok(session) => session,
        Err(error) => panic!("{dsn}: {error}"),
    }
}

async fn refused(dsn: &str) -> PgError {
    let error = match attempt(dsn).await {
        Ok(session) => panic!("{dsn}: accepted with {}", session.protection()),
        Err(error) => error,
    };
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(CANARY), "{shown}");
    error
}

/// Why the encryption was refused.
async fn refused_by_tls(dsn: &str) -> TlsError {
    match refused(dsn).await {
        PgError::Tls(error) => error,
        error => panic!("{dsn}: {error}"),
    }
}

fn checked(session: &Session) -> Option<Checked> {
    match session.protection() {
        Protection::Tls { checked, .. } => Some(*checked),
        _ => None,
    }
}
