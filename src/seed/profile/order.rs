//! The order of common values and bounds, as the server sorts them.
//!
//! The order of a type with a collation is the server's business. It sorts what its own statistics hold, in one
//! statement for all columns of the same type and collation: the values stay where they are, no table is read, and
//! nothing of them stands in a statement or its parameters.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Row;
use tokio_postgres::types::Type as Wire;

use super::statistics::ColumnKey;
use crate::pg::column::get;
use crate::pg::{Param, PgError, Session};
use crate::seed::schema::{Name, Type};

/// A column whose values are to be sorted.
pub(super) struct Wanted<'a> {
    pub(super) key: ColumnKey,
    pub(super) type_: &'a Type,
    pub(super) collation: Option<&'a Name>,
}

/// The place, from 0, of each common value and then of each bound, by column and whether those that inherit are
/// counted in.
pub(super) type Places = HashMap<(ColumnKey, bool), Vec<u32>>;

/// Asks for the order of columns; those whose type has none are absent.
///
/// # Errors
/// The connection is lost, or the server takes too long.
pub(super) async fn places(session: &Session, wanted: &[Wanted<'_>]) -> Result<Places, PgError> {
    let mut groups: BTreeMap<String, Vec<&ColumnKey>> = BTreeMap::new();
    for column in wanted {
        groups
            .entry(column.sorted_as())
            .or_default()
            .push(&column.key);
    }
    let mut places = Places::new();
    for (expression, columns) in groups {
        match ask(session, &expression, &columns).await {
            Ok(rows) => places.extend(rows),
            // One column may hold what its type does not read any more.
            Err(PgError::Refused { .. }) if columns.len() > 1 => {
                for column in columns {
                    match ask(session, &expression, &[column]).await {
                        Ok(rows) => places.extend(rows),
                        Err(PgError::Refused { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(PgError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(places)
}

impl Wanted<'_> {
    /// What the values are sorted by. Of a domain the type below, because its constraints have no say here.
    fn sorted_as(&self) -> String {
        let cast = format!("u.value::{}", quoted(&self.type_.base().name));
        match self.collation {
            Some(collation) => format!("{cast} COLLATE {}", quoted(collation)),
            None => cast,
        }
    }
}

fn quoted(name: &Name) -> String {
    let quoted = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    format!("{}.{}", quoted(&name.schema), quoted(&name.name))
}

async fn ask(
    session: &Session,
    expression: &str,
    columns: &[&ColumnKey],
) -> Result<Vec<((ColumnKey, bool), Vec<u32>)>, PgError> {
    let schemas: Vec<&str> = columns.iter().map(|key| key.0.as_str()).collect();
    let tables: Vec<&str> = columns.iter().map(|key| key.1.as_str()).collect();
    let names: Vec<&str> = columns.iter().map(|key| key.2.as_str()).collect();
    let params: [Param<'_>; 3] = [
        (&schemas, Wire::NAME_ARRAY),
        (&tables, Wire::NAME_ARRAY),
        (&names, Wire::NAME_ARRAY),
    ];
    let what = "the order of common values";
    let rows = session.rows(what, &sql(expression), &params).await?;
    rows.iter().map(|row| sorted(row, what)).collect()
}

/// The statement. The inner query is fenced off, so that nothing but the columns asked for is cast.
fn sql(expression: &str) -> String {
    format!(
        "SELECT /* dbperf */ s.schemaname::text AS schemaname, s.tablename::text AS tablename, \
         s.attname::text AS attname, s.inherited, \
         (SELECT pg_catalog.array_agg(u.place ORDER BY {expression}) \
          FROM pg_catalog.unnest(s.vals) WITH ORDINALITY AS u (value, place)) AS sorted \
         FROM (SELECT pg_catalog.set_config('DateStyle', 'ISO, YMD', true) \
               || pg_catalog.set_config('IntervalStyle', 'postgres', true) \
               || pg_catalog.set_config('extra_float_digits', '1', true) AS ready) AS f \
         CROSS JOIN LATERAL (\
          SELECT v.schemaname, v.tablename, v.attname, v.inherited, \
          v.most_common_vals::text::text[] || v.histogram_bounds::text::text[] AS vals \
          FROM pg_catalog.pg_stats AS v \
          WHERE v.tablename = ANY ($2) AND f.ready IS NOT NULL \
          AND (v.schemaname, v.tablename, v.attname) IN (\
           SELECT n.a, n.b, n.c FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), \
           pg_catalog.unnest($3)) AS n (a, b, c)) OFFSET 0) AS s"
    )
}

fn sorted(row: &Row, view: &str) -> Result<((ColumnKey, bool), Vec<u32>), PgError> {
    let key: ColumnKey = (
        get(row, view, "schemaname")?,
        get(row, view, "tablename")?,
        get(row, view, "attname")?,
    );
    let inherited: bool = get(row, view, "inherited")?;
    let sorted: Option<Vec<i64>> = get(row, view, "sorted")?;
    Ok(((key, inherited), inverse(&sorted.unwrap_or_default())))
}

/// From the numbers (from 1) of values in their order to the place (from 0) of each value.
fn inverse(sorted: &[i64]) -> Vec<u32> {
    let mut places = vec![0; sorted.len()];
    for (place, number) in sorted.iter().enumerate() {
        let at = usize::try_from(number - 1).ok();
        if let Some(slot) = at.and_then(|at| places.get_mut(at)) {
            *slot = u32::try_from(place).unwrap_or(u32::MAX);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_each_value_is_where_its_number_stands() {
        assert_eq!(inverse(&[3, 1, 4, 2]), [1, 3, 0, 2]);
        assert!(inverse(&[]).is_empty());
    }

    #[test]
    fn identifiers_are_quoted() {
        let name = Name {
            schema: "a".to_owned(),
            name: "b\"; c".to_owned(),
        };
        assert_eq!(quoted(&name), "\"a\".\"b\"\"; c\"");
    }
}
