//! What a statement is to a replay, by PostgreSQL's own parser.

use pg_query::protobuf::{Node, TransactionStmtKind, VariableSetKind};
use pg_query::{NodeEnum, NodeRef, ParserOptions};

use super::lexer::Part;
use crate::record::fingerprint;
use crate::workload::{Role, StatementKind};

/// Why a call is not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reason {
    Copy,
    Password,
    NoParameters,
    DamagedParameters,
    NotUtf8,
}

impl Reason {
    pub(super) const ALL: [Self; 5] = [
        Self::Copy,
        Self::Password,
        Self::NoParameters,
        Self::DamagedParameters,
        Self::NotUtf8,
    ];

    /// As a part of a sentence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Copy => "COPY from or to the client: its data is not in a log",
            Self::Password => "a password in the text",
            Self::NoParameters => {
                "parameters that the log does not tell (log_parameter_max_length, \
                 log_parameter_max_length_on_error)"
            }
            Self::DamagedParameters => "parameters that are cut off or damaged",
            Self::NotUtf8 => "a text or parameter that is not UTF-8",
        }
    }
}

/// What the parser says about a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) kind: StatementKind,
    pub(super) role: Role,
    pub(super) left_out: Option<Reason>,
    /// `None` where the text does not parse.
    pub(super) fingerprint: Option<String>,
    /// `PREPARE name`: what EXECUTE of that name does.
    pub(super) prepares: Option<String>,
}

impl Class {
    /// How many parameters a call has to bring: those of PREPARE are brought by EXECUTE.
    pub(super) fn params(&self, part: &Part) -> usize {
        if self.prepares.is_some() {
            0
        } else {
            part.params as usize
        }
    }
}

/// Classifies one statement. `prepared` tells what EXECUTE of a name does, where that is known.
pub(super) fn classify(
    text: &str,
    failed: bool,
    prepared: impl Fn(&str) -> Option<StatementKind>,
) -> Class {
    let tree = pg_query::parse(text, ParserOptions::default()).ok();
    let node = tree.as_ref().and_then(|p| {
        let statement = p.protobuf.stmts.first()?;
        statement.stmt.as_ref()?.node.as_ref()
    });
    let Some(node) = node else {
        // What the parser refuses, the server refused, if it says so; else it is unknown.
        let kind = if failed {
            StatementKind::Read
        } else {
            StatementKind::Write
        };
        return Class {
            kind,
            role: Role::Query,
            left_out: has_password(text).then_some(Reason::Password),
            fingerprint: None,
            prepares: None,
        };
    };
    let (role, kind) = role_and_kind(node, &prepared);
    let names = match node {
        NodeEnum::PrepareStmt(prepare) => Some(prepare.name.clone()),
        _ => None,
    };
    Class {
        kind,
        role,
        left_out: left_out(node, text),
        fingerprint: fingerprint(text),
        prepares: names,
    }
}

fn role_and_kind(
    node: &NodeEnum,
    prepared: &dyn Fn(&str) -> Option<StatementKind>,
) -> (Role, StatementKind) {
    use StatementKind::{Read, Write};
    match node {
        NodeEnum::TransactionStmt(transaction) => {
            let begins = [
                TransactionStmtKind::TransStmtBegin,
                TransactionStmtKind::TransStmtStart,
            ];
            let two_phase = [
                TransactionStmtKind::TransStmtPrepare,
                TransactionStmtKind::TransStmtCommitPrepared,
                TransactionStmtKind::TransStmtRollbackPrepared,
            ];
            // BEGIN READ WRITE takes a guard away.
            let unguards = begins.contains(&transaction.kind()) && unguards(&transaction.options);
            let writes = unguards || two_phase.contains(&transaction.kind());
            (Role::Transaction, if writes { Write } else { Read })
        }
        NodeEnum::VariableSetStmt(set) => {
            let guards = [
                "default_transaction_read_only",
                "transaction_read_only",
                "session_authorization",
                "role",
            ];
            let writes = guards.contains(&set.name.as_str())
                || set.name == "TRANSACTION" && unguards(&set.args)
                || set.name == "SESSION CHARACTERISTICS" && unguards(&set.args)
                || set.kind() == VariableSetKind::VarResetAll;
            (Role::Session, if writes { Write } else { Read })
        }
        NodeEnum::DiscardStmt(_)
        | NodeEnum::DeallocateStmt(_)
        | NodeEnum::ListenStmt(_)
        | NodeEnum::UnlistenStmt(_) => (Role::Session, Read),
        NodeEnum::PrepareStmt(prepare) => (
            Role::Session,
            kind_within(prepare.query.as_deref(), prepared),
        ),
        NodeEnum::ExecuteStmt(execute) => (Role::Query, prepared(&execute.name).unwrap_or(Write)),
        NodeEnum::DeclareCursorStmt(cursor) => {
            (Role::Query, kind_within(cursor.query.as_deref(), prepared))
        }
        NodeEnum::FetchStmt(_) | NodeEnum::ClosePortalStmt(_) => (Role::Query, Read),
        _ => (Role::Query, crate::workload::check::effect(node)),
    }
}

fn kind_within(
    query: Option<&Node>,
    prepared: &dyn Fn(&str) -> Option<StatementKind>,
) -> StatementKind {
    match query {
        Some(Node { node: Some(node) }) => role_and_kind(node, prepared).1,
        _ => StatementKind::Write,
    }
}

/// `READ WRITE` among the options of a transaction.
fn unguards(options: &[Node]) -> bool {
    options.iter().any(|option| match &option.node {
        Some(NodeEnum::DefElem(element)) if element.defname == "transaction_read_only" => {
            // Anything but a plain true.
            let text = format!("{:?}", element.arg);
            !text.contains("Ival(Integer { ival: 1 })")
        }
        _ => false,
    })
}

fn left_out(node: &NodeEnum, text: &str) -> Option<Reason> {
    match node {
        NodeEnum::CopyStmt(copy) if copy.filename.is_empty() => Some(Reason::Copy),
        NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => None,
        // A query names a column so; a connection string is another matter.
        NodeEnum::SelectStmt(_) => {
            let calls = |(node, ..): &(NodeRef<'_>, i32, _, bool)| match node {
                NodeRef::FuncCall(call) => format!("{:?}", call.funcname).contains("dblink"),
                _ => false,
            };
            let dials = node.nodes().iter().any(calls);
            (dials && has_password(text)).then_some(Reason::Password)
        }
        _ => has_password(text).then_some(Reason::Password),
    }
}

fn has_password(text: &str) -> bool {
    text.to_ascii_lowercase().contains("password")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Class {
        let prepared = |name: &str| (name == "known").then_some(StatementKind::Read);
        classify(text, false, prepared)
    }

    #[test]
    fn roles_and_kinds() {
        use StatementKind::{Read, Write};
        for (text, role, kind) in [
            ("SELECT 1", Role::Query, Read),
            ("SELECT * FROM t FOR UPDATE", Role::Query, Write),
            ("INSERT INTO t VALUES (1)", Role::Query, Write),
            ("DO $$ BEGIN END $$", Role::Query, Write),
            ("BEGIN", Role::Transaction, Read),
            ("BEGIN READ ONLY", Role::Transaction, Read),
            ("START TRANSACTION READ WRITE", Role::Transaction, Write),
            ("SAVEPOINT a", Role::Transaction, Read),
            ("COMMIT", Role::Transaction, Read),
            ("COMMIT PREPARED 'x'", Role::Transaction, Write),
            ("SET work_mem = '64kB'", Role::Session, Read),
            (
                "SET default_transaction_read_only = off",
                Role::Session,
                Write,
            ),
            ("SET TRANSACTION READ WRITE", Role::Session, Write),
            (
                "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                Role::Session,
                Read,
            ),
            ("RESET work_mem", Role::Session, Read),
            ("DISCARD ALL", Role::Session, Read),
            ("PREPARE a AS SELECT 1", Role::Session, Read),
            ("PREPARE a AS DELETE FROM t", Role::Session, Write),
            ("EXECUTE known(1)", Role::Query, Read),
            ("EXECUTE other(1)", Role::Query, Write),
            ("DEALLOCATE a", Role::Session, Read),
            ("DECLARE c CURSOR FOR SELECT 1", Role::Query, Read),
            ("FETCH ALL FROM c", Role::Query, Read),
            ("EXPLAIN ANALYZE SELECT 1", Role::Query, Read),
            ("SHOW work_mem", Role::Query, Read),
            ("SELEC 1", Role::Query, Write),
        ] {
            let found = class(text);
            assert_eq!((found.role, found.kind), (role, kind), "{text}");
            assert_eq!(found.left_out, None, "{text}");
        }
        assert_eq!(
            class("PREPARE a AS SELECT 1").prepares.as_deref(),
            Some("a")
        );
        assert_eq!(classify("SELEC 1", true, |_| None).kind, Read);
    }

    #[test]
    fn what_is_left_out_says_why() {
        for (text, reason) in [
            ("COPY t FROM STDIN", Some(Reason::Copy)),
            ("COPY t TO STDOUT", Some(Reason::Copy)),
            ("COPY t TO '/tmp/x'", None),
            ("ALTER ROLE a PASSWORD 'x'", Some(Reason::Password)),
            (
                "CREATE USER a WITH ENCRYPTED PASSWORD 'x'",
                Some(Reason::Password),
            ),
            (
                "CREATE SUBSCRIPTION s CONNECTION 'password=x' PUBLICATION p",
                Some(Reason::Password),
            ),
            ("ALTER ROL a PASSWORD 'x'", Some(Reason::Password)),
            (
                "SELECT dblink_connect('host=a password=x')",
                Some(Reason::Password),
            ),
            ("SELECT id FROM users WHERE password = $1", None),
            ("UPDATE users SET password = $1", None),
        ] {
            assert_eq!(class(text).left_out, reason, "{text}");
        }
    }
}
