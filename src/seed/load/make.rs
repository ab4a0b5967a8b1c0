//! Tables are made by the statements of a file, in the transaction that fills them.

use super::LoadError;
use super::hand::Hand;
use crate::seed::schema::{FileStatement, Lenient, SchemaFile, When};

/// Conditions under which a statement that concerns no row is left out: a role or another object is not there, the
/// schema is there already, the role may not, no provider knows the label (class 22).
const WANTING: [&str; 4] = ["42704", "42P06", "42501", "22"];

/// Those under which a query over the rows does not get on with them: several rows where one is expected (class 21), a
/// value without a place (22), a unique index (23), a function that says so (38, 39, P0) or finds no name under the path
/// that REFRESH has (42), and another view that was left out for such a reason (55000).
const DERIVED: [&str; 8] = ["21", "22", "23", "38", "39", "42", "55000", "P0"];

const SAVE: &str = "SAVEPOINT /* dbperf */ dbperf_lenient";
const KEEP: &str = "RELEASE /* dbperf */ SAVEPOINT dbperf_lenient";
const BACK: &str = "ROLLBACK /* dbperf */ TO SAVEPOINT dbperf_lenient";

/// Runs the statements of a file that are for this time, under the role's own search path or the one that the file
/// has set; says what was left out.
///
/// # Errors
///
/// The server's refusal, with the file, the line and the kind of the statement.
pub(super) async fn make(
    hand: &Hand<'_>,
    file: &SchemaFile,
    when: When,
    notes: &mut Vec<String>,
) -> Result<(), LoadError> {
    hand.role_path().await?;
    let mut path = None;
    for statement in file.of(when) {
        let what = format!("{}, line {}: {}", file.name, statement.line, statement.kind);
        if when == When::Last && path != statement.path {
            if let Some(set) = &statement.path {
                hand.run(&what, set).await?;
            }
            path.clone_from(&statement.path);
        }
        let left_out: &[&str] = match statement.lenient {
            Lenient::Not => {
                hand.run(&what, &statement.sql).await?;
                continue;
            }
            Lenient::Wanting => &WANTING,
            Lenient::Derived => &DERIVED,
        };
        notes.extend(try_it(hand, &what, statement, left_out).await?);
    }
    hand.pinned_path().await
}

async fn try_it(
    hand: &Hand<'_>,
    what: &str,
    statement: &FileStatement,
    left_out: &[&str],
) -> Result<Option<String>, LoadError> {
    hand.run(what, SAVE).await?;
    match hand.run(what, &statement.sql).await {
        Ok(()) => {
            hand.run(what, KEEP).await?;
            Ok(None)
        }
        Err(LoadError::Server {
            sqlstate, message, ..
        }) if left_out.iter().any(|state| sqlstate.starts_with(state)) => {
            hand.run(what, BACK).await?;
            hand.run(what, KEEP).await?;
            Ok(Some(format!(
                "{what} is left out: {message} (SQLSTATE {sqlstate})"
            )))
        }
        Err(error) => Err(error),
    }
}
