//! Connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Evidence, PgBouncer};

/// Connections: observed on the server, measured in the replay's pool, and what follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// From `pg_stat_activity` and `pg_stat_database`.
    pub observed: Option<ObservedPool>,
    /// From the replay's own pool.
    pub replay: Option<ReplayPool>,
    /// From `PgBouncer`'s own console; `null` where it was not asked or did not answer.
    pub pgbouncer: Option<PgBouncer>,
    /// What follows.
    pub recommendation: Option<Recommendation>,
    /// Why there is no recommendation.
    pub no_recommendation: Option<String>,
    /// Measured sizes.
    pub sweep: Vec<SweepPoint>,
    /// What the measured sizes say about the server's capacity; `null` without a sweep.
    pub scaling: Option<Scaling>,
    /// Pools under the same load in turns; `null` where one pool was replayed through.
    pub comparison: Option<PoolComparison>,
}

/// Pools under the same load in turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolComparison {
    /// The pool that the others are compared with; `null` if none worked.
    pub reference: Option<String>,
    /// What decides the verdict: `throughput` where the load is as fast as it can be, else `p50`.
    pub judged_by: String,
    /// Length of a block.
    pub block_ms: f64,
    /// Blocks that each pool was to have.
    pub rounds: u32,
    /// Difference that two blocks of the first pool in a row usually have (0.02 is 2 %).
    pub noise_ratio: Option<f64>,
    /// Pairs of blocks that this was seen in.
    pub noise_pairs: u32,
    /// In the order in which they were named.
    pub pools: Vec<ComparedPool>,
}

/// One pool of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedPool {
    /// `deadpool`, `sqlx` or `none`; a number follows where a pool is compared with itself.
    pub name: String,
    /// Blocks that were measured.
    pub blocks: u32,
    /// Requests, failures included.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Requests per second that did not fail.
    pub throughput_per_sec: Option<f64>,
    /// Median of the response time.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the response time.
    pub p99_ms: Option<f64>,
    /// 99th percentile of the wait for a permit.
    pub permit_wait_p99_ms: Option<f64>,
    /// Mean of an acquire.
    pub acquire_mean_ms: Option<f64>,
    /// Mean of a new connection, those of a new pool included.
    pub connect_mean_ms: Option<f64>,
    /// Mean of the check of a used connection.
    pub recycle_mean_ms: Option<f64>,
    /// CPU time of the busiest driver thread over its time (0 to 1).
    pub driver_cpu_ratio: Option<f64>,
    /// CPU time of the driver per request; `null` with several threads.
    pub driver_cpu_ms_per_request: Option<f64>,
    /// Against the reference: `faster`, `slower`, `no difference seen` or `too noisy to tell`; `null` for the
    /// reference itself and where there is none.
    pub verdict: Option<String>,
    /// Why there is no verdict, or no more blocks.
    pub reason: Option<String>,
    /// Against the reference, by metric.
    pub changes: Vec<PoolChange>,
}

/// One metric of a pool over that of the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolChange {
    /// `throughput`, `p50`, `p99`, `acquire` or `driver_cpu`.
    pub metric: String,
    /// Pairs of blocks that were compared.
    pub pairs: u32,
    /// Median of the ratios of the pairs: 1.1 is a tenth more than the reference.
    pub ratio: f64,
    /// Lower end of its 95 % interval.
    pub low_ratio: f64,
    /// Upper end of its 95 % interval.
    pub high_ratio: f64,
    /// Deviation from 1 that chance alone gives in one of twenty cases.
    pub threshold_ratio: f64,
    /// As the pool's, for this metric alone; `null` with too few pairs.
    pub verdict: Option<String>,
}

/// What the server shows of its client connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedPool {
    /// Largest number of client connections seen at once.
    pub size: u32,
    /// Mean number that were active or idle in transaction.
    pub in_use_mean: f64,
    /// Largest number that were.
    pub in_use_max: u32,
    /// Idle in transaction over in use (0 to 1).
    pub idle_in_transaction_ratio: Option<f64>,
    /// New sessions per second; `null` before 14.
    pub connections_per_sec: Option<f64>,
    /// `max_connections` minus reserved ones.
    pub usable_connections: Option<u32>,
}

/// Count, mean and quantiles of a duration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Number of values.
    pub count: u64,
    /// Mean in milliseconds.
    pub mean: f64,
    /// Median in milliseconds.
    pub p50: f64,
    /// 95th percentile in milliseconds.
    pub p95: f64,
    /// 99th percentile in milliseconds.
    pub p99: f64,
    /// 99.9th percentile in milliseconds.
    pub p999: f64,
    /// Largest in milliseconds.
    pub max: f64,
}

/// What the replay's pool measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayPool {
    /// Which pool.
    pub pool: String,
    /// Largest number of connections.
    pub pool_size: u32,
    /// Concurrent clients.
    pub clients: u32,
    /// Acquires that ended; the sum of the next five.
    pub acquires: u64,
    /// A permit was free at once.
    pub immediate: u64,
    /// A permit came after a wait.
    pub waited: u64,
    /// Gave up.
    pub timed_out: u64,
    /// The caller went away.
    pub cancelled: u64,
    /// No connection could be made.
    pub failed: u64,
    /// Wait for a permit, over all acquires.
    pub permit_wait_ms: Option<Summary>,
    /// New connections.
    pub connect_ms: Option<Summary>,
    /// Check of a used connection.
    pub recycle_ms: Option<Summary>,
    /// From hand-over to return.
    pub lease_ms: Option<Summary>,
    /// Held idle over lease (0 to 1).
    pub held_idle_ratio: Option<f64>,
    /// Mean number in use over the pool size (0 to 1).
    pub utilisation_ratio: Option<f64>,
}

/// What a size is expected to give, or gave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Operations per second.
    pub throughput_per_sec: Option<f64>,
    /// 99th percentile of the response time.
    pub p99_ms: Option<f64>,
    /// 99th percentile of the wait for a connection.
    pub wait_p99_ms: Option<f64>,
}

/// A pool size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Connections per instance.
    pub pool_size: u32,
    /// Lower end of the interval.
    pub pool_size_low: Option<u32>,
    /// Upper end of the interval.
    pub pool_size_high: Option<u32>,
    /// Instances of the application.
    pub instances: u32,
    /// Connections of all instances.
    pub connections_total: u32,
    /// How well it is known.
    pub evidence: Evidence,
    /// The target it is made for.
    pub target: String,
    /// What the model expects.
    pub expected: Expected,
    /// What was measured at that size; `null` if it was not tried.
    pub verified: Option<Expected>,
    /// Verdict: `too-small`, `database-saturated`, `pooler-saturated`, `held-idle`, `connection-churn`, `too-large`, `fits`.
    pub verdict: String,
    /// Why, with the numbers.
    pub reasons: Vec<String>,
    /// What all instances may have; `null` where the server's settings were not visible.
    #[serde(default)]
    pub fleet: Option<Fleet>,
    /// Settings of a `PgBouncer` in front of the server; `null` where its budget is not known.
    #[serde(default)]
    pub pooler: Option<Pooler>,
    /// The recommendation as settings of the common pools.
    #[serde(default)]
    pub settings: Vec<PoolSetting>,
    /// Why there are no settings.
    #[serde(default)]
    pub no_settings: Option<String>,
}

impl Recommendation {
    /// Connections per instance that the load asks for, whatever the budget.
    #[must_use]
    pub fn wanted_pool_size(&self) -> u32 {
        let fleet = self.fleet.as_ref();
        fleet.map_or(self.pool_size, |fleet| fleet.wanted_pool_size)
    }

    /// The instances do not fit without a pooler, or with smaller pools only.
    #[must_use]
    pub fn needs_pooler(&self) -> bool {
        let pooler = self.pooler.as_ref().is_some_and(|p| p.need == "needed");
        pooler || self.pool_size < self.wanted_pool_size()
    }
}

/// The server's connections, and what the instances of the application may have of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fleet {
    /// `max_connections` minus reserved ones.
    pub usable_connections: u32,
    /// Of them, those of others than the application: given, or the largest number seen.
    pub other_connections: u32,
    /// Share of the rest that stays free (0 to 1).
    pub headroom_ratio: f64,
    /// Instances that a rolling deploy adds, as a share of all (0 to 1).
    pub surge_ratio: f64,
    /// Instances that run at once in a rolling deploy.
    pub instances_in_rollout: u32,
    /// What all instances together may have.
    pub budget_connections: u32,
    /// What one instance may have without a pooler, in a rolling deploy too.
    pub budget_per_instance: u32,
    /// The `CONNECTION LIMIT` of a role or database that is tighter than `max_connections`.
    pub connection_limit: Option<String>,
    /// Connections per instance that the load asks for, whatever the budget.
    pub wanted_pool_size: u32,
    /// Largest number of server connections with the recommendation, in a rolling deploy too.
    pub connections_in_rollout: u32,
}

/// Settings of a `PgBouncer` in front of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pooler {
    /// `in-front`: there is one; `needed`: the instances do not fit without one; `not-needed`.
    pub need: String,
    /// `pool_mode`.
    pub pool_mode: String,
    /// Processes, each with pools of its own.
    pub processes: u32,
    /// Users of the application.
    pub users: u32,
    /// Databases of the application.
    pub databases: u32,
    /// `default_pool_size`: server connections of one user on one database in one process.
    pub default_pool_size: u32,
    /// `reserve_pool_size`.
    pub reserve_pool_size: u32,
    /// `max_db_connections` of one process.
    pub max_db_connections: u32,
    /// `max_client_conn` of one process.
    pub max_client_conn: u32,
    /// Server connections that the load of all instances asks for, no more than all cores serve.
    pub server_connections_wanted: u32,
    /// Largest number of server connections with these settings.
    pub server_connections_max: u32,
    /// Largest number with the settings that `PgBouncer` has now; `null` where it was not asked.
    pub present_server_connections_max: Option<u32>,
    /// What an application has to mind in this mode.
    pub caveats: Vec<String>,
}

/// The recommendation as settings of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoolSetting {
    /// `deadpool`, `sqlx`, `HikariCP`, `SQLAlchemy`, `node-postgres`, `pgx` or `PgBouncer`.
    #[serde(rename = "library")]
    pub pool_library: String,
    /// Lines to copy, with the library's own names and units.
    pub text: String,
}

/// Throughput over the size of the pool by the Universal Scalability Law (Gunther 1993):
/// X(N) = λN / (1 + σ(N − 1) + κN(N − 1)).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Scaling {
    /// λ: throughput of one connection.
    pub lambda_per_sec: Option<Estimate>,
    /// σ: contention, the share of the work that only one can do at a time.
    pub sigma_ratio: Option<Estimate>,
    /// κ: what each connection costs every other.
    pub kappa_ratio: Option<Estimate>,
    /// Standard deviation of the blocks from the fit, as a share of it.
    pub deviation_ratio: Option<f64>,
    /// The size with the most throughput; `null` where none was seen.
    pub peak: Option<ScalingPeak>,
    /// Why there is no fit, or no peak.
    pub reason: Option<String>,
}

/// A value and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Where throughput is largest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScalingPeak {
    /// The size.
    pub pool_size: u32,
    /// Lower end of its 95 % interval.
    pub pool_size_low: f64,
    /// Upper end of its 95 % interval.
    pub pool_size_high: f64,
    /// Throughput there.
    pub throughput_per_sec: f64,
}

/// One measured size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SweepPoint {
    /// Size.
    pub pool_size: u32,
    /// It is the present size, which the result is compared with.
    pub present: bool,
    /// Operations per second that did not fail.
    pub throughput_per_sec: f64,
    /// Half of its 95 % interval, from the differences between blocks; `null` of one block.
    pub throughput_error_per_sec: Option<f64>,
    /// What the fitted law says of this size; `null` where there is no fit.
    pub fitted_per_sec: Option<Estimate>,
    /// Median response time.
    pub p50_ms: f64,
    /// 99th percentile of the response time.
    pub p99_ms: f64,
    /// 99th percentile of the wait for a connection.
    pub wait_p99_ms: f64,
    /// Mean wait for a connection.
    #[serde(default)]
    pub wait_mean_ms: f64,
    /// Mean time of a lease in which statements were under way.
    pub statements_ms: f64,
    /// Mean number of connections in use.
    #[serde(default)]
    pub in_use_mean: f64,
    /// Sessions of the load that were executing without a wait over the cores of the server (0 to 1, and more
    /// where they queue for a core); `null` where either is not known.
    pub db_busy_ratio: Option<f64>,
    /// Class of waits of most active sessions, `CPU*` for none; `null` where nothing stands out.
    pub main_wait: Option<String>,
    /// Mean number of active sessions of the load by class of waits, most first; `CPU*` for those without a wait. Empty
    /// without samples.
    #[serde(default)]
    pub waits: Vec<SweepWait>,
    /// Operations, failures included.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
}

/// Sessions in a class of waits, at one size of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SweepWait {
    /// `wait_event_type`, or `CPU*`.
    pub class: String,
    /// Mean number of active sessions of the load.
    pub sessions: f64,
}
