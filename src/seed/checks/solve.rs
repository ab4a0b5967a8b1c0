//! Equations turned towards one of their columns.

use super::compute::{plus, product};
use super::eval::Sight;
use super::formula::{Function, Term};
use super::value::Value;

/// What a column has to be so that a term is this; `None` where that is not found. Rounding may spoil it, so the
/// result has to be tried.
pub(super) fn solve(term: &Term, target: &Value, column: usize, sight: Sight<'_>) -> Option<Value> {
    let (function, arguments) = match term {
        Term::Column(own, _) => return (*own == column).then(|| target.clone()),
        Term::Constant { .. } => return None,
        Term::Call(function, _, arguments) => (*function, arguments),
    };
    let within = |term: &Term| term.columns().contains(&column);
    let value = |term: &Term| sight.term(term).ok().flatten();
    match (function, arguments.as_slice()) {
        (
            Function::Round
            | Function::Truncate
            | Function::Floor
            | Function::Ceiling
            | Function::Cast
            | Function::Coalesce
            | Function::Lower
            | Function::Upper
            | Function::Trim
            | Function::TrimLeft
            | Function::TrimRight
            | Function::Absolute,
            [inner, ..],
        ) if within(inner) => solve(inner, target, column, sight),
        (Function::Negate, [inner]) => solve(inner, &negative(target)?, column, sight),
        (_, [a, b]) if within(a) && !within(b) => {
            let other = value(b)?;
            let inner = match function {
                Function::Add => plus(target, &other, -1)?,
                Function::Subtract => sum(target, &other)?,
                Function::Multiply => product(Function::Divide, target, &other)?,
                Function::Divide | Function::DivideWhole => {
                    product(Function::Multiply, target, &other)?
                }
                Function::Modulo => {
                    let now = value(a)?;
                    let over = product(Function::Modulo, &now, &other)?;
                    plus(&plus(&now, &over, -1)?, target, 1)?
                }
                _ => return None,
            };
            solve(a, &inner, column, sight)
        }
        (_, [a, b]) if within(b) && !within(a) => {
            let other = value(a)?;
            let inner = match function {
                Function::Add => plus(target, &other, -1)?,
                Function::Subtract => plus(&other, target, -1)?,
                Function::Multiply => product(Function::Divide, target, &other)?,
                Function::Divide => product(Function::Divide, &other, target)?,
                _ => return None,
            };
            solve(b, &inner, column, sight)
        }
        _ => None,
    }
}

/// Both added; PostgreSQL's moments stand in front of spans.
fn sum(a: &Value, b: &Value) -> Option<Value> {
    plus(a, b, 1).or_else(|| plus(b, a, 1))
}

fn negative(value: &Value) -> Option<Value> {
    plus(&Value::Number(0.into()), value, -1)
}
