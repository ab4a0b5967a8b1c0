//! A column of a result as the variable of a pgbench script: the text that pgbench would have got.

use tokio_postgres::types::{FromSql as _, Kind, Type};

use crate::workload::Value;
use crate::workload::pgbench::Var;

/// Whether values of the type can become a variable.
pub(super) fn has_text(ty: &Type) -> bool {
    matches!(
        *ty,
        Type::INT2
            | Type::INT4
            | Type::INT8
            | Type::OID
            | Type::BOOL
            | Type::FLOAT4
            | Type::FLOAT8
            | Type::NUMERIC
            | Type::UUID
            | Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::UNKNOWN
            | Type::JSON
    ) || matches!(ty.kind(), Kind::Enum(_))
}

/// The variable that a value of the type becomes; `None` for bytes that are not of that type.
pub(super) fn variable(value: &Value, ty: &Type) -> Option<Var> {
    let raw = match value {
        // pgbench stores the empty text.
        Value::Null => return Some(Var::from_column(None)),
        Value::Int(number) => return Some(Var::Int(*number)),
        Value::Binary(raw) => raw,
        other => return other.as_text().map(|text| Var::from_text(&text)),
    };
    let text = match *ty {
        Type::BOOL => if bool::from_sql(ty, raw).ok()? {
            "t"
        } else {
            "f"
        }
        .to_owned(),
        Type::FLOAT4 => f32::from_sql(ty, raw).ok()?.to_string(),
        Type::FLOAT8 => f64::from_sql(ty, raw).ok()?.to_string(),
        Type::OID => u32::from_sql(ty, raw).ok()?.to_string(),
        Type::NUMERIC => numeric(raw)?,
        Type::UUID => {
            let number = u128::from_be_bytes(raw.as_ref().try_into().ok()?);
            let hex = format!("{number:032x}");
            let parts = [
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..],
            ];
            parts.join("-")
        }
        _ => std::str::from_utf8(raw).ok()?.to_owned(),
    };
    Some(Var::from_text(&text))
}

/// PostgreSQL's binary numeric as text: groups of four digits, the weight of the first group, the sign,
/// and the number of digits behind the point (numeric_send in PostgreSQL's numeric.c).
fn numeric(raw: &[u8]) -> Option<String> {
    let mut words = raw
        .chunks_exact(2)
        .map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight) = (words.next()?, words.next()?);
    #[expect(
        clippy::cast_sign_loss,
        reason = "the sign's word is a pattern of bits"
    )]
    let (sign, scale) = (words.next()? as u16, usize::try_from(words.next()?).ok()?);
    match sign {
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => {}
    }
    let digits: Vec<i16> = words.take(usize::try_from(count).ok()?).collect();
    let group = |place: i32| {
        let index = usize::try_from(i32::from(weight) - place).ok();
        index.and_then(|i| digits.get(i)).copied().unwrap_or(0)
    };
    let mut whole = String::new();
    for place in (0..=i32::from(weight).max(0)).rev() {
        if whole.is_empty() {
            whole = group(place).to_string();
        } else {
            whole.push_str(&format!("{:04}", group(place)));
        }
    }
    let mut part = String::new();
    let mut place = -1;
    while part.len() < scale {
        part.push_str(&format!("{:04}", group(place)));
        place -= 1;
    }
    part.truncate(scale);
    let minus = if sign == 0x4000 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    Some(format!("{minus}{whole}{point}{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{Bytes, BytesMut};

    fn bytes(text: &str, ty: &Type) -> Value {
        let mut out = BytesMut::new();
        Value::of_type(text, ty).write(ty, &mut out).unwrap();
        Value::Binary(out.freeze())
    }

    #[test]
    fn values_become_what_pgbench_would_have_read() {
        for text in [
            "0",
            "7",
            "-12.50",
            "0.001",
            "10000",
            "123456789.0123",
            "-0.5",
            "100000000",
        ] {
            let var = variable(&bytes(text, &Type::NUMERIC), &Type::NUMERIC);
            assert_eq!(var.unwrap().to_string(), text);
        }
        let id = "01234567-89ab-cdef-0123-456789abcdef";
        assert_eq!(
            variable(&bytes(id, &Type::UUID), &Type::UUID)
                .unwrap()
                .to_string(),
            id
        );
        assert_eq!(
            variable(&bytes("true", &Type::BOOL), &Type::BOOL),
            Some(Var::Text("t".into()))
        );
        assert_eq!(
            variable(&Value::Null, &Type::TEXT),
            Some(Var::Text("".into()))
        );
        let text = Value::Binary(Bytes::from_static(b"12"));
        assert_eq!(variable(&text, &Type::TEXT), Some(Var::Int(12)));
        let not_text = Value::Binary(Bytes::from_static(&[0xff]));
        assert_eq!(variable(&not_text, &Type::TEXT), None);
    }
}
