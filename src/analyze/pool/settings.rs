//! A recommendation as settings of the common pools, under each library's own names and units.
//!
//! The names are those of the current versions, each checked against the page that is named with it.

use std::time::Duration;

use crate::analyze::conclusions::{Evidence, PoolSetting, Pooler};

use super::draft::Draft;

/// An acquire that waits for longer is a failure: what dbperf's own replay takes, so that what was
/// measured holds …
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// … or ten times the 99th percentile that is expected, if that is more (ours) …
const ACQUIRE_TIMEOUT_WAITS: f64 = 10.0;

/// … and never more than the default of HikariCP, sqlx and SQLAlchemy.
const ACQUIRE_TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// The default of HikariCP and sqlx: long enough to cost nothing, short enough for a session's memory.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The default of HikariCP, sqlx and `PgBouncer`.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// Statements that `PgBouncer` keeps prepared on a server connection: its default since 1.24.
const PREPARED_STATEMENTS: u32 = 200;

/// Settings, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settings {
    pub(super) all: Vec<PoolSetting>,
    pub(super) none: Option<String>,
}

/// What every pool is to be given.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    size: u32,
    /// Connections of a pool behind a pooler, where that is another number.
    behind: u32,
    acquire: Duration,
    /// Idle connections stay open: opening them was the problem.
    keeps_open: bool,
    pooler: Option<&'a Pooler>,
}

impl Settings {
    /// Settings for pools of `size`, and of `behind` once the pooler is there.
    pub(super) fn of(draft: &Draft, size: u32, behind: u32, pooler: Option<&Pooler>) -> Self {
        let none = match draft.verdict {
            "held-idle" => {
                "the cure is to give connections back earlier, in the application; no setting of a \
                 pool does that"
            }
            // A size that was measured is one to set.
            "database-saturated" if draft.evidence == Evidence::RuleOfThumb => {
                "the cure is in the statements and transactions; no setting of a pool changes them, and \
                 the size above is a cap by a rule of thumb"
            }
            _ => {
                let wanted = Wanted {
                    size,
                    behind,
                    acquire: acquire_timeout(draft.expected.wait_p99_ms),
                    keeps_open: draft.verdict == "connection-churn",
                    pooler,
                };
                return Self {
                    all: all(&wanted),
                    none: None,
                };
            }
        };
        Self {
            all: Vec::new(),
            none: Some(none.to_owned()),
        }
    }
}

/// Whole seconds, because several pools know nothing else.
fn acquire_timeout(wait_p99_ms: Option<f64>) -> Duration {
    let waits = wait_p99_ms.unwrap_or(0.0) * ACQUIRE_TIMEOUT_WAITS / 1000.0;
    let most = ACQUIRE_TIMEOUT_MAX.as_secs_f64();
    Duration::from_secs_f64(waits.clamp(0.0, most).ceil()).max(ACQUIRE_TIMEOUT)
}

fn all(wanted: &Wanted<'_>) -> Vec<PoolSetting> {
    let mut found = vec![
        setting("deadpool", &for_deadpool(wanted)),
        setting("sqlx", &for_sqlx(wanted)),
        setting("HikariCP", &for_hikaricp(wanted)),
        setting("SQLAlchemy", &for_sqlalchemy(wanted)),
        setting("node-postgres", &for_node_postgres(wanted)),
        setting("pgx", &for_pgx(wanted)),
    ];
    if let Some(pooler) = wanted.pooler {
        found.push(setting("PgBouncer", &for_pgbouncer(wanted, pooler)));
    }
    found
}

fn setting(library: &str, lines: &[String]) -> PoolSetting {
    PoolSetting {
        pool_library: library.to_owned(),
        text: lines.join("\n"),
    }
}

/// <https://docs.rs/deadpool/latest/deadpool/managed/struct.PoolBuilder.html>. Timeouts need a runtime.
/// deadpool closes nothing by itself: `retain` is what its documentation says for that
/// (<https://docs.rs/deadpool/latest/deadpool/managed/struct.Pool.html#method.retain>).
fn for_deadpool(wanted: &Wanted<'_>) -> Vec<String> {
    let timeout = |step: &str| {
        let seconds = wanted.acquire.as_secs();
        format!("    .{step}_timeout(Some(Duration::from_secs({seconds})))")
    };
    let mut lines = vec![
        "Pool::builder(manager)".to_owned(),
        format!("    .max_size({})", wanted.size),
        timeout("wait"),
        timeout("create"),
        timeout("recycle"),
        "    .runtime(Runtime::Tokio1)".to_owned(),
        "    .build()?;".to_owned(),
        "// Once a minute: the pool closes nothing by itself.".to_owned(),
        "pool.retain(|_, metrics| {".to_owned(),
    ];
    let age = format!("    metrics.age().as_secs() < {}", LIFETIME.as_secs());
    lines.push(age);
    if !wanted.keeps_open {
        let idle = IDLE.as_secs();
        lines.push(format!("        && metrics.last_used().as_secs() < {idle}"));
    }
    lines.push("});".to_owned());
    lines
}

/// <https://docs.rs/sqlx/latest/sqlx/pool/struct.PoolOptions.html>. `acquire_timeout` covers the wait,
/// the check and a new connection.
fn for_sqlx(wanted: &Wanted<'_>) -> Vec<String> {
    let mut lines = vec![
        "PgPoolOptions::new()".to_owned(),
        format!("    .max_connections({})", wanted.size),
    ];
    if wanted.keeps_open {
        lines.push(format!("    .min_connections({})", wanted.size));
    }
    let acquire = wanted.acquire.as_secs();
    let lifetime = LIFETIME.as_secs();
    lines.extend([
        format!("    .acquire_timeout(Duration::from_secs({acquire}))"),
        format!("    .max_lifetime(Duration::from_secs({lifetime}))"),
    ]);
    lines.push(if wanted.keeps_open {
        "    .idle_timeout(None::<Duration>)".to_owned()
    } else {
        format!("    .idle_timeout(Duration::from_secs({}))", IDLE.as_secs())
    });
    lines
}

/// <https://github.com/brettwooldridge/HikariCP#gear-configuration-knobs-baby>: all times in
/// milliseconds. It advises against `minimumIdle`; without it `idleTimeout` does not apply.
fn for_hikaricp(wanted: &Wanted<'_>) -> Vec<String> {
    vec![
        "# milliseconds; minimumIdle unset: the size is fixed,".to_owned(),
        "# and idleTimeout does not apply".to_owned(),
        format!("maximumPoolSize={}", wanted.size),
        format!("connectionTimeout={}", wanted.acquire.as_millis()),
        format!("maxLifetime={}", LIFETIME.as_millis()),
    ]
}

/// <https://docs.sqlalchemy.org/en/20/core/engines.html#sqlalchemy.create_engine>: times in seconds.
/// `max_overflow` is 10 by default and would be added to the size; connections beyond the size are
/// closed when they are given back. There is no idle timeout.
fn for_sqlalchemy(wanted: &Wanted<'_>) -> Vec<String> {
    vec![
        "create_engine(".to_owned(),
        "    url,".to_owned(),
        format!("    pool_size={},", wanted.size),
        "    max_overflow=0,  # 10 by default, on top of the size".to_owned(),
        format!("    pool_timeout={},  # seconds", wanted.acquire.as_secs()),
        format!("    pool_recycle={},  # seconds", LIFETIME.as_secs()),
        ")".to_owned(),
    ]
}

/// <https://node-postgres.com/apis/pool>. `maxLifetimeSeconds` is in pg-pool's source
/// (packages/pg-pool/index.js). `connectionTimeoutMillis` covers the wait in the queue too.
fn for_node_postgres(wanted: &Wanted<'_>) -> Vec<String> {
    let idle = if wanted.keeps_open {
        vec![
            format!("  min: {},", wanted.size),
            "  idleTimeoutMillis: 0,".to_owned(),
        ]
    } else {
        vec![format!("  idleTimeoutMillis: {},", IDLE.as_millis())]
    };
    let mut lines = vec!["new Pool({".to_owned(), format!("  max: {},", wanted.size)];
    lines.push(format!(
        "  connectionTimeoutMillis: {},",
        wanted.acquire.as_millis()
    ));
    lines.extend(idle);
    lines.push(format!("  maxLifetimeSeconds: {},", LIFETIME.as_secs()));
    lines.push("})".to_owned());
    lines
}

/// <https://pkg.go.dev/github.com/jackc/pgx/v5/pgxpool#ParseConfig>: words of the connection string,
/// times as Go durations. How long an acquire may take is the context's.
fn for_pgx(wanted: &Wanted<'_>) -> Vec<String> {
    let mut lines = vec![
        format!("pool_max_conns={}", wanted.size),
        format!("pool_max_conn_lifetime={}s", LIFETIME.as_secs()),
    ];
    lines.push(if wanted.keeps_open {
        format!("pool_min_conns={}", wanted.size)
    } else {
        format!("pool_max_conn_idle_time={}s", IDLE.as_secs())
    });
    lines.push("// the timeout of an acquire is its context's".to_owned());
    lines.push(format!(
        "context.WithTimeout(ctx, {}*time.Second)",
        wanted.acquire.as_secs()
    ));
    lines
}

/// <https://www.pgbouncer.org/config.html>: times in seconds.
fn for_pgbouncer(wanted: &Wanted<'_>, pooler: &Pooler) -> Vec<String> {
    let mut lines = vec![match pooler.need.as_str() {
        "needed" => format!(
            "; behind it every instance may have a pool of {}",
            wanted.behind
        ),
        "not-needed" => "; not needed by the numbers; if there is one:".to_owned(),
        _ if pooler.processes > 1 => format!("; in each of {} processes", pooler.processes),
        _ => "; of the one in front".to_owned(),
    }];
    let mut set = |name: &str, value: &str| lines.push(format!("{name} = {value}"));
    set("pool_mode", &pooler.pool_mode);
    set("default_pool_size", &pooler.default_pool_size.to_string());
    if wanted.keeps_open {
        set("min_pool_size", &pooler.default_pool_size.to_string());
    }
    set("reserve_pool_size", &pooler.reserve_pool_size.to_string());
    set("max_db_connections", &pooler.max_db_connections.to_string());
    set("max_client_conn", &pooler.max_client_conn.to_string());
    set("max_prepared_statements", &PREPARED_STATEMENTS.to_string());
    set("query_wait_timeout", &wanted.acquire.as_secs().to_string());
    set("server_lifetime", &LIFETIME.as_secs().to_string());
    set("server_idle_timeout", &IDLE.as_secs().to_string());
    lines
}

#[cfg(test)]
mod tests;
