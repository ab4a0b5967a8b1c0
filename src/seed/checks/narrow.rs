//! Constraints of which a part is not understood, as what they demand without it.

use pg_query::protobuf::{BoolExprType, Node};
use pg_query::{DeparseOptions, NodeEnum, ParserOptions};

use super::read;
use super::scope::Scope;
use crate::seed::schema::Table;

/// The constraint without those of its alternatives that are not understood: rows that satisfy this satisfy all of it.
/// `None` where it is understood, or where no alternative is left.
pub(crate) fn narrowed(expression: &str, table: &Table) -> Option<String> {
    let scope = Scope::Table(table);
    if read::formula(expression, &scope).is_ok() {
        return None;
    }
    written(understood(read::parsed(expression).ok()?, &scope)?)
}

/// An expression as SQL.
pub(crate) fn written(expression: Node) -> Option<String> {
    let empty = pg_query::parse("SELECT WHERE true", ParserOptions::DEFAULT);
    let mut statements = empty.ok()?.protobuf;
    let statement = statements.stmts.first_mut()?.stmt.as_mut()?;
    let Some(NodeEnum::SelectStmt(select)) = &mut statement.node else {
        return None;
    };
    select.where_clause = Some(Box::new(expression));
    let sql = statements.deparse(DeparseOptions::default()).ok()?;
    Some(sql.strip_prefix("SELECT WHERE ")?.to_owned())
}

fn understood(node: Node, scope: &Scope<'_>) -> Option<Node> {
    if read::read(&node, scope).is_ok() {
        return Some(node);
    }
    let Some(NodeEnum::BoolExpr(mut parts)) = node.node else {
        return None;
    };
    let all = parts.args.into_iter().map(|part| understood(part, scope));
    parts.args = match BoolExprType::try_from(parts.boolop) {
        Ok(BoolExprType::AndExpr) => all.collect::<Option<_>>()?,
        Ok(BoolExprType::OrExpr) => all.flatten().collect(),
        // Less of what is denied is more of what is demanded.
        _ => return None,
    };
    match parts.args.len() {
        0 => None,
        1 => parts.args.pop(),
        _ => Some(Node {
            node: Some(NodeEnum::BoolExpr(parts)),
        }),
    }
}
