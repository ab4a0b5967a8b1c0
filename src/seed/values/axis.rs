//! Types whose values are whole numbers of some unit: each value has a position on a line, in the order of values.
//!
//! The binary forms are those of `*_recv` and `*_send` in PostgreSQL's `src/backend/utils/adt`.

use crate::seed::schema::{Type, TypeKind};

use super::{network, numeric};

/// Microseconds of a day.
pub(super) const DAY: i128 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's dates and timestamps start.
pub(super) const EPOCH_DAYS: i64 = 10_957;
/// Decimals that numbers without a scale are given at most.
const MOST_DECIMALS: u32 = 20;

/// A line of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Axis {
    /// `int2`.
    Int2,
    /// `int4`.
    Int4,
    /// `int8`, and `money` in its smallest unit.
    Int8,
    /// `oid` and `xid`.
    Unsigned4,
    /// `xid8` and `pg_lsn`.
    Unsigned8,
    /// `boolean`.
    Boolean,
    /// `"char"`: its byte.
    Byte,
    /// `numeric` of this many decimals.
    Numeric(u32),
    /// `numeric` in units of ten to this many, a multiple of four: of what has more digits than are worked with.
    Large(u32),
    /// `float4` of this many decimals.
    Float4(u32),
    /// `float8` of this many decimals.
    Float8(u32),
    /// `float4` in the order of its bits, for what has no few decimals.
    Float4Bits,
    /// `float8` likewise.
    Float8Bits,
    /// `date`: days since 2000.
    Date,
    /// `time`, `timestamp`, `timestamptz`: microseconds, of the day or since 2000.
    Micros,
    /// `timetz`, in UTC.
    TimeTz,
    /// `interval`, in microseconds: a month has 30 days, as when intervals are compared.
    Interval,
    /// `interval` of months.
    Months,
    /// `uuid`, all 128 bits.
    Uuid,
    /// `uuid` of this version: 122 bits.
    UuidVersion(u8),
    /// `inet` or `cidr` of this family (2 or 3) and this many bits of network: the network's number of `cidr`, the
    /// whole address of `inet`.
    Network {
        /// 2 (IPv4) or 3 (IPv6).
        family: u8,
        /// Length of the mask.
        bits: u8,
        /// `cidr`.
        cidr: bool,
    },
    /// `inet` or `cidr` of both families.
    Networks {
        /// Lengths of the masks, of IPv4 and of IPv6.
        bits: [u8; 2],
        /// `cidr`.
        cidr: bool,
    },
    /// `macaddr` and `macaddr8`: this many bytes.
    Mac(usize),
    /// `bit(n)` and `varbit(n)`, the first 126 bits at most.
    Bits(u32),
    /// `tid`: block and place in it.
    Tid,
    /// An enum's labels, by their number.
    Enum(Vec<String>),
}

/// The name of a type below all domains, as a base type has it.
pub(super) fn base_name(type_: &Type) -> Option<&str> {
    let base = type_.base();
    matches!(base.kind, TypeKind::Base).then_some(base.name.name.as_str())
}

impl Axis {
    /// The line of a type, where it has one that needs no look at its values: floats of six decimals at most, uuid of
    /// version 4, IPv4.
    pub(super) fn of(type_: &Type) -> Option<Self> {
        let base = type_.base();
        if let TypeKind::Enum(labels) = &base.kind {
            return Some(Self::Enum(labels.clone()));
        }
        Some(match base_name(base)? {
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" | "money" => Self::Int8,
            "oid" | "xid" | "cid" => Self::Unsigned4,
            "xid8" | "pg_lsn" => Self::Unsigned8,
            "bool" => Self::Boolean,
            "char" => Self::Byte,
            "numeric" => Self::Numeric(numeric_scale(base.typmod)),
            "float4" => Self::Float4(2),
            "float8" => Self::Float8(2),
            "date" => Self::Date,
            "time" | "timestamp" | "timestamptz" => Self::Micros,
            "timetz" => Self::TimeTz,
            "interval" if months_only(base.typmod) => Self::Months,
            "interval" => Self::Interval,
            "uuid" => Self::UuidVersion(4),
            "inet" => Self::Network {
                family: 2,
                bits: 32,
                cidr: false,
            },
            "cidr" => Self::Network {
                family: 2,
                bits: 24,
                cidr: true,
            },
            "macaddr" => Self::Mac(6),
            "macaddr8" => Self::Mac(8),
            "bit" => Self::Bits(u32::try_from(base.typmod).unwrap_or(1)),
            "varbit" => Self::Bits(u32::try_from(base.typmod).unwrap_or(64)),
            "tid" => Self::Tid,
            _ => return None,
        })
    }

    /// The least and the greatest position that the type can hold.
    pub(super) fn limits(&self, type_: &Type) -> (i128, i128) {
        let typmod = type_.base().typmod;
        match self {
            Self::Int2 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int4 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int8 => (i64::MIN.into(), i64::MAX.into()),
            // 0 is "invalid" of all of them.
            Self::Unsigned4 => (1, u32::MAX.into()),
            Self::Unsigned8 => (1, u64::MAX.into()),
            Self::Boolean => (0, 1),
            Self::Byte => (0x20, 0x7e),
            Self::Numeric(scale) => numeric_limits(typmod, scale.cast_signed()),
            Self::Large(zeros) => numeric_limits(typmod, -zeros.cast_signed()),
            // As far as every number has a form of its own.
            Self::Float4(_) => (-(1 << 24), 1 << 24),
            Self::Float8(_) => (-(1 << 53), 1 << 53),
            Self::Float4Bits => ordered_limits(i128::from(f32::MAX.to_bits())),
            Self::Float8Bits => ordered_limits(i128::from(f64::MAX.to_bits())),
            // 4713 BC to 5874897 AD; timestamps to 294276 AD. See datatype/timestamp.h.
            Self::Date => (-2_451_545, 2_145_031_948),
            Self::Micros if base_name(type_) == Some("time") => (0, DAY - 1),
            Self::Micros => (-211_813_488_000_000_000, 9_223_371_331_199_999_999),
            Self::TimeTz => (0, DAY - 1),
            Self::Interval => (-(DAY * 365_000), DAY * 365_000),
            Self::Months => (-2_000_000_000, 2_000_000_000),
            Self::Uuid => (i128::MIN, i128::MAX),
            Self::UuidVersion(_) => (0, (1 << 122) - 1),
            Self::Network { family, bits, cidr } => network::limits(*family, *bits, *cidr),
            Self::Networks { bits, cidr } => network::limits_of_either(*bits, *cidr),
            Self::Mac(bytes) => (0, (1_i128 << (8 * bytes)) - 1),
            Self::Bits(bits) => (0, (1_i128 << (*bits).min(126)) - 1),
            Self::Tid => (0, (1 << 32) * 200 - 1),
            Self::Enum(labels) => (0, labels.len() as i128 - 1),
        }
    }

    /// The unit that the type's typmod rounds to.
    pub(super) fn unit(&self, type_: &Type) -> i128 {
        let typmod = type_.base().typmod;
        match self {
            Self::Numeric(_) => match numeric_typmod(typmod) {
                Some((_, scale)) if scale < 0 => 10_i128.pow(scale.unsigned_abs().min(30)),
                _ => 1,
            },
            Self::Micros | Self::TimeTz => second_unit(typmod),
            Self::Interval => interval_unit(typmod),
            Self::Months if typmod >= 0 && (typmod >> 16) & 0x7fff == 4 => 12,
            _ => 1,
        }
    }
}

/// Precision and scale of `numeric(p, s)`; the scale may be negative since version 15.
pub(super) fn numeric_typmod(typmod: i32) -> Option<(u32, i32)> {
    let typmod = typmod.checked_sub(4).filter(|typmod| *typmod >= 0)?;
    let precision = u32::try_from((typmod >> 16) & 0xffff).ok()?;
    Some((precision, ((typmod & 0x7ff) ^ 1_024) - 1_024))
}

/// Decimals of a numeric: its own, as far as the digits before the point leave room for them.
fn numeric_scale(typmod: i32) -> u32 {
    numeric_typmod(typmod).map_or(2, |(precision, scale)| {
        let scale = scale.max(0).unsigned_abs();
        scale.min(numeric::DIGITS.saturating_sub(precision.saturating_sub(scale)))
    })
}

/// How many decimals the line of a numeric may have, where its type leaves that open: it has no scale, or more digits
/// than are worked with.
pub(super) fn open_decimals(type_: &Type) -> Option<u32> {
    match numeric_typmod(type_.base().typmod) {
        None => Some(MOST_DECIMALS),
        Some((precision, scale)) => {
            let scale = scale.max(0).unsigned_abs();
            (precision.max(scale) > numeric::DIGITS).then_some(scale.min(numeric::DIGITS))
        }
    }
}

fn numeric_limits(typmod: i32, scale: i32) -> (i128, i128) {
    let digits = match numeric_typmod(typmod) {
        Some((precision, own)) => precision.cast_signed() + scale - own,
        None => numeric::DIGITS.cast_signed(),
    };
    let digits = digits
        .clamp(0, numeric::DIGITS.cast_signed())
        .unsigned_abs();
    let greatest = 10_i128.pow(digits) - 1;
    (-greatest, greatest)
}

fn ordered_limits(greatest: i128) -> (i128, i128) {
    (-greatest, greatest)
}

/// Of times the typmod says how many decimals of a second are kept.
fn second_unit(typmod: i32) -> i128 {
    match u32::try_from(typmod) {
        Ok(digits @ 0..=6) => 10_i128.pow(6 - digits),
        _ => 1,
    }
}

/// Bits of the fields of an interval's typmod: see `INTERVAL_MASK` in utils/timestamp.h.
const FIELDS: [(i32, i128); 4] = [
    (1 << 12, 1),
    (1 << 11, 60_000_000),
    (1 << 10, 3_600_000_000),
    (1 << 3, DAY),
];

fn interval_unit(typmod: i32) -> i128 {
    if typmod < 0 {
        return 1;
    }
    let fields = (typmod >> 16) & 0x7fff;
    let least = FIELDS
        .iter()
        .find(|(bit, _)| fields & bit != 0)
        .map_or(1, |(_, unit)| *unit);
    if least == 1 {
        second_unit(typmod & 0xffff)
    } else {
        least
    }
}

/// `interval year`, `month` or both.
fn months_only(typmod: i32) -> bool {
    let fields = (typmod >> 16) & 0x7fff;
    typmod >= 0 && fields != 0x7fff && FIELDS.iter().all(|(bit, _)| fields & bit == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typmods_of_numeric() {
        assert_eq!(numeric_typmod(((10 << 16) | 2) + 4), Some((10, 2)));
        assert_eq!(
            numeric_typmod(((5 << 16) | (0x7ff & -3)) + 4),
            Some((5, -3))
        );
        assert_eq!(numeric_typmod(-1), None);
        // numeric(60, 40): twenty digits before the point leave room for sixteen behind it.
        let typmod = |precision: i32, scale: i32| ((precision << 16) | scale) + 4;
        let wide = typmod(60, 40);
        assert_eq!(numeric_scale(wide), 16);
        let greatest = 10_i128.pow(36) - 1;
        assert_eq!(numeric_limits(wide, 16), (-greatest, greatest));
        assert_eq!(
            numeric_limits(wide, 10),
            (-(10_i128.pow(30) - 1), 10_i128.pow(30) - 1)
        );
        assert_eq!(numeric_scale(typmod(100, 100)), 36);
        assert_eq!(numeric_scale(typmod(78, 0)), 0);
        assert_eq!(numeric_limits(((5 << 16) | 2) + 4, 2), (-99_999, 99_999));
        // numeric(5, -3): five digits and three zeros.
        assert_eq!(
            numeric_limits(((5 << 16) | (0x7ff & -3)) + 4, 0),
            (-99_999_999, 99_999_999)
        );
    }

    #[test]
    fn typmods_of_intervals() {
        assert!(months_only((((1 << 1) | (1 << 2)) << 16) | 0xffff));
        assert!(!months_only(-1) && !months_only((0x7fff << 16) | 3));
        assert_eq!(interval_unit((0x7fff << 16) | 3), 1_000);
        assert_eq!(
            interval_unit((((1 << 3) | (1 << 10)) << 16) | 0xffff),
            3_600_000_000
        );
    }
}
