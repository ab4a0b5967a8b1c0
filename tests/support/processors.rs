//! The processors of the machine: how busy they were, and what a virtual machine was not given, because its host
//! has other guests, too.
//!
//! A test that knows the right answer by construction knows it for processors that run. Where the host takes them
//! away the answer is another one, or none can be had.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// Of the time that processors would have run, so much may be missing without anybody noticing.
const UNNOTICED: f64 = 0.03;
/// Attempts in all. None is a second one where nothing was taken away.
const ATTEMPTS: usize = 3;
/// Processors are looked at for so long, until nothing is taken away, at most this often.
const LOOK: Duration = Duration::from_secs(5);
const LOOKS: usize = 24;

/// Runs a test that measures. Where it fails, and the host took the processors away meanwhile, it is run again once
/// that has passed. A failure on a machine of one's own is a failure at once.
pub(crate) fn measured<T, A: Fn() -> T>(attempt: A) -> T {
    for _ in 1..ATTEMPTS {
        let (began, before) = (Instant::now(), Processors::now());
        match catch_unwind(AssertUnwindSafe(&attempt)) {
            Ok(done) => return done,
            Err(failure) => {
                let stolen = before.stolen_since();
                if stolen < UNNOTICED {
                    resume_unwind(failure);
                }
                say(stolen, began.elapsed());
                wait();
            }
        }
    }
    attempt()
}

/// The same for a test that waits for a server.
pub(crate) fn measured_async<T, F: Future<Output = T>, A: Fn() -> F>(attempt: A) -> T {
    measured(|| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(attempt())
    })
}

fn say(stolen: f64, during: Duration) {
    use std::io::Write as _;
    let _ = writeln!(
        std::io::stderr(),
        "it failed while the host took away {:.0} % of the processors, for {:.0} s: once more",
        100.0 * stolen,
        during.as_secs_f64()
    );
}

fn wait() {
    for _ in 0..LOOKS {
        let before = Processors::now();
        std::thread::sleep(LOOK);
        if before.stolen_since() < UNNOTICED {
            return;
        }
    }
}

/// Ticks of all processors since the machine started, by Linux.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Processors {
    /// Wanted by somebody here, whether they were had or not.
    busy: u64,
    all: u64,
    stolen: u64,
}

impl Processors {
    /// Without `/proc` nothing ever happens.
    pub(crate) fn now() -> Self {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = first
            .split_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|n| n.parse().ok())
            .collect();
        // user, nice, system, idle, iowait, irq, softirq, steal (proc(5))
        let of = |place: usize| ticks.get(place).copied().unwrap_or(0);
        let all = ticks.iter().sum();
        Self {
            busy: all - of(3) - of(4),
            all,
            stolen: of(7),
        }
    }

    /// Of the time since then the part in which processors were wanted.
    pub(crate) fn busy_since(self) -> f64 {
        let now = Self::now();
        (now.busy - self.busy) as f64 / (now.all - self.all).max(1) as f64
    }

    /// Of the time since then in which they were wanted, the part that was taken away.
    pub(crate) fn stolen_since(self) -> f64 {
        let now = Self::now();
        (now.stolen - self.stolen) as f64 / (now.busy - self.busy).max(1) as f64
    }
}
