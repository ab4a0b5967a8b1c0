//! A workload checked against the server: every statement described, every parameter given its type.

use rand::Rng;
use rand::distr::Distribution as _;
use rand::distr::weighted::WeightedIndex;
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use crate::workload::{
    DrawError, Drawers, RawValue, Samples, Value, Workload, WorkloadOperation, WorkloadStatement,
    slot_types,
};

use super::{DriveError, StatementPlace, session};

/// A workload ready to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) operations: Vec<PlannedOperation>,
    weights: Option<WeightedIndex<u32>>,
}

/// An operation ready to run.
#[derive(Debug)]
pub(super) struct PlannedOperation {
    pub(super) transaction: bool,
    pub(super) statements: Vec<PlannedStatement>,
    drawers: Drawers,
}

/// A statement ready to run.
#[derive(Debug)]
pub(super) struct PlannedStatement {
    pub(super) sql: String,
    /// Where `$1`, `$2` … come from.
    pub(super) bindings: Vec<Binding>,
    /// The rows over which it runs.
    pub(super) foreach: Option<Rows>,
    /// Columns of its own result that later statements run over.
    pub(super) keep: Vec<usize>,
}

/// Where a parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// The drawn value with this index.
    Drawn(usize),
    /// The row over which the statement runs.
    Row,
}

/// Rows kept by an earlier statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    /// Index of that statement.
    pub(super) statement: usize,
    /// Index in its [`PlannedStatement::keep`].
    pub(super) kept: usize,
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
        client: &tokio_postgres::Client,
    ) -> Result<Self, DriveError> {
        let mut operations = Vec::new();
        let mut samples = Samples::new(client);
        for operation in &workload.operations {
            let mut described = Vec::new();
            for statement in &operation.statements {
                let answer = client.prepare(&statement.sql).await;
                described.push(answer.map_err(|error| {
                    let reason = match error.as_db_error() {
                        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
                        None => session::with_causes(&error),
                    };
                    Place(workload, operation, statement).error(reason)
                })?);
            }
            let types: Vec<&[Type]> = described.iter().map(Statement::params).collect();
            let types = slot_types(operation, &types);
            let drawers = Drawers::prepare_with(operation, &types, &mut samples).await;
            let drawers = drawers.map_err(|error| parameter(workload, operation, error))?;
            operations.push(plan(workload, operation, &described, drawers)?);
        }
        let weights = workload.operations.iter().map(|o| o.weight);
        Ok(Self {
            operations,
            weights: WeightedIndex::new(weights).ok(),
        })
    }
}

impl PlannedOperation {
    /// The values of one request.
    pub(super) fn draw<R: Rng>(&self, rng: &mut R) -> Vec<Value> {
        let mut values = vec![Value::Null; self.drawers.slots()];
        self.drawers.draw(rng, &mut values);
        values
    }
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

fn plan(
    workload: &Workload,
    operation: &WorkloadOperation,
    described: &[Statement],
    drawers: Drawers,
) -> Result<PlannedOperation, DriveError> {
    let mut statements: Vec<PlannedStatement> = Vec::new();
    for (statement, answer) in operation.statements.iter().zip(described) {
        let place = Place(workload, operation, statement);
        let mut row = None;
        if let Some(foreach) = &statement.foreach {
            let (column, ty) = column(&described[foreach.statement], &foreach.column)
                .map_err(|reason| place.error(reason))?;
            let keep = &mut statements[foreach.statement].keep;
            let kept = keep.iter().position(|k| *k == column).unwrap_or_else(|| {
                keep.push(column);
                keep.len() - 1
            });
            let statement = foreach.statement;
            row = Some((Rows { statement, kept }, ty));
        }
        let bindings = bind(&place, answer.params(), row.as_ref().map(|(_, ty)| ty))?;
        statements.push(PlannedStatement {
            sql: statement.sql.clone(),
            bindings,
            foreach: row.map(|(rows, _)| rows),
            keep: Vec::new(),
        });
    }
    Ok(PlannedOperation {
        transaction: operation.transaction.is_some(),
        statements,
        drawers,
    })
}

/// Index and type of a column of a result.
fn column(statement: &Statement, name: &str) -> Result<(usize, Type), String> {
    let columns = statement.columns();
    let index = columns.iter().position(|c| c.name() == name);
    let found = index.and_then(|index| Some((index, columns.get(index)?.type_().clone())));
    found.ok_or_else(|| {
        let names: Vec<_> = columns.iter().map(tokio_postgres::Column::name).collect();
        format!(
            "`foreach` wants column `{name}`, but the earlier statement returns: {}",
            names.join(", ")
        )
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
