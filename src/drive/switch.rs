//! What clients are to do, and how they hear of a change without asking twice per request.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

use tokio::sync::watch;

/// What clients are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Send requests.
    Run,
    /// Finish the request under way and end.
    Finish,
    /// Cancel the request under way and end.
    Cancel,
}

/// The request was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cancelled;

/// The phase, for the clients of all threads.
#[derive(Debug)]
pub(super) struct Switch {
    /// The phase as a number, for those who only look.
    now: AtomicU8,
    phase: watch::Sender<Phase>,
    /// One of each client task, to be woken out of its request.
    clients: Mutex<Vec<Waker>>,
}

impl Switch {
    pub(super) fn new() -> Self {
        Self {
            now: AtomicU8::new(Phase::Run as u8),
            phase: watch::Sender::new(Phase::Run),
            clients: Mutex::default(),
        }
    }

    /// Clients are to send requests.
    pub(super) fn is_running(&self) -> bool {
        self.now.load(Ordering::Acquire) == Phase::Run as u8
    }

    /// Tells clients what to do; never back to an earlier phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
        self.now.fetch_max(phase as u8, Ordering::AcqRel);
        if phase == Phase::Cancel {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            clients.drain(..).for_each(Waker::wake);
        }
    }

    /// Completes when clients are to do `phase`, or something later.
    pub(super) async fn reached(&self, phase: Phase) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Makes the calling task one whose requests can be cancelled; once for each client, outside of any
    /// combinator with wakers of its own.
    pub(super) async fn register(&self) {
        poll_fn(|cx| {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            clients.push(cx.waker().clone());
            Poll::Ready(())
        })
        .await;
    }

    /// Runs `work` unless it is cancelled, in a task that was registered.
    pub(super) async fn unless_cancelled<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Cancelled> {
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            if self.now.load(Ordering::Acquire) == Phase::Cancel as u8 {
                return Poll::Ready(Err(Cancelled));
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
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn a_request_under_way_is_cancelled_and_a_finished_one_is_not() {
        let switch = Arc::new(Switch::new());
        let client = Arc::clone(&switch);
        let task = tokio::spawn(async move {
            client.register().await;
            assert_eq!(client.unless_cancelled(pin!(async { 7 })).await, Ok(7));
            client
                .unless_cancelled(pin!(tokio::time::sleep(Duration::from_secs(60))))
                .await
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        switch.enter(Phase::Finish);
        assert!(!task.is_finished());
        switch.enter(Phase::Cancel);
        assert_eq!(task.await.unwrap(), Err(Cancelled));
        switch.enter(Phase::Finish);
        assert!(!switch.is_running());
        switch.reached(Phase::Finish).await;
    }
}
