//! Transactions of a guarded session: read-only, or one that fills a database.

use tokio::time::timeout;
use tokio_postgres::Row;

use super::error::statement_error;
use super::session::build_each;
use super::{Param, PgError, Session, catalog};

impl Session {
    /// Begins a read-only transaction under the guards, for statements sent through
    /// [`Self::client`]. End it with [`Self::rollback`], also after an error.
    ///
    /// # Errors
    ///
    /// As [`Session::read`].
    pub async fn begin(&self) -> Result<(), PgError> {
        self.within("BEGIN", self.begin_guarded()).await
    }

    /// Begins a transaction that may write, on a session for [`Purpose::Loading`](super::Purpose::Loading). What is
    /// read through the session from now on is read inside it. End it with COMMIT; when the session is
    /// dropped, or with [`Self::rollback`], the server undoes everything.
    ///
    /// # Errors
    ///
    /// As [`Session::read`].
    pub async fn begin_writing(&self) -> Result<(), PgError> {
        self.within("BEGIN", self.client.batch_execute(Self::BEGIN_WRITING))
            .await
    }

    /// The statement of [`Self::begin_writing`]. Others' rows that are committed before a lock is had are seen.
    pub const BEGIN_WRITING: &'static str =
        "BEGIN /* dbperf */ ISOLATION LEVEL READ COMMITTED READ WRITE";

    /// Ends the transaction of [`Self::begin`], in which nothing was written, or undoes that of
    /// [`Self::begin_writing`].
    ///
    /// # Errors
    ///
    /// As [`Session::read`].
    pub async fn rollback(&self) -> Result<(), PgError> {
        let end = self.client.batch_execute("ROLLBACK /* dbperf */");
        self.within("ROLLBACK", end).await
    }

    async fn within<T>(
        &self,
        what: &str,
        step: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, PgError> {
        match timeout(self.limit, step).await {
            Ok(result) => result.map_err(|e| statement_error(&self.facts.address, what, &e)),
            Err(_) => Err(PgError::StatementTimeout {
                address: self.facts.address.clone(),
                what: what.to_owned(),
                after: self.limit,
            }),
        }
    }

    async fn begin_guarded(&self) -> Result<(), tokio_postgres::Error> {
        self.client
            .batch_execute("BEGIN /* dbperf */ READ ONLY")
            .await?;
        if self.facts.through_pooler == Some(true)
            && let Ok(guard) = catalog::GUARD.select(self.server_version())
        {
            let params = self.guard.params(&true);
            self.client.query_typed(guard, &params).await?;
        }
        Ok(())
    }

    /// Behind a pooler: named statements and session settings belong to somebody else.
    pub(super) async fn rows_in_own_transaction<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        build: impl Fn(Row) -> Result<T, PgError>,
    ) -> Result<Result<Vec<T>, PgError>, tokio_postgres::Error> {
        let read = async {
            self.begin_guarded().await?;
            let params = params.iter().map(|(value, kind)| (*value, kind.clone()));
            build_each(self.client.query_typed_raw(sql, params).await?, build).await
        };
        let result = read.await;
        // After an error this rolls back; otherwise it must not count as somebody's rollback.
        self.client.batch_execute("COMMIT /* dbperf */").await?;
        result
    }
}
