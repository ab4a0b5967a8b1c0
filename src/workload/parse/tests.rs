use super::generators::generator;
use super::*;
use crate::workload::{Generator, Pick};

const SAMPLE: &str = include_str!("../../../fixtures/workload/sample.sql");

fn parsed(text: &str) -> Workload {
    Workload::parse(text, "w.sql").unwrap()
}

#[test]
fn the_sample_says_everything_that_the_format_has() {
    let workload = parsed(SAMPLE);
    assert_eq!(workload.title.as_deref(), Some("architect"));
    assert_eq!(workload.defaults.clients, Some(16));
    assert_eq!(workload.defaults.pool_size, Some(4));
    let think = workload.defaults.think.unwrap();
    assert_eq!((think.min.as_millis(), think.max.as_secs()), (500, 2));
    assert!(workload.writes);
    let [list, update, order] = workload.operations.as_slice() else {
        panic!("three operations");
    };
    assert_eq!(list.name, "GET /lords/architect/initiatives");
    assert_eq!((list.weight, list.transaction), (30, None));
    assert_eq!(
        list.params[1].generator,
        Generator::Choice {
            values: vec![
                ("active".to_owned(), 6),
                ("draft".to_owned(), 3),
                ("on hold".to_owned(), 1)
            ]
        }
    );
    let foreach = list.statements[1].foreach.as_ref().unwrap();
    assert_eq!((foreach.statement, foreach.column.as_str()), (0, "id"));
    assert_eq!(list.statements[1].params, ["id"]);
    assert_eq!(
        list.statements[1].sql,
        "SELECT count(*) FROM tasks WHERE initiative_id = $1"
    );
    assert_eq!(
        (update.weight, update.transaction),
        (
            1,
            Some(TransactionShape {
                rollback_ratio: 0.05
            })
        )
    );
    assert_eq!(update.statements[0].name, "statement 1");
    assert_eq!(update.statements[0].kind, StatementKind::Write);
    assert_eq!(update.statements[0].params, ["progress", "id"]);
    assert_eq!(order.slots().count(), 20);
    assert_eq!(order.params[0].names, ["workspace_id", "owner_id"]);
    let Generator::FromResult {
        statement, pick, ..
    } = &order.params.last().unwrap().generator
    else {
        panic!("a result");
    };
    assert_eq!((*statement, *pick), (0, Pick::Random));
    let [first, second, third] = order.statements.as_slice() else {
        panic!("three statements");
    };
    assert!(!first.pipelined && !second.pipelined && third.pipelined);
    assert_eq!(second.think.unwrap().max.as_millis(), 20);
}

#[test]
fn sampled_parameters_are_in_the_order_of_the_statement_and_repeat() {
    let workload = parsed(SAMPLE);
    let first = workload.sample_params(0, 0, 3).unwrap();
    assert_eq!(first.len(), 2);
    let workspace: i64 = first[0].as_ref().unwrap().parse().unwrap();
    assert!((1..=200).contains(&workspace));
    assert!(["active", "draft", "on hold"].contains(&first[1].as_deref().unwrap()));
    assert_eq!(workload.sample_params(0, 0, 3).unwrap(), first);
    assert_eq!(workload.sample_params(0, 1, 3).unwrap(), [None]);
    assert_eq!(workload.sample_params(9, 0, 3), None);
}

/// Each bad file with its line and the words that must be in the message.
const WRONG: &[(&str, usize, &str)] = &[
    (
        "-- operation: a\n-- transaction: rollback 5\nSELECT 1;",
        2,
        "`rollback N%`",
    ),
    (
        "-- operation: a\n-- transaction: rollback 101%\nSELECT 1;",
        2,
        "from 0 to 100",
    ),
    (
        "-- operation: a\n-- transaction\n-- transaction\nSELECT 1;",
        3,
        "already is a transaction",
    ),
    (
        "-- operation: a\nSELECT 1;\n-- think: 5ms\n",
        3,
        "`think` must be followed",
    ),
    (
        "-- operation: a\n-- think: later\nSELECT 1;",
        2,
        "such as `250ms`",
    ),
    (
        "-- operation: a\n-- pipelined\nSELECT 1;",
        3,
        "cannot be pipelined",
    ),
    (
        "-- operation: a\nSELECT 1;\n-- pipelined\n-- think: 1ms\nSELECT 1;",
        5,
        "cannot have `think`",
    ),
    (
        "-- operation: a\n-- statement: s\nSELECT 1 AS id;\n-- pipelined\n-- foreach: s.id\nSELECT :id;",
        6,
        "cannot be in a pipeline",
    ),
    (
        "-- pipelined\n-- operation: a\nSELECT 1;",
        1,
        "belongs below",
    ),
    (
        "-- operation: a\n-- param x: result s.id\nSELECT :x;",
        2,
        "it has: statement 1",
    ),
    (
        "-- operation: a\n-- param x: result s\nSELECT :x;",
        2,
        "STATEMENT.COLUMN",
    ),
    (
        "-- operation: a\n-- param x: result s.id\n-- statement: s\nSELECT :x;",
        2,
        "which runs later",
    ),
    (
        "-- operation: a\n-- param x: result s.id last\n-- statement: s\nSELECT 1 AS id;\n-- pipelined\nSELECT :x;",
        2,
        "in one pipeline",
    ),
    (
        "-- operation: a\n-- param x, y: uniform 1 2\nSELECT :x, :y;",
        2,
        "only `row` and `range`",
    ),
    (
        "-- operation: a\n-- param x: range t.a 0.1\nSELECT :x;",
        2,
        "draws two values",
    ),
    (
        "-- operation: a\n-- param x, x: row t(a, b)\nSELECT :x;",
        2,
        "declared twice",
    ),
    (
        "-- operation: a\n-- param x, y: row t(a, b)\nSELECT :x;",
        2,
        "`y` is never used",
    ),
    (
        "-- operation: a\n-- param x, y: row t(a, b) nulls\nSELECT :x, :y;",
        2,
        "`with nulls`",
    ),
    (
        "-- operation: a\n-- param x: column a\nSELECT :x;",
        2,
        "TABLE.COLUMN",
    ),
    (
        "-- operation: a\n-- param x, y: range t.a 0\nSELECT :x, :y;",
        2,
        "share above 0",
    ),
    (
        "-- operation: a\n-- param x: prefix t.a 0\nSELECT :x;",
        2,
        "from 1 to",
    ),
    (
        "-- operation: a\n-- param x: gaussian 1 9 1.5\nSELECT :x;",
        2,
        "at least 2",
    ),
    (
        "-- operation: a\n-- param x: exponential 1 9 0\nSELECT :x;",
        2,
        "above 0",
    ),
    (
        "-- operation: a\n-- param x: sequence 1 0\nSELECT :x;",
        2,
        "not 0",
    ),
    (
        "-- operation: a\n-- param x: sequence after t.a -1\nSELECT :x;",
        2,
        "above 0",
    ),
    (
        "-- operation: a\n-- param x: timestamp 2024-13-01 2024-12-01\nSELECT :x;",
        2,
        "found `2024-13-01`",
    ),
    (
        "-- operation: a\n-- param x: timestamp 2024-02-01 2024-01-01\nSELECT :x;",
        2,
        "after the second",
    ),
    ("-- dbperf workload: x\n", 1, "at least one `-- operation"),
    (
        "-- dbperf workload: x\nSELECT 1;",
        2,
        "belongs to no operation",
    ),
    ("-- operation: a\nSELECT 1", 2, "no `;`"),
    ("-- operation: a\n\nSELECT :x;", 3, "`:x` has no value"),
    ("-- operation: a\nSELEC 1;", 2, "cannot parse"),
    ("-- operation: a\nDELETE FROM t;", 2, "`-- writes`"),
    ("-- operation: a\nSELECT 1 FOR UPDATE;", 2, "`-- writes`"),
    ("-- operation: a\nCOMMIT;", 2, "-- transaction"),
    (
        "-- operation: a\n-- statement: s\n",
        1,
        "without a statement",
    ),
    (
        "-- operation: a\n-- operation: b\nSELECT 1;",
        1,
        "without a statement",
    ),
    (
        "-- operation: a\nSELECT 1;\n-- operation: a\nSELECT 1;",
        3,
        "already begun in line 1",
    ),
    ("-- operation:\nSELECT 1;", 1, "expects a name"),
    (
        "-- operation: a\n-- wieght: 3\nSELECT 1;",
        2,
        "`-- wieght:` is not a directive",
    ),
    (
        "-- operation: a\n-- weight: 0\nSELECT 1;",
        2,
        "at least 1, found `0`",
    ),
    (
        "-- operation: a\n-- weight: 1\n-- weight: 1\nSELECT 1;",
        3,
        "already has a weight",
    ),
    (
        "-- weight: 1\n-- operation: a\nSELECT 1;",
        1,
        "belongs below",
    ),
    (
        "-- operation: a\n-- clients: 3\nSELECT 1;",
        2,
        "above the first",
    ),
    (
        "-- clients: many\n-- operation: a\nSELECT 1;",
        1,
        "found `many`",
    ),
    (
        "-- think: soon\n-- operation: a\nSELECT 1;",
        1,
        "such as `250ms`",
    ),
    (
        "-- think: 5s..1s\n-- operation: a\nSELECT 1;",
        1,
        "below its shortest",
    ),
    (
        "-- operation: a\n-- param x: normal 1 2\nSELECT :x;",
        2,
        "expected `uniform LO HI`",
    ),
    (
        "-- operation: a\n-- param x: uniform 2 1\nSELECT :x;",
        2,
        "above the second",
    ),
    (
        "-- operation: a\n-- param x: uniform a 1\nSELECT :x;",
        2,
        "whole number, found `a`",
    ),
    (
        "-- operation: a\n-- param x: zipf 1 9 0\nSELECT :x;",
        2,
        "exponent above 0",
    ),
    (
        "-- operation: a\n-- param x: choice a:no\nSELECT :x;",
        2,
        "found weight `no`",
    ),
    (
        "-- operation: a\n-- param x: choice 'a\nSELECT :x;",
        2,
        "is not closed",
    ),
    (
        "-- operation: a\n-- param x: text long\nSELECT :x;",
        2,
        "found `long`",
    ),
    (
        "-- operation: a\n-- param 1x: text 1\nSELECT 1;",
        2,
        "not a parameter name",
    ),
    (
        "-- operation: a\n-- param x: text 1\nSELECT 1;",
        2,
        "never used",
    ),
    (
        "-- operation: a\n-- param x: text 1\n-- param x: text 1\nSELECT :x;",
        3,
        "twice",
    ),
    (
        "-- operation: a\n-- foreach: s.id\nSELECT :id;",
        2,
        "earlier are: none",
    ),
    (
        "-- operation: a\n-- statement: s\nSELECT 1;\n-- foreach: s\nSELECT :id;",
        4,
        "STATEMENT.COLUMN",
    ),
    (
        "-- operation: a\n-- statement: s\nSELECT 1;\n-- foreach: s.id\nSELECT 2;",
        5,
        "does not use it",
    ),
    (
        "-- operation: a\n-- statement: s\nSELECT 1;\n-- foreach: s.id\n",
        4,
        "must be followed",
    ),
    (
        "-- operation: a\n-- param id: text 1\n-- statement: s\nSELECT :id;\n-- foreach: s.id\nSELECT :id;",
        6,
        "both `param` and `foreach`",
    ),
    (
        "-- operation: a\n-- statement: s\nSELECT 1;\n-- statement: s\nSELECT 1;",
        4,
        "already has a statement",
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (text, line, part) in WRONG {
        let error = Workload::parse(text, "w.sql").unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("w.sql:{line}: ")),
            "{text}: {error}"
        );
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!(Workload::parse("-- operation: a\nSELECT 1;", "w.sql").is_ok());
}

#[test]
fn other_files_are_told_apart_by_content() {
    let pgbench =
        "\\set aid random(1, 100000)\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n";
    let script = Workload::parse(pgbench, "s.sql").unwrap();
    assert_eq!((script.scripts.len(), script.operations.len()), (1, 0));
    let wrong = Workload::parse("\\set aid random(\nSELECT 1;", "s.sql").unwrap_err();
    assert!(wrong.to_string().starts_with("s.sql:1"), "{wrong}");
    let error = Workload::parse("Dear diary,\n", "s.sql").unwrap_err();
    assert_eq!(
        error,
        WorkloadError::NotAWorkload {
            file: "s.sql".to_owned()
        }
    );
    assert!(Workload::parse("", "s.sql").is_err());
}

#[test]
fn comments_are_comments() {
    let text = "-- Note: an N+1 on purpose\n-- see https://example.org\n-- https://example.org\n\
                -- operation: a\n-- lists: of things, spelled in: full\nSELECT 1;";
    let error = Workload::parse(text, "w.sql").unwrap_err().to_string();
    assert!(
        error.contains("w.sql:5") && error.contains("`-- lists:`"),
        "{error}"
    );
    let text = text.replace("-- lists:", "-- Lists:");
    assert_eq!(parsed(&text).operations.len(), 1);
}

#[test]
fn generators_read_quotes_weights_and_decimals() {
    for (text, expected) in [
        (
            "uniform 0.5 9.99",
            Generator::UniformDecimal {
                lo: 50,
                hi: 999,
                scale: 2,
            },
        ),
        (
            "uniform -0.5 1",
            Generator::UniformDecimal {
                lo: -5,
                hi: 10,
                scale: 1,
            },
        ),
        ("uniform -3 4", Generator::Uniform { lo: -3, hi: 4 }),
        ("sequence 7", Generator::Sequence { start: 7, step: 1 }),
        (
            "choice 'it''s: a':2 b '':3",
            Generator::Choice {
                values: vec![
                    ("it's: a".to_owned(), 2),
                    ("b".to_owned(), 1),
                    (String::new(), 3),
                ],
            },
        ),
    ] {
        assert_eq!(generator(text).unwrap().generator, expected, "{text}");
    }
}

#[test]
fn every_generator_is_written_as_it_is_read() {
    for text in [
        "uniform -3 4",
        "uniform -0.50 9.99",
        "zipf 1 200 1.2",
        "exponential 1 9 2.5",
        "gaussian 1 9 2.5",
        "choice 'it''s: a':2 'b' '':3",
        "sequence 7",
        "sequence 7 -2",
        "sequence after s.t.id",
        "sequence after t.id 10",
        "text 40",
        "uuid",
        "timestamp 2024-05-01T00:00:00Z 2024-06-01T12:30:00.5Z",
        "column s.t.a",
        "column t.a with nulls",
        "statistics t.\"A b\"",
        "statistics t.a with nulls",
        "range t.a 0.01",
        "prefix t.a 3",
        "array t.a 5",
        "row t(a, \"B\")",
        "row s.t(a, b) with nulls",
    ] {
        let read = generator(text).unwrap();
        assert_eq!(
            (read.generator.to_string().as_str(), read.of_statement),
            (text, None)
        );
    }
    let read = generator("result list items.id random").unwrap();
    assert_eq!(read.of_statement.as_deref(), Some("list items"));
    assert_eq!(read.generator.to_string(), "result statement 1.id random");
}

proptest::proptest! {
    /// Whatever the bytes are, the parser answers.
    #[test]
    fn never_panics(body in "(-- (operation|param x|param x, y|foreach|weight|think|statement|transaction): ?[a-z0-9.' ]{0,12}\n|[ -~\n]{0,30}){0,6}") {
        let _ = Workload::parse(&format!("-- dbperf workload\n{body}"), "w.sql");
    }

    #[test]
    fn scanning_never_panics(text in ".{0,60}") {
        let _ = scan::scan(&text, 0);
    }
}
