//! From the text of a file to a workload.

mod complete;
pub(super) mod generators;

use super::{
    Defaults, Foreach, Generator, Param, StatementKind, Think, TransactionShape, Workload,
    WorkloadError, WorkloadOperation, WorkloadStatement, check, scan,
};

/// The directives that a `-- key: value` line may have, for the message of an unknown one.
const DIRECTIVES: &str = "`dbperf workload:`, `clients:`, `pool-size:`, `think:`, `writes`, \
    `operation:`, `weight:`, `transaction`, `param NAME:`, `statement:`, `foreach:`, `pipelined`";

pub(super) fn parse(text: &str, file: &str) -> Result<Workload, WorkloadError> {
    recognise(text, file)?;
    let mut parser = Parser {
        file,
        text,
        workload: Workload {
            file: file.to_owned(),
            title: None,
            defaults: Defaults::default(),
            writes: false,
            operations: Vec::new(),
            scripts: Vec::new(),
            defines: Vec::new(),
        },
        weight: None,
        results: Vec::new(),
        name: None,
        foreach: None,
        think: None,
        pipelined: None,
    };
    parser.run()?;
    Ok(parser.workload)
}

/// A workload says so.
fn recognise(text: &str, file: &str) -> Result<(), WorkloadError> {
    let comment = |line: &str| line.trim().strip_prefix("--").map(|c| c.trim().to_owned());
    let says_so = text
        .lines()
        .filter_map(comment)
        .any(|c| c.starts_with("dbperf workload") || c.starts_with("operation:"));
    if says_so {
        return Ok(());
    }
    Err(WorkloadError::NotAWorkload {
        file: file.to_owned(),
    })
}

struct Parser<'a> {
    file: &'a str,
    text: &'a str,
    workload: Workload,
    /// `weight:` of the current operation, to refuse a second one.
    weight: Option<u32>,
    /// Parameters of the current operation that wait for the statement whose result they are.
    results: Vec<(usize, String)>,
    /// `statement:` of the statement to come.
    name: Option<String>,
    /// `foreach:` of the statement to come, and its line.
    foreach: Option<(usize, Foreach)>,
    /// `think:` of the statement to come, and its line.
    think: Option<(usize, Think)>,
    /// Line of `pipelined` of the statement to come.
    pipelined: Option<usize>,
}

type Result_<T> = Result<T, WorkloadError>;

impl Parser<'_> {
    fn error(&self, line: usize, problem: impl Into<String>) -> WorkloadError {
        WorkloadError::Line {
            file: self.file.to_owned(),
            line,
            problem: problem.into(),
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        1 + self.text[..offset].bytes().filter(|&b| b == b'\n').count()
    }

    fn run(&mut self) -> Result_<()> {
        let mut at = 0;
        loop {
            let rest = &self.text[at..];
            let trimmed = rest.trim_start();
            at += rest.len() - trimmed.len();
            if trimmed.is_empty() {
                break;
            }
            let line = self.line_at(at);
            if let Some(comment) = trimmed.strip_prefix("--") {
                let length = comment.find('\n').unwrap_or(comment.len());
                self.directive(comment[..length].trim(), line)?;
                at += 2 + length;
            } else {
                at = self.statement(at, line)?;
            }
        }
        self.end_of_operation()?;
        if self.workload.operations.is_empty() {
            let last = self.text.lines().count().max(1);
            return Err(self.error(last, "expected at least one `-- operation: NAME`"));
        }
        Ok(())
    }

    fn directive(&mut self, text: &str, line: usize) -> Result_<()> {
        match text {
            "writes" => {
                self.above_operations("writes", line)?;
                self.workload.writes = true;
                return Ok(());
            }
            "transaction" => {
                self.transaction(0.0, line)?;
                return Ok(());
            }
            "pipelined" => {
                self.operation("pipelined", line)?;
                self.pipelined = Some(line);
                return Ok(());
            }
            "dbperf workload" => return Ok(()),
            _ => {}
        }
        let Some((key, value)) = text.split_once(':') else {
            return Ok(());
        };
        let value = value.trim();
        if let Some(name) = key.strip_prefix("param ") {
            return self.param(name.trim(), value, line);
        }
        match key {
            "dbperf workload" => self.workload.title = Some(value.to_owned()),
            "think" if !self.workload.operations.is_empty() => {
                let think = value.parse().map_err(|problem| self.error(line, problem))?;
                self.think = Some((line, think));
            }
            "clients" | "pool-size" | "think" => self.default(key, value, line)?,
            "transaction" => {
                let ratio = rollback_ratio(value).map_err(|problem| self.error(line, problem))?;
                self.transaction(ratio, line)?;
            }
            "operation" => self.begin_operation(value, line)?,
            "weight" => self.set_weight(value, line)?,
            "statement" => self.name = Some(self.unique_statement(value, line)?),
            "foreach" => self.foreach = Some((line, self.foreach(value, line)?)),
            _ if looks_like_directive(key, value) => {
                let problem = format!(
                    "`-- {key}:` is not a directive; known are {DIRECTIVES}. If it is a comment, begin it \
                     with a capital letter"
                );
                return Err(self.error(line, problem));
            }
            _ => {}
        }
        Ok(())
    }

    fn above_operations(&self, what: &str, line: usize) -> Result_<()> {
        if self.workload.operations.is_empty() {
            return Ok(());
        }
        let problem =
            format!("`-- {what}` is about the whole file: put it above the first `-- operation:`");
        Err(self.error(line, problem))
    }

    fn default(&mut self, key: &str, value: &str, line: usize) -> Result_<()> {
        self.above_operations(key, line)?;
        let count = |parser: &Self| {
            let parsed = value.parse().ok().filter(|n| *n > 0);
            let problem = format!("`{key}` expects a whole number of at least 1, found `{value}`");
            parsed.ok_or_else(|| parser.error(line, problem))
        };
        match key {
            "clients" => self.workload.defaults.clients = Some(count(self)?),
            "pool-size" => self.workload.defaults.pool_size = Some(count(self)?),
            _ => {
                let think = value.parse().map_err(|problem| self.error(line, problem));
                self.workload.defaults.think = Some(think?);
            }
        }
        Ok(())
    }

    /// The operation that a directive belongs to.
    fn operation(&mut self, directive: &str, line: usize) -> Result_<&mut WorkloadOperation> {
        let problem = format!("`-- {directive}` belongs below an `-- operation: NAME`");
        let error = self.error(line, problem);
        self.workload.operations.last_mut().ok_or(error)
    }

    fn begin_operation(&mut self, name: &str, line: usize) -> Result_<()> {
        self.end_of_operation()?;
        if name.is_empty() {
            return Err(self.error(line, "`-- operation:` expects a name such as `GET /items`"));
        }
        if let Some(first) = self.workload.operations.iter().find(|o| o.name == name) {
            let problem = format!(
                "operation `{name}` was already begun in line {}",
                first.line
            );
            return Err(self.error(line, problem));
        }
        self.workload.operations.push(WorkloadOperation {
            name: name.to_owned(),
            line,
            weight: 1,
            transaction: None,
            params: Vec::new(),
            statements: Vec::new(),
        });
        Ok(())
    }

    fn set_weight(&mut self, value: &str, line: usize) -> Result_<()> {
        if self.weight.is_some() {
            return Err(self.error(line, "this operation already has a weight"));
        }
        let weight = value.parse().ok().filter(|w| *w > 0).ok_or_else(|| {
            let problem = format!("`weight` expects a whole number of at least 1, found `{value}`");
            self.error(line, problem)
        })?;
        self.operation("weight", line)?.weight = weight;
        self.weight = Some(weight);
        Ok(())
    }

    fn transaction(&mut self, rollback_ratio: f64, line: usize) -> Result_<()> {
        let operation = self.operation("transaction", line)?;
        if operation.transaction.is_some() {
            return Err(self.error(line, "this operation already is a transaction"));
        }
        operation.transaction = Some(TransactionShape { rollback_ratio });
        Ok(())
    }

    fn param(&mut self, names: &str, value: &str, line: usize) -> Result_<()> {
        let names: Vec<String> = names.split(',').map(|n| n.trim().to_owned()).collect();
        for (index, name) in names.iter().enumerate() {
            let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if !valid {
                let problem =
                    format!("`{name}` is not a parameter name: use letters, digits and `_`");
                return Err(self.error(line, problem));
            }
            let operation = self.operation("param", line)?;
            if operation.slots().any(|slot| slot == name) || names[..index].contains(name) {
                return Err(self.error(line, format!("parameter `{name}` is declared twice")));
            }
        }
        let written = generators::generator(value).map_err(|problem| self.error(line, problem))?;
        generators::check_width(&written.generator, names.len())
            .map_err(|problem| self.error(line, problem))?;
        let operation = self.operation("param", line)?;
        let index = operation.params.len();
        operation.params.push(Param {
            names,
            line,
            generator: written.generator,
        });
        self.results
            .extend(written.of_statement.map(|statement| (index, statement)));
        Ok(())
    }

    fn unique_statement(&mut self, name: &str, line: usize) -> Result_<String> {
        let operation = self.operation("statement", line)?;
        if name.is_empty() {
            return Err(self.error(line, "`-- statement:` expects a name such as `list items`"));
        }
        if operation.statements.iter().any(|s| s.name == name) {
            let problem = format!("this operation already has a statement `{name}`");
            return Err(self.error(line, problem));
        }
        Ok(name.to_owned())
    }

    fn foreach(&mut self, value: &str, line: usize) -> Result_<Foreach> {
        let operation = self.operation("foreach", line)?;
        let split = value.rsplit_once('.').map(|(s, c)| (s.trim(), c.trim()));
        let Some((statement, column)) = split.filter(|(s, c)| !s.is_empty() && !c.is_empty())
        else {
            let problem = format!("`foreach` expects STATEMENT.COLUMN, found `{value}`");
            return Err(self.error(line, problem));
        };
        let found = operation
            .statements
            .iter()
            .position(|s| s.name == statement);
        let Some(statement) = found else {
            let names: Vec<_> = operation
                .statements
                .iter()
                .map(|s| format!("`{}`", s.name))
                .collect();
            let problem = format!(
                "`{statement}` is not an earlier statement of this operation; earlier are: {}",
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            );
            return Err(self.error(line, problem));
        };
        Ok(Foreach {
            statement,
            column: column.to_owned(),
        })
    }

    /// Reads one statement and returns the offset behind it.
    fn statement(&mut self, at: usize, line: usize) -> Result_<usize> {
        let scanned = scan::scan(self.text, at)
            .map_err(|error| self.error(self.line_at(error.offset), error.problem))?;
        if self.workload.operations.is_empty() {
            let problem =
                "this statement belongs to no operation: put `-- operation: NAME` above it";
            return Err(self.error(line, problem));
        }
        let kind = check::kind(&scanned.sql).map_err(|problem| self.error(line, problem))?;
        if kind == StatementKind::Write && !self.workload.writes {
            let problem = "this statement writes or takes locks: a workload that writes must say so with \
                           `-- writes` above its first operation";
            return Err(self.error(line, problem));
        }
        let foreach = self.foreach.take().map(|(_, foreach)| foreach);
        let think = self.think.take().map(|(_, think)| think);
        let pipelined = self.pipelined.take().is_some();
        let name = self.name.take();
        let operation = self.operation("statement", line)?;
        let name = name.unwrap_or_else(|| format!("statement {}", operation.statements.len() + 1));
        operation.statements.push(WorkloadStatement {
            name,
            line,
            sql: scanned.sql,
            params: scanned.params,
            foreach,
            kind,
            think,
            pipelined,
        });
        Ok(scanned.end)
    }
}

/// `rollback 5%` as a ratio.
fn rollback_ratio(text: &str) -> Result<f64, String> {
    let percent = text
        .strip_prefix("rollback ")
        .and_then(|rest| rest.trim().strip_suffix('%'))
        .and_then(|percent| percent.trim().parse::<f64>().ok());
    match percent {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(format!(
            "`transaction` expects nothing or `rollback N%` with N from 0 to 100, found `{text}`"
        )),
    }
}

/// One lower-case word and a colon, and not a URL: a directive, perhaps a mistyped one.
fn looks_like_directive(key: &str, value: &str) -> bool {
    !key.is_empty()
        && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        && !value.starts_with("//")
}

#[cfg(test)]
mod tests;
