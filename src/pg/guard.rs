//! The limits that every session of dbperf has, set and then read back.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::PgError;

/// What a session asks for.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// `application_name`: `dbperf/<version>/<run>`.
    pub application_name: String,
    /// `statement_timeout`.
    pub statement_timeout: Duration,
    /// Limit of one connection attempt; `None` takes the connection string's, or else
    /// [`DEFAULT_CONNECT_TIMEOUT`](super::DEFAULT_CONNECT_TIMEOUT).
    pub connect_timeout: Option<Duration>,
    /// `search_path`.
    pub search_path: SearchPath,
    /// What the session is for.
    pub purpose: Purpose,
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reading: read-only, and every statement and every lock is limited.
    Reading,
    /// Filling a database that the user has named. Only catalogue views are limited, and they by dbperf itself: what
    /// copies rows or builds an index takes as long as it takes.
    Loading,
}

impl SessionOptions {
    /// The usual options of a run: 30 s per statement, pinned `search_path`.
    #[must_use]
    pub fn new(run_id: &str) -> Self {
        let mut application_name = format!("{OWN_PREFIX}{}/{run_id}", env!("CARGO_PKG_VERSION"));
        // As the server would do it, so that the name is found again (NAMEDATALEN is 64).
        application_name.retain(|c| c.is_ascii_graphic());
        application_name.truncate(63);
        Self {
            application_name,
            statement_timeout: Duration::from_secs(30),
            connect_timeout: None,
            search_path: SearchPath::Pinned,
            purpose: Purpose::Reading,
        }
    }

    /// The options of a session that may write.
    #[must_use]
    pub fn loading(run_id: &str) -> Self {
        Self {
            purpose: Purpose::Loading,
            ..Self::new(run_id)
        }
    }
}

/// What the `application_name` of every guarded session begins with.
pub const OWN_PREFIX: &str = "dbperf/";

/// `search_path` of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchPath {
    /// System catalogues only, so that nothing in another schema can stand in for them.
    Pinned,
    /// The role's own path, as the application's statements need it to be explained.
    Role,
}

/// `lock_timeout`: dbperf never queues behind a lock for longer, because others queue behind it.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// `idle_in_transaction_session_timeout`: a stalled dbperf must not hold back vacuum.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
/// The same where tables are locked to be filled (ours): others' statements end in the meantime, or nothing is done.
const LOADING_LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a load may do nothing on the server while its rows are planned (ours).
const LOADING_IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// `client_connection_check_interval`: a statement ends this soon after dbperf has died.
const CONNECTION_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The values of one session, in the order of `queries/catalog/guard`.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// `None` stands for what the role has: it resets the setting.
    values: [(&'static str, Option<String>); 8],
}

impl Guard {
    pub(super) fn new(options: &SessionOptions, role_search_path: &str) -> Self {
        let ms = |d: Duration| Some(format!("{}ms", d.as_millis().max(1)));
        let (search_path, jit) = match options.search_path {
            // Compiling the catalogue's statements takes longer than it saves.
            SearchPath::Pinned => ("pg_catalog, pg_temp", Some("off".to_owned())),
            // The application's plans are to be as they are.
            SearchPath::Role => (role_search_path, None),
        };
        let unlimited = || Some("0ms".to_owned());
        let (statement, lock, idle, read_only, transaction) = match options.purpose {
            Purpose::Reading => (
                ms(options.statement_timeout),
                ms(LOCK_TIMEOUT),
                ms(IDLE_IN_TRANSACTION_TIMEOUT),
                "on",
                // Longer than any statement, shorter than for ever.
                ms(options.statement_timeout * 2),
            ),
            Purpose::Loading => (
                unlimited(),
                ms(LOADING_LOCK_TIMEOUT),
                ms(LOADING_IDLE_TIMEOUT),
                "off",
                unlimited(),
            ),
        };
        Self {
            values: [
                ("statement_timeout", statement),
                ("lock_timeout", lock),
                ("idle_in_transaction_session_timeout", idle),
                ("default_transaction_read_only", Some(read_only.to_owned())),
                ("search_path", Some(search_path.to_owned())),
                (
                    "client_connection_check_interval",
                    ms(CONNECTION_CHECK_INTERVAL),
                ),
                ("transaction_timeout", transaction),
                ("jit", jit),
            ],
        }
    }

    /// Without `client_connection_check_interval`, which some platforms refuse (SQLSTATE 22023).
    pub(super) fn without_connection_check(mut self) -> Self {
        for (setting, value) in &mut self.values {
            if *setting == "client_connection_check_interval" {
                *value = Some("0ms".to_owned());
            }
        }
        self
    }

    /// Parameters of `guard`: whether only for the transaction, then the values.
    pub(super) fn params<'a>(&'a self, local: &'a bool) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
        let mut params: Vec<(&(dyn ToSql + Sync), Type)> = vec![(local, Type::BOOL)];
        params.extend(
            self.values
                .iter()
                .map(|(_, v)| (v as &(dyn ToSql + Sync), Type::TEXT)),
        );
        params
    }

    /// Compares what `guard_check` returned; a setting that this version lacks is NULL there.
    pub(super) fn verify(&self, address: &str, row: &Row) -> Result<(), PgError> {
        let wanted = self.values.iter();
        let wanted = wanted.filter_map(|(setting, wanted)| Some((setting, wanted.as_ref()?)));
        for (setting, wanted) in wanted {
            let got = row.try_get::<_, Option<String>>(*setting);
            if let Some(got) = got.unwrap_or_else(|_| Some("(unreadable)".to_owned()))
                && !same(wanted, &got)
            {
                return Err(PgError::GuardFailed {
                    address: address.to_owned(),
                    setting,
                    wanted: wanted.clone(),
                    got,
                });
            }
        }
        Ok(())
    }
}

/// Two spellings of one value: PostgreSQL prints `60000ms` as `1min`.
fn same(wanted: &str, got: &str) -> bool {
    wanted == got || matches!((millis(wanted), millis(got)), (Some(a), Some(b)) if a == b)
}

fn millis(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_the_same_in_any_unit() {
        assert!(same("60000ms", "1min"));
        assert!(same("500ms", "500ms"));
        assert!(same("on", "on"));
        assert!(!same("500ms", "0"));
        assert!(!same("30000ms", "31s"));
        assert!(!same("on", "off"));
    }

    #[test]
    fn the_name_of_own_sessions_begins_with_the_prefix() {
        let options = SessionOptions::new("r1");
        assert!(options.application_name.starts_with(OWN_PREFIX));
        assert!(options.application_name.ends_with("/r1"));
    }
}
