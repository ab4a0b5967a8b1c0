//! What a statement of a script may do.

use pg_query::protobuf::TransactionStmtKind;
use pg_query::{NodeEnum, ParserOptions};

use crate::workload::{StatementKind, check};

/// The kind of the one statement in `sql`; the error says what is wrong with it. BEGIN, COMMIT and their
/// kin change nothing by themselves. No statement at all is a round trip that does nothing.
pub(super) fn kind(sql: &str, has_params: bool) -> Result<StatementKind, String> {
    let parsed = pg_query::parse(sql, ParserOptions::default())
        .map_err(|error| refusal(&error, has_params))?;
    let [statement] = parsed.protobuf.stmts.as_slice() else {
        return match parsed.protobuf.stmts.len() {
            0 => Ok(StatementKind::Read),
            found => Err(format!("expected one statement, found {found}")),
        };
    };
    match statement.stmt.as_ref().and_then(|stmt| stmt.node.as_ref()) {
        Some(NodeEnum::TransactionStmt(transaction)) => Ok(match transaction.kind() {
            TransactionStmtKind::TransStmtPrepare
            | TransactionStmtKind::TransStmtCommitPrepared
            | TransactionStmtKind::TransStmtRollbackPrepared => StatementKind::Write,
            _ => StatementKind::Read,
        }),
        Some(node) if has_params && !takes_params(node) => Err(
            "the server takes no parameters in this kind of statement, and a `:name` is sent as one: \
             write the value itself, or call a function such as set_config in a SELECT"
                .to_owned(),
        ),
        Some(node) => check::kind_of(node),
        None => Ok(StatementKind::Read),
    }
}

/// Statements that the planner sees, or that hold one. Others are run as they are written.
fn takes_params(node: &NodeEnum) -> bool {
    matches!(
        node,
        NodeEnum::SelectStmt(_)
            | NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
            | NodeEnum::ExplainStmt(_)
            | NodeEnum::CreateTableAsStmt(_)
            | NodeEnum::DeclareCursorStmt(_)
            | NodeEnum::CallStmt(_)
    )
}

fn refusal(error: &pg_query::Error, has_params: bool) -> String {
    let pg_query::Error::Parse(message) = error else {
        return format!("PostgreSQL's parser failed on this statement: {error}");
    };
    let hint = if has_params {
        "; a `:name` is sent as a parameter, which can only stand where a value can"
    } else {
        ""
    };
    format!("PostgreSQL cannot parse this statement: {message}{hint}")
}
