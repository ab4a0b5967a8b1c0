//! The admin console of `PgBouncer`, which speaks the simple query protocol and nothing else.
//!
//! Every text that is ever sent there is in this file and is dbperf's own: nothing foreign goes
//! through the simple protocol.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::connector::{Attempt, Startup};
use super::conninfo::Host;
use super::error::statement_error;
use super::{Conninfo, DEFAULT_CONNECT_TIMEOUT, PgError};

/// The console's database.
const DATABASE: &str = "pgbouncer";

/// Limit of one answer: the console only copies counters.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the console is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsoleQuery {
    /// `SHOW VERSION`.
    Version,
    /// `SHOW CONFIG`.
    Config,
    /// `SHOW DATABASES`.
    Databases,
    /// `SHOW POOLS`.
    Pools,
    /// `SHOW STATS`.
    Stats,
    /// `RECONNECT`: closes server connections once they are free. For a lab's own pooler only.
    Reconnect,
}

impl ConsoleQuery {
    /// The text that is sent.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Version => "SHOW VERSION",
            Self::Config => "SHOW CONFIG",
            Self::Databases => "SHOW DATABASES",
            Self::Pools => "SHOW POOLS",
            Self::Stats => "SHOW STATS",
            Self::Reconnect => "RECONNECT",
        }
    }
}

/// A row of the console: every value is text, found by the column's name.
#[derive(Debug)]
pub struct ConsoleRow(SimpleQueryRow);

impl ConsoleRow {
    /// The text of a column; `None` where this version has no such column, or its value is NULL.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        self.0.try_get(column).ok().flatten()
    }

    /// The number in a column; `None` as for [`Self::text`], and for what is not one.
    #[must_use]
    pub fn number(&self, column: &str) -> Option<u64> {
        self.text(column)?.parse().ok()
    }
}

/// A connection to the console. Dropping it closes the connection.
pub struct Console {
    client: Client,
    task: JoinHandle<()>,
    address: String,
    warning: Option<String>,
}

impl Console {
    /// Connects to the console behind the first host that answers, whatever database the connection
    /// string names. `limit` holds for each host; `None` takes the connection string's, or else
    /// [`DEFAULT_CONNECT_TIMEOUT`].
    ///
    /// # Errors
    ///
    /// The variants of [`PgError`] that name a failed connection. A user who is neither in
    /// `admin_users` nor in `stats_users` is [`PgError::Refused`].
    pub async fn connect(
        conninfo: &Conninfo,
        application_name: &str,
        limit: Option<Duration>,
    ) -> Result<Self, PgError> {
        let limit = limit.or(conninfo.connect_timeout);
        let limit = limit.unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        let mut first_error = None;
        for host in &conninfo.hosts {
            match Self::connect_host(conninfo, host, application_name, limit).await {
                Ok(console) => return Ok(console),
                Err(e) if e.is_connection_lost() => {
                    first_error.get_or_insert(e);
                }
                Err(e) => return Err(e),
            }
        }
        Err(first_error.unwrap_or_else(|| PgError::Unreachable {
            address: conninfo.address(),
            what: "the connection string names no host".to_owned(),
        }))
    }

    async fn connect_host(
        conninfo: &Conninfo,
        host: &Host,
        application_name: &str,
        limit: Duration,
    ) -> Result<Self, PgError> {
        let startup = Startup {
            application_name: application_name.to_owned(),
            options: None,
        };
        let console = conninfo.with_dbname(DATABASE);
        let opened = Attempt::new(host, limit).open(&console, &startup).await?;
        Ok(Self {
            client: opened.client,
            task: opened.task,
            address: host.to_string(),
            warning: opened.protection.warning(host),
        })
    }

    /// The rows of an answer; none for a command that shows nothing.
    ///
    /// # Errors
    ///
    /// [`PgError::Refused`], [`PgError::Lost`], [`PgError::StatementTimeout`].
    pub async fn ask(&self, query: ConsoleQuery) -> Result<Vec<ConsoleRow>, PgError> {
        let what = query.text();
        let Ok(answer) = timeout(ANSWER_TIMEOUT, self.client.simple_query(what)).await else {
            return Err(PgError::StatementTimeout {
                address: self.address.clone(),
                what: what.to_owned(),
                after: ANSWER_TIMEOUT,
            });
        };
        let messages = answer.map_err(|e| statement_error(&self.address, what, &e))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(ConsoleRow(row)),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// What the user should know about the connection, with the cure; see [`Protection::warning`].
    ///
    /// [`Protection::warning`]: super::Protection::warning
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Host and port, or socket.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
