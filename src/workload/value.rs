//! One parameter value, and how it is sent as the type that the server wants.

use std::error::Error;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::numeric;

/// A drawn value, or one that came out of an earlier statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// Text that is converted to the parameter's type.
    Text(Arc<str>),
    /// A column of an earlier result in PostgreSQL's binary form, sent back as it came.
    Binary(Bytes),
}

/// A value cannot be sent as the type that the server wants. The value itself is left out: it may
/// come from a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// dbperf cannot produce values of that type.
    #[error(
        "dbperf cannot produce values of type {0}; supported are integers, float4, float8, numeric, \
         boolean, text types, enums, uuid, json, jsonb, bytea, date, timestamp and timestamptz"
    )]
    Unsupported(String),
    /// The type is supported, but the value does not fit it.
    #[error("a value that it can take is not a valid {0}")]
    NotValid(String),
}

impl Value {
    /// The value as text; `None` for NULL and for binary values.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Null | Self::Binary(_) => None,
            Self::Int(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.as_ref().to_owned()),
        }
    }

    /// Checks that the value can be sent as `ty`.
    ///
    /// # Errors
    /// The type is not supported, or the value does not fit it.
    pub fn check(&self, ty: &Type) -> Result<(), ValueError> {
        self.encode(ty, &mut BytesMut::new()).map(|_| ())
    }

    /// Writes the value as `ty` in PostgreSQL's binary form.
    fn encode(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, ValueError> {
        if let Kind::Domain(base) = ty.kind() {
            return self.encode(base, out);
        }
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Binary(bytes) => out.put_slice(bytes),
            Self::Int(number) => encode_int(*number, ty, out)?,
            Self::Text(text) => encode_text(text, ty, out)?,
        }
        Ok(IsNull::No)
    }
}

fn not_valid(ty: &Type) -> ValueError {
    ValueError::NotValid(ty.name().to_owned())
}

fn encode_int(number: i64, ty: &Type, out: &mut BytesMut) -> Result<(), ValueError> {
    match *ty {
        Type::INT2 => out.put_i16(number.try_into().map_err(|_| not_valid(ty))?),
        Type::INT4 => out.put_i32(number.try_into().map_err(|_| not_valid(ty))?),
        Type::INT8 => out.put_i64(number),
        Type::OID => out.put_u32(number.try_into().map_err(|_| not_valid(ty))?),
        Type::FLOAT8 => out.put_f64(number as f64),
        _ => encode_text(&number.to_string(), ty, out)?,
    }
    Ok(())
}

fn encode_text(text: &str, ty: &Type, out: &mut BytesMut) -> Result<(), ValueError> {
    /// Parses `text`, or says that it is no `ty`.
    fn parsed<T: std::str::FromStr>(text: &str, ty: &Type) -> Result<T, ValueError> {
        text.trim().parse().map_err(|_| not_valid(ty))
    }
    match *ty {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => {
            return encode_int(parsed(text, ty)?, ty, out);
        }
        Type::FLOAT4 => out.put_f32(parsed(text, ty)?),
        Type::FLOAT8 => out.put_f64(parsed(text, ty)?),
        Type::NUMERIC => out.put_slice(&numeric::encode(text.trim()).ok_or_else(|| not_valid(ty))?),
        Type::BOOL => out.put_u8(u8::from(boolean(text).ok_or_else(|| not_valid(ty))?)),
        Type::UUID => out.put_slice(&uuid(text).ok_or_else(|| not_valid(ty))?),
        Type::DATE => put(&parsed::<Date>(text, ty)?, ty, out)?,
        Type::TIMESTAMP => put(&parsed::<DateTime>(text, ty)?, ty, out)?,
        Type::TIMESTAMPTZ => put(&timestamp(text).ok_or_else(|| not_valid(ty))?, ty, out)?,
        Type::JSONB => {
            // Version 1 of the binary form is the text behind one byte.
            out.put_u8(1);
            out.put_slice(text.as_bytes());
        }
        Type::JSON | Type::BYTEA => out.put_slice(text.as_bytes()),
        _ if is_text(ty) => out.put_slice(text.as_bytes()),
        _ => return Err(ValueError::Unsupported(ty.name().to_owned())),
    }
    Ok(())
}

/// Types whose binary form is their text.
fn is_text(ty: &Type) -> bool {
    matches!(
        *ty,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN
    ) || matches!(ty.kind(), Kind::Enum(_))
        || ty.name() == "citext"
}

fn is_integer(ty: &Type) -> bool {
    matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8)
}

fn put(value: &impl ToSql, ty: &Type, out: &mut BytesMut) -> Result<(), ValueError> {
    value.to_sql(ty, out).map(|_| ()).map_err(|_| not_valid(ty))
}

/// PostgreSQL's spellings of true and false.
fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "yes" | "on" | "1" => Some(true),
        "f" | "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// 32 hexadecimal digits, with hyphens anywhere between them.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|&c| c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(u128::to_be_bytes)
}

/// A timestamp with its offset, or a plain one that is taken as UTC.
fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let plain: DateTime = text.parse().ok()?;
        Some(plain.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(self.encode(ty, out)?)
    }

    fn accepts(_: &Type) -> bool {
        // Whether a value fits is seen when it is written.
        true
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
        fn base(ty: &Type) -> &Type {
            match ty.kind() {
                Kind::Domain(inner) => base(inner),
                _ => ty,
            }
        }
        let (from, to) = (base(from), base(to));
        from == to || (is_integer(from) && is_integer(to)) || (is_text(from) && is_text(to))
    }
}

impl<'a> FromSql<'a> for RawValue {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        // Integers of different widths are joined all the time; everything else goes back as it came.
        let value = match *ty {
            Type::INT2 => Value::Int(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
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
        value.encode(ty, &mut out)?;
        Ok(out.to_vec())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn integers_have_the_width_of_the_type_and_stay_in_its_range() {
        assert_eq!(sent(&Value::Int(258), &Type::INT2).unwrap(), [1, 2]);
        assert_eq!(sent(&Value::Int(1), &Type::INT4).unwrap(), [0, 0, 0, 1]);
        assert_eq!(sent(&text("7"), &Type::INT8).unwrap()[7], 7);
        assert_eq!(sent(&Value::Int(42), &Type::TEXT).unwrap(), b"42");
        assert_eq!(
            sent(&Value::Int(40_000), &Type::INT2),
            Err(ValueError::NotValid("int2".to_owned()))
        );
        assert!(sent(&Value::Int(-1), &Type::OID).is_err());
    }

    #[test]
    fn text_becomes_what_the_server_wants() {
        assert_eq!(sent(&text("on hold"), &Type::VARCHAR).unwrap(), b"on hold");
        assert_eq!(sent(&text("true"), &Type::BOOL).unwrap(), [1]);
        assert_eq!(sent(&text("{}"), &Type::JSONB).unwrap(), b"\x01{}");
        assert_eq!(
            sent(&text("1.5"), &Type::FLOAT8).unwrap(),
            1.5f64.to_be_bytes()
        );
        let id = sent(&text("00000000-0000-0000-0000-0000000000ff"), &Type::UUID).unwrap();
        assert_eq!((id.len(), id[15]), (16, 255));
        // PostgreSQL counts from 2000-01-01: days, or microseconds.
        assert_eq!(
            sent(&text("2000-01-02"), &Type::DATE).unwrap(),
            [0, 0, 0, 1]
        );
        let second = 1_000_000i64.to_be_bytes();
        assert_eq!(
            sent(&text("2000-01-01 00:00:01"), &Type::TIMESTAMP).unwrap(),
            second
        );
        assert_eq!(
            sent(&text("2000-01-01 00:00:01"), &Type::TIMESTAMPTZ).unwrap(),
            second
        );
        assert_eq!(
            sent(&text("2000-01-01T01:00:01+01"), &Type::TIMESTAMPTZ).unwrap(),
            second
        );
    }

    #[test]
    fn what_does_not_fit_names_the_type_and_never_the_value() {
        for (value, ty) in [
            ("secret", Type::INT4),
            ("secret", Type::UUID),
            ("secret", Type::BOOL),
            ("secret", Type::TIMESTAMPTZ),
            ("secret", Type::NUMERIC),
            ("secret", Type::INET),
        ] {
            let message = sent(&text(value), &ty).unwrap_err().to_string();
            assert!(message.contains(ty.name()), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        assert_eq!(
            sent(&Value::Int(1), &Type::INET),
            Err(ValueError::Unsupported("inet".to_owned()))
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
