//! Which texts are the same statement.

use pg_query::{DeparseOptions, FingerprintOptions, NodeEnum};

/// The comment by which dbperf's own statements are recognised.
pub const MARKER: &str = "/* dbperf";

/// Fingerprint of a statement's parse tree, the same for every spelling and every constant; `None`
/// where the text does not parse. A `PREPARE`, under whose text `pg_stat_statements` counts each
/// `EXECUTE`, has that of the statement which it prepares. Table names count in full: the parser's default follows
/// PostgreSQL 18, where an alias stands for its table, so that two tables of one alias would be
/// the same statement.
#[must_use]
pub fn fingerprint(text: &str) -> Option<String> {
    if let Some(prepared) = prepared(text) {
        return fingerprint(&prepared);
    }
    let options = FingerprintOptions::RANGEVAR_PG17_COMPAT | FingerprintOptions::FULL_RELNAME;
    pg_query::fingerprint(text, 0, options).ok().map(|f| f.hex)
}

/// The statement of a `PREPARE name AS statement`.
fn prepared(text: &str) -> Option<String> {
    let first = text.split_whitespace().next()?;
    if !first.eq_ignore_ascii_case("prepare") {
        return None;
    }
    let parsed = pg_query::parse(text, 0).ok()?;
    let statement = parsed.protobuf.stmts.first()?.stmt.as_ref()?;
    match statement.node.as_ref()? {
        NodeEnum::PrepareStmt(prepare) => prepare
            .query
            .as_ref()?
            .node
            .as_ref()?
            .deparse(DeparseOptions::default())
            .ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_constants_do_not_count_and_tables_do() {
        let same = |a: &str, b: &str| fingerprint(a) == fingerprint(b);
        assert!(same(
            "SELECT a FROM t WHERE b = 1 LIMIT 20",
            "select a from t where b=$1 limit $2"
        ));
        assert!(!same("SELECT x.a FROM tasks x", "SELECT x.a FROM plans x"));
        assert!(!same("SELECT a FROM part_1", "SELECT a FROM part_2"));
        assert_eq!(fingerprint("SELEC"), None);
        let plain = "SELECT a FROM t WHERE b = $1";
        assert!(same(
            "PREPARE p(int2) AS SELECT a FROM t WHERE b = $1",
            plain
        ));
        assert!(same("prepare p as select a from t where b = $1", plain));
        assert!(fingerprint("PREPARE TRANSACTION 'x'").is_some());
    }
}
