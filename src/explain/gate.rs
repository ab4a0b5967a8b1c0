//! What may be explained, and what may be executed by EXPLAIN ANALYZE. Unknown means no.

use std::collections::BTreeSet;

use pg_query::protobuf::Token;
use pg_query::{NodeEnum, ParserOptions};
use serde_json::Value;

/// Why a statement is not explained, or not executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The text does not parse.
    #[error("its text does not parse: {0}")]
    Unparsable(String),
    /// There is not exactly one statement.
    #[error("it is not exactly one statement")]
    NotOne,
    /// It is a utility command.
    #[error("it is a utility command, which has no plan")]
    NoPlan,
    /// It is an EXPLAIN itself.
    #[error("it begins with EXPLAIN, which dbperf adds by itself: leave it out")]
    Explain,
    /// It changes nothing, or something else than rows.
    #[error("it is no INSERT, UPDATE, DELETE or MERGE, and no SELECT that locks or changes rows")]
    NoChange,
    /// It is not a plain SELECT.
    #[error(
        "it is not a plain SELECT: only SELECT without INTO, locking or data-modifying WITH is executed"
    )]
    NotSelect,
    /// It calls a function that does more than compute.
    #[error("it calls {0}(), which may do more than read")]
    Function(String),
}

/// Families of functions that act outside the transaction, on other sessions, on files or by
/// running text as SQL, although a read-only transaction allows them (checked on 13 to 18). Some,
/// such as `txid_current`, are not even volatile.
const DENIED_PREFIXES: [&str; 34] = [
    "crosstab",
    "cursor_to_xml",
    "database_to_xml",
    "dblink",
    "lo_",
    "nextval",
    "pg_advisory",
    "pg_backup",
    "pg_cancel",
    "pg_create_",
    "pg_current_xact_id",
    "pg_drop_",
    "pg_export_snapshot",
    "pg_file_",
    "pg_logical_",
    "pg_ls_",
    "pg_notify",
    "pg_promote",
    "pg_read_",
    "pg_reload_conf",
    "pg_replication_",
    "pg_rotate_logfile",
    "pg_sleep",
    "pg_stat_reset",
    "pg_stat_statements_reset",
    "pg_switch_wal",
    "pg_terminate",
    "pg_wal_replay_",
    "query_to_xml",
    "schema_to_xml",
    "set_config",
    "setval",
    "table_to_xml",
    "txid_current",
];

/// Volatile functions that only compute.
const HARMLESS_VOLATILE: [&str; 5] = [
    "clock_timestamp",
    "gen_random_uuid",
    "random",
    "random_normal",
    "timeofday",
];

/// The text is one statement that has a plan: SELECT, INSERT, UPDATE, DELETE or MERGE.
#[must_use]
pub fn explainable(text: &str) -> bool {
    explainable_or_why(text).is_ok()
}

/// [`explainable`], with the reason where it is not.
///
/// # Errors
/// The text does not parse, is not one statement, or has no plan.
pub(super) fn explainable_or_why(text: &str) -> Result<(), Refusal> {
    match only_statement(text)? {
        NodeEnum::SelectStmt(_)
        | NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => Ok(()),
        NodeEnum::ExplainStmt(_) => Err(Refusal::Explain),
        _ => Err(Refusal::NoPlan),
    }
}

/// [`executable`] of a statement that changes or locks rows: the functions that it calls. A sequence may be advanced,
/// which nothing undoes but which harms nobody.
///
/// # Errors
/// It is another statement, or it calls a function of a denied family.
pub(super) fn changes(text: &str) -> Result<Vec<String>, Refusal> {
    match only_statement(text)? {
        NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => {}
        // SELECT INTO makes a table.
        NodeEnum::SelectStmt(select) if select.into_clause.is_none() && names_a_change(text)? => {}
        _ => return Err(Refusal::NoChange),
    }
    let called = called_names(text)?;
    match called.iter().find(|name| denied(name) && !advances(name)) {
        Some(name) => Err(Refusal::Function(name.clone())),
        None => Ok(called.into_iter().collect()),
    }
}

/// It advances a sequence, as the default of a `serial` column does.
pub(super) fn advances(name: &str) -> bool {
    name == "nextval"
}

/// The names that stand before an opening parenthesis: every function the statement calls, and a
/// few keywords beside them.
///
/// # Errors
/// The statement is not a plain SELECT, or it calls a function of a denied family.
pub(super) fn executable(text: &str) -> Result<Vec<String>, Refusal> {
    let NodeEnum::SelectStmt(select) = only_statement(text)? else {
        return Err(Refusal::NotSelect);
    };
    let modifies = names_a_change(text)?;
    if modifies || select.into_clause.is_some() || !select.locking_clause.is_empty() {
        return Err(Refusal::NotSelect);
    }
    let called = called_names(text)?;
    match called.iter().find(|name| denied(name)) {
        Some(name) => Err(Refusal::Function(name.clone())),
        None => Ok(called.into_iter().collect()),
    }
}

/// The first function of a denied family that the statement calls: one that acts outside of its
/// transaction, on other sessions or on files. `None` for none, and for a text that does not scan.
#[must_use]
pub fn acts_beyond(text: &str) -> Option<String> {
    called_names(text)
        .ok()?
        .into_iter()
        .find(|name| denied(name))
}

/// Every function that a plan calls, with those that views and inlined functions brought in and the
/// text does not show; read off its expressions.
///
/// # Errors
/// An expression does not scan, or calls a function of a denied family.
pub(super) fn called_in_plan(plan: &Value) -> Result<BTreeSet<String>, Refusal> {
    let names = calls_of(plan)?;
    match names.iter().find(|name| denied(name)) {
        Some(name) => Err(Refusal::Function(name.clone())),
        None => Ok(names),
    }
}

/// [`called_in_plan`] for a plan of a change, which may advance sequences.
///
/// # Errors
/// As [`called_in_plan`].
pub(super) fn called_in_change(plan: &Value) -> Result<BTreeSet<String>, Refusal> {
    let names = calls_of(plan)?;
    match names.iter().find(|name| denied(name) && !advances(name)) {
        Some(name) => Err(Refusal::Function(name.clone())),
        None => Ok(names),
    }
}

fn calls_of(plan: &Value) -> Result<BTreeSet<String>, Refusal> {
    let mut names = BTreeSet::new();
    collect_calls(plan, &mut names)?;
    Ok(names)
}

fn collect_calls(plan: &Value, names: &mut BTreeSet<String>) -> Result<(), Refusal> {
    match plan {
        Value::String(text) => names.extend(called_names(text)?),
        Value::Array(items) => {
            for item in items {
                collect_calls(item, names)?;
            }
        }
        Value::Object(fields) => {
            if let Some(Value::String(name)) = fields.get("Function Name") {
                names.insert(name.to_lowercase());
            }
            // Settings such as `300kB` are no expressions, and need not scan as such.
            let expressions = fields.iter().filter(|(key, _)| *key != "Settings");
            for (_, value) in expressions {
                collect_calls(value, names)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// A volatile function is executed only if it is known to do nothing but compute.
pub(super) fn harmless_volatile(name: &str) -> bool {
    HARMLESS_VOLATILE.contains(&name)
}

/// Any word that changes or locks rows, wherever it stands: the tree's walk does not reach every
/// node, the tokens leave none out. A column of such a name is refused with the rest.
fn names_a_change(text: &str) -> Result<bool, Refusal> {
    const CHANGES: [Token; 5] = [
        Token::Insert,
        Token::Update,
        Token::DeleteP,
        Token::Merge,
        Token::Into,
    ];
    let scanned = pg_query::scan(text).map_err(|e| Refusal::Unparsable(e.to_string()))?;
    let kinds: Vec<i32> = scanned.tokens.iter().map(|t| t.token).collect();
    let changes = kinds
        .iter()
        .any(|kind| CHANGES.iter().any(|c| *kind == *c as i32));
    let locks = kinds.windows(2).any(|pair| {
        pair[0] == Token::For as i32
            && [Token::Share, Token::No, Token::Key]
                .iter()
                .any(|c| pair[1] == *c as i32)
    });
    Ok(changes || locks)
}

fn denied(name: &str) -> bool {
    DENIED_PREFIXES.iter().any(|p| name.starts_with(p))
}

fn only_statement(text: &str) -> Result<NodeEnum, Refusal> {
    let parsed = pg_query::parse(text, ParserOptions::default())
        .map_err(|e| Refusal::Unparsable(e.to_string()))?;
    let mut statements = parsed.protobuf.stmts;
    match (statements.pop(), statements.is_empty()) {
        (Some(raw), true) => raw.stmt.and_then(|n| n.node).ok_or(Refusal::NotOne),
        _ => Err(Refusal::NotOne),
    }
}

/// Read off the tokens and not the tree: the tree's walk does not reach every node.
fn called_names(text: &str) -> Result<BTreeSet<String>, Refusal> {
    let scanned = pg_query::scan(text).map_err(|e| Refusal::Unparsable(e.to_string()))?;
    let code = scanned
        .tokens
        .iter()
        .filter(|t| t.token != Token::SqlComment as i32 && t.token != Token::CComment as i32);
    let mut names = BTreeSet::new();
    let mut before: Option<&str> = None;
    for token in code {
        let range = usize::try_from(token.start)
            .ok()
            .zip(usize::try_from(token.end).ok());
        let word = range.and_then(|(start, end)| text.get(start..end));
        if token.token == Token::Ascii40 as i32
            && let Some(name) = before
        {
            names.insert(name.trim_matches('"').to_lowercase());
        }
        before = word;
    }
    Ok(names)
}

/// The highest `$n` of a text: the number of its parameters.
///
/// # Errors
/// The text does not even consist of tokens.
pub(super) fn parameter_count(text: &str) -> Result<usize, Refusal> {
    let scanned = pg_query::scan(text).map_err(|e| Refusal::Unparsable(e.to_string()))?;
    let numbers = scanned
        .tokens
        .iter()
        .filter(|t| t.token == Token::Param as i32)
        .filter_map(|t| {
            let range = usize::try_from(t.start).ok()?..usize::try_from(t.end).ok()?;
            text.get(range)?.strip_prefix('$')?.parse::<usize>().ok()
        });
    Ok(numbers.max().unwrap_or(0))
}

/// The text with `$n::interval` for `interval $n`: `pg_stat_statements` puts a parameter where a
/// typed literal stood, which the server's own grammar does not allow. Likewise for dates, times and
/// every type that is no keyword.
#[must_use]
pub fn with_casts(text: &str) -> String {
    const TYPES: [&str; 5] = ["date", "interval", "time", "timestamp", "timestamptz"];
    let Ok(scanned) = pg_query::scan(text) else {
        return text.to_owned();
    };
    let mut cast = String::with_capacity(text.len());
    let mut kept = 0;
    for pair in scanned.tokens.windows(2) {
        let place = |at: i32| usize::try_from(at).unwrap_or(usize::MAX);
        let (start, end) = (place(pair[0].start), place(pair[0].end));
        let (from, to) = (place(pair[1].start), place(pair[1].end));
        let (Some(word), Some(parameter)) = (text.get(start..end), text.get(from..to)) else {
            return text.to_owned();
        };
        let name = word.to_lowercase();
        // A name in front of a parameter is that of a type, and of nothing else.
        let of_type = TYPES.contains(&name.as_str()) || pair[0].token == Token::Ident as i32;
        if pair[1].token == Token::Param as i32 && of_type {
            let name = if word.starts_with('"') { word } else { &name };
            cast.push_str(text.get(kept..start).unwrap_or_default());
            cast.extend([parameter, "::", name]);
            kept = to;
        }
    }
    cast.push_str(text.get(kept..).unwrap_or_default());
    cast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statements_with_a_plan_are_explained() {
        assert!(explainable("SELECT * FROM t WHERE id = $1"));
        assert!(explainable(
            "INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING"
        ));
        for text in [
            "BEGIN",
            "SET x = $1",
            "VACUUM t",
            "SELECT 1; DELETE FROM t",
            "",
            "SELEC",
        ] {
            assert!(!explainable(text), "{text}");
        }
    }

    #[test]
    fn attacks_are_refused() {
        for text in [
            "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM (SELECT * FROM t FOR SHARE) s",
            "SELECT * INTO u FROM t",
            "INSERT INTO t VALUES (1)",
            "SELECT 1; SELECT 2",
            "COMMIT",
        ] {
            assert!(
                matches!(executable(text), Err(Refusal::NotSelect | Refusal::NotOne)),
                "{text}: {:?}",
                executable(text)
            );
        }
        for text in [
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
            "SELECT pg_catalog.pg_read_file($1)",
            "SELECT 1 ORDER BY \"pg_cancel_backend\" ( $1 )",
            "SELECT count(*) FILTER (WHERE pg_advisory_lock($1) IS NULL)",
            "SELECT * FROM dblink($1, $2) AS d(a int)",
            "SELECT txid_current()",
            "SELECT set_config($1, $2, false)",
            "SELECT query_to_xml($1, true, true, $2)",
            "SELECT pg_stat_statements_reset()",
        ] {
            assert!(
                matches!(executable(text), Err(Refusal::Function(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn only_changes_of_rows_are_changes() {
        for text in [
            "INSERT INTO t VALUES (nextval('s'), lower($1))",
            "UPDATE t SET a = 1",
            "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
            "SELECT * FROM t FOR UPDATE",
        ] {
            assert!(changes(text).is_ok(), "{text}: {:?}", changes(text));
        }
        for text in [
            "SELECT * FROM t",
            "SELECT * INTO u FROM t",
            "TRUNCATE t",
            "CREATE TABLE u AS SELECT * FROM t",
            "COPY t FROM STDIN",
            "DO $$ BEGIN DELETE FROM t; END $$",
        ] {
            assert_eq!(changes(text), Err(Refusal::NoChange), "{text}");
        }
        assert_eq!(changes("COMMIT; DELETE FROM t"), Err(Refusal::NotOne));
        for text in [
            "INSERT INTO t SELECT setval('s', 1)",
            "DELETE FROM t WHERE pg_advisory_lock(1) IS NULL",
        ] {
            assert!(matches!(changes(text), Err(Refusal::Function(_))), "{text}");
        }
    }

    #[test]
    fn an_explain_is_told_to_be_left_out() {
        let refused = explainable_or_why("EXPLAIN ANALYZE SELECT 1").unwrap_err();
        assert!(refused.to_string().contains("leave it out"));
    }

    #[test]
    fn what_acts_beyond_its_transaction_is_found_in_any_statement() {
        let call = |text| acts_beyond(text);
        assert_eq!(
            call("SELECT pg_reload_conf()").as_deref(),
            Some("pg_reload_conf")
        );
        assert_eq!(
            call("INSERT INTO t VALUES (nextval($1))").as_deref(),
            Some("nextval")
        );
        assert_eq!(call("SELECT lower(a) FROM t"), None);
    }

    #[test]
    fn functions_are_named_for_the_servers_own_answer() {
        let called =
            executable("SELECT lower(name), my.f (id) /* g( */ FROM t WHERE a IN ($1)").unwrap();
        assert!(called.contains(&"lower".to_owned()) && called.contains(&"f".to_owned()));
        assert!(!called.contains(&"g".to_owned()));
    }

    #[test]
    fn a_plan_shows_what_a_view_calls() {
        let plan = serde_json::json!({"Plan": {"Node Type": "Seq Scan",
            "Filter": "(my.f(id) > 1)", "Plans": [{"Node Type": "Function Scan",
            "Function Name": "generate_series", "Output": ["lower(name)"]}]}});
        let called = called_in_plan(&plan).unwrap();
        for name in ["f", "generate_series", "lower"] {
            assert!(called.contains(name), "{name}");
        }
        let plan =
            serde_json::json!({"Plan": {"Output": ["a"]}, "Settings": {"work_mem": "300kB"}});
        assert!(called_in_plan(&plan).unwrap().is_empty());
        let plan = serde_json::json!({"Plan": {"Output": ["pg_terminate_backend(pid)"]}});
        assert!(matches!(called_in_plan(&plan), Err(Refusal::Function(_))));
    }

    #[test]
    fn typed_literals_that_became_parameters_are_cast() {
        assert_eq!(
            with_casts("SELECT now() - INTERVAL $1, date $2, 'interval $3', t.time FROM t"),
            "SELECT now() - $1::interval, $2::date, 'interval $3', t.time FROM t"
        );
        assert_eq!(
            with_casts("SELECT uuid $1, \"My T\" $2, a AS b FROM t c WHERE d = $3"),
            "SELECT $1::uuid, $2::\"My T\", a AS b FROM t c WHERE d = $3"
        );
        assert_eq!(with_casts("SELECT 'unterminated"), "SELECT 'unterminated");
    }

    #[test]
    fn parameters_are_counted_by_their_highest_number() {
        assert_eq!(parameter_count("SELECT '$9', $2 /* $7 */ + $1").unwrap(), 2);
        assert_eq!(parameter_count("SELECT 1").unwrap(), 0);
    }
}
