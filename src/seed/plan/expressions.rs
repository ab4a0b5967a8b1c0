//! Unique indexes over expressions: which columns tell their rows apart.

use pg_query::protobuf::node::Node as NodeEnum;
use pg_query::protobuf::{BoolExprType, NullTestType};
use pg_query::{Node, NodeRef, ParserOptions};

use crate::seed::checks;
use crate::seed::schema::{Filled, Key, Table};

/// Functions that have different results for different texts, of those that are made here: no two differ in the case of
/// letters or in blanks around them only.
const KEEPS_APART: [&str; 6] = ["lower", "upper", "md5", "btrim", "ltrim", "rtrim"];
/// Types that a text is the same in.
const TEXTS: [&str; 4] = ["text", "varchar", "bpchar", "citext"];

/// A column of an index, and how it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) column: String,
    /// Only through a function: rows differ in the index where their texts do.
    pub(super) of_text: bool,
}

/// What an index is over at one of its places.
enum Element {
    Column(String),
    Expression(Box<Node>),
}

/// Parts of an index in which rows differ if they differ in the column.
pub(super) fn parts(table: &Table, key: &Key) -> Vec<Part> {
    let elements = elements(table, key).into_iter();
    let parts = elements.filter_map(|element| {
        let (column, of_text) = match element {
            Element::Column(column) => (column, false),
            Element::Expression(expression) => (text_column(&expression)?, true),
        };
        Some(Part { column, of_text })
    });
    parts.collect()
}

/// Parts of an index that are computed from one column each, in a way of which only the server knows whether it keeps
/// values apart: the column, and the expression as SQL.
pub(super) fn opaque(table: &Table, key: &Key) -> Vec<(String, String)> {
    let elements = elements(table, key).into_iter();
    let opaque = elements.filter_map(|element| {
        let Element::Expression(expression) = element else {
            return None;
        };
        let expression = checks::written(*expression)?;
        let mut columns = checks::parsed(&expression)
            .ok()
            .map(|node| columns(&node))?;
        columns.dedup();
        match columns.as_slice() {
            [column] => Some((column.clone(), expression)),
            _ => None,
        }
    });
    opaque.collect()
}

/// Columns that an expression speaks of; none where it asks a table.
fn columns(node: &Node) -> Vec<String> {
    let Some(node) = &node.node else {
        return Vec::new();
    };
    let nodes = node.nodes();
    let subselect = nodes
        .iter()
        .any(|(node, ..)| matches!(node, NodeRef::SubLink(_)));
    let columns = nodes.iter().filter_map(|(node, ..)| match node {
        NodeRef::ColumnRef(column) => last(&column.fields),
        _ => None,
    });
    if subselect {
        Vec::new()
    } else {
        columns.collect()
    }
}

/// The key with columns in the place of `COALESCE(column, …)`: without nulls it is as unique in the one as in the other.
pub(super) fn without_coalesce(table: &Table, key: &mut Key) {
    let elements = elements(table, key);
    if elements.len() < key.columns.len() {
        return;
    }
    for (column, element) in key.columns.iter_mut().zip(&elements) {
        let Element::Expression(expression) = element else {
            continue;
        };
        if let Some(name) = coalesced(expression) {
            *column = Some(name);
            key.nulls_not_distinct = true;
        }
    }
}

fn coalesced(node: &Node) -> Option<String> {
    let NodeEnum::CoalesceExpr(call) = node.node.as_ref()? else {
        return None;
    };
    match call.args.first()?.node.as_ref()? {
        NodeEnum::ColumnRef(column) => last(&column.fields),
        _ => None,
    }
}

/// The parts of an index by `pg_get_indexdef`. A generated column stands for its expression.
fn elements(table: &Table, key: &Key) -> Vec<Element> {
    let nodes = index_params(&key.definition).unwrap_or_default();
    let elements = nodes.into_iter().filter_map(|node| {
        let Some(NodeEnum::IndexElem(element)) = node.node else {
            return None;
        };
        let Some(expression) = element.expr else {
            return Some(of_column(table, element.name));
        };
        Some(Element::Expression(expression))
    });
    elements.collect()
}

fn of_column(table: &Table, name: String) -> Element {
    let filled = table
        .column(&name)
        .map(|place| &table.columns[place].filled);
    match filled {
        Some(Filled::Generated(expression)) => {
            let parsed = checks::parsed(expression).map(Box::new);
            parsed.map_or(Element::Column(name), Element::Expression)
        }
        _ => Element::Column(name),
    }
}

fn index_params(definition: &str) -> Option<Vec<Node>> {
    let parsed = pg_query::parse(definition, ParserOptions::DEFAULT).ok()?;
    let statement = parsed.protobuf.stmts.into_iter().next()?;
    match statement.stmt?.node? {
        NodeEnum::IndexStmt(index) => Some(index.index_params),
        _ => None,
    }
}

/// The column whose text the expression keeps apart from others.
fn text_column(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => last(&column.fields),
        NodeEnum::TypeCast(cast) => {
            let name = last(&cast.type_name.as_ref()?.names)?;
            let arg = cast.arg.as_deref()?;
            TEXTS.contains(&name.as_str()).then(|| text_column(arg))?
        }
        NodeEnum::FuncCall(call) => {
            let name = last(&call.funcname)?;
            let [argument] = call.args.as_slice() else {
                return None;
            };
            KEEPS_APART
                .contains(&name.as_str())
                .then(|| text_column(argument))?
        }
        NodeEnum::CollateClause(clause) => text_column(clause.arg.as_deref()?),
        _ => None,
    }
}

/// The column that a part of an index takes something out of, as `doc ->> 'id'` does: where it is null that part is.
pub(super) fn taken_out_of(table: &Table, key: &Key) -> Option<String> {
    const TAKE_OUT: [&str; 4] = ["->", "->>", "#>", "#>>"];
    let elements = elements(table, key);
    elements.iter().find_map(|element| {
        let Element::Expression(expression) = element else {
            return None;
        };
        let NodeEnum::AExpr(taken) = expression.node.as_ref()? else {
            return None;
        };
        let operator = last(&taken.name).filter(|name| TAKE_OUT.contains(&name.as_str()));
        match (operator, taken.lexpr.as_deref()?.node.as_ref()?) {
            (Some(_), NodeEnum::ColumnRef(column)) => last(&column.fields),
            _ => None,
        }
    })
}

/// A partial index that is as unique as one over all rows: its condition leaves out rows only in which a column of it is
/// null, and there are none of them in an index that keeps nulls apart.
pub(super) fn is_of_all_rows(table: &Table, key: &Key) -> bool {
    let columns = key.predicate.as_deref().and_then(not_null);
    columns.is_some_and(|columns| {
        columns.iter().all(|name| {
            let never_null = |place: usize| table.columns[place].is_never_null();
            key.columns.contains(&Some(name.clone())) || table.column(name).is_some_and(never_null)
        })
    })
}

/// Columns that are not null: all that a condition demands.
fn not_null(condition: &str) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    not_null_in(&checks::parsed(condition).ok()?, &mut columns)?;
    Some(columns)
}

fn not_null_in(node: &Node, columns: &mut Vec<String>) -> Option<()> {
    match node.node.as_ref()? {
        NodeEnum::BoolExpr(all) if all.boolop == BoolExprType::AndExpr as i32 => all
            .args
            .iter()
            .try_for_each(|part| not_null_in(part, columns).ok_or(()))
            .ok(),
        NodeEnum::NullTest(test) if test.nulltesttype == NullTestType::IsNotNull as i32 => {
            match test.arg.as_deref()?.node.as_ref()? {
                NodeEnum::ColumnRef(column) => columns.push(last(&column.fields)?),
                _ => return None,
            }
            Some(())
        }
        _ => None,
    }
}

fn last(names: &[Node]) -> Option<String> {
    match names.last()?.node.as_ref()? {
        NodeEnum::String(name) => Some(name.sval.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::table;
    use super::*;

    #[test]
    fn columns_are_told_apart_through_functions_that_keep_texts_apart() {
        let mut name = table("name", "name text, small text, day date, number text");
        for (column, expression) in [
            ("small", "lower((name)::text)"),
            ("day", "(at)::date"),
            ("number", "(doc ->> 'number'::text)"),
        ] {
            let place = name.column(column).unwrap();
            name.columns[place].filled = Filled::Generated(expression.to_owned());
        }
        let key = |list: &str| Key {
            name: "i".to_owned(),
            primary: false,
            columns: Vec::new(),
            predicate: None,
            nulls_not_distinct: false,
            definition: format!(
                "CREATE UNIQUE INDEX i ON public.name USING btree ({list}) INCLUDE (name) WHERE (at IS NULL)"
            ),
        };
        let cases = [
            ("lower(email)", "email*"),
            ("tenant_id, lower((\"E-mail\")::text)", "tenant_id E-mail*"),
            ("upper(code) COLLATE \"C\", at", "code* at"),
            // A day has many times, and a part of a text stands in many texts.
            ("date_trunc('day'::text, at)", ""),
            ("\"left\"(name, 3), ((doc ->> 'id'::text))", ""),
            ("((at)::date)", ""),
            ("COALESCE(name, ''::text)", ""),
            // Generated columns are what they are made of.
            ("small, tenant_id", "name* tenant_id"),
            ("day", ""),
        ];
        for (list, expected) in cases {
            let shown =
                |part: &Part| format!("{}{}", part.column, if part.of_text { "*" } else { "" });
            let found: Vec<String> = parts(&name, &key(list)).iter().map(shown).collect();
            assert_eq!(found.join(" "), expected, "{list}");
        }
        let out = taken_out_of(&name, &key("tenant_id, number"));
        assert_eq!(out.as_deref(), Some("doc"));
        assert_eq!(taken_out_of(&name, &key("small")), None);
    }
}
