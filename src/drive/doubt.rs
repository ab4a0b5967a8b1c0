//! Was the driver, or the machine it runs on, the limit? By the CPU time of the driver's thread, and by
//! how late the thread wakes up.

use std::time::Duration;

/// Share of the thread's time spent on the CPU above which the driver is taken to have been the limit
/// (ours): at 85 % an answer that arrives often has to wait for the thread, and that wait reads as
/// latency of the server.
const SATURATED_RATIO: f64 = 0.85;

/// A driver that wakes up later than this in one of twenty ticks was held up (ours): its machine had no
/// free core, and so much may be in each latency that is neither the server's nor the pool's.
const LATE: Duration = Duration::from_millis(10);

/// Whether the driver was the limit; `None` where neither fact is known.
pub(super) fn saturated(cpu_ratio: Option<f64>, late: Option<Duration>) -> Option<bool> {
    let busy = cpu_ratio.map(|ratio| ratio > SATURATED_RATIO);
    let late = late.map(|late| late > LATE);
    match (busy, late) {
        (None, None) => None,
        (busy, late) => Some(busy == Some(true) || late == Some(true)),
    }
}

/// What the driver has to say against its own measurement.
pub(super) fn warnings(cpu_ratio: Option<f64>, late: Option<Duration>) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(ratio) = cpu_ratio.filter(|ratio| *ratio > SATURATED_RATIO) {
        let percent = ratio * 100.0;
        warnings.push(format!(
            "the driver's thread was busy for {percent:.0} % of the window: answers waited for it, and \
             latencies include that wait; drive with fewer clients or longer think times"
        ));
    }
    if let Some(late) = late.filter(|late| *late > LATE) {
        warnings.push(format!(
            "the driver's thread woke up {} ms late or more in one of twenty readings: its machine has no \
             free core, and latencies include that wait; run the driver on another machine",
            late.as_millis()
        ));
    }
    warnings
}

/// The 95th percentile; `None` of nothing.
pub(super) fn p95(mut lateness: Vec<Duration>) -> Option<Duration> {
    lateness.sort_unstable();
    lateness.get(lateness.len() * 95 / 100).copied()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_or_late_driver_says_so() {
        let ms = Duration::from_millis;
        assert_eq!(saturated(None, None), None);
        assert_eq!(saturated(Some(0.5), p95(vec![ms(1); 100])), Some(false));
        assert_eq!(saturated(Some(0.9), None), Some(true));
        assert!(warnings(Some(0.9), Some(ms(1)))[0].contains("90 %"));
        let mut late = vec![ms(1); 90];
        late.extend(vec![ms(40); 10]);
        let late = p95(late);
        assert_eq!(saturated(Some(0.1), late), Some(true));
        assert!(warnings(Some(0.1), late)[0].contains("40 ms late"));
        assert_eq!(warnings(Some(0.1), p95(Vec::new())), Vec::<String>::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_busy_thread_uses_cpu_and_a_sleeping_one_does_not() {
        let before = thread_cpu().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        let since = |before| thread_cpu().unwrap().saturating_sub(before);
        let slept = since(before);
        let start = std::time::Instant::now();
        let mut turns = 0u64;
        // Counted in CPU time, so that a crowded machine only makes the test longer.
        while since(before) < slept + Duration::from_millis(20) {
            turns = std::hint::black_box(turns + 1);
            assert!(start.elapsed() < Duration::from_secs(30));
        }
        assert!(slept < Duration::from_millis(20), "{slept:?}");
    }
}
