//! Meta commands.

use super::{error, read, shape};
use crate::workload::pgbench::{Command, Var};
use std::time::Duration;

#[test]
fn conditions_become_jumps() {
    assert_eq!(shape("\\if 1\nSELECT 1;\n\\endif"), "unless:2 sql");
    assert_eq!(
        shape("\\if 1\nSELECT 1;\n\\else\nSELECT 2;\n\\endif\nSELECT 3;"),
        "unless:3 sql jump:4 sql sql"
    );
    assert_eq!(
        shape("\\if 0\n\\elif 1\nSELECT 1;\n\\elif 2\n\\else\nSELECT 2;\n\\endif"),
        "unless:2 jump:7 unless:5 sql jump:7 unless:7 jump:8 sql".replace("jump:7", "jump:8")
    );
    assert_eq!(
        shape("\\if 1\n\\if 2\n\\set a 1\n\\endif\n\\else\n\\set a 2\n\\endif"),
        "unless:4 unless:3 set jump:5 set"
    );
}

#[test]
fn conditions_that_do_not_match_are_refused() {
    for (text, expected) in [
        ("\\if 1", "1: \\if without matching \\endif"),
        ("\\elif 1", "1: \\elif without matching \\if"),
        ("\\else", "1: \\else without matching \\if"),
        ("\\endif", "1: \\endif without matching \\if"),
        (
            "\\if 1\n\\else\n\\elif 0\n\\endif",
            "3: \\elif after \\else",
        ),
        ("\\if 1\n\\else\n\\else\n\\endif", "3: \\else after \\else"),
        (
            "\\if 1\n\\if 1\n\\endif\n",
            "1: \\if without matching \\endif",
        ),
        (
            "\\if\n\\endif\n",
            "1:4: syntax error: unexpected the end of the line in command \"if\"",
        ),
        ("\\if 0\n\\elif +\n\\endif\n", "2:8: syntax error"),
        (
            "\\if 0\n\\else BAD\n\\endif\n",
            "2:7: unexpected argument in command \"else\"",
        ),
        (
            "\\if 0\n\\endif BAD\n",
            "2:8: unexpected argument in command \"endif\"",
        ),
    ] {
        let found = error(text);
        assert!(
            found.starts_with(&format!("test.sql:{expected}")),
            "{text}: {found}"
        );
    }
}

#[test]
fn results_go_to_the_statement_before() {
    assert_eq!(shape("SELECT 1 AS a \\gset"), "sql>");
    assert_eq!(shape("SELECT 1 AS a; \\GSET x_\n"), "sql>x_");
    assert_eq!(
        shape("SELECT 1 AS a \\; SELECT 2 AS b \\gset p_"),
        "sql sql>p_"
    );
    assert_eq!(
        shape("SELECT 1 AS a \\; SELECT 2 AS b \\aset"),
        "sql>* sql>*"
    );
    assert_eq!(
        shape("\\; \\; SELECT 0 AS i5 \\; SELECT 5 AS i5 \\; \\; \\gset\n\\set i :i5"),
        "sql sql> set"
    );
    let joined =
        |text: &str| -> Vec<bool> { read(text).statements().map(|(_, sql)| sql.joined).collect() };
    assert_eq!(
        joined("SELECT 1\\; SELECT 2\\; ; SELECT 3;"),
        [true, false, false]
    );

    let script = read("SELECT 1 AS a \\gset x_\nSELECT :x_a;");
    let (_, first) = script.statements().next().unwrap();
    assert_eq!(script.store_target(first, "a"), Ok(script.variable("x_a")));
    assert_eq!(script.store_target(first, "unused"), Ok(None));
    for column in ["?column?", "bad name!", ""] {
        let error = script
            .store_target(first, column)
            .map_err(|e| e.to_string());
        match column {
            "" => assert_eq!(error, Ok(None), "`x_` is a name"),
            _ => assert!(error.unwrap_err().starts_with("line 1: error storing into")),
        }
    }
}

#[test]
fn results_without_a_statement_are_refused() {
    for (text, expected) in [
        ("\\gset", "1: \\gset must follow an SQL command"),
        ("\\set i +1\n\\gset", "2: \\gset must follow an SQL command"),
        (
            "SELECT 1 AS i \\gset\n\\aset",
            "2: \\aset must follow an SQL command",
        ),
        (
            "SELECT 1; \\if 1\n\\gset\n\\endif",
            "2: \\gset must follow an SQL command",
        ),
        (
            "SELECT 1 \\gset a b",
            "1:18: too many arguments in command \"gset\"",
        ),
        ("SELECT 1 \\gset 1a", "1:16: invalid variable name `1a`"),
    ] {
        let found = error(text);
        assert!(
            found.starts_with(&format!("test.sql:{expected}")),
            "{text}: {found}"
        );
    }
}

#[test]
fn sleeps_have_an_amount_and_a_unit() {
    let time = |command: &str| {
        let script = read(&format!("\\set one 1.0\n{command}"));
        let mut vars = script.new_vars();
        let value = Var::from_text("2.9 or so");
        script.define(&mut vars, "two", value).unwrap();
        script.define(&mut vars, "one", Var::Double(1.0)).unwrap();
        script.define(&mut vars, "none", Var::Bool(true)).unwrap();
        match &script.commands[1] {
            Command::Sleep(sleep) => script.sleep_time(sleep, &vars).map_err(|e| e.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(time("\\sleep :one ms"), Ok(Duration::from_millis(1)));
    assert_eq!(time("\\sleep 100 US"), Ok(Duration::from_micros(100)));
    assert_eq!(time("\\sleep 2ms"), Ok(Duration::from_millis(2)));
    assert_eq!(time("\\sleep 3"), Ok(Duration::from_secs(3)));
    assert_eq!(time("\\sleep :two s"), Ok(Duration::from_secs(2)));
    assert_eq!(time("\\sleep -1"), Ok(Duration::ZERO));
    assert_eq!(time("\\sleep +"), Ok(Duration::ZERO));
    assert_eq!(
        time("\\sleep :nosuchvariable"),
        Err("line 2: undefined variable \"nosuchvariable\"".to_owned())
    );
    assert_eq!(
        time("\\sleep :none"),
        Err("line 2: invalid sleep time for variable \"none\"".to_owned())
    );
    for (text, expected) in [
        ("\\sleep", "1:1: missing argument in command \"sleep\""),
        (
            "\\sleep too many args",
            "1:17: too many arguments in command \"sleep\"",
        ),
        (
            "\\sleep 1 week",
            "1:10: unrecognized time unit, must be us, ms or s (week)",
        ),
        (
            "\\sleep 1week",
            "1:9: unrecognized time unit, must be us, ms or s (week)",
        ),
        (
            "\\sleep 1ms s",
            "1:8: invalid sleep time, must be an integer (1ms)",
        ),
        (
            "\\sleep x",
            "1:8: invalid sleep time, must be an integer (x)",
        ),
        ("\\sleep :a-b", "1:9: invalid variable name `a-b`"),
    ] {
        let found = error(text);
        assert!(
            found.starts_with(&format!("test.sql:{expected}")),
            "{text}: {found}"
        );
    }
}

#[test]
fn pipelines_are_checked_on_every_way_through_the_script() {
    assert_eq!(
        shape("\\startpipeline\nSELECT 1;\n\\syncpipeline\nSELECT 2;\n\\endpipeline"),
        "start sql sync sql end"
    );
    // On one way it works, so it is left to the run.
    read("\\if :a\n\\startpipeline\n\\endif\nSELECT 1;\n\\if :a\n\\endpipeline\n\\endif");
    for (text, expected) in [
        (
            "\\startpipeline\n\\startpipeline\n",
            "2: \\startpipeline: already in pipeline mode",
        ),
        (
            "SELECT 1;\n\\endpipeline\n",
            "2: \\endpipeline: not in pipeline mode",
        ),
        (
            "\\syncpipeline\n",
            "1: \\syncpipeline: not in pipeline mode",
        ),
        (
            "\\startpipeline\nSELECT 1 \\gset f\n\\endpipeline\n",
            "2: \\gset is not allowed in pipeline mode",
        ),
        (
            "\\startpipeline\nSELECT 1;\n",
            "1: \\startpipeline without \\endpipeline",
        ),
        (
            "\\if 1\n\\startpipeline\n\\else\n\\startpipeline\n\\endif\n\\startpipeline",
            "6: \\startpipeline: already in pipeline mode",
        ),
        (
            "\\startpipeline x\n",
            "1:16: unexpected argument in command \"startpipeline\"",
        ),
    ] {
        let found = error(text);
        assert!(
            found.starts_with(&format!("test.sql:{expected}")),
            "{text}: {found}"
        );
    }
}
