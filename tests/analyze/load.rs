//! Load of known shape on a server, each on its own thread and connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

/// A session that runs one statement over and over until it is stopped.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Background {
    /// Runs `sql` back to back under an application name.
    pub(crate) fn start(dsn: &str, application: &str, sql: &str) -> Self {
        Self::start_paced(dsn, application, sql, Duration::ZERO)
    }

    /// Runs `sql` with a pause after each execution.
    pub(crate) fn start_paced(dsn: &str, application: &str, sql: &str, pause: Duration) -> Self {
        Self::spawn(dsn, application, sql, move |client, sql, stop| {
            Box::pin(async move {
                let statement = client.prepare(&sql).await.unwrap();
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    client.query(&statement, &[]).await.unwrap();
                    calls += 1;
                    tokio::time::sleep(pause).await;
                }
                calls
            })
        })
    }

    /// Runs `sql` once in a transaction that stays open until it is stopped, then rolls back.
    pub(crate) fn hold(dsn: &str, application: &str, sql: &str) -> Self {
        let held = Self::spawn(dsn, application, sql, |client, sql, stop| {
            Box::pin(async move {
                client.batch_execute("BEGIN").await.unwrap();
                client.batch_execute(&sql).await.unwrap();
                while !stop.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                client.batch_execute("ROLLBACK").await.unwrap();
                1
            })
        });
        // Its lock is there before anybody waits for it.
        std::thread::sleep(Duration::from_millis(300));
        held
    }

    fn spawn<F>(dsn: &str, application: &str, sql: &str, work: F) -> Self
    where
        F: FnOnce(Client, String, Arc<AtomicBool>) -> std::pin::Pin<Box<dyn Future<Output = u64>>>
            + Send
            + 'static,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let dsn = format!("{dsn} application_name={application}");
        let (sql, stopped) = (sql.to_owned(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            runtime().block_on(async move { work(connect(&dsn).await, sql, stopped).await })
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    /// Ends the session; the number of executions.
    pub(crate) fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .unwrap()
            .join()
            .expect("the background session went on")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs statements on a connection of their own; notices and results are dropped.
pub(crate) fn execute(dsn: &str, sql: &str) {
    runtime().block_on(async {
        let client = connect(dsn).await;
        client
            .batch_execute(sql)
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    });
}

/// The first column of the first row, as text.
pub(crate) fn one_value(dsn: &str, sql: &str) -> String {
    runtime().block_on(async {
        let client = connect(dsn).await;
        client.query_one(sql, &[]).await.unwrap().get(0)
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn connect(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls)
        .await
        .unwrap_or_else(|e| panic!("{dsn}: {e:?}"));
    tokio::spawn(connection);
    client
}
