//! Histograms of which only the form is told.

use super::*;

fn size(log2: i32) -> Magnitude {
    Magnitude {
        negative: false,
        log2: Some(log2),
    }
}

/// A form of a hundred equal steps, of this first bound and distance (powers of two).
fn even(low: i32, span: i32, decimals: Option<u32>) -> HistogramShape {
    HistogramShape {
        positions: (0..=100).map(|n| f64::from(n) / 100.0).collect(),
        low: size(low),
        span: size(span),
        frame: None,
        decimals,
    }
}

fn shaped<'a>(
    type_: &'a Type,
    shape: HistogramShape,
    distinct: u64,
    domain: &'a Domain,
) -> Ask<'a> {
    let spread = Spread::Shape(shape, jiff::Timestamp::UNIX_EPOCH);
    Ask {
        spread,
        ..ask("n", type_, distinct, domain)
    }
}

/// The first and the last value, and how many ranges of equally many rows there are: one less than bounds.
fn ends(ask: &Ask<'_>) -> (Vec<u8>, Vec<u8>, usize) {
    let maker = Maker::new(ask).unwrap();
    let made = values(ask);
    assert_eq!(made.len() as u64, maker.distinct());
    let (first, last) = (made.first().unwrap(), made.last().unwrap());
    (first.clone(), last.clone(), maker.groups().len())
}

fn short(bytes: &[u8]) -> i16 {
    i16::from_be_bytes(bytes.try_into().unwrap())
}

fn real(bytes: &[u8]) -> f32 {
    f32::from_be_bytes(bytes.try_into().unwrap())
}

/// 20,000 to 32,000, and 10 to 23 o'clock: three quarters of a power of two and as much again end beyond the type.
#[test]
fn a_form_that_ends_beyond_its_type_is_moved_and_loses_no_bound() {
    let domain = Domain::default();
    let type_ = base("int2");
    let (first, last, groups) = ends(&shaped(&type_, even(15, 14, Some(0)), 9_000, &domain));
    assert_eq!((short(&first), short(&last)), (i16::MAX - 12_288, i16::MAX));
    assert_eq!(groups, 100);
    let type_ = base("time");
    let (first, last, groups) = ends(&shaped(&type_, even(16, 16, None), 9_000, &domain));
    let second = |bytes: &[u8]| i64::from_be_bytes(bytes.try_into().unwrap()) / 1_000_000;
    assert_eq!((second(&first), second(&last)), (86_399 - 49_152, 86_399));
    assert_eq!(groups, 100);
    // Below zero it is moved up.
    let below = HistogramShape {
        low: Magnitude {
            negative: true,
            log2: Some(16),
        },
        ..even(16, 14, Some(0))
    };
    let type_ = base("int2");
    let (first, last, groups) = ends(&shaped(&type_, below, 9_000, &domain));
    assert_eq!((short(&first), short(&last)), (i16::MIN, i16::MIN + 12_288));
    assert_eq!(groups, 100);
}

#[test]
fn a_form_that_is_longer_than_what_is_allowed_is_made_shorter() {
    let limit = |value: &str| {
        Some(Limit {
            value: value.into(),
            inclusive: true,
        })
    };
    let domain = Domain {
        at_least: limit("18"),
        at_most: limit("90"),
        ..Domain::default()
    };
    let type_ = base("int4");
    // 18 to 90 is told as 32 and 128.
    let made = ints(&values(&shaped(&type_, even(5, 7, Some(0)), 73, &domain)));
    assert_eq!((made[0], made[72], made.len()), (18, 90, 73));
}

/// 10.25 to a million: floats of four bytes have no two decimals there.
#[test]
fn floats_have_as_many_decimals_as_there_is_room_for() {
    let domain = Domain::default();
    let type_ = base("float4");
    let (first, last, groups) = ends(&shaped(&type_, even(10, 20, Some(2)), 50_000, &domain));
    assert_eq!((real(&first), real(&last)), (768.0, 787_200.0));
    assert_eq!(groups, 100);
    // Of a price both are kept.
    let (first, last, _) = ends(&shaped(&type_, even(0, 3, Some(2)), 500, &domain));
    assert_eq!((real(&first), real(&last)), (0.75, 6.75));
    // From 0 to 1, as random() gives them: more values than five decimals tell apart.
    let shape = even(-10, 0, None);
    let made = values(&shaped(&type_, shape, 200_000, &domain));
    assert_eq!(distinct(&made), 200_000);
    let (first, last) = (real(&made[0]), real(&made[199_999]));
    assert!(
        (0.0007..0.0008).contains(&first) && (0.7507..0.7508).contains(&last),
        "{first} {last}"
    );
    assert!(made.windows(2).all(|pair| real(&pair[0]) < real(&pair[1])));
}

#[test]
fn floats_beyond_what_whole_numbers_tell_apart_keep_their_form() {
    let domain = Domain::default();
    let single = base("float4");
    let (first, last, groups) = ends(&shaped(&single, even(40, 66, Some(0)), 5_000, &domain));
    let expected = (0.75 * 2_f32.powi(40), 0.75 * 2_f32.powi(66));
    assert_eq!((real(&first), groups), (expected.0, 100));
    assert!(
        (real(&last) / expected.1 - 1.0).abs() < 1e-6,
        "{}",
        real(&last)
    );
    let double = base("float8");
    let of = |bytes: &[u8]| f64::from_be_bytes(bytes.try_into().unwrap());
    let (first, last, groups) = ends(&shaped(&double, even(66, 67, Some(0)), 5_000, &domain));
    let expected = (
        0.75 * 2_f64.powi(66),
        0.75 * (2_f64.powi(66) + 2_f64.powi(67)),
    );
    assert_eq!(
        (of(&first), of(&last), groups),
        (expected.0, expected.1, 100)
    );
    // The greatest that there are.
    let (first, last, groups) = ends(&shaped(&double, even(1024, 1024, Some(0)), 5_000, &domain));
    assert!(of(&first) > 1e307 && of(&last) <= f64::MAX && of(&first) < of(&last));
    assert_eq!(groups, 100);
}

/// 100 to 5,000, told in whole ones, while the type counts hundredths.
#[test]
fn money_is_as_large_as_it_is_told() {
    let domain = Domain::default();
    let type_ = base("money");
    let number = |bytes: &[u8]| read_number(&type_, bytes).unwrap().to_string();
    let (first, last, groups) = ends(&shaped(&type_, even(7, 13, Some(2)), 5_000, &domain));
    assert_eq!(
        (&*number(&first), &*number(&last), groups),
        ("96.00", "6240.00", 100)
    );
    // Three quarters of 8 are fewer than 700 different prices, which 8 have room for.
    let made = values(&shaped(&type_, even(0, 3, Some(2)), 700, &domain));
    assert_eq!((made.len(), distinct(&made)), (700, 700));
    assert_eq!(number(&made[699]), "7.74");
}

fn numeric(precision: i32, scale: i32) -> Type {
    base_typmod("numeric", ((precision << 16) | scale) + 4)
}

/// 6 to 774 as numeric(60, 40) and others: all their decimals are shown, and 39 of them are more than can be counted.
#[test]
fn numbers_of_more_digits_than_are_worked_with_keep_their_form() {
    let domain = Domain::default();
    let decimal = |text: &str| text.parse::<rust_decimal::Decimal>().unwrap();
    for (precision, scale) in [(60, 40), (100, 0), (38, 37), (1000, 500)] {
        let type_ = numeric(precision, scale);
        let told = Some(u32::try_from(scale).unwrap());
        let (low, span, ends_at) = match precision - scale {
            1 => (0, 3, ("0.75", "6.75")),
            _ => (3, 10, ("6", "774")),
        };
        let (first, last, groups) = ends(&shaped(&type_, even(low, span, told), 500, &domain));
        let number = |bytes: &[u8]| read_number(&type_, bytes).unwrap();
        assert_eq!(groups, 100, "numeric({precision}, {scale})");
        let found = (number(&first), number(&last));
        assert_eq!(found, (decimal(ends_at.0), decimal(ends_at.1)));
    }
    // A number of thirty-three digits, which is what they are worked with for.
    let type_ = numeric(78, 0);
    let (first, last, groups) = ends(&shaped(&type_, even(100, 110, Some(0)), 500, &domain));
    let units = |bytes: &[u8]| crate::seed::values::numeric::read(bytes).unwrap();
    assert_eq!((units(&first), groups), ((3 << 98, 0), 100));
    assert_eq!(units(&last), ((3 << 98) + (3 << 108), 0));
}

/// Bounds that are kept: 1.5 and 700 with forty decimals that are shown.
#[test]
fn kept_numbers_of_many_decimals_are_bounds() {
    let domain = Domain::default();
    let type_ = numeric(60, 40);
    let bounds = vec![
        vec![0, 2, 0, 0, 0, 0, 0, 40, 0, 1, 19, 136],
        vec![0, 1, 0, 0, 0, 0, 0, 40, 0, 200],
        vec![0, 1, 0, 0, 0, 0, 0, 40, 2, 188],
    ];
    let (first, last, groups) = ends(&Ask {
        spread: Spread::Bounds(bounds),
        ..ask("n", &type_, 300, &domain)
    });
    let number = |bytes: &[u8]| read_number(&type_, bytes).unwrap().to_string();
    assert_eq!(
        (&*number(&first), &*number(&last), groups),
        ("1.5", "700.0", 2)
    );
}

/// What an Ethereum contract counts as numeric(78, 0): 0, 10 to the fortieth and the greatest of all.
#[test]
fn kept_numbers_of_many_digits_are_bounds() {
    let limit = Limit {
        value: "0".into(),
        inclusive: true,
    };
    let domain = Domain {
        at_least: Some(limit),
        ..Domain::default()
    };
    for type_ in [numeric(78, 0), base("numeric")] {
        let bounds = vec![
            vec![0, 0, 0, 0, 0, 0, 0, 0],
            vec![0, 1, 0, 10, 0, 0, 0, 0, 0, 1],
            vec![0, 1, 0, 19, 0, 0, 0, 0, 0, 9],
        ];
        let (first, last, groups) = ends(&Ask {
            spread: Spread::Bounds(bounds.clone()),
            ..ask("n", &type_, 300, &domain)
        });
        assert_eq!((&first, &last, groups), (&bounds[0], &bounds[2], 2));
    }
}
