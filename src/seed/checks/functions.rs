//! Which functions and operators are understood, and of what kind their results are.

use super::formula::{Function, Term};
use super::scope::Scope;
use super::terms::{comparable, constant_of};
use super::value::Kind;

/// An operator between two terms.
pub(super) fn binary(
    operator: &str,
    left: Term,
    right: Term,
    scope: &Scope<'_>,
) -> Result<Term, String> {
    let (a, b) = (left.kind(), right.kind());
    let unknown = || format!("the operator {operator} is not understood for these types");
    let function = match operator {
        "+" => Function::Add,
        "-" => Function::Subtract,
        "*" => Function::Multiply,
        "/" if (a, b) == (Kind::Integer, Kind::Integer) => Function::DivideWhole,
        "/" => Function::Divide,
        "%" => Function::Modulo,
        "||" => Function::Concatenate,
        _ => return Err(unknown()),
    };
    let kind = kind_of(function, a, b).ok_or_else(unknown)?;
    if is_real(&left, scope) || is_real(&right, scope) {
        return Err("it computes with the type real".to_owned());
    }
    Ok(match (function, left, right) {
        (
            Function::Add,
            Term::Call(one @ (Function::CountNulls | Function::CountNonNulls), _, mut left),
            Term::Call(other, _, right),
        ) if one == other => {
            left.extend(right);
            Term::Call(one, kind, left)
        }
        (_, left, right) => Term::Call(function, kind, vec![left, right]),
    })
}

/// Arithmetic of four bytes is rounded by the server as it is not here.
fn is_real(term: &Term, scope: &Scope<'_>) -> bool {
    let type_ = term.column().and_then(|column| scope.type_of(column));
    type_.is_some_and(|type_| type_.base().name.name == "float4")
}

fn kind_of(function: Function, a: Kind, b: Kind) -> Option<Kind> {
    use Kind::{Date, Float, Integer, Moment, Numeric, Span, Text, Time};
    let number = match (a, b) {
        (Integer, Integer) => Some(Integer),
        (Integer | Numeric, Integer | Numeric) => Some(Numeric),
        (Integer | Numeric | Float, Integer | Numeric | Float) => Some(Float),
        _ => None,
    };
    match (function, a, b) {
        (Function::Concatenate, Text, Text) => Some(Text),
        (Function::Concatenate, ..) => None,
        (Function::Add | Function::Subtract, Date, Integer) => Some(Date),
        (Function::Subtract, Date, Date) => Some(Integer),
        (Function::Add | Function::Subtract, Date | Moment, Span) | (Function::Add, Date, Time) => {
            Some(Moment)
        }
        (Function::Add | Function::Subtract, Span, Span)
        | (Function::Subtract, Moment, Moment | Date)
        | (Function::Subtract, Date, Moment)
        | (Function::Subtract, Time, Time)
        | (Function::Multiply, Span, Integer) => Some(Span),
        (Function::Add | Function::Subtract, Time, Span) => Some(Time),
        (Function::Modulo, ..) if number == Some(Float) => None,
        _ => number,
    }
}

/// An operator in front of a term.
pub(super) fn unary(operator: &str, term: Term) -> Result<Term, String> {
    match (operator, term) {
        ("+", term) => Ok(term),
        (
            "-",
            Term::Constant {
                text: Some(text),
                kind,
                ..
            },
        ) => Ok(constant_of(Some(format!("-{text}")), kind)),
        ("-", term) if is_number(term.kind()) => {
            let kind = term.kind();
            Ok(Term::Call(Function::Negate, kind, vec![term]))
        }
        _ => Err(format!("the operator {operator} is not understood")),
    }
}

/// Functions whose arguments and result are of one kind.
pub(super) fn alike(function: Function, arguments: Vec<Term>) -> Result<Term, String> {
    let kinds: Vec<Kind> = arguments.iter().map(Term::kind).collect();
    let first = *kinds.first().ok_or("a function in it has no arguments")?;
    let kind = kinds.iter().fold(first, |all, kind| match (all, kind) {
        (Kind::Integer, kind) => *kind,
        (Kind::Numeric, Kind::Float) => Kind::Float,
        (all, _) => all,
    });
    let ordered = function == Function::Coalesce || kind.is_ordered();
    if !ordered || !kinds.iter().all(|other| comparable(*other, kind)) {
        return Err("a function in it is not understood for these types".to_owned());
    }
    Ok(Term::Call(function, kind, arguments))
}

/// A function by its name.
pub(super) fn named(name: &str, arguments: Vec<Term>, scope: &Scope<'_>) -> Result<Term, String> {
    let unknown = || format!("the function {name} is not understood");
    if matches!(
        name,
        "now" | "clock_timestamp" | "statement_timestamp" | "transaction_timestamp"
    ) {
        return Ok(Term::Call(Function::Now, Kind::Moment, Vec::new()));
    }
    if matches!(name, "extract" | "date_part" | "date_trunc") {
        return part_of_time(name, &arguments);
    }
    let kinds: Vec<Kind> = arguments.iter().map(Term::kind).collect();
    let first = kinds.first().copied().ok_or_else(unknown)?;
    let typed = |name: &str| {
        let column = arguments.first().and_then(Term::column);
        let type_ = column.and_then(|column| scope.type_of(column));
        type_.is_some_and(|type_| type_.base().name.name == name)
    };
    let (function, kind) = match (name, kinds.len()) {
        ("round", 1 | 2) if first != Kind::Float => (Function::Round, number(first)),
        ("trunc", 1 | 2) if first != Kind::Float => (Function::Truncate, number(first)),
        ("floor", 1) => (Function::Floor, number(first)),
        ("ceil" | "ceiling", 1) => (Function::Ceiling, number(first)),
        ("abs", 1) => (Function::Absolute, Some(first).filter(|k| is_number(*k))),
        ("mod", 2) => (Function::Modulo, kind_of(Function::Modulo, first, kinds[1])),
        ("lower", 1) => (Function::Lower, text(first)),
        ("upper", 1) => (Function::Upper, text(first)),
        ("btrim", 1) => (Function::Trim, text(first)),
        ("ltrim", 1) => (Function::TrimLeft, text(first)),
        ("rtrim", 1) => (Function::TrimRight, text(first)),
        ("length" | "char_length" | "character_length", 1) if first.is_text() || typed("bytea") => {
            (Function::Length, Some(Kind::Integer))
        }
        ("octet_length", 1) if first == Kind::Text || typed("bytea") => {
            (Function::Octets, Some(Kind::Integer))
        }
        ("num_nonnulls", _) => (Function::CountNonNulls, Some(Kind::Integer)),
        ("num_nulls", _) => (Function::CountNulls, Some(Kind::Integer)),
        ("isfinite", 1) if matches!(first, Kind::Date | Kind::Moment | Kind::Span) => {
            (Function::IsFinite, Some(Kind::Flag))
        }
        ("isempty", 1) => (Function::RangeIsEmpty, Some(Kind::Flag)),
        ("lower_inf", 1) => (Function::RangeHasNoLower, Some(Kind::Flag)),
        ("upper_inf", 1) => (Function::RangeHasNoUpper, Some(Kind::Flag)),
        ("cardinality", 1) => (Function::Cardinality, Some(Kind::Integer)),
        ("array_length", 2) if is_one(&arguments[1]) => {
            (Function::ArrayLength, Some(Kind::Integer))
        }
        ("jsonb_typeof", 1) => (Function::JsonbType, Some(Kind::Text)),
        ("json_typeof", 1) => (Function::JsonType, Some(Kind::Text)),
        _ => return Err(unknown()),
    };
    Ok(Term::Call(function, kind.ok_or_else(unknown)?, arguments))
}

fn is_one(term: &Term) -> bool {
    matches!(term, Term::Constant { text: Some(text), .. } if text == "1")
}

fn part_of_time(name: &str, arguments: &[Term]) -> Result<Term, String> {
    let [
        Term::Constant {
            text: Some(part), ..
        },
        of,
    ] = arguments
    else {
        return Err(format!(
            "the function {name} is not understood in this form"
        ));
    };
    let function = match (name, part.as_str()) {
        ("extract" | "date_part", "year") => Function::Year,
        ("extract" | "date_part", "month") => Function::Month,
        _ => return Err(format!("{name} of {part} is not understood")),
    };
    if !matches!(of.kind(), Kind::Date | Kind::Moment) {
        return Err(format!(
            "the function {name} is not understood in this form"
        ));
    }
    Ok(Term::Call(function, Kind::Numeric, vec![of.clone()]))
}

/// A cast of something that is no constant; `scale` of numeric(p, s).
pub(super) fn cast(term: Term, to: Kind, name: &str, scale: Option<u32>) -> Result<Term, String> {
    let from = term.kind();
    let call = |function, kind, term| Ok(Term::Call(function, kind, vec![term]));
    match (from, to) {
        _ if from == to && to != Kind::Other => Ok(sized(term, scale)),
        (Kind::Text | Kind::Padded, Kind::Text | Kind::Padded) => Ok(term),
        (Kind::Integer | Kind::Float, Kind::Numeric) => {
            Ok(sized(Term::Call(Function::Cast, to, vec![term]), scale))
        }
        (Kind::Numeric, Kind::Integer) => call(Function::Round, to, term),
        (Kind::Integer | Kind::Numeric, Kind::Float)
        | (Kind::Date, Kind::Moment)
        | (Kind::Moment, Kind::Date) => call(Function::Cast, to, term),
        _ => Err(format!("a cast to {name} is not understood here")),
    }
}

/// Rounded to the digits that numeric(p, s) keeps.
pub(super) fn sized(term: Term, scale: Option<u32>) -> Term {
    match scale {
        Some(scale) if term.kind() == Kind::Numeric => {
            let scale = constant_of(Some(scale.to_string()), Kind::Integer);
            Term::Call(Function::Round, Kind::Numeric, vec![term, scale])
        }
        _ => term,
    }
}

/// Types that PostgreSQL ships and whose values are compared as bytes only.
pub(super) fn is_shipped(name: &str) -> bool {
    const NAMES: [&str; 27] = [
        "bit",
        "varbit",
        "bytea",
        "uuid",
        "json",
        "jsonb",
        "xml",
        "inet",
        "cidr",
        "macaddr",
        "macaddr8",
        "timetz",
        "tsvector",
        "point",
        "line",
        "lseg",
        "box",
        "path",
        "polygon",
        "circle",
        "int4range",
        "int8range",
        "numrange",
        "daterange",
        "tsrange",
        "tstzrange",
        "pg_lsn",
    ];
    NAMES.contains(&name)
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Integer | Kind::Numeric | Kind::Float)
}

/// What rounding gives: of an integer the integer itself.
fn number(kind: Kind) -> Option<Kind> {
    is_number(kind).then_some(kind)
}

fn text(kind: Kind) -> Option<Kind> {
    kind.is_text().then_some(Kind::Text)
}
