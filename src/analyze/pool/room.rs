//! Whether the database has room for more connections while all of a pool are in use.
//!
//! "No connections" and "a slow database" look the same from the application and have opposite cures. What the sessions
//! do at the time tells them apart: if they have no core to run on, or wait for each other or for the disk, more of
//! them wait there too.

use std::collections::BTreeMap;

use crate::analyze::database_time::{counts, is_own_replay};
use crate::record::Run;
use crate::record::activity::{ActivitySample, ActivitySeries, SessionSample};

use super::draft::cores;
use super::observed::Application;
use super::seen::is_busy_of;

/// Busy cores as a share of all from which more connections would only wait for a core.
pub(super) const NEAR_SATURATION_RATIO: f64 = 0.7;

/// A class of waits is what the sessions are busy with from this share of them (ours).
const MAIN_WAIT_RATIO: f64 = 0.4;

/// Waits that more connections do not shorten: they are for other sessions, or for the disk.
const WAITS: [&str; 3] = ["Lock", "LWLock", "IO"];

/// What the database has for more connections.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Room {
    /// Cores are free, and no wait stands out.
    Free,
    /// The cores are busy.
    NoCores {
        /// Sessions that executed without a wait.
        on_cpu: f64,
        /// Of the server.
        cores: f64,
    },
    /// Sessions wait for something that more of them would wait for too.
    Waits(MainWait),
    /// It cannot be told, for this reason.
    Unknown(String),
}

/// What most active sessions of the application wait for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MainWait {
    pub(super) class: &'static str,
    /// Share of its active sessions.
    pub(super) ratio: f64,
    /// Of those that wait for a lock, the share that a session idle in transaction keeps waiting.
    pub(super) behind_idle_ratio: f64,
}

impl Room {
    /// What these samples say, all taken while every connection of the application was in use.
    pub(super) fn of(run: &Run, samples: &[&ActivitySample], application: &Application) -> Self {
        let on_cpu = on_cpu(samples);
        let cores = cores(run);
        if let Some(cores) = cores.filter(|cores| on_cpu >= NEAR_SATURATION_RATIO * cores) {
            return Self::NoCores { on_cpu, cores };
        }
        let busy = |session: &SessionSample| is_busy_of(session, application);
        let waits = Waits::of(samples, busy);
        if let Some(main) = waits.main() {
            return Self::Waits(main);
        }
        let together = waits.together();
        if together >= MAIN_WAIT_RATIO {
            return Self::Unknown(format!(
                "{:.0} % of its active sessions waited for locks, inside the server or for the disk, none of these \
                 for most of the time",
                together * 100.0
            ));
        }
        // Every server has a core: where less than one is in use, some is free.
        if cores.is_none() && on_cpu >= NEAR_SATURATION_RATIO {
            return Self::Unknown(format!(
                "{on_cpu:.1} sessions were executing without a wait, and how many cores the server has is not known"
            ));
        }
        Self::Free
    }
}

/// What most of the replay's own active sessions wait for, where it is nothing that more of them would shorten.
pub(super) fn of_replay(series: &ActivitySeries) -> Option<MainWait> {
    let samples: Vec<_> = series.samples.iter().collect();
    Waits::of(&samples, is_own_replay).main()
}

/// Mean number of active sessions without a wait, of all applications.
pub(super) fn on_cpu(samples: &[&ActivitySample]) -> f64 {
    let sessions = samples.iter().flat_map(|s| &s.sessions);
    let running = sessions.filter(|s| counts(s) && s.wait_event_type.is_none());
    running.count() as f64 / samples.len().max(1) as f64
}

/// What the active sessions of an application wait for.
struct Waits {
    active: f64,
    by_class: BTreeMap<&'static str, f64>,
    behind_idle: f64,
}

impl Waits {
    fn of(samples: &[&ActivitySample], mine: impl Fn(&SessionSample) -> bool) -> Self {
        let mut waits = Self {
            active: 0.0,
            by_class: BTreeMap::new(),
            behind_idle: 0.0,
        };
        for sample in samples {
            let sessions = sample.sessions.iter();
            for session in sessions.filter(|s| s.is_active() && mine(s)) {
                waits.active += 1.0;
                let class = session.wait_event_type.as_deref();
                if let Some(class) = WAITS.into_iter().find(|name| class == Some(name)) {
                    *waits.by_class.entry(class).or_default() += 1.0;
                    waits.behind_idle += f64::from(u8::from(is_behind_idle(session, sample)));
                }
            }
        }
        waits
    }

    fn main(&self) -> Option<MainWait> {
        let classes = self.by_class.iter();
        let (class, most) = classes.max_by(|a, b| a.1.total_cmp(b.1))?;
        let ratio = most / self.active;
        (ratio >= MAIN_WAIT_RATIO).then_some(MainWait {
            class,
            ratio,
            behind_idle_ratio: match *class {
                "Lock" => self.behind_idle / most,
                _ => 0.0,
            },
        })
    }

    fn together(&self) -> f64 {
        self.by_class.values().sum::<f64>() / self.active.max(1.0)
    }
}

/// One of those that it waits for holds its lock without executing anything.
fn is_behind_idle(session: &SessionSample, sample: &ActivitySample) -> bool {
    let mut others = sample.sessions.iter();
    others.any(|other| session.blocked_by.contains(&other.pid) && other.is_idle_in_transaction())
}

impl MainWait {
    /// What saturates, and what to do instead of a larger pool; `when` is what was the matter with the pool then,
    /// such as `while all were in use`.
    pub(super) fn words(&self, when: &str) -> String {
        let share = self.ratio * 100.0;
        match self.class {
            "Lock" => {
                let idle = self.behind_idle_ratio * 100.0;
                let behind = match self.behind_idle_ratio {
                    ratio if ratio >= 0.2 => {
                        format!(
                            ", {idle:.0} % of them behind a session that is idle in transaction"
                        )
                    }
                    _ => String::new(),
                };
                format!(
                    "{when}, {share:.0} % of the active sessions waited for locks of others \
                     (Lock){behind}: more connections would wait for the same locks. Do not grow the pool; shorten \
                     the transactions that hold them"
                )
            }
            "IO" => format!(
                "{when}, {share:.0} % of the active sessions waited for reads and writes (IO): more \
                 connections would wait for the same disk. Do not grow the pool; make statements read less, or give \
                 the server more memory or a faster disk"
            ),
            class => format!(
                "{when}, {share:.0} % of the active sessions waited for each other inside the server \
                 ({class}): more connections would make that worse. Do not grow the pool; see which of these waits \
                 is the largest"
            ),
        }
    }
}
