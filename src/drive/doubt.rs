//! Was the driver, or the machine it runs on, the limit? By the CPU time of the driver's threads, the time
//! in which they had no core, how late they woke up, and how far behind its schedule the load was.

use std::time::Duration;

use crate::record::Millis;
use crate::record::load::DriverRecord;
use crate::stats::LatencyHistogram;

/// Share of a thread's time spent on the CPU, or ready for it, above which the driver is taken to have been
/// the limit (ours): at 85 % an answer that arrives often has to wait for the thread, and that wait reads
/// as latency of the server.
const SATURATED_RATIO: f64 = 0.85;

/// Share of a thread's time in which it had work and no core, above which its machine was the limit (ours):
/// so much of the time that latencies may hold is neither the server's nor the pool's.
const DELAYED_RATIO: f64 = 0.20;

/// A driver that wakes up later than this in one of twenty readings was held up (ours).
const LATE: Millis = Millis(10.0);

/// A schedule that is kept worse than this by one request in a hundred is not the one that was asked for
/// (ours).
const SCHEDULE_LAG: Millis = Millis(10.0);

/// What there is to judge the driver by.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubt {
    pub(super) record: DriverRecord,
    /// Of an open loop.
    pub(super) schedule_lag: Option<LatencyHistogram>,
    /// Requests were late because all clients were busy, which is the server's doing.
    pub(super) clients_were_busy: bool,
}

impl Doubt {
    fn lag_p99(&self) -> Option<Millis> {
        let lag = self
            .schedule_lag
            .as_ref()
            .filter(|_| !self.clients_were_busy)?;
        lag.quantile_ms(0.99).map(Millis)
    }

    /// Share of the busiest thread's time in which it ran or wanted to.
    fn demand(&self) -> Option<f64> {
        let cpu = self.record.cpu_ratio?;
        Some(cpu + self.record.run_delay_ratio.unwrap_or(0.0))
    }

    /// Whether the driver was the limit; `None` where no fact is known.
    pub(super) fn saturated(&self) -> Option<bool> {
        let facts = [
            self.demand().map(|ratio| ratio > SATURATED_RATIO),
            self.record
                .run_delay_ratio
                .map(|ratio| ratio > DELAYED_RATIO),
            self.record.late_p95.map(|late| late > LATE),
            self.lag_p99().map(|lag| lag > SCHEDULE_LAG),
        ];
        let known: Vec<bool> = facts.into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.contains(&true))
    }

    /// What the driver has to say against its own measurement.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let percent = |ratio: f64| ratio * 100.0;
        let record = &self.record;
        if let Some(cpu) = record.cpu_ratio
            && self.demand().is_some_and(|ratio| ratio > SATURATED_RATIO)
        {
            let busy = percent(cpu);
            let waited = percent(record.run_delay_ratio.unwrap_or(0.0));
            warnings.push(format!(
                "the driver's busiest thread ran for {busy:.0} % of the window and waited for a core for \
                 {waited:.0} %: answers waited for it, and latencies include that wait; use more \
                 --driver-threads where there are free cores, or fewer clients"
            ));
        } else if let Some(ratio) = record.run_delay_ratio.filter(|r| *r > DELAYED_RATIO) {
            let free = record.free_cores.map_or_else(String::new, |free| {
                format!(" ({free:.1} cores of it were free on average)")
            });
            warnings.push(format!(
                "a thread of the driver had work and no core for {:.0} % of the window{free}: latencies \
                 include that wait; run the driver on another machine than the server",
                percent(ratio)
            ));
        }
        if let Some(late) = record.late_p95.filter(|late| *late > LATE) {
            warnings.push(format!(
                "a thread of the driver woke up {:.0} ms late or more in one of twenty readings: its \
                 machine has no free core, and latencies include that wait; run the driver on another \
                 machine",
                late.0
            ));
        }
        if let Some(lag) = self.lag_p99().filter(|lag| *lag > SCHEDULE_LAG) {
            warnings.push(format!(
                "one request in a hundred started {:.0} ms or more after it was due: the driver did not \
                 keep the rate; use more --driver-threads, or a lower rate on this machine",
                lag.0
            ));
        }
        warnings
    }
}

/// The 95th percentile; `None` of nothing.
pub(super) fn p95(mut lateness: Vec<Duration>) -> Option<Millis> {
    lateness.sort_unstable();
    lateness
        .get(lateness.len() * 95 / 100)
        .copied()
        .map(Millis::from)
}

/// The identity of the calling thread, for [`thread_times`]; `None` where the system has none.
#[cfg(target_os = "linux")]
pub(super) fn thread_id() -> Option<i32> {
    Some(nix::unistd::gettid().as_raw())
}

/// The identity of the calling thread: this system does not tell other threads' times.
#[cfg(not(target_os = "linux"))]
pub(super) fn thread_id() -> Option<i32> {
    None
}

/// CPU time of a thread of this process, and the time in which it was ready and had no core.
pub(super) fn thread_times(id: i32) -> Option<(Duration, Duration)> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{id}/schedstat")).ok()?;
    let mut numbers = text.split_whitespace().map(|word| word.parse().ok());
    let (cpu, delay) = (numbers.next()??, numbers.next()??);
    Some((Duration::from_nanos(cpu), Duration::from_nanos(delay)))
}

/// Idle time of all cores of this machine since it started, in ticks, and the length of a tick.
pub(super) fn idle_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let mut words = text.lines().next()?.split_whitespace();
    if words.next()? != "cpu" {
        return None;
    }
    let ticks: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
    // user nice system idle iowait …: a core that waits for a disk is free for others.
    let idle = ticks.get(3)? + ticks.get(4)?;
    // USER_HZ is 100 on every Linux that Rust runs on.
    Some(Duration::from_millis(idle * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubt(cpu: Option<f64>, delay: Option<f64>, late: Option<f64>) -> Doubt {
        Doubt {
            record: DriverRecord {
                threads: 1,
                cpu_ratio: cpu,
                run_delay_ratio: delay,
                late_p95: late.map(Millis),
                free_cores: Some(0.1),
            },
            ..Doubt::default()
        }
    }

    #[test]
    fn a_busy_delayed_or_late_driver_says_so() {
        assert_eq!(Doubt::default().saturated(), None);
        let quiet = doubt(Some(0.5), Some(0.05), Some(1.0));
        assert_eq!(quiet.saturated(), Some(false));
        assert_eq!(quiet.warnings(), Vec::<String>::new());
        for (doubt, words) in [
            (doubt(Some(0.9), None, None), "ran for 90 %"),
            (
                doubt(Some(0.7), Some(0.18), None),
                "waited for a core for 18 %",
            ),
            (doubt(Some(0.3), Some(0.3), None), "no core for 30 %"),
            (doubt(Some(0.1), Some(0.0), Some(40.0)), "40 ms late"),
        ] {
            assert_eq!(doubt.saturated(), Some(true), "{words}");
            let warnings = doubt.warnings();
            assert!(warnings[0].contains(words), "{warnings:?}");
        }
    }

    #[test]
    fn a_schedule_that_was_not_kept_is_the_drivers_fault_unless_all_clients_were_busy() {
        let mut lag = LatencyHistogram::new();
        lag.record_n(Duration::from_micros(80), 95);
        lag.record_n(Duration::from_millis(35), 5);
        let mut doubt = doubt(Some(0.2), Some(0.0), Some(1.0));
        doubt.schedule_lag = Some(lag);
        assert_eq!(doubt.saturated(), Some(true));
        assert!(doubt.warnings()[0].contains("35 ms"));
        doubt.clients_were_busy = true;
        assert_eq!(doubt.saturated(), Some(false));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_busy_thread_uses_cpu_and_a_sleeping_one_does_not() {
        let id = thread_id().unwrap();
        let cpu = || thread_times(id).unwrap().0;
        let before = cpu();
        std::thread::sleep(Duration::from_millis(30));
        let slept = cpu() - before;
        let start = std::time::Instant::now();
        let mut turns = 0u64;
        // Counted in CPU time, so that a crowded machine only makes the test longer.
        while cpu() - before < slept + Duration::from_millis(20) {
            turns = std::hint::black_box(turns + 1);
            assert!(start.elapsed() < Duration::from_secs(30));
        }
        assert!(slept < Duration::from_millis(20), "{slept:?}");
        assert!(idle_time().is_some());
    }
}
