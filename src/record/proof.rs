//! Changes that were made, measured in turns with and without, and undone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stats::LatencyHistogram;

use super::load::{Arrival, LoadResult};
use super::{Bytes, Millis};

/// Everything that was tried after the window of a run, under its workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proofs {
    /// How requests arrived.
    pub arrival: Arrival,
    /// Clients pause between requests.
    pub thinks: bool,
    /// Length of a block.
    pub block: Millis,
    /// Load before each block that is not recorded.
    pub block_warmup: Millis,
    /// A checkpoint came before each block, and autovacuum was off: only in a lab.
    pub quiet: bool,
    /// In the order in which they were tried.
    pub tried: Vec<TriedChange>,
    /// What was not tried.
    pub left_out: Vec<LeftOut>,
    /// It was stopped before its end.
    pub interrupted: bool,
}

/// What is done to an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// An index is created that is not there.
    CreateIndex,
    /// An index is dropped that is there.
    DropIndex,
}

/// A change that a recommendation asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What is done.
    pub kind: ChangeKind,
    /// Schema of the table.
    pub schema: String,
    /// Table.
    pub table: String,
    /// The index that is dropped; of one that is created the name that the recommendation gives it, if any.
    pub index: Option<String>,
    /// Key columns of an index that is created, for words.
    pub columns: Vec<String>,
    /// The SQL of the recommendation, by which it is found again.
    pub sql: String,
    /// `pg_get_indexdef` of an index that is dropped.
    pub definition: Option<String>,
    /// The recommendation rests on a foreign key alone.
    pub for_foreign_key: bool,
    /// Time given back per second of load, as the recommendation says.
    pub promised_ms_per_sec: Option<f64>,
}

/// A change that was not tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The SQL of the recommendation.
    pub sql: String,
    /// Why.
    pub reason: String,
}

/// A change that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriedChange {
    /// The change.
    pub change: Change,
    /// In the order of time.
    pub blocks: Vec<ProofBlock>,
    /// Size of the index, when it was last there.
    pub index_bytes: Option<Bytes>,
    /// Times of building it.
    pub builds: Vec<Millis>,
    /// Scans of a created index in all of its blocks; `None` where they were not read, and of a drop.
    pub index_scans: Option<i64>,
    /// Why there are no more blocks, where something went wrong.
    pub failure: Option<String>,
    /// SQL that would undo what could not be undone; empty where everything is as it was.
    pub left: Vec<String>,
}

impl TriedChange {
    /// Nothing of it has been measured yet.
    #[must_use]
    pub fn begun(change: Change) -> Self {
        Self {
            change,
            blocks: Vec::new(),
            index_bytes: None,
            builds: Vec::new(),
            index_scans: None,
            failure: None,
            left: Vec::new(),
        }
    }

    /// Rounds of which both blocks are there.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.blocks
            .iter()
            .filter(|block| block.changed)
            .count()
            .min(self.blocks.iter().filter(|block| !block.changed).count())
    }
}

/// A stretch of load with the change or without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProofBlock {
    /// From 0; the two blocks of one round lie side by side.
    pub round: u32,
    /// The change was made.
    pub changed: bool,
    /// Begin of its window, by dbperf's clock.
    pub started_at: Option<Timestamp>,
    /// Time over which requests are counted: that in which they could begin; with a rate, from the first
    /// request to the last answer.
    pub length: Millis,
    /// Requests that ended, failures included.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Latency of all requests.
    pub latency: LatencyHistogram,
    /// By operation.
    pub operations: Vec<BlockOperation>,
    /// The driver was the limit.
    pub driver_saturated: Option<bool>,
    /// What the server counted; `None` where `pg_stat_statements` could not be read or was disturbed.
    pub server: Option<ServerWork>,
}

/// One operation in a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockOperation {
    /// Its name in the workload file.
    pub name: String,
    /// Requests that ended, failures included.
    pub requests: u64,
    /// Mean latency; `None` without a request.
    pub mean: Option<Millis>,
}

/// `pg_stat_statements` over a block with its warm-up, all statements of the database but dbperf's own.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerWork {
    /// Executions.
    pub calls: i64,
    /// Execution time.
    pub exec: Millis,
    /// Blocks of tables and indexes, found in shared buffers or read.
    pub blocks: i64,
    /// Bytes of write-ahead log.
    pub wal_bytes: i64,
}

impl ProofBlock {
    /// What one replay was; `window` is the time in which its requests could begin.
    #[must_use]
    pub fn new(
        round: u32,
        changed: bool,
        window: Millis,
        load: &LoadResult,
        arrival: Arrival,
    ) -> Self {
        let length = load.length.unwrap_or_default();
        Self {
            round,
            changed,
            started_at: load.started_at,
            length: match arrival {
                // As many requests end as begin: the wait for the last answers would count against slow blocks.
                Arrival::Closed => Millis(length.0.min(window.0)),
                Arrival::Open | Arrival::Unknown => length,
            },
            requests: load.total.requests,
            failures: load.total.failures,
            latency: load.total.latency.histogram.clone().unwrap_or_default(),
            operations: load
                .operations
                .iter()
                .map(|operation| BlockOperation {
                    name: operation.name.clone(),
                    requests: operation.requests,
                    mean: operation
                        .latency
                        .histogram
                        .as_ref()
                        .and_then(LatencyHistogram::mean_ms)
                        .map(Millis),
                })
                .collect(),
            driver_saturated: load.driver_saturated,
            server: None,
        }
    }

    /// Mean latency of all requests; `None` without one.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        self.latency.mean_ms()
    }

    /// Mean latency of one operation; `None` without a request.
    #[must_use]
    pub fn operation_mean_ms(&self, name: &str) -> Option<f64> {
        let mut operations = self.operations.iter();
        operations.find(|o| o.name == name)?.mean.map(|mean| mean.0)
    }

    /// Execution time per execution; `None` where the server's counters were not read.
    #[must_use]
    pub fn exec_ms_per_call(&self) -> Option<f64> {
        let server = self.server.filter(|server| server.calls > 0)?;
        Some(server.exec.0 / server.calls as f64)
    }
}
