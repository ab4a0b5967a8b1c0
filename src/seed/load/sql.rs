//! Names and strings in statements.

use crate::seed::schema::Name;

/// An identifier, quoted.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `schema.name`, quoted.
pub(in crate::seed) fn qualified(name: &Name) -> String {
    beside(name, &name.name)
}

/// A name in the schema of a table, quoted.
pub(super) fn beside(table: &Name, name: &str) -> String {
    format!("{}.{}", quoted(&table.schema), quoted(name))
}

/// A string as SQL writes it, whatever `standard_conforming_strings` says.
pub(in crate::seed) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Puts dbperf's marker behind the first keyword of a statement that the server has printed.
pub(super) fn marked(statement: &str) -> String {
    match statement.split_once(' ') {
        Some((keyword, rest)) => format!("{keyword} /* dbperf */ {rest}"),
        None => statement.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_strings_are_quoted() {
        let name = Name {
            schema: "S".to_owned(),
            name: "a\"b".to_owned(),
        };
        assert_eq!(qualified(&name), "\"S\".\"a\"\"b\"");
        assert_eq!(literal("it's \\ here"), "E'it''s \\\\ here'");
        assert_eq!(
            marked("CREATE INDEX i ON s.t USING btree (a)"),
            "CREATE /* dbperf */ INDEX i ON s.t USING btree (a)"
        );
    }
}
