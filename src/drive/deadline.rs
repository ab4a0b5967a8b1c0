//! Time limits of statements, watched from outside of the driver's threads.
//!
//! A timer that is set makes every wait of a thread for its sockets a wait with an end, and setting that end
//! costs more than the rest of the limit. So clients only write down when their statement began, and the
//! coordinator looks at all of them a hundred times a second.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// No statement is under way.
const NONE: u64 = 0;

/// The time of the statement is up.
const EXPIRED: u64 = u64::MAX;

/// The statements of all clients that are under way.
#[derive(Debug)]
pub(super) struct Deadlines {
    base: Instant,
    limit: Duration,
    clients: Vec<Client>,
}

#[derive(Debug, Default)]
struct Client {
    /// Nanoseconds since the base, at least 1, or one of the two marks.
    started: AtomicU64,
    task: Mutex<Option<Waker>>,
}

/// The time limit of one client.
#[derive(Debug)]
pub(super) struct Deadline {
    all: Arc<Deadlines>,
    client: usize,
    /// Who is registered to be woken; a client's task stays the same.
    registered: RefCell<Option<Waker>>,
}

impl Deadlines {
    pub(super) fn new(clients: u32, limit: Duration) -> Self {
        Self {
            base: Instant::now(),
            limit,
            clients: (0..clients).map(|_| Client::default()).collect(),
        }
    }

    /// The limit of a client; `None` for one that was not announced.
    pub(super) fn of(self: &Arc<Self>, client: usize) -> Option<Deadline> {
        (client < self.clients.len()).then(|| Deadline {
            all: Arc::clone(self),
            client,
            registered: RefCell::default(),
        })
    }

    fn nanos(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.base).as_nanos();
        u64::try_from(since).unwrap_or(EXPIRED - 1).max(1)
    }

    /// Ends the statements whose time is up.
    pub(super) fn sweep(&self, now: Instant) {
        let limit = u64::try_from(self.limit.as_nanos()).unwrap_or(EXPIRED);
        let oldest = self.nanos(now).saturating_sub(limit);
        for client in &self.clients {
            let started = client.started.load(Ordering::Acquire);
            if started == NONE || started == EXPIRED || started > oldest {
                continue;
            }
            let expire = client.started.compare_exchange(
                started,
                EXPIRED,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if expire.is_ok() {
                let task = client.task.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(task) = &*task {
                    task.wake_by_ref();
                }
            }
        }
    }
}

impl Deadline {
    fn register(&self, waker: &Waker) {
        let mut registered = self.registered.borrow_mut();
        if !registered
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            let task = &self.all.clients[self.client].task;
            *task.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
            *registered = Some(waker.clone());
        }
    }

    /// Runs `work`, which began at `started`; `None` if its time is up.
    pub(super) async fn watch<T>(
        &self,
        started: Instant,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let client = &self.all.clients[self.client];
        let mark = self.all.nanos(started);
        client.started.store(mark, Ordering::Release);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                client.started.store(NONE, Ordering::Release);
                return Poll::Ready(Some(done));
            }
            self.register(cx.waker());
            if client.started.load(Ordering::Acquire) == EXPIRED {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use tokio::time::sleep;

    #[tokio::test]
    async fn each_statement_has_the_whole_limit() {
        let ms = Duration::from_millis;
        let all = Arc::new(Deadlines::new(2, ms(60)));
        let sweeper = Arc::clone(&all);
        let sweeping = tokio::spawn(async move {
            loop {
                sleep(ms(5)).await;
                sweeper.sweep(Instant::now());
            }
        });
        let one = all.of(1).unwrap();
        assert!(all.of(2).is_none());
        for _ in 0..4 {
            let quick = one.watch(Instant::now(), pin!(sleep(ms(30)))).await;
            assert_eq!(quick, Some(()));
        }
        let started = Instant::now();
        assert_eq!(one.watch(started, pin!(sleep(ms(5000)))).await, None);
        let took = started.elapsed();
        assert!(took >= ms(60) && took < ms(500), "{took:?}");
        assert_eq!(
            one.watch(Instant::now(), pin!(sleep(ms(10)))).await,
            Some(())
        );
        sweeping.abort();
    }
}
