use super::*;
use crate::workload::StatementKind;
use crate::workload::pgbench::{BUILTINS, Var};
use proptest::prelude::*;

mod meta;

fn read(text: &str) -> Script {
    parse(text, "test.sql").unwrap()
}

fn error(text: &str) -> String {
    parse(text, "test.sql").unwrap_err().to_string()
}

/// The statements with their parameters by name.
fn sql(text: &str) -> Vec<(String, Vec<String>)> {
    let script = read(text);
    let named = |sql: &Sql| {
        let names = sql
            .params
            .iter()
            .map(|v| script.variable_name(*v).to_owned());
        (sql.sql.clone(), names.collect())
    };
    script.statements().map(|(_, sql)| named(sql)).collect()
}

fn one(text: &str) -> (String, Vec<String>) {
    let mut found = sql(text);
    assert_eq!(found.len(), 1, "{text}");
    found.remove(0)
}

/// The commands in a few letters each.
fn shape(text: &str) -> String {
    let letters = read(text)
        .commands
        .into_iter()
        .map(|command| match command {
            Command::Sql(sql) => match sql.store {
                Some(store) => format!("sql>{}{}", store.prefix, if store.all { "*" } else { "" }),
                None => "sql".to_owned(),
            },
            Command::Set { .. } => "set".to_owned(),
            Command::JumpUnless { to, .. } => format!("unless:{to}"),
            Command::Jump { to } => format!("jump:{to}"),
            Command::Sleep(_) => "sleep".to_owned(),
            Command::StartPipeline { .. } => "start".to_owned(),
            Command::SyncPipeline { .. } => "sync".to_owned(),
            Command::EndPipeline { .. } => "end".to_owned(),
        });
    letters.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_scripts_of_pgbench_are_read() {
    let shapes = BUILTINS.map(|builtin| shape(builtin.text));
    let sets = "set set set set ";
    assert_eq!(shapes[0], format!("{sets}sql sql sql sql sql sql sql"));
    assert_eq!(shapes[1], format!("{sets}sql sql sql sql sql"));
    assert_eq!(shapes[2], "set sql");
    let writes = BUILTINS.map(|builtin| read(builtin.text).writes());
    assert_eq!(writes, [true, true, false]);
    let insert = sql(BUILTINS[0].text).remove(5);
    let values = "VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)";
    assert!(insert.0.ends_with(values), "{}", insert.0);
    assert_eq!(insert.1, ["tid", "bid", "aid", "delta"]);
    assert!(read(BUILTINS[0].text).undefined(|_| false).is_empty());
}

#[test]
fn every_place_of_a_variable_has_a_number_of_its_own() {
    let (text, params) = one("SELECT :a, :b_2, :a::int FROM t WHERE x=:a;");
    assert_eq!(text, "SELECT $1, $2, $3::int FROM t WHERE x=$4");
    assert_eq!(params, ["a", "b_2", "a", "a"]);
    let script = read("SELECT :a, :a;");
    assert_eq!(script.variables, ["a"]);
    let (_, first) = script.statements().next().unwrap();
    assert_eq!(first.text, "SELECT :a, :a");
}

#[test]
fn what_only_looks_like_a_variable_stays() {
    for statement in [
        "SELECT ':b' || 'it''s :b;'",
        r"SELECT E'\':b;' || e'\\'",
        "SELECT E'a'\n  '\\':b'",
        "SELECT \"x;:b\" FROM t",
        "SELECT $$ ;:b $$ || $q$ $$ ; :b $q$",
        "SELECT /* :b /* ; */ ' */ 1",
        "SELECT x::text, y::int4, f(x := 1), '12:30:45'::time FROM t",
        "SELECT 'a\\'",
        "SELECT a[1 : 2], \u{e4}b$1 FROM t",
    ] {
        assert_eq!(
            one(statement),
            (statement.to_owned(), vec![]),
            "{statement}"
        );
    }
    let quoted = read("SELECT ':b', $$:c::d$$ -- :e\n;").quoted;
    let names: Vec<&str> = quoted.iter().map(|quoted| quoted.name.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn comments_stay_in_a_statement_and_go_before_it() {
    let (text, params) = one("-- first :a ; \\set\nSELECT 1 -- it's ; :a\n + :b;\n-- last");
    assert_eq!(text, "SELECT 1 -- it's ; :a\n + $1");
    assert_eq!(params, ["b"]);
    let script = read("\\set a 1\nSELECT 1 -- :a\n/* :a */;");
    assert_eq!(script.quoted, [], "a name in a comment does no harm");
    assert_eq!(shape("/* one */ \\set a 1\n/* two */"), "set");
}

#[test]
fn a_statement_ends_at_its_own_semicolon_a_meta_command_or_the_end() {
    assert_eq!(shape("SELECT ';'; SELECT 2"), "sql sql");
    assert_eq!(shape("SELECT 1 \\set a 1\nSELECT 2\n"), "sql set sql");
    assert_eq!(
        shape("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3;"),
        "sql sql"
    );
    let function = "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true \
                    THEN 1 END; SELECT 2; END; BEGIN; END;";
    assert_eq!(shape(function), "sql sql sql");
    assert_eq!(shape("BEGIN;SELECT 1;;"), "sql sql sql");
    let empty = &sql("SELECT 1;;")[1];
    assert_eq!(empty.0, "");
}

#[test]
fn lines_are_those_of_the_file() {
    let script = read("-- a\n\n SELECT\n1;\n\\set a \\\n 1 \n\\if :a\nSELECT 2;\\endif\n\\sleep 1");
    let lines: Vec<_> = script.commands.iter().map(Command::line).collect();
    assert_eq!(lines, [Some(3), Some(5), Some(7), Some(8), Some(9)]);
}

#[test]
fn files_of_windows_are_read() {
    let script = read("\\set a \\\r\n 1 +\\\r\n 2\r\n\\sleep 1 ms\r\nSELECT :a,\r\n 2;\r\n");
    let lines: Vec<_> = script.commands.iter().map(Command::line).collect();
    assert_eq!(lines, [Some(1), Some(4), Some(5)]);
}

#[test]
fn what_pgbench_or_the_server_would_refuse_is_refused_with_its_line() {
    let many = format!("\\set i 0\nSELECT LEAST({})", vec![":i"; 256].join(", "));
    for (text, expected) in [
        (
            "SELECT 1 +;\n",
            "1: PostgreSQL cannot parse this statement: syntax error",
        ),
        ("\n\nCOPY t TO STDOUT;", "3: COPY moves data"),
        (
            many.as_str(),
            "2: statement has too many arguments (maximum is 255)",
        ),
        ("\\set . 1", "1:6: invalid variable name `.`"),
        ("\\set", "1: missing argument in command \"set\""),
        (
            "\\set i",
            "1:7: syntax error: unexpected the end of the line",
        ),
        ("\\set i 1 +", "1:11: syntax error"),
        (
            "  \\set i ;",
            "1:10: unexpected character `;` in command \"set\"",
        ),
        (
            "\\nosuchcommand",
            "1:2: invalid command in command \"nosuchcommand\"",
        ),
        ("\\shell echo", "1:1: this would run a program"),
        ("\\setshell v \\\n echo 1", "1:1: this would run a program"),
        ("SELECT 'x;", "1:8: this string is not closed"),
        (r"SELECT E'x\';", "1:9: this string is not closed"),
        ("SELECT \"x;", "1:8: this quoted name is not closed"),
        ("SELECT /* /* */ ;", "1:8: this comment is not closed"),
        (
            "SELECT $a$ $b$;",
            "1:8: this dollar-quoted string is not closed",
        ),
        (
            "SELECT * FROM t:client_id;",
            "1:16: a variable cannot follow a name or number directly",
        ),
        (
            "SELECT a[1:n];",
            "1:11: a variable cannot follow a name or number directly",
        ),
        (
            "SET work_mem = :mem;",
            "1: the server takes no parameters in this kind of statement",
        ),
        (
            "CREATE TABLE :t (a int);",
            "1: PostgreSQL cannot parse this statement",
        ),
    ] {
        let found = error(text);
        assert!(
            found.starts_with(&format!("test.sql:{expected}")),
            "{text}: {found}"
        );
    }
    let hint = "a `:name` is sent as a parameter, which can only stand where a value can";
    assert!(error("CREATE TABLE :t (a int);").ends_with(hint));
    for text in ["", " \n-- only a comment\n", "/* c */", "\\\n"] {
        assert!(error(text).contains("empty command list"), "{text:?}");
    }
}

#[test]
fn a_variable_in_a_string_is_refused_where_pgbench_would_put_its_value() {
    let found = error("\\set a 1\nSELECT 'x',\n':a';");
    assert!(
        found.starts_with("test.sql:3: `:a` stands inside of a string"),
        "{found}"
    );
    assert!(error("SELECT 'client :client_id';").contains("'prefix' || :client_id"));
    // A name that nobody sets is ordinary text, until somebody does.
    let script = read("SELECT 'see :b';");
    let mut vars = script.new_vars();
    assert_eq!(script.define(&mut vars, "c", Var::Int(1)), Ok(()));
    assert!(script.define(&mut vars, "b", Var::Int(1)).is_err());
    assert!(script.define(&mut vars, "1", Var::Int(1)).is_err());
}

#[test]
fn kinds_are_told_by_the_grammar_and_transactions_do_not_write() {
    use StatementKind::{Read, Write};
    let kinds = |text: &str| -> Vec<StatementKind> {
        read(text).statements().map(|(_, sql)| sql.kind).collect()
    };
    assert_eq!(
        kinds("BEGIN; SELECT 1; SELECT 1 FOR UPDATE; INSERT INTO t VALUES (:a); END; ROLLBACK;"),
        [Read, Read, Write, Write, Read, Read]
    );
    assert_eq!(
        kinds("PREPARE TRANSACTION 'x'; COMMIT PREPARED 'x'; SAVEPOINT s; ;"),
        [Write, Write, Read, Read]
    );
    assert_eq!(
        kinds("EXPLAIN SELECT :a; CALL p(:a); DECLARE c CURSOR FOR SELECT :a;"),
        [Read, Write, Write]
    );
    assert_eq!(
        kinds("START TRANSACTION ISOLATION LEVEL SERIALIZABLE;"),
        [Read]
    );
}

#[test]
fn variables_that_nothing_sets_are_named_with_their_first_line() {
    let script = read(
        "SELECT 1 AS a \\gset p_\n\\set b :scale + :client_id\nSELECT :p_x, :b,\n:two;\n\
         \\if :three\n\\sleep :two\n\\endif\nSELECT :given;",
    );
    let found: Vec<(&str, usize)> = script
        .undefined(|name| name == "given")
        .into_iter()
        .map(|(var, line)| (script.variable_name(var), line))
        .collect();
    assert_eq!(found, [("two", 3), ("three", 5)]);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = parse(&text, "x");
        let _ = crate::workload::pgbench::recognises(&text);
    }

    #[test]
    fn nothing_that_looks_like_a_script_makes_the_parser_panic(
        parts in proptest::collection::vec(
            prop_oneof![
                "\\\\(set|if|elif|else|endif|gset|aset|sleep|startpipeline|endpipeline|;|:)",
                "SELECT|:a|:|1|\\(|\\)|;|'|\"|\\$\\$|\\$a\\$|--|/\\*|\\*/|E'|\\\\|\n|\u{e4}|begin|end",
                "create function|case when|then|else| |\t|\r\n|\\\\\n|random\\(1,2\\)|ms|x"
            ],
            0..40,
        ),
        blank in prop_oneof!["", " "],
    ) {
        let text = parts.join(&blank);
        if let Ok(script) = parse(&text, "x") {
            let end = script.commands.len();
            for (index, command) in script.commands.iter().enumerate() {
                if let Command::Jump { to } | Command::JumpUnless { to, .. } = command {
                    prop_assert!(index < *to && *to <= end, "jumps lead forward");
                }
                if let Command::Sql(sql) = command {
                    prop_assert_eq!(sql.text.matches(':').count() >= sql.params.len(), true);
                }
            }
        }
    }
}
