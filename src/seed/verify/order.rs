//! The order of text and of whatever else only the server can sort, asked of the server that was filled.

use std::collections::HashMap;

use tokio_postgres::types::Type as Wire;

use super::line::Orders;
use crate::pg::column::get;
use crate::pg::{Param, PgError, Session};
use crate::seed::checks::place;
use crate::seed::profile::{ColumnStats, Histogram, Profile, TableProfile, Value};
use crate::seed::schema::{Column, Name};

/// The places of the common values and bounds of both profiles, for columns whose values are told and have no line of
/// their own. The values go to this server only, whose rows have them.
///
/// # Errors
/// The connection is lost, or the server takes too long. A column whose type has no order is absent.
pub(super) async fn orders(
    session: &Session,
    source: &Profile,
    target: &Profile,
) -> Result<Orders, PgError> {
    let mut orders = Orders::new();
    for table in &source.tables {
        let here = target.tables.iter().find(|here| here.name == table.name);
        let Some((here, schema)) = here.zip(source.schema.table(&table.name)) else {
            continue;
        };
        for column in &schema.columns {
            let texts = texts(table, here, &column.name);
            if texts
                .first()
                .is_none_or(|text| place(&column.type_, text).is_some())
            {
                continue;
            }
            match sorted(session, column, &texts).await {
                Ok(order) => {
                    orders.insert((table.name.clone(), column.name.clone()), order);
                }
                Err(PgError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(orders)
}

/// Every value that is told of a column, each once.
fn texts<'a>(source: &'a TableProfile, here: &'a TableProfile, column: &str) -> Vec<&'a str> {
    let both = [source.columns.get(column), here.columns.get(column)];
    let mut texts: Vec<&str> = both.into_iter().flatten().flat_map(told).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn told(stats: &ColumnStats) -> impl Iterator<Item = &str> {
    let common = stats.most_common.iter();
    let common = common.filter_map(|common| match &common.value {
        Value::Kept(text) => Some(text.as_str()),
        _ => None,
    });
    let bounds: &[String] = match &stats.histogram {
        Histogram::Kept(bounds) => bounds,
        _ => &[],
    };
    common.chain(bounds.iter().map(String::as_str))
}

async fn sorted(
    session: &Session,
    column: &Column,
    texts: &[&str],
) -> Result<HashMap<String, f64>, PgError> {
    let what = "the order of values";
    let params: [Param<'_>; 1] = [(&texts, Wire::TEXT_ARRAY)];
    let rows = session.rows(what, &sql(column), &params).await?;
    let mut order = HashMap::with_capacity(rows.len());
    for (place, row) in rows.iter().enumerate() {
        let number: i64 = get(row, what, "number")?;
        let at = usize::try_from(number - 1).ok();
        if let Some(text) = at.and_then(|at| texts.get(at)) {
            order.insert((*text).to_owned(), place as f64);
        }
    }
    Ok(order)
}

fn sql(column: &Column) -> String {
    let type_ = quoted(&column.type_.base().name);
    let collation = column.collation.as_ref();
    let collation = collation.map_or_else(String::new, |name| format!(" COLLATE {}", quoted(name)));
    format!(
        "SELECT /* dbperf */ u.number FROM pg_catalog.unnest($1) WITH ORDINALITY AS u (value, number) \
         ORDER BY u.value::{type_}{collation}"
    )
}

fn quoted(name: &Name) -> String {
    let quoted = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    format!("{}.{}", quoted(&name.schema), quoted(&name.name))
}
