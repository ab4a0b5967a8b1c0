//! ORs in the conditions of a plan, read by PostgreSQL's own parser.

use std::collections::BTreeSet;

use pg_query::protobuf::BoolExprType;
use pg_query::{Node as Tree, NodeEnum};

/// A column as the plan prints it: the alias or table in front of it, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnName {
    /// Alias or table.
    pub qualifier: Option<String>,
    /// The column.
    pub column: String,
}

/// The columns of each arm of one OR.
pub type Arms = Vec<BTreeSet<ColumnName>>;

/// Every OR that all rows have to meet: the condition itself, or one of the terms that it joins by
/// AND. `None` where the text cannot be read.
#[must_use]
pub fn disjunctions(text: &str) -> Option<Vec<Arms>> {
    let sql = format!("SELECT WHERE {}", without_subplans(text));
    let parsed = pg_query::parse(&sql, pg_query::ParserOptions::DEFAULT).ok()?;
    let [statement] = parsed.protobuf.stmts.as_slice() else {
        return None;
    };
    let NodeEnum::SelectStmt(select) = statement.stmt.as_ref()?.node.as_ref()? else {
        return None;
    };
    let mut found = Vec::new();
    collect(select.where_clause.as_ref()?, &mut found);
    Some(found)
}

/// Scrubbed literals read `$?` and subqueries `(SubPlan 1)`, which the parser does not know; both
/// stand where a value may stand.
fn without_subplans(text: &str) -> String {
    let mut text = text.replace("$?", "$1");
    for start in ["(hashed SubPlan ", "(SubPlan ", "(InitPlan "] {
        while let Some(at) = text.find(start) {
            let Some(length) = text[at..].find(')') else {
                break;
            };
            let mut end = at + length + 1;
            let column = text[end..].strip_prefix(".col").unwrap_or_default();
            let digits = column.chars().take_while(char::is_ascii_digit).count();
            if digits > 0 {
                end += ".col".len() + digits;
            }
            text.replace_range(at..end, "$1");
        }
    }
    text
}

fn collect(tree: &Tree, found: &mut Vec<Arms>) {
    let Some(NodeEnum::BoolExpr(e)) = &tree.node else {
        return;
    };
    if e.boolop == BoolExprType::AndExpr as i32 {
        e.args.iter().for_each(|argument| collect(argument, found));
    } else if e.boolop == BoolExprType::OrExpr as i32 {
        let arms = e.args.iter().map(|arm| {
            let mut columns = BTreeSet::new();
            columns_of(arm, &mut columns);
            columns
        });
        found.push(arms.collect());
    }
}

fn columns_of(tree: &Tree, found: &mut BTreeSet<ColumnName>) {
    let mut all = |nodes: &[Tree]| nodes.iter().for_each(|node| columns_of(node, found));
    match &tree.node {
        Some(NodeEnum::BoolExpr(e)) => all(&e.args),
        Some(NodeEnum::FuncCall(call)) => all(&call.args),
        Some(NodeEnum::CoalesceExpr(e)) => all(&e.args),
        Some(NodeEnum::AArrayExpr(e)) => all(&e.elements),
        Some(NodeEnum::List(list)) => all(&list.items),
        Some(NodeEnum::NullTest(e)) => one(e.arg.as_deref(), found),
        Some(NodeEnum::BooleanTest(e)) => one(e.arg.as_deref(), found),
        Some(NodeEnum::TypeCast(e)) => one(e.arg.as_deref(), found),
        Some(NodeEnum::CollateClause(e)) => one(e.arg.as_deref(), found),
        Some(NodeEnum::AExpr(e)) => {
            one(e.lexpr.as_deref(), found);
            one(e.rexpr.as_deref(), found);
        }
        Some(NodeEnum::ColumnRef(reference)) => {
            let names = reference.fields.iter().filter_map(|f| match &f.node {
                Some(NodeEnum::String(s)) => Some(s.sval.clone()),
                _ => None,
            });
            let mut names: Vec<String> = names.collect();
            if let Some(column) = names.pop() {
                let qualifier = names.pop();
                found.insert(ColumnName { qualifier, column });
            }
        }
        _ => {}
    }
}

fn one(tree: Option<&Tree>, found: &mut BTreeSet<ColumnName>) {
    if let Some(tree) = tree {
        columns_of(tree, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &str) -> Vec<Vec<String>> {
        let name = |c: &ColumnName| match &c.qualifier {
            Some(q) => format!("{q}.{}", c.column),
            None => c.column.clone(),
        };
        let arm = |arm: &BTreeSet<ColumnName>| arm.iter().map(name).collect::<Vec<_>>().join(" ");
        let all = disjunctions(text).unwrap();
        all.iter()
            .map(|arms| arms.iter().map(arm).collect())
            .collect()
    }

    #[test]
    fn ors_that_every_row_has_to_meet_are_taken_apart() {
        assert_eq!(short("((a = 1) OR (b = $?))"), [["a", "b"]]);
        assert_eq!(
            short("((c = 1) AND ((t.a = 1) OR ((o.b)::text = lower(t.d)) OR (t.e IS NULL)))"),
            [["t.a", "o.b t.d", "t.e"]]
        );
        assert!(short("(a = 1)").is_empty());
        assert!(
            short("(NOT ((a = 1) OR (b = 2)))").is_empty(),
            "another thing altogether"
        );
    }

    #[test]
    fn subqueries_stand_for_values() {
        assert_eq!(
            short("((a = (SubPlan 1)) OR (b > (InitPlan 2).col1))"),
            [["a", "b"]]
        );
        assert_eq!(short("((hashed SubPlan 1) OR (b = $0))"), [["", "b"]]);
        assert_eq!(disjunctions("a = = b"), None);
    }
}
