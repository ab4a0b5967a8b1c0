//! Formulas of one column as domains.

use super::formula::{Comparison, Formula, Function, Term};
use super::scope::Scope;
use super::value::{Kind, Value};
use crate::seed::domain::{Domain, Limit};
use crate::seed::schema::{Type, TypeKind};

/// The values that a formula lets pass, and whether it lets nulls pass.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// `None`: no value at all.
    pub(super) values: Option<Domain>,
    pub(super) nulls: bool,
}

impl Part {
    fn of(values: Domain) -> Self {
        Self {
            values: Some(values),
            nulls: true,
        }
    }

    fn and(self, other: Self, type_: &Type) -> Option<Self> {
        let values = match (self.values, other.values) {
            (Some(a), Some(b)) => Some(a.and(&b, type_)?),
            _ => None,
        };
        Some(Self {
            values,
            nulls: self.nulls && other.nulls,
        })
    }

    fn or(self, other: Self, type_: &Type) -> Option<Self> {
        let values = match (self.values, other.values) {
            (Some(a), Some(b)) => Some(a.or(&b, type_)?),
            (one, None) | (None, one) => one,
        };
        Some(Self {
            values,
            nulls: self.nulls || other.nulls,
        })
    }
}

/// What a formula of one column says of it; `None` where a domain cannot say that.
pub(super) fn part(formula: &Formula, column: usize, scope: &Scope<'_>) -> Option<Part> {
    let type_ = scope.type_of(column)?;
    match formula {
        Formula::Constant(Some(false)) => Some(Part {
            values: None,
            nulls: false,
        }),
        Formula::Constant(_) => Some(Part::of(Domain::default())),
        Formula::Compare(comparison, left, right) if right.is_constant() => {
            Some(Part::of(compared(*comparison, left, right, column, type_)?))
        }
        Formula::Compare(comparison, left, right) if left.is_constant() => {
            let turned = comparison.turned();
            Some(Part::of(compared(turned, right, left, column, type_)?))
        }
        Formula::Compare(comparison, left, right)
            if is_past(*comparison, left, right) || is_past(comparison.turned(), right, left) =>
        {
            Some(Part::of(Domain::default()))
        }
        Formula::Compare(comparison, left, right) => {
            Some(Part::of(itself(*comparison, left, right, column)?))
        }
        Formula::Matches {
            term,
            pattern,
            found: true,
        } if bare(term) == Some(column) => Some(Part::of(Domain {
            patterns: vec![pattern.source.clone()],
            ..Domain::default()
        })),
        Formula::Null(term, null) if term.column() == Some(column) => Some(Part {
            values: (!null).then(Domain::default),
            nulls: *null,
        }),
        Formula::Is { inner, truth, not } => {
            // Of comparisons only a null is unknown.
            let plain = matches!(**inner, Formula::Compare(..) | Formula::Matches { .. });
            let inner = plain.then(|| (**inner).clone())?;
            let wanted = if truth == not { inner.negated() } else { inner };
            let part = part(&wanted, column, scope)?;
            Some(Part {
                nulls: *not,
                ..part
            })
        }
        Formula::And(parts) => {
            let all = Part::of(Domain::default());
            let mut parts = parts.iter().map(|inner| part(inner, column, scope));
            parts.try_fold(all, |all, part| all.and(part?, type_))
        }
        Formula::Or(parts) => {
            let mut parts = parts.iter().map(|inner| part(inner, column, scope));
            let first = parts.next()??;
            parts.try_fold(first, |all, part| all.or(part?, type_))
        }
        _ => None,
    }
}

/// It says that something has happened. What is in a profile has, and other times are made in the past, so that this
/// demands nothing; the clock is not asked, or the same seed would not make the same rows.
fn is_past(comparison: Comparison, left: &Term, right: &Term) -> bool {
    let before = matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
    let now = matches!(right, Term::Call(Function::Now, ..));
    before && now && left.column().is_some()
}

/// A column, a widening cast around it or not.
fn bare(term: &Term) -> Option<usize> {
    match term {
        Term::Column(column, _) => Some(*column),
        Term::Call(Function::Cast, Kind::Numeric | Kind::Float, arguments) => {
            let [inner] = arguments.as_slice() else {
                return None;
            };
            inner.column().filter(|_| inner.kind() == Kind::Integer)
        }
        _ => None,
    }
}

fn compared(
    comparison: Comparison,
    term: &Term,
    constant: &Term,
    column: usize,
    type_: &Type,
) -> Option<Domain> {
    let Term::Constant { text, value, .. } = constant else {
        return None;
    };
    let Some(text) = text else {
        // Nothing compares with null, so that everything passes.
        return Some(Domain::default());
    };
    if bare(term) == Some(column) {
        return of_value(comparison, text, value.as_ref(), type_);
    }
    let Term::Call(function, _, arguments) = term else {
        return None;
    };
    let of_column = arguments.first().and_then(Term::column) == Some(column);
    match function {
        _ if !of_column => None,
        Function::Length => length(comparison, value.as_ref()?),
        Function::Octets if type_.base().name.name == "bytea" => {
            length(comparison, value.as_ref()?)
        }
        Function::Trim | Function::TrimLeft | Function::TrimRight
            if comparison == Comparison::NotEqual && text.is_empty() =>
        {
            at_least_one_character()
        }
        Function::JsonType | Function::JsonbType => {
            (comparison == Comparison::Equal).then(|| Domain {
                json_type: Some(text.clone()),
                ..Domain::default()
            })
        }
        Function::Year => years(comparison, value.as_ref()?, type_),
        Function::IsFinite | Function::RangeIsEmpty => {
            // No other values are made.
            let natural = *function == Function::IsFinite;
            let wanted = matches!(value, Some(Value::Flag(flag)) if *flag == natural);
            (wanted && comparison == Comparison::Equal).then(Domain::default)
        }
        _ => None,
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "an arm among others that may fail"
)]
fn at_least_one_character() -> Option<Domain> {
    Some(Domain {
        length: Some((1, u32::MAX)),
        ..Domain::default()
    })
}

fn of_value(
    comparison: Comparison,
    text: &str,
    value: Option<&Value>,
    type_: &Type,
) -> Option<Domain> {
    let kind = Kind::of(type_);
    if kind.is_text() && text.is_empty() && comparison == Comparison::NotEqual {
        return at_least_one_character();
    }
    if let TypeKind::Enum(labels) = &type_.base().kind {
        let at = labels.iter().position(|label| label == text)?;
        let kept = labels.iter().enumerate().filter(|(i, _)| match comparison {
            Comparison::Equal => *i == at,
            Comparison::NotEqual => *i != at,
            Comparison::Less => *i < at,
            Comparison::LessOrEqual => *i <= at,
            Comparison::Greater => *i > at,
            Comparison::GreaterOrEqual => *i >= at,
        });
        return Some(these(kept.map(|(_, label)| label.clone()).collect()));
    }
    let literal = match value {
        Some(value) if !kind.is_text() => value.print(type_)?,
        _ => text.to_owned(),
    };
    match comparison {
        Comparison::Equal if is_exact(value, kind) => Some(these(vec![literal])),
        Comparison::NotEqual if kind == Kind::Flag => {
            let other = if literal == "true" { "false" } else { "true" };
            Some(these(vec![other.to_owned()]))
        }
        Comparison::NotEqual => Some(Domain {
            none_of: vec![literal],
            ..Domain::default()
        }),
        _ if kind.is_ordered() && kind != Kind::Flag => limit(comparison, value?, type_),
        _ => None,
    }
}

/// A value of the column can be equal to it.
fn is_exact(value: Option<&Value>, kind: Kind) -> bool {
    match (value, kind) {
        (Some(Value::Number(number)), Kind::Integer) => number.is_integer(),
        (Some(Value::Moment(moment)), Kind::Date) => moment % super::time::DAY == 0,
        _ => true,
    }
}

fn these(values: Vec<String>) -> Domain {
    Domain {
        one_of: Some(values),
        ..Domain::default()
    }
}

/// An end of a range; of integers and dates always one that belongs to it.
fn limit(comparison: Comparison, value: &Value, type_: &Type) -> Option<Domain> {
    let kind = Kind::of(type_);
    let upper = matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
    let open = matches!(comparison, Comparison::Less | Comparison::Greater);
    let end_of_time = if upper { i64::MAX } else { i64::MIN };
    if matches!(kind, Kind::Date | Kind::Moment) && value.moment() == Some(end_of_time) {
        // Every value that is made is before it.
        return Some(Domain::default());
    }
    if !is_exact(Some(value), kind) && kind == Kind::Date {
        return None;
    }
    let (value, inclusive) = match (value, kind) {
        (Value::Number(number), Kind::Integer) => {
            let whole = if upper { number.floor() } else { number.ceil() };
            let step = i64::from(open && whole == *number);
            let step = if upper { -step } else { step };
            (Value::Number(whole.checked_add(step.into())?), true)
        }
        (Value::Day(day), Kind::Date) if super::compute::is_finite(value) => {
            let step = if upper { -1 } else { 1 };
            (Value::Day(day + step * i64::from(open)), true)
        }
        _ => (value.clone(), !open),
    };
    let limit = Limit {
        value: value.print(type_)?,
        inclusive,
    };
    Some(if upper {
        Domain {
            at_most: Some(limit),
            ..Domain::default()
        }
    } else {
        Domain {
            at_least: Some(limit),
            ..Domain::default()
        }
    })
}

fn length(comparison: Comparison, value: &Value) -> Option<Domain> {
    let count = i64::try_from(value.number()?.floor()).ok()?;
    let (least, most) = match comparison {
        Comparison::Equal => (count, count),
        Comparison::Less => (0, count - 1),
        Comparison::LessOrEqual => (0, count),
        Comparison::Greater => (count + 1, i64::MAX),
        Comparison::GreaterOrEqual => (count, i64::MAX),
        Comparison::NotEqual if count == 0 => (1, i64::MAX),
        Comparison::NotEqual => return None,
    };
    let narrow = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
    let none = most < 0;
    Some(Domain {
        length: Some(if none {
            (1, 0)
        } else {
            (narrow(least), narrow(most))
        }),
        ..Domain::default()
    })
}

/// Years as days or moments.
fn years(comparison: Comparison, value: &Value, type_: &Type) -> Option<Domain> {
    let year = i64::try_from(value.number().filter(rust_decimal::Decimal::is_integer)?).ok()?;
    if !(1..=9998).contains(&year) {
        return None;
    }
    let start = |year| Value::Day(super::time::days(year, 1, 1));
    let from = |year| limit(Comparison::GreaterOrEqual, &start(year), type_);
    let before = |year| limit(Comparison::Less, &start(year), type_);
    match comparison {
        Comparison::Equal => from(year)?.and(&before(year + 1)?, type_),
        Comparison::NotEqual => None,
        Comparison::Less => before(year),
        Comparison::LessOrEqual => before(year + 1),
        Comparison::Greater => from(year + 1),
        Comparison::GreaterOrEqual => from(year),
    }
}

/// A column compared with itself in another form.
fn itself(comparison: Comparison, left: &Term, right: &Term, column: usize) -> Option<Domain> {
    let case = |term: &Term| match term {
        Term::Call(function @ (Function::Lower | Function::Upper), _, arguments) => {
            let inner = arguments.first().and_then(Term::column);
            (inner == Some(column)).then_some(*function)
        }
        _ => None,
    };
    let same = comparison == Comparison::Equal;
    let pattern = match (case(left), case(right)) {
        (Some(function), None) if same && right.column() == Some(column) => function,
        (None, Some(function)) if same && left.column() == Some(column) => function,
        _ => return None,
    };
    let pattern = match pattern {
        Function::Lower => "^[^A-Z]*$",
        _ => "^[^a-z]*$",
    };
    Some(Domain {
        patterns: vec![pattern.to_owned()],
        ..Domain::default()
    })
}
