//! A workload as plain data.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::draw::Drawer;
use super::{Generator, WorkloadError, parse};

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Name of the file it was read from, as it was given.
    pub file: String,
    /// Title of the `-- dbperf workload: TITLE` line.
    pub title: Option<String>,
    /// What the file proposes for the drive; flags override it.
    pub defaults: Defaults,
    /// The file declares that it writes (`-- writes`).
    pub writes: bool,
    /// At least one, in the order of the file.
    pub operations: Vec<WorkloadOperation>,
}

/// Proposals of a workload file for the drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Defaults {
    /// Concurrent clients.
    pub clients: Option<u32>,
    /// Connections of the pool.
    pub pool_size: Option<u32>,
    /// Pause of a client between two requests.
    pub think: Option<Think>,
}

/// A pause drawn evenly between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Think {
    /// Shortest.
    pub min: Duration,
    /// Longest; equal to `min` for a fixed pause.
    pub max: Duration,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadOperation {
    /// Such as `GET /lords/architect/initiatives`; unique in the file.
    pub name: String,
    /// Line of its `-- operation:` directive.
    pub line: usize,
    /// How often it is chosen, relative to the other operations; at least 1.
    pub weight: u32,
    /// Its statements run between BEGIN and COMMIT, or ROLLBACK.
    pub transaction: Option<TransactionShape>,
    /// Values drawn once per request.
    pub params: Vec<Param>,
    /// At least one, in the order in which they run, all on one lease.
    pub statements: Vec<WorkloadStatement>,
}

/// How the transactions of an operation end.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TransactionShape {
    /// Share of the transactions that end by ROLLBACK on purpose, 0 to 1.
    pub rollback_ratio: f64,
}

/// Values that are drawn once per request.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Used as `:name`; at least one, and several where they are drawn together from one row.
    pub names: Vec<String>,
    /// Line of its `-- param` directive.
    pub line: usize,
    /// How it is drawn.
    pub generator: Generator,
}

/// Whether a statement may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// SELECT without row locks, SHOW, EXPLAIN.
    Read,
    /// Everything else, SELECT … FOR UPDATE included: it writes row locks.
    Write,
}

/// One statement of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadStatement {
    /// Unique in the operation.
    pub name: String,
    /// Line where its text begins.
    pub line: usize,
    /// Its text with `$n` parameters, without the semicolon.
    pub sql: String,
    /// Name of the value of `$1`, `$2` …
    pub params: Vec<String>,
    /// It runs once per row of an earlier statement.
    pub foreach: Option<Foreach>,
    /// Whether it may change something.
    pub kind: StatementKind,
    /// Pause before it, with `foreach` before each of its runs, while the connection is held.
    pub think: Option<Think>,
    /// It is sent without waiting for the answer of the statement before it.
    pub pipelined: bool,
}

/// One run per row of an earlier statement of the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreach {
    /// Index of that statement.
    pub statement: usize,
    /// Column of its result, bound as `:column`.
    pub column: String,
}

impl std::str::FromStr for Think {
    type Err = String;

    /// Reads `250ms` or `1s..5s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let one = |text: &str| -> Result<Duration, String> {
            humantime::parse_duration(text.trim()).map_err(|_| {
                format!("expected a duration such as `250ms` or `1s..5s`, found `{text}`")
            })
        };
        let (min, max) = match text.split_once("..") {
            Some((min, max)) => (one(min)?, one(max)?),
            None => (one(text)?, one(text)?),
        };
        if max < min {
            return Err(format!(
                "the longest pause of `{text}` is below its shortest"
            ));
        }
        Ok(Self { min, max })
    }
}

impl WorkloadOperation {
    /// The names of all its values: the slots of [`Drawers::draw`](super::Drawers::draw), in order.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        let names = self.params.iter().flat_map(|param| &param.names);
        names.map(String::as_str)
    }
}

impl Workload {
    /// Reads a workload; `file` is used in messages.
    ///
    /// # Errors
    /// The text is not a workload of dbperf, or a line of it does not make sense.
    pub fn parse(text: &str, file: &str) -> Result<Self, WorkloadError> {
        parse::parse(text, file)
    }

    /// Text values of `$1`, `$2` … of one draw for a statement, the same for the same seed; for an
    /// EXPLAIN of the statement with values as the replay sends them. `None` stands for a value
    /// that is not known without a server: of an earlier statement's rows, or of a table.
    ///
    /// Returns `None` where the indexes name no statement.
    #[must_use]
    pub fn sample_params(
        &self,
        operation: usize,
        statement: usize,
        seed: u64,
    ) -> Option<Vec<Option<String>>> {
        let operation = self.operations.get(operation)?;
        let statement = operation.statements.get(statement)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let drawn: Vec<_> = operation
            .params
            .iter()
            .filter_map(|param| {
                let text = Drawer::without_server(&param.generator)?
                    .draw(&mut rng)
                    .as_text();
                Some((param.names.first()?, text?))
            })
            .collect();
        let text_of = |name: &String| {
            let found = drawn.iter().find(|(param, _)| *param == name);
            found.map(|(_, text)| text.clone())
        };
        Some(statement.params.iter().map(text_of).collect())
    }
}
