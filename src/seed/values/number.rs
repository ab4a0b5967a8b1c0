//! Numbers and times out of and into their binary form, for checks that compute with them.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::seed::schema::Type;

use super::axis::{Axis, base_name, numeric_typmod, open_decimals};
use super::{codec, numeric};

/// The number that a value stands for: of integers, `numeric`, floats, `money` (of two decimals) and `oid` themselves,
/// of `date` days since 2000-01-01, of `time`, `timestamp` and `timestamptz` microseconds (of the day, since
/// 2000-01-01). `None` of other types, of infinity and NaN, and of what has more than 28 digits.
#[must_use]
pub(crate) fn read_number(type_: &Type, bytes: &[u8]) -> Option<Decimal> {
    let name = base_name(type_)?;
    match name {
        "numeric" => {
            let (units, scale) = numeric::read(bytes)?;
            Decimal::try_from_i128_with_scale(units, scale).ok()
        }
        "float4" => from_text(&f32::from_be_bytes(bytes.try_into().ok()?).to_string()),
        "float8" => from_text(&f64::from_be_bytes(bytes.try_into().ok()?).to_string()),
        _ => {
            let axis = Axis::of(type_)?;
            let decimals = codec::decimals(&axis, type_)?;
            Decimal::try_from_i128_with_scale(axis.read(bytes)?, decimals).ok()
        }
    }
}

/// Appends the value of a type that is nearest to a number, with the decimals that the type keeps. False, and nothing
/// is appended, where the type cannot hold it or is none of those of [`read_number`].
pub(crate) fn write_number(type_: &Type, number: Decimal, out: &mut Vec<u8>) -> bool {
    write(type_, number, out).is_some()
}

fn write(type_: &Type, number: Decimal, out: &mut Vec<u8>) -> Option<()> {
    match base_name(type_)? {
        "float4" => {
            let value: f32 = number.to_string().parse().ok()?;
            out.extend_from_slice(&value.to_be_bytes());
        }
        "float8" => {
            let value: f64 = number.to_string().parse().ok()?;
            out.extend_from_slice(&value.to_be_bytes());
        }
        "numeric" => {
            let own = numeric_typmod(type_.base().typmod);
            let scale = match own.map(|(_, scale)| scale.max(0).unsigned_abs()) {
                Some(scale) if open_decimals(type_).is_none() => scale,
                Some(scale) => number.scale().min(scale),
                None => number.scale(),
            };
            let axis = Axis::Numeric(scale);
            let unit = axis.unit(type_);
            write_units(&axis, type_, units(number, scale)? / unit * unit, out)?;
        }
        _ => {
            let axis = Axis::of(type_)?;
            let decimals = codec::decimals(&axis, type_)?;
            let unit = axis.unit(type_);
            write_units(&axis, type_, units(number, decimals)? / unit * unit, out)?;
        }
    }
    Some(())
}

fn write_units(axis: &Axis, type_: &Type, units: i128, out: &mut Vec<u8>) -> Option<()> {
    let (low, high) = axis.limits(type_);
    if !(low..=high).contains(&units) {
        return None;
    }
    axis.write(units, out);
    Some(())
}

/// A number in units of so many decimals, rounded as PostgreSQL rounds `numeric`: halves away from zero.
fn units(number: Decimal, decimals: u32) -> Option<i128> {
    let rounded = number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    codec::rescale((rounded.mantissa(), rounded.scale()), decimals)
}

fn from_text(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::values::tests::{base, base_typmod};

    fn through(type_: &Type, number: &str) -> Option<String> {
        let mut out = Vec::new();
        let written = write_number(type_, number.parse().unwrap(), &mut out);
        assert_eq!(written, !out.is_empty());
        written.then(|| read_number(type_, &out).unwrap().to_string())
    }

    #[test]
    fn numbers_come_back_with_the_decimals_of_the_type() {
        assert_eq!(through(&base("int4"), "-12.5").unwrap(), "-13");
        assert_eq!(through(&base("int2"), "40000"), None);
        assert_eq!(
            through(&base("numeric"), "1234567.890").unwrap(),
            "1234567.890"
        );
        let price = base_typmod("numeric", ((6 << 16) | 2) + 4);
        assert_eq!(through(&price, "12.345").unwrap(), "12.35");
        assert_eq!(through(&price, "10000"), None);
        assert_eq!(through(&base("money"), "9.99").unwrap(), "9.99");
        assert_eq!(through(&base("float8"), "0.1").unwrap(), "0.1");
        assert_eq!(through(&base("float4"), "0.1").unwrap(), "0.1");
        assert_eq!(through(&base("date"), "9677").unwrap(), "9677");
        assert_eq!(
            through(&base("timestamptz"), "836000000000000").unwrap(),
            "836000000000000"
        );
        assert_eq!(through(&base("text"), "1"), None);
    }

    #[test]
    fn what_is_no_number_is_none() {
        assert_eq!(read_number(&base("float8"), &f64::NAN.to_be_bytes()), None);
        assert_eq!(read_number(&base("date"), &i32::MAX.to_be_bytes()), None);
        assert_eq!(read_number(&base("int4"), &[1, 2]), None);
    }
}
