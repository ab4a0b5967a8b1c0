//! Values in PostgreSQL's text form: what constraints and kept values say.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use crate::seed::schema::{Type, TypeKind};

use super::axis::{Axis, DAY, base_name};
use super::codec::rescale;

/// The binary form of a value of a type from its text, so far as this program reads that type.
pub(super) fn bytes(type_: &Type, text: &str) -> Option<Vec<u8>> {
    let base = type_.base();
    match (&base.kind, base_name(base)) {
        (TypeKind::Extension(_), _) if base.name.name == "citext" => return Some(text.into()),
        (_, Some("text" | "varchar" | "name" | "json" | "xml")) => return Some(text.into()),
        (_, Some("bpchar")) => return Some(text.trim_end_matches(' ').into()),
        _ => {}
    }
    let axis = match Axis::of(base)? {
        Axis::Numeric(_) if base.typmod < 4 => Axis::Numeric(decimal(text)?.1),
        Axis::Float4(_) => return Some(text.parse::<f32>().ok()?.to_be_bytes().into()),
        Axis::Float8(_) => return Some(text.parse::<f64>().ok()?.to_be_bytes().into()),
        axis => axis,
    };
    let position = position(&axis, base, text)?;
    let mut out = Vec::new();
    axis.write(position, &mut out);
    Some(out)
}

/// The position of a value on a line from its text.
pub(super) fn position(axis: &Axis, type_: &Type, text: &str) -> Option<i128> {
    let text = text.trim();
    match axis {
        Axis::Int8 if base_name(type_) == Some("money") => {
            let plain: String = text.chars().filter(|c| !matches!(c, '$' | ',')).collect();
            rescale(decimal(&plain)?, 2)
        }
        Axis::Int2 | Axis::Int4 | Axis::Int8 | Axis::Unsigned4 => rescale(decimal(text)?, 0),
        Axis::Unsigned8 => match text.split_once('/') {
            Some((high, low)) => {
                let part = |text| u32::from_str_radix(text, 16).ok();
                Some(i128::from(part(high)?) << 32 | i128::from(part(low)?))
            }
            None => text.parse().ok(),
        },
        Axis::Numeric(scale) | Axis::Float4(scale) | Axis::Float8(scale) => {
            rescale(decimal(text)?, *scale)
        }
        Axis::Large(zeros) => {
            let (units, exact) = cut(decimal(text)?, *zeros)?;
            exact.then_some(units)
        }
        Axis::Float4Bits => axis.read(&text.parse::<f32>().ok()?.to_be_bytes()),
        Axis::Float8Bits => axis.read(&text.parse::<f64>().ok()?.to_be_bytes()),
        Axis::Boolean => match text.to_ascii_lowercase().as_str() {
            "t" | "true" | "yes" | "on" | "1" => Some(1),
            "f" | "false" | "no" | "off" | "0" => Some(0),
            _ => None,
        },
        Axis::Byte => text.bytes().next().map(i128::from),
        Axis::Date => Some(i128::from(days(text.parse().ok()?))),
        Axis::Micros | Axis::TimeTz => match base_name(type_)? {
            "time" | "timetz" => time(text),
            _ => moment(text),
        },
        Axis::Interval => interval(text),
        Axis::Months => Some(interval(text)? / (30 * DAY)),
        Axis::Uuid | Axis::UuidVersion(_) => {
            let digits: String = text.chars().filter(|c| *c != '-').collect();
            axis.read(&u128::from_str_radix(&digits, 16).ok()?.to_be_bytes())
        }
        Axis::Network { .. } | Axis::Networks { .. } | Axis::Bits(_) | Axis::Tid => None,
        Axis::Mac(bytes) => {
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
            (digits.len() == 2 * bytes).then_some(i128::from_str_radix(&digits, 16).ok()?)
        }
        Axis::Enum(labels) => Some(labels.iter().position(|label| label == text)? as i128),
    }
}

/// The position of a value, or the one before it where it lies between two; the second is whether it is exact.
pub(super) fn floor(axis: &Axis, type_: &Type, text: &str) -> Option<(i128, bool)> {
    if let Some(position) = position(axis, type_, text) {
        return Some((position, true));
    }
    let scale = match axis {
        Axis::Large(zeros) => return cut(decimal(text.trim())?, *zeros),
        Axis::Numeric(scale) | Axis::Float4(scale) | Axis::Float8(scale) => *scale,
        Axis::Int2 | Axis::Int4 | Axis::Int8 | Axis::Unsigned4 => 0,
        _ => return None,
    };
    let (units, own) = decimal(text.trim())?;
    Some((
        units.div_euclid(10_i128.checked_pow(own.checked_sub(scale)?)?),
        false,
    ))
}

/// A number in units of ten to so many, or the one before it where it lies between two; the second is whether it is
/// exact.
fn cut((units, scale): (i128, u32), zeros: u32) -> Option<(i128, bool)> {
    let Some(unit) = 10_i128.checked_pow(scale.checked_add(zeros)?) else {
        // The unit is larger than every number that is read.
        return Some((if units < 0 { -1 } else { 0 }, units == 0));
    };
    Some((units.div_euclid(unit), units % unit == 0))
}

/// A decimal number as units and decimals.
fn decimal(text: &str) -> Option<(i128, u32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let units: i128 = format!("{whole}{part}").parse().ok()?;
    let scale = i32::try_from(part.len()).ok()? - exponent;
    match u32::try_from(scale) {
        Ok(scale) => Some((units, scale)),
        Err(_) => Some((
            units.checked_mul(10_i128.checked_pow(scale.unsigned_abs())?)?,
            0,
        )),
    }
}

/// Days since 2000-01-01.
pub(super) fn days(date: Date) -> i64 {
    let since = date.since(jiff::civil::date(2000, 1, 1));
    since.map_or(0, |span| i64::from(span.get_days()))
}

fn time(text: &str) -> Option<i128> {
    let clock = text.split(['+', '-']).next()?;
    let time: Time = clock.trim().parse().ok()?;
    let midnight = Time::midnight();
    Some(time.duration_since(midnight).as_micros())
}

/// Microseconds since 2000-01-01, of a time with or without its distance from UTC.
fn moment(text: &str) -> Option<i128> {
    // `+02` is `+02:00`; what PostgreSQL prints behind the date starts with a space.
    let (text, offset) = match text.rfind(['+', '-']).filter(|at| *at > 10) {
        Some(at) => (&text[..at], offset_seconds(&text[at..])?),
        None => (text.trim_end_matches('Z'), 0),
    };
    let local: DateTime = if text.contains(':') {
        text.parse().ok()?
    } else {
        text.parse::<Date>().ok()?.into()
    };
    let micros = local
        .to_zoned(TimeZone::UTC)
        .ok()?
        .timestamp()
        .as_microsecond();
    let epoch = i128::from(super::axis::EPOCH_DAYS) * DAY;
    Some(i128::from(micros) - epoch - i128::from(offset) * 1_000_000)
}

fn offset_seconds(text: &str) -> Option<i64> {
    let (sign, digits) = (if text.starts_with('-') { -1 } else { 1 }, &text[1..]);
    let mut seconds = 0;
    for (part, unit) in digits.split(':').zip([3_600, 60, 1]) {
        seconds += part.parse::<i64>().ok()? * unit;
    }
    Some(sign * seconds)
}

/// An interval as PostgreSQL prints it: `1 year 2 mons 3 days 04:05:06.789`, and the units that people write.
fn interval(text: &str) -> Option<i128> {
    let mut total = 0_i128;
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word.contains(':') {
            let (sign, clock) = match word.strip_prefix('-') {
                Some(clock) => (-1, clock),
                None => (1, word.trim_start_matches('+')),
            };
            let mut parts = clock.split(':');
            let hours: i128 = parts.next()?.parse().ok()?;
            let minutes: i128 = parts.next()?.parse().ok()?;
            let seconds = parts.next().map_or(Some((0, 0)), decimal)?;
            total += sign * ((hours * 60 + minutes) * 60_000_000 + rescale(seconds, 6)?);
            continue;
        }
        let number = decimal(word)?;
        let unit = match words.next()?.trim_end_matches('s') {
            "year" => 360 * DAY,
            "mon" | "month" => 30 * DAY,
            "week" => 7 * DAY,
            "day" => DAY,
            "hour" => 3_600_000_000,
            "min" | "minute" => 60_000_000,
            "sec" | "second" => 1_000_000,
            _ => return None,
        };
        total += number.0 * unit / 10_i128.checked_pow(number.1)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::values::tests::base;

    fn at(type_: &str, text: &str) -> Option<i128> {
        let type_ = base(type_);
        position(&Axis::of(&type_)?, &type_, text)
    }

    #[test]
    fn texts_that_a_server_prints() {
        assert_eq!(at("int4", "-42"), Some(-42));
        assert_eq!(at("numeric", "1.5"), Some(150));
        assert_eq!(at("numeric", "1e3"), Some(100_000));
        assert_eq!(at("money", "$1,234.50"), Some(123_450));
        assert_eq!(at("date", "2000-01-31"), Some(30));
        assert_eq!(at("date", "1999-12-31"), Some(-1));
        assert_eq!(at("time", "00:00:01.5"), Some(1_500_000));
        assert_eq!(at("timestamp", "2000-01-01 00:00:01"), Some(1_000_000));
        assert_eq!(at("timestamptz", "2000-01-01 02:00:00+02"), Some(0));
        assert_eq!(at("timestamptz", "2000-01-02"), Some(DAY));
        assert_eq!(
            at("interval", "1 mon 2 days 00:00:01"),
            Some(32 * DAY + 1_000_000)
        );
        assert_eq!(at("interval", "2 hours"), Some(7_200_000_000));
        assert_eq!(at("bool", "true"), Some(1));
        assert_eq!(at("pg_lsn", "1/10"), Some((1 << 32) + 16));
        assert_eq!(at("macaddr", "00:00:00:00:01:02"), Some(258));
        assert_eq!(at("int4", "x"), None);
        assert_eq!(bytes(&base("bpchar"), "ab  "), Some(b"ab".to_vec()));
        assert_eq!(
            bytes(&base("float8"), "0.5"),
            Some(0.5_f64.to_be_bytes().to_vec())
        );
    }
}
