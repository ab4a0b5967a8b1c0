//! What was tried, and what it came to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Changes that were made, measured in turns with and without, and undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proofs {
    /// Length of a block.
    pub block_ms: f64,
    /// Load before each block that is not recorded.
    pub block_warmup_ms: f64,
    /// A checkpoint came before each block, and autovacuum was off: only in a lab.
    pub quiet: bool,
    /// It was stopped before its end.
    pub interrupted: bool,
    /// In the order in which they were tried.
    pub tried: Vec<Tried>,
    /// What was not tried.
    pub left_out: Vec<NotTried>,
}

/// A change that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// `create-index` or `drop-index`.
    pub change: String,
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// The index that was dropped; `null` where one was created.
    pub index: Option<String>,
    /// Key columns of an index that was created.
    pub columns: Vec<String>,
    /// The SQL of the recommendation.
    pub sql: String,
    /// What was measured.
    pub proof: Proof,
    /// SQL that would undo what could not be undone; empty where everything is as it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_sql: Vec<String>,
}

/// A change that was not tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotTried {
    /// The SQL of the recommendation.
    pub sql: String,
    /// Why.
    pub reason: String,
}

/// What became of a recommendation that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProofVerdict {
    /// It gives what it promises: an index that is created makes the load faster, one that is dropped is not missed.
    Proved,
    /// A gain would have been seen, and was not.
    NoGain,
    /// The load is slower with the change.
    Worse,
    /// The blocks do not tell.
    Undecided,
}

/// A change measured: without it, with it, and how sure the difference is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// What became of the recommendation.
    pub verdict: ProofVerdict,
    /// Why, in words.
    pub reason: String,
    /// Without the change.
    pub before: Option<ProofSide>,
    /// With it.
    pub after: Option<ProofSide>,
    /// Mean response time with the change over that without it; `null` without a pair of blocks.
    pub interval: Option<ProofInterval>,
    /// Execution time in the server, the second witness; `null` where it was not read.
    pub exec_interval: Option<ProofInterval>,
    /// Each operation's mean response time with the change over that without it, largest change first.
    pub operations: Vec<ProofOperation>,
    /// Bytes that the change takes, negative where it gives them back; `null` where the size was not read.
    pub bytes: Option<i64>,
    /// What the change costs writers; `null` where the server's counters were not read.
    pub write_cost: Option<WriteCost>,
    /// Scans of a created index in all of its blocks; `null` where they were not read, and of a drop.
    pub index_scans: Option<i64>,
    /// Mean time of building the index; `null` where it was not built.
    pub build_ms: Option<f64>,
    /// Time given back per second of load.
    pub saves_ms_per_sec: Option<f64>,
}

/// One side of a proof, all of its blocks together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofSide {
    /// Blocks.
    pub blocks: u32,
    /// Requests that ended, failures included.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Requests per second that did not fail.
    pub throughput_per_sec: f64,
    /// Mean response time.
    pub mean_ms: f64,
    /// Its median.
    pub p50_ms: f64,
    /// Its 99th percentile.
    pub p99_ms: f64,
    /// Execution time in the server per statement that was executed.
    pub exec_ms_per_call: Option<f64>,
    /// Blocks of tables and indexes per statement that was executed.
    pub blocks_per_call: Option<f64>,
    /// Bytes of write-ahead log per statement that was executed.
    pub wal_bytes_per_call: Option<f64>,
}

/// A ratio, with over without, by pairs of blocks that lie side by side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofInterval {
    /// Pairs of blocks that were compared.
    pub pairs: u32,
    /// Median of the ratios of the pairs: 0.5 takes half as long with the change.
    pub ratio: f64,
    /// Lower end of its 95 % interval.
    pub low_ratio: f64,
    /// Upper end of its 95 % interval.
    pub high_ratio: f64,
    /// Deviation from 1 that chance alone gives in one of twenty cases.
    pub threshold_ratio: f64,
}

/// One operation of the workload in a proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofOperation {
    /// Its name in the workload file.
    pub name: String,
    /// Mean response time without the change.
    pub before_ms: Option<f64>,
    /// With it.
    pub after_ms: Option<f64>,
    /// The ratio; `null` where it ran in too few pairs of blocks.
    pub interval: Option<ProofInterval>,
}

/// What a change costs writers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WriteCost {
    /// Bytes of write-ahead log per statement that was executed, more than without the change; negative where the
    /// change saves them.
    pub wal_bytes_per_call: f64,
}
