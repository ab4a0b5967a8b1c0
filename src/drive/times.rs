//! What the driver's threads and the machine spent in the window.

use std::time::{Duration, Instant};

use crate::record::load::DriverRecord;

use super::doubt;

/// CPU and waiting time of each thread, and the machine's idle time.
pub(super) struct Times {
    at: Instant,
    threads: Vec<Option<(Duration, Duration)>>,
    idle: Option<Duration>,
}

impl Times {
    pub(super) fn read(ids: &[i32]) -> Self {
        Self {
            at: Instant::now(),
            threads: ids.iter().map(|id| doubt::thread_times(*id)).collect(),
            idle: doubt::idle_time(),
        }
    }

    /// What the threads did since `before`; the worst of them counts.
    pub(super) fn since(&self, before: &Self, lateness: Vec<Duration>) -> DriverRecord {
        let window = self.at.duration_since(before.at).as_secs_f64();
        let worst = |part: fn((Duration, Duration)) -> Duration| {
            let pairs = before.threads.iter().zip(&self.threads);
            let ratios = pairs.filter_map(|(then, now)| {
                let used = part((*now)?).saturating_sub(part((*then)?));
                Some(used.as_secs_f64() / window)
            });
            ratios.reduce(f64::max)
        };
        let idle = before.idle.zip(self.idle);
        DriverRecord {
            threads: u32::try_from(self.threads.len()).unwrap_or(u32::MAX),
            cpu_ratio: worst(|(cpu, _)| cpu),
            run_delay_ratio: worst(|(_, delay)| delay),
            late_p95: doubt::p95(lateness),
            free_cores: idle.map(|(then, now)| now.saturating_sub(then).as_secs_f64() / window),
        }
    }
}
