//! A pgbench script checked against the server.

use tokio_postgres::{Client, Statement};

use crate::workload::pgbench::{Command, Script, Sql, Var};

use super::column;
use super::plan::{OperationNames, PlannedOperation, Planner};
use super::program::{Binding, PlannedScript, PlannedStatement, Step, Stores};
use super::{DriveError, StatementPlace};

/// What pgbench's own scripts multiply with, where nobody says `-D scale=N`.
const COUNT_BRANCHES: &str = "SELECT /* dbperf */ count(*) FROM pgbench_branches";

/// Statements that begin a transaction, by their first word.
const BEGINS: [&str; 2] = ["BEGIN", "START"];

/// Plans a script.
pub(super) async fn plan(
    planner: &mut Planner<'_>,
    script: &Script,
) -> Result<PlannedOperation, DriveError> {
    let vars = variables(planner, script).await?;
    let mut statements = Vec::new();
    let mut steps = Vec::new();
    let mut names = Vec::new();
    let mut transactions = false;
    let mut in_order = script.named_statements();
    for command in &script.commands {
        steps.push(match command {
            // An empty query does nothing and is not a statement of the record.
            Command::Sql(sql) if sql.sql.is_empty() => Step::Jump(steps.len() + 1),
            Command::Sql(sql) => {
                let name = in_order.next().map(|(name, _)| name).unwrap_or_default();
                let place = || StatementPlace {
                    file: script.name.clone(),
                    line: sql.line,
                    operation: script.name.clone(),
                    statement: name.clone(),
                };
                let described = planner.describe(&sql.sql, place).await?;
                let first = sql.sql.split_whitespace().next().unwrap_or_default();
                transactions |= BEGINS.iter().any(|word| first.eq_ignore_ascii_case(word));
                statements.push(statement(planner, script, sql, &described, place)?);
                names.push((name, sql.sql.clone()));
                Step::Statement(statements.len() - 1)
            }
            Command::Set { var, expr, .. } => Step::Set(*var, expr.clone()),
            Command::JumpUnless { cond, to, .. } => Step::JumpUnless(cond.clone(), *to),
            Command::Jump { to } => Step::Jump(*to),
            Command::Sleep(sleep) => Step::Sleep(*sleep),
            Command::StartPipeline { .. } => Step::StartPipeline,
            // Every statement of a pipeline has a Sync of its own.
            Command::SyncPipeline { .. } => Step::Jump(steps.len() + 1),
            Command::EndPipeline { .. } => Step::EndPipeline,
        });
    }
    Ok(PlannedOperation {
        names: OperationNames::new(&script.name, names.into_iter()),
        steps,
        statements,
        drawers: None,
        slots: 0,
        script: Some(PlannedScript {
            client_id: script
                .variable("client_id")
                .filter(|id| vars[id.index()] == Var::Unset),
            vars,
            script: script.clone(),
        }),
        transactions,
    })
}

/// The variables before the first command: `-D`, then those that the driver fills.
async fn variables(planner: &Planner<'_>, script: &Script) -> Result<Vec<Var>, DriveError> {
    let mut vars = script.new_vars();
    for (name, value) in &planner.workload.defines {
        script.define(&mut vars, name, Var::from_text(value))?;
    }
    #[expect(
        clippy::cast_possible_wrap,
        reason = "pgbench prints the seed's bits as a bigint"
    )]
    let seed = planner.terms.seed as i64;
    for (name, value) in [("random_seed", seed), ("default_seed", seed)] {
        let unset = script
            .variable(name)
            .filter(|id| vars[id.index()] == Var::Unset);
        if unset.is_some() {
            script.define(&mut vars, name, Var::Int(value))?;
        }
    }
    let scale = script
        .variable("scale")
        .filter(|id| vars[id.index()] == Var::Unset);
    if let Some(scale) = scale {
        vars[scale.index()] = Var::Int(branches(planner.client).await.unwrap_or(1));
    }
    let defined = |name: &str| planner.workload.defines.iter().any(|(n, _)| n == name);
    if let Some((var, line)) = script.undefined(defined).first() {
        return Err(DriveError::Undefined {
            file: script.name.clone(),
            line: *line,
            name: script.variable_name(*var).to_owned(),
        });
    }
    Ok(vars)
}

/// The scale of pgbench's tables; `None` where there are none.
async fn branches(client: &Client) -> Option<i64> {
    let row = client.query_one(COUNT_BRANCHES, &[]).await.ok()?;
    row.try_get(0).ok()
}

fn statement(
    planner: &mut Planner<'_>,
    script: &Script,
    sql: &Sql,
    described: &Statement,
    place: impl Fn() -> StatementPlace,
) -> Result<PlannedStatement, DriveError> {
    let error = |reason: String| DriveError::Statement {
        place: Box::new(place()),
        reason,
    };
    let mut keep = Vec::new();
    let mut columns = Vec::new();
    for (index, column) in described
        .columns()
        .iter()
        .enumerate()
        .filter(|_| sql.store.is_some())
    {
        let target = script.store_target(sql, column.name());
        let Some(var) = target.map_err(|e| error(e.to_string()))? else {
            continue;
        };
        if !column::has_text(column.type_()) {
            return Err(error(format!(
                "column \"{}\" of type {} cannot become a variable: cast it to text in the statement",
                column.name(),
                column.type_().name()
            )));
        }
        columns.push((keep.len(), column.type_().clone(), var));
        keep.push(index);
    }
    if sql.store.is_some() && described.columns().is_empty() {
        return Err(error(
            "it returns no columns that could become variables".to_owned(),
        ));
    }
    Ok(PlannedStatement {
        query: planner.query(&sql.sql, described),
        bindings: sql.params.iter().map(|var| Binding::Var(*var)).collect(),
        foreach: None,
        keep,
        fills: Vec::new(),
        store: sql.store.as_ref().map(|store| Stores {
            columns,
            any_rows: store.all,
            line: sql.line,
        }),
    })
}
