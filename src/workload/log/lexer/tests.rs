use super::*;

/// Statements with their gaps shown as `?` and `#`, and their highest parameter.
fn read(text: &str) -> Vec<(String, u32)> {
    let mut lexer = Lexer::default();
    assert!(lexer.read(text.as_bytes()), "{text}");
    let show = |part: &Part| {
        let mut shown = String::new();
        let mut at = part.from as usize;
        for gap in &lexer.gaps[part.gaps.0 as usize..part.gaps.1 as usize] {
            shown.push_str(&text[at..gap.from as usize]);
            shown.push(if gap.comment { '#' } else { '?' });
            at = gap.to as usize;
        }
        shown.push_str(&text[at..part.to as usize]);
        (shown, part.params)
    };
    lexer.parts.iter().map(show).collect()
}

fn one(text: &str) -> String {
    let found = read(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found[0].0.clone()
}

fn hash(text: &str) -> u64 {
    let mut lexer = Lexer::default();
    assert!(lexer.read(text.as_bytes()));
    lexer.parts[0].hash
}

#[test]
fn constants_are_gaps_and_names_are_not() {
    for (text, expected) in [
        (
            "SELECT a1, t2.b3 FROM t2 WHERE x = 17",
            "SELECT a1, t2.b3 FROM t2 WHERE x = ?",
        ),
        (
            "SELECT 'it''s', E'a\\'b', b'01', X'ff', U&'x', N'y'",
            "SELECT ?, ?, ?, ?, ?, ?",
        ),
        (
            "SELECT \"a 1 'b\" FROM U&\"x 1\"",
            "SELECT \"a 1 'b\" FROM U&\"x 1\"",
        ),
        (
            "SELECT $$a 'b' $$, $q$ $$ $q$, $1, a$1",
            "SELECT ?, ?, $1, a$1",
        ),
        (
            "SELECT 1.5, .5, 1e-5, 1E+5, 0xff, 1_000, 2.",
            "SELECT ?, ?, ?, ?, ?, ?, ?",
        ),
        (
            "SET x = -1, y=-2, z - 3, a-4, 'b'-5",
            "SET x = ?, y=?, z - ?, a-?, ?-?",
        ),
        (
            "SELECT a[1:2], int4'7' FROM t -- 5 'x\n",
            "SELECT a[?:?], int4? FROM t #",
        ),
        ("/* 1 /* 2 */ ' */ SELECT/**/1", "# SELECT#?"),
        ("SELECT interval '1 day' * 2", "SELECT interval ? * ?"),
        ("SELECT ünï, 'ünï' FROM 日本", "SELECT ünï, ? FROM 日本"),
        ("  SELECT 1 ;\n", "SELECT ?"),
        ("'x", "'x"),
    ] {
        if text == "'x" {
            assert!(!Lexer::default().read(text.as_bytes()));
            continue;
        }
        assert_eq!(one(text), expected, "{text}");
    }
}

#[test]
fn several_statements_are_cut_where_the_server_cuts_them() {
    let texts = |text: &str| -> Vec<String> { read(text).into_iter().map(|(t, _)| t).collect() };
    assert_eq!(
        texts("SELECT 1; /* c */ SELECT ';' ;;"),
        ["SELECT ?", "# SELECT ?"]
    );
    assert_eq!(texts("BEGIN;"), ["BEGIN"]);
    assert_eq!(texts("SELECT 1; -- the end"), ["SELECT ?"]);
    assert_eq!(texts("-- ping"), Vec::<String>::new());
    assert_eq!(
        texts("CREATE RULE r AS ON DELETE TO t DO (SELECT 1; SELECT 2); SELECT 3"),
        [
            "CREATE RULE r AS ON DELETE TO t DO (SELECT ?; SELECT ?)",
            "SELECT ?"
        ]
    );
    assert_eq!(read("SELECT $2; SELECT $1")[0].1, 2);
    assert_eq!(read("SELECT $2; SELECT $1")[1].1, 1);
}

#[test]
fn a_report_shows_no_constant() {
    for (text, expected) in [
        ("DO $$ BEGIN x('canary'); END $$", "DO $1"),
        (
            "CREATE USER a PASSWORD 'canary'",
            "CREATE USER a PASSWORD $1",
        ),
        ("/* canary */ SELECT $2, 'canary' ", "SELECT $2, $3"),
        ("SELECT 1; SELECT 2", "SELECT $1; SELECT $2"),
        (
            "ALTER ROLE a PASSWORD 'canary",
            "(a text whose quotes do not close)",
        ),
    ] {
        assert_eq!(without_constants(text), expected);
    }
}

#[test]
fn what_differs_in_gaps_only_has_the_same_hash() {
    assert_eq!(hash("SELECT 1 /* a */"), hash(" SELECT 'x' /* b */;"));
    assert_eq!(hash("a = -5;"), hash("a = 5"));
    for (a, b) in [
        ("SELECT 1", "SELECT 1, 1"),
        ("SELECT 1", "SELECT a"),
        ("SELECT 1", "SELECT/**/1"),
        ("SELECT $1", "SELECT $2"),
        ("abcdefgh1", "abcdefgh2"),
        ("SELECT a /* c */ b", "SELECT a 1 b"),
    ] {
        assert_ne!(hash(a), hash(b), "{a} {b}");
    }
}

#[test]
fn what_is_not_closed_is_said() {
    for text in [
        "SELECT 'x",
        "SELECT \"x",
        "SELECT $a$ $b$",
        "/* /* */",
        "SELECT E'x\\'",
        "E'\\",
    ] {
        assert!(!Lexer::default().read(text.as_bytes()), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn gaps_and_pieces_are_the_whole_text(text in "[a-e'\"$/*; \\-0-9.\\\\\n(),ü]{0,60}") {
        let mut lexer = Lexer::default();
        if lexer.read(text.as_bytes()) {
            let mut before = 0;
            for part in &lexer.parts {
                proptest::prop_assert!(before <= part.from && part.from < part.to);
                let mut at = part.from;
                for gap in &lexer.gaps[part.gaps.0 as usize..part.gaps.1 as usize] {
                    proptest::prop_assert!(at <= gap.from && gap.from < gap.to);
                    proptest::prop_assert!(text.is_char_boundary(gap.from as usize));
                    proptest::prop_assert!(text.is_char_boundary(gap.to as usize));
                    at = gap.to;
                }
                proptest::prop_assert!(at <= part.to);
                before = part.to;
            }
        }
    }
}
