//! Whether a text is a script of pgbench.

/// Words that a statement of a plain SQL file begins with.
const STATEMENT_WORDS: [&str; 40] = [
    "select",
    "insert",
    "update",
    "delete",
    "merge",
    "with",
    "values",
    "table",
    "begin",
    "start",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint",
    "release",
    "set",
    "reset",
    "show",
    "call",
    "do",
    "create",
    "drop",
    "alter",
    "truncate",
    "lock",
    "explain",
    "analyze",
    "vacuum",
    "execute",
    "prepare",
    "declare",
    "fetch",
    "copy",
    "grant",
    "refresh",
    "reindex",
    "notify",
    "listen",
    "discard",
];

/// Whether a text is a pgbench script: it has meta commands, or begins with a statement, and nothing in
/// it says that it is a workload of dbperf.
#[must_use]
pub fn recognises(text: &str) -> bool {
    let directive = |line: &str| {
        let comment = line.trim().strip_prefix("--").map(str::trim);
        comment.is_some_and(|c| c.starts_with("dbperf workload") || c.starts_with("operation:"))
    };
    if text.lines().any(directive) {
        return false;
    }
    let meta = |line: &str| {
        let command = line.trim_start().strip_prefix('\\');
        command.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    text.lines().any(meta) || begins_with_statement(text)
}

/// Whether the first word behind blanks and comments begins a statement.
fn begins_with_statement(text: &str) -> bool {
    let mut rest = text.trim_start();
    while let Some(end) = match rest.get(..2) {
        Some("--") => rest.find('\n').map(|at| at + 1),
        Some("/*") => rest.find("*/").map(|at| at + 2),
        _ => None,
    } {
        rest = rest[end..].trim_start();
    }
    let length = rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    STATEMENT_WORDS.contains(&rest[..length].to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_told_from_a_workload_and_from_other_text() {
        for text in [
            "\\set a 1\n",
            "SELECT 1;",
            "-- c\n/* d */ begin;\nEND;",
            "  \\sleep 1",
            "-- not closed, which the parser says better\nSELECT 'x",
            "with x as (select 1) select * from x;",
        ] {
            assert!(recognises(text), "{text}");
        }
        for text in [
            "",
            "-- dbperf workload: x\n-- operation: y\nSELECT 1;",
            "-- operation: y\n\\set a 1",
            "{\"a\": 1}",
            "Type,Name\n",
            "2026-01-01 LOG: statement: SELECT 1",
            "'unclosed",
            "\\ 1",
        ] {
            assert!(!recognises(text), "{text}");
        }
    }
}
