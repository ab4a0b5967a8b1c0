//! A workload checked against the server: every statement described, every parameter given its type.

use std::sync::Arc;

use rand::Rng;
use rand::distr::Distribution as _;
use rand::distr::weighted::WeightedIndex;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use crate::pg::with_causes;
use crate::pool::{Protocol, Query};
use crate::workload::{
    DrawError, Drawers, Generator, RawValue, Samples, Workload, WorkloadOperation,
    WorkloadStatement, slot_types,
};

use super::arrivals::Part;
use super::program::{Binding, Fill, PlannedStatement, Rows, Step};
pub(super) use super::program::{OperationNames, PlannedOperation};
use super::{DriveError, StatementPlace, plan_script};

/// A workload ready to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) operations: Vec<PlannedOperation>,
    weights: Option<WeightedIndex<f64>>,
}

/// What the plan must know of the drive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) protocol: Protocol,
    /// The machine of several that share the load.
    pub(super) shard: Part,
    pub(super) seed: u64,
}

impl Plan {
    /// Index of an operation, drawn by weight.
    pub(super) fn choose<R: Rng>(&self, rng: &mut R) -> usize {
        self.weights
            .as_ref()
            .map_or(0, |weights| weights.sample(rng))
    }

    /// Checks the workload against the server and plans it.
    pub(super) async fn prepare(
        workload: &Workload,
        terms: Terms,
        client: &Client,
    ) -> Result<Self, DriveError> {
        let mut planner = Planner {
            workload,
            terms,
            client,
            queries: 0,
        };
        let mut samples = Samples::new(client);
        let (mut operations, mut weights) = (Vec::new(), Vec::new());
        for operation in &workload.operations {
            operations.push(planner.operation(operation, &mut samples).await?);
            weights.push(f64::from(operation.weight));
        }
        for weighted in &workload.scripts {
            operations.push(plan_script::plan(&mut planner, &weighted.script).await?);
            weights.push(f64::from(weighted.weight));
        }
        Ok(Self {
            // One operation is chosen without a draw.
            weights: (operations.len() > 1)
                .then(|| WeightedIndex::new(weights).ok())
                .flatten(),
            operations,
        })
    }
}

/// Describes statements and numbers them.
pub(super) struct Planner<'a> {
    pub(super) workload: &'a Workload,
    pub(super) terms: Terms,
    pub(super) client: &'a Client,
    queries: usize,
}

impl Planner<'_> {
    /// The statement as the server sees it.
    pub(super) async fn describe(
        &self,
        sql: &str,
        place: impl FnOnce() -> StatementPlace,
    ) -> Result<Statement, DriveError> {
        self.client.prepare(sql).await.map_err(|error| {
            let reason = match error.as_db_error() {
                Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
                None => with_causes(&error),
            };
            DriveError::Statement {
                place: Box::new(place()),
                reason,
            }
        })
    }

    /// The statement as connections run it.
    pub(super) fn query(&mut self, sql: &str, described: &Statement) -> Arc<Query> {
        let slot = self.queries;
        self.queries += 1;
        Arc::new(Query {
            slot,
            sql: sql.into(),
            types: described.params().to_vec(),
            protocol: self.terms.protocol,
        })
    }

    async fn operation(
        &mut self,
        operation: &WorkloadOperation,
        samples: &mut Samples<'_>,
    ) -> Result<PlannedOperation, DriveError> {
        let workload = self.workload;
        let mut described = Vec::new();
        for statement in &operation.statements {
            let place = Place(workload, operation, statement);
            let at = || place.at(statement.line);
            described.push(self.describe(&statement.sql, at).await?);
        }
        let types: Vec<&[Type]> = described.iter().map(Statement::params).collect();
        let types = slot_types(operation, &types);
        let drawers = Drawers::prepare_with(operation, &types, samples).await;
        let mut drawers = drawers.map_err(|error| parameter(workload, operation, error))?;
        let Part { index, count } = self.terms.shard;
        drawers.shard(index, count);
        let mut statements: Vec<PlannedStatement> = Vec::new();
        for (statement, answer) in operation.statements.iter().zip(&described) {
            let place = Place(workload, operation, statement);
            let row = rows_of(&place, &described, &mut statements)?;
            let bindings = bind(&place, answer.params(), row.as_ref().map(|(_, ty)| ty))?;
            statements.push(PlannedStatement {
                query: self.query(&statement.sql, answer),
                bindings,
                foreach: row.map(|(rows, _)| (rows, statement.think)),
                keep: Vec::new(),
                fills: Vec::new(),
                store: None,
            });
        }
        fill_from_results(workload, operation, &described, &mut statements)?;
        let own = operation.statements.iter();
        let own = own.map(|s| (s.name.clone(), s.sql.clone()));
        Ok(PlannedOperation {
            names: OperationNames::new(&operation.name, own),
            steps: steps(operation),
            statements,
            slots: drawers.slots(),
            drawers: Some(drawers),
            script: None,
            transactions: operation.transaction.is_some(),
        })
    }
}

/// The statements of an operation in their order, with what lies between them.
fn steps(operation: &WorkloadOperation) -> Vec<Step> {
    let mut steps = Vec::new();
    if operation.transaction.is_some() {
        steps.push(Step::Begin);
    }
    let mut in_pipeline = false;
    for (index, statement) in operation.statements.iter().enumerate() {
        let next = operation.statements.get(index + 1);
        let begins = !statement.pipelined && next.is_some_and(|next| next.pipelined);
        // A statement that runs for each row of another pauses before each run.
        if let Some(think) = statement.think.filter(|_| statement.foreach.is_none()) {
            steps.push(Step::Pause(think));
        }
        if begins {
            steps.push(Step::StartPipeline);
            in_pipeline = true;
        }
        steps.push(Step::Statement(index));
        if in_pipeline && !next.is_some_and(|next| next.pipelined) {
            steps.push(Step::EndPipeline);
            in_pipeline = false;
        }
    }
    if let Some(transaction) = operation.transaction {
        steps.push(Step::End {
            rollback_ratio: transaction.rollback_ratio,
        });
    }
    steps
}

/// Where a problem is.
struct Place<'a>(&'a Workload, &'a WorkloadOperation, &'a WorkloadStatement);

impl Place<'_> {
    fn at(&self, line: usize) -> StatementPlace {
        let Self(workload, operation, statement) = self;
        StatementPlace {
            file: workload.file.clone(),
            line,
            operation: operation.name.clone(),
            statement: statement.name.clone(),
        }
    }

    fn error(&self, reason: String) -> DriveError {
        let place = Box::new(self.at(self.2.line));
        DriveError::Statement { place, reason }
    }
}

/// The first statement that uses the parameter is named with it.
fn parameter(workload: &Workload, operation: &WorkloadOperation, error: DrawError) -> DriveError {
    let uses = |s: &&WorkloadStatement| s.params.contains(&error.parameter);
    let found = operation.statements.iter().find(uses);
    DriveError::Parameter {
        place: Box::new(StatementPlace {
            file: workload.file.clone(),
            line: error.line,
            operation: operation.name.clone(),
            statement: found.map_or_else(String::new, |s| s.name.clone()),
        }),
        parameter: error.parameter,
        problem: error.problem,
    }
}

/// The rows over which a statement runs, kept by an earlier one.
fn rows_of(
    place: &Place<'_>,
    described: &[Statement],
    earlier: &mut [PlannedStatement],
) -> Result<Option<(Rows, Type)>, DriveError> {
    let Some(foreach) = &place.2.foreach else {
        return Ok(None);
    };
    let statement = foreach.statement;
    let found = column(&described[statement], &foreach.column);
    let (column, ty) = found.map_err(|names| {
        place.error(format!(
            "`foreach` wants column `{}`, but the earlier statement returns: {names}",
            foreach.column
        ))
    })?;
    let kept = keep(&mut earlier[statement], column);
    Ok(Some((Rows { statement, kept }, ty)))
}

/// Values that come from the result of a statement are taken when it has run.
fn fill_from_results(
    workload: &Workload,
    operation: &WorkloadOperation,
    described: &[Statement],
    statements: &mut [PlannedStatement],
) -> Result<(), DriveError> {
    let mut slot = 0;
    for param in &operation.params {
        if let Generator::FromResult {
            statement,
            column: name,
            pick,
        } = &param.generator
        {
            let place = Place(workload, operation, &operation.statements[*statement]);
            let error = |reason| DriveError::Statement {
                place: Box::new(place.at(param.line)),
                reason,
            };
            let found = column(&described[*statement], name);
            let (column, from) = found.map_err(|names| {
                error(format!(
                    "`result` wants column `{name}`, but the statement returns: {names}"
                ))
            })?;
            for (user, answer) in operation.statements.iter().zip(described) {
                let uses = user.params.iter().zip(answer.params());
                let mut types = uses.filter(|(used, _)| param.names.contains(used));
                if let Some((used, to)) = types.find(|(_, to)| !RawValue::fits(&from, to)) {
                    let (from, to) = (from.name(), to.name());
                    return Err(error(format!(
                        "`:{used}` must be {to}, but the column it comes from is {from}: cast the \
                         column in the earlier statement"
                    )));
                }
            }
            let kept = keep(&mut statements[*statement], column);
            statements[*statement].fills.push(Fill {
                kept,
                slot,
                pick: *pick,
            });
        }
        slot += param.names.len();
    }
    Ok(())
}

/// Keeps a column of a statement's result. Returns its place among the kept ones.
fn keep(statement: &mut PlannedStatement, column: usize) -> usize {
    let kept = &mut statement.keep;
    kept.iter().position(|k| *k == column).unwrap_or_else(|| {
        kept.push(column);
        kept.len() - 1
    })
}

/// Index and type of a column of a result; the error lists the columns that there are.
fn column(statement: &Statement, name: &str) -> Result<(usize, Type), String> {
    let columns = statement.columns();
    let index = columns.iter().position(|c| c.name() == name);
    let found = index.and_then(|index| Some((index, columns.get(index)?.type_().clone())));
    found.ok_or_else(|| {
        let names: Vec<_> = columns.iter().map(tokio_postgres::Column::name).collect();
        if names.is_empty() {
            return "no columns".to_owned();
        }
        names.join(", ")
    })
}

/// Where each parameter of a statement comes from, after checking that it fits its type.
fn bind(place: &Place<'_>, types: &[Type], row: Option<&Type>) -> Result<Vec<Binding>, DriveError> {
    let Place(_, operation, statement) = place;
    let mut bindings = Vec::new();
    for (name, ty) in statement.params.iter().zip(types) {
        let drawn = operation.slots().position(|slot| slot == name);
        if let Some(index) = drawn {
            bindings.push(Binding::Drawn(index));
            continue;
        }
        if let Some(from) = row.filter(|from| !RawValue::fits(from, ty)) {
            return Err(place.error(format!(
                "`:{name}` must be {}, but the column it comes from is {}: cast the column in the \
                 earlier statement",
                ty.name(),
                from.name()
            )));
        }
        bindings.push(Binding::Row);
    }
    Ok(bindings)
}
