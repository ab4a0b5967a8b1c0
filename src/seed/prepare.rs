//! From tables and what is known of their rows to rows that can be loaded.

use std::sync::Arc;

use thiserror::Error;

use super::checks;
use super::left_alone::{self, Rest, left_alone};
use super::oracle;
use super::plan::{self, Literals, PlanOptions, Problem};
use super::profile::Profile;
use super::rows::Rows;
use super::schema::{Name, Schema};
use crate::pg::{PgError, Session};

/// Rows that can be loaded.
pub struct Prepared {
    /// Tables, those that are referred to first, as far as there is no cycle.
    pub tables: Vec<Arc<dyn Rows>>,
    /// What is filled otherwise than asked for: columns that are left to the server, as null or by their default, and
    /// those that the profile does not tell of.
    pub left: Vec<Problem>,
    /// Tables that are left as they are.
    pub left_alone: Vec<Name>,
}

/// Why no rows can be loaded. Nothing was written.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// The server did not answer a question about values.
    #[error(transparent)]
    Server(#[from] PgError),
    /// Everything that cannot be filled.
    #[error("{}", listed(.0))]
    Unfillable(Vec<Problem>),
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|p| format!("  {p}")).collect();
    format!("these cannot be filled:\n{}", lines.join("\n"))
}

/// Plans the rows of every table of a schema. The server of the session is the one to be filled: it is asked for the
/// binary form of values that the profile tells, and whether rows satisfy constraints that were not understood.
///
/// # Errors
///
/// [`PrepareError`].
pub async fn prepare(
    session: &Session,
    schema: &Schema,
    profile: Option<&Profile>,
    options: &PlanOptions,
) -> Result<Prepared, PrepareError> {
    let left = left_alone(schema, options).map_err(PrepareError::Unfillable)?;
    let names = left.iter().map(|problem| problem.table.clone()).collect();
    let Rest {
        mut schema,
        mut said,
    } = left_alone::without(session, schema, left).await?;
    let literals = match profile {
        Some(profile) => oracle::literals(session, &plan::wanted(&schema, profile)).await?,
        None => Literals::default(),
    };
    let plan = loop {
        let plan = plan::plan(&schema, profile, &literals, options);
        let plan = plan.map_err(PrepareError::Unfillable)?;
        let doubts = oracle::doubts(session, &schema, &plan).await?;
        if doubts.is_empty() {
            let repeated = oracle::repeated(session, &schema, &plan).await?;
            if repeated.is_empty() {
                break plan;
            }
            return Err(PrepareError::Unfillable(repeated));
        }
        // A constraint that was narrowed is understood: no round has the same doubts.
        let narrowed = narrow(&mut schema, &doubts);
        if narrowed.is_empty() {
            return Err(PrepareError::Unfillable(doubts));
        }
        said.extend(narrowed);
    };
    let tables = plan.tables.into_iter();
    Ok(Prepared {
        tables: tables
            .map(|table| Arc::new(table) as Arc<dyn Rows>)
            .collect(),
        left: said.into_iter().chain(plan.left).collect(),
        left_alone: names,
    })
}

/// Demands of rows what is understood of these constraints, and says so.
fn narrow(schema: &mut Schema, doubts: &[Problem]) -> Vec<Problem> {
    let mut said = Vec::new();
    for doubt in doubts {
        let Some(place) = schema.tables.iter().position(|t| t.name == doubt.table) else {
            continue;
        };
        let table = schema.tables[place].clone();
        let checks = schema.tables[place].checks.iter_mut();
        for check in checks.filter(|check| Some(&check.name) == doubt.subject.as_ref()) {
            if let Some(expression) = checks::narrowed(&check.expression, &table) {
                check.expression = expression;
                let reason = "rows satisfy those of its alternatives only that are understood";
                said.push(Problem::of(&table.name, &check.name, reason));
            }
        }
    }
    said
}
