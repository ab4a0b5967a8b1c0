//! The first line of a node in EXPLAIN's text form, such as `Index Scan Backward using i on public.t a`.

use serde_json::{Map, Value};

/// Kinds that the text and the JSON form call the same, the longer names first.
const KINDS: [&str; 34] = [
    "Table Function Scan",
    "Named Tuplestore Scan",
    "Bitmap Index Scan",
    "Bitmap Heap Scan",
    "Index Only Scan",
    "Incremental Sort",
    "Recursive Union",
    "WorkTable Scan",
    "Tid Range Scan",
    "Subquery Scan",
    "Function Scan",
    "Foreign Scan",
    "Gather Merge",
    "Merge Append",
    "Nested Loop",
    "Values Scan",
    "Sample Scan",
    "Index Scan",
    "Materialize",
    "ProjectSet",
    "WindowAgg",
    "BitmapAnd",
    "BitmapOr",
    "LockRows",
    "CTE Scan",
    "Seq Scan",
    "Tid Scan",
    "Memoize",
    "Append",
    "Gather",
    "Unique",
    "Result",
    "Limit",
    "Group",
];

/// Aggregates by their text: the strategy.
const AGGREGATES: [(&str, &str); 4] = [
    ("GroupAggregate", "Sorted"),
    ("HashAggregate", "Hashed"),
    ("MixedAggregate", "Mixed"),
    ("Aggregate", "Plain"),
];

/// Reads a label into the keys of EXPLAIN (FORMAT JSON); `None` for a kind that is not known.
pub(super) fn read(label: &str) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    let mut rest = label;
    let mut flag = |rest: &mut &str, word: &str, key: &str| {
        let after = rest.strip_prefix(word);
        fields.insert(key.to_owned(), Value::Bool(after.is_some()));
        *rest = after.unwrap_or(rest);
    };
    flag(&mut rest, "Parallel ", "Parallel Aware");
    flag(&mut rest, "Async ", "Async Capable");
    let (kind, rest) = kind(rest, &mut fields)?;
    text(&mut fields, "Node Type", kind);
    let rest = match kind {
        "Index Scan" | "Index Only Scan" => index(rest, &mut fields)?,
        "Bitmap Index Scan" => {
            let (name, rest) = identifier(rest.strip_prefix(" on ")?)?;
            text(&mut fields, "Index Name", &name);
            rest
        }
        _ => rest,
    };
    if rest.is_empty() {
        return Some(fields);
    }
    target(kind, rest.strip_prefix(" on ")?, &mut fields)?;
    Some(fields)
}

fn text(fields: &mut Map<String, Value>, key: &str, value: &str) {
    fields.insert(key.to_owned(), Value::String(value.to_owned()));
}

/// The node type, and what follows it.
fn kind<'a>(label: &'a str, fields: &mut Map<String, Value>) -> Option<(&'static str, &'a str)> {
    // A word ends where the label does or a blank follows.
    let word = |name: &str| {
        let rest = label.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
    };
    for (mode, prefix) in [
        ("Partial", "Partial "),
        ("Finalize", "Finalize "),
        ("Simple", ""),
    ] {
        for (name, strategy) in AGGREGATES {
            let Some(rest) = word(&format!("{prefix}{name}")) else {
                continue;
            };
            text(fields, "Strategy", strategy);
            text(fields, "Partial Mode", mode);
            return Some(("Aggregate", rest));
        }
    }
    if let Some(found) = join(label, fields) {
        return Some(found);
    }
    for (name, strategy) in [("HashSetOp", "Hashed"), ("SetOp", "Sorted")] {
        if let Some(rest) = word(name) {
            text(fields, "Strategy", strategy);
            text(fields, "Command", rest.trim_start());
            return Some(("SetOp", ""));
        }
    }
    if let Some(rest) = label.strip_prefix("Custom Scan (") {
        let (provider, rest) = rest.split_once(')')?;
        text(fields, "Custom Plan Provider", provider);
        return Some(("Custom Scan", rest));
    }
    for operation in ["Insert", "Update", "Delete", "Merge"] {
        if let Some(rest) = label.strip_prefix(operation)
            && rest.starts_with(" on ")
        {
            text(fields, "Operation", operation);
            return Some(("ModifyTable", rest));
        }
        let foreign = label.strip_prefix("Foreign ");
        if let Some(rest) = foreign.and_then(|rest| rest.strip_prefix(operation)) {
            text(fields, "Operation", operation);
            return Some(("Foreign Scan", rest));
        }
    }
    let known = KINDS.iter().find_map(|name| Some((*name, word(name)?)));
    let found = known.or_else(|| Some(("Sort", word("Sort")?)));
    let found = found.or_else(|| Some(("Hash", word("Hash")?)));
    if let Some(("Foreign Scan", _)) = found {
        text(fields, "Operation", "Select");
    }
    found
}

/// `Nested Loop Left Join`, `Hash Join`, `Merge Right Semi Join`.
fn join<'a>(label: &'a str, fields: &mut Map<String, Value>) -> Option<(&'static str, &'a str)> {
    const TYPES: [&str; 8] = [
        "Left",
        "Full",
        "Right",
        "Semi",
        "Anti",
        "Right Semi",
        "Right Anti",
        "Unique Outer",
    ];
    let methods = [
        ("Nested Loop", "Nested Loop"),
        ("Hash", "Hash Join"),
        ("Merge", "Merge Join"),
    ];
    for (name, kind) in methods {
        let Some(rest) = label.strip_prefix(name) else {
            continue;
        };
        let inner = if name == "Nested Loop" { "" } else { " Join" };
        if rest == inner {
            text(fields, "Join Type", "Inner");
            return Some((kind, ""));
        }
        let wanted = |how: &&&str| rest == format!(" {how} Join");
        if let Some(how) = TYPES.iter().find(wanted) {
            text(fields, "Join Type", how);
            return Some((kind, ""));
        }
    }
    None
}

/// ` Backward using i`, and what follows it.
fn index<'a>(rest: &'a str, fields: &mut Map<String, Value>) -> Option<&'a str> {
    let backward = rest.strip_prefix(" Backward");
    let direction = if backward.is_some() {
        "Backward"
    } else {
        "Forward"
    };
    text(fields, "Scan Direction", direction);
    let (name, rest) = identifier(backward.unwrap_or(rest).strip_prefix(" using ")?)?;
    text(fields, "Index Name", &name);
    Some(rest)
}

/// `public.t a`: what a node reads or changes.
fn target(kind: &str, written: &str, fields: &mut Map<String, Value>) -> Option<()> {
    let (mut name, mut rest) = identifier(written)?;
    let mut schema = None;
    if let Some(after) = rest.strip_prefix('.') {
        let (second, after) = identifier(after)?;
        schema = Some(std::mem::replace(&mut name, second));
        rest = after;
    }
    let alias = match rest.strip_prefix(' ') {
        Some(alias) => {
            let (alias, after) = identifier(alias)?;
            rest = after;
            alias
        }
        None => name.clone(),
    };
    if !rest.is_empty() {
        return None;
    }
    let key = match kind {
        "Function Scan" => Some("Function Name"),
        "Table Function Scan" => Some("Table Function Name"),
        "CTE Scan" | "WorkTable Scan" => Some("CTE Name"),
        "Named Tuplestore Scan" => Some("Tuplestore Name"),
        // They have nothing but an alias.
        "Values Scan" | "Subquery Scan" | "Result" => None,
        _ => Some("Relation Name"),
    };
    if let Some(key) = key {
        text(fields, key, &name);
    }
    if let Some(schema) = schema {
        text(fields, "Schema", &schema);
    }
    text(fields, "Alias", &alias);
    Some(())
}

/// An identifier as the server quotes it, and what follows it.
fn identifier(written: &str) -> Option<(String, &str)> {
    let Some(quoted) = written.strip_prefix('"') else {
        let end = written.find([' ', '.']).unwrap_or(written.len());
        let (name, rest) = written.split_at(end);
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    };
    let mut name = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c != '"' {
            name.push(c);
        } else if characters.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            return Some((name, &quoted[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(label: &str, key: &str) -> String {
        let fields = read(label).unwrap_or_else(|| panic!("{label}"));
        fields[key]
            .as_str()
            .unwrap_or_else(|| panic!("{label} {key}"))
            .to_owned()
    }

    #[test]
    fn kinds_are_those_of_the_json_form() {
        for (label, kind) in [
            ("Limit", "Limit"),
            ("Sort", "Sort"),
            ("Hash", "Hash"),
            ("Hash Join", "Hash Join"),
            ("Hash Right Semi Join", "Hash Join"),
            ("Merge Join", "Merge Join"),
            ("Merge Append", "Merge Append"),
            ("Merge on t", "ModifyTable"),
            ("Nested Loop", "Nested Loop"),
            ("Nested Loop Left Join", "Nested Loop"),
            ("Partial HashAggregate", "Aggregate"),
            ("HashSetOp Except All", "SetOp"),
            ("Group", "Group"),
            ("Tid Scan on t", "Tid Scan"),
            ("Parallel Append", "Append"),
            ("Async Foreign Scan on t", "Foreign Scan"),
            ("Foreign Update on t", "Foreign Scan"),
            ("Custom Scan (Chunks) on t", "Custom Scan"),
        ] {
            assert_eq!(get(label, "Node Type"), kind, "{label}");
        }
        assert_eq!(get("Hash Right Semi Join", "Join Type"), "Right Semi");
        assert_eq!(get("Partial HashAggregate", "Partial Mode"), "Partial");
        assert_eq!(get("HashSetOp Except All", "Command"), "Except All");
        assert_eq!(
            read("Parallel Seq Scan on t").unwrap()["Parallel Aware"],
            true
        );
        assert!(read("Something Else on t").is_none());
    }

    #[test]
    fn names_are_unquoted() {
        let label = "Index Only Scan Backward using \"my idx\" on \"S.1\".\"a \"\"b\" x";
        for (key, value) in [
            ("Scan Direction", "Backward"),
            ("Index Name", "my idx"),
            ("Schema", "S.1"),
            ("Relation Name", "a \"b"),
            ("Alias", "x"),
        ] {
            assert_eq!(get(label, key), value);
        }
        assert_eq!(get("Values Scan on \"*VALUES*\"", "Alias"), "*VALUES*");
        assert_eq!(
            get(
                "Function Scan on pg_catalog.generate_series g",
                "Function Name"
            ),
            "generate_series"
        );
        assert_eq!(get("CTE Scan on r r_1", "CTE Name"), "r");
        assert!(read("Seq Scan on \"unterminated").is_none());
    }
}
