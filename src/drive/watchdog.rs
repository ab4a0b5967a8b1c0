//! A time limit for statements that costs next to nothing while it is kept.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

/// One timer of one client. It is not set anew for each statement: when it rings, the statement under way
/// is asked whether its own time is up, and the timer is set to that moment if it is not.
#[derive(Debug)]
pub(super) struct Watchdog {
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Watchdog {
    /// A watchdog with a limit for each statement; to be made inside of a runtime.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            timer: Box::pin(sleep_until((Instant::now() + limit).into())),
        }
    }

    /// Runs `work`, which began at `started`; `None` if its time is up. `started` never goes back.
    pub(super) async fn watch<T>(
        &mut self,
        started: Instant,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let deadline = started + self.limit;
        let timer = &mut self.timer;
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            // It was set for this statement or an earlier one, so it rings in time.
            while timer.as_mut().poll(cx).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(None);
                }
                timer.as_mut().reset(deadline.into());
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
        let mut dog = Watchdog::new(ms(60));
        for _ in 0..4 {
            assert_eq!(
                dog.watch(Instant::now(), pin!(sleep(ms(30)))).await,
                Some(())
            );
        }
        let started = Instant::now();
        assert_eq!(dog.watch(started, pin!(sleep(ms(5000)))).await, None);
        let took = started.elapsed();
        assert!(took >= ms(60) && took < ms(500), "{took:?}");
        assert_eq!(
            dog.watch(Instant::now(), pin!(sleep(ms(10)))).await,
            Some(())
        );
    }
}
