//! Functions and operators of values that are not null, with the server's results.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::eval::{Known, Unsure};
use super::formula::Function;
use super::time::{self, DAY, Span};
use super::value::{Kind, Value, half_away};

/// What a function gives, of a result of this kind.
pub(super) fn call(function: Function, kind: Kind, values: &[Value]) -> Known<Option<Value>> {
    let value = match (function, values) {
        (Function::Add, [a, b]) => plus(a, b, 1),
        (Function::Subtract, [a, b]) => plus(a, b, -1),
        (
            Function::Multiply | Function::Divide | Function::DivideWhole | Function::Modulo,
            [a, b],
        ) => product(function, a, b),
        (Function::Round | Function::Truncate, [number, rest @ ..]) => {
            rounded(function, number, rest.first())
        }
        (Function::Negate | Function::Absolute | Function::Floor | Function::Ceiling, [number]) => {
            single(function, number)
        }
        (Function::Concatenate, [Value::Text(a), Value::Text(b)]) => {
            Some(Value::Text(format!("{a}{b}")))
        }
        (Function::Cast, [value]) => cast(value, kind),
        (Function::Year | Function::Month, [value]) => calendar(function, value),
        (Function::IsFinite, [value]) => Some(Value::Flag(is_finite(value))),
        (_, [Value::Text(text)]) => of_text(function, text),
        (Function::ArrayLength, [Value::Bytes(bytes), _]) => return array(bytes, true),
        (Function::Cardinality, [Value::Bytes(bytes)]) => return array(bytes, false),
        (_, [Value::Bytes(bytes)]) => of_bytes(function, bytes),
        _ => None,
    };
    value.map(Some).ok_or(Unsure)
}

/// a + b, or with a sign of -1 a - b.
pub(super) fn plus(a: &Value, b: &Value, sign: i64) -> Option<Value> {
    let signed = |span: Span| span.map(|part| part.checked_mul(sign));
    if !is_finite(a) || !is_finite(b) {
        return None;
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if sign > 0 => a.checked_add(*b).map(Value::Number),
        (Value::Number(a), Value::Number(b)) => a.checked_sub(*b).map(Value::Number),
        (Value::Number(_) | Value::Float(_), Value::Number(_) | Value::Float(_)) => {
            let (a, b) = (a.float()?, b.float()?);
            Some(Value::Float(if sign > 0 { a + b } else { a - b }))
        }
        (Value::Day(day), Value::Number(days)) => {
            let days = days.to_i64()?.checked_mul(sign)?;
            day.checked_add(days).map(Value::Day)
        }
        (Value::Day(a), Value::Day(b)) if sign < 0 => Some(Value::Number((a - b).into())),
        (Value::Day(_) | Value::Moment(_), Value::Span(span)) => {
            time::later(a.moment()?, signed(*span)?).map(Value::Moment)
        }
        (Value::Day(_), Value::Time(time)) if sign > 0 => {
            a.moment()?.checked_add(*time).map(Value::Moment)
        }
        (Value::Day(_) | Value::Moment(_), Value::Day(_) | Value::Moment(_)) if sign < 0 => {
            let micros = a.moment()?.checked_sub(b.moment()?)?;
            Some(span(0, micros / DAY, micros % DAY))
        }
        (Value::Time(a), Value::Time(b)) if sign < 0 => Some(span(0, 0, a - b)),
        (Value::Time(time), Value::Span(span)) => {
            let micros = time.checked_add(span.micros.checked_mul(sign)?)?;
            Some(Value::Time(micros.rem_euclid(DAY)))
        }
        (Value::Span(a), Value::Span(b)) => a.plus(signed(*b)?).map(Value::Span),
        _ => None,
    }
}

fn span(months: i64, days: i64, micros: i64) -> Value {
    Value::Span(Span {
        months,
        days,
        micros,
    })
}

/// Products, quotients and what they leave over.
pub(super) fn product(function: Function, a: &Value, b: &Value) -> Option<Value> {
    match (function, a, b) {
        (Function::Multiply, Value::Span(span), Value::Number(by)) => {
            let by = by.to_i64().filter(|_| by.is_integer())?;
            span.map(|part| part.checked_mul(by)).map(Value::Span)
        }
        (Function::Multiply, Value::Number(a), Value::Number(b)) => {
            // More digits than fit would be rounded here, and are not there.
            let digits = a.scale() + b.scale();
            let product = a.checked_mul(*b)?;
            (product.scale() == digits || product.is_zero()).then_some(Value::Number(product))
        }
        (Function::Divide, Value::Number(a), Value::Number(b)) => {
            let quotient = a.checked_div(*b)?;
            Some(Value::Number(half_away(quotient, quotient_scale(a, b)?)))
        }
        (Function::DivideWhole, Value::Number(a), Value::Number(b)) => {
            a.checked_div(*b).map(|whole| Value::Number(whole.trunc()))
        }
        (Function::Modulo, Value::Number(a), Value::Number(b)) => {
            a.checked_rem(*b).map(Value::Number)
        }
        (Function::Multiply, ..) => Some(Value::Float(a.float()? * b.float()?)),
        (Function::Divide, ..) => {
            let by = b.float().filter(|by| *by != 0.0)?;
            Some(Value::Float(a.float()? / by))
        }
        _ => None,
    }
}

/// Decimals of a quotient as the server has them (`select_div_scale` in `numeric.c`): 16 digits at least, counted in
/// fours. `None` where they are more than fit.
fn quotient_scale(a: &Decimal, b: &Decimal) -> Option<u32> {
    let (a_weight, a_first) = leading(a);
    let (b_weight, b_first) = leading(b);
    let weight = a_weight - b_weight - i64::from(a_first <= b_first);
    let scale = (16 - 4 * weight)
        .max(a.scale().into())
        .max(b.scale().into())
        .max(0);
    // The quotient itself is rounded at the 28th.
    u32::try_from(scale).ok().filter(|scale| *scale < 28)
}

/// Of a number in base 10,000 how many digits stand before the point, less one, and the first of them.
fn leading(number: &Decimal) -> (i64, i128) {
    let behind = number.scale().div_ceil(4);
    let pad = 10_i128.pow(behind * 4 - number.scale());
    let mut rest = number.mantissa().abs() * pad;
    if rest == 0 {
        return (0, 0);
    }
    let mut digits = 1;
    while rest >= 10_000 {
        rest /= 10_000;
        digits += 1;
    }
    (digits - 1 - i64::from(behind), rest)
}

fn rounded(function: Function, number: &Value, digits: Option<&Value>) -> Option<Value> {
    let Value::Number(number) = number else {
        return None;
    };
    let digits = digits.map_or(Some(0), |digits| digits.number()?.to_i64())?;
    let to = u32::try_from(digits.unsigned_abs())
        .ok()
        .filter(|digits| *digits <= 28)?;
    let cut = |number: &Decimal, scale| match function {
        Function::Round => half_away(*number, scale),
        _ => number.round_dp_with_strategy(scale, RoundingStrategy::ToZero),
    };
    if digits >= 0 {
        return Some(Value::Number(cut(number, to)));
    }
    let unit = (0..to).try_fold(Decimal::ONE, |unit, _| unit.checked_mul(Decimal::TEN))?;
    cut(&number.checked_div(unit)?, 0)
        .checked_mul(unit)
        .map(Value::Number)
}

fn single(function: Function, value: &Value) -> Option<Value> {
    Some(match (function, value) {
        (Function::Negate, Value::Number(number)) => Value::Number(-number),
        (Function::Absolute, Value::Number(number)) => Value::Number(number.abs()),
        (Function::Floor, Value::Number(number)) => Value::Number(number.floor()),
        (Function::Ceiling, Value::Number(number)) => Value::Number(number.ceil()),
        (Function::Negate, Value::Float(number)) => Value::Float(-number),
        (Function::Absolute, Value::Float(number)) => Value::Float(number.abs()),
        (Function::Floor, Value::Float(number)) => Value::Float(number.floor()),
        (Function::Ceiling, Value::Float(number)) => Value::Float(number.ceil()),
        _ => return None,
    })
}

fn cast(value: &Value, kind: Kind) -> Option<Value> {
    match (value, kind) {
        (Value::Number(number), Kind::Integer | Kind::Numeric) => Some(Value::Number(*number)),
        // As the server does: fifteen digits.
        (Value::Float(number), Kind::Numeric) => {
            Decimal::from_scientific(&format!("{number:.14e}"))
                .ok()
                .map(Value::Number)
        }
        (_, Kind::Float) => value.float().map(Value::Float),
        (_, Kind::Date) => value.day().map(Value::Day),
        (_, Kind::Moment) => value.moment().map(Value::Moment),
        _ => None,
    }
}

fn calendar(function: Function, value: &Value) -> Option<Value> {
    let (year, month, _) = time::civil(value.day().filter(|_| is_finite(value))?);
    // There is no year 0: PostgreSQL says -1 of the one before 1.
    let year = if year > 0 { year } else { year - 1 };
    let part = if function == Function::Year {
        year
    } else {
        month
    };
    Some(Value::Number(part.into()))
}

pub(super) fn is_finite(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_finite(),
        Value::Day(day) => (i64::from(i32::MIN) + 1..i64::from(i32::MAX)).contains(day),
        Value::Moment(moment) => !matches!(*moment, i64::MIN | i64::MAX),
        _ => true,
    }
}

fn of_text(function: Function, text: &str) -> Option<Value> {
    Some(match function {
        Function::Lower => Value::Text(text.to_lowercase()),
        Function::Upper => Value::Text(text.to_uppercase()),
        Function::Trim => Value::Text(text.trim_matches(' ').to_owned()),
        Function::TrimLeft => Value::Text(text.trim_start_matches(' ').to_owned()),
        Function::TrimRight => Value::Text(text.trim_end_matches(' ').to_owned()),
        Function::Length => Value::Number(text.chars().count().into()),
        Function::Octets => Value::Number(text.len().into()),
        _ => return None,
    })
}

/// Of a range's flags, a document's first character, the length of bytes.
fn of_bytes(function: Function, bytes: &[u8]) -> Option<Value> {
    let flags = bytes.first().copied();
    Some(match function {
        Function::Length | Function::Octets => Value::Number(bytes.len().into()),
        Function::RangeIsEmpty => Value::Flag(flags? & 0x01 != 0),
        Function::RangeHasNoLower => Value::Flag(flags? & 0x08 != 0),
        Function::RangeHasNoUpper => Value::Flag(flags? & 0x10 != 0),
        Function::JsonType => json(bytes)?,
        Function::JsonbType => json(bytes.get(1..)?)?,
        _ => return None,
    })
}

fn json(document: &[u8]) -> Option<Value> {
    let first = document.iter().find(|byte| !byte.is_ascii_whitespace())?;
    let name = match first {
        b'{' => "object",
        b'[' => "array",
        b'"' => "string",
        b't' | b'f' => "boolean",
        b'n' => "null",
        _ => "number",
    };
    Some(Value::Text(name.to_owned()))
}

/// Dimensions, flags, the type of elements, then per dimension its length and its first index.
fn array(bytes: &[u8], of_first: bool) -> Known<Option<Value>> {
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(i64::from(i32::from_be_bytes(bytes)))
    };
    let dimensions = word(0)
        .and_then(|count| usize::try_from(count).ok())
        .ok_or(Unsure)?;
    if of_first && dimensions == 0 {
        return Ok(None);
    }
    let counted = if of_first { 1 } else { dimensions };
    let mut elements = i64::from(dimensions > 0);
    for dimension in 0..counted {
        elements *= word(12 + 8 * dimension).ok_or(Unsure)?;
    }
    Ok(Some(Value::Number(elements.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_have_the_decimals_of_the_server() {
        // As PostgreSQL 13 to 18 print them.
        for (a, b, quotient) in [
            ("1", "3", "0.33333333333333333333"),
            ("2", "3", "0.66666666666666666667"),
            ("100", "3", "33.3333333333333333"),
            ("1", "30000", "0.000033333333333333333333"),
            ("20000", "3", "6666.6666666666666667"),
            ("10.00", "4", "2.5000000000000000"),
            ("1", "7000000", "0.000000142857142857142857"),
            ("123456789", "7", "17636684.142857142857"),
        ] {
            let number = |text: &str| Value::Number(text.parse().unwrap());
            let found = product(Function::Divide, &number(a), &number(b));
            let Some(Value::Number(found)) = found else {
                panic!("{a} / {b}: {found:?}")
            };
            let wanted: Decimal = quotient.parse().unwrap();
            assert_eq!(found, wanted, "{a} / {b}");
        }
    }
}
