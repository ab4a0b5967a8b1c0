//! Values as expressions see them: out of and into PostgreSQL's binary form, and compared.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use super::time::{self, DAY, Span};
use crate::seed::schema::{Type, TypeKind};
use crate::seed::values::{read_number, write_number};

/// What kind of values a type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Numeric,
    /// `float4` and `float8`.
    Float,
    Date,
    /// With and without time zone.
    Moment,
    Time,
    Span,
    /// An enum's labels as well.
    Text,
    /// `char(n)`: trailing blanks say nothing.
    Padded,
    Flag,
    /// Anything else, of which only equality is known.
    Other,
}

impl Kind {
    pub(super) fn of(type_: &Type) -> Self {
        let base = type_.base();
        match base.kind {
            TypeKind::Base => Self::named(&base.name.name),
            TypeKind::Enum(_) => Self::Text,
            TypeKind::Extension(_) if base.name.name == "citext" => Self::Text,
            _ => Self::Other,
        }
    }

    /// Of a type that PostgreSQL ships; the names are those that the parser gives, too.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "int2" | "int4" | "int8" | "oid" => Self::Integer,
            "numeric" | "money" => Self::Numeric,
            "float4" | "float8" => Self::Float,
            "date" => Self::Date,
            "timestamp" | "timestamptz" => Self::Moment,
            "time" => Self::Time,
            "interval" => Self::Span,
            "text" | "varchar" | "name" | "citext" => Self::Text,
            "bpchar" => Self::Padded,
            "bool" => Self::Flag,
            _ => Self::Other,
        }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Padded)
    }

    /// Its values are ordered in a way that is known here.
    pub(super) fn is_ordered(self) -> bool {
        !matches!(self, Self::Text | Self::Padded | Self::Other)
    }
}

/// A value that is not null.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(Decimal),
    Float(f64),
    /// Days since 2000-01-01.
    Day(i64),
    /// Microseconds since 2000-01-01.
    Moment(i64),
    /// Microseconds since midnight.
    Time(i64),
    Span(Span),
    Text(String),
    Flag(bool),
    /// Binary form.
    Bytes(Vec<u8>),
}

impl Value {
    /// Out of a literal of this kind; `None` of what cannot be read.
    pub(super) fn literal(text: &str, kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Integer | Kind::Numeric => Self::Number(decimal(text)?),
            Kind::Float => Self::Float(text.trim().parse().ok()?),
            Kind::Date => Self::Day(time::read_moment(text).map_or_else(
                || time::read_date(text),
                |moment| match moment {
                    i64::MAX | i64::MIN => time::read_date(text),
                    moment => Some(moment.div_euclid(DAY)),
                },
            )?),
            Kind::Moment => Self::Moment(time::read_moment(text)?),
            Kind::Time => Self::Time(time::read_clock(text)?),
            Kind::Span => Self::Span(time::read_span(text)?),
            Kind::Text => Self::Text(text.to_owned()),
            Kind::Padded => Self::Text(text.trim_end_matches(' ').to_owned()),
            Kind::Flag => Self::Flag(flag(text)?),
            Kind::Other => return None,
        })
    }

    /// Out of binary form.
    pub(super) fn read(type_: &Type, kind: Kind, bytes: &[u8]) -> Option<Self> {
        let base = type_.base();
        Some(match kind {
            Kind::Integer | Kind::Numeric => Self::Number(read_number(base, bytes)?),
            Kind::Float if bytes.len() == 4 => {
                Self::Float(f64::from(f32::from_be_bytes(bytes.try_into().ok()?)))
            }
            Kind::Float => Self::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
            Kind::Date => Self::Day(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::Moment => Self::Moment(i64::from_be_bytes(bytes.try_into().ok()?)),
            Kind::Time => Self::Time(i64::from_be_bytes(bytes.try_into().ok()?)),
            Kind::Span => {
                let (micros, rest) = bytes.split_first_chunk::<8>()?;
                let (days, months) = rest.split_first_chunk::<4>()?;
                Self::Span(Span {
                    months: i32::from_be_bytes(months.try_into().ok()?).into(),
                    days: i32::from_be_bytes(*days).into(),
                    micros: i64::from_be_bytes(*micros),
                })
            }
            Kind::Text => Self::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
            Kind::Padded => {
                let text = std::str::from_utf8(bytes).ok()?;
                Self::Text(text.trim_end_matches(' ').to_owned())
            }
            Kind::Flag => Self::Flag(*bytes.first()? != 0),
            Kind::Other => Self::Bytes(bytes.to_vec()),
        })
    }

    /// Appends its binary form as a value of a column; numbers are rounded to the column's scale. False where it does
    /// not fit.
    pub(super) fn write(&self, type_: &Type, kind: Kind, out: &mut Vec<u8>) -> bool {
        let base = type_.base();
        match (self, kind) {
            (Self::Number(number), Kind::Integer) => write_number(base, half_away(*number, 0), out),
            (Self::Number(number), Kind::Numeric) => {
                let scaled = scale(base).map_or(*number, |scale| half_away(*number, scale));
                write_number(base, scaled, out)
            }
            (Self::Float(number), Kind::Integer | Kind::Numeric) => Decimal::from_f64(*number)
                .is_some_and(|number| Self::Number(number).write(type_, kind, out)),
            (Self::Number(_) | Self::Float(_), Kind::Float) => {
                let Some(number) = self.float() else {
                    return false;
                };
                if base.name.name == "float4" {
                    #[expect(clippy::cast_possible_truncation, reason = "as the server does")]
                    let narrow = number as f32;
                    out.extend_from_slice(&narrow.to_be_bytes());
                } else {
                    out.extend_from_slice(&number.to_be_bytes());
                }
                true
            }
            (Self::Day(_) | Self::Moment(_), Kind::Date) => {
                let day = self.day().and_then(|day| i32::try_from(day).ok());
                day.map(|day| out.extend_from_slice(&day.to_be_bytes()))
                    .is_some()
            }
            (Self::Day(_) | Self::Moment(_), Kind::Moment) => {
                let moment = self.moment();
                moment
                    .map(|moment| out.extend_from_slice(&moment.to_be_bytes()))
                    .is_some()
            }
            (Self::Time(time), Kind::Time) if (0..=DAY).contains(time) => {
                out.extend_from_slice(&time.to_be_bytes());
                true
            }
            (Self::Span(span), Kind::Span) => write_span(*span, out),
            (Self::Text(text), Kind::Text | Kind::Padded) => write_text(text, base, out),
            (Self::Flag(flag), Kind::Flag) => {
                out.push(u8::from(*flag));
                true
            }
            _ => false,
        }
    }

    /// As a literal of a column's type.
    pub(super) fn print(&self, type_: &Type) -> Option<String> {
        let base = type_.base();
        Some(match (self, Kind::of(type_)) {
            (Self::Number(number), _) => number.normalize().to_string(),
            (Self::Float(number), _) => number.to_string(),
            (Self::Day(_) | Self::Moment(_), Kind::Date) => time::print_date(self.day()?),
            (Self::Day(_) | Self::Moment(_), _) => {
                let zone = if base.name.name == "timestamptz" {
                    "+00"
                } else {
                    ""
                };
                time::print_moment(self.moment()?, zone)
            }
            (Self::Time(time), _) => time::print_clock(*time),
            (Self::Text(text), _) => text.clone(),
            (Self::Flag(flag), _) => flag.to_string(),
            (Self::Span(_) | Self::Bytes(_), _) => return None,
        })
    }

    /// Which of two is higher; `None` of what has no order known here. Text is compared for equality only, by its
    /// bytes: whatever is not equal is "greater" nowhere.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Some(a.cmp(b)),
            (Self::Number(_) | Self::Float(_), Self::Number(_) | Self::Float(_)) => {
                self.float()?.partial_cmp(&other.float()?)
            }
            (Self::Day(a), Self::Day(b))
            | (Self::Time(a), Self::Time(b))
            | (Self::Moment(a), Self::Moment(b)) => Some(a.cmp(b)),
            (Self::Day(_) | Self::Moment(_), Self::Day(_) | Self::Moment(_)) => {
                Some(self.moment()?.cmp(&other.moment()?))
            }
            (Self::Span(a), Self::Span(b)) => Some(a.length().cmp(&b.length())),
            (Self::Flag(a), Self::Flag(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Equal or not; `None` where it is not known.
    pub(super) fn equals(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a == b),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a == b),
            _ => self.compare(other).map(Ordering::is_eq),
        }
    }

    pub(super) fn number(&self) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Float(number) => Decimal::from_f64(*number),
            _ => None,
        }
    }

    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.to_f64(),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn moment(&self) -> Option<i64> {
        match self {
            Self::Moment(moment) => Some(*moment),
            Self::Day(day) if *day >= i64::from(i32::MAX) => Some(i64::MAX),
            Self::Day(day) if *day <= i64::from(i32::MIN) => Some(i64::MIN),
            Self::Day(day) => day.checked_mul(DAY),
            _ => None,
        }
    }

    pub(super) fn day(&self) -> Option<i64> {
        match self {
            Self::Day(day) => Some(*day),
            Self::Moment(i64::MAX) => Some(i32::MAX.into()),
            Self::Moment(i64::MIN) => Some(i32::MIN.into()),
            Self::Moment(moment) => Some(moment.div_euclid(DAY)),
            _ => None,
        }
    }
}

/// Where a value lies on the line of its type's values: a number at itself, a time at its microseconds, a label of an
/// enum at its number. `None` where the type has no such line, as text has none.
pub(crate) fn place(type_: &Type, text: &str) -> Option<f64> {
    if let TypeKind::Enum(labels) = &type_.base().kind {
        let at = labels.iter().position(|label| label == text)?;
        return Some(at as f64);
    }
    match Value::literal(text, Kind::of(type_))? {
        Value::Number(number) => number.to_f64(),
        Value::Float(number) => Some(number),
        Value::Day(day) => Some(day as f64),
        Value::Moment(micros) | Value::Time(micros) => Some(micros as f64),
        Value::Span(span) => Some(span.length() as f64),
        Value::Flag(flag) => Some(f64::from(u8::from(flag))),
        Value::Text(_) | Value::Bytes(_) => None,
    }
}

/// Digits behind the point that a numeric column keeps; `None` where it keeps all.
pub(super) fn scale(type_: &Type) -> Option<u32> {
    let base = type_.base();
    match base.name.name.as_str() {
        "numeric" => typmod_scale(base.typmod),
        "money" => Some(2),
        _ => None,
    }
}

/// The scale in a numeric's typmod; a negative one rounds before the point, which is left to the server.
pub(super) fn typmod_scale(typmod: i32) -> Option<u32> {
    let scale = (typmod >= 4).then(|| (typmod - 4) & 0x7ff)?;
    u32::try_from(scale).ok().filter(|scale| *scale <= 1000)
}

/// Rounded half away from zero, as PostgreSQL rounds numeric.
pub(super) fn half_away(number: Decimal, scale: u32) -> Decimal {
    let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    number.round_dp_with_strategy(scale.min(28), strategy)
}

/// A number as PostgreSQL prints it, money with its sign and commas included.
fn decimal(text: &str) -> Option<Decimal> {
    let plain: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, '$' | ',' | '_'))
        .collect();
    let exact = plain.parse().or_else(|_| Decimal::from_scientific(&plain));
    exact.ok()
}

fn flag(text: &str) -> Option<bool> {
    match text.trim() {
        "t" | "true" | "TRUE" => Some(true),
        "f" | "false" | "FALSE" => Some(false),
        _ => None,
    }
}

fn write_span(span: Span, out: &mut Vec<u8>) -> bool {
    let (Ok(days), Ok(months)) = (i32::try_from(span.days), i32::try_from(span.months)) else {
        return false;
    };
    out.extend_from_slice(&span.micros.to_be_bytes());
    out.extend_from_slice(&days.to_be_bytes());
    out.extend_from_slice(&months.to_be_bytes());
    true
}

/// Text as long as its column takes it: `char(n)` is filled with blanks, what is longer does not fit.
fn write_text(text: &str, type_: &Type, out: &mut Vec<u8>) -> bool {
    let sized = matches!(type_.name.name.as_str(), "varchar" | "bpchar");
    let room = usize::try_from(type_.typmod - 4).ok().filter(|_| sized);
    let length = text.chars().count();
    if room.is_some_and(|room| length > room) {
        return false;
    }
    out.extend_from_slice(text.as_bytes());
    if type_.name.name == "bpchar" {
        let blanks = room.unwrap_or_default().saturating_sub(length);
        out.extend(std::iter::repeat_n(b' ', blanks));
    }
    true
}
