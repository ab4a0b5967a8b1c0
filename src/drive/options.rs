//! What a replay is told, and what it gives back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::pool::Protocol;
use crate::record::comparison::PoolComparison;
use crate::record::load::{Arrival, LoadResult};
use crate::record::pool::PoolRecord;
use crate::record::sweep::PoolSweep;
use crate::workload::{Think, Workload};

use super::recorder::StageFrame;
use super::{Arrivals, DriveError, Profile, Stages, Unit};

/// Clients of an open loop at once, at most (ours): so many requests under way are far beyond what any
/// pool serves.
const MOST_CLIENTS: u32 = 10_000;

/// Which pool hands out the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PoolKind {
    /// deadpool-postgres.
    #[default]
    Deadpool,
    /// sqlx's pool, with sqlx's driver.
    Sqlx,
    /// A connection for each client.
    None,
}

impl PoolKind {
    /// Its name on the command line and in the record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deadpool => "deadpool",
            Self::Sqlx => "sqlx",
            Self::None => "none",
        }
    }
}

/// How requests arrive.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadShape {
    /// Each client sends its next request after the answer to the one before.
    Closed {
        /// Concurrent clients, at least 1.
        clients: u32,
    },
    /// So many requests are due per second, whatever the answers do.
    Open {
        /// Requests per second, above 0.
        rate: f64,
    },
    /// Levels of either over time.
    Stages(Stages),
}

/// One machine of several that drive the same load: `index` of `count`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `count`.
    pub index: u32,
    /// Machines in all.
    pub count: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    /// Reads `2/4`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match parts {
            Some((index, count)) if 1 <= index && index <= count => Ok(Self { index, count }),
            _ => Err(format!(
                "expected I/N with I from 1 to N, such as `2/4` for the second of four machines, found \
                 `{text}`"
            )),
        }
    }
}

/// How to replay a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct DriveOptions {
    /// How requests arrive, of all machines together.
    pub load: LoadShape,
    /// Distances of requests in an open loop.
    pub arrivals: Arrivals,
    /// Clients of an open loop at once, at most; `None` for as many as there are requests at once. Without a
    /// pool it is the number of connections.
    pub open_clients: Option<u32>,
    /// Length of the window, without the warm-up; stages have their own.
    pub duration: Duration,
    /// Load before the window that is not recorded.
    pub warmup: Duration,
    /// Pause of a client of a closed loop between two requests.
    pub think: Think,
    /// Which pool.
    pub pool: PoolKind,
    /// Pools that are compared with it, in turns; the duration is that of each.
    pub compare_with: Vec<PoolKind>,
    /// Connections of the pool, at least 1; without a pool as many as clients.
    pub pool_size: u32,
    /// A client gives up after waiting this long for a connection.
    pub acquire_timeout: Duration,
    /// A statement is cancelled after this time; `None` for never.
    pub statement_timeout: Option<Duration>,
    /// Threads that drive the load, at least 1.
    pub threads: u32,
    /// The same number draws the same requests.
    pub seed: u64,
    /// The replay stops after more failures than this, warm-up included; `None` for never.
    pub max_errors: Option<u64>,
    /// A request of an open loop that is later than this is not sent, but counted.
    pub max_schedule_lag: Option<Duration>,
    /// The window begins at this moment, on every machine.
    pub start_at: Option<Timestamp>,
    /// Which machine this is.
    pub shard: Shard,
    /// How statements travel.
    pub protocol: Protocol,
    /// Read-only transactions instead of read-only sessions, which a pooler does not keep apart.
    pub read_only_transactions: bool,
    /// The user agreed that this target may be written to.
    pub allow_writes: bool,
}

impl Default for DriveOptions {
    /// 8 clients on 8 connections of deadpool for 30 s after 5 s of warm-up, without think time, giving up
    /// on an acquire after 5 s.
    fn default() -> Self {
        Self {
            load: LoadShape::Closed { clients: 8 },
            arrivals: Arrivals::default(),
            open_clients: None,
            duration: Duration::from_secs(30),
            warmup: Duration::from_secs(5),
            think: Think::default(),
            pool: PoolKind::default(),
            compare_with: Vec::new(),
            pool_size: 8,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: None,
            threads: 1,
            seed: 1,
            max_errors: None,
            max_schedule_lag: None,
            start_at: None,
            shard: Shard::default(),
            protocol: Protocol::default(),
            read_only_transactions: false,
            allow_writes: false,
        }
    }
}

impl DriveOptions {
    /// The default options with what the workload file proposes.
    #[must_use]
    pub fn proposed_by(workload: &Workload) -> Self {
        let default = Self::default();
        let proposed = &workload.defaults;
        let clients = proposed.clients.unwrap_or(8);
        Self {
            load: LoadShape::Closed { clients },
            pool_size: proposed.pool_size.unwrap_or(default.pool_size),
            think: proposed.think.unwrap_or_default(),
            ..default
        }
    }

    /// Refuses what cannot be run.
    pub(super) fn check(&self, workload: &Workload) -> Result<(), DriveError> {
        self.check_shape()?;
        if workload.writes && !self.allow_writes {
            return Err(DriveError::Writes {
                file: workload.file.clone(),
            });
        }
        Ok(())
    }

    /// Refuses a load that cannot be, whatever it is of.
    pub(super) fn check_shape(&self) -> Result<(), DriveError> {
        match &self.load {
            LoadShape::Closed { clients: 0 } => return Err(DriveError::NoClients),
            LoadShape::Open { rate } if *rate <= 0.0 || !rate.is_finite() => {
                return Err(DriveError::NoRate);
            }
            LoadShape::Closed { .. } | LoadShape::Open { .. } if self.duration.is_zero() => {
                return Err(DriveError::NoDuration);
            }
            _ => {}
        }
        if self.threads == 0 {
            return Err(DriveError::NoThreads);
        }
        if !self.is_open() && self.share(self.peak_clients()) == 0 {
            let Shard { index, count } = self.shard;
            return Err(DriveError::NoShare { index, count });
        }
        if let Some(at) = self.start_at.filter(|at| *at < Timestamp::now()) {
            return Err(DriveError::Past(at));
        }
        Ok(())
    }

    /// Requests come on a schedule.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match &self.load {
            LoadShape::Closed { .. } => false,
            LoadShape::Open { .. } => true,
            LoadShape::Stages(stages) => stages.unit == Unit::Rate,
        }
    }

    pub(super) fn arrival(&self) -> Arrival {
        if self.is_open() {
            Arrival::Open
        } else {
            Arrival::Closed
        }
    }

    /// Length of the window.
    #[must_use]
    pub fn length(&self) -> Duration {
        match &self.load {
            LoadShape::Stages(stages) => stages.stages.iter().map(|s| s.length).sum(),
            LoadShape::Closed { .. } | LoadShape::Open { .. } => self.duration,
        }
    }

    /// Time in which requests are recorded, of all pools.
    #[must_use]
    pub fn measured_time(&self) -> Duration {
        let pools = u32::try_from(self.compare_with.len()).unwrap_or(u32::MAX);
        self.length() * pools.saturating_add(1)
    }

    /// The level over time, of all machines.
    pub(super) fn profile(&self) -> Arc<Profile> {
        Arc::new(match &self.load {
            LoadShape::Closed { clients } => Profile::constant(f64::from(*clients)),
            LoadShape::Open { rate } => Profile::constant(*rate),
            LoadShape::Stages(stages) => Profile::stages(&stages.stages),
        })
    }

    /// The level of the warm-up: the first that the stages rise to.
    pub(super) fn warm_level(&self) -> f64 {
        match &self.load {
            LoadShape::Closed { clients } => f64::from(*clients),
            LoadShape::Open { rate } => *rate,
            LoadShape::Stages(stages) => {
                let mut targets = stages.stages.iter().map(|s| s.target);
                targets.find(|target| *target > 0.0).unwrap_or(1.0)
            }
        }
    }

    /// Most clients of a closed loop, of all machines.
    fn peak_clients(&self) -> u32 {
        whole(self.profile().peak())
    }

    /// The part of `clients` that this machine drives.
    pub(super) fn share(&self, clients: u32) -> u32 {
        let Shard { index, count } = self.shard;
        clients / count + u32::from(index <= clients % count)
    }

    /// Clients that this machine needs at most.
    pub(super) fn clients(&self) -> u32 {
        match (self.is_open(), self.pool) {
            (false, _) => self.share(self.peak_clients()),
            (true, PoolKind::None) => self.open_clients.unwrap_or(self.pool_size).max(1),
            (true, _) => self.open_clients.unwrap_or(MOST_CLIENTS).max(1),
        }
    }

    /// Connections at most.
    pub(super) fn connections(&self) -> u32 {
        match self.pool {
            PoolKind::None => self.clients(),
            PoolKind::Deadpool | PoolKind::Sqlx => self.pool_size,
        }
    }

    /// The stages as the record shows them.
    pub(super) fn stage_frames(&self) -> Vec<StageFrame> {
        let open = self.is_open();
        let frame = |name: String, target: f64, end: Duration| StageFrame {
            name,
            users: if open { 0 } else { whole(target) },
            rate_per_sec: open.then_some(target),
            end,
        };
        match &self.load {
            LoadShape::Closed { clients } => {
                let clients = self.share(*clients);
                let name = format!("{clients} clients");
                vec![frame(name, f64::from(clients), self.duration)]
            }
            LoadShape::Open { rate } => {
                let rate = rate / f64::from(self.shard.count);
                vec![frame(format!("{rate}/s"), rate, self.duration)]
            }
            LoadShape::Stages(stages) => {
                let unit = if open { "/s" } else { "" };
                let (mut before, mut end) = (0.0_f64, Duration::ZERO);
                let mut frames = Vec::new();
                for (index, stage) in stages.stages.iter().enumerate() {
                    end += stage.length;
                    if !stage.length.is_zero() {
                        let (from, to) = (before, stage.target);
                        let what = if from.total_cmp(&to).is_eq() {
                            format!("{}. {to}{unit}", index + 1)
                        } else {
                            format!("{}. {from} to {to}{unit}", index + 1)
                        };
                        let mine = if open {
                            to / f64::from(self.shard.count)
                        } else {
                            f64::from(self.share(whole(to)))
                        };
                        frames.push(frame(what, mine, end));
                    }
                    before = stage.target;
                }
                frames
            }
        }
    }
}

/// A level as a number of clients.
pub(super) fn whole(level: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a level is not negative, and numbers of clients are far below 2^32"
    )]
    let clients = level.round().min(f64::from(u32::MAX)) as u32;
    clients
}

/// What a replay saw.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Requests of the window, by operation and over time.
    pub load: LoadResult,
    /// The pool in the window; `None` for a captured workload, whose sessions keep their connections.
    pub pool: Option<PoolRecord>,
    /// Pools in turns; `load` and `pool` are then those of the first one that worked.
    pub comparison: Option<PoolComparison>,
    /// One pool at several sizes; `load` is then that of all blocks together.
    pub sweep: Option<PoolSweep>,
    /// The replay was stopped before its time.
    pub interrupted: bool,
    /// Begin of the window, to align it with an observer's.
    pub window_started: Instant,
    /// Last answer of the window.
    pub window_ended: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_share_all_clients_and_no_more() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
        for wrong in ["0/4", "5/4", "2", "a/b", "1/0"] {
            assert!(
                wrong.parse::<Shard>().unwrap_err().contains("I/N"),
                "{wrong}"
            );
        }
        for clients in [1, 7, 8, 13] {
            let shares = (1..=4).map(|index| {
                let shard = Shard { index, count: 4 };
                DriveOptions {
                    shard,
                    ..DriveOptions::default()
                }
                .share(clients)
            });
            assert_eq!(shares.sum::<u32>(), clients);
        }
    }

    #[test]
    fn stages_are_named_by_what_they_do() {
        let load = LoadShape::Stages("10:30s,10:1m,50:0s,50:5s".parse().unwrap());
        let options = DriveOptions {
            load,
            ..DriveOptions::default()
        };
        let names: Vec<String> = options.stage_frames().into_iter().map(|f| f.name).collect();
        assert_eq!(names, ["1. 0 to 10", "2. 10", "4. 50"]);
        assert_eq!(options.length(), Duration::from_secs(95));
        assert_eq!(options.clients(), 50);
    }
}
