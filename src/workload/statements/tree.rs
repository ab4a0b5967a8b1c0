//! PostgreSQL's parse tree as JSON, so that a walk reaches every node of it.

use pg_query::ParserOptions;
use serde_json::Value as Json;

/// The one statement of a text; the error says why there is none.
pub(super) fn parse(text: &str) -> Result<Json, String> {
    let parsed = pg_query::parse(text, ParserOptions::default());
    let parsed = parsed.map_err(|_| "its text does not parse; it may be cut off".to_owned())?;
    let mut statements = parsed.protobuf.stmts;
    let one = statements.pop().filter(|_| statements.is_empty());
    let node = one.and_then(|statement| statement.stmt);
    let node = node.ok_or("it is not exactly one statement")?;
    serde_json::to_value(&*node).map_err(|_| "its parse tree is not understood".to_owned())
}

/// Kind and fields of a node.
pub(super) fn node(tree: &Json) -> Option<(&str, &Json)> {
    let inner = tree.get("node")?.as_object()?;
    let (kind, fields) = inner.iter().next()?;
    Some((kind, fields))
}

/// Fields of a node of this kind.
pub(super) fn of_kind<'t>(tree: &'t Json, kind: &str) -> Option<&'t Json> {
    node(tree)
        .filter(|(k, _)| *k == kind)
        .map(|(_, fields)| fields)
}

/// A text field that is not empty.
pub(super) fn text<'t>(fields: &'t Json, name: &str) -> Option<&'t str> {
    let text = fields.get(name)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// A list; none for a missing one.
pub(super) fn list<'t>(fields: &'t Json, name: &str) -> &'t [Json] {
    let list = fields.get(name).and_then(Json::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// Names such as those of a column, a function or an operator; `*` and subscripts end them.
pub(super) fn names<'t>(fields: &'t Json, name: &str) -> Vec<&'t str> {
    let parts = list(fields, name).iter();
    parts
        .map_while(|part| text(of_kind(part, "String")?, "sval"))
        .collect()
}

/// The number of a parameter, which a cast or nothing may be around.
pub(super) fn parameter(tree: &Json) -> Option<usize> {
    match node(tree)? {
        ("ParamRef", fields) => usize::try_from(fields.get("number")?.as_i64()?).ok(),
        ("TypeCast", fields) => parameter(fields.get("arg")?),
        _ => None,
    }
}

/// Calls `found` for every node of a kind, at any depth.
pub(super) fn each<'t>(tree: &'t Json, kind: &str, found: &mut impl FnMut(&'t Json)) {
    match tree {
        Json::Array(items) => items.iter().for_each(|item| each(item, kind, found)),
        Json::Object(fields) => {
            if let Some(fields) = of_kind(tree, kind) {
                found(fields);
            }
            fields.values().for_each(|value| each(value, kind, found));
        }
        _ => {}
    }
}
