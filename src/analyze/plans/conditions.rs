//! Conditions of a plan, read by PostgreSQL's own parser.

use pg_query::protobuf::{AExprKind, BoolExprType};
use pg_query::{Node as Tree, NodeEnum};

/// How a condition compares a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`, `= ANY (…)`: a btree can serve it before any other column.
    Equality,
    /// `IS NULL`: like an equality for a btree, but of one value that many rows may have.
    IsNull,
    /// `<`, `<=`, `>`, `>=`: a btree can serve one of these, after the equalities.
    Range,
    /// Anything else, such as `LIKE` or `<>`.
    Other,
}

/// One condition that every row has to meet, on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Alias or table in front of the column, where the plan prints it.
    pub qualifier: Option<String>,
    /// The column.
    pub column: String,
    /// How it is compared.
    pub comparison: Comparison,
    /// The cast (`::text`) or function (`lower()`) around the column; an index on the bare column
    /// does not serve it.
    pub wrapped: Option<String>,
}

/// The conditions of a plan's condition text that are joined by AND and stand on one column each.
/// Others, such as an OR, are left out. `None` where the text is not SQL, as with `SubPlan 1`.
#[must_use]
pub fn conditions(text: &str) -> Option<Vec<Condition>> {
    // Scrubbed literals read `$?`, which the parser does not know.
    let sql = format!("SELECT WHERE {}", text.replace("$?", "$1"));
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

fn collect(tree: &Tree, found: &mut Vec<Condition>) {
    match &tree.node {
        Some(NodeEnum::BoolExpr(e)) if e.boolop == BoolExprType::AndExpr as i32 => {
            for argument in &e.args {
                collect(argument, found);
            }
        }
        Some(NodeEnum::NullTest(test)) => {
            let is_null = test.nulltesttype == pg_query::protobuf::NullTestType::IsNull as i32;
            let comparison = if is_null {
                Comparison::IsNull
            } else {
                Comparison::Other
            };
            found.extend(test.arg.as_ref().and_then(|a| condition(a, comparison)));
        }
        Some(NodeEnum::AExpr(e)) => found.extend(comparison_of(e)),
        _ => {}
    }
}

fn comparison_of(e: &pg_query::protobuf::AExpr) -> Option<Condition> {
    let plain = e.kind == AExprKind::AexprOp as i32;
    let any = e.kind == AExprKind::AexprOpAny as i32;
    let comparison = match operator(e)? {
        "=" if plain || any => Comparison::Equality,
        "<" | "<=" | ">" | ">=" if plain => Comparison::Range,
        _ => Comparison::Other,
    };
    let (left, right) = (e.lexpr.as_ref()?, e.rexpr.as_ref()?);
    match (condition(left, comparison), condition(right, comparison)) {
        (Some(l), Some(r)) if l.qualifier != r.qualifier => Some(l),
        // Two columns of one row: no index helps.
        (Some(_), Some(_)) => None,
        (one, other) => one.or(other),
    }
}

fn operator(e: &pg_query::protobuf::AExpr) -> Option<&str> {
    match &e.name.last()?.node {
        Some(NodeEnum::String(name)) => Some(&name.sval),
        _ => None,
    }
}

/// The column that an operand is, or wraps.
fn condition(tree: &Tree, comparison: Comparison) -> Option<Condition> {
    match tree.node.as_ref()? {
        NodeEnum::ColumnRef(column) => {
            let mut names = column.fields.iter().map(|f| match &f.node {
                Some(NodeEnum::String(s)) => Some(s.sval.clone()),
                _ => None,
            });
            let last = names.next_back()??;
            let qualifier = names.next_back().flatten();
            Some(Condition {
                qualifier,
                column: last,
                comparison,
                wrapped: None,
            })
        }
        NodeEnum::TypeCast(cast) => {
            let inner = condition(cast.arg.as_ref()?, comparison)?;
            let name = type_name(cast.type_name.as_ref()?);
            Some(wrap(inner, format!("::{name}")))
        }
        NodeEnum::FuncCall(call) => {
            let inner = call.args.iter().find_map(|a| condition(a, comparison))?;
            let name = string_of(call.funcname.last()?)?;
            Some(wrap(inner, format!("{name}()")))
        }
        NodeEnum::AExpr(e) => {
            let sides = [e.lexpr.as_ref(), e.rexpr.as_ref()];
            let inner = sides
                .into_iter()
                .flatten()
                .find_map(|s| condition(s, comparison))?;
            let name = operator(e)?.to_owned();
            Some(wrap(inner, name))
        }
        NodeEnum::CollateClause(clause) => {
            let inner = condition(clause.arg.as_ref()?, comparison)?;
            Some(wrap(inner, "COLLATE".to_owned()))
        }
        _ => None,
    }
}

fn wrap(mut inner: Condition, by: String) -> Condition {
    inner.wrapped.get_or_insert(by);
    inner
}

fn string_of(tree: &Tree) -> Option<&str> {
    match &tree.node {
        Some(NodeEnum::String(name)) => Some(&name.sval),
        _ => None,
    }
}

fn type_name(name: &pg_query::protobuf::TypeName) -> String {
    let last = name.names.last().and_then(string_of);
    last.unwrap_or("another type").to_owned()
}

/// A sort key of a plan as column and direction text: `tasks.created_at DESC` gives `created_at`.
/// `None` for an expression.
#[must_use]
pub fn sort_column(key: &str) -> Option<Condition> {
    let bare = key
        .trim_end_matches(" NULLS FIRST")
        .trim_end_matches(" NULLS LAST")
        .trim_end_matches(" DESC");
    let mut found = conditions(&format!("{bare} = $1"))?;
    found.pop().filter(|c| c.wrapped.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &str) -> Vec<String> {
        let all = conditions(text).unwrap();
        let show = |c: Condition| {
            let wrapped = c.wrapped.map_or(String::new(), |w| format!(" [{w}]"));
            format!("{} {:?}{wrapped}", c.column, c.comparison)
        };
        all.into_iter().map(show).collect()
    }

    #[test]
    fn conjunctions_are_taken_apart() {
        assert_eq!(
            short("((tasks.status = 'open'::task_status) AND (tasks.due_on < $1))"),
            ["status Equality", "due_on Range"]
        );
        assert_eq!(short("(a = ANY ($1))"), ["a Equality"]);
        assert_eq!(short("(b IS NULL)"), ["b IsNull"]);
        assert_eq!(short("(name ~~ '%x%'::text)"), ["name Other"]);
        assert_eq!(short("($1 = a)"), ["a Equality"]);
        assert_eq!(short("(a = $?)"), ["a Equality"]);
    }

    #[test]
    fn casts_and_functions_are_named() {
        assert_eq!(short("(lower(name) = $1)"), ["name Equality [lower()]"]);
        assert_eq!(short("((id)::text = $1)"), ["id Equality [::text]"]);
    }

    #[test]
    fn what_no_index_serves_is_left_out() {
        assert!(short("((a = 1) OR (b = 2))").is_empty());
        assert!(short("(t.a = t.b)").is_empty());
        assert_eq!(short("(t.a = o.b)"), ["a Equality"]);
        assert_eq!(conditions("(a = (SubPlan 1))"), None);
    }

    #[test]
    fn sort_keys_lose_their_direction() {
        let key = sort_column("tasks.created_at DESC NULLS LAST").unwrap();
        assert_eq!(
            (key.column.as_str(), key.qualifier.as_deref()),
            ("created_at", Some("tasks"))
        );
        assert_eq!(sort_column("lower(name)"), None);
    }
}
