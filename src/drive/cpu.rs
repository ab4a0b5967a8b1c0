//! CPU time of the driver's thread: was the driver the limit?

use std::time::Duration;

/// Share of the thread's time spent on the CPU above which the driver is taken to have been the limit
/// (ours): at 85 % an answer that arrives often has to wait for the thread, and that wait reads as
/// latency of the server.
pub(super) const SATURATED_RATIO: f64 = 0.85;

/// CPU time, user and system, of the calling thread so far; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn thread_cpu() -> Option<Duration> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::{TimeVal, TimeValLike as _};

    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    let micros = |time: TimeVal| u64::try_from(time.num_microseconds()).ok();
    let total = micros(usage.user_time())? + micros(usage.system_time())?;
    Some(Duration::from_micros(total))
}

/// CPU time of the calling thread: this system tells it only for the whole process.
#[cfg(not(target_os = "linux"))]
pub(super) fn thread_cpu() -> Option<Duration> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_busy_thread_uses_cpu_and_a_sleeping_one_does_not() {
        let before = thread_cpu().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        let since = |before| thread_cpu().unwrap().saturating_sub(before);
        let slept = since(before);
        let start = Instant::now();
        let mut turns = 0u64;
        // Counted in CPU time, so that a crowded machine only makes the test longer.
        while since(before) < slept + Duration::from_millis(20) {
            turns = std::hint::black_box(turns + 1);
            assert!(start.elapsed() < Duration::from_secs(30));
        }
        assert!(slept < Duration::from_millis(20), "{slept:?}");
    }
}
