//! Names of tables and columns as a workload file writes them: SQL's rules of quoting and of case.

use std::fmt;

/// A table as `schema.table`, or `table` that the search path finds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName(pub(super) Vec<String>);

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnName {
    /// Its table.
    pub table: TableName,
    /// Its own name, without quotes.
    pub column: String,
}

impl TableName {
    /// A table of a schema; names as the catalogue has them.
    #[must_use]
    pub fn new(schema: &str, table: &str) -> Self {
        Self(vec![schema.to_owned(), table.to_owned()])
    }

    /// The table as SQL, every part quoted.
    #[must_use]
    pub fn sql(&self) -> String {
        let parts = self.0.iter().map(|part| quoted(part));
        parts.collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", shown(part))?;
        }
        Ok(())
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, shown(&self.column))
    }
}

/// An identifier as SQL, always quoted.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An identifier as a file writes it: quoted only where it must be.
pub(super) fn shown(name: &str) -> String {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if starts && name.chars().all(plain) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// Reads `table.column` or `schema.table.column`, to the end of the text.
pub(super) fn column(text: &str) -> Result<ColumnName, String> {
    let (column, rest) = leading_column(text)?;
    if rest.trim().is_empty() {
        return Ok(column);
    }
    Err(no_column(text))
}

/// Reads `table.column` or `schema.table.column`; returns what is behind it.
pub(super) fn leading_column(text: &str) -> Result<(ColumnName, &str), String> {
    let (mut parts, rest) = path(text)?;
    let column = parts
        .pop()
        .filter(|_| !parts.is_empty() && parts.len() <= 2);
    let table = TableName(parts);
    let named = column.map(|column| ColumnName { table, column });
    named
        .map(|named| (named, rest))
        .ok_or_else(|| no_column(text))
}

fn no_column(text: &str) -> String {
    format!("expected TABLE.COLUMN or SCHEMA.TABLE.COLUMN, found `{text}`")
}

/// Reads `table(a, b)`; returns what is behind it.
pub(super) fn table_with_columns(text: &str) -> Result<(TableName, Vec<String>, &str), String> {
    let wrong = || format!("expected TABLE(COLUMN, COLUMN …), found `{text}`");
    let (parts, rest) = path(text)?;
    let mut rest = rest.trim_start().strip_prefix('(').ok_or_else(wrong)?;
    if parts.len() > 2 {
        return Err(wrong());
    }
    let mut columns = Vec::new();
    loop {
        let (name, after) = ident(rest.trim_start()).ok_or_else(wrong)?;
        columns.push(name);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else {
            let after = rest.strip_prefix(')').ok_or_else(wrong)?;
            return Ok((TableName(parts), columns, after));
        }
    }
}

/// Names joined by points; returns what is behind them.
fn path(text: &str) -> Result<(Vec<String>, &str), String> {
    let wrong = || format!("expected the name of a table, found `{text}`");
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (part, after) = ident(rest).ok_or_else(wrong)?;
        parts.push(part);
        match after.strip_prefix('.') {
            Some(after) => rest = after,
            None => return Ok((parts, after)),
        }
    }
}

/// One name: quoted as it is, or folded to lower case.
fn ident(text: &str) -> Option<(String, &str)> {
    if let Some(inner) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = inner.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c != '"' {
                name.push(c);
            } else if chars.next_if(|(_, c)| *c == '"').is_some() {
                name.push('"');
            } else {
                return (!name.is_empty()).then(|| (name, &inner[at + 1..]));
            }
        }
        return None;
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
    let end = end.unwrap_or(text.len());
    let starts = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts.then(|| (text[..end].to_lowercase(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_sql() {
        for (text, sql, shown) in [
            ("t.a", r#""t""#, "t.a"),
            (
                "Public.Orders.ID",
                r#""public"."orders""#,
                "public.orders.id",
            ),
            (r#""Odd.t"."a ""b""""#, r#""Odd.t""#, r#""Odd.t"."a ""b""""#),
        ] {
            match column(text) {
                Ok(name) => {
                    assert_eq!(name.table.sql(), sql, "{text}");
                    assert_eq!(name.to_string(), shown, "{text}");
                    assert_eq!(column(&name.to_string()), Ok(name));
                }
                Err(error) => assert!(sql.is_empty(), "{text}: {error}"),
            }
        }
    }

    #[test]
    fn what_is_no_column_is_refused() {
        for text in [
            "", "a", "a.b.c.d", "a.", ".a", "1.a", "a b", "a.b c", "\"\".a",
        ] {
            assert!(column(text).is_err(), "{text}");
        }
    }

    #[test]
    fn columns_of_a_row_are_in_their_order() {
        let (table, columns, rest) = table_with_columns(r#"s.t ( b, "A" ,c) with nulls"#).unwrap();
        assert_eq!(table.to_string(), "s.t");
        assert_eq!(columns, ["b", "A", "c"]);
        assert_eq!(rest, " with nulls");
        for text in ["t", "t()", "t(a", "t(a,)", "t(a b)", "a.b.c(d)"] {
            assert!(table_with_columns(text).is_err(), "{text}");
        }
    }
}
