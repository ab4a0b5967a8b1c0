//! Numbers, times, addresses, enums, text.

use super::*;

pub(super) const PLAIN: [&str; 24] = [
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "money",
    "text",
    "varchar",
    "name",
    "bytea",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "oid",
    "pg_lsn",
    "xid8",
];

#[test]
fn different_ordinals_give_different_values_of_every_plain_type() {
    let domain = Domain::default();
    for name in PLAIN {
        let type_ = base(name);
        for wanted in [1, 2, 100, 5_000] {
            let values = values(&ask("value", &type_, wanted, &domain));
            assert_eq!(values.len() as u64, wanted, "{name}");
            assert_eq!(distinct(&values), values.len(), "{name}");
        }
    }
}

#[test]
fn a_small_type_says_how_many_values_it_has() {
    let domain = Domain::default();
    assert_eq!(values(&ask("ok", &base("bool"), 10, &domain)), [[0], [1]]);
    let mood = Type {
        kind: TypeKind::Enum(vec!["sad".into(), "ok".into(), "happy".into()]),
        ..base("mood")
    };
    assert_eq!(
        texts(&values(&ask("mood", &mood, 10, &domain))),
        ["sad", "ok", "happy"]
    );
    let char1 = values(&ask("flag", &base_typmod("bpchar", 5), 1_000, &domain));
    assert_eq!(char1.len(), 26);
    let int2 = values(&ask("n", &base("int2"), 100_000, &domain));
    assert_eq!(int2.len(), 65_536);
}

#[test]
fn domains_are_obeyed() {
    let limit = |value: &str, inclusive| {
        Some(Limit {
            value: value.into(),
            inclusive,
        })
    };
    let domain = Domain {
        at_least: limit("1", true),
        at_most: limit("6", false),
        ..Domain::default()
    };
    assert_eq!(
        ints(&values(&ask("n", &base("int4"), 100, &domain))),
        [1, 2, 3, 4, 5]
    );
    let domain = Domain {
        at_least: limit("0", false),
        none_of: vec!["2".into()],
        ..Domain::default()
    };
    assert_eq!(
        ints(&values(&ask("n", &base("int4"), 3, &domain))),
        [1, 3, 4]
    );
    let domain = Domain {
        one_of: Some(vec!["b".into(), "a".into()]),
        ..Domain::default()
    };
    assert_eq!(
        texts(&values(&ask("n", &base("text"), 9, &domain))),
        ["a", "b"]
    );
    let domain = Domain {
        at_least: limit("0", false),
        at_most: limit("0.01", true),
        ..Domain::default()
    };
    for name in ["float8", "numeric"] {
        let type_ = base(name);
        let values = values(&ask("n", &type_, 50, &domain));
        assert_eq!(distinct(&values), 50);
        for value in values {
            let number = read_number(&type_, &value).unwrap();
            assert!(
                number > 0.into() && number <= "0.01".parse().unwrap(),
                "{number}"
            );
        }
    }
    let domain = Domain {
        length: Some((5, 6)),
        ..Domain::default()
    };
    for column in ["name", "email", "body", "code", "x"] {
        let values = texts(&values(&ask(column, &base("text"), 200, &domain)));
        assert!(
            values.iter().all(|text| (5..=6).contains(&text.len())),
            "{column}: {values:?}"
        );
    }
}

#[test]
fn prose_is_as_long_as_its_check_demands() {
    for (column, least, width) in [
        ("description", 50, None),
        ("title", 30, None),
        ("description", 50, Some(61.0)),
    ] {
        let domain = Domain {
            length: Some((least, 500)),
            ..Domain::default()
        };
        let type_ = base("text");
        let asked = Ask {
            width,
            ..ask(column, &type_, 3_000, &domain)
        };
        let values = texts(&values(&asked));
        assert!(values.len() >= 3_000);
        let short = values.iter().filter(|v| v.len() < least as usize).count();
        assert_eq!(short, 0, "{column}");
    }
}

#[test]
fn a_narrow_range_has_the_values_of_a_finer_unit() {
    let limit = |value: &str| {
        Some(Limit {
            value: value.into(),
            inclusive: false,
        })
    };
    let domain = Domain {
        at_least: limit("0"),
        at_most: limit("0.005"),
        ..Domain::default()
    };
    let type_ = base("numeric");
    for value in values(&ask("x", &type_, 3, &domain)) {
        let number = read_number(&type_, &value).unwrap();
        assert!(number > 0.into() && number < "0.005".parse().unwrap());
    }
}

#[test]
fn widths_are_those_that_were_measured() {
    let domain = Domain::default();
    let type_ = base("text");
    for column in [
        "name",
        "first_name",
        "email",
        "url",
        "description",
        "title",
        "status",
        "x",
        "token",
        "street",
    ] {
        for width in [5.0, 9.0, 14.0, 22.0, 41.0, 90.0, 400.0] {
            for wanted in [300, 20_000] {
                let values = values(&Ask {
                    width: Some(width),
                    ..ask(column, &type_, wanted, &domain)
                });
                let header = if width < 127.0 { 1.0 } else { 4.0 };
                let mean = values.iter().map(Vec::len).sum::<usize>() as f64 / values.len() as f64;
                let error = (mean / (width - header) - 1.0).abs();
                assert!(
                    error < 0.08,
                    "{column}, {wanted} of {width}: {mean}: {:?}",
                    texts(&values[..3])
                );
                assert_eq!(distinct(&values), values.len());
                assert_eq!(values.len() as u64, wanted);
            }
        }
    }
}

#[test]
fn a_length_of_the_type_is_never_exceeded() {
    let domain = Domain::default();
    for column in [
        "name",
        "email",
        "url",
        "description",
        "x",
        "token",
        "street",
        "country_code",
    ] {
        for most in [3, 8, 20] {
            for name in ["varchar", "bpchar"] {
                let values = values(&Ask {
                    width: Some(15.0),
                    ..ask(column, &base_typmod(name, most + 4), 500, &domain)
                });
                assert!(
                    values
                        .iter()
                        .all(|value| i32::try_from(value.len()).unwrap() <= most),
                    "{column} of {most}"
                );
                assert_eq!(distinct(&values), values.len());
                assert_eq!(values.len(), 500, "{column} of {most}");
            }
        }
    }
}

#[test]
fn texts_rise_with_their_ordinals() {
    let domain = Domain::default();
    for column in [
        "name",
        "first_name",
        "email",
        "url",
        "description",
        "title",
        "x",
        "token",
        "uuid",
        "phone",
        "city",
    ] {
        let values = values(&ask(column, &base("text"), 5_000, &domain));
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{column}");
    }
}

#[test]
fn values_that_are_given_elsewhere_are_not_made() {
    let domain = Domain::default();
    for name in PLAIN {
        let type_ = base(name);
        let before = values(&ask("value", &type_, 50, &domain));
        let avoid = &before[10..20];
        let after = values(&Ask {
            avoid,
            ..ask("value", &type_, 50, &domain)
        });
        assert!(after.iter().all(|value| !avoid.contains(value)), "{name}");
        assert_eq!(distinct(&after), 50, "{name}");
    }
}

#[test]
fn shapes_keep_their_positions() {
    let domain = Domain::default();
    let shape = HistogramShape {
        positions: vec![0.0, 0.1, 0.2, 1.0],
        low: Magnitude {
            negative: false,
            log2: Some(3),
        },
        span: Magnitude {
            negative: false,
            log2: Some(20),
        },
        frame: None,
        decimals: None,
    };
    let spread = Spread::Shape(shape, jiff::Timestamp::UNIX_EPOCH);
    let type_ = base("int4");
    let made = ints(&values(&Ask {
        spread: spread.clone(),
        ..ask("n", &type_, 301, &domain)
    }));
    let span = 3 << 18;
    assert_eq!((made[0], made[300]), (6, 6 + span));
    assert_eq!(made[100], 6 + span / 10);
    assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    // Times are in seconds from the moment.
    let times = values(&Ask {
        spread,
        ..ask("n", &base("timestamptz"), 4, &domain)
    });
    let last = i64::from_be_bytes(times[3].as_slice().try_into().unwrap());
    assert_eq!(last, (6 + i64::from(span) - 10_957 * 86_400) * 1_000_000);
}

/// 1 to 200, each once, in a histogram of a hundred ranges with two rows each: places are told to four digits.
#[test]
fn numbers_beside_each_other_are_not_lost_between_rounded_places() {
    let domain = Domain::default();
    let bounds = (0..=100).map(|n| f64::from(n * 199 / 100));
    let shape = HistogramShape {
        positions: bounds.map(|b| (b / 199.0 * 1e4).round() / 1e4).collect(),
        low: Magnitude {
            negative: false,
            log2: Some(3),
        },
        span: Magnitude {
            negative: false,
            log2: Some(8),
        },
        frame: None,
        decimals: Some(0),
    };
    let type_ = base("int4");
    let made = ints(&values(&Ask {
        spread: Spread::Shape(shape, jiff::Timestamp::UNIX_EPOCH),
        crowd: Some(2),
        ..ask("n", &type_, 200, &domain)
    }));
    assert_eq!(made, (6..=205).collect::<Vec<_>>());
}

#[test]
fn a_vague_distance_leaves_room_for_all_different_numbers() {
    let domain = Domain::default();
    let size = |log2| Magnitude {
        negative: false,
        log2: Some(log2),
    };
    // 1 to 50: three quarters of 64 would be one number too few.
    let shape = HistogramShape {
        positions: (0..50).map(|n| f64::from(n) / 49.0).collect(),
        low: size(0),
        span: size(6),
        frame: None,
        decimals: None,
    };
    let type_ = base("int4");
    let made = ints(&values(&Ask {
        spread: Spread::Shape(shape, jiff::Timestamp::UNIX_EPOCH),
        ..ask("id", &type_, 50, &domain)
    }));
    assert_eq!(made.len(), 50);
    assert!(
        made.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{made:?}"
    );
}

#[test]
fn times_of_one_frame_keep_their_order() {
    let domain = Domain::default();
    let moment: jiff::Timestamp = "2026-05-06T17:30:00Z".parse().unwrap();
    let shape = |frame, positions: [f64; 4]| {
        let size = |negative, log2| Magnitude {
            negative,
            log2: Some(log2),
        };
        HistogramShape {
            positions: positions.to_vec(),
            low: size(true, 26),
            span: size(false, 26),
            frame: Some(frame),
            decimals: None,
        }
    };
    let made = |name: &str, shape| {
        let type_ = base(name);
        let spread = Spread::Shape(shape, moment);
        values(&Ask {
            spread,
            ..ask("at", &type_, 4, &domain)
        })
    };
    let micros = |name: &str, shape| -> Vec<i64> {
        let values = made(name, shape).into_iter();
        values
            .map(|v| i64::from_be_bytes(v.try_into().unwrap()))
            .collect()
    };
    let created = micros("timestamptz", shape((0.0, 0.9999), [0.0, 0.3, 0.5, 1.0]));
    let updated = micros(
        "timestamp",
        shape((0.0001, 1.0), [0.0, 0.2999, 0.5001, 1.0]),
    );
    assert!(
        created.iter().zip(&updated).all(|(a, b)| a <= b),
        "{created:?} {updated:?}"
    );
    // The frame begins and ends where its magnitudes say.
    let (start, length) = (
        moment.as_second() - 10_957 * 86_400 - (3 << 24),
        3_i64 << 24,
    );
    assert_eq!(created[0], start * 1_000_000);
    assert_eq!(updated[3], (start + length) * 1_000_000);
    // A day is the one that a timestamp of the same place lies in.
    let days: Vec<i32> = made("date", shape((0.0, 0.9999), [0.0, 0.3, 0.5, 1.0]))
        .into_iter()
        .map(|v| i32::from_be_bytes(v.try_into().unwrap()))
        .collect();
    for (day, created) in days.iter().zip(&created) {
        assert_eq!(i64::from(*day), created.div_euclid(86_400_000_000));
    }
}

#[test]
fn intervals_without_room_are_told() {
    let domain = Domain::default();
    let type_ = base("int4");
    let bounds = [1_i32, 1, 2, 4, 9_000].map(|n| n.to_be_bytes().to_vec());
    let spread = Spread::Bounds(bounds.to_vec());
    let maker = Maker::new(&Ask {
        spread,
        ..ask("n", &type_, 500, &domain)
    })
    .unwrap();
    assert_eq!(maker.groups(), [0..1, 0..1, 1..3, 3..500]);
    assert!(
        Maker::new(&ask("n", &type_, 500, &domain))
            .unwrap()
            .groups()
            .is_empty()
    );
}

#[test]
fn bounds_are_values_and_values_lie_between_them() {
    let domain = Domain::default();
    let bounds: Vec<Vec<u8>> = [10_i32, 20, 1_000, 50_000]
        .iter()
        .map(|n| n.to_be_bytes().to_vec())
        .collect();
    let type_ = base("int4");
    let spread = Spread::Bounds(bounds);
    let made = ints(&values(&Ask {
        spread: spread.clone(),
        ..ask("n", &type_, 2, &domain)
    }));
    assert_eq!(made, [10, 50_000]);
    let made = ints(&values(&Ask {
        spread,
        ..ask("n", &type_, 1_000, &domain)
    }));
    assert_eq!(made.len(), 1_000);
    assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(made.contains(&20) && made.contains(&1_000));
}
