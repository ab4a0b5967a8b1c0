use super::*;
use crate::workload::pgbench::{Command, parse};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// The variables of pgbench's own tests of expressions and of their errors.
const DEFINED: [(&str, &str); 15] = [
    ("foo", "-10.1"),
    ("bla", "false"),
    ("i", "+3"),
    ("n", "null"),
    ("t", "t"),
    ("f", "of"),
    ("d", "1.0"),
    ("bar", "bla"),
    ("badtrue", "trueish"),
    ("minint", "-9223372036854775808"),
    ("maxint", "9223372036854775807"),
    ("huge", "9223372036854775808"),
    ("empty", ""),
    ("scale", "1"),
    ("default_seed", "42"),
];

/// What `\set x EXPRESSION` sets, as `debug` prints it.
fn set(expression: &str) -> Result<String, String> {
    let script = parse(&format!("\\set x {expression}\n"), "test").unwrap();
    let mut vars = script.new_vars();
    for (name, value) in DEFINED {
        script
            .define(&mut vars, name, Var::from_text(value))
            .unwrap();
    }
    let Command::Set { expr, .. } = &script.commands[0] else {
        panic!("no \\set in {script:?}");
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    match eval(expr, &vars, &mut rng) {
        Ok(value @ Var::Null) => Ok(format!("{value}").to_lowercase()),
        Ok(value @ Var::Bool(_)) => Ok(format!("boolean {value}")),
        Ok(value @ Var::Int(_)) => Ok(format!("int {value}")),
        Ok(value @ Var::Double(_)) => Ok(format!("double {value}")),
        Ok(other) => panic!("{other:?} is no result of an expression"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn integers_are_computed_as_by_pgbench() {
    for (expression, expected) in [
        ("abs(-4)", "int 4"),
        ("greatest(5, 4, 3, 2)", "int 5"),
        ("11 + least(-5, -4, -3, -2)", "int 6"),
        ("int(7.3)", "int 7"),
        ("17 / (4|1) + ( 4 + (7 >> 2))", "int 8"),
        ("- (3 * 4 - (-(~ 1) + -(~ 0))) / -1 + 3 % -1", "int 9"),
        ("10 + (0 + 0 * 0 - 0 / 1)", "int 10"),
        (
            "64 % (((2 + 1 * 2 + (1 # 2) | 4 * (2 & 11)) - (1 << 2)) + 2)",
            "int 12",
        ),
        (
            "10 + mod(13 * 7 + 12, 13) - mod(-19 * 11 - 17, 19)",
            "int 39",
        ),
        ("-7 / 2", "int -3"),
        ("-7 % 2", "int -1"),
        ("7 % -2", "int 1"),
        (":minint % -1", "int 0"),
        ("-9223372036854775808", "int -9223372036854775808"),
        ("-(-9223372036854775808 + 1)", "int 9223372036854775807"),
        ("1 << 63", "int -9223372036854775808"),
        ("1 << 64", "int 1"),
        ("1 << -1", "int -9223372036854775808"),
        ("-8 >> 1", "int -4"),
        ("-8 >> 65", "int -4"),
        ("5.5 % 3", "int 0"),
        ("7.0 | 8", "int 15"),
        ("int(2.5) * 10 + int(3.5)", "int 24"),
        (":i + :scale", "int 4"),
        ("hash(10, 5432)", "int -5817877081768721676"),
        ("hash_fnv1a(10, 5432)", "int -7793829335365542153"),
        (
            "permute(:maxint - 11, :maxint - 10, 5432)",
            "int 520382784483822430",
        ),
    ] {
        assert_eq!(set(expression).as_deref(), Ok(expected), "{expression}");
    }
}

#[test]
fn doubles_are_computed_as_by_pgbench() {
    for (expression, expected) in [
        ("sqrt(+1.5 * 2.0) * abs(-0.8E1)", "double 13.856406460551"),
        ("double(1 + 1) * (-75.0 / :foo)", "double 14.8514851485149"),
        ("pi() * 4.9", "double 15.39380400259"),
        ("greatest(4, 2, -1.17) * 4.0 * Ln(Exp(1.0))", "double 16"),
        ("least(-5.18, .0E0, 1.0/0) * -3.3", "double 17.094"),
        ("pow(-3,3)", "double -27"),
        ("pow(2.0,10)", "double 1024"),
        ("pow(0,0)", "double 1"),
        ("pow(-2,-3)", "double -0.125"),
        ("power(-5.0,-5.0)", "double -0.00032"),
        ("pow(9223372036854775807, 2)", "double 8.50705917302346e+37"),
        ("pow(10,30)", "double 1e+30"),
        ("1 / 2.0", "double 0.5"),
        ("-1.0 / 0", "double -Infinity"),
        ("-0.0", "double 0"),
        ("abs(-1.5)", "double 1.5"),
        ("int(2) + 0.1", "double 2.1"),
    ] {
        assert_eq!(set(expression).as_deref(), Ok(expected), "{expression}");
    }
}

#[test]
fn booleans_nulls_and_branches_are_those_of_pgbench() {
    for (expression, expected) in [
        ("1.0 = 0.0 and 1.0 != 0.0", "boolean false"),
        ("0 = 1 Or 1.0 = 1", "boolean true"),
        ("case when 0 < 1 then 32 else 0 end", "int 32"),
        (
            "case when false THEN -1 when 1 = 1 then 13 + 19 + 2.0 end",
            "double 34",
        ),
        (
            "CASE WHEN NOT FALSE THEN 3 * 12.3333334 END",
            "double 37.0000002",
        ),
        (
            "case when false then 0 when 1-1 <> 0 then 1 else 38 end",
            "int 38",
        ),
        ("case when 0 then 1 end", "null"),
        ("NULL + NULL * exp(NULL)", "null"),
        ("NULL and true", "null"),
        ("true and NULL", "null"),
        ("false and NULL", "boolean false"),
        ("NULL and false", "null"),
        ("true or NULL", "boolean true"),
        ("NULL or true", "null"),
        ("false or NULL", "null"),
        ("NOT NULL", "null"),
        (":n IS NULL AND NOT :f AND :t", "boolean true"),
        ("NULL IS NOT TRUE", "boolean true"),
        ("0 IS FALSE", "boolean false"),
        ("1 = NULL", "null"),
        ("least(1, NULL)", "null"),
        (
            "CASE WHEN 1 THEN TRUE END AND CASE WHEN 1.0 THEN TRUE END AND CASE WHEN :n THEN NULL ELSE TRUE END",
            "boolean true",
        ),
        (
            "case when 0 = 0 or (1 / 0) < 0 then -1 else (1 / 0) end",
            "int -1",
        ),
        (
            "case when 0 > 0 and (1 / 0) < 0 then (1 / 0) else 1 end",
            "int 1",
        ),
        ("random(NULL, 1)", "null"),
    ] {
        assert_eq!(set(expression).as_deref(), Ok(expected), "{expression}");
    }
}

#[test]
fn what_cannot_be_computed_says_why_with_its_line_and_without_values() {
    for (expression, expected) in [
        ("1/0", "division by zero"),
        ("1%0", "division by zero"),
        (":nosuchvariable", "undefined variable \"nosuchvariable\""),
        (":bar + 1", "variable \"bar\" is neither a number"),
        (":empty + 1", "variable \"empty\" is neither a number"),
        (
            ":badtrue or true",
            "variable \"badtrue\" is neither a number",
        ),
        (":huge", "variable \"huge\" is out of range for type bigint"),
        ("random(5,3)", "empty range given to random"),
        ("random(:minint, :maxint)", "random range is too large"),
        ("random(0, :maxint)", "random range is too large"),
        (
            "random_gaussian(0, 10, 1.0)",
            "gaussian parameter must be at least 2",
        ),
        (
            "random_gaussian(0, 10, 0.0/0)",
            "gaussian parameter must be at least 2",
        ),
        (
            "random_exponential(0, 10, 0.0)",
            "exponential parameter must be greater than zero",
        ),
        (
            "random_zipfian(0, 10, 1)",
            "zipfian parameter must be in range [1.001, 1000]",
        ),
        (
            "random_zipfian(0, 10, 1000000)",
            "zipfian parameter must be in range",
        ),
        ("NOT 0.0", "cannot coerce double to boolean"),
        ("1 and true", "cannot coerce int to boolean"),
        ("TRUE + 2", "cannot coerce boolean to int"),
        ("TRUE + 2.0", "cannot coerce boolean to double"),
        ("ln(TRUE)", "cannot coerce boolean to double"),
        ("random(FALSE, TRUE)", "cannot coerce boolean to int"),
        ("true = 1", "cannot coerce boolean to int"),
        ("abs(true)", "cannot coerce boolean to double"),
        ("int(1E32)", "double to int overflow"),
        ("int(0.0/0)", "double to int overflow"),
        ("int(9223372036854775807.0)", "double to int overflow"),
        ("(1<<62) + (1<<62)", "bigint add out of range"),
        ("0 - (1<<62) - (1<<62) - (1<<62)", "bigint sub out of range"),
        ("2 * (1<<62)", "bigint mul out of range"),
        (":minint / -1", "bigint div out of range"),
        (
            "permute(0, 0)",
            "permute size parameter must be greater than zero",
        ),
    ] {
        let error = set(expression).expect_err(expression);
        assert!(error.starts_with("line 1: "), "{expression}: {error}");
        assert!(error.contains(expected), "{expression}: {error}");
        assert!(
            !error.contains("trueish") && !error.contains("775808"),
            "{error}"
        );
    }
}

#[test]
fn text_is_taken_for_what_it_looks_like() {
    for (text, expected) in [
        ("NuLL", Ok(Scalar::Null)),
        ("t", Ok(Scalar::Bool(true))),
        ("TRU", Ok(Scalar::Bool(true))),
        ("y", Ok(Scalar::Bool(true))),
        ("On", Ok(Scalar::Bool(true))),
        ("fal", Ok(Scalar::Bool(false))),
        ("N", Ok(Scalar::Bool(false))),
        ("of", Ok(Scalar::Bool(false))),
        ("OFF", Ok(Scalar::Bool(false))),
        ("0", Ok(Scalar::Int(0))),
        (" +007", Ok(Scalar::Int(7))),
        ("-12", Ok(Scalar::Int(-12))),
        ("-.5", Ok(Scalar::Double(-0.5))),
        ("1e3", Ok(Scalar::Double(1000.0))),
        (" 2.", Ok(Scalar::Double(2.0))),
        ("o", Err(())),
        ("truex", Err(())),
        ("yess", Err(())),
        ("7 ", Err(())),
        ("+", Err(())),
        (".", Err(())),
        ("1e999", Err(())),
        ("", Err(())),
        ("99999999999999999999", Err(())),
    ] {
        let found = Var::from_text(text).scalar("x");
        assert_eq!(found.map_err(|_| ()), expected, "{text:?}");
        assert_eq!(
            Var::from_text(text).to_string(),
            text,
            "it is kept as it came"
        );
    }
    assert_eq!(
        Var::from_text("-12"),
        Var::Int(-12),
        "no allocation for integers"
    );
    assert_eq!(Var::from_column(None), Var::Text("".into()));
}

#[test]
fn a_condition_holds_if_it_is_true_or_not_zero() {
    for held in [Var::Bool(true), Var::Int(-1), Var::Double(0.1)] {
        assert!(truth(&held), "{held:?}");
    }
    for not in [Var::Null, Var::Bool(false), Var::Int(0), Var::Double(-0.0)] {
        assert!(!truth(&not), "{not:?}");
    }
}

#[test]
fn debug_passes_its_argument_on_and_tells_of_it() {
    let script = parse("\\set x debug(2 + debug(null)) is null\n", "test").unwrap();
    let Command::Set { expr, .. } = &script.commands[0] else {
        panic!("no \\set");
    };
    let mut heard = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let value = eval_with_debug(expr, &script.new_vars(), &mut rng, &mut |scalar| {
        heard.push(scalar.to_string());
    });
    assert_eq!(value, Ok(Var::Bool(true)));
    assert_eq!(heard, ["NULL", "NULL"]);
}

#[test]
fn random_functions_stay_in_their_range_and_follow_the_seed() {
    let script = parse(
        "\\set a random(10, 19)\n\\set b random_exponential(100, 199, 10.0)\n\
         \\set c random_gaussian(1000, 1999, 10.0)\n\\set d random_zipfian(1, 9, 1.3)\n",
        "test",
    )
    .unwrap();
    let run = |seed| -> Vec<Var> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values = script.commands.iter().map(|command| match command {
            Command::Set { expr, .. } => eval(expr, &[], &mut rng).unwrap(),
            other => panic!("{other:?}"),
        });
        values.collect()
    };
    for seed in 0..200 {
        let [Var::Int(a), Var::Int(b), Var::Int(c), Var::Int(d)] = run(seed)[..] else {
            panic!("not four integers");
        };
        assert!((10..=19).contains(&a) && (100..=199).contains(&b));
        assert!((1000..=1999).contains(&c) && (1..=9).contains(&d));
    }
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn an_expression_as_deep_as_allowed_needs_no_more_stack_than_a_thread_has() {
    let text = format!("\\set x {}\n", vec!["1"; 499].join("-"));
    let script = parse(&text, "test").unwrap();
    let Command::Set { expr, .. } = &script.commands[0] else {
        panic!("no \\set");
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    assert_eq!(eval(expr, &[], &mut rng), Ok(Var::Int(-497)));
}
