//! SQL for remedies: quoted names, definitions that do not lock.

use pg_query::protobuf::KeywordKind;

/// An identifier as PostgreSQL needs it written: quoted unless it is lower case, plain and not a
/// keyword that has to be quoted (`quote_ident`).
#[must_use]
pub fn quote_ident(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && !is_keyword(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn is_keyword(name: &str) -> bool {
    let Ok(tokens) = pg_query::scan_tokens(name) else {
        return true;
    };
    let free = [
        KeywordKind::NoKeyword as i32,
        KeywordKind::UnreservedKeyword as i32,
    ];
    tokens.iter().any(|t| !free.contains(&t.keyword_kind))
}

/// `schema.name`, quoted where needed.
#[must_use]
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_ident(schema), quote_ident(name))
}

/// `pg_get_indexdef` as a statement that does not block writes.
#[must_use]
pub fn concurrently(definition: &str) -> String {
    for start in ["CREATE INDEX ", "CREATE UNIQUE INDEX "] {
        if let Some(rest) = definition.strip_prefix(start) {
            return format!("{start}CONCURRENTLY {rest};");
        }
    }
    format!("{definition};")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_where_they_must_be() {
        assert_eq!(quote_ident("tasks_1"), "tasks_1");
        assert_eq!(quote_ident("Tasks"), "\"Tasks\"");
        assert_eq!(quote_ident("user"), "\"user\"");
        assert_eq!(quote_ident("index"), "index");
        assert_eq!(quote_ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_ident("1a"), "\"1a\"");
        assert_eq!(qualified("public", "Order"), "public.\"Order\"");
    }

    #[test]
    fn definitions_become_concurrent() {
        assert_eq!(
            concurrently("CREATE UNIQUE INDEX i ON t USING btree (a)"),
            "CREATE UNIQUE INDEX CONCURRENTLY i ON t USING btree (a);"
        );
        assert_eq!(
            concurrently("CREATE INDEX i ON t (a)"),
            "CREATE INDEX CONCURRENTLY i ON t (a);"
        );
    }
}
