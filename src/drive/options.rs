//! What a replay is told, and what it gives back.

use std::time::{Duration, Instant};

use crate::record::load::LoadResult;
use crate::record::pool::PoolRecord;
use crate::workload::{Think, Workload};

use super::DriveError;

/// How to replay a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriveOptions {
    /// Concurrent clients, at least 1.
    pub clients: u32,
    /// Length of the window, without the warm-up.
    pub duration: Duration,
    /// Load before the window that is not recorded.
    pub warmup: Duration,
    /// Pause of a client between two requests.
    pub think: Think,
    /// Connections of the pool, at least 1.
    pub pool_size: u32,
    /// A client gives up after waiting this long for a connection.
    pub acquire_timeout: Duration,
    /// A statement is cancelled after this time; `None` for never.
    pub statement_timeout: Option<Duration>,
    /// The same number draws the same requests.
    pub seed: u64,
    /// The replay stops after more failures than this, warm-up included; `None` for never.
    pub max_errors: Option<u64>,
    /// The user agreed that this target may be written to.
    pub allow_writes: bool,
}

impl Default for DriveOptions {
    /// 8 clients on 8 connections for 30 s after 5 s of warm-up, without think time, giving up on an
    /// acquire after 5 s.
    fn default() -> Self {
        Self {
            clients: 8,
            duration: Duration::from_secs(30),
            warmup: Duration::from_secs(5),
            think: Think::default(),
            pool_size: 8,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: None,
            seed: 1,
            max_errors: None,
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
        let clients = proposed.clients.unwrap_or(default.clients);
        Self {
            clients,
            pool_size: proposed.pool_size.unwrap_or(default.pool_size),
            think: proposed.think.unwrap_or_default(),
            ..default
        }
    }

    /// Refuses what cannot be run.
    pub(super) fn check(&self, workload: &Workload) -> Result<(), DriveError> {
        if self.clients == 0 {
            return Err(DriveError::NoClients);
        }
        if self.duration.is_zero() {
            return Err(DriveError::NoDuration);
        }
        if workload.writes && !self.allow_writes {
            return Err(DriveError::Writes {
                file: workload.file.clone(),
            });
        }
        Ok(())
    }
}

/// What a replay saw.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Requests of the window, by operation and over time.
    pub load: LoadResult,
    /// The pool in the window.
    pub pool: PoolRecord,
    /// The replay was stopped before its time.
    pub interrupted: bool,
    /// Begin of the window, to align it with an observer's.
    pub window_started: Instant,
    /// Last answer of the window.
    pub window_ended: Instant,
}
