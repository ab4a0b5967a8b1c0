//! A timer that wakes up when it is told to. The runtime's own has steps of a millisecond, which would be
//! a lag of half a millisecond in every latency that counts from a schedule.

use std::time::Instant;

/// Wakes one task at a time.
#[cfg(target_os = "linux")]
pub(super) struct Timer(tokio::io::unix::AsyncFd<Descriptor>);

#[cfg(target_os = "linux")]
struct Descriptor(nix::sys::timerfd::TimerFd);

#[cfg(target_os = "linux")]
impl std::os::fd::AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        use std::os::fd::AsFd as _;
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(target_os = "linux")]
impl Timer {
    /// A timer of this thread's runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let interest = tokio::io::Interest::READABLE;
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, for descriptors that change while they are registered: \
                      this one does not"
        )]
        tokio::io::unix::AsyncFd::with_interest(Descriptor(timer), interest).map(Self)
    }

    /// Completes at `deadline`, a few tens of microseconds late.
    pub(super) async fn wait_until(&self, deadline: Instant) {
        use nix::sys::timerfd::{Expiration, TimerSetTimeFlags};
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            // Others have their turn all the same.
            return tokio::task::yield_now().await;
        }
        let timer = &self.0.get_ref().0;
        let once = Expiration::OneShot(rest.into());
        if timer.set(once, TimerSetTimeFlags::empty()).is_err() {
            return tokio::time::sleep_until(deadline.into()).await;
        }
        while let Ok(mut ready) = self.0.readable().await {
            let rang = ready.try_io(|descriptor| Ok(descriptor.get_ref().0.wait()?));
            if rang.is_ok() {
                return;
            }
        }
    }
}

/// The runtime's own timer, where the system has no better one.
#[cfg(not(target_os = "linux"))]
pub(super) struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn wait_until(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn it_never_rings_early_and_rings_again() {
        let timer = Timer::new().unwrap();
        for _ in 0..20 {
            let deadline = Instant::now() + Duration::from_micros(300);
            timer.wait_until(deadline).await;
            assert!(Instant::now() >= deadline);
        }
        timer.wait_until(Instant::now()).await;
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_does_not_shorten_the_next() {
        let timer = Timer::new().unwrap();
        let soon = Instant::now() + Duration::from_millis(200);
        let given_up = tokio::time::timeout(Duration::from_millis(1), timer.wait_until(soon)).await;
        assert!(given_up.is_err());
        let later = Instant::now() + Duration::from_millis(300);
        timer.wait_until(later).await;
        assert!(Instant::now() >= later);
    }
}
