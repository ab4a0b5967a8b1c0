//! Checks of one column.

use super::{domain, one, table, type_of};
use crate::seed::checks::{Nulls, understand};
use crate::seed::domain::{Domain, Limit};
use crate::seed::schema::{Check, Name, Type, TypeKind};

fn limit(value: &str, inclusive: bool) -> Limit {
    Limit {
        value: value.into(),
        inclusive,
    }
}

fn range(low: impl Into<Option<Limit>>, high: impl Into<Option<Limit>>) -> Domain {
    Domain {
        at_least: low.into(),
        at_most: high.into(),
        ..Domain::default()
    }
}

fn these(values: &[&str]) -> Domain {
    Domain {
        one_of: Some(values.iter().map(|v| (*v).to_owned()).collect()),
        ..Domain::default()
    }
}

fn pattern(source: &str) -> Domain {
    Domain {
        patterns: vec![source.into()],
        ..Domain::default()
    }
}

fn length(least: u32, most: u32) -> Domain {
    Domain {
        length: Some((least, most)),
        ..Domain::default()
    }
}

#[test]
fn comparisons_are_ranges() {
    let cases = [
        ("int4", "(x > 0)", range(limit("1", true), None)),
        (
            "int4",
            "(x >= '-5'::integer)",
            range(limit("-5", true), None),
        ),
        ("int4", "(0 < x)", range(limit("1", true), None)),
        (
            "int4",
            "((x)::numeric < 2.5)",
            range(None, limit("2", true)),
        ),
        (
            "numeric:2",
            "(x > (0)::numeric)",
            range(limit("0", false), None),
        ),
        (
            "float8",
            "(x <= (1.5)::double precision)",
            range(None, limit("1.5", true)),
        ),
        (
            "int4",
            "((x >= 1901) AND (x <= 2155))",
            range(limit("1901", true), limit("2155", true)),
        ),
        (
            "int4",
            "x BETWEEN 1 AND 10 AND x > 3 AND (x < 9)",
            range(limit("4", true), limit("8", true)),
        ),
        (
            "date",
            "(x > '2020-01-31'::date)",
            range(limit("2020-02-01", true), None),
        ),
        (
            "timestamptz",
            "(x < '2030-01-01 01:00:00+01'::timestamp with time zone)",
            range(None, limit("2030-01-01 00:00:00+00", false)),
        ),
        (
            "money",
            "(x >= '$1,000.50'::money)",
            range(limit("1000.5", true), None),
        ),
        (
            "time",
            "(x >= '08:00:00'::time without time zone)",
            range(limit("08:00:00", true), None),
        ),
        (
            "date",
            "(EXTRACT(year FROM x) >= (1990)::numeric)",
            range(limit("1990-01-01", true), None),
        ),
        (
            "date",
            "(date_part('year'::text, x) < (2000)::double precision)",
            range(None, limit("1999-12-31", true)),
        ),
    ];
    for (type_, check, expected) in cases {
        assert_eq!(domain(type_, check), expected, "{check}");
    }
}

#[test]
fn lists_are_values() {
    let cases = [
        (
            "text",
            "(x = ANY (ARRAY['a'::text, 'b'::text]))",
            these(&["a", "b"]),
        ),
        (
            "varchar",
            "((x)::text = ANY ((ARRAY['a'::character varying, 'b,c'::character varying])::text[]))",
            these(&["a", "b,c"]),
        ),
        (
            "text",
            "(x = ANY ('{a,\"b,c\"}'::text[]))",
            these(&["a", "b,c"]),
        ),
        ("int4", "x IN (1, 2, 3) AND x <> 2", these(&["1", "3"])),
        (
            "text",
            "((x = 'a'::text) OR (x = 'b'::text))",
            these(&["a", "b"]),
        ),
        ("bool", "x", these(&["true"])),
        ("bool", "(NOT x)", these(&["false"])),
        ("bool", "(x = false)", these(&["false"])),
        ("enum s m l", "(x >= 'm'::public.size)", these(&["m", "l"])),
        ("enum s m l", "(x <> 'm'::size)", these(&["s", "l"])),
        (
            "uuid",
            "(x = '00000000-0000-0000-0000-000000000000'::uuid)",
            these(&["00000000-0000-0000-0000-000000000000"]),
        ),
        (
            "text",
            "(x <> ALL (ARRAY['a'::text, 'b'::text]))",
            Domain {
                none_of: vec!["a".into(), "b".into()],
                ..Domain::default()
            },
        ),
    ];
    for (type_, check, expected) in cases {
        assert_eq!(domain(type_, check), expected, "{check}");
    }
}

#[test]
fn text_has_lengths_and_patterns() {
    let cases = [
        ("text", "(x <> ''::text)", length(1, u32::MAX)),
        ("text", "(btrim(x) <> ''::text)", length(1, u32::MAX)),
        (
            "text",
            "(TRIM(BOTH FROM x) <> ''::text)",
            length(1, u32::MAX),
        ),
        ("varchar", "(length((x)::text) > 0)", length(1, u32::MAX)),
        (
            "text",
            "(char_length(x) <= 10) AND (3 <= char_length(x))",
            length(3, 10),
        ),
        ("bpchar", "(length(x) = 2)", length(2, 2)),
        ("bytea", "(octet_length(x) = 16)", length(16, 16)),
        ("text", "(x ~~ '%@%'::text)", pattern("@")),
        ("text", "(x ~~* 'ab_%'::text)", pattern("(?i)^ab.")),
        (
            "varchar",
            "((x)::text ~ '^[A-Z]{3}$'::text)",
            pattern("^[A-Z]{3}$"),
        ),
        ("text", "(x ~* '^a+$'::text)", pattern("(?i)^a+$")),
        (
            "text",
            "(x ~ similar_to_escape('(a|b)%'::text))",
            pattern("^(?:(a|b).*)$"),
        ),
        ("text", "x SIMILAR TO 'a_'", pattern("^(?:a.)$")),
        ("text", "(x = lower(x))", pattern("^[^A-Z]*$")),
        ("text", "(upper(x) = x)", pattern("^[^a-z]*$")),
        (
            "text",
            "(x = ANY (ARRAY['ab'::text, 'cd'::text, 'e'::text])) AND (length(x) = 2) AND (x ~ '^a'::text)",
            these(&["ab"]),
        ),
    ];
    for (type_, check, expected) in cases {
        assert_eq!(domain(type_, check), expected, "{check}");
    }
}

#[test]
fn a_pattern_sees_the_blanks_of_a_padded_text_unless_it_is_cast() {
    let told = |check: &str| {
        let mut table = table("x bpchar", &[check]);
        table.columns[0].type_.typmod = 19;
        understand(&table, &[]).domains.remove(0)
    };
    let exact = |source: &str| Domain {
        length: Some((15, 15)),
        ..pattern(source)
    };
    assert_eq!(
        told("(x ~ '^T-\\d{9,11}.?\\d$'::text)"),
        exact("^T-\\d{9,11}.?\\d$")
    );
    assert_eq!(told("(x ~~ '%a'::text)"), exact("a$"));
    assert_eq!(told("(x ~ '^T'::text)"), pattern("^T"));
    assert_eq!(told("((x)::text ~ '^T$'::text)"), pattern("^T$"));
}

#[test]
fn json_has_a_type() {
    let told = |check: &str| one("jsonb", check);
    let array = Domain {
        json_type: Some("array".to_owned()),
        ..Domain::default()
    };
    assert_eq!(domain("jsonb", "(jsonb_typeof(x) = 'array'::text)"), array);
    assert_eq!(domain("json", "('array'::text = json_typeof(x))"), array);
    // One of several is found by drawing.
    let either = told("(jsonb_typeof(x) = ANY (ARRAY['array'::text, 'object'::text]))");
    assert_eq!(
        (either.domains[0].clone(), either.rules.is_empty()),
        (Domain::default(), false)
    );
}

#[test]
fn nulls_pass_unless_they_are_named() {
    let never = one("int4", "((x IS NOT NULL) AND (x > 0))");
    assert_eq!(never.nulls, [Nulls::Never]);
    assert_eq!(never.domains, [range(limit("1", true), None)]);
    let always = one("int4", "(x IS NULL)");
    assert_eq!(always.nulls, [Nulls::Always]);
    assert_eq!(
        domain("int4", "((x IS NULL) OR (x > 0))"),
        range(limit("1", true), None)
    );
    let known = one("bool", "(x IS TRUE)");
    assert_eq!(
        (known.nulls, known.domains),
        (vec![Nulls::Never], vec![these(&["true"])])
    );
    assert_eq!(domain("bool", "(x IS NOT FALSE)"), these(&["true"]));
    // Nothing is below 0 and above 5, so that only null is left.
    assert_eq!(one("int4", "((x < 0) AND (x > 5))").nulls, [Nulls::Always]);
    assert_eq!(domain("int4", "(x > NULL::integer)"), Domain::default());
}

#[test]
fn contradictions_are_told() {
    let nothing = one("int4", "((x < 0) AND (x > 5) AND (x IS NOT NULL))");
    assert_eq!(nothing.opaque.len(), 1);
    assert!(
        nothing.opaque[0].1.contains("no value"),
        "{:?}",
        nothing.opaque
    );
    assert_eq!(one("int4", "false").opaque.len(), 1);
}

#[test]
fn a_domain_type_brings_its_checks() {
    let check = |name: &str, expression: &str| Check {
        name: name.into(),
        expression: expression.into(),
    };
    let over = |base: Type, not_null, checks| Type {
        oid: 0,
        name: Name {
            schema: "public".into(),
            name: "d".into(),
        },
        typmod: -1,
        kind: TypeKind::Domain {
            base: Box::new(base),
            not_null,
            checks,
        },
    };
    let year = over(
        type_of("int4"),
        false,
        vec![check("year_check", "((VALUE >= 1901) AND (VALUE <= 2155))")],
    );
    let recent = over(year.clone(), true, vec![check("recent", "(VALUE > 2000)")]);
    let mut table = table("x int4", &["(x < 2100)"]);
    table.columns[0].type_ = recent;
    let understood = understand(&table, &[]);
    assert_eq!(understood.opaque, []);
    assert_eq!(
        understood.domains,
        [range(limit("2001", true), limit("2099", true))]
    );
    assert_eq!(understood.nulls, [Nulls::Never]);
    // Elements of a domain are made elsewhere.
    table.columns[0].type_ = Type {
        oid: 0,
        name: year.name.clone(),
        typmod: -1,
        kind: TypeKind::Array(Box::new(year)),
    };
    table.checks.clear();
    assert_eq!(understand(&table, &[]).opaque[0].0, "year_check");
}

#[test]
fn what_is_not_understood_says_why() {
    let cases = [
        ("text", "public.is_valid(x)", "public.is_valid"),
        ("text", "is_valid(x)", "is_valid"),
        ("date", "(x > CURRENT_DATE)", "when"),
        ("timestamptz", "(x <= (now() - '1 day'::interval))", "when"),
        ("_text", "(x @> ARRAY['a'::text])", "@>"),
        ("inet", "(x > '10.0.0.0'::inet)", "types"),
        ("text", "(x ~ '(?=a)b'::text)", "regular expression"),
        ("text", "t.*", "whole rows"),
    ];
    for (type_, check, reason) in cases {
        let understood = one(type_, check);
        assert_eq!(understood.opaque.len(), 1, "{check}");
        let (name, said) = &understood.opaque[0];
        assert_eq!(name, "c0");
        assert!(said.contains(reason), "{check}: {said}");
    }
    // What stands beside it is obeyed.
    let half = one("int4", "((x > 0) AND is_prime(x))");
    assert_eq!(half.opaque.len(), 1);
    assert_eq!(half.domains, [range(limit("1", true), None)]);
}

#[test]
fn what_has_happened_is_in_the_past() {
    assert_eq!(domain("timestamptz", "(x <= now())"), Domain::default());
    assert_eq!(domain("date", "(x <= CURRENT_DATE)"), Domain::default());
}
