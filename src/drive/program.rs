//! An operation ready to run: steps with jumps, for workload files and pgbench scripts alike.

use std::ops::Range;
use std::sync::Arc;

use tokio_postgres::types::Type;

use crate::pool::Query;
use crate::workload::pgbench::{Expr, Script, Sleep, Var, VarId};
use crate::workload::{Drawers, Pick, Think};

/// Slot of the statement BEGIN in what is recorded of an operation.
pub(super) const BEGIN: usize = 0;

/// Slot of the statement with this index.
pub(super) fn slot(index: usize) -> usize {
    index + 1
}

/// An operation ready to run.
#[derive(Debug)]
pub(super) struct PlannedOperation {
    pub(super) names: OperationNames,
    pub(super) steps: Vec<Step>,
    pub(super) statements: Vec<PlannedStatement>,
    /// Values that are drawn before the first step.
    pub(super) drawers: Option<Drawers>,
    /// Number of values that are drawn.
    pub(super) slots: usize,
    /// Variables of a pgbench script.
    pub(super) script: Option<PlannedScript>,
    /// It begins transactions, so that one may be open when a statement fails.
    pub(super) transactions: bool,
}

/// What an operation and its statements are called in the record.
#[derive(Debug, Clone)]
pub(super) struct OperationNames {
    pub(super) name: String,
    /// Name and text by slot: BEGIN, its own, COMMIT, ROLLBACK.
    pub(super) statements: Vec<(String, String)>,
    /// Slots of its own statements.
    pub(super) own: Range<usize>,
}

impl OperationNames {
    /// With the names and texts of its own statements.
    pub(super) fn new(name: &str, own: impl Iterator<Item = (String, String)>) -> Self {
        let control = |sql: &str| (sql.to_owned(), sql.to_owned());
        let mut statements = vec![control("BEGIN")];
        statements.extend(own);
        let own = slot(0)..statements.len();
        statements.extend([control("COMMIT"), control("ROLLBACK")]);
        Self {
            name: name.to_owned(),
            statements,
            own,
        }
    }

    /// Slot of COMMIT; ROLLBACK is the next.
    pub(super) fn commit(&self) -> usize {
        self.own.end
    }
}

/// The script behind an operation.
#[derive(Debug)]
pub(super) struct PlannedScript {
    pub(super) script: Script,
    /// Values of a client before its first run, but for its number.
    pub(super) vars: Vec<Var>,
    /// Where the number of the client goes.
    pub(super) client_id: Option<VarId>,
}

/// One step of an operation.
#[derive(Debug)]
pub(super) enum Step {
    /// BEGIN.
    Begin,
    /// The statement with this index.
    Statement(usize),
    /// A pause with the connection held.
    Pause(Think),
    /// COMMIT, or ROLLBACK in this share of the transactions.
    End {
        /// 0 to 1.
        rollback_ratio: f64,
    },
    /// Statements up to the end of the pipeline are sent without waiting for answers.
    StartPipeline,
    /// Waits for all answers.
    EndPipeline,
    /// A variable gets a value.
    Set(VarId, Expr),
    /// Goes on elsewhere, unless the condition holds.
    JumpUnless(Expr, usize),
    /// Goes on elsewhere.
    Jump(usize),
    /// A pause by a script.
    Sleep(Sleep),
}

impl Step {
    /// It needs no connection.
    pub(super) fn is_pure(&self) -> bool {
        matches!(self, Self::Set(..) | Self::JumpUnless(..) | Self::Jump(_))
    }
}

/// A statement ready to run.
#[derive(Debug)]
pub(super) struct PlannedStatement {
    pub(super) query: Arc<Query>,
    /// Where `$1`, `$2` … come from.
    pub(super) bindings: Vec<Binding>,
    /// The rows over which it runs, with a pause before each run.
    pub(super) foreach: Option<(Rows, Option<Think>)>,
    /// Columns of its own result that are kept for later.
    pub(super) keep: Vec<usize>,
    /// Values of later statements that come from this one's result.
    pub(super) fills: Vec<Fill>,
    /// Variables of a script that come from its result.
    pub(super) store: Option<Stores>,
}

/// Where a parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// The drawn value with this index.
    Drawn(usize),
    /// The row over which the statement runs.
    Row,
    /// A variable of the script.
    Var(VarId),
}

/// Rows kept by an earlier statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    /// Index of that statement.
    pub(super) statement: usize,
    /// Index in its [`PlannedStatement::keep`].
    pub(super) kept: usize,
}

/// A drawn value that comes from a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fill {
    /// Index in the statement's own [`PlannedStatement::keep`].
    pub(super) kept: usize,
    /// The value that it becomes.
    pub(super) slot: usize,
    /// Of which row.
    pub(super) pick: Pick,
}

/// `\gset` and `\aset`.
#[derive(Debug)]
pub(super) struct Stores {
    /// Index in [`PlannedStatement::keep`], type of the column, variable.
    pub(super) columns: Vec<(usize, Type, VarId)>,
    /// Any number of rows will do.
    pub(super) any_rows: bool,
    /// Line of the statement.
    pub(super) line: usize,
}
