//! The one session that changes something.

use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::Client;

use crate::pg::{Canceller, Connector, Conninfo, Opened, SessionOptions};

use super::ProveError;

/// How long a statement may wait for a lock, or for older transactions (ours). CONCURRENTLY holds off no reader and
/// no writer while it waits.
const LOCK_TIMEOUT: &str = "10s";

/// How long the session may be forgotten in a transaction; it opens none.
const IDLE_TIMEOUT: &str = "60s";

/// A session that may write, on the server itself.
pub(super) struct Hand {
    client: Client,
    canceller: Canceller,
    task: tokio::task::JoinHandle<()>,
}

impl Hand {
    /// Opens it; `limit` is what a single statement may take.
    pub(super) async fn open(
        conninfo: &Conninfo,
        run_id: &str,
        limit: Duration,
    ) -> Result<Self, ProveError> {
        let name = SessionOptions::new(run_id).application_name;
        let opened = Connector::new(conninfo.clone()).named(name).connect().await;
        let Opened {
            client,
            canceller,
            task,
            ..
        } = opened?;
        let hand = Self {
            client,
            canceller,
            task,
        };
        hand.set("lock_timeout", LOCK_TIMEOUT).await?;
        hand.set("idle_in_transaction_session_timeout", IDLE_TIMEOUT)
            .await?;
        hand.limit(limit).await?;
        // A role of dbperf's is read-only by default; this flag is what the user's consent is for.
        hand.set("default_transaction_read_only", "off").await?;
        Ok(hand)
    }

    /// What a single statement may take from now on.
    pub(super) async fn limit(&self, limit: Duration) -> Result<(), ProveError> {
        self.set(
            "statement_timeout",
            &format!("{}ms", limit.as_millis().max(1)),
        )
        .await
    }

    /// Sets a parameter of the session.
    pub(super) async fn set(&self, name: &str, value: &str) -> Result<(), ProveError> {
        let set = "SELECT /* dbperf */ pg_catalog.set_config($1, $2, false)";
        let done = self.client.query(set, &[&name, &value]).await;
        done.map(drop)
            .map_err(|e| ProveError::of(&format!("setting {name}"), &e))
    }

    /// Runs one statement, by the extended protocol: it cannot be two.
    pub(super) async fn run(&self, what: &str, sql: &str) -> Result<(), ProveError> {
        let done = self.client.execute(sql, &[]).await;
        done.map(drop).map_err(|e| ProveError::of(what, &e))
    }

    /// The same, cancelled on the server when the user interrupts.
    pub(super) async fn run_until(
        &self,
        what: &str,
        sql: &str,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), ProveError> {
        let mut running = std::pin::pin!(self.run(what, sql));
        tokio::select! {
            done = &mut running => return done,
            () = stopped(stop) => {}
        }
        // Should it not arrive, the statement ends by its own timeout.
        let _ = self.canceller.cancel().await;
        // What it came to does not matter: the undo looks at what is there.
        let _ = running.await;
        Err(ProveError::Interrupted)
    }

    /// The connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Ends the session in good order.
    pub(super) async fn close(self) {
        let Self { client, task, .. } = self;
        drop(client);
        let _ = tokio::time::timeout(Duration::from_secs(2), task).await;
    }
}

/// Resolves when the user interrupts; never if nobody does.
pub(super) async fn stopped(stop: &watch::Receiver<bool>) {
    let mut stop = stop.clone();
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
