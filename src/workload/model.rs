//! A workload as plain data.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::draw::Drawer;
use super::{Generator, WorkloadError, parse, pgbench};

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
    /// In the order of the file; at least one, unless there are scripts.
    pub operations: Vec<WorkloadOperation>,
    /// pgbench scripts, each an operation of its own.
    pub scripts: Vec<WeightedScript>,
    /// Variables of the scripts from outside (`-D NAME=VALUE`), the first of a name wins.
    pub defines: Vec<(String, String)>,
}

/// A pgbench script with its share of the load.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedScript {
    /// The script; its name is that of the operation.
    pub script: pgbench::Script,
    /// How often it is chosen, relative to the other scripts and operations.
    pub weight: u32,
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

/// Least common multiple, as far as 64 bits go.
fn common_multiple(a: u64, b: u64) -> u64 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x).saturating_mul(b)
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
    /// Reads a workload or a pgbench script, told apart by content; `file` is used in messages.
    ///
    /// # Errors
    /// The text is neither, or a line of it does not make sense.
    pub fn parse(text: &str, file: &str) -> Result<Self, WorkloadError> {
        if pgbench::recognises(text) {
            let script = pgbench::parse(text, file)?;
            return Ok(Self::of_script(script));
        }
        parse::parse(text, file)
    }

    /// A pgbench script as a workload.
    #[must_use]
    pub fn of_script(script: pgbench::Script) -> Self {
        Self {
            file: script.name.clone(),
            title: None,
            defaults: Defaults::default(),
            writes: script.writes(),
            operations: Vec::new(),
            scripts: vec![WeightedScript { script, weight: 1 }],
            defines: Vec::new(),
        }
    }

    /// Several files as one workload, each with its share of the load (`-f FILE@WEIGHT`). A file without a
    /// share is left out, as pgbench does.
    ///
    /// # Errors
    /// Two operations have one name, or no file has a share.
    pub fn join(files: Vec<(Self, u32)>) -> Result<Self, WorkloadError> {
        let files: Vec<(Self, u32)> = files.into_iter().filter(|(_, w)| *w > 0).collect();
        // In units in which the operations of every file add up to the same.
        let unit = files
            .iter()
            .fold(1, |unit, (file, _)| common_multiple(unit, file.weights()));
        let mut files = files.into_iter();
        let Some((first, weight)) = files.next() else {
            return Err(WorkloadError::NoShare);
        };
        let mut all = first.weighted(weight, unit);
        for (file, weight) in files {
            let file = file.weighted(weight, unit);
            all.file = format!("{}, {}", all.file, file.file);
            all.writes |= file.writes;
            for operation in &file.operations {
                if all.operations.iter().any(|o| o.name == operation.name) {
                    return Err(WorkloadError::Line {
                        file: file.file.clone(),
                        line: operation.line,
                        problem: format!(
                            "operation `{}` is in another file of this workload too: rename one",
                            operation.name
                        ),
                    });
                }
            }
            all.operations.extend(file.operations);
            for mut script in file.scripts {
                let taken = all
                    .scripts
                    .iter()
                    .filter(|s| s.script.name == script.script.name);
                let taken = taken.count();
                if taken > 0 {
                    script.script.name = format!("{} ({})", script.script.name, taken + 1);
                }
                all.scripts.push(script);
            }
        }
        Ok(all)
    }

    /// Σ weight of all operations and scripts.
    fn weights(&self) -> u64 {
        let operations = self.operations.iter().map(|o| o.weight);
        let scripts = self.scripts.iter().map(|s| s.weight);
        operations.chain(scripts).map(u64::from).sum::<u64>().max(1)
    }

    /// The workload with `weight · unit` as the sum of its weights.
    fn weighted(mut self, weight: u32, unit: u64) -> Self {
        let factor = u64::from(weight).saturating_mul(unit / self.weights());
        let scaled =
            |own: u32| u32::try_from(u64::from(own).saturating_mul(factor)).unwrap_or(u32::MAX);
        for script in &mut self.scripts {
            script.weight = scaled(script.weight);
        }
        for operation in &mut self.operations {
            operation.weight = scaled(operation.weight);
        }
        self
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

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "-- operation: a\n-- weight: 2\nSELECT 1;\n-- operation: b\nSELECT 2;";

    fn script() -> Workload {
        Workload::parse("SELECT 1;", "one.sql").unwrap()
    }

    #[test]
    fn files_have_their_shares_and_operations_theirs_within_them() {
        let two = Workload::parse(TWO, "two.sql").unwrap();
        let all = Workload::join(vec![(two.clone(), 3), (script(), 1), (script(), 2)]).unwrap();
        let weights: Vec<u32> = all.operations.iter().map(|o| o.weight).collect();
        assert_eq!(weights, [6, 3]);
        let scripts: Vec<_> = all
            .scripts
            .iter()
            .map(|s| (s.script.name.as_str(), s.weight))
            .collect();
        assert_eq!(scripts, [("one.sql", 3), ("one.sql (2)", 6)]);
        let twice = Workload::join(vec![(two.clone(), 1), (two, 1)]).unwrap_err();
        assert!(twice.to_string().contains("`a`"), "{twice}");
        assert_eq!(
            Workload::join(vec![(script(), 0)]),
            Err(WorkloadError::NoShare)
        );
    }
}
