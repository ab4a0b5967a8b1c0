//! The sampler of `PgBouncer`: `SHOW POOLS` and `SHOW STATS` over the window, the rest once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::ledger::Ledger;
use super::ticker::{Ticker, middle};
use crate::pg::{Console, ConsoleQuery, ConsoleRow, PgError, Target};
use crate::record::pgbouncer::{DatabaseRow, PgBouncerWindow, PoolRow, Sample, StatsRow};
use crate::record::{Millis, Status};

/// Name in the coverage.
pub(super) const COLLECTOR: &str = "pgbouncer";

/// Limit of a reconnection, so that a silent pooler does not hold up the end of a window.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A pooler closes connections at its own pace, three times a second; after the load they are free.
const LET_GO: Duration = Duration::from_secs(1);
const LET_GO_POLL: Duration = Duration::from_millis(20);

/// The console's own rows.
const CONSOLE: &str = "pgbouncer";

/// The settings that limit connections and waits. Others may hold paths or queries.
const SETTINGS: [&str; 13] = [
    "pool_mode",
    "default_pool_size",
    "min_pool_size",
    "reserve_pool_size",
    "reserve_pool_timeout",
    "max_client_conn",
    "max_db_connections",
    "max_user_connections",
    "max_prepared_statements",
    "query_timeout",
    "query_wait_timeout",
    "server_idle_timeout",
    "server_lifetime",
];

/// `PgBouncer` as it is to be watched.
#[derive(Debug, Clone)]
pub struct PgBouncerTarget {
    /// How to connect to it; its database does not matter.
    pub target: Target,
    /// It is dbperf's own, started for this run.
    pub lab: bool,
    /// Interval of the samples.
    pub interval: Duration,
}

impl PgBouncerTarget {
    /// One of the user's, which may have many databases: asked twice a second.
    #[must_use]
    pub fn named(target: Target) -> Self {
        Self {
            target,
            lab: false,
            interval: Duration::from_millis(500),
        }
    }

    /// A lab's, which has the replay's database alone: asked ten times a second, so that the ends of a
    /// short replay are known.
    #[must_use]
    pub fn of_lab(target: Target) -> Self {
        Self {
            target,
            lab: true,
            interval: Duration::from_millis(100),
        }
    }
}

/// The sampler.
pub(super) struct PgBouncerWatch {
    target: PgBouncerTarget,
    application_name: String,
    console: Option<Console>,
    window: PgBouncerWindow,
    /// Why no further attempt to connect is made.
    given_up: bool,
    ledger: Ledger,
}

impl PgBouncerWatch {
    /// Connects and reads what does not change. A failure is kept in the ledger.
    pub(super) async fn open(target: PgBouncerTarget, application_name: &str) -> Self {
        let mut watch = Self {
            window: PgBouncerWindow {
                address: target.target.conninfo.with_dbname(CONSOLE).address(),
                lab: target.lab,
                interval: Millis::from(target.interval),
                ..PgBouncerWindow::default()
            },
            target,
            application_name: application_name.to_owned(),
            console: None,
            given_up: false,
            ledger: Ledger::default(),
        };
        watch.connect(None).await;
        if let Some(warning) = watch.console.as_ref().and_then(Console::warning) {
            watch.ledger.note(COLLECTOR, Status::Partial, warning);
        }
        for warning in watch.target.target.conninfo.warnings() {
            watch.ledger.note(COLLECTOR, Status::Partial, warning);
        }
        let version = watch.ask(ConsoleQuery::Version).await.unwrap_or_default();
        let version = version.first().and_then(|row| row.text("version"));
        watch.window.version = version.map(str::to_owned);
        let config = watch.ask(ConsoleQuery::Config).await.unwrap_or_default();
        watch.window.config = settings(&config);
        watch.read_databases().await;
        watch
    }

    /// Samples until the window ends.
    pub(super) async fn run(mut self, origin: Instant, stop: watch::Receiver<bool>) -> Self {
        let mut ticker = Ticker::new(origin, self.target.interval, stop);
        let mut failed = 0;
        while ticker.tick().await {
            if self.console.is_none() {
                self.connect(Some(RECONNECT_TIMEOUT)).await;
            }
            failed += u64::from(self.sample(origin).await.is_none());
        }
        self.window.missed = ticker.missed() + failed;
        self
    }

    /// The last sample, after the load; then a lab's pooler lets go of its server connections, so that
    /// their backends publish their counters. `None` where nothing was read at all.
    pub(super) async fn finish(
        mut self,
        origin: Instant,
        ledger: &mut Ledger,
    ) -> Option<PgBouncerWindow> {
        if self.console.is_none() {
            self.connect(Some(RECONNECT_TIMEOUT)).await;
        }
        // A failure is in the ledger.
        let _read = self.sample(origin).await;
        self.read_databases().await;
        if self.target.lab {
            self.let_go().await;
        }
        ledger.merge(self.ledger);
        (!self.window.samples.is_empty()).then_some(self.window)
    }

    /// Closes the server connections of a lab's pooler and waits until they are gone.
    async fn let_go(&mut self) {
        if self.ask(ConsoleQuery::Reconnect).await.is_none() {
            return;
        }
        let start = Instant::now();
        while start.elapsed() < LET_GO {
            let rows = self.ask(ConsoleQuery::Pools).await.unwrap_or_default();
            let open = |p: &PoolRow| p.sv_active + p.sv_login + p.servers_free() > 0;
            if !rows.iter().filter_map(pool).any(|p| open(&p)) {
                return;
            }
            tokio::time::sleep(LET_GO_POLL).await;
        }
    }

    async fn connect(&mut self, limit: Option<Duration>) {
        if self.given_up {
            return;
        }
        let conninfo = &self.target.target.conninfo;
        match Console::connect(conninfo, &self.application_name, limit).await {
            Ok(console) => self.console = Some(console),
            Err(e) => {
                // A password, a user: another attempt would only do harm.
                self.given_up = !e.is_connection_lost();
                self.ledger.failed(COLLECTOR, &e);
                if e.sqlstate() == Some("08P01") {
                    let user = conninfo.user();
                    self.ledger.note(COLLECTOR, Status::Failed, cure(user));
                }
            }
        }
    }

    async fn ask(&mut self, query: ConsoleQuery) -> Option<Vec<ConsoleRow>> {
        let console = self.console.as_ref()?;
        let answer = self.ledger.time(COLLECTOR, console.ask(query)).await;
        match answer {
            Ok(rows) => Some(rows),
            Err(e) => {
                if e.is_connection_lost() {
                    self.console = None;
                    self.window.losses += 1;
                }
                None
            }
        }
    }

    async fn sample(&mut self, origin: Instant) -> Option<()> {
        let pools = self.ask(ConsoleQuery::Pools).await?;
        let start = origin.elapsed();
        let stats = self.ask(ConsoleQuery::Stats).await?;
        let at = middle(start, origin);
        let sample = Sample {
            at,
            pools: read(&pools, "database", "SHOW POOLS", pool, &mut self.ledger)?,
            stats: read(&stats, "database", "SHOW STATS", counters, &mut self.ledger)?,
        };
        self.window.samples.push(sample);
        Some(())
    }

    async fn read_databases(&mut self) {
        if let Some(rows) = self.ask(ConsoleQuery::Databases).await {
            let rows = rows.iter().filter(|row| row.text("name") != Some(CONSOLE));
            self.window.databases = rows.filter_map(database).collect();
        }
    }
}

/// What a user who may not look needs.
fn cure(user: &str) -> String {
    format!(
        "if user \"{user}\" may not use the console, add it to stats_users in pgbouncer.ini and RELOAD"
    )
}

fn settings(rows: &[ConsoleRow]) -> BTreeMap<String, String> {
    let known = rows.iter().filter_map(|row| {
        let key = row.text("key").filter(|key| SETTINGS.contains(key))?;
        Some((key.to_owned(), row.text("value")?.to_owned()))
    });
    known.collect()
}

/// All rows but the console's own; `None`, and a failed reading, where one has another shape.
fn read<T>(
    rows: &[ConsoleRow],
    key: &str,
    what: &str,
    parse: impl Fn(&ConsoleRow) -> Option<T>,
    ledger: &mut Ledger,
) -> Option<Vec<T>> {
    let mut parsed = Vec::new();
    for row in rows.iter().filter(|row| row.text(key) != Some(CONSOLE)) {
        let Some(row) = parse(row) else {
            let error = PgError::Shape {
                view: what.to_owned(),
                column: "counters".to_owned(),
                what: "a column that every version from 1.18 on has is absent".to_owned(),
            };
            ledger.failed(COLLECTOR, &error);
            return None;
        };
        parsed.push(row);
    }
    Some(parsed)
}

fn database(row: &ConsoleRow) -> Option<DatabaseRow> {
    Some(DatabaseRow {
        name: row.text("name")?.to_owned(),
        pool_size: row.number("pool_size"),
        reserve_pool_size: row
            .number("reserve_pool_size")
            .or_else(|| row.number("reserve_pool")),
        pool_mode: row.text("pool_mode").map(str::to_owned),
        max_connections: row.number("max_connections"),
        current_connections: row.number("current_connections"),
    })
}

fn pool(row: &ConsoleRow) -> Option<PoolRow> {
    Some(PoolRow {
        database: row.text("database")?.to_owned(),
        user: row.text("user")?.to_owned(),
        cl_active: row.number("cl_active")?,
        cl_waiting: row.number("cl_waiting")?,
        sv_active: row.number("sv_active")?,
        sv_idle: row.number("sv_idle")?,
        sv_used: row.number("sv_used")?,
        sv_tested: row.number("sv_tested")?,
        sv_login: row.number("sv_login")?,
        maxwait: row.number("maxwait")?,
        maxwait_us: row.number("maxwait_us")?,
        pool_mode: row.text("pool_mode").map(str::to_owned),
    })
}

fn counters(row: &ConsoleRow) -> Option<StatsRow> {
    Some(StatsRow {
        database: row.text("database")?.to_owned(),
        total_xact_count: row.number("total_xact_count")?,
        total_query_count: row.number("total_query_count")?,
        total_received: row.number("total_received")?,
        total_sent: row.number("total_sent")?,
        total_xact_time: row.number("total_xact_time")?,
        total_query_time: row.number("total_query_time")?,
        total_wait_time: row.number("total_wait_time")?,
        total_server_assignment_count: row.number("total_server_assignment_count"),
        total_client_parse_count: row.number("total_client_parse_count"),
        total_server_parse_count: row.number("total_server_parse_count"),
        total_bind_count: row.number("total_bind_count"),
        total_client_login_count: row.number("total_client_login_count"),
    })
}
