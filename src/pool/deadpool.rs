//! deadpool-postgres behind the permits, with connect and recycle timed.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, Timeouts};
use deadpool_postgres::{ClientWrapper, ManagerConfig, RecyclingMethod};
use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use crate::workload::Value;

use super::prepared::Prepared;
use super::{AcquireError, Control, Execute, ExecuteError, Kept, Meter, PoolError, Query, Source};

/// How long a discarded connection may take to say good-bye after its statement was cancelled
/// (ours): after this it is closed without the server's answer.
const DISCARD_LIMIT: Duration = Duration::from_secs(2);

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
    /// A deadpool of `pool_size` connections to `config`; connect and recycle times go to `meter`.
    ///
    /// # Errors
    /// deadpool refuses the configuration.
    pub fn new(config: Config, pool_size: u32, meter: Meter) -> Result<Self, PoolError> {
        let tasks = Tasks::default();
        let connect = GracefulConnect {
            tasks: Arc::clone(&tasks),
        };
        let manager = TimedManager {
            inner: deadpool_postgres::Manager::from_connect(
                config,
                connect,
                ManagerConfig {
                    recycling_method: RecyclingMethod::Fast,
                },
            ),
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
        // Its future has room for a whole connect; boxed it is not moved from caller to caller.
        Box::pin(self.pool.timeout_get(&timeouts))
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

    async fn discard(&self, connection: DeadpoolConnection) {
        let prepared = Object::take(connection);
        let client = prepared.client();
        if !client.is_closed() {
            let cancel = client.cancel_token();
            // A cancel that fails leaves a statement that ends by itself; there is nobody to tell.
            let _ = tokio::time::timeout(DISCARD_LIMIT, cancel.cancel_query(NoTls)).await;
        }
        drop(prepared);
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
    inner: deadpool_postgres::Manager,
    meter: Meter,
}

impl std::fmt::Debug for TimedManager {
    /// Leaves out the inner manager, whose `Debug` prints the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimedManager").finish_non_exhaustive()
    }
}

impl managed::Manager for TimedManager {
    type Type = Prepared<ClientWrapper>;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Self::Type, Self::Error> {
        let start = Instant::now();
        let client = self.inner.create().await?;
        self.meter.connected(start);
        Ok(Prepared::new(client))
    }

    async fn recycle(
        &self,
        connection: &mut Self::Type,
        metrics: &Metrics,
    ) -> managed::RecycleResult<Self::Error> {
        let start = Instant::now();
        let result = self.inner.recycle(connection.client_mut(), metrics).await;
        self.meter.recycled(start);
        result
    }

    fn detach(&self, connection: &mut Self::Type) {
        self.inner.detach(connection.client_mut());
    }
}

impl Execute for DeadpoolConnection {
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
        kept: &mut Kept<'_>,
    ) -> Result<u64, ExecuteError> {
        self.as_ref().execute(query, params, kept).await
    }

    async fn control(&self, control: Control) -> Result<(), ExecuteError> {
        self.as_ref().control(control).await
    }
}

/// Connects like deadpool-postgres, but keeps the connection's task to itself: deadpool-postgres aborts
/// the task when a client is dropped, and the server would never hear the good-bye that makes it flush
/// the counters of that session.
struct GracefulConnect {
    tasks: Tasks,
}

impl deadpool_postgres::Connect for GracefulConnect {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let config = config.clone();
        Box::pin(async move {
            let (client, connection) = config.connect(NoTls).await?;
            let task = tokio::spawn(async move {
                // The error reaches every statement that waits on this connection.
                let _ = connection.await;
            });
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.retain(|task| !task.is_finished());
            tasks.push(task);
            Ok((client, tokio::spawn(std::future::ready(()))))
        })
    }
}

type Connecting<'a> = Pin<
    Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + 'a>,
>;
