//! Permits in front of any source of connections, so that the wait for one is measured.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::poll_immediate;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError, mpsc};

use super::meter::{Acquired, Outcome};
use super::{AcquireError, Lease, Meter, PoolError, Source};

/// An instrumented pool of `pool_size` connections, shared by the threads of a driver.
///
/// Counters obey `acquires = immediate + waited + timed_out + cancelled + failed`.
#[derive(Debug)]
pub struct Pool<S: Source> {
    source: Arc<S>,
    meter: Meter,
    pub(super) permits: Arc<Semaphore>,
    acquire_timeout: Duration,
    pub(super) abandoned: mpsc::UnboundedSender<S::Connection>,
}

/// Discards abandoned connections of one pool; to be run beside its clients.
#[derive(Debug)]
pub struct Reaper<S: Source> {
    source: Arc<S>,
    permits: Arc<Semaphore>,
    abandoned: mpsc::UnboundedReceiver<S::Connection>,
}

impl<S: Source> Reaper<S> {
    /// Cancels and closes abandoned connections, several at a time, until the pool was dropped. The permit
    /// of each is given back when the server has let go, so that the pool never has more connections
    /// than its size.
    pub async fn run(mut self) {
        let (source, permits) = (&self.source, &self.permits);
        let mut leaving = FuturesUnordered::new();
        loop {
            tokio::select! {
                abandoned = self.abandoned.recv() => match abandoned {
                    Some(connection) => leaving.push(async move {
                        source.discard(connection).await;
                        permits.add_permits(1);
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
    /// Writes the outcome down; returns the moment of the end.
    fn end(&mut self, outcome: Outcome, checked: bool) -> Instant {
        let now = Instant::now();
        self.got_permit();
        self.ended = true;
        let wait = self.permit_wait.unwrap_or_default();
        let ended = Acquired {
            start: self.start,
            now,
            permit_wait: wait,
            outcome,
            checked,
        };
        self.meter.acquire_ended(&ended);
        now
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
            self.end(Outcome::Cancelled, false);
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
        let source = Arc::new(source);
        let permits = Arc::new(Semaphore::new(pool_size as usize));
        let reaper = Reaper {
            source: Arc::clone(&source),
            permits: Arc::clone(&permits),
            abandoned: receiver,
        };
        let pool = Self {
            source,
            meter,
            permits,
            acquire_timeout,
            abandoned: sender,
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
    pub fn source(&self) -> &Arc<S> {
        &self.source
    }

    /// Waits for a permit, then for a connection. `client` is the number of the client that asks: a
    /// source without a pool keeps one connection for each. `start` is now, or the end of what went just
    /// before: asking the clock is a good part of what an acquire without a wait costs.
    ///
    /// Dropping the future counts the acquire as cancelled.
    ///
    /// # Errors
    /// The acquire timeout passed, the connection could not be made, or the pool is closed.
    pub async fn acquire(
        &self,
        client: usize,
        start: Instant,
    ) -> Result<Lease<'_, S>, AcquireError> {
        let mut acquire = Acquire {
            meter: &self.meter,
            start,
            permit_wait: None,
            waiting: false,
            ended: false,
        };
        let result = {
            let mut work = pin!(async {
                let (permit, success) = self.permit(&mut acquire).await?;
                acquire.got_permit();
                let connection = self.source.get(client).await?;
                Ok((permit, success, connection))
            });
            // Most acquires end at once, and a timer costs more than the rest of such an acquire.
            match poll_immediate(&mut work).await {
                Some(result) => Ok(result),
                None => tokio::time::timeout(self.acquire_timeout, work).await,
            }
        };
        match result {
            Ok(Ok((permit, success, connection))) => {
                // The permit comes back when the lease ends, or when the reaper is done.
                permit.forget();
                let now = acquire.end(success, S::was_checked(&connection));
                Ok(Lease::begin(self, connection, acquire.start, now))
            }
            Ok(Err(error)) => {
                acquire.end(Outcome::Failed, false);
                Err(error)
            }
            Err(_) => {
                acquire.end(Outcome::TimedOut, false);
                let timeout = self.acquire_timeout;
                Err(AcquireError::TimedOut { timeout })
            }
        }
    }

    /// A permit, and how it was got. The semaphore is fair: a free permit means that nobody waits.
    async fn permit(
        &self,
        acquire: &mut Acquire<'_>,
    ) -> Result<(SemaphorePermit<'_>, Outcome), AcquireError> {
        match self.permits.try_acquire() {
            Ok(permit) => Ok((permit, Outcome::Immediate)),
            Err(TryAcquireError::Closed) => Err(AcquireError::Closed),
            Err(TryAcquireError::NoPermits) => {
                acquire.wait();
                let permit = self.permits.acquire().await;
                permit
                    .map(|permit| (permit, Outcome::Waited))
                    .map_err(|_| AcquireError::Closed)
            }
        }
    }
}
