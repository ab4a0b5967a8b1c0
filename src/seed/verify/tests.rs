//! Profiles whose distances are known because they are written down.

use std::collections::BTreeMap;

use super::compare::compare;
use super::line::Orders;
use crate::record::fidelity::{ColumnFidelity, Fidelity};
use crate::seed::profile::{
    ColumnStats, Common, Histogram, HistogramShape, Magnitude, Profile, TableProfile, VERSION,
    Value, Values,
};
use crate::seed::schema::{Column, Filled, Name, Schema, Table, Type, TypeKind};

fn name(schema: &str, name: &str) -> Name {
    Name {
        schema: schema.into(),
        name: name.into(),
    }
}

fn stats() -> ColumnStats {
    ColumnStats {
        null_frac: 0.0,
        avg_width: 4,
        n_distinct: -1.0,
        most_common: Vec::new(),
        histogram: Histogram::None,
        correlation: None,
        elements: None,
        json: None,
    }
}

fn common(values: &[(&str, f64)]) -> Vec<Common> {
    let of = |(order, (value, frequency)): (u32, &(&str, f64))| Common {
        value: Value::Kept((*value).into()),
        frequency: *frequency,
        order: Some(order),
    };
    (0..).zip(values).map(of).collect()
}

fn bounds(from: i32, to: i32) -> Histogram {
    let step = (to - from) / 10;
    Histogram::Kept((0..=10).map(|i| (from + i * step).to_string()).collect())
}

/// A table of one column `x`.
fn profile(type_: &str, stats: ColumnStats, rows: f64) -> Profile {
    let table = name("public", "t");
    let column = Column {
        name: "x".into(),
        type_: Type {
            oid: 0,
            name: name("pg_catalog", type_),
            typmod: -1,
            kind: TypeKind::Base,
        },
        not_null: false,
        collation: None,
        filled: Filled::Not,
        sequence: None,
    };
    Profile {
        dbperf_profile: VERSION,
        dbperf_version: String::new(),
        collected_at: jiff::Timestamp::UNIX_EPOCH,
        server_version_num: 170_000,
        values: Values::Keep,
        schema: Schema {
            tables: vec![Table {
                name: table.clone(),
                columns: vec![column],
                keys: Vec::new(),
                foreign_keys: Vec::new(),
                checks: Vec::new(),
                exclusions: Vec::new(),
                triggers: Vec::new(),
                partitioning: None,
                row_security: false,
            }],
        },
        tables: vec![TableProfile {
            name: table,
            rows,
            pages: 1,
            columns: BTreeMap::from([("x".to_owned(), stats)]),
            extended: Vec::new(),
            partitions: Vec::new(),
        }],
        missing: Vec::new(),
        statements: Vec::new(),
    }
}

fn compared(type_: &str, source: ColumnStats, target: ColumnStats) -> ColumnFidelity {
    let source = profile(type_, source, 1000.0);
    let target = profile(type_, target, 1000.0);
    let all = compare(&source, &target, &Orders::new());
    all.columns.into_iter().next().unwrap()
}

fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!(
        (found - expected).abs() < 1e-9,
        "{found} instead of {expected}"
    );
}

#[test]
fn the_same_is_the_same() {
    let of = || ColumnStats {
        most_common: common(&[("5", 0.2), ("7", 0.1)]),
        histogram: bounds(0, 100),
        correlation: Some(0.3),
        null_frac: 0.1,
        ..stats()
    };
    let found = compared("int4", of(), of());
    near(found.histogram_distance, 0.0);
    near(found.most_common_distance, 0.0);
    near(found.null_frac_difference, 0.0);
    near(found.correlation_difference, 0.0);
    near(found.distinct_ratio, 1.0);
    assert_eq!(found.not_measured, [""; 0]);
}

#[test]
fn a_histogram_that_is_moved_is_so_far_away() {
    let of = |histogram| ColumnStats {
        histogram,
        ..stats()
    };
    let found = compared("int4", of(bounds(0, 100)), of(bounds(20, 120)));
    near(found.histogram_distance, 0.2);
    assert_eq!(found.histogram_basis.as_deref(), Some("values"));
    // Half are the value 0 here, and all are spread there: half of the weight lies at the beginning.
    let half = ColumnStats {
        most_common: common(&[("0", 0.5)]),
        histogram: bounds(0, 100),
        ..stats()
    };
    near(
        compared("int4", of(bounds(0, 100)), half).histogram_distance,
        0.5,
    );
}

#[test]
fn nulls_are_no_part_of_the_distribution() {
    let of = |null_frac, frequency| ColumnStats {
        null_frac,
        most_common: common(&[("1", frequency)]),
        histogram: bounds(2, 102),
        ..stats()
    };
    // A quarter of what is not null, on both sides.
    let found = compared("int4", of(0.0, 0.25), of(0.5, 0.125));
    near(found.histogram_distance, 0.0);
    near(found.null_frac_difference, 0.5);
    near(found.most_common_distance, 0.0625);
}

#[test]
fn dates_and_labels_have_a_line() {
    let of = |days: [&str; 3]| ColumnStats {
        histogram: Histogram::Kept(days.map(str::to_owned).to_vec()),
        ..stats()
    };
    let found = compared(
        "date",
        of(["2024-01-01", "2024-01-05", "2024-01-09"]),
        of(["2024-01-03", "2024-01-07", "2024-01-11"]),
    );
    near(found.histogram_distance, 0.25);
}

#[test]
fn what_is_not_told_is_compared_by_rank_and_by_position() {
    let tokens = |frequencies: [f64; 2], key: &str| {
        let of = |(order, frequency): (u32, f64)| Common {
            value: Value::Token(format!("{key}{order}")),
            frequency,
            order: Some(order),
        };
        (0..).zip(frequencies).map(of).collect::<Vec<_>>()
    };
    let only = |frequencies, key| ColumnStats {
        most_common: tokens(frequencies, key),
        n_distinct: 2.0,
        ..stats()
    };
    let found = compared("text", only([0.7, 0.3], "a"), only([0.6, 0.4], "b"));
    near(found.most_common_distance, 0.1);
    near(found.histogram_distance, 0.1);
    assert_eq!(found.histogram_basis.as_deref(), Some("order"));
    let size = Magnitude {
        negative: false,
        log2: Some(10),
    };
    let shape = |positions: Vec<f64>| ColumnStats {
        histogram: Histogram::Shape(HistogramShape {
            positions,
            low: size,
            span: size,
            frame: None,
            decimals: None,
        }),
        ..stats()
    };
    // Half of the weight in the first tenth, against the first half.
    let found = compared(
        "int4",
        shape(vec![0.0, 0.1, 1.0]),
        shape(vec![0.0, 0.5, 1.0]),
    );
    near(found.histogram_distance, 0.4);
    assert_eq!(found.histogram_basis.as_deref(), Some("positions"));
    // A fifth of the rows has other ends.
    let few = compare(
        &profile("int4", shape(vec![0.0, 0.1, 1.0]), 1000.0),
        &profile("int4", shape(vec![0.0, 0.1, 1.0]), 200.0),
        &Orders::new(),
    );
    let few = &few.columns[0];
    assert_eq!(few.histogram_distance, None);
    assert!(few.not_measured[0].contains("ends"), "{few:?}");
    let untold = ColumnStats {
        histogram: Histogram::Untold(101),
        ..stats()
    };
    let found = compared("text", untold.clone(), untold);
    assert_eq!(found.histogram_distance, None);
    assert!(
        found.not_measured[0].contains("not told"),
        "{:?}",
        found.not_measured
    );
}

#[test]
fn distinct_values_are_counted_as_the_source_counts_them() {
    let of = |n_distinct| ColumnStats {
        n_distinct,
        histogram: bounds(0, 100),
        ..stats()
    };
    near(compared("int4", of(-0.5), of(-0.25)).distinct_ratio, 0.5);
    near(compared("int4", of(100.0), of(110.0)).distinct_ratio, 1.1);
    // 500 of 1000 rows are half of them.
    near(compared("int4", of(-0.5), of(500.0)).distinct_ratio, 1.0);
    near(compared("int4", of(500.0), of(-0.5)).distinct_ratio, 1.0);
}

#[test]
fn what_is_missing_is_said() {
    let source = profile("int4", stats(), 1000.0);
    let mut target = source.clone();
    target.tables[0].columns.clear();
    let said = |all: Fidelity| all.columns[0].not_measured.join(", ");
    let none = compare(&source, &target, &Orders::new());
    assert_eq!(said(none), "the column has no statistics here");
    target.tables.clear();
    let none = compare(&source, &target, &Orders::new());
    assert_eq!(none.tables[0].target_rows, None);
    assert_eq!(said(none), "the table has no statistics here");
}

/// 1.358 × √(2 ÷ 30,000), and of one sample 1.358 × √(1 ÷ 30,000).
#[test]
fn only_tables_of_which_analyze_takes_a_sample_differ_by_sampling() {
    let sampling = |source, target| {
        let of = |rows| profile("int4", stats(), rows);
        compare(&of(source), &of(target), &Orders::new()).sampling_distance
    };
    assert_eq!(sampling(1_000.0, 1_000.0), None);
    assert_eq!(sampling(30_000.0, 30_000.0), None);
    for (source, target, expected) in [
        (30_001.0, 30_001.0, 0.011_088),
        (1e9, 1e6, 0.011_088),
        (1e6, 30_000.0, 0.007_840),
        (1_000.0, 1e6, 0.007_840),
    ] {
        let found = sampling(source, target).unwrap();
        assert!(
            (found - expected).abs() < 1e-6,
            "{source} {target}: {found}"
        );
    }
    // The worst table counts, and one that is not here has none.
    let mut two = profile("int4", stats(), 1_000.0);
    let mut large = profile("int4", stats(), 1e6).tables.remove(0);
    large.name = name("public", "large");
    two.tables.push(large);
    let both = compare(&two, &two, &Orders::new()).sampling_distance;
    assert!((both.unwrap() - 0.011_088).abs() < 1e-6, "{both:?}");
    let small = profile("int4", stats(), 1_000.0);
    let one = compare(&two, &small, &Orders::new()).sampling_distance;
    assert_eq!(one, None);
}
