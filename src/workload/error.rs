//! What can be wrong with a workload file, by itself and on a server.

use super::ValueError;

/// A workload file could not be understood. Every variant names the file, and the line where there is
/// one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// Nothing in the file says that it is a workload of dbperf.
    #[error(
        "{file}: neither a workload nor a pgbench script: it has neither a line `-- dbperf workload: TITLE` nor a line \
         `-- operation: NAME`; add `-- operation: NAME` above the statements of each operation"
    )]
    NotAWorkload {
        /// The file.
        file: String,
    },
    /// A pgbench script has a mistake.
    #[error(transparent)]
    Pgbench(#[from] super::pgbench::PgbenchError),
    /// No file of several has a share.
    #[error(
        "every file has a weight of 0, so nothing would run: give one of them another (`FILE@1`)"
    )]
    NoShare,
    /// A line says something that does not make sense.
    #[error("{file}:{line}: {problem}")]
    Line {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What was found, and what was expected.
        problem: String,
    },
}

/// A parameter of an operation cannot be drawn on this server.
#[derive(Debug, thiserror::Error)]
#[error("parameter `{parameter}`: {problem}")]
pub struct DrawError {
    /// Line of its `-- param` directive.
    pub line: usize,
    /// Its name.
    pub parameter: String,
    /// Why.
    pub problem: DrawProblem,
}

/// Why values cannot be drawn on a server. No message holds a value.
#[derive(Debug, thiserror::Error)]
pub enum DrawProblem {
    /// A value does not fit the type that the server wants.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The table does not exist, or not in the search path.
    #[error(
        "there is no table `{table}`; create it, or write it as SCHEMA.TABLE if it is not in the \
         search path"
    )]
    NoTable {
        /// The table, as the file names it.
        table: String,
    },
    /// The table has no such column.
    #[error("table `{table}` has no column `{column}`; it has: {}", known.join(", "))]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Columns that it has.
        known: Vec<String>,
    },
    /// The role may not read the column.
    #[error(
        "the role may not read column `{column}` of table `{table}`; GRANT SELECT on it, or draw \
         the values in another way"
    )]
    NoPrivilege {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// There is nothing to draw from.
    #[error(
        "table `{table}` has no row with a value in {}; fill it first, or draw the values in another \
         way", columns.join(", ")
    )]
    Empty {
        /// The table.
        table: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// The column was never analysed, or the role may not see its statistics.
    #[error(
        "there are no statistics of `{column}` that the role may see; run ANALYZE on its table, or \
         use `column` instead of `statistics`"
    )]
    NoStatistics {
        /// Table and column.
        column: String,
    },
    /// A sequence counts whole numbers.
    #[error(
        "`{column}` does not hold whole numbers of 64 bits, so a sequence cannot go on from it"
    )]
    NotWhole {
        /// Table and column.
        column: String,
    },
    /// The generator has nothing to draw.
    #[error("there is no value to draw")]
    NoValue,
    /// The server refused.
    #[error("the server refused to read its values: {what}")]
    Server {
        /// The server's message where it is about names or privileges, and the SQLSTATE.
        what: String,
    },
}

impl From<tokio_postgres::Error> for DrawProblem {
    fn from(error: tokio_postgres::Error) -> Self {
        let what = match error.as_db_error() {
            // Class 42 is about names, types and privileges; other messages may hold values.
            Some(db) if db.code().code().starts_with("42") => {
                format!("{} (SQLSTATE {})", db.message(), db.code().code())
            }
            Some(db) => format!("SQLSTATE {}", db.code().code()),
            None => "the connection was lost, or the answer was not understood".to_owned(),
        };
        Self::Server { what }
    }
}
