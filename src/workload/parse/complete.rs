//! What can be seen only when an operation is complete.

use super::{Generator, Parser, Result_};
use crate::workload::{WorkloadOperation, WorkloadStatement};

impl Parser<'_> {
    /// Ends the operation under way, if there is one.
    pub(super) fn end_of_operation(&mut self) -> Result_<()> {
        self.weight = None;
        let results = std::mem::take(&mut self.results);
        for (param, statement) in results {
            self.resolve(param, &statement)?;
        }
        let Some(operation) = self.workload.operations.last() else {
            return Ok(());
        };
        if self.name.is_some() || operation.statements.is_empty() {
            let problem = format!(
                "operation `{}` ends without a statement to run",
                operation.name
            );
            return Err(self.error(operation.line, problem));
        }
        self.nothing_left_over()?;
        for (index, statement) in operation.statements.iter().enumerate() {
            self.bound(operation, statement)?;
            self.pipeline(operation, index)?;
        }
        for param in &operation.params {
            for name in &param.names {
                let mut statements = operation.statements.iter();
                if !statements.any(|s| s.params.contains(name)) {
                    let problem =
                        format!("parameter `{name}` is never used: no statement has `:{name}`");
                    return Err(self.error(param.line, problem));
                }
            }
            self.result_is_there(operation, param.line, &param.generator, &param.names)?;
        }
        Ok(())
    }

    /// Directives about a statement need one behind them.
    fn nothing_left_over(&self) -> Result_<()> {
        let lines = [
            ("foreach", self.foreach.as_ref().map(|(line, _)| *line)),
            ("think", self.think.as_ref().map(|(line, _)| *line)),
            ("pipelined", self.pipelined),
        ];
        for (directive, line) in lines {
            if let Some(line) = line {
                let problem =
                    format!("`{directive}` must be followed by the statement that it is about");
                return Err(self.error(line, problem));
            }
        }
        Ok(())
    }

    /// Finds the statement whose result a parameter is.
    fn resolve(&mut self, param: usize, name: &str) -> Result_<()> {
        let Some(operation) = self.workload.operations.last() else {
            return Ok(());
        };
        let found = operation.statements.iter().position(|s| s.name == name);
        let line = operation.params.get(param).map_or(0, |p| p.line);
        let Some(index) = found else {
            let names: Vec<_> = operation
                .statements
                .iter()
                .map(|s| s.name.as_str())
                .collect();
            let problem = format!(
                "`{name}` is not a statement of this operation; it has: {}",
                names.join(", ")
            );
            return Err(self.error(line, problem));
        };
        let operation = self.workload.operations.last_mut();
        let param = operation.and_then(|operation| operation.params.get_mut(param));
        if let Some(Generator::FromResult { statement, .. }) = param.map(|p| &mut p.generator) {
            *statement = index;
        }
        Ok(())
    }

    /// The result that a parameter is taken from has arrived before every use.
    fn result_is_there(
        &self,
        operation: &WorkloadOperation,
        line: usize,
        generator: &Generator,
        names: &[String],
    ) -> Result_<()> {
        let Generator::FromResult { statement, .. } = generator else {
            return Ok(());
        };
        let source = &operation.statements[*statement];
        for (index, used) in operation.statements.iter().enumerate() {
            if !names.iter().any(|name| used.params.contains(name)) {
                continue;
            }
            let problem = if index <= *statement {
                format!(
                    "statement `{}` uses the result of `{}`, which runs later",
                    used.name, source.name
                )
            } else if *statement >= pipeline_start(operation, index) {
                format!(
                    "statement `{}` is sent before the result of `{}` has arrived: both are in one pipeline",
                    used.name, source.name
                )
            } else {
                continue;
            };
            return Err(self.error(line, problem));
        }
        Ok(())
    }

    /// A pipelined statement has a statement before it, and nothing that makes it wait.
    fn pipeline(&self, operation: &WorkloadOperation, index: usize) -> Result_<()> {
        let statement = &operation.statements[index];
        if !statement.pipelined {
            return Ok(());
        }
        let before = index.checked_sub(1).map(|i| &operation.statements[i]);
        let problem = match before {
            None => "the first statement of an operation follows none, so it cannot be pipelined",
            Some(before) if before.foreach.is_some() || statement.foreach.is_some() => {
                "`foreach` waits for the rows of each statement: it cannot be in a pipeline"
            }
            _ if statement.think.is_some() => {
                "a pipelined statement is sent at once: it cannot have `think`"
            }
            _ => return Ok(()),
        };
        Err(self.error(statement.line, problem))
    }

    /// Every placeholder has exactly one origin.
    fn bound(&self, operation: &WorkloadOperation, statement: &WorkloadStatement) -> Result_<()> {
        let column = statement.foreach.as_ref().map(|f| f.column.as_str());
        for name in &statement.params {
            let declared = operation.slots().any(|slot| slot == name);
            let problem = match (declared, column == Some(name.as_str())) {
                (false, false) => format!(
                    "`:{name}` has no value: add `-- param {name}: …` to the operation, or `-- foreach: \
                     STATEMENT.{name}` above the statement"
                ),
                (true, true) => {
                    format!("`:{name}` comes from both `param` and `foreach`: rename one")
                }
                _ => continue,
            };
            return Err(self.error(statement.line, problem));
        }
        if let Some(column) = column.filter(|c| !statement.params.iter().any(|p| p == c)) {
            let problem = format!("`foreach` binds `:{column}`, but the statement does not use it");
            return Err(self.error(statement.line, problem));
        }
        Ok(())
    }
}

/// Index of the statement at which the pipeline of this one begins; its own where it is in none.
fn pipeline_start(operation: &WorkloadOperation, index: usize) -> usize {
    let up_to = operation.statements.get(..=index).unwrap_or_default();
    up_to.iter().rposition(|s| !s.pipelined).unwrap_or(index)
}
