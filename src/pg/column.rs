//! Columns of a row by name, and the types that the driver does not bring.

use std::error::Error;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, PgLsn, Type};

use super::PgError;
use crate::record::{Lsn, Millis};

/// A column by its name.
///
/// # Errors
///
/// [`PgError::Shape`] where it is missing, NULL or of another type.
pub fn get<'a, T: FromSql<'a>>(row: &'a Row, view: &str, column: &str) -> Result<T, PgError> {
    row.try_get(column).map_err(|e| {
        // The driver's text names the column and the types; its cause says NULL or not.
        let what = e
            .source()
            .map_or_else(|| e.to_string(), ToString::to_string);
        PgError::Shape {
            view: view.to_owned(),
            column: column.to_owned(),
            what,
        }
    })
}

/// A `pg_lsn` column.
///
/// # Errors
///
/// As [`get`].
pub fn lsn(row: &Row, view: &str, column: &str) -> Result<Option<Lsn>, PgError> {
    let value: Option<PgLsn> = get(row, view, column)?;
    Ok(value.map(|lsn| Lsn(u64::from(lsn))))
}

/// A `double precision` column in milliseconds.
///
/// # Errors
///
/// As [`get`].
pub fn millis(row: &Row, view: &str, column: &str) -> Result<Millis, PgError> {
    get(row, view, column).map(Millis)
}

/// A nullable `double precision` column in milliseconds.
///
/// # Errors
///
/// As [`get`].
pub fn millis_opt(row: &Row, view: &str, column: &str) -> Result<Option<Millis>, PgError> {
    let value: Option<f64> = get(row, view, column)?;
    Ok(value.map(Millis))
}

/// A nullable `interval` column.
///
/// # Errors
///
/// As [`get`].
pub fn interval(row: &Row, view: &str, column: &str) -> Result<Option<Millis>, PgError> {
    let value: Option<Interval> = get(row, view, column)?;
    Ok(value.map(|i| i.0))
}

/// The only row.
///
/// # Errors
///
/// [`PgError::Shape`] for another number of rows.
pub fn only(rows: Vec<Row>, view: &str) -> Result<Row, PgError> {
    let count = rows.len();
    match <[Row; 1]>::try_from(rows) {
        Ok([row]) => Ok(row),
        Err(_) => Err(PgError::Shape {
            view: view.to_owned(),
            column: "*".to_owned(),
            what: format!("{count} rows instead of one"),
        }),
    }
}

/// PostgreSQL's `interval`: microseconds, days (of 24 hours) and months (of 30 days, as
/// `extract(epoch …)` counts them).
#[derive(Debug, PartialEq)]
struct Interval(Millis);

impl<'a> FromSql<'a> for Interval {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let (micros, rest) = raw.split_first_chunk::<8>().ok_or("interval too short")?;
        let (days, rest) = rest.split_first_chunk::<4>().ok_or("interval too short")?;
        let months = rest.first_chunk::<4>().ok_or("interval too short")?;
        let days =
            f64::from(i32::from_be_bytes(*days)) + 30.0 * f64::from(i32::from_be_bytes(*months));
        let micros = i64::from_be_bytes(*micros) as f64;
        Ok(Self(Millis(micros / 1000.0 + days * 86_400_000.0)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_microseconds_days_and_months() {
        let raw = [
            &1_500_000_i64.to_be_bytes()[..],
            &1_i32.to_be_bytes(),
            &0_i32.to_be_bytes(),
        ]
        .concat();
        let interval = Interval::from_sql(&Type::INTERVAL, &raw).unwrap();
        assert_eq!(interval, Interval(Millis(86_401_500.0)));
        assert!(Interval::from_sql(&Type::INTERVAL, &raw[..10]).is_err());
    }
}
