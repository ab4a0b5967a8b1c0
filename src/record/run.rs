//! One run: everything of one measurement, in one file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::activity::ActivitySeries;
use super::comparison::PoolComparison;
use super::coverage::Coverage;
use super::database::DatabaseWindow;
use super::health::HealthWindow;
use super::indexes::IndexWindow;
use super::load::LoadResult;
use super::pages::PageResult;
use super::pgbouncer::PgBouncerWindow;
use super::plan::PlanRecord;
use super::pool::PoolRecord;
use super::proof::Proofs;
use super::replication::ReplicationWindow;
use super::server::{Disturbance, Server, ServerLife};
use super::statements::StatementWindow;
use super::sweep::PoolSweep;
use super::tables::TableWindow;
use super::traces::TraceSet;
use super::what_if::WhatIf;
use super::{Bytes, Millis};

/// Version of the run file. A file with another number is refused, never guessed at.
pub const RUN_FORMAT: u32 = 1;

/// Rows of one view at both ends of the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span<T> {
    /// Since the start of the window.
    pub first_at: Millis,
    /// At the start.
    pub first: Vec<T>,
    /// Since the start of the window.
    pub last_at: Millis,
    /// At the end.
    pub last: Vec<T>,
}

/// Everything of one measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`RUN_FORMAT`].
    pub format: u32,
    /// What was run and when.
    pub meta: RunMeta,
    /// The server; `None` for an import without a server.
    pub server: Option<Server>,
    /// The machine that dbperf ran on.
    pub host: Host,
    /// What was looked at, what was not.
    pub coverage: Vec<Coverage>,
    /// Continuity at the start, at every statement sample, and at the end.
    pub life: Vec<ServerLife>,
    /// What broke the continuity of the counters.
    pub disturbances: Vec<Disturbance>,
    /// `pg_stat_activity`.
    pub activity: Option<ActivitySeries>,
    /// `pg_stat_statements`.
    pub statements: Option<StatementWindow>,
    /// `pg_stat_database` and the cluster's counters.
    pub database: DatabaseWindow,
    /// Tables.
    pub tables: TableWindow,
    /// Indexes.
    pub indexes: IndexWindow,
    /// Plans of the statements that matter.
    pub plans: Vec<PlanRecord>,
    /// Plans with indexes that do not exist; `None` where they could not be asked for. Absent in older files.
    #[serde(default)]
    pub what_if: Option<WhatIf>,
    /// Replication; `None` where it was not looked at.
    pub replication: Option<ReplicationWindow>,
    /// dbperf's own replay.
    pub replay: Option<LoadResult>,
    /// The pool of the replay.
    pub pool: Option<PoolRecord>,
    /// Pools compared in turns; `replay` and `pool` are then those of the first.
    #[serde(default)]
    pub comparison: Option<PoolComparison>,
    /// One pool at several sizes; `pool` is then `None` and `replay` is all of its load. Absent in older files.
    #[serde(default)]
    pub sweep: Option<PoolSweep>,
    /// Changes that were tried after the window. Absent in older files.
    #[serde(default)]
    pub proofs: Option<Proofs>,
    /// The runs of several machines that were added to make this one; empty for a run as it was measured.
    #[serde(default)]
    pub merged: Vec<MergedRun>,
    /// `PgBouncer`; `None` where it was not looked at or could not be read. Absent in older files.
    #[serde(default)]
    pub pgbouncer: Option<PgBouncerWindow>,
    /// Ages, open transactions, sequences, constraints; `None` where no server was asked. Absent in older files.
    #[serde(default)]
    pub health: Option<HealthWindow>,
    /// Imported results of the API.
    pub api: Vec<LoadResult>,
    /// Imported traces of the application. Absent in older files.
    #[serde(default)]
    pub traces: Vec<TraceSet>,
    /// Imported results of pages. Absent in older files.
    #[serde(default)]
    pub pages: Vec<PageResult>,
}

impl Run {
    /// A run of which nothing but this is known.
    #[must_use]
    pub fn of(meta: RunMeta, host: Host) -> Self {
        Self {
            format: RUN_FORMAT,
            meta,
            server: None,
            host,
            coverage: Vec::new(),
            life: Vec::new(),
            disturbances: Vec::new(),
            activity: None,
            statements: None,
            database: DatabaseWindow::default(),
            tables: TableWindow::default(),
            indexes: IndexWindow::default(),
            plans: Vec::new(),
            what_if: None,
            replication: None,
            replay: None,
            pool: None,
            comparison: None,
            sweep: None,
            proofs: None,
            merged: Vec::new(),
            pgbouncer: None,
            health: None,
            api: Vec::new(),
            traces: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// The time that the counters of statements cover: the window, or, where they were read once, the time since they
    /// were reset. `None` where that is not known, so that there is no rate.
    #[must_use]
    pub fn statements_time(&self) -> Option<Millis> {
        match &self.meta.since {
            Some(since) => since.statements_age(),
            None => Some(self.meta.window).filter(|window| window.0 > 0.0),
        }
    }

    /// `total` milliseconds of statements per second of the time that their counters cover; `None` where that time is
    /// not known.
    #[must_use]
    pub fn statements_ms_per_sec(&self, total: f64) -> Option<f64> {
        self.statements_time().map(|time| total / time.secs())
    }
}

/// What was run and when.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunMeta {
    /// Unique name, such as `20261123T161500-4f2a`.
    pub run_id: String,
    /// Start of the window, by dbperf's clock.
    pub started_at: Timestamp,
    /// End of the window, by dbperf's clock.
    pub ended_at: Timestamp,
    /// Length of the window on dbperf's monotonic clock; zero where the counters were read once.
    pub window: Millis,
    /// The counters were read once, without a window: they count since these moments. `None` for a window; absent in
    /// older files.
    #[serde(default)]
    pub since: Option<CountedSince>,
    /// dbperf's version.
    pub dbperf_version: String,
    /// The command line, secrets redacted.
    pub command: String,
    /// The window was cut short by a signal.
    pub interrupted: bool,
    /// The server is a throwaway cluster made for this run: its age says nothing about its use.
    pub lab: bool,
    /// The load command after `--` and how it ended.
    pub load_command: Option<LoadCommand>,
}

/// Since when counters that were read once have counted, on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedSince {
    /// When they were read.
    pub read_at: Timestamp,
    /// `pg_stat_statements_info.stats_reset`; `None` where the extension does not tell (before 1.9).
    pub statements: Option<Timestamp>,
    /// `pg_stat_database.stats_reset` of the database; where that is NULL, which since PostgreSQL 15 means that it
    /// was never reset by hand, the moment at which the server's statistics began. `None` where neither is known.
    pub database: Option<Timestamp>,
}

impl CountedSince {
    /// How long the counters of statements have run.
    #[must_use]
    pub fn statements_age(&self) -> Option<Millis> {
        self.age(self.statements)
    }

    /// How long the counters of tables and indexes have run.
    #[must_use]
    pub fn database_age(&self) -> Option<Millis> {
        self.age(self.database)
    }

    /// A reset of this very moment is no age by which anything can be divided.
    fn age(&self, since: Option<Timestamp>) -> Option<Millis> {
        let age = Millis(self.read_at.duration_since(since?).as_secs_f64() * 1000.0);
        (age.0 > 0.0).then_some(age)
    }
}

/// A run that is part of a merged one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedRun {
    /// Its unique name.
    pub run_id: String,
    /// Begin of its load.
    pub started_at: Timestamp,
    /// End of its load.
    pub ended_at: Timestamp,
    /// Its length on its own monotonic clock.
    pub length: Millis,
}

/// The user's own load command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadCommand {
    /// Program and arguments, secrets redacted.
    pub command: String,
    /// Exit code; `None` if a signal ended it.
    pub exit_code: Option<i32>,
    /// CPU time of it and of the processes that it waited for. Absent in older files.
    #[serde(default)]
    pub cpu: Option<Millis>,
}

/// The machine that dbperf ran on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Host {
    /// Usable cores.
    pub cores: Option<u32>,
    /// Memory.
    pub memory_bytes: Option<Bytes>,
    /// The server runs on this machine.
    pub server_is_local: bool,
    /// Share of this machine's CPU that was busy in the window (0 to 1), all processes.
    pub cpu_busy_ratio: Option<f64>,
    /// Share of this machine's memory in use at the end of the window (0 to 1).
    pub memory_used_ratio: Option<f64>,
    /// CPU time of dbperf itself in the window.
    pub own_cpu: Option<Millis>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_were_read_once_have_an_age_of_their_own() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let since = CountedSince {
            read_at: at(1_000),
            statements: Some(at(900)),
            database: None,
        };
        assert_eq!(since.statements_age(), Some(Millis(100_000.0)));
        assert_eq!(since.database_age(), None);
        let young = CountedSince {
            statements: Some(at(1_000)),
            ..since
        };
        assert_eq!(young.statements_age(), None, "nothing is divided by zero");
    }
}
