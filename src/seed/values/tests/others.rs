//! Types that are made of others.

use super::*;

fn of_kind(name: &str, kind: TypeKind) -> Type {
    Type { kind, ..base(name) }
}

fn made_of_others() -> Vec<Type> {
    let boxed = |name: &str| Box::new(base(name));
    vec![
        base("json"),
        base("jsonb"),
        base("xml"),
        base("tsvector"),
        base("tsquery"),
        base("jsonpath"),
        base("point"),
        base("line"),
        base("lseg"),
        base("box"),
        base("path"),
        base("polygon"),
        base("circle"),
        of_kind("_text", TypeKind::Array(boxed("text"))),
        of_kind("_int4", TypeKind::Array(boxed("int4"))),
        of_kind("int4range", TypeKind::Range(boxed("int4"))),
        of_kind("tstzrange", TypeKind::Range(boxed("timestamptz"))),
        of_kind("daterange", TypeKind::Range(boxed("date"))),
        of_kind("nummultirange", TypeKind::Multirange(boxed("numeric"))),
        of_kind(
            "pair",
            TypeKind::Composite(vec![("a".into(), base("int4")), ("b".into(), base("text"))]),
        ),
        of_kind("hstore", TypeKind::Extension("hstore".into())),
        of_kind("ltree", TypeKind::Extension("ltree".into())),
        of_kind("citext", TypeKind::Extension("citext".into())),
    ]
}

#[test]
fn different_ordinals_give_different_values_of_every_other_type() {
    let domain = Domain::default();
    for type_ in made_of_others() {
        for wanted in [1, 2, 100, 5_000] {
            let values = values(&ask("value", &type_, wanted, &domain));
            assert_eq!(values.len() as u64, wanted, "{}", type_.name);
            assert_eq!(distinct(&values), values.len(), "{}", type_.name);
        }
        let before = values(&ask("value", &type_, 50, &domain));
        let avoid = &before[10..20];
        let after = values(&Ask {
            avoid,
            ..ask("value", &type_, 50, &domain)
        });
        assert!(
            after.iter().all(|value| !avoid.contains(value)),
            "{}",
            type_.name
        );
        assert_eq!(distinct(&after), 50, "{}", type_.name);
    }
}

#[test]
fn json_has_its_shape_and_is_json() {
    let domain = Domain::default();
    let shape = crate::seed::profile::JsonShape::Object(vec![
        (
            "a\"b".into(),
            1.0,
            crate::seed::profile::JsonShape::Text(30),
        ),
        ("n".into(), 0.5, crate::seed::profile::JsonShape::Number),
        (
            "t".into(),
            1.0,
            crate::seed::profile::JsonShape::Array(
                4,
                Box::new(crate::seed::profile::JsonShape::Boolean),
            ),
        ),
    ]);
    let made = values(&Ask {
        json: Some(&shape),
        width: Some(90.0),
        ..ask("data", &base("json"), 2_000, &domain)
    });
    let mut with = 0;
    for value in &made {
        let value: serde_json::Value = serde_json::from_slice(value).unwrap();
        assert!(value["a\"b"].is_string() && value["t"].is_array());
        with += u32::from(value["n"].is_number());
    }
    assert!((900..1_100).contains(&with), "{with}");
    assert_eq!(distinct(&made), 2_000);
}

#[test]
fn json_that_is_an_array_stays_one_and_an_id_is_there_once() {
    use crate::seed::profile::JsonShape;
    let domain = Domain::default();
    let type_ = base("jsonb");
    let tags = JsonShape::Array(3, Box::new(JsonShape::Text(6)));
    let some_id = JsonShape::Object(vec![("id".into(), 0.5, JsonShape::Number)]);
    for shape in [&tags, &some_id] {
        let made = values(&Ask {
            json: Some(shape),
            ..ask("data", &type_, 500, &domain)
        });
        assert_eq!(distinct(&made), 500);
        for value in &made {
            // Behind the version of the form.
            let text = std::str::from_utf8(&value[1..]).unwrap();
            assert!(text.matches("\"id\"").count() <= 1, "{text}");
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            let elements = value
                .as_array()
                .map(|a| a.iter().all(serde_json::Value::is_string));
            assert_eq!(elements, (shape == &tags).then_some(true), "{text}");
        }
    }
}

#[test]
fn json_is_of_the_type_that_a_constraint_demands() {
    use crate::seed::profile::JsonShape;
    let type_ = base("jsonb");
    let known = JsonShape::Object(vec![("a".into(), 1.0, JsonShape::Number)]);
    for (wanted, different) in [
        ("array", 300),
        ("object", 300),
        ("string", 300),
        ("number", 300),
        ("boolean", 2),
        ("null", 1),
    ] {
        let domain = Domain {
            json_type: Some(wanted.to_owned()),
            ..Domain::default()
        };
        for json in [None, Some(&known)] {
            let made = values(&Ask {
                json,
                ..ask("data", &type_, 300, &domain)
            });
            assert_eq!(distinct(&made), different, "{wanted}");
            for value in &made {
                let value: serde_json::Value = serde_json::from_slice(&value[1..]).unwrap();
                let is = match value {
                    serde_json::Value::Null => "null",
                    serde_json::Value::Bool(_) => "boolean",
                    serde_json::Value::Number(_) => "number",
                    serde_json::Value::String(_) => "string",
                    serde_json::Value::Array(_) => "array",
                    serde_json::Value::Object(_) => "object",
                };
                assert_eq!(is, wanted);
            }
        }
    }
}

#[test]
fn ranges_end_within_the_domain_of_their_ends() {
    let positive = TypeKind::Domain {
        base: Box::new(base("int4")),
        not_null: false,
        checks: vec![crate::seed::schema::Check {
            name: "positive".into(),
            expression: "VALUE > 100 AND VALUE < 9000".into(),
        }],
    };
    let domain = Domain::default();
    let type_ = of_kind(
        "posrange",
        TypeKind::Range(Box::new(of_kind("pos", positive))),
    );
    for value in values(&ask("value", &type_, 500, &domain)) {
        let end = |at: usize| i32::from_be_bytes(value[at..at + 4].try_into().unwrap());
        assert!(end(5) > 100 && end(13) < 9_000, "{value:?}");
    }
}

#[test]
fn ranges_do_not_overlap_where_there_is_room() {
    let domain = Domain::default();
    let type_ = of_kind("int8range", TypeKind::Range(Box::new(base("int8"))));
    let made = values(&ask("value", &type_, 1_000, &domain));
    let ends = |value: &[u8]| {
        (
            i64::from_be_bytes(value[5..13].try_into().unwrap()),
            i64::from_be_bytes(value[17..25].try_into().unwrap()),
        )
    };
    assert!(
        made.windows(2)
            .all(|pair| ends(&pair[0]).1 <= ends(&pair[1]).0)
    );
    assert!(made.iter().all(|value| ends(value).0 < ends(value).1));
}

#[test]
fn elements_of_arrays_are_as_common_as_measured() {
    let domain = Domain::default();
    let type_ = of_kind("_text", TypeKind::Array(Box::new(base("text"))));
    let kept = |text: &str| crate::seed::profile::Value::Kept(text.into());
    let elements = crate::seed::profile::Elements {
        most_common: vec![(kept("red"), 0.6), (kept("blue"), 0.2)],
        null_frac: Some(0.0),
        counts: vec![4.0, 5.0, 6.0, 7.0, 8.0],
        mean_count: Some(6.0),
    };
    let made = values(&Ask {
        elements: Some(&elements),
        ..ask("tags", &type_, 100, &domain)
    });
    let with = |word: &[u8]| {
        made.iter()
            .filter(|value| value.windows(word.len()).any(|part| part == word))
            .count()
    };
    assert!((30..75).contains(&with(b"red")), "{}", with(b"red"));
    assert!((8..35).contains(&with(b"blue")), "{}", with(b"blue"));
    assert_eq!(distinct(&made), 100);
}

#[test]
fn what_cannot_be_made_names_the_type() {
    let domain = Domain::default();
    for type_ in [
        base("regclass"),
        base("int2vector"),
        of_kind("geometry", TypeKind::Extension("postgis".into())),
        of_kind("mine", TypeKind::Other),
    ] {
        let error = Maker::new(&ask("value", &type_, 5, &domain)).unwrap_err();
        assert!(error.0.contains(&type_.name.name), "{error:?}");
    }
}

#[test]
fn domains_within_other_types_are_obeyed() {
    let check = crate::seed::schema::Check {
        name: "c".into(),
        expression: "((VALUE >= 1) AND (VALUE <= 3))".into(),
    };
    let kind = TypeKind::Domain {
        base: Box::new(base("int4")),
        not_null: true,
        checks: vec![check],
    };
    let array = of_kind("_small", TypeKind::Array(Box::new(of_kind("small", kind))));
    let domain = Domain::default();
    for value in values(&ask("value", &array, 50, &domain)) {
        let elements = value[20..]
            .chunks(8)
            .map(|element| i32::from_be_bytes(element[4..].try_into().unwrap()));
        assert!(
            elements.clone().all(|element| (1..=3).contains(&element)),
            "{:?}",
            elements.collect::<Vec<_>>()
        );
    }
}

fn odd_domains() -> [Domain; 9] {
    let limit = |value: &str| {
        Some(Limit {
            value: value.into(),
            inclusive: true,
        })
    };
    [
        Domain::default(),
        Domain {
            at_least: limit("5"),
            at_most: limit("3"),
            ..Domain::default()
        },
        Domain {
            at_least: limit("nonsense"),
            ..Domain::default()
        },
        Domain {
            one_of: Some(vec!["1".into(), "x".into()]),
            ..Domain::default()
        },
        Domain {
            one_of: Some(Vec::new()),
            ..Domain::default()
        },
        Domain {
            length: Some((3, 2)),
            none_of: vec!["1".into()],
            ..Domain::default()
        },
        Domain {
            length: Some((0, 0)),
            ..Domain::default()
        },
        Domain {
            patterns: vec!["^(".into()],
            ..Domain::default()
        },
        Domain {
            patterns: vec!["^.*$".into(), "[0-9]".into()],
            ..Domain::default()
        },
    ]
}

fn odd_spreads() -> [Spread; 4] {
    let shape = HistogramShape {
        positions: vec![0.5, 0.0, f64::NAN, 7.0],
        low: Magnitude {
            negative: true,
            log2: Some(-200),
        },
        span: Magnitude {
            negative: false,
            log2: Some(200),
        },
        frame: Some((f64::NAN, 5.0)),
        decimals: Some(40),
    };
    let bounds = [
        vec![],
        vec![1],
        vec![0; 4],
        vec![255; 8],
        vec![7; 16],
        vec![0; 40],
        b"abc".to_vec(),
    ];
    [
        Spread::Free,
        Spread::Bounds(Vec::new()),
        Spread::Bounds(bounds.to_vec()),
        Spread::Shape(shape, jiff::Timestamp::MAX),
    ]
}

#[test]
fn whatever_is_asked_is_made_or_refused() {
    let (domains, spreads) = (odd_domains(), odd_spreads());
    let plain = super::plain::PLAIN
        .iter()
        .copied()
        .chain(["bool", "bpchar", "bit", "varbit", "tid", "int2"]);
    let types: Vec<Type> = plain.map(base).chain(made_of_others()).collect();
    let avoid = [Vec::new(), vec![0; 4], b"x".to_vec()];
    let asked = domains.iter().map(|domain| (domain, &spreads[0]));
    let asked: Vec<_> = asked
        .chain(spreads.iter().map(|spread| (&domains[0], spread)))
        .collect();
    for type_ in &types {
        for (domain, spread) in &asked {
            for (distinct, width) in [(0, None), (u64::MAX, Some(3.0))] {
                let spread = (*spread).clone();
                let ask = Ask {
                    spread,
                    width,
                    avoid: &avoid,
                    ..ask("value", type_, distinct, domain)
                };
                let Ok(maker) = Maker::new(&ask) else {
                    continue;
                };
                assert!(
                    maker.distinct() >= 1 && maker.distinct() <= distinct.max(1),
                    "{}",
                    type_.name
                );
                let mut out = Vec::new();
                for ordinal in [0, maker.distinct() / 2, maker.distinct() - 1] {
                    maker.write(ordinal, &mut out);
                }
            }
        }
    }
}
