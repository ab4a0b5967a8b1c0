//! One captured session: a connection of its own, and its calls one after the other.

use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, RowStream, Statement};

use crate::pg::{Canceller, TextParam};
use crate::pool::{AcquireError, ExecuteError};
use crate::workload::{CapturedStatement, Protocol};

use super::captured::CapturedRun;
use super::failure::Failure;
use super::program::slot;
use super::recorder::Moments;
use super::switch::Phase;
use super::trace::Trace;
use super::watchdog::Watchdog;

/// How long a connection may take to say good-bye, or to be told of a cancel (ours).
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Prepared statements of one session, at most (ours); more are parsed at every call.
const MOST_PREPARED: usize = 1_000;

/// One call of a session.
pub(super) struct Call {
    pub(super) statement: Arc<CapturedStatement>,
    /// Its exact text, where it is another than the statement's.
    pub(super) text: Option<Box<str>>,
    pub(super) params: Vec<Option<Box<str>>>,
    pub(super) protocol: Protocol,
    /// It failed on the captured server.
    pub(super) failed: bool,
    /// When it is to begin; `None` for at once.
    pub(super) due: Option<Instant>,
    /// Given back when the call is done.
    pub(super) _room: OwnedSemaphorePermit,
}

/// A session.
pub(super) struct Session {
    run: Rc<CapturedRun>,
    connection: Option<Connection>,
    trace: Trace,
    watchdog: Option<Watchdog>,
}

struct Connection {
    client: Client,
    task: JoinHandle<()>,
    canceller: Canceller,
    /// By the number of the statement.
    prepared: HashMap<u32, Statement>,
}

impl Session {
    /// To be made inside of a runtime.
    pub(super) fn new(run: Rc<CapturedRun>) -> Self {
        let watchdog = run.options.statement_timeout.map(Watchdog::new);
        Self {
            run,
            connection: None,
            trace: Trace::new(Instant::now()),
            watchdog,
        }
    }

    /// Connects, and does what it is given until the session ends.
    pub(super) async fn run(mut self, mut calls: mpsc::UnboundedReceiver<Call>) {
        let run = Rc::clone(&self.run);
        run.switch.register().await;
        run.session(true);
        // A connection that cannot be made shows in the first call.
        let _ = run.switch.unless_cancelled(pin!(self.connect())).await;
        let mut cancelled = pin!(run.switch.reached(Phase::Cancel));
        loop {
            let call = tokio::select! {
                biased;
                call = calls.recv() => call,
                () = &mut cancelled => None,
            };
            let Some(call) = call else { break };
            self.call(call).await;
        }
        run.session(false);
        if let Some(connection) = self.connection.take() {
            connection.good_bye().await;
        }
    }

    async fn connect(&mut self) -> Result<&mut Connection, Failure> {
        let usable = self
            .connection
            .as_ref()
            .is_some_and(|c| !c.client.is_closed());
        if !usable {
            let connected = self.run.connector.connect().await;
            let opened = connected.map_err(|error| Failure::from(AcquireError::from(&error)))?;
            self.connection = Some(Connection {
                client: opened.client,
                task: opened.task,
                canceller: opened.canceller,
                prepared: HashMap::new(),
            });
        }
        self.connection.as_mut().ok_or(Failure::ConnectionLost)
    }

    async fn call(&mut self, call: Call) {
        let run = Rc::clone(&self.run);
        let started = Instant::now();
        self.trace.restart(started);
        let result = run.switch.unless_cancelled(pin!(self.execute(&call))).await;
        let failure = match result {
            Ok(result) => result.err(),
            Err(_) => Some(Failure::Cancelled),
        };
        let ended = Instant::now();
        self.trace.close(ended);
        if matches!(
            failure,
            Some(Failure::Cancelled | Failure::StatementTimeout)
        ) && let Some(connection) = self.connection.take()
        {
            connection.cancel().await;
        }
        let moments = Moments {
            due: call.due,
            started,
            ended,
        };
        run.record(&call, moments, &self.trace, failure.as_ref());
    }

    async fn execute(&mut self, call: &Call) -> Result<(), Failure> {
        self.connect().await?;
        let Some(connection) = &mut self.connection else {
            return Err(Failure::ConnectionLost);
        };
        let started = Instant::now();
        self.trace.end_acquire(started, true);
        self.trace.begin_statement(started, slot(0));
        let work = pin!(connection.execute(call));
        let result = match &mut self.watchdog {
            None => Some(work.await),
            Some(watchdog) => watchdog.watch(started, work).await,
        };
        let now = Instant::now();
        let rows = match &result {
            Some(Ok(rows)) => *rows,
            Some(Err(_)) | None => 0,
        };
        self.trace.end_statement(now, rows);
        match result {
            None => Err(Failure::StatementTimeout),
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(ExecuteError::from(&error).into()),
        }
    }
}

impl Connection {
    async fn execute(&mut self, call: &Call) -> Result<u64, Error> {
        let mut rows = pin!(self.send(call).await?);
        let mut count = 0;
        while rows.try_next().await?.is_some() {
            count += 1;
        }
        Ok(rows.rows_affected().map_or(count, |n| n.max(count)))
    }

    /// Sends a call as it was sent: prepared once, or parsed for this call.
    async fn send(&mut self, call: &Call) -> Result<RowStream, Error> {
        let params = call.params.iter().map(|value| TextParam(value.as_deref()));
        let number = call.statement.id.filter(|_| call.text.is_none());
        if call.protocol == Protocol::Prepared
            && let Some(number) = number
        {
            if let Some(known) = self.prepared.get(&number) {
                return self.client.query_raw(known, params).await;
            }
            if self.prepared.len() < MOST_PREPARED {
                let statement = self.client.prepare(&call.statement.sql).await?;
                self.prepared.insert(number, statement.clone());
                return self.client.query_raw(&statement, params).await;
            }
        }
        let text = call.text.as_deref().unwrap_or(&call.statement.sql);
        // The server finds out the types, as it did for the application.
        let typed = params.map(|param| (param, Type::UNKNOWN));
        self.client.query_typed_raw(text, typed).await
    }

    /// Cancels what is under way and closes the connection.
    async fn cancel(self) {
        // A cancel that fails leaves a statement that ends by itself; there is nobody to tell.
        let _ = self.canceller.cancel().await;
        self.good_bye().await;
    }

    async fn good_bye(self) {
        let Self {
            client, mut task, ..
        } = self;
        drop(client);
        if tokio::time::timeout(CLOSE_LIMIT, &mut task).await.is_err() {
            task.abort();
        }
    }
}
