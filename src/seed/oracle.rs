//! What only a server knows: the binary form of a text, and whether a row satisfies a constraint that was not
//! understood. Nothing is written, and no table is read.

use std::collections::HashMap;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type as SqlType, to_sql_checked};

use super::plan::{Literals, Plan, Problem, Wanted};
use super::rows::Rows as _;
use super::schema::{Name, Schema, Table, Type};
use crate::collect::pg_stat_statements::quote_ident;
use crate::pg::{Param, PgError, Session};

/// What the text of a profile's values was written with, so that it is read in the same way.
const FORMS: &str = "SELECT /* dbperf */ pg_catalog.set_config('datestyle', 'ISO, YMD', false), \
                     pg_catalog.set_config('intervalstyle', 'postgres', false), \
                     pg_catalog.set_config('timezone', 'UTC', false), \
                     pg_catalog.set_config('lc_monetary', 'C', false)";

/// SQLSTATE of a value that its domain does not allow.
const CHECK_VIOLATION: &str = "23514";

/// Rows of each table that a server is asked about (ours).
const ASKED_ROWS: u64 = 50;

/// Texts of each key that a server is asked about (ours): some 20 MB.
const ASKED_TEXTS: u64 = 200_000;

/// Has the server of the session print and read values in those forms.
pub(super) async fn set_forms(session: &Session) -> Result<(), PgError> {
    session.rows("forms of values", FORMS, &[]).await?;
    Ok(())
}

/// Has the server read texts as values of their types.
///
/// # Errors
///
/// The server's refusal: a text is no value of the type that the target's column has.
pub(crate) async fn literals(session: &Session, wanted: &Wanted) -> Result<Literals, PgError> {
    let mut literals = HashMap::new();
    set_forms(session).await?;
    for (name, texts) in wanted {
        let texts: Vec<&String> = texts.iter().collect();
        let sql = format!(
            "SELECT /* dbperf */ t.v::{} FROM pg_catalog.unnest($1) WITH ORDINALITY AS t (v, n) ORDER BY t.n",
            quoted(name)
        );
        let what = format!("values of the type {name}");
        let rows = session
            .rows(&what, &sql, &[(&texts, SqlType::TEXT_ARRAY)])
            .await?;
        let forms = rows.iter().map(|row| trimmed(name, row.get::<_, Raw>(0).0));
        let forms = texts.iter().map(|text| (*text).clone()).zip(forms);
        literals.insert(name.clone(), forms.collect());
    }
    Ok(Literals(literals))
}

/// The blanks at the end of a `char(n)` are the server's to add: they need not be sent.
fn trimmed(type_: &Name, mut form: Vec<u8>) -> Vec<u8> {
    if type_.schema == "pg_catalog" && type_.name == "bpchar" {
        let length = form.iter().rposition(|byte| *byte != b' ');
        form.truncate(length.map_or(0, |last| last + 1));
    }
    form
}

/// Asks whether planned rows satisfy the CHECK constraints that were not understood, and names those that they do not.
///
/// # Errors
///
/// The server's refusal to evaluate one.
pub(crate) async fn doubts(
    session: &Session,
    schema: &Schema,
    plan: &Plan,
) -> Result<Vec<Problem>, PgError> {
    let mut problems = Vec::new();
    for (place, check, reason) in &plan.opaque {
        let table = &schema.tables[*place];
        let Some(planned) = plan.tables.iter().find(|t| *t.name() == table.name) else {
            continue;
        };
        let sql = question(table, &check.expression);
        let asked = ASKED_ROWS.min(planned.rows());
        for n in 0..asked {
            let Ok(values) = planned.values(n * planned.rows() / asked) else {
                break;
            };
            let values: Vec<RawParam> = values.into_iter().map(RawParam).collect();
            let params: Vec<Param<'_>> = values
                .iter()
                .zip(&table.columns)
                .map(|(value, column)| {
                    (value as &(dyn ToSql + Sync), sql_type(column.type_.base()))
                })
                .collect();
            let what = format!("the constraint {} of {}", check.name, table.name);
            let holds = match session.rows(&what, &sql, &params).await {
                // A check is passed by null.
                Ok(rows) => rows.first().and_then(|row| row.get(0)).unwrap_or(true),
                Err(error) if error.sqlstate() == Some(CHECK_VIOLATION) => false,
                Err(error) => return Err(error),
            };
            if !holds {
                problems.push(Problem {
                    table: table.name.clone(),
                    subject: Some(check.name.clone()),
                    reason: format!(
                        "rows would not satisfy it, and it is not understood: {reason}"
                    ),
                });
                break;
            }
        }
    }
    Ok(problems)
}

/// Asks whether what keys are over differs in the rows, where that is computed in a way that was not understood, and
/// names keys in which values repeat.
///
/// # Errors
///
/// The connection; a server that cannot compute one is a problem of the key.
pub(crate) async fn repeated(
    session: &Session,
    schema: &Schema,
    plan: &Plan,
) -> Result<Vec<Problem>, PgError> {
    let mut problems = Vec::new();
    for (place, key) in &plan.opaque_keys {
        let table = &schema.tables[*place];
        let Some(planned) = plan.tables.iter().find(|t| *t.name() == table.name) else {
            continue;
        };
        let asked = ASKED_TEXTS.min(planned.rows());
        let rows = (0..asked).map(|n| n * planned.rows() / asked);
        let texts: Vec<String> = rows
            .filter_map(|row| {
                let value = planned.values(row).ok()?.into_iter().nth(key.column)?;
                String::from_utf8(value?).ok()
            })
            .collect();
        let column = &table.columns[key.column];
        let sql = format!(
            "SELECT /* dbperf */ count(k) - count(DISTINCT k) FROM (SELECT ({}) AS k FROM (SELECT t.v::{} AS {} \
             FROM pg_catalog.unnest($1) AS t (v)) AS {}) AS k",
            key.expression,
            quoted(&column.type_.base().name),
            quote_ident(&column.name),
            quote_ident(&table.name.name)
        );
        let what = format!("the key {} of {}", key.key, table.name);
        let reason = match session
            .rows(&what, &sql, &[(&texts, SqlType::TEXT_ARRAY)])
            .await
        {
            Ok(rows) => {
                let repeated: i64 = rows.first().map_or(0, |row| row.get(0));
                (repeated > 0).then(|| {
                    format!(
                        "it is over an expression that is not understood, in which {repeated} of {} values that are \
                         made of {} repeat",
                        texts.len(),
                        column.name
                    )
                })
            }
            Err(error) if error.sqlstate().is_some() => Some(format!(
                "it is over an expression that is not understood, and the server did not compute it: {error}"
            )),
            Err(error) => return Err(error),
        };
        let problem = |reason: String| Problem::of(&table.name, &key.key, reason);
        problems.extend(reason.map(problem));
    }
    Ok(problems)
}

/// The constraint's expression over one row that is given. Its values come as those of the types below domains, so that
/// no other constraint is asked.
fn question(table: &Table, expression: &str) -> String {
    let columns: Vec<String> = (1..)
        .zip(&table.columns)
        .map(|(n, column)| {
            format!(
                "${n}::{} AS {}",
                quoted(&column.type_.base().name),
                quote_ident(&column.name)
            )
        })
        .collect();
    format!(
        "SELECT /* dbperf */ ({expression}) FROM (SELECT {}) AS {}",
        columns.join(", "),
        quote_ident(&table.name.name)
    )
}

fn quoted(name: &Name) -> String {
    format!("{}.{}", quote_ident(&name.schema), quote_ident(&name.name))
}

fn sql_type(type_: &Type) -> SqlType {
    SqlType::from_oid(type_.oid).unwrap_or_else(|| {
        let name = type_.name.name.clone();
        SqlType::new(name, type_.oid, Kind::Simple, type_.name.schema.clone())
    })
}

/// The bytes of a value as the server sends them.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(
        _: &SqlType,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &SqlType) -> bool {
        true
    }
}

/// The bytes of a value as the server takes them.
#[derive(Debug)]
struct RawParam(Option<Vec<u8>>);

impl ToSql for RawParam {
    fn to_sql(
        &self,
        _: &SqlType,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match &self.0 {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &SqlType) -> bool {
        true
    }

    to_sql_checked!();
}
