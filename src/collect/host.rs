//! The machine that dbperf runs on: CPU and memory over the window.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::record::run::Host;
use crate::record::{Bytes, Millis, Ratio};

/// Reads the machine's counters at the start of a window; [`Self::finish`] reads them again.
#[derive(Debug)]
pub struct HostMeter {
    cpu: Option<CpuTicks>,
    own_cpu: Option<Millis>,
}

/// Ticks of all processors since boot, from the first line of `/proc/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CpuTicks {
    busy: u64,
    total: u64,
}

impl HostMeter {
    /// First reading.
    #[must_use]
    pub fn start() -> Self {
        Self {
            cpu: read_cpu(),
            own_cpu: own_cpu(),
        }
    }

    /// Second reading. What this system does not tell is absent.
    #[must_use]
    pub fn finish(self, server_is_local: bool) -> Host {
        let memory = fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| parse_memory(&text));
        Host {
            cores: std::thread::available_parallelism()
                .ok()
                .and_then(|n| u32::try_from(n.get()).ok()),
            memory_bytes: memory.map(|(total, _)| total),
            server_is_local,
            cpu_busy_ratio: match (self.cpu, read_cpu()) {
                (Some(first), Some(last)) => busy_ratio(first, last),
                _ => None,
            },
            memory_used_ratio: memory
                .and_then(|(total, free)| Ratio::of((total.0 - free.0) as f64, total.0 as f64))
                .map(|r| r.0),
            own_cpu: match (self.own_cpu, own_cpu()) {
                (Some(first), Some(last)) => Some(last - first),
                _ => None,
            },
        }
    }
}

/// CPU time of processes that this one started and waited for, and of theirs.
#[derive(Debug)]
pub struct ChildrenMeter(Option<Millis>);

impl ChildrenMeter {
    /// First reading.
    #[must_use]
    pub fn start() -> Self {
        Self(cpu_of(UsageWho::RUSAGE_CHILDREN))
    }

    /// What has been used since; `None` where the system does not tell.
    #[must_use]
    pub fn finish(self) -> Option<Millis> {
        Some(cpu_of(UsageWho::RUSAGE_CHILDREN)? - self.0?)
    }
}

fn own_cpu() -> Option<Millis> {
    cpu_of(UsageWho::RUSAGE_SELF)
}

fn cpu_of(who: UsageWho) -> Option<Millis> {
    let usage = getrusage(who).ok()?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(Millis(micros as f64 / 1000.0))
}

fn read_cpu() -> Option<CpuTicks> {
    parse_cpu(&fs::read_to_string("/proc/stat").ok()?)
}

/// `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guest time is already
/// in user time (proc(5)), waiting for a disk is not being busy.
fn parse_cpu(stat: &str) -> Option<CpuTicks> {
    let line = stat.lines().find(|l| l.starts_with("cpu "))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .map_while(|t| t.parse().ok())
        .collect();
    let [user, nice, system, idle, iowait, irq, softirq, steal] = ticks.try_into().ok()?;
    let busy = user + nice + system + irq + softirq + steal;
    Some(CpuTicks {
        busy,
        total: busy + idle + iowait,
    })
}

fn busy_ratio(first: CpuTicks, last: CpuTicks) -> Option<f64> {
    let total = last.total.checked_sub(first.total)?;
    let busy = last.busy.checked_sub(first.busy)?;
    Ratio::of(busy as f64, total as f64).map(|r| r.0)
}

/// Total and available memory of `/proc/meminfo`.
fn parse_memory(meminfo: &str) -> Option<(Bytes, Bytes)> {
    let field = |name: &str| {
        let line = meminfo.lines().find(|l| l.starts_with(name))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(Bytes(kib * 1024))
    };
    Some((field("MemTotal:")?, field("MemAvailable:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_everything_but_idle_and_waiting_for_a_disk() {
        let first = parse_cpu("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 1 1\n").unwrap();
        let last = parse_cpu("cpu  160 0 70 880 90 0 0 0 60 0\n").unwrap();
        // 80 busy of 200 ticks; guest time is not counted twice.
        assert_eq!(busy_ratio(first, last), Some(0.4));
        assert_eq!(
            busy_ratio(last, first),
            None,
            "counters that run backwards tell nothing"
        );
        assert_eq!(parse_cpu("cpu 1 2"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n";
        assert_eq!(parse_memory(text), Some((Bytes(1_024_000), Bytes(256_000))));
    }

    #[test]
    fn a_child_that_works_has_used_cpu() {
        let meter = ChildrenMeter::start();
        let work = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";
        let done = std::process::Command::new("sh").args(["-c", work]).status();
        assert!(done.unwrap().success());
        assert!(meter.finish().unwrap().0 > 0.0);
    }

    #[test]
    fn this_process_uses_cpu() {
        let meter = HostMeter::start();
        let mut sum = 0_u64;
        for i in 0..20_000_000_u64 {
            sum = std::hint::black_box(sum ^ i);
        }
        let host = meter.finish(true);
        assert!(host.own_cpu.unwrap().0 > 0.0 && sum < u64::MAX);
    }
}
