//! Permits in front of any source of connections, so that the wait for one is measured.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};

use super::meter::Outcome;
use super::{AcquireError, Lease, Meter, PoolError};

/// What hands out connections once a permit is there: a pool that is never asked for more
/// connections than there are permits, so that it never has to queue.
#[expect(
    async_fn_in_trait,
    reason = "used on one thread only, so the futures need not be Send"
)]
pub trait Source {
    /// What is handed out. Dropping it gives it back.
    type Connection;

    /// A connection that is ready to use.
    ///
    /// # Errors
    /// The connection could not be made.
    async fn get(&self) -> Result<Self::Connection, AcquireError>;

    /// Takes a connection out of service whose last statement may still run: cancels the statement
    /// and closes the connection.
    async fn discard(&self, connection: Self::Connection);

    /// Connections that are open.
    fn size(&self) -> u32;
}

/// Connections whose statement was abandoned, on their way out; each holds its permit until the server
/// has let go, so that the pool never has more connections than its size.
type Abandoned<C> = (C, OwnedSemaphorePermit);

/// An instrumented pool of `pool_size` connections.
///
/// Counters obey `acquires = immediate + waited + timed_out + cancelled + failed`.
#[derive(Debug)]
pub struct Pool<S: Source> {
    source: Rc<S>,
    meter: Meter,
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
    abandoned: mpsc::UnboundedSender<Abandoned<S::Connection>>,
}

/// Discards abandoned connections of one pool; to be run beside its clients.
#[derive(Debug)]
pub struct Reaper<S: Source> {
    source: Rc<S>,
    abandoned: mpsc::UnboundedReceiver<Abandoned<S::Connection>>,
}

impl<S: Source> Reaper<S> {
    /// Cancels and closes abandoned connections, several at a time, until the pool and all its leases
    /// were dropped.
    pub async fn run(mut self) {
        let source = &self.source;
        let mut leaving = FuturesUnordered::new();
        loop {
            tokio::select! {
                abandoned = self.abandoned.recv() => match abandoned {
                    Some((connection, permit)) => leaving.push(async move {
                        source.discard(connection).await;
                        drop(permit);
                    }),
                    None => break,
                },
                Some(()) = leaving.next() => {}
            }
        }
        while leaving.next().await.is_some() {}
    }
}

/// An acquire that is under way. Dropped before it ended, it counts as cancelled.
struct Acquire<'a> {
    meter: &'a Meter,
    start: Instant,
    permit_wait: Option<Duration>,
    waiting: bool,
    ended: bool,
}

impl Acquire<'_> {
    fn end(&mut self, outcome: Outcome) {
        self.got_permit();
        self.ended = true;
        let wait = self.permit_wait.unwrap_or_default();
        self.meter.acquire_ended(self.start, wait, outcome);
    }

    fn wait(&mut self) {
        self.waiting = true;
        self.meter.waiting(true);
    }

    /// The wait for a permit is over, with or without one.
    fn got_permit(&mut self) {
        if self.permit_wait.is_none() {
            self.permit_wait = Some(if self.waiting {
                self.start.elapsed()
            } else {
                Duration::ZERO
            });
        }
        if std::mem::take(&mut self.waiting) {
            self.meter.waiting(false);
        }
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Outcome::Cancelled);
        }
    }
}

impl<S: Source> Pool<S> {
    /// A pool of `pool_size` connections from `source`, and the reaper to run beside it. An acquire
    /// gives up after `acquire_timeout`.
    ///
    /// # Errors
    /// `pool_size` is 0.
    pub fn new(
        source: S,
        meter: Meter,
        pool_size: u32,
        acquire_timeout: Duration,
    ) -> Result<(Self, Reaper<S>), PoolError> {
        if pool_size == 0 {
            return Err(PoolError::Empty);
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let source = Rc::new(source);
        let pool = Self {
            source: Rc::clone(&source),
            meter,
            permits: Arc::new(Semaphore::new(pool_size as usize)),
            acquire_timeout,
            abandoned: sender,
        };
        let reaper = Reaper {
            source,
            abandoned: receiver,
        };
        Ok((pool, reaper))
    }

    /// What this pool measured.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Where its connections come from.
    #[must_use]
    pub fn source(&self) -> &Rc<S> {
        &self.source
    }

    /// Waits for a permit, then for a connection.
    ///
    /// Dropping the future counts the acquire as cancelled.
    ///
    /// # Errors
    /// The acquire timeout passed, the connection could not be made, or the pool is closed.
    pub async fn acquire(&self) -> Result<Lease<S::Connection>, AcquireError> {
        let mut acquire = Acquire {
            meter: &self.meter,
            start: Instant::now(),
            permit_wait: None,
            waiting: false,
            ended: false,
        };
        let (success, outcome, result) = {
            let work = async {
                let (permit, success) = self.permit(&mut acquire).await?;
                acquire.got_permit();
                let connection = self.source.get().await?;
                Ok((permit, success, connection))
            };
            match tokio::time::timeout(self.acquire_timeout, work).await {
                Ok(Ok((permit, success, connection))) => (success, None, Ok((permit, connection))),
                Ok(Err(error)) => (Outcome::Failed, Some(Outcome::Failed), Err(error)),
                Err(_) => {
                    let timeout = self.acquire_timeout;
                    let error = AcquireError::TimedOut { timeout };
                    (Outcome::TimedOut, Some(Outcome::TimedOut), Err(error))
                }
            }
        };
        acquire.end(outcome.unwrap_or(success));
        let (permit, connection) = result?;
        Ok(Lease::begin(
            connection,
            permit,
            acquire.start,
            self.meter.clone(),
            self.abandoned.clone(),
        ))
    }

    /// A permit, and how it was got. The semaphore is fair: a free permit means that nobody waits.
    async fn permit(
        &self,
        acquire: &mut Acquire<'_>,
    ) -> Result<(OwnedSemaphorePermit, Outcome), AcquireError> {
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Ok((permit, Outcome::Immediate)),
            Err(TryAcquireError::Closed) => Err(AcquireError::Closed),
            Err(TryAcquireError::NoPermits) => {
                acquire.wait();
                let permit = Arc::clone(&self.permits).acquire_owned().await;
                permit
                    .map(|permit| (permit, Outcome::Waited))
                    .map_err(|_| AcquireError::Closed)
            }
        }
    }
}
