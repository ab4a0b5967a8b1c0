//! What is done with a statement of a file, by what it is.

use pg_query::protobuf::{
    AlterTableStmt, AlterTableType, CreateTableAsStmt, KeywordKind, Node, ObjectType, ScanToken,
    Token, TransactionStmtKind, VariableSetStmt, a_const,
};
use pg_query::{DeparseOptions, NodeEnum, ParserOptions};

use super::{Lenient, When};

/// What a statement is, and what is done with it.
#[derive(Debug)]
pub(super) struct Judged {
    /// Its first keywords.
    pub(super) kind: String,
    pub(super) verdict: Verdict,
}

/// What is done with a statement.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is run.
    Run {
        sql: String,
        when: When,
        lenient: Lenient,
        note: Option<&'static str>,
    },
    /// It sets the search path for what follows.
    Path,
    /// It makes a materialized view, which is filled when the rows are there: `pg_dump` leaves it to another section.
    View { sql: String, refresh: String },
    /// It is two: what concerns the rows that come is run after them.
    Parts { first: String, last: String },
    /// It is not run, and nobody misses it.
    Quiet,
    /// It is not run, which is said.
    LeftOut(&'static str),
    /// Without it the rest would mean something else.
    Refused(&'static str),
}

/// Parameters that concern how the file is read, or wait times, which the load has of its own.
const OWN: [&str; 5] = [
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
];

/// Parameters that a file may set.
const ALLOWED: [&str; 14] = [
    "bytea_output",
    "check_function_bodies",
    "client_min_messages",
    "datestyle",
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "default_toast_compression",
    "default_with_oids",
    "escape_string_warning",
    "intervalstyle",
    "row_security",
    "timezone",
    "xmloption",
];

const NOT_DROPPED: &str = "a load drops nothing";
const NO_TABLE: &str = "it makes no table and nothing that a table needs";
const ROWS: &str = "rows are made, not read";
const WHOLE_SERVER: &str = "it concerns the whole server";

/// Judges one statement; `None` where it is none.
pub(super) fn judge(statement: &str) -> Option<Judged> {
    let parsed = pg_query::parse(statement, ParserOptions::default()).ok()?;
    let [raw] = parsed.protobuf.stmts.as_slice() else {
        return None;
    };
    let node = raw.stmt.as_ref()?.node.as_ref()?;
    Some(Judged {
        kind: kind(statement),
        verdict: verdict(node, statement),
    })
}

fn verdict(node: &NodeEnum, sql: &str) -> Verdict {
    match node {
        NodeEnum::VariableSetStmt(set) => variable(set, sql),
        NodeEnum::SelectStmt(_) if sql.contains("set_config") && sql.contains("search_path") => {
            Verdict::Path
        }
        NodeEnum::TransactionStmt(transaction) => match transaction.kind() {
            TransactionStmtKind::TransStmtBegin
            | TransactionStmtKind::TransStmtStart
            | TransactionStmtKind::TransStmtCommit => {
                Verdict::LeftOut("everything is one transaction")
            }
            _ => Verdict::Refused(
                "everything is one transaction, which the file cannot end: take it out",
            ),
        },
        NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_)
        | NodeEnum::CopyStmt(_) => Verdict::LeftOut(ROWS),
        NodeEnum::DropStmt(_)
        | NodeEnum::DropOwnedStmt(_)
        | NodeEnum::DropRoleStmt(_)
        | NodeEnum::DropdbStmt(_)
        | NodeEnum::TruncateStmt(_) => Verdict::LeftOut(NOT_DROPPED),
        NodeEnum::CreateRoleStmt(_)
        | NodeEnum::AlterRoleStmt(_)
        | NodeEnum::AlterRoleSetStmt(_)
        | NodeEnum::GrantRoleStmt(_)
        | NodeEnum::CreatedbStmt(_)
        | NodeEnum::AlterDatabaseStmt(_)
        | NodeEnum::AlterDatabaseSetStmt(_)
        | NodeEnum::CreateTableSpaceStmt(_)
        | NodeEnum::AlterSystemStmt(_)
        | NodeEnum::CreateSubscriptionStmt(_) => Verdict::LeftOut(WHOLE_SERVER),
        NodeEnum::IndexStmt(index) if index.concurrent => Verdict::Run {
            sql: without_concurrently(sql),
            when: When::First,
            lenient: Lenient::Not,
            note: Some("without CONCURRENTLY, which goes with no transaction"),
        },
        NodeEnum::CreateTableAsStmt(made) => made_of_a_query(made, sql),
        NodeEnum::AlterTableStmt(alter) => of_table(alter, sql),
        NodeEnum::CommentStmt(comment) => run(sql, of_object(comment.objtype()), Lenient::Wanting),
        NodeEnum::AlterOwnerStmt(owner) => {
            run(sql, of_object(owner.object_type()), Lenient::Wanting)
        }
        NodeEnum::RenameStmt(rename) => of_what_may_lack(rename.rename_type(), sql),
        NodeEnum::AlterObjectDependsStmt(it) => of_what_may_lack(it.object_type(), sql),
        NodeEnum::DoStmt(_) => noted(sql, "it is run: what it does is the file's own affair"),
        NodeEnum::CreateExtensionStmt(_) => noted(sql, "it is run"),
        other => other_kind(other, sql),
    }
}

fn other_kind(node: &NodeEnum, sql: &str) -> Verdict {
    match node {
        NodeEnum::CreateTrigStmt(_) | NodeEnum::RuleStmt(_) => run(sql, When::Last, Lenient::Not),
        NodeEnum::CreateEventTrigStmt(_)
        | NodeEnum::AlterEventTrigStmt(_)
        | NodeEnum::CreatePolicyStmt(_)
        | NodeEnum::AlterPolicyStmt(_)
        | NodeEnum::CreatePublicationStmt(_)
        | NodeEnum::AlterPublicationStmt(_) => run(sql, When::Last, Lenient::Wanting),
        NodeEnum::RefreshMatViewStmt(_) => run(sql, When::Last, Lenient::Derived),
        NodeEnum::GrantStmt(_)
        | NodeEnum::AlterDefaultPrivilegesStmt(_)
        | NodeEnum::SecLabelStmt(_)
        | NodeEnum::CreateSchemaStmt(_) => run(sql, When::First, Lenient::Wanting),
        NodeEnum::CreateStmt(_)
        | NodeEnum::CreateForeignTableStmt(_)
        | NodeEnum::CreateSeqStmt(_)
        | NodeEnum::AlterSeqStmt(_)
        | NodeEnum::CreateEnumStmt(_)
        | NodeEnum::AlterEnumStmt(_)
        | NodeEnum::CompositeTypeStmt(_)
        | NodeEnum::CreateRangeStmt(_)
        | NodeEnum::DefineStmt(_)
        | NodeEnum::CreateDomainStmt(_)
        | NodeEnum::AlterDomainStmt(_)
        | NodeEnum::CreateFunctionStmt(_)
        | NodeEnum::AlterFunctionStmt(_)
        | NodeEnum::CreateCastStmt(_)
        | NodeEnum::CreateOpClassStmt(_)
        | NodeEnum::CreateOpFamilyStmt(_)
        | NodeEnum::AlterOpFamilyStmt(_)
        | NodeEnum::AlterOperatorStmt(_)
        | NodeEnum::AlterTypeStmt(_)
        | NodeEnum::AlterCollationStmt(_)
        | NodeEnum::CreateConversionStmt(_)
        | NodeEnum::CreateTransformStmt(_)
        | NodeEnum::CreatePlangStmt(_)
        | NodeEnum::CreateAmStmt(_)
        | NodeEnum::CreateStatsStmt(_)
        | NodeEnum::AlterStatsStmt(_)
        | NodeEnum::AlterObjectSchemaStmt(_)
        | NodeEnum::AlterExtensionContentsStmt(_)
        | NodeEnum::AlterTsdictionaryStmt(_)
        | NodeEnum::AlterTsconfigurationStmt(_)
        | NodeEnum::ViewStmt(_)
        | NodeEnum::IndexStmt(_)
        | NodeEnum::CreateFdwStmt(_)
        | NodeEnum::CreateForeignServerStmt(_) => run(sql, When::First, Lenient::Not),
        _ => Verdict::LeftOut(NO_TABLE),
    }
}

fn run(sql: &str, when: When, lenient: Lenient) -> Verdict {
    Verdict::Run {
        sql: sql.to_owned(),
        when,
        lenient,
        note: None,
    }
}

fn noted(sql: &str, note: &'static str) -> Verdict {
    Verdict::Run {
        sql: sql.to_owned(),
        when: When::First,
        lenient: Lenient::Not,
        note: Some(note),
    }
}

/// What a variable is set to, if that is one constant.
fn argument(set: &VariableSetStmt) -> String {
    let [
        Node {
            node: Some(NodeEnum::AConst(constant)),
        },
    ] = set.args.as_slice()
    else {
        return String::new();
    };
    match &constant.val {
        Some(a_const::Val::Sval(text)) => text.sval.to_lowercase(),
        Some(a_const::Val::Ival(number)) => number.ival.to_string(),
        _ => String::new(),
    }
}

fn variable(set: &VariableSetStmt, sql: &str) -> Verdict {
    let name = set.name.to_lowercase();
    let value = argument(set);
    match name.as_str() {
        "search_path" => Verdict::Path,
        "client_encoding" if ["utf8", "utf-8", "unicode"].contains(&&*value) => Verdict::Quiet,
        "client_encoding" => Verdict::Refused("the file has to be UTF-8"),
        "standard_conforming_strings" if ["on", "true", "yes", "1"].contains(&&*value) => {
            Verdict::Quiet
        }
        "standard_conforming_strings" => {
            Verdict::Refused("a backslash in a string has to stand for itself")
        }
        "role" | "session_authorization" => {
            Verdict::Refused("everything is made by the role that connects: take it out")
        }
        name if OWN.contains(&name) => Verdict::Quiet,
        name if ALLOWED.contains(&name) || name.contains('.') => {
            run(sql, When::First, Lenient::Not)
        }
        _ => Verdict::LeftOut("a file cannot set this"),
    }
}

/// Triggers, rules and row security would concern the rows that come. A column that comes with them must be there
/// before.
fn of_table(alter: &AlterTableStmt, sql: &str) -> Verdict {
    let (last, first): (Vec<Node>, Vec<Node>) = alter.cmds.iter().cloned().partition(is_late);
    if last.is_empty() {
        // Whose it is concerns no row.
        let is_owner = |cmd: &Node| kind_of(cmd) == Some(AlterTableType::AtChangeOwner);
        let only_owner = first.iter().all(is_owner);
        return run(
            sql,
            When::First,
            if only_owner {
                Lenient::Wanting
            } else {
                Lenient::Not
            },
        );
    }
    if first.is_empty() {
        return run(sql, When::Last, Lenient::Not);
    }
    match (with_only(alter, first), with_only(alter, last)) {
        (Some(first), Some(last)) => Verdict::Parts { first, last },
        _ => Verdict::Refused(
            "what it does with triggers, rules or row security has to be a statement of its own",
        ),
    }
}

fn is_late(cmd: &Node) -> bool {
    let between = |from: AlterTableType, to: AlterTableType| {
        kind_of(cmd).is_some_and(|kind| (from as i32..=to as i32).contains(&(kind as i32)))
    };
    between(AlterTableType::AtEnableTrig, AlterTableType::AtDisableRule)
        || between(
            AlterTableType::AtEnableRowSecurity,
            AlterTableType::AtNoForceRowSecurity,
        )
}

fn kind_of(cmd: &Node) -> Option<AlterTableType> {
    match cmd.node.as_ref() {
        Some(NodeEnum::AlterTableCmd(cmd)) => Some(cmd.subtype()),
        _ => None,
    }
}

/// The statement with these of its parts; `None` where it cannot be written.
fn with_only(alter: &AlterTableStmt, cmds: Vec<Node>) -> Option<String> {
    let mut part = alter.clone();
    part.cmds = cmds;
    let written = NodeEnum::AlterTableStmt(part).deparse(DeparseOptions::default());
    written.ok()
}

/// What hangs on something that may have been left out, as a policy of a role that is not there.
fn of_what_may_lack(kind: ObjectType, sql: &str) -> Verdict {
    match of_object(kind) {
        When::First => run(sql, When::First, Lenient::Not),
        When::Last => run(sql, When::Last, Lenient::Wanting),
    }
}

/// What hangs on a trigger or a policy comes after it.
fn of_object(kind: ObjectType) -> When {
    match kind {
        ObjectType::ObjectTrigger
        | ObjectType::ObjectRule
        | ObjectType::ObjectPolicy
        | ObjectType::ObjectEventTrigger
        | ObjectType::ObjectPublication => When::Last,
        _ => When::First,
    }
}

fn made_of_a_query(made: &CreateTableAsStmt, sql: &str) -> Verdict {
    let relation = made.into.as_ref().and_then(|into| into.rel.as_ref());
    let (ObjectType::ObjectMatview, Some(relation)) = (made.objtype(), relation) else {
        return Verdict::LeftOut(
            "a table that is made of a query has rows already: write CREATE TABLE",
        );
    };
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let name = match relation.schemaname.as_str() {
        "" => quoted(&relation.relname),
        schema => format!("{}.{}", quoted(schema), quoted(&relation.relname)),
    };
    Verdict::View {
        sql: sql.to_owned(),
        refresh: format!("REFRESH MATERIALIZED VIEW {name}"),
    }
}

fn code(text: &str) -> Vec<ScanToken> {
    let scanned = pg_query::scan(text).map(|scanned| scanned.tokens);
    let comment =
        |t: &ScanToken| t.token == Token::SqlComment as i32 || t.token == Token::CComment as i32;
    let tokens = scanned.unwrap_or_default().into_iter();
    tokens.filter(|t| !comment(t)).collect()
}

fn range(token: &ScanToken) -> Option<std::ops::Range<usize>> {
    Some(usize::try_from(token.start).ok()?..usize::try_from(token.end).ok()?)
}

/// The offset of the first word behind blanks and comments; `None` where there is none.
pub(super) fn first_word(text: &str) -> Option<usize> {
    let first = code(text)
        .into_iter()
        .find(|t| t.token != Token::Ascii59 as i32);
    first.and_then(|t| range(&t)).map(|range| range.start)
}

/// The first keywords, three at most.
fn kind(sql: &str) -> String {
    let keyword = |t: &ScanToken| t.keyword_kind() != KeywordKind::NoKeyword;
    let tokens = code(sql);
    let words = tokens.iter().take_while(|t| keyword(t)).take(3);
    let words = words.filter_map(|t| sql.get(range(t)?));
    let skipped = ["IF", "ONLY", "NOT"];
    let words = words
        .map(str::to_uppercase)
        .filter(|w| !skipped.contains(&w.as_str()));
    words.collect::<Vec<_>>().join(" ")
}

fn without_concurrently(sql: &str) -> String {
    let word = code(sql)
        .into_iter()
        .find(|t| t.token == Token::Concurrently as i32);
    match word.and_then(|t| range(&t)) {
        Some(range) => format!("{}{}", &sql[..range.start], sql[range.end..].trim_start()),
        None => sql.to_owned(),
    }
}
