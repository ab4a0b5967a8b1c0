//! Whether a statement is one statement, and whether it may change something: by PostgreSQL's own
//! parser.

use pg_query::protobuf::Node;
use pg_query::{NodeEnum, NodeRef, ParserOptions};

use super::StatementKind;

/// The kind of the one statement in `sql`; the error says what is wrong with it.
pub(super) fn kind(sql: &str) -> Result<StatementKind, String> {
    let parsed = pg_query::parse(sql, ParserOptions::default()).map_err(|error| match error {
        pg_query::Error::Parse(message) => {
            format!("PostgreSQL cannot parse this statement: {message}")
        }
        other => format!("PostgreSQL's parser failed on this statement: {other}"),
    })?;
    let [statement] = parsed.protobuf.stmts.as_slice() else {
        let found = parsed.protobuf.stmts.len();
        return Err(format!(
            "expected one statement before the `;`, found {found}"
        ));
    };
    let node = statement.stmt.as_ref().and_then(|stmt| stmt.node.as_ref());
    let node = node.ok_or("expected one statement before the `;`, found none")?;
    kind_of(node)
}

/// What a parsed statement may do, whatever it is.
pub(super) fn effect(node: &NodeEnum) -> StatementKind {
    kind_of(node).unwrap_or(StatementKind::Write)
}

pub(super) fn kind_of(node: &NodeEnum) -> Result<StatementKind, String> {
    match node {
        NodeEnum::SelectStmt(select) => {
            let writes = select.into_clause.is_some() || node.nodes().iter().any(is_writing);
            Ok(if writes {
                StatementKind::Write
            } else {
                StatementKind::Read
            })
        }
        NodeEnum::VariableShowStmt(_) => Ok(StatementKind::Read),
        NodeEnum::ExplainStmt(explain) => match explain.query.as_deref() {
            Some(Node { node: Some(inner) }) => kind_of(inner),
            _ => Ok(StatementKind::Write),
        },
        NodeEnum::TransactionStmt(_) => Err(
            "transactions are begun and ended by dbperf: put `-- transaction` below `-- operation:`"
                .to_owned(),
        ),
        NodeEnum::CopyStmt(_) => Err(
            "COPY moves data outside of statements and cannot be replayed: use INSERT or SELECT"
                .to_owned(),
        ),
        _ => Ok(StatementKind::Write),
    }
}

/// A part of a SELECT that writes: a data-modifying CTE, or row locks.
fn is_writing<C>(node: &(NodeRef<'_>, i32, C, bool)) -> bool {
    match node.0 {
        NodeRef::InsertStmt(_)
        | NodeRef::UpdateStmt(_)
        | NodeRef::DeleteStmt(_)
        | NodeRef::MergeStmt(_) => true,
        NodeRef::SelectStmt(select) => !select.locking_clause.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_reads() {
        for sql in [
            "SELECT * FROM t WHERE a = $1",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "VALUES (1), ($1)",
            "TABLE t",
            "SHOW work_mem",
            "EXPLAIN SELECT 1",
        ] {
            assert_eq!(kind(sql), Ok(StatementKind::Read), "{sql}");
        }
    }

    #[test]
    fn what_may_change_something() {
        for sql in [
            "INSERT INTO t VALUES ($1)",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
            "WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x",
            "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM (SELECT * FROM t FOR SHARE) s",
            "SELECT 1 INTO x",
            "EXPLAIN ANALYZE DELETE FROM t",
            "CALL p()",
            "TRUNCATE t",
            "LOCK TABLE t",
            "SET work_mem = '1GB'",
        ] {
            assert_eq!(kind(sql), Ok(StatementKind::Write), "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_replayed_says_why() {
        for (sql, part) in [
            ("SELEC 1", "cannot parse"),
            ("", "found 0"),
            ("SELECT 1; SELECT 2", "found 2"),
            ("BEGIN", "-- transaction"),
            ("COPY t TO STDOUT", "COPY"),
        ] {
            let error = kind(sql).unwrap_err();
            assert!(error.contains(part), "{sql}: {error}");
        }
    }
}
