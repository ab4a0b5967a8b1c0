//! What holds of every maker.

mod others;
mod plain;
mod shapes;

use super::*;
use crate::seed::domain::{Domain, Limit};
use crate::seed::profile::{HistogramShape, Magnitude};
use crate::seed::schema::{Name, Type, TypeKind};

/// A type that PostgreSQL ships.
pub(in crate::seed::values) fn base(name: &str) -> Type {
    base_typmod(name, -1)
}

/// The same with a typmod.
pub(in crate::seed::values) fn base_typmod(name: &str, typmod: i32) -> Type {
    let name = Name {
        schema: "pg_catalog".into(),
        name: name.into(),
    };
    Type {
        oid: 0,
        name,
        typmod,
        kind: TypeKind::Base,
    }
}

/// A question of which nothing but this is known.
pub(in crate::seed::values) fn ask<'a>(
    column: &'a str,
    type_: &'a Type,
    distinct: u64,
    domain: &'a Domain,
) -> Ask<'a> {
    Ask {
        table: "things",
        column,
        type_,
        distinct,
        crowd: None,
        width: None,
        spread: Spread::Free,
        domain,
        avoid: &[],
        elements: None,
        json: None,
        seed: 42,
    }
}

/// All values of a maker.
pub(in crate::seed::values) fn values(ask: &Ask<'_>) -> Vec<Vec<u8>> {
    let maker = Maker::new(ask).unwrap_or_else(|error| panic!("{}: {error:?}", ask.type_.name));
    (0..maker.distinct())
        .map(|ordinal| {
            let mut out = Vec::new();
            maker.write(ordinal, &mut out);
            out
        })
        .collect()
}

pub(in crate::seed::values) fn distinct(values: &[Vec<u8>]) -> usize {
    values
        .iter()
        .collect::<std::collections::HashSet<_>>()
        .len()
}

pub(in crate::seed::values) fn texts(values: &[Vec<u8>]) -> Vec<String> {
    values
        .iter()
        .map(|value| String::from_utf8(value.clone()).unwrap())
        .collect()
}

pub(in crate::seed::values) fn ints(values: &[Vec<u8>]) -> Vec<i32> {
    values
        .iter()
        .map(|value| i32::from_be_bytes(value.as_slice().try_into().unwrap()))
        .collect()
}

/// What a seed makes must never change, on any platform: whoever updates the lists of words or the ways of making values
/// changes this number and says so.
#[test]
fn the_same_values_are_made_everywhere() {
    let domain = Domain::default();
    let mut all = 0_u64;
    for name in [
        "int4",
        "numeric",
        "float8",
        "date",
        "timestamptz",
        "uuid",
        "inet",
        "text",
        "jsonb",
        "tsvector",
        "point",
    ] {
        let type_ = base(name);
        for column in ["value", "email", "description", "price"] {
            let width = Some(60.0);
            for value in values(&Ask {
                width,
                ..ask(column, &type_, 300, &domain)
            }) {
                all = value.iter().fold(all, |all, byte| {
                    all.rotate_left(5) ^ u64::from(*byte).wrapping_mul(0x9e37_79b9)
                });
            }
        }
    }
    assert_eq!(all, 5_170_683_048_627_383_143);
}
