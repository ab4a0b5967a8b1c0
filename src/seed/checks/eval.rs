//! What formulas and terms are of a row.

use std::cmp::Ordering;

use super::compute;
use super::formula::{Comparison, Formula, Function, Term};
use super::rules::Cells;
use super::value::{Kind, Value};
use crate::seed::schema::Type;

/// It cannot be said what the server would find, such as where numbers become too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsure;

/// What is known.
pub(super) type Known<T> = Result<T, Unsure>;

/// A row, with the types of its columns.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) types: &'a [(Type, Kind)],
    pub(super) cells: &'a dyn Cells,
}

impl Sight<'_> {
    /// A column's value, or null.
    pub(super) fn column(&self, column: usize) -> Known<Option<Value>> {
        let Some(bytes) = self.cells.bytes(column) else {
            return Ok(None);
        };
        let (type_, kind) = self.types.get(column).ok_or(Unsure)?;
        Value::read(type_, *kind, bytes).map(Some).ok_or(Unsure)
    }

    /// What a term is.
    pub(super) fn term(&self, term: &Term) -> Known<Option<Value>> {
        match term {
            Term::Column(column, _) => self.column(*column),
            Term::Constant { text: None, .. } => Ok(None),
            Term::Constant { value, .. } => value.clone().map(Some).ok_or(Unsure),
            Term::Call(Function::CountNulls, _, arguments) => self.count(arguments, true),
            Term::Call(Function::CountNonNulls, _, arguments) => self.count(arguments, false),
            Term::Call(Function::Coalesce, _, arguments) => {
                for argument in arguments {
                    if let Some(value) = self.term(argument)? {
                        return Ok(Some(value));
                    }
                }
                Ok(None)
            }
            Term::Call(function @ (Function::Greatest | Function::Least), _, arguments) => {
                self.extreme(arguments, *function == Function::Greatest)
            }
            Term::Call(function, kind, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    match self.term(argument)? {
                        Some(value) => values.push(value),
                        None => return Ok(None),
                    }
                }
                compute::call(*function, *kind, &values)
            }
        }
    }

    fn is_null(&self, term: &Term) -> Known<bool> {
        match term {
            Term::Column(column, _) => Ok(self.cells.bytes(*column).is_none()),
            other => Ok(self.term(other)?.is_none()),
        }
    }

    fn count(&self, arguments: &[Term], null: bool) -> Known<Option<Value>> {
        let mut count = 0_i64;
        for argument in arguments {
            count += i64::from(self.is_null(argument)? == null);
        }
        Ok(Some(Value::Number(count.into())))
    }

    fn extreme(&self, arguments: &[Term], greatest: bool) -> Known<Option<Value>> {
        let mut best: Option<Value> = None;
        for argument in arguments {
            let Some(value) = self.term(argument)? else {
                continue;
            };
            let better = match &best {
                None => true,
                Some(best) => {
                    let order = value.compare(best).ok_or(Unsure)?;
                    order
                        == if greatest {
                            Ordering::Greater
                        } else {
                            Ordering::Less
                        }
                }
            };
            if better {
                best = Some(value);
            }
        }
        Ok(best)
    }

    /// True, false or unknown (a null) of the row.
    pub(super) fn formula(&self, formula: &Formula) -> Known<Option<bool>> {
        match formula {
            Formula::Constant(truth) => Ok(*truth),
            Formula::Compare(comparison, left, right) => {
                match (self.term(left)?, self.term(right)?) {
                    (Some(left), Some(right)) => compared(*comparison, &left, &right).map(Some),
                    _ => Ok(None),
                }
            }
            Formula::Matches {
                term,
                pattern,
                found,
            } => match self.term(term)? {
                None => Ok(None),
                Some(Value::Text(text)) => Ok(Some(pattern.regex.is_match(&text) == *found)),
                Some(_) => Err(Unsure),
            },
            Formula::Null(term, null) => Ok(Some(self.is_null(term)? == *null)),
            Formula::Is { inner, truth, not } => {
                Ok(Some((self.formula(inner)? == Some(*truth)) != *not))
            }
            Formula::And(parts) => self.all(parts, false),
            Formula::Or(parts) => self.all(parts, true),
        }
    }

    /// `decides` where one part is that, whatever the others are.
    fn all(&self, parts: &[Formula], decides: bool) -> Known<Option<bool>> {
        let (mut unknown, mut unsure) = (false, false);
        for part in parts {
            match self.formula(part) {
                Ok(Some(truth)) if truth == decides => return Ok(Some(decides)),
                Ok(Some(_)) => {}
                Ok(None) => unknown = true,
                Err(Unsure) => unsure = true,
            }
        }
        match (unsure, unknown) {
            (true, _) => Err(Unsure),
            (_, true) => Ok(None),
            _ => Ok(Some(!decides)),
        }
    }

    /// A check of this passes: it is true or unknown. What cannot be said does not pass.
    pub(super) fn passes(&self, formula: &Formula) -> bool {
        matches!(self.formula(formula), Ok(Some(true) | None))
    }
}

/// Whether two values compare so.
pub(super) fn compared(comparison: Comparison, left: &Value, right: &Value) -> Known<bool> {
    match comparison {
        Comparison::Equal => left.equals(right).ok_or(Unsure),
        Comparison::NotEqual => left.equals(right).map(|equal| !equal).ok_or(Unsure),
        _ => {
            let order = left.compare(right).ok_or(Unsure)?;
            Ok(match comparison {
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
                Comparison::Greater => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}
