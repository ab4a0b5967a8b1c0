//! A profile of the source beside one of here.

use super::line::Orders;
use super::order::orders;
use super::{columns, statements};
use crate::pg::Session;
use crate::record::fidelity::{Fidelity, TableFidelity};
use crate::seed::profile::{self, Profile, ProfileError, StatementProfile};
use crate::stats::sampling_distance;

/// Rows that ANALYZE takes of a table at most, at the default statistics target: 300 for each of its 100.
pub(super) const SAMPLE_ROWS: f64 = 30_000.0;

/// Compares the session's database with the profile that it was filled from, after ANALYZE. `statements` are the plans
/// of the workload here.
///
/// # Errors
/// The server cannot be asked. What is not known of a table, a column or a statement is part of the result.
pub async fn verify(
    session: &Session,
    source: &Profile,
    statements: Vec<StatementProfile>,
) -> Result<Fidelity, ProfileError> {
    let mut target = profile::read(session, source.values, &|_, _| {}).await?;
    target.statements = statements;
    let orders = orders(session, source, &target).await?;
    Ok(compare(source, &target, &orders))
}

/// How far the target is from the source. Both tell of values in the same way.
pub(super) fn compare(source: &Profile, target: &Profile, orders: &Orders) -> Fidelity {
    let mut tables = Vec::new();
    let mut found = Vec::new();
    for table in &source.tables {
        let here = target.tables.iter().find(|here| here.name == table.name);
        tables.push(TableFidelity {
            table: table.name.to_string(),
            source_rows: table.rows,
            target_rows: here.map(|here| here.rows),
        });
        let schema = source.schema.table(&table.name);
        for (name, stats) in &table.columns {
            let type_ =
                schema.and_then(|schema| Some(&schema.columns.get(schema.column(name)?)?.type_));
            let pair = columns::Pair {
                table,
                here,
                column: name,
                stats,
                type_,
                order: orders.get(&(table.name.clone(), name.clone())),
            };
            found.push(pair.compare());
        }
    }
    let statements = statements::compare(&source.statements, &target.statements);
    let sampling = sampling(&tables);
    Fidelity::of(tables, found, statements, sampling)
}

/// The distance that sampling alone makes, of the table where it makes the most; `None` where ANALYZE reads all rows of
/// all tables.
fn sampling(tables: &[TableFidelity]) -> Option<f64> {
    // All rows are as good as a sample without end.
    let sample = |rows: f64| {
        if rows > SAMPLE_ROWS {
            SAMPLE_ROWS
        } else {
            f64::INFINITY
        }
    };
    let of = |table: &TableFidelity| {
        sampling_distance(sample(table.source_rows), sample(table.target_rows?))
    };
    let distances = tables
        .iter()
        .filter_map(of)
        .filter(|distance| *distance > 0.0);
    distances.max_by(f64::total_cmp)
}
