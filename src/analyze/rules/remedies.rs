//! SQL that several rules offer. Nothing is ever applied by dbperf.

/// A setting for the whole server, in force after a reload.
pub(super) fn alter_system(name: &str, value: &str) -> String {
    format!("ALTER SYSTEM SET {name} = {value}; SELECT pg_reload_conf();")
}

/// Takes [`alter_system`] back.
pub(super) fn reset_system(name: &str) -> String {
    format!("ALTER SYSTEM RESET {name}; SELECT pg_reload_conf();")
}

/// A text as a literal, quotes doubled.
pub(super) fn literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    if quoted.contains('\\') {
        format!(" E{}", quoted.replace('\\', "\\\\"))
    } else {
        quoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_quoted() {
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(literal("a\\b"), " E'a\\\\b'");
    }
}
