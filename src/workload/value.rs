//! One parameter value, and how it is sent as the type that the server wants.

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use jiff::Timestamp;
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::numeric;

/// PostgreSQL's zero of time, 2000-01-01 00:00 UTC, in microseconds of Unix time.
pub(super) const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// A drawn value, or one that came out of an earlier statement.
///
/// A value whose type has a binary form that dbperf knows is sent in it; every other value is sent as
/// text, and the server's own input function of the type reads it. So there is no type that cannot be
/// sent. Cloning never copies text or bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// `12345` with a scale of 2 is 123.45.
    Decimal {
        /// The number in units of its last digit.
        unscaled: i64,
        /// Digits behind the point.
        scale: u32,
    },
    /// Microseconds since 2000-01-01 00:00 UTC.
    Timestamp(i64),
    /// A UUID.
    Uuid([u8; 16]),
    /// Text as the type's input function reads it.
    Text(Arc<str>),
    /// A value in PostgreSQL's binary form, sent as it is.
    Binary(Bytes),
}

/// A value cannot be sent as the type that the server wants. The value itself is left out: it may
/// come from a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The value is outside of the range of the type, or is no value of it.
    #[error("a value that it can take is not a valid {0}")]
    NotValid(String),
}

impl Value {
    /// A value of this type from its text: in the binary form where dbperf knows that of the type and
    /// the text is one it can read, else the text itself.
    #[must_use]
    pub fn of_type(text: &str, ty: &Type) -> Self {
        let ty = base(ty);
        if is_integer(ty) {
            // Only as it is printed: `0x1f` and `1_000` are the server's to read.
            return match text.parse() {
                Ok(number) if Self::Int(number).check(ty).is_ok() => Self::Int(number),
                _ => Self::Text(text.into()),
            };
        }
        let mut out = BytesMut::new();
        match parsed(text, ty, &mut out) {
            Some(()) => Self::Binary(out.freeze()),
            None => Self::Text(text.into()),
        }
    }

    /// The value as text; `None` for NULL and for binary values.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        if let Self::Null | Self::Binary(_) = self {
            return None;
        }
        let mut out = BytesMut::new();
        self.write_text(&mut out);
        String::from_utf8(out.to_vec()).ok()
    }

    /// The form in which [`Value::write`] writes it as this type.
    #[must_use]
    pub fn format(&self, ty: &Type) -> Format {
        let ty = base(ty);
        let binary = match self {
            Self::Null | Self::Binary(_) => true,
            Self::Int(_) => is_integer(ty) || is_fractional(ty) || is_text(ty),
            Self::Decimal { .. } => is_fractional(ty) || is_text(ty),
            Self::Timestamp(_) => is_moment(ty) || is_text(ty),
            Self::Uuid(_) => *ty == Type::UUID || is_text(ty),
            Self::Text(_) => is_text(ty),
        };
        if binary { Format::Binary } else { Format::Text }
    }

    /// Appends the value as `ty`, in the form that [`Value::format`] says.
    ///
    /// # Errors
    /// The value is outside of the range of the type.
    pub fn write(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, ValueError> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Binary(bytes) => out.put_slice(bytes),
            _ => self.encode(base(ty), out).ok_or_else(|| not_valid(ty))?,
        }
        Ok(IsNull::No)
    }

    /// Checks that the value can be sent as `ty`, as far as this can be seen without the server.
    ///
    /// # Errors
    /// The value is outside of the range of the type.
    pub fn check(&self, ty: &Type) -> Result<(), ValueError> {
        self.write(ty, &mut BytesMut::new()).map(|_| ())
    }

    fn encode(&self, ty: &Type, out: &mut BytesMut) -> Option<()> {
        match (self, ty) {
            (Self::Int(number), &Type::INT2) => out.put_i16((*number).try_into().ok()?),
            (Self::Int(number), &Type::INT4) => out.put_i32((*number).try_into().ok()?),
            (Self::Int(number), &Type::INT8) => out.put_i64(*number),
            (Self::Int(number), &Type::OID) => out.put_u32((*number).try_into().ok()?),
            (Self::Int(number), &Type::NUMERIC) => numeric::write(*number, 0, out),
            (Self::Int(number), &Type::FLOAT8) => out.put_f64(*number as f64),
            (Self::Int(number), &Type::FLOAT4) => out.put_f32(*number as f32),
            (Self::Decimal { unscaled, scale }, &Type::NUMERIC) => {
                numeric::write(*unscaled, *scale, out);
            }
            (Self::Decimal { unscaled, scale }, &Type::FLOAT8) => {
                out.put_f64(fraction(*unscaled, *scale));
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "float4 has fewer digits; the range of 64 bits is far within its own"
            )]
            (Self::Decimal { unscaled, scale }, &Type::FLOAT4) => {
                out.put_f32(fraction(*unscaled, *scale) as f32);
            }
            (Self::Timestamp(micros), &Type::TIMESTAMP | &Type::TIMESTAMPTZ) => {
                out.put_i64(*micros);
            }
            (Self::Timestamp(micros), &Type::DATE) => {
                out.put_i32(micros.div_euclid(DAY).try_into().ok()?);
            }
            (Self::Uuid(bytes), &Type::UUID) => out.put_slice(bytes),
            _ => self.write_text(out),
        }
        Some(())
    }

    /// Appends the value as text.
    fn write_text(&self, out: &mut BytesMut) {
        // Writing to memory does not fail.
        let _ = match self {
            Self::Null | Self::Binary(_) => Ok(()),
            Self::Int(number) => write!(out.writer(), "{number}"),
            Self::Decimal { unscaled, scale } => {
                let sign = if *unscaled < 0 { "-" } else { "" };
                let unit = 10u64.pow(*scale);
                let value = unscaled.unsigned_abs();
                let (whole, part, width) = (value / unit, value % unit, *scale as usize);
                write!(out.writer(), "{sign}{whole}.{part:0width$}")
            }
            Self::Timestamp(micros) => {
                match Timestamp::from_microsecond(micros.saturating_add(POSTGRES_EPOCH)) {
                    Ok(moment) => write!(out.writer(), "{moment}"),
                    Err(_) => Ok(()),
                }
            }
            Self::Uuid(bytes) => write_uuid(bytes, out),
            Self::Text(text) => {
                out.put_slice(text.as_bytes());
                Ok(())
            }
        };
    }
}

fn fraction(unscaled: i64, scale: u32) -> f64 {
    unscaled as f64 / 10u64.pow(scale) as f64
}

fn write_uuid(bytes: &[u8; 16], out: &mut BytesMut) -> std::io::Result<()> {
    for (index, byte) in bytes.iter().enumerate() {
        let hyphen = if matches!(index, 4 | 6 | 8 | 10) {
            "-"
        } else {
            ""
        };
        write!(out.writer(), "{hyphen}{byte:02x}")?;
    }
    Ok(())
}

fn not_valid(ty: &Type) -> ValueError {
    ValueError::NotValid(ty.name().to_owned())
}

/// The type below all domains.
pub(super) fn base(ty: &Type) -> &Type {
    match ty.kind() {
        Kind::Domain(inner) => base(inner),
        _ => ty,
    }
}

/// The binary form of a text, where this type has one that is cheaper to send; `None` for other types,
/// and for spellings that are left to the server.
fn parsed(text: &str, ty: &Type, out: &mut BytesMut) -> Option<()> {
    match *ty {
        Type::FLOAT8 => out.put_f64(finite(text.parse().ok()?)?),
        Type::FLOAT4 => out.put_f32(text.parse().ok().filter(|f: &f32| f.is_finite())?),
        Type::NUMERIC => out.put_slice(&numeric::encode(text)?),
        Type::BOOL => out.put_u8(u8::from(boolean(text)?)),
        Type::UUID => out.put_slice(&uuid(text)?),
        Type::JSONB => {
            // Version 1 of the binary form is the text behind one byte.
            out.put_u8(1);
            out.put_slice(text.as_bytes());
        }
        _ => return None,
    }
    Some(())
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

/// Types whose binary form is their text.
fn is_text(ty: &Type) -> bool {
    matches!(
        *ty,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON
    ) || matches!(ty.kind(), Kind::Enum(_))
        || ty.name() == "citext"
}

/// Integers that dbperf sends in binary.
pub(super) fn is_integer(ty: &Type) -> bool {
    matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8 | Type::OID)
}

fn is_fractional(ty: &Type) -> bool {
    matches!(*ty, Type::NUMERIC | Type::FLOAT4 | Type::FLOAT8)
}

fn is_moment(ty: &Type) -> bool {
    matches!(*ty, Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::DATE)
}

/// As PostgreSQL prints it, and as people write it.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "t" | "true" => Some(true),
        "f" | "false" => Some(false),
        _ => None,
    }
}

/// 32 hexadecimal digits, with hyphens anywhere between them.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|&c| c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(&digits, 16).ok()?;
    Some(number.to_be_bytes())
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(self.write(ty, out)?)
    }

    fn accepts(_: &Type) -> bool {
        // Whether a value fits is seen when it is written, or by the server.
        true
    }

    fn encode_format(&self, ty: &Type) -> Format {
        self.format(ty)
    }

    to_sql_checked!();
}

/// A column of a result, of whatever type, to be used as a parameter of a later statement.
#[derive(Debug, Clone, PartialEq)]
pub struct RawValue(pub Value);

impl RawValue {
    /// Whether values of a column of type `from` can be sent as `to`.
    #[must_use]
    pub fn fits(from: &Type, to: &Type) -> bool {
        let (from, to) = (base(from), base(to));
        from == to || (is_integer(from) && is_integer(to)) || (is_text(from) && is_text(to))
    }
}

impl<'a> FromSql<'a> for RawValue {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        // Integers of different widths are joined all the time; everything else goes back as it came.
        let value = match *base(ty) {
            Type::INT2 => Value::Int(i16::from_sql(&Type::INT2, raw)?.into()),
            Type::INT4 => Value::Int(i32::from_sql(&Type::INT4, raw)?.into()),
            Type::INT8 => Value::Int(i64::from_sql(&Type::INT8, raw)?),
            Type::OID => Value::Int(u32::from_sql(&Type::OID, raw)?.into()),
            _ => Value::Binary(Bytes::copy_from_slice(raw)),
        };
        Ok(Self(value))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(value: &Value, ty: &Type) -> Result<Vec<u8>, ValueError> {
        let mut out = BytesMut::new();
        value.write(ty, &mut out)?;
        Ok(out.to_vec())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn is_binary(value: &Value, ty: &Type) -> bool {
        matches!(value.format(ty), Format::Binary)
    }

    #[test]
    fn integers_have_the_width_of_the_type_and_stay_in_its_range() {
        assert_eq!(sent(&Value::Int(258), &Type::INT2).unwrap(), [1, 2]);
        assert_eq!(sent(&Value::Int(1), &Type::INT4).unwrap(), [0, 0, 0, 1]);
        assert_eq!(Value::of_type("7", &Type::INT8), Value::Int(7));
        assert_eq!(sent(&Value::Int(42), &Type::TEXT).unwrap(), b"42");
        assert_eq!(
            sent(&Value::Int(40_000), &Type::INT2),
            Err(ValueError::NotValid("int2".to_owned()))
        );
        assert!(sent(&Value::Int(-1), &Type::OID).is_err());
        assert_eq!(sent(&Value::Int(-1), &Type::MONEY).unwrap(), b"-1");
        assert!(!is_binary(&Value::Int(-1), &Type::MONEY));
    }

    #[test]
    fn text_becomes_binary_where_that_form_is_known() {
        for (value, ty, bytes) in [
            ("true", Type::BOOL, &[1][..]),
            ("{}", Type::JSONB, b"\x01{}"),
            ("1.5", Type::FLOAT8, &1.5f64.to_be_bytes()),
            ("1", Type::NUMERIC, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
        ] {
            let value = Value::of_type(value, &ty);
            assert!(matches!(value, Value::Binary(_)), "{value:?}");
            assert_eq!(sent(&value, &ty).unwrap(), bytes);
        }
        let id = Value::of_type("00000000-0000-0000-0000-0000000000ff", &Type::UUID);
        assert_eq!(sent(&id, &Type::UUID).unwrap()[15], 255);
    }

    #[test]
    fn what_is_left_to_the_server_is_sent_as_text() {
        for (value, ty) in [
            ("10.0.0.0/8", Type::INET),
            ("[1,5)", Type::INT4_RANGE),
            ("{1,2}", Type::INT4_ARRAY),
            ("1 day", Type::INTERVAL),
            ("now", Type::TIMESTAMPTZ),
            ("NaN", Type::NUMERIC),
            ("Infinity", Type::FLOAT8),
            ("yes", Type::BOOL),
            ("0x1f", Type::INT4),
            ("99999999999", Type::INT4),
        ] {
            let value = Value::of_type(value, &ty);
            assert!(matches!(value, Value::Text(_)), "{value:?}");
            assert!(!is_binary(&value, &ty), "{value:?}");
        }
        assert!(is_binary(&text("on hold"), &Type::VARCHAR));
    }

    #[test]
    fn moments_count_from_the_year_2000() {
        let second = Value::Timestamp(DAY + 1_000_000);
        assert_eq!(
            sent(&second, &Type::TIMESTAMPTZ).unwrap(),
            (DAY + 1_000_000).to_be_bytes()
        );
        assert_eq!(sent(&second, &Type::DATE).unwrap(), [0, 0, 0, 1]);
        assert_eq!(
            sent(&Value::Timestamp(-1), &Type::DATE).unwrap(),
            (-1i32).to_be_bytes()
        );
        assert_eq!(second.as_text().unwrap(), "2000-01-02T00:00:01Z");
    }

    #[test]
    fn decimals_are_exact() {
        let decimal = |unscaled, scale| Value::Decimal { unscaled, scale };
        assert_eq!(decimal(-5, 2).as_text().unwrap(), "-0.05");
        for (unscaled, scale, text) in [
            (-1250, 2, "-12.50"),
            (0, 3, "0.000"),
            (123_456_789, 4, "12345.6789"),
        ] {
            let value = decimal(unscaled, scale);
            assert_eq!(value.as_text().unwrap(), text);
            let bytes = sent(&value, &Type::NUMERIC).unwrap();
            assert_eq!(bytes, numeric::encode(text).unwrap(), "{text}");
        }
        assert_eq!(
            sent(&decimal(150, 2), &Type::FLOAT8).unwrap(),
            1.5f64.to_be_bytes()
        );
    }

    #[test]
    fn what_does_not_fit_names_the_type_and_never_the_value() {
        let message = sent(&Value::Int(4_294_967_296), &Type::OID).unwrap_err();
        let message = message.to_string();
        assert!(
            message.contains("oid") && !message.contains("42949"),
            "{message}"
        );
    }

    #[test]
    fn columns_go_back_as_they_came() {
        assert!(RawValue::fits(&Type::INT4, &Type::INT8));
        assert!(RawValue::fits(&Type::UUID, &Type::UUID));
        assert!(RawValue::fits(&Type::VARCHAR, &Type::TEXT));
        assert!(!RawValue::fits(&Type::INT4, &Type::TEXT));
        let RawValue(value) = RawValue::from_sql(&Type::INT4, &[0, 0, 0, 9]).unwrap();
        assert_eq!(sent(&value, &Type::INT8).unwrap()[7], 9);
        let RawValue(value) = RawValue::from_sql(&Type::UUID, &[7; 16]).unwrap();
        assert_eq!(sent(&value, &Type::UUID).unwrap(), [7; 16]);
    }
}
