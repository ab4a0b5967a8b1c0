//! The value of a variable.

use std::fmt;
use std::sync::Arc;

use super::{EvalProblem, Scalar, g15};
use crate::workload::Value;

/// The value of a variable. Numbers need no allocation.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Var {
    /// Nothing has set it: an expression that needs it fails, a statement gets NULL.
    #[default]
    Unset,
    /// NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Text of `-D`, or of a column of a result. An expression takes it for what it looks like.
    Text(Arc<str>),
}

impl Var {
    /// The value of `-D NAME=VALUE`, or of a column of a result as text. What PostgreSQL would print
    /// for an integer is stored as one.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text.parse::<i64>() {
            Ok(number) if canonical(text) => Self::Int(number),
            _ => Self::Text(text.into()),
        }
    }

    /// The value of a column for `\gset` and `\aset`: as pgbench has it, NULL is the empty text.
    #[must_use]
    pub fn from_column(column: Option<&str>) -> Self {
        Self::from_text(column.unwrap_or_default())
    }

    /// The value as pgbench prints it: doubles with 15 digits. `None` for NULL and for what is not set.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Unset | Self::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// The number at its front, as `\sleep` reads it: what follows does not matter.
    pub(super) fn leading_integer(&self) -> Option<i64> {
        let text = self.to_string();
        let text = text.trim_start();
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let length = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        if length == 0 {
            return None;
        }
        let limit = if text.starts_with('-') {
            i64::MIN
        } else {
            i64::MAX
        };
        let sign = text.len() - digits.len();
        Some(text[..sign + length].parse().unwrap_or(limit))
    }

    /// The value as an expression sees it.
    pub(super) fn scalar(&self, name: &str) -> Result<Scalar, EvalProblem> {
        match self {
            Self::Unset => Err(EvalProblem::Undefined(name.to_owned())),
            Self::Null => Ok(Scalar::Null),
            Self::Bool(value) => Ok(Scalar::Bool(*value)),
            Self::Int(value) => Ok(Scalar::Int(*value)),
            Self::Double(value) => Ok(Scalar::Double(*value)),
            Self::Text(text) => typed(text, name),
        }
    }
}

/// Whether this is how an integer is printed, so that storing it as one loses nothing.
fn canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits == "0" && digits.len() == text.len()
        || digits.starts_with(|c: char| ('1'..='9').contains(&c))
}

/// What a text looks like to pgbench: null, a boolean by any beginning of its name, an integer, a
/// double; in this order.
fn typed(text: &str, name: &str) -> Result<Scalar, EvalProblem> {
    let begins = |word: &str| {
        let start = word.get(..text.len());
        !text.is_empty() && start.is_some_and(|start| start.eq_ignore_ascii_case(text))
    };
    let is = |word: &str| word.eq_ignore_ascii_case(text);
    if is("null") {
        return Ok(Scalar::Null);
    }
    if begins("true") || begins("yes") || is("on") {
        return Ok(Scalar::Bool(true));
    }
    if begins("false") || begins("no") || is("off") || is("of") {
        return Ok(Scalar::Bool(false));
    }
    let number = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let parsed = number.parse().map(Scalar::Int);
        return parsed.map_err(|_| EvalProblem::IntegerRange(name.to_owned()));
    }
    match number.parse::<f64>() {
        Ok(value) if !g15::out_of_range(number, value) => Ok(Scalar::Double(value)),
        _ => Err(EvalProblem::Malformed(name.to_owned())),
    }
}

impl fmt::Display for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => Ok(()),
            Self::Null => f.write_str("NULL"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Double(value) => g15::write(f, *value),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<Scalar> for Var {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Int(value) => Self::Int(value),
            Scalar::Double(value) => Self::Double(value),
        }
    }
}

impl From<&Var> for Value {
    /// The parameter that a statement gets: text as pgbench prints it, except for whole numbers.
    fn from(var: &Var) -> Self {
        match var {
            Var::Unset | Var::Null => Self::Null,
            Var::Int(value) => Self::Int(*value),
            Var::Text(text) => Self::Text(Arc::clone(text)),
            Var::Bool(_) | Var::Double(_) => Self::Text(var.to_string().into()),
        }
    }
}
