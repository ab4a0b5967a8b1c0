//! Who the server is: identity, version, extensions, settings, and what the role may see.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Bytes, Millis};

/// Facts of one server that do not change within a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// Where it was reached, without any secret: `host:port/database` or the socket folder.
    pub address: String,
    /// Which source of the target won, such as `argument` or `DATABASE_URL`.
    pub target_source: String,
    /// `server_version`, such as `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
    /// `server_version_num`, such as 150018.
    pub version_num: u32,
    /// `pg_control_system().system_identifier`; `None` where it may not be read.
    pub system_identifier: Option<String>,
    /// `current_database()`.
    pub database: String,
    /// `pg_database.oid` of that database.
    pub database_oid: u32,
    /// `pg_database_size`; `None` where it may not be read.
    pub size_bytes: Option<Bytes>,
    /// `pg_is_in_recovery()`: a standby.
    pub in_recovery: bool,
    /// The session is encrypted from dbperf to the server (behind a pooler: to the pooler).
    pub tls: bool,
    /// What protects the session: the version of TLS, the cipher suite and what was checked of the server, or
    /// why nothing needs to; `None` in runs that were saved before this was recorded.
    #[serde(default)]
    pub protection: Option<String>,
    /// What the user should know about the connection, with the cure: keys that were ignored, an encryption that
    /// is weaker than it looks.
    #[serde(default)]
    pub connection_warnings: Vec<String>,
    /// Installed extensions and their versions.
    pub extensions: BTreeMap<String, String>,
    /// `pg_available_extensions.default_version` of the extensions that are installed.
    pub extension_default_versions: BTreeMap<String, String>,
    /// Settings by name.
    pub settings: BTreeMap<String, Setting>,
    /// What the role may see.
    pub privileges: Privileges,
    /// Whether the connection goes through a pooler (backend pid in the protocol differs from
    /// `pg_backend_pid()`); `None` where it was not determined.
    pub through_pooler: Option<bool>,
    /// Processor cores of the server, where it runs on this machine; SQL cannot tell.
    pub cores: Option<u32>,
    /// Round trip of an empty statement, median of several, in the idle state before the window.
    pub round_trip: Option<Millis>,
    /// Other objects that need not change in a window: names of roles by oid.
    pub role_names: BTreeMap<u32, String>,
    /// Names of databases by oid.
    pub database_names: BTreeMap<u32, String>,
    /// `None` in runs from before they were read.
    #[serde(default)]
    pub connection_limits: Option<ConnectionLimits>,
}

/// `CONNECTION LIMIT`s by name, of those that have one. They do not apply to superusers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionLimits {
    /// `pg_roles.rolconnlimit`.
    pub roles: BTreeMap<String, u32>,
    /// `pg_database.datconnlimit`.
    pub databases: BTreeMap<String, u32>,
}

impl Server {
    /// The major version, such as 15.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.version_num / 10_000
    }

    /// The value a new session gets for a setting (`pg_settings.reset_val`, not shadowed by our
    /// own `SET`); `None` where it is not visible.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|s| s.reset_val.as_str())
    }

    /// [`Self::setting`] of a boolean setting.
    #[must_use]
    pub fn setting_on(&self, name: &str) -> Option<bool> {
        self.setting(name).map(|v| v == "on")
    }
}

/// One row of `pg_settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Value at the start of a session, in `unit`.
    pub reset_val: String,
    /// Unit of the value, such as `8kB`.
    pub unit: Option<String>,
    /// Where the value comes from, such as `configuration file`.
    pub source: String,
    /// The file holds another value that waits for a restart.
    pub pending_restart: bool,
}

/// What the session's role may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileges {
    /// `current_user`.
    pub role: String,
    /// The role is a superuser; dbperf warns, because then nothing but dbperf's own care holds.
    pub superuser: bool,
    /// Member of `pg_read_all_stats` (part of `pg_monitor`): texts and ids of other roles.
    pub read_all_stats: bool,
    /// Member of `pg_read_all_settings` (part of `pg_monitor`).
    pub read_all_settings: bool,
    /// Member of `pg_read_all_data` (14+): plans and column statistics of every table.
    pub read_all_data: bool,
}

/// What tells whether two samples belong to one undisturbed life of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerLife {
    /// `clock_timestamp()` of the server.
    pub at: Timestamp,
    /// `pg_postmaster_start_time()`.
    pub postmaster_start_time: Timestamp,
    /// `pg_control_system().system_identifier`.
    pub system_identifier: Option<String>,
    /// `pg_control_checkpoint().timeline_id`.
    pub timeline_id: Option<i64>,
    /// `pg_is_in_recovery()`.
    pub in_recovery: bool,
    /// `pg_stat_bgwriter.stats_reset`; changes on every crash.
    pub bgwriter_stats_reset: Option<Timestamp>,
    /// `pg_stat_database.stats_reset` of the current database; NULL on 15+ means never reset.
    pub database_stats_reset: Option<Timestamp>,
    /// `pg_stat_statements_info.stats_reset` (extension 1.9+).
    pub statements_stats_reset: Option<Timestamp>,
    /// `pg_stat_statements_info.dealloc` (extension 1.9+): eviction passes so far.
    pub statements_dealloc: Option<i64>,
}

/// Something that broke the continuity of counters inside a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Disturbance {
    /// `pg_stat_statements_reset()`.
    StatementsReset,
    /// Entries were evicted, in this many passes.
    StatementsEvicted {
        /// Increase of `dealloc`.
        passes: i64,
    },
    /// `pg_stat_reset()` in this database.
    DatabaseStatsReset,
    /// A backend crashed: counters were lost, the postmaster went on.
    Crash,
    /// The postmaster was restarted.
    Restart,
    /// Another server answered: other system identifier, timeline or recovery state.
    Failover,
    /// The connection was lost for a while.
    ConnectionLost,
}

impl ServerLife {
    /// What happened between `earlier` and `self`.
    #[must_use]
    pub fn disturbances_since(&self, earlier: &Self) -> Vec<Disturbance> {
        let mut found = Vec::new();
        let differ = |a: &Option<Timestamp>, b: &Option<Timestamp>| b.is_some() && a != b;
        let identity = |l: &Self| (l.system_identifier.clone(), l.in_recovery);
        let promoted = matches!(
            (earlier.timeline_id, self.timeline_id),
            (Some(a), Some(b)) if a != b
        );
        if identity(self) != identity(earlier) || promoted {
            found.push(Disturbance::Failover);
        }
        let restarted = self.postmaster_start_time != earlier.postmaster_start_time;
        let bgwriter_reset = differ(&earlier.bgwriter_stats_reset, &self.bgwriter_stats_reset);
        if restarted {
            found.push(Disturbance::Restart);
        }
        if bgwriter_reset {
            found.push(Disturbance::Crash);
        }
        if differ(&earlier.database_stats_reset, &self.database_stats_reset) && !bgwriter_reset {
            found.push(Disturbance::DatabaseStatsReset);
        }
        if differ(
            &earlier.statements_stats_reset,
            &self.statements_stats_reset,
        ) {
            found.push(Disturbance::StatementsReset);
        }
        if let (Some(a), Some(b)) = (earlier.statements_dealloc, self.statements_dealloc)
            && b > a
        {
            found.push(Disturbance::StatementsEvicted { passes: b - a });
        }
        found
    }
}
