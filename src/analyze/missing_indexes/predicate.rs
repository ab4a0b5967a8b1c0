//! What a plan's conditions and sort keys say of columns, read by PostgreSQL's own parser.
//!
//! Unlike [`conditions`](crate::analyze::plans::conditions), which looks for what one scan filters,
//! this keeps both sides of a join condition, the operator, and the arms of an OR: whether an index
//! serves them is for the planner to say.

use pg_query::protobuf::{AExprKind, BoolExprType, NullTestType, SortByDir, SortByNulls};
use pg_query::{Node as Tree, NodeEnum};

/// A column with the alias in front of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) qualifier: Option<String>,
    pub(super) column: String,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Side {
    /// A bare column; `as_text` where it is compared as text, as a `varchar` is.
    Column { name: Name, as_text: bool },
    /// A function of columns of one table and of nothing else, as SQL without the alias.
    Expression {
        qualifier: Option<String>,
        sql: String,
    },
    /// No column at all.
    Value,
    /// Anything else.
    Other,
}

/// One condition that every row has to meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Predicate {
    /// Two sides and what stands between them; `any` for `= ANY (…)`.
    Compare {
        operator: String,
        any: bool,
        left: Side,
        right: Side,
    },
    /// `IS NULL`, `IS NOT NULL`.
    Null { name: Name, is_null: bool },
    /// A boolean column by itself.
    Flag { name: Name, is_true: bool },
    /// One of several, each a conjunction.
    Either(Vec<Vec<Predicate>>),
}

/// One key of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OrderKey {
    pub(super) name: Name,
    pub(super) descending: bool,
    /// NULLs come first; by default they do in a descending order.
    pub(super) nulls_first: bool,
}

/// The conditions of a plan's text that are joined by AND. What cannot be read, such as a
/// `SubPlan`, is left out with the condition that it stands in.
pub(super) fn predicates(text: &str) -> Vec<Predicate> {
    let text = text.replace("$?", "$1");
    let mut found = Vec::new();
    for part in conjuncts(&text) {
        if let Some(tree) = parsed_condition(part) {
            collect(&tree, &mut found);
        }
    }
    found
}

/// A sort key such as `tasks.created_at DESC NULLS LAST`; `None` for an expression.
pub(super) fn order_key(text: &str) -> Option<OrderKey> {
    let sql = format!("SELECT 1 ORDER BY {}", text.replace("$?", "$1"));
    let statement = statement(&sql)?;
    let [key] = statement.sort_clause.as_slice() else {
        return None;
    };
    let Some(NodeEnum::SortBy(by)) = &key.node else {
        return None;
    };
    let descending = by.sortby_dir == SortByDir::SortbyDesc as i32;
    let nulls_first = if by.sortby_nulls == SortByNulls::SortbyNullsDefault as i32 {
        descending
    } else {
        by.sortby_nulls == SortByNulls::SortbyNullsFirst as i32
    };
    match side(by.node.as_ref()?) {
        Side::Column {
            name,
            as_text: false,
        } => Some(OrderKey {
            name,
            descending,
            nulls_first,
        }),
        _ => None,
    }
}

/// Every `alias.column` of an expression.
pub(super) fn mentioned(text: &str) -> Vec<Name> {
    let tokens = tokens(text);
    let three = tokens.windows(3);
    let names = three.filter(|w| w[1] == "." && is_name(w[0]) && is_name(w[2]));
    names
        .map(|w| Name {
            qualifier: Some(unquoted(w[0])),
            column: unquoted(w[2]),
        })
        .collect()
}

/// Every name in an expression, whatever it names.
pub(super) fn words(text: &str) -> Vec<String> {
    let tokens = tokens(text).into_iter();
    tokens.filter(|w| is_name(w)).map(unquoted).collect()
}

fn tokens(text: &str) -> Vec<&str> {
    let Ok(scanned) = pg_query::scan(text) else {
        return Vec::new();
    };
    let word = |start: i32, end: i32| {
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        text.get(range)
    };
    let tokens = scanned.tokens.iter();
    tokens
        .map(|t| word(t.start, t.end).unwrap_or_default())
        .collect()
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c == '_' || c == '"' || c.is_alphabetic())
}

fn unquoted(word: &str) -> String {
    match word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => word.to_owned(),
    }
}

/// The parts between the outermost ANDs. EXPLAIN puts every condition in parentheses, so a part
/// that the parser does not know, such as `(a = (SubPlan 1))`, does not spoil the others.
fn conjuncts(text: &str) -> Vec<&str> {
    let inner = stripped(text.trim());
    let (mut depth, mut quote, mut from, mut parts) = (0_i32, None, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ' ') if depth == 0 && inner[at..].starts_with(" AND ") => {
                parts.push(&inner[from..at]);
                from = at + " AND ".len();
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    parts
}

/// Without the parentheses around all of it.
fn stripped(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) else {
        return text;
    };
    let mut depth = 0_i32;
    for c in inner.chars() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth < 0 {
            return text;
        }
    }
    inner
}

fn statement(sql: &str) -> Option<Box<pg_query::protobuf::SelectStmt>> {
    let parsed = pg_query::parse(sql, pg_query::ParserOptions::DEFAULT).ok()?;
    match parsed.protobuf.stmts.into_iter().next()?.stmt?.node? {
        NodeEnum::SelectStmt(select) => Some(select),
        _ => None,
    }
}

fn parsed_condition(text: &str) -> Option<Tree> {
    let select = statement(&format!("SELECT WHERE {text}"))?;
    select.where_clause.map(|tree| *tree)
}

fn collect(tree: &Tree, found: &mut Vec<Predicate>) {
    match &tree.node {
        Some(NodeEnum::BoolExpr(e)) if e.boolop == BoolExprType::AndExpr as i32 => {
            e.args.iter().for_each(|a| collect(a, found));
        }
        Some(NodeEnum::BoolExpr(e)) if e.boolop == BoolExprType::OrExpr as i32 => {
            let arms = e.args.iter().map(|arm| {
                let mut inside = Vec::new();
                collect(arm, &mut inside);
                inside
            });
            found.push(Predicate::Either(arms.collect()));
        }
        Some(NodeEnum::BoolExpr(e)) => {
            if let Some(name) = e.args.first().and_then(bare) {
                found.push(Predicate::Flag {
                    name,
                    is_true: false,
                });
            }
        }
        Some(NodeEnum::NullTest(test)) => {
            if let Some(name) = test.arg.as_deref().and_then(bare) {
                found.push(Predicate::Null {
                    name,
                    is_null: test.nulltesttype == NullTestType::IsNull as i32,
                });
            }
        }
        Some(NodeEnum::ColumnRef(_)) => {
            found.extend(bare(tree).map(|name| Predicate::Flag {
                name,
                is_true: true,
            }));
        }
        Some(NodeEnum::AExpr(e)) => found.extend(comparison(e)),
        _ => {}
    }
}

fn comparison(e: &pg_query::protobuf::AExpr) -> Option<Predicate> {
    let any = e.kind == AExprKind::AexprOpAny as i32;
    if !any && e.kind != AExprKind::AexprOp as i32 {
        return None;
    }
    let operator = string(e.name.last()?)?.to_owned();
    Some(Predicate::Compare {
        operator,
        any,
        left: side(e.lexpr.as_deref()?),
        right: side(e.rexpr.as_deref()?),
    })
}

fn bare(tree: &Tree) -> Option<Name> {
    match side(tree) {
        Side::Column {
            name,
            as_text: false,
        } => Some(name),
        _ => None,
    }
}

fn side(tree: &Tree) -> Side {
    if let Some(name) = column(tree) {
        return Side::Column {
            name,
            as_text: false,
        };
    }
    if let Some(NodeEnum::TypeCast(cast)) = &tree.node
        && let Some(name) = cast.arg.as_deref().and_then(column)
        && cast.type_name.as_ref().and_then(type_name).as_deref() == Some("text")
    {
        return Side::Column {
            name,
            as_text: true,
        };
    }
    let mut names = Vec::new();
    match expression(tree, &mut names) {
        Some(sql) if !names.is_empty() => {
            let qualifier = names[0].qualifier.clone();
            if names.iter().all(|n| n.qualifier == qualifier) {
                Side::Expression { qualifier, sql }
            } else {
                Side::Other
            }
        }
        _ if no_column(tree) => Side::Value,
        _ => Side::Other,
    }
}

fn column(tree: &Tree) -> Option<Name> {
    let Some(NodeEnum::ColumnRef(reference)) = &tree.node else {
        return None;
    };
    let mut names = reference.fields.iter().map(string);
    let column = names.next_back()??.to_owned();
    let qualifier = names.next_back().flatten().map(str::to_owned);
    Some(Name { qualifier, column })
}

/// SQL of a function or cast of columns, without aliases; `None` where a constant or a parameter is
/// in it, whose value an index would have to hold.
fn expression(tree: &Tree, names: &mut Vec<Name>) -> Option<String> {
    match tree.node.as_ref()? {
        NodeEnum::ColumnRef(_) => {
            let name = column(tree)?;
            let sql = super::quote_ident(&name.column);
            names.push(name);
            Some(sql)
        }
        NodeEnum::FuncCall(call) => {
            let function: Vec<String> = call
                .funcname
                .iter()
                .map(|part| string(part).map(super::quote_ident))
                .collect::<Option<_>>()?;
            let arguments: Vec<String> = call
                .args
                .iter()
                .map(|argument| expression(argument, names))
                .collect::<Option<_>>()?;
            Some(format!("{}({})", function.join("."), arguments.join(", ")))
        }
        NodeEnum::TypeCast(cast) => {
            let inner = expression(cast.arg.as_deref()?, names)?;
            let name = type_name(cast.type_name.as_ref()?)?;
            Some(format!("({inner})::{name}"))
        }
        _ => None,
    }
}

/// Constants, parameters, and casts and arrays of them.
fn no_column(tree: &Tree) -> bool {
    match &tree.node {
        Some(NodeEnum::AConst(_) | NodeEnum::ParamRef(_) | NodeEnum::SqlvalueFunction(_)) => true,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(no_column),
        Some(NodeEnum::FuncCall(call)) => call.args.iter().all(no_column),
        Some(NodeEnum::AArrayExpr(array)) => array.elements.iter().all(no_column),
        Some(NodeEnum::AExpr(e)) => {
            let mut sides = [e.lexpr.as_deref(), e.rexpr.as_deref()]
                .into_iter()
                .flatten();
            sides.all(no_column)
        }
        _ => false,
    }
}

/// The name of a type without modifier or array.
fn type_name(name: &pg_query::protobuf::TypeName) -> Option<String> {
    if !name.typmods.is_empty() || !name.array_bounds.is_empty() {
        return None;
    }
    string(name.names.last()?).map(str::to_owned)
}

fn string(tree: &Tree) -> Option<&str> {
    match &tree.node {
        Some(NodeEnum::String(name)) => Some(&name.sval),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(side: &Side) -> String {
        match side {
            Side::Column { name, .. } => format!(
                "{}.{}",
                name.qualifier.as_deref().unwrap_or("?"),
                name.column
            ),
            Side::Expression { sql, .. } => sql.clone(),
            Side::Value => "value".to_owned(),
            Side::Other => "other".to_owned(),
        }
    }

    fn short(text: &str) -> Vec<String> {
        let show = |p: &Predicate| match p {
            Predicate::Compare {
                operator,
                left,
                right,
                ..
            } => format!("{} {operator} {}", shown(left), shown(right)),
            Predicate::Null { name, is_null } => format!("{} null {is_null}", name.column),
            Predicate::Flag { name, is_true } => format!("{} {is_true}", name.column),
            Predicate::Either(arms) => format!("either of {}", arms.len()),
        };
        predicates(text).iter().map(show).collect()
    }

    #[test]
    fn both_sides_and_the_operator_are_kept() {
        assert_eq!(short("(o.customer_id = c.id)"), ["o.customer_id = c.id"]);
        assert_eq!(
            short("((t.a = ANY ($1)) AND (t.b >= $?::date))"),
            ["t.a = value", "t.b >= value"]
        );
        assert_eq!(short("((t.name)::text ~~ $?)"), ["t.name ~~ value"]);
        assert_eq!(short("(lower(t.name) = $1)"), ["lower(name) = value"]);
        assert_eq!(
            short("((t.gone IS NULL) AND (NOT t.archived) AND t.live)"),
            ["gone null true", "archived false", "live true"]
        );
        assert_eq!(short("((t.a = 1) OR (t.b = 2))"), ["either of 2"]);
    }

    #[test]
    fn what_cannot_be_read_does_not_spoil_the_rest() {
        assert_eq!(
            short("((t.a = (SubPlan 1)) AND (t.b = 'x AND y'::text))"),
            ["t.b = value"]
        );
        assert_eq!(short("((data ->> $?) = $1)"), ["other = value"]);
        assert!(short("not sql at all (").is_empty());
    }

    #[test]
    fn orders_have_a_direction_and_a_place_for_nulls() {
        let key = order_key("tasks.created_at DESC NULLS LAST").unwrap();
        assert_eq!(
            (key.name.column.as_str(), key.descending, key.nulls_first),
            ("created_at", true, false)
        );
        assert!(order_key("t.a DESC").unwrap().nulls_first);
        assert!(!order_key("t.a").unwrap().nulls_first);
        assert_eq!(order_key("(lower(t.a))"), None);
    }

    #[test]
    fn columns_are_found_wherever_they_stand() {
        let names = mentioned("sum((l.price * ('1'::numeric - \"L\".\"Disc\")))");
        let found: Vec<_> = names
            .iter()
            .map(|n| (n.qualifier.as_deref().unwrap(), n.column.as_str()))
            .collect();
        assert_eq!(found, [("l", "price"), ("L", "Disc")]);
    }
}
