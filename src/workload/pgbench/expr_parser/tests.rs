use super::*;
use proptest::prelude::*;

/// The expression as it is understood, with every parenthesis.
fn understood(text: &str) -> Result<String, String> {
    let mut variable = |name: &str| VarId(u32::try_from(name.len()).unwrap());
    match parse(text, 0, "set", &mut variable) {
        Ok((node, end)) => {
            assert!(end == text.len() || text.as_bytes()[end - 1] == b'\n');
            Ok(node.to_string())
        }
        Err(problem) => Err(format!("{}: {}", problem.offset, problem.problem)),
    }
}

#[test]
fn precedences_are_those_of_pgbench() {
    for (text, expected) in [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("8 / 2 % 3", "((8 / 2) % 3)"),
        ("1 | 2 & 3 # 4", "(((1 | 2) & 3) # 4)"),
        ("1 << 2 + 3", "(1 << (2 + 3))"),
        ("1 & 2 = 3", "((1 & 2) = 3)"),
        ("-1 + 2", "((0 - 1) + 2)"),
        ("-2 * 3", "((0 - 2) * 3)"),
        ("+ + 2", "2"),
        ("~1 + 2", "(~ (1 + 2))"),
        ("~1 | 2", "((~ 1) | 2)"),
        ("2 * ~1 + 2", "(2 * (~ (1 + 2)))"),
        ("NOT 1 = 2", "(NOT (1 = 2))"),
        ("NOT true AND false", "((NOT TRUE) AND FALSE)"),
        ("true OR false AND true", "(TRUE OR (FALSE AND TRUE))"),
        ("NOT :a IS NULL", "(NOT (:a IS NULL))"),
        ("1 = 2 IS TRUE", "((1 = 2) IS TRUE)"),
        ("1 + 2 IS NOT NULL", "(NOT ((1 + 2) IS NULL))"),
        (
            ":a ISNULL OR :b NOTNULL",
            "((:a IS NULL) OR (NOT (:b IS NULL)))",
        ),
        (":a IS NULL IS FALSE", "((:a IS NULL) IS FALSE)"),
        (":a IS NULL = true", "((:a IS NULL) = TRUE)"),
        ("1 > 2", "(2 < 1)"),
        ("1 >= 2", "(2 <= 1)"),
        ("1 != 2", "(1 <> 2)"),
        ("1 <= NOT 2 = 3", "(1 <= (NOT (2 = 3)))"),
        ("(1 + 2) * 3", "((1 + 2) * 3)"),
    ] {
        assert_eq!(understood(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn words_are_read_in_any_case_and_over_lines() {
    for (text, expected) in [
        (
            "CaSe wHEN tRue Then nULL eLSe Hash(1) eND",
            "CASE WHEN TRUE THEN NULL ELSE hash_murmur2(1, :default_seed) END",
        ),
        ("case when 1 then 2 end", "CASE WHEN 1 THEN 2 ELSE NULL END"),
        ("1 \\\n + \\\r\n 2\nSELECT 3", "(1 + 2)"),
        ("1.5e3 + .5 + 2.", "((1500.0 + 0.5) + 2.0)"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("Power(2, 3) + mod(5, 3)", "(pow(2, 3) + (5 % 3))"),
        ("permute(1, 2)", "permute(1, 2, :default_seed)"),
        ("permute(1, 2, 3)", "permute(1, 2, 3)"),
        (":\u{e4}_1 + :1", "(:\u{e4}_1 + :1)"),
        ("pi()", "pi()"),
    ] {
        assert_eq!(understood(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    for (text, expected) in [
        ("", "0: syntax error: unexpected the end of the line"),
        ("1 +", "3: syntax error"),
        ("1 +\n2", "3: syntax error: unexpected the end of the line"),
        ("1 2", "2: syntax error: unexpected a number"),
        ("(1", "2: syntax error"),
        ("1)", "1: syntax error: unexpected `)`"),
        ("1 = 2 = 3", "6: syntax error: unexpected `=`"),
        ("1 < 2 >= 3", "6: syntax error: unexpected `>=`"),
        (":a IS 1", "6: syntax error"),
        ("CASE TRUE THEN 1 ELSE 0 END", "5: syntax error"),
        ("CASE WHEN 1 END", "12: syntax error: unexpected `END`"),
        ("CASE END", "5: syntax error"),
        (";", "0: unexpected character `;`"),
        ("1 ! 2", "2: unexpected character `!`"),
        ("'a'", "0: unexpected character `\\'`"),
        (": a", "0: unexpected character `:`"),
        (
            "noSuchFunction()",
            "0: unexpected function name (noSuchFunction)",
        ),
        ("foo", "0: unexpected function name (foo)"),
        ("abs", "3: syntax error"),
        ("ln(1.0, 2.0)", "0: unexpected number of arguments (ln)"),
        ("hash()", "0: unexpected number of arguments (hash)"),
        ("hash(1,2,3)", "0: unexpected number of arguments (hash)"),
        ("permute(1)", "0: unexpected number of arguments (permute)"),
        (
            "permute(1,2,3,4)",
            "0: unexpected number of arguments (permute)",
        ),
        ("pi(1)", "0: unexpected number of arguments (pi)"),
        ("least()", "0: at least one argument expected (least)"),
        ("greatest()", "0: at least one argument expected (greatest)"),
        (
            "least(0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16)",
            "0: too many function arguments, maximum is 16",
        ),
        ("least(1,)", "8: syntax error"),
        ("100000000000000000000", "0: bigint constant overflow"),
        ("9223372036854775808", "0: syntax error"),
        ("-(9223372036854775808)", "2: syntax error"),
        ("1.0E309", "0: double constant overflow"),
        (".1E310", "0: double constant overflow"),
    ] {
        let error = understood(text).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
        assert!(error.ends_with(" in command \"set\""), "{text}: {error}");
    }
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    let chain = |terms: usize| vec!["1"; terms].join("+");
    assert!(understood(&chain(400)).is_ok());
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(understood(&nested(199)).is_ok());
    for text in [
        chain(100_000),
        nested(100_000),
        "-".repeat(100_000),
        "NOT ".repeat(100_000),
        "CASE WHEN ".repeat(100_000),
        "abs(".repeat(100_000),
    ] {
        let error = understood(&text).unwrap_err();
        assert!(error.contains("expression is nested more than"), "{error}");
    }
}

/// Any tree that the parser can build.
fn trees() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        (0.0..1e300_f64).prop_map(|x| format!("{x:?}")),
        prop_oneof!["NULL", "true", "FALSE", ":a", ":bc", "pi\\(\\)"],
        Just("-9223372036854775808".to_owned()),
    ];
    leaf.prop_recursive(6, 64, 4, |inner| {
        let operator = prop_oneof![
            "\\+|\\-|\\*|/|%|\\||&|#|<<|>>",
            "<|<=|>|>=|=|<>|!=",
            " (AND|OR) ",
        ];
        let function = prop_oneof!["least|greatest", "hash", "permute|mod|random"];
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(l, o, r)| format!("{l} {o} {r}")),
            ("-|~|NOT |\\+", inner.clone()).prop_map(|(o, arg)| format!("{o} {arg}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            (inner.clone(), " IS (NOT )?(NULL|TRUE)| ISNULL| NOTNULL")
                .prop_map(|(arg, test)| format!("{arg}{test}")),
            (function, inner.clone(), inner.clone()).prop_map(|(f, a, b)| match f.as_str() {
                "hash" => format!("hash({a})"),
                _ => format!("{f}({a}, {b})"),
            }),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(w, t, e)| format!("CASE WHEN {w} THEN {t} ELSE {e} END")),
        ]
    })
}

proptest! {
    #[test]
    fn an_expression_that_is_written_out_reads_the_same(text in trees()) {
        // Comparisons in a row are refused; everything else that `trees` makes is an expression.
        if let Ok(written) = understood(&text) {
            prop_assert_eq!(understood(&written), Ok(written));
        } else {
            prop_assert!(text.contains(['<', '=', '>']), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-+*/%()<>=!|&#~,.:\\\\ \n0-9a-zE\u{e4}']{0,60}") {
        let _ = understood(&text);
    }
}
