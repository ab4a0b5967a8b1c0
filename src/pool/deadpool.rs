//! deadpool-postgres behind the permits, with connect and recycle timed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, RecycleError, Timeouts};
use deadpool_postgres::{ClientWrapper, ManagerConfig, RecyclingMethod};
use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio_postgres::{Config, NoTls};

use crate::pg::{Canceller, Connector, PgError};
use crate::workload::Value;

use super::prepared::Prepared;
use super::{
    AcquireError, Control, Execute, ExecuteError, Kept, Meter, PoolError, Query, Source, Traffic,
};

/// How long all connections may take to say good-bye (ours).
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A connection of [`DeadpoolSource`].
pub type DeadpoolConnection = Object<TimedManager>;

/// Tasks that move the bytes of each open connection. They end when the server was told good-bye.
type Tasks = Arc<Mutex<Vec<JoinHandle<()>>>>;

/// deadpool-postgres with its default way of recycling (`Fast`: the connection is not known to be
/// closed), never asked for more connections than it may have.
pub struct DeadpoolSource {
    pool: managed::Pool<TimedManager>,
    tasks: Tasks,
}

impl std::fmt::Debug for DeadpoolSource {
    /// Leaves out the manager, whose `Debug` prints the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadpoolSource")
            .field("size", &self.pool.status().size)
            .finish_non_exhaustive()
    }
}

impl DeadpoolSource {
    /// A deadpool of `pool_size` connections made by `connector`; connect and recycle times go to `meter`.
    ///
    /// # Errors
    /// deadpool refuses the configuration.
    pub fn new(connector: Connector, pool_size: u32, meter: Meter) -> Result<Self, PoolError> {
        let tasks = Tasks::default();
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = TimedManager {
            connector,
            // It recycles; connections are made by the connector, as those of every other pool.
            inner: deadpool_postgres::Manager::from_config(Config::new(), NoTls, config),
            tasks: Arc::clone(&tasks),
            meter,
        };
        let pool = managed::Pool::builder(manager)
            .max_size(pool_size as usize)
            .build()
            .map_err(|error| PoolError::Build {
                pool_size,
                reason: error.to_string(),
            })?;
        Ok(Self { pool, tasks })
    }
}

impl Source for DeadpoolSource {
    type Connection = DeadpoolConnection;

    async fn get(&self, _: usize) -> Result<DeadpoolConnection, AcquireError> {
        // Permits stand in front, so there is always room: deadpool must never queue.
        let timeouts = Timeouts {
            wait: Some(Duration::ZERO),
            create: None,
            recycle: None,
        };
        self.pool
            .timeout_get(&timeouts)
            .await
            .map_err(|error| match error {
                managed::PoolError::Backend(error) => AcquireError::from(&error),
                managed::PoolError::Timeout(_) => AcquireError::TimedOut {
                    timeout: Duration::ZERO,
                },
                managed::PoolError::Closed
                | managed::PoolError::NoRuntimeSpecified
                | managed::PoolError::PostCreateHook(_) => AcquireError::Closed,
            })
    }

    fn was_checked(connection: &DeadpoolConnection) -> bool {
        connection.used
    }

    async fn discard(&self, connection: DeadpoolConnection) {
        let session = Object::take(connection);
        if !session.prepared.is_closed() {
            // A cancel that fails leaves a statement that ends by itself; there is nobody to tell.
            let _ = session.canceller.cancel().await;
        }
    }

    fn size(&self) -> u32 {
        u32::try_from(self.pool.status().size).unwrap_or(u32::MAX)
    }

    fn idle(&self) -> u32 {
        u32::try_from(self.pool.status().available).unwrap_or(u32::MAX)
    }

    async fn close(&self) {
        self.pool.close();
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let good_byes = join_all(tasks.iter_mut());
        if tokio::time::timeout(CLOSE_LIMIT, good_byes).await.is_err() {
            for task in &tasks {
                task.abort();
            }
        }
    }
}

/// deadpool-postgres' manager with its two steps timed.
pub struct TimedManager {
    connector: Connector,
    inner: deadpool_postgres::Manager,
    tasks: Tasks,
    meter: Meter,
}

impl std::fmt::Debug for TimedManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimedManager").finish_non_exhaustive()
    }
}

/// What deadpool keeps.
#[derive(Debug)]
pub struct Session {
    /// It was handed out before.
    used: bool,
    prepared: Prepared<ClientWrapper>,
    canceller: Canceller,
}

impl managed::Manager for TimedManager {
    // A pool moves what it keeps from hand to hand.
    type Type = Box<Session>;
    type Error = PgError;

    async fn create(&self) -> Result<Box<Session>, PgError> {
        let start = Instant::now();
        // Boxed, so that an acquire that makes no connection is not as large as one that does.
        let opened = Box::pin(self.connector.connect()).await?;
        self.meter.connected(start);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(opened.task);
        // deadpool-postgres aborts the task of a client that is dropped, and the server would never hear the
        // good-bye that makes it flush the counters of that session: it gets another task.
        let client = ClientWrapper::new(opened.client, tokio::spawn(std::future::ready(())));
        Ok(Box::new(Session {
            used: false,
            prepared: Prepared::new(client, opened.wire),
            canceller: opened.canceller,
        }))
    }

    async fn recycle(
        &self,
        session: &mut Box<Session>,
        metrics: &Metrics,
    ) -> managed::RecycleResult<PgError> {
        // What the driver would have seen if it were awake.
        if session.prepared.is_closed() {
            return Err(RecycleError::message("Connection closed"));
        }
        session.used = true;
        let client = session.prepared.client_mut();
        let recycled = self.inner.recycle(client, metrics).await;
        recycled.map_err(|error| RecycleError::message(error.to_string()))
    }

    fn detach(&self, session: &mut Box<Session>) {
        self.inner.detach(session.prepared.client_mut());
    }
}

impl Execute for DeadpoolConnection {
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value> + Clone,
        kept: &mut Kept<'_>,
        traffic: Traffic,
    ) -> Result<u64, ExecuteError> {
        self.prepared.execute(query, params, kept, traffic).await
    }

    async fn control(&self, control: Control, traffic: Traffic) -> Result<(), ExecuteError> {
        self.prepared.control(control, traffic).await
    }
}
