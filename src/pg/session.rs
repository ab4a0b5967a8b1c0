//! The guarded session: read-only, with limits that were read back, and a name of its own.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, RowStream, Statement};

use super::cancel::Canceller;
use super::catalog::{self, Since, View};
use super::connector::{Attempt, Opened, Search, Startup, candidates};
use super::conninfo::{Host, TargetSessionAttrs};
use super::error::statement_error;
use super::guard::{Guard, SessionOptions};
use super::{Conninfo, DEFAULT_CONNECT_TIMEOUT, PgError, Protection, column};

/// The oldest supported major version.
pub const OLDEST_MAJOR: u32 = 13;

/// How much longer dbperf waits than `statement_timeout` before it gives a connection up.
const GRACE: Duration = Duration::from_secs(5);
/// Limit of a clean end.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A statement's parameter and its type.
pub type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// One guarded connection to one server. Dropping it closes the connection.
///
/// Every statement runs read-only under `statement_timeout`, `lock_timeout` and the other limits
/// of the guard. Behind a pooler the limits are set in every transaction instead of once per
/// session, so that they do not leak to the pooler's other clients.
pub struct Session {
    pub(super) client: Client,
    task: ConnectionTask,
    canceller: Canceller,
    protection: Protection,
    pub(super) facts: Facts,
    pub(super) guard: Guard,
    pub(super) limit: Duration,
    statements: Mutex<HashMap<String, Statement>>,
}

/// What the first statement of the session returned.
pub(super) struct Facts {
    pub(super) address: String,
    host: Host,
    version: String,
    version_num: u32,
    pub(super) in_recovery: bool,
    pub(super) read_only: bool,
    role_search_path: String,
    database: String,
    pid: i32,
    pub(super) through_pooler: Option<bool>,
}

/// The driver's background task, ended when dropped.
struct ConnectionTask(JoinHandle<()>);

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    /// Opens a session on the first host that answers and fits `target_session_attrs`.
    ///
    /// # Errors
    ///
    /// The variants of [`PgError`] that name a failed connection, a server that is too old, or a
    /// guard that did not take effect. A refused password, role or database ends the search, an
    /// unreachable host does not.
    pub async fn connect(conninfo: &Conninfo, options: &SessionOptions) -> Result<Self, PgError> {
        let mut search = Search::default();
        for (host, attrs) in candidates(conninfo) {
            let tried = Box::pin(Self::connect_host(conninfo, host, options, attrs)).await;
            if let Some(session) = search.note(tried)? {
                return Ok(session);
            }
        }
        Err(search.into_error(conninfo))
    }

    /// One host within one deadline. `None` means that it does not fit.
    async fn connect_host(
        conninfo: &Conninfo,
        host: &Host,
        options: &SessionOptions,
        attrs: TargetSessionAttrs,
    ) -> Result<Option<Self>, PgError> {
        let limit = options
            .connect_timeout
            .or(conninfo.connect_timeout)
            .unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        let attempt = Attempt::new(host, limit);
        let startup = Startup {
            application_name: options.application_name.clone(),
            options: None,
        };
        let opened = attempt.open(conninfo, &startup).await?;
        let prepare = async {
            let Opened {
                client,
                task,
                wire,
                canceller,
                protection,
            } = opened;
            let task = ConnectionTask(task);
            let facts = Facts::read(&client, host, wire.key_pid()).await?;
            if !facts.fits(attrs) {
                return Ok(None);
            }
            let guard = Guard::new(options, &facts.role_search_path);
            let mut session = Self {
                client,
                task,
                canceller,
                protection,
                facts,
                guard,
                limit: options.statement_timeout + GRACE,
                statements: Mutex::default(),
            };
            session.set_guard().await?;
            Ok(Some(session))
        };
        attempt
            .within("setting the guards of the session", prepare)
            .await?
    }

    /// Sets the guards and reads them back.
    async fn set_guard(&mut self) -> Result<(), PgError> {
        if self.facts.through_pooler == Some(true) {
            // Every transaction sets its own; this one shows that they hold.
            let row = self.one(&catalog::GUARD_CHECK, &[]).await?;
            return self.guard.verify(&self.facts.address, &row);
        }
        let set = catalog::GUARD.select(self.server_version())?;
        let first = self
            .client
            .query_typed(set, &self.guard.params(&false))
            .await;
        if let Err(e) = first {
            let error = statement_error(&self.facts.address, "the session's guards", &e);
            if error.sqlstate() != Some("22023") {
                return Err(error);
            }
            self.guard = self.guard.clone().without_connection_check();
            let second = self
                .client
                .query_typed(set, &self.guard.params(&false))
                .await;
            second.map_err(|e| statement_error(&self.facts.address, "the session's guards", &e))?;
        }
        let row = self.one(&catalog::GUARD_CHECK, &[]).await?;
        self.guard.verify(&self.facts.address, &row)
    }

    /// The driver's client, for statements that are not catalogue views (plans), between
    /// [`Self::begin`] and [`Self::rollback`]: behind a pooler the guards hold only there.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Cancels what the session is executing.
    ///
    /// # Errors
    ///
    /// See [`Canceller::cancel`].
    pub async fn cancel(&self) -> Result<(), PgError> {
        self.canceller.cancel().await
    }

    /// A handle that cancels while the session is busy elsewhere.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Rows of a view, in the variant of this server's version.
    ///
    /// # Errors
    ///
    /// [`PgError::ViewTooNew`] where this version has no such view, [`PgError::Refused`] with
    /// SQLSTATE and message, [`PgError::Lost`], [`PgError::StatementTimeout`].
    pub async fn read(&self, view: &View, params: &[Param<'_>]) -> Result<Vec<Row>, PgError> {
        let sql = view.select(self.server_version())?;
        self.rows(view.name, sql, params).await
    }

    /// What `build` makes of each row of a view, as the rows arrive: of a view with very many rows, those of the
    /// protocol are never there all at once. `build` also gets the view's name for errors.
    ///
    /// # Errors
    ///
    /// As [`Self::read`], and the first error of `build`.
    pub async fn read_each<T>(
        &self,
        view: &View,
        params: &[Param<'_>],
        build: impl Fn(&Row, &str) -> Result<T, PgError>,
    ) -> Result<Vec<T>, PgError> {
        let sql = view.select(self.server_version())?;
        let build = |row: Row| build(&row, view.name);
        self.each_row(view.name, sql, params, build).await
    }

    /// [`Self::read`] of a view with exactly one row.
    ///
    /// # Errors
    ///
    /// As [`Self::read`], and [`PgError::Shape`] for another number of rows.
    pub async fn one(&self, view: &View, params: &[Param<'_>]) -> Result<Row, PgError> {
        let rows = self.read(view, params).await?;
        column::only(rows, view.name)
    }

    /// Runs one statement of dbperf's own through the extended protocol. `what` names it in
    /// errors. The statement must carry the marker comment after its first keyword.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]. After [`PgError::StatementTimeout`] the session should be given up.
    pub async fn rows(
        &self,
        what: &str,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, PgError> {
        self.each_row(what, sql, params, Ok).await
    }

    async fn each_row<T>(
        &self,
        what: &str,
        sql: &str,
        params: &[Param<'_>],
        build: impl Fn(Row) -> Result<T, PgError>,
    ) -> Result<Vec<T>, PgError> {
        let run = async {
            if self.facts.through_pooler == Some(true) {
                self.rows_in_own_transaction(sql, params, build).await
            } else {
                self.rows_prepared(sql, params, build).await
            }
        };
        if let Ok(result) = timeout(self.limit, run).await {
            result.map_err(|e| statement_error(&self.facts.address, what, &e))?
        } else {
            // The timeout below is what is reported; that the cancel failed adds nothing.
            let _sent = self.cancel().await;
            Err(PgError::StatementTimeout {
                address: self.facts.address.clone(),
                what: what.to_owned(),
                after: self.limit,
            })
        }
    }

    async fn rows_prepared<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        build: impl Fn(Row) -> Result<T, PgError>,
    ) -> Result<Result<Vec<T>, PgError>, tokio_postgres::Error> {
        let cached = self
            .statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sql)
            .cloned();
        let statement = if let Some(statement) = cached {
            statement
        } else {
            let types: Vec<Type> = params.iter().map(|(_, t)| t.clone()).collect();
            let statement = self.client.prepare_typed(sql, &types).await?;
            self.statements
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(sql.to_owned(), statement.clone());
            statement
        };
        let values = params.iter().map(|(value, _)| *value);
        build_each(self.client.query_raw(&statement, values).await?, build).await
    }

    /// Median of `count` round trips of an empty statement.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub async fn round_trip(&self, count: usize) -> Result<Duration, PgError> {
        self.read(&catalog::PING, &[]).await?;
        let mut times = Vec::with_capacity(count.max(1));
        for _ in 0..count.max(1) {
            let start = Instant::now();
            self.read(&catalog::PING, &[]).await?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        Ok(times[times.len() / 2])
    }

    /// Ends the session in good order and waits for it, for two seconds at most.
    pub async fn close(self) {
        let Self {
            client, mut task, ..
        } = self;
        drop(client);
        // Whoever does not end in time is aborted by the drop of the task.
        let _ended = timeout(END_TIMEOUT, &mut task.0).await;
    }

    /// The connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The host that answered.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.facts.host
    }

    /// What protects the connection.
    #[must_use]
    pub fn protection(&self) -> &Protection {
        &self.protection
    }

    /// The host that answered, without secrets.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.facts.address
    }

    /// The server runs on this machine, as far as the address tells.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.facts.host.is_local()
    }

    /// `current_database()`.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.facts.database
    }

    /// `server_version_num`, such as 150018.
    #[must_use]
    pub fn version_num(&self) -> u32 {
        self.facts.version_num
    }

    /// The major version, such as 15.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.facts.version_num / 10_000
    }

    /// The major version as the catalogue SQL counts it.
    #[must_use]
    pub fn server_version(&self) -> Since {
        (self.major(), 0)
    }

    /// `pg_is_in_recovery()` when the session began.
    #[must_use]
    pub fn in_recovery(&self) -> bool {
        self.facts.in_recovery
    }

    /// `pg_backend_pid()`; behind a pooler only that of the first transaction.
    #[must_use]
    pub fn backend_pid(&self) -> i32 {
        self.facts.pid
    }

    /// The role's own `search_path`, before it was pinned.
    #[must_use]
    pub fn role_search_path(&self) -> &str {
        &self.facts.role_search_path
    }

    /// A pooler is in between: the process id of the protocol is not that of the backend.
    /// `None` where the server sent none.
    #[must_use]
    pub fn through_pooler(&self) -> Option<bool> {
        self.facts.through_pooler
    }
}

/// Builds from every row as it arrives. The rows are read to the end even after an error of `build`, so that the
/// next statement does not wait behind them.
pub(super) async fn build_each<T>(
    rows: RowStream,
    build: impl Fn(Row) -> Result<T, PgError>,
) -> Result<Result<Vec<T>, PgError>, tokio_postgres::Error> {
    let mut rows = pin!(rows);
    let mut all = Ok(Vec::new());
    while let Some(row) = rows.try_next().await? {
        if let Ok(some) = &mut all {
            match build(row) {
                Ok(one) => some.push(one),
                Err(e) => all = Err(e),
            }
        }
    }
    Ok(all)
}

impl Facts {
    pub(super) async fn read(
        client: &Client,
        host: &Host,
        key_pid: Option<i32>,
    ) -> Result<Self, PgError> {
        let view = &catalog::SESSION;
        let address = host.to_string();
        // The version is not known yet; this statement runs on every one.
        let (_, sql) = view.variants[0];
        let rows = client.query_typed(sql, &[]).await;
        let rows = rows.map_err(|e| statement_error(&address, view.name, &e))?;
        let row = column::only(rows, view.name)?;
        let get = |name| column::get::<String>(&row, view.name, name);
        let version = get("version")?;
        let version_num: i32 = column::get(&row, view.name, "version_num")?;
        let version_num = u32::try_from(version_num).unwrap_or(0);
        if version_num / 10_000 < OLDEST_MAJOR {
            return Err(PgError::ServerTooOld {
                address,
                version,
                needed: OLDEST_MAJOR,
            });
        }
        let pid: i32 = column::get(&row, view.name, "pid")?;
        Ok(Self {
            host: host.clone(),
            version_num,
            in_recovery: column::get(&row, view.name, "in_recovery")?,
            read_only: get("transaction_read_only")? == "on",
            role_search_path: get("search_path")?,
            database: get("database")?,
            pid,
            through_pooler: key_pid.map(|key| key != pid),
            address,
            version,
        })
    }

    pub(super) fn fits(&self, attrs: TargetSessionAttrs) -> bool {
        match attrs {
            TargetSessionAttrs::Any | TargetSessionAttrs::PreferStandby => true,
            TargetSessionAttrs::ReadWrite => !self.in_recovery && !self.read_only,
            TargetSessionAttrs::ReadOnly => self.in_recovery || self.read_only,
            TargetSessionAttrs::Primary => !self.in_recovery,
            TargetSessionAttrs::Standby => self.in_recovery,
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("address", &self.facts.address)
            .field("version", &self.facts.version)
            .finish_non_exhaustive()
    }
}
