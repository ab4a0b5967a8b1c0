//! Between positions on a line and the binary form of values.

use crate::seed::schema::Type;

use super::axis::{Axis, DAY, base_name, open_decimals};
use super::{network, numeric};

/// Powers of ten that floats hold exactly.
const TENS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
/// A month of an interval, when it is compared.
const MONTH: i128 = 30 * DAY;
/// Places in a block that `tid` takes.
const PLACES: i128 = 200;

impl Axis {
    /// The line of a type on which all of these values lie, so far as one is: numbers with the decimals that they have,
    /// uuid of their version, addresses of their families with the mask that most have.
    pub(super) fn of_values(type_: &Type, values: &[Vec<u8>]) -> Option<Self> {
        let own = Self::of(type_)?;
        if values.is_empty() {
            return Some(own);
        }
        let all = |axis: &Self| values.iter().all(|value| axis.read(value).is_some());
        let candidates: Vec<Self> = match own {
            Self::Numeric(_) if open_decimals(type_).is_some() => {
                return Some(match numeric::excess(values) {
                    0 => Self::Numeric(numeric::common_scale(values)),
                    zeros => Self::Large(zeros),
                });
            }
            Self::Float4(_) => (0..=4)
                .map(Self::Float4)
                .chain([Self::Float4Bits])
                .collect(),
            Self::Float8(_) => (0..=8)
                .map(Self::Float8)
                .chain([Self::Float8Bits])
                .collect(),
            Self::UuidVersion(_) => (1..=8).map(Self::UuidVersion).chain([Self::Uuid]).collect(),
            Self::Network { cidr, .. } => return network::line_of(values, cidr),
            _ => return Some(own),
        };
        candidates
            .iter()
            .find(|axis| all(axis))
            .or(candidates.last())
            .cloned()
    }

    /// The position of a value; `None` of what has none, such as infinity and NaN.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<i128> {
        Some(match self {
            Self::Int2 => i16::from_be_bytes(bytes.try_into().ok()?).into(),
            Self::Int4 => i32::from_be_bytes(bytes.try_into().ok()?).into(),
            Self::Int8 => i64::from_be_bytes(bytes.try_into().ok()?).into(),
            Self::Unsigned4 => u32::from_be_bytes(bytes.try_into().ok()?).into(),
            Self::Unsigned8 => u64::from_be_bytes(bytes.try_into().ok()?).into(),
            Self::Boolean | Self::Byte => i128::from(*bytes.first()?),
            Self::Numeric(scale) => numeric::read(bytes)
                .and_then(|number| rescale(number, *scale))
                .or_else(|| numeric::cut(bytes, scale.cast_signed()))?,
            Self::Large(zeros) => numeric::cut(bytes, -zeros.cast_signed())?,
            Self::Float4(decimals) => {
                units_of_f32(f32::from_be_bytes(bytes.try_into().ok()?), *decimals)?
            }
            Self::Float8(decimals) => {
                units_of_f64(f64::from_be_bytes(bytes.try_into().ok()?), *decimals)?
            }
            Self::Float4Bits => {
                let value = f32::from_be_bytes(bytes.try_into().ok()?);
                let size = i128::from(value.abs().to_bits());
                value
                    .is_finite()
                    .then_some(if value < 0.0 { -size } else { size })?
            }
            Self::Float8Bits => {
                let value = f64::from_be_bytes(bytes.try_into().ok()?);
                let size = i128::from(value.abs().to_bits());
                value
                    .is_finite()
                    .then_some(if value < 0.0 { -size } else { size })?
            }
            Self::Date => match i32::from_be_bytes(bytes.try_into().ok()?) {
                i32::MIN | i32::MAX => return None,
                days => days.into(),
            },
            Self::Micros => match i64::from_be_bytes(bytes.try_into().ok()?) {
                i64::MIN | i64::MAX => return None,
                micros => micros.into(),
            },
            Self::TimeTz => {
                let (micros, west) = bytes.split_at_checked(8)?;
                let west = i32::from_be_bytes(west.try_into().ok()?);
                i128::from(i64::from_be_bytes(micros.try_into().ok()?))
                    + i128::from(west) * 1_000_000
            }
            Self::Interval => read_interval(bytes)?,
            Self::Months => read_interval(bytes)? / MONTH,
            Self::Uuid => flip(u128::from_be_bytes(bytes.try_into().ok()?)),
            Self::UuidVersion(version) => {
                squeeze(u128::from_be_bytes(bytes.try_into().ok()?), *version)?
            }
            Self::Network { family, bits, cidr } => network::read(bytes, *family, *bits, *cidr)?,
            Self::Networks { bits, cidr } => network::read_either(bytes, *bits, *cidr)?,
            Self::Mac(_) => unsigned(bytes)?,
            Self::Bits(_) => {
                unsigned(bytes.get(4..)?)?
                    >> padding(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
            }
            Self::Tid => {
                let (block, place) = bytes.split_at_checked(4)?;
                let block = u32::from_be_bytes(block.try_into().ok()?);
                i128::from(block) * PLACES + i128::from(u16::from_be_bytes(place.try_into().ok()?))
                    - 1
            }
            Self::Enum(labels) => {
                labels.iter().position(|label| label.as_bytes() == bytes)? as i128
            }
        })
    }

    /// Appends the value at a position, which must be within the limits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions are within the limits of the type, and the casts cost nothing"
    )]
    pub(super) fn write(&self, position: i128, out: &mut Vec<u8>) {
        match self {
            Self::Int2 => out.extend_from_slice(&(position as i16).to_be_bytes()),
            Self::Int4 | Self::Date => out.extend_from_slice(&(position as i32).to_be_bytes()),
            Self::Int8 | Self::Micros => out.extend_from_slice(&(position as i64).to_be_bytes()),
            Self::Unsigned4 => out.extend_from_slice(&(position as u32).to_be_bytes()),
            Self::Unsigned8 => out.extend_from_slice(&(position as u64).to_be_bytes()),
            Self::Boolean | Self::Byte => out.push(position as u8),
            Self::Numeric(scale) => numeric::write(position, *scale, out),
            Self::Large(zeros) => numeric::write_large(position, *zeros, out),
            Self::Float4(decimals) => {
                // Both are held exactly, so that the quotient is the nearest number to the decimal one.
                out.extend_from_slice(&(position as f32 / tens(*decimals) as f32).to_be_bytes());
            }
            Self::Float8(decimals) => {
                out.extend_from_slice(&(position as f64 / tens(*decimals)).to_be_bytes());
            }
            Self::Float4Bits => {
                let size = f32::from_bits(position.unsigned_abs() as u32);
                out.extend_from_slice(&(if position < 0 { -size } else { size }).to_be_bytes());
            }
            Self::Float8Bits => {
                let size = f64::from_bits(position.unsigned_abs() as u64);
                out.extend_from_slice(&(if position < 0 { -size } else { size }).to_be_bytes());
            }
            Self::TimeTz => {
                out.extend_from_slice(&(position as i64).to_be_bytes());
                out.extend_from_slice(&0_i32.to_be_bytes());
            }
            Self::Interval => {
                out.extend_from_slice(&((position % DAY) as i64).to_be_bytes());
                out.extend_from_slice(&((position / DAY) as i32).to_be_bytes());
                out.extend_from_slice(&0_i32.to_be_bytes());
            }
            Self::Months => {
                out.extend_from_slice(&[0; 12]);
                out.extend_from_slice(&(position as i32).to_be_bytes());
            }
            Self::Uuid => out.extend_from_slice(&unflip(position).to_be_bytes()),
            Self::UuidVersion(version) => {
                out.extend_from_slice(&expand(position as u128, *version).to_be_bytes());
            }
            Self::Network { family, bits, cidr } => {
                network::write(position, *family, *bits, *cidr, out);
            }
            Self::Networks { bits, cidr } => network::write_either(position, *bits, *cidr, out),
            Self::Mac(bytes) => out.extend_from_slice(&position.to_be_bytes()[16 - bytes..]),
            Self::Bits(bits) => write_bits(position, *bits, out),
            Self::Tid => {
                out.extend_from_slice(&((position / PLACES) as u32).to_be_bytes());
                out.extend_from_slice(&((position % PLACES) as u16 + 1).to_be_bytes());
            }
            Self::Enum(labels) => {
                out.extend_from_slice(
                    labels
                        .get(position as usize)
                        .map_or(b"", |label| label.as_bytes()),
                );
            }
        }
    }
}

fn tens(decimals: u32) -> f64 {
    TENS.get(decimals as usize).copied().unwrap_or(1.0)
}

/// Units of another scale, if none are lost.
pub(super) fn rescale((units, from): (i128, u32), to: u32) -> Option<i128> {
    if to >= from {
        return units.checked_mul(10_i128.checked_pow(to - from)?);
    }
    let part = 10_i128.checked_pow(from - to)?;
    (units % part == 0).then_some(units / part)
}

#[expect(clippy::cast_possible_truncation, reason = "the size was looked at")]
fn units_of_f64(value: f64, decimals: u32) -> Option<i128> {
    let units = (value * tens(decimals)).round();
    // The same number must come out of these units.
    let same = units.abs() <= (1_u64 << 53) as f64
        && (units / tens(decimals)).to_bits() == (value + 0.0).to_bits();
    (same || value == 0.0).then_some(units as i128)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the size was looked at; ten thousand is exact in both"
)]
fn units_of_f32(value: f32, decimals: u32) -> Option<i128> {
    let tens = tens(decimals) as f32;
    let units = (value * tens).round();
    let same = units.abs() <= 16_777_216.0 && (units / tens).to_bits() == (value + 0.0).to_bits();
    (same || value == 0.0).then_some(units as i128)
}

fn read_interval(bytes: &[u8]) -> Option<i128> {
    let (micros, rest) = bytes.split_at_checked(8)?;
    let (days, months) = rest.split_at_checked(4)?;
    let micros = i64::from_be_bytes(micros.try_into().ok()?);
    let days = i32::from_be_bytes(days.try_into().ok()?);
    let months = i32::from_be_bytes(months.try_into().ok()?);
    // Infinite since version 17.
    if micros == i64::MAX || micros == i64::MIN {
        return None;
    }
    Some(i128::from(micros) + i128::from(days) * DAY + i128::from(months) * MONTH)
}

/// Unsigned order as signed order.
fn flip(value: u128) -> i128 {
    (value ^ (1 << 127)).cast_signed()
}

fn unflip(position: i128) -> u128 {
    position.cast_unsigned() ^ (1 << 127)
}

/// The 122 bits of a uuid that are not its version and variant.
fn squeeze(value: u128, version: u8) -> Option<i128> {
    let own = u128::from(version) << 76 | 0b10 << 62;
    if value & (0xf << 76 | 0b11 << 62) != own {
        return None;
    }
    let (high, middle, low) = (value >> 80, value >> 64 & 0xfff, value & ((1 << 62) - 1));
    Some((high << 74 | middle << 62 | low).cast_signed())
}

fn expand(position: u128, version: u8) -> u128 {
    let (high, middle, low) = (
        position >> 74,
        position >> 62 & 0xfff,
        position & ((1 << 62) - 1),
    );
    high << 80 | u128::from(version) << 76 | middle << 64 | 0b10 << 62 | low
}

/// Big-endian, of 16 bytes at most and below 2^127.
fn unsigned(bytes: &[u8]) -> Option<i128> {
    if bytes.len() > 16 {
        return None;
    }
    let value = bytes
        .iter()
        .fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
    i128::try_from(value).ok()
}

/// Bits that fill up the last byte.
fn padding(bits: u32) -> u32 {
    (8 - bits % 8) % 8
}

fn write_bits(position: i128, bits: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&bits.to_be_bytes());
    // The last 126 bits tell the position, what is before them is 0.
    let bytes = bits.div_ceil(8) as usize;
    let shifted = (position.cast_unsigned() << padding(bits)).to_be_bytes();
    out.resize(out.len() + bytes.saturating_sub(16), 0);
    out.extend_from_slice(&shifted[16 - bytes.min(16)..]);
}

/// A value of a type as a number of these decimals, and back: what a line is to the checks of a row.
pub(super) fn decimals(axis: &Axis, type_: &Type) -> Option<u32> {
    match axis {
        Axis::Numeric(scale) => Some(*scale),
        // Of two decimals in nearly every locale.
        Axis::Int8 if base_name(type_) == Some("money") => Some(2),
        Axis::Int2 | Axis::Int4 | Axis::Int8 | Axis::Unsigned4 | Axis::Date | Axis::Micros => {
            Some(0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back() {
        let mac = [
            Axis::Mac(6),
            Axis::Mac(8),
            Axis::Bits(5),
            Axis::Bits(8),
            Axis::Bits(300),
            Axis::Tid,
        ];
        let nets = [
            Axis::Network {
                family: 2,
                bits: 32,
                cidr: false,
            },
            Axis::Network {
                family: 2,
                bits: 24,
                cidr: true,
            },
            Axis::Network {
                family: 3,
                bits: 64,
                cidr: true,
            },
            Axis::Network {
                family: 3,
                bits: 128,
                cidr: false,
            },
        ];
        let uuids = [
            Axis::Uuid,
            Axis::UuidVersion(4),
            Axis::UuidVersion(7),
            Axis::Unsigned4,
            Axis::Unsigned8,
        ];
        for axis in mac.iter().chain(&nets).chain(&uuids) {
            for position in [0, 1, 17, 31] {
                let mut bytes = Vec::new();
                axis.write(position, &mut bytes);
                let back = if matches!(axis, Axis::Bits(300)) {
                    None
                } else {
                    Some(position)
                };
                assert_eq!(axis.read(&bytes), back, "{axis:?}: {bytes:?}");
            }
        }
        for axis in [
            Axis::Int2,
            Axis::Int8,
            Axis::Numeric(2),
            Axis::Float4(2),
            Axis::Float8(6),
            Axis::Float4Bits,
            Axis::Float8Bits,
            Axis::Date,
            Axis::Micros,
            Axis::Interval,
            Axis::Months,
        ] {
            for position in [-32_768, -7, 0, 1, 999, 32_767] {
                let mut bytes = Vec::new();
                axis.write(position, &mut bytes);
                assert_eq!(axis.read(&bytes), Some(position), "{axis:?}: {bytes:?}");
            }
        }
    }

    #[test]
    fn versions_and_variants_of_uuids_are_kept() {
        let mut bytes = Vec::new();
        Axis::UuidVersion(4).write((1 << 122) - 1, &mut bytes);
        assert_eq!(bytes[6], 0x4f);
        assert_eq!(bytes[8], 0xbf);
        assert_eq!(Axis::UuidVersion(7).read(&bytes), None);
    }

    #[test]
    fn infinities_have_no_position() {
        assert_eq!(Axis::Date.read(&i32::MAX.to_be_bytes()), None);
        assert_eq!(Axis::Micros.read(&i64::MIN.to_be_bytes()), None);
        assert_eq!(Axis::Float8Bits.read(&f64::NAN.to_be_bytes()), None);
        assert_eq!(Axis::Float8(2).read(&f64::INFINITY.to_be_bytes()), None);
    }
}
