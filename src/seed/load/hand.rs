//! The session that fills, and what ends it.

use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::types::ToSql;

use super::LoadError;
use crate::pg::Session;

/// How long a cancelled statement is waited for (ours); then the connection is given up, which ends it too.
const CANCELLED: Duration = Duration::from_secs(5);

const PATH: &str = "search_path";
const PINNED: &str = "pg_catalog, pg_temp";

/// The writing session, cancelled when the user interrupts.
pub(super) struct Hand<'s> {
    pub(super) session: &'s Session,
    pub(super) stop: watch::Receiver<bool>,
}

impl Hand<'_> {
    /// Runs one statement by the extended protocol: it cannot be two.
    pub(super) async fn run(&self, what: &str, sql: &str) -> Result<(), LoadError> {
        let run = self.session.client().execute(sql, &[]);
        self.until_stopped(what, run).await.map(drop)
    }

    /// The only column of the only row, as text.
    pub(super) async fn text(&self, what: &str, sql: &str) -> Result<Option<String>, LoadError> {
        let run = self.session.client().query_one(sql, &[]);
        let row = self.until_stopped(what, run).await?;
        row.try_get(0).map_err(|e| LoadError::of(what, &e))
    }

    /// Sets a parameter until the end of the transaction.
    pub(super) async fn set(&self, name: &str, value: &str) -> Result<(), LoadError> {
        self.set_until(name, value, true).await
    }

    /// The tables of the catalogue first, as guarded sessions have it, so that printed names are whole.
    pub(super) async fn pinned_path(&self) -> Result<(), LoadError> {
        self.set(PATH, PINNED).await
    }

    /// The role's own path: defaults, constraints and triggers of the application may rely on it.
    pub(super) async fn role_path(&self) -> Result<(), LoadError> {
        self.set(PATH, self.session.role_search_path()).await
    }

    /// The role's own path, outside of a transaction.
    pub(super) async fn keep_role_path(&self) -> Result<(), LoadError> {
        let path = self.session.role_search_path();
        self.set_until(PATH, path, false).await
    }

    /// The path that guarded sessions have, outside of a transaction.
    pub(super) async fn keep_pinned_path(&self) -> Result<(), LoadError> {
        self.set_until(PATH, PINNED, false).await
    }

    /// Sets a parameter until the end of the transaction, or of the session.
    async fn set_until(
        &self,
        name: &str,
        value: &str,
        of_transaction: bool,
    ) -> Result<(), LoadError> {
        let set = "SELECT /* dbperf */ pg_catalog.set_config($1, $2, $3)";
        let values: [&(dyn ToSql + Sync); 3] = [&name, &value, &of_transaction];
        let run = self.session.client().query(set, &values);
        self.until_stopped(&format!("setting {name}"), run)
            .await
            .map(drop)
    }

    /// Awaits an answer, or cancels on the server when the user interrupts.
    pub(super) async fn until_stopped<T>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, LoadError> {
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            done = &mut answer => return done.map_err(|e| LoadError::of(what, &e)),
            () = self.stopped() => {}
        }
        self.cancel().await;
        // What it came to does not matter: the transaction is rolled back.
        let _ = tokio::time::timeout(CANCELLED, answer).await;
        Err(LoadError::Interrupted)
    }

    /// Cancels what the server is executing.
    pub(super) async fn cancel(&self) {
        // Should it not arrive, the end of the connection ends the transaction.
        let _ = self.session.cancel().await;
    }

    /// Resolves when the user interrupts; never if nobody does.
    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
