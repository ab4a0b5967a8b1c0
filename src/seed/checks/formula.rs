//! Expressions as far as they are understood: what may be true of a row, and what is computed from it.

use regex::Regex;

use super::value::{Kind, Value};

/// Something that is computed from a row.
#[derive(Debug, Clone)]
pub(super) enum Term {
    /// A column by its place.
    Column(usize, Kind),
    /// A constant; without a value it is null. The text is what the literal said.
    Constant {
        text: Option<String>,
        value: Option<Value>,
        kind: Kind,
    },
    /// A function or an operator of others.
    Call(Function, Kind, Vec<Term>),
}

/// What is understood of functions and operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// Of integers: what is left over is dropped.
    DivideWhole,
    Modulo,
    Negate,
    Absolute,
    /// To a number of digits, 0 without a second argument.
    Round,
    Truncate,
    Floor,
    Ceiling,
    Greatest,
    Least,
    Coalesce,
    Concatenate,
    Lower,
    Upper,
    Trim,
    TrimLeft,
    TrimRight,
    /// In characters; of what is no text in bytes.
    Length,
    Octets,
    CountNonNulls,
    CountNulls,
    /// To another kind of value.
    Cast,
    Year,
    Month,
    IsFinite,
    RangeIsEmpty,
    RangeHasNoLower,
    RangeHasNoUpper,
    /// Elements of an array.
    Cardinality,
    /// The first dimension's; null of an empty array.
    ArrayLength,
    JsonType,
    JsonbType,
    /// The moment at which it is asked.
    Now,
}

/// How two things are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "=" => Self::Equal,
            "<>" | "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// True where this one is false.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// The same with its sides exchanged.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// It orders its sides.
    pub(super) fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// Something that is true, false or unknown of a row.
#[derive(Debug, Clone)]
pub(super) enum Formula {
    Constant(Option<bool>),
    Compare(Comparison, Term, Term),
    /// Text that a pattern finds something in, or nothing.
    Matches {
        term: Term,
        pattern: Pattern,
        found: bool,
    },
    /// `IS NULL`, or with false `IS NOT NULL`.
    Null(Term, bool),
    /// It is known and true (or false), or with `not` it is not that.
    Is {
        inner: Box<Formula>,
        truth: bool,
        not: bool,
    },
    And(Vec<Formula>),
    Or(Vec<Formula>),
}

/// A regular expression as PostgreSQL writes it, and as it is tried here.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) source: String,
    pub(super) regex: Regex,
    /// It finds all that the server's finds, and not a part of that.
    pub(super) whole: bool,
}

impl Term {
    /// The kind of its values.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Column(_, kind) | Self::Constant { kind, .. } | Self::Call(_, kind, _) => *kind,
        }
    }

    /// Calls `seen` for every column in it.
    pub(super) fn each_column(&self, seen: &mut impl FnMut(usize)) {
        match self {
            Self::Column(column, _) => seen(*column),
            Self::Constant { .. } => {}
            Self::Call(_, _, arguments) => {
                for argument in arguments {
                    argument.each_column(seen);
                }
            }
        }
    }

    /// A column by itself.
    pub(super) fn column(&self) -> Option<usize> {
        match self {
            Self::Column(column, _) => Some(*column),
            _ => None,
        }
    }

    /// A constant by itself.
    pub(super) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant { .. })
    }

    /// The columns in it, each once, in their order.
    pub(super) fn columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        self.each_column(&mut |column| columns.push(column));
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

impl Formula {
    /// The opposite: true where this is false, unknown where this is unknown.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Constant(truth) => Self::Constant(truth.map(|truth| !truth)),
            Self::Compare(comparison, left, right) => {
                Self::Compare(comparison.negated(), left, right)
            }
            Self::Matches {
                term,
                pattern,
                found,
            } => Self::Matches {
                term,
                pattern,
                found: !found,
            },
            Self::Null(term, null) => Self::Null(term, !null),
            Self::Is { inner, truth, not } => Self::Is {
                inner,
                truth,
                not: !not,
            },
            Self::And(parts) => Self::Or(parts.into_iter().map(Self::negated).collect()),
            Self::Or(parts) => Self::And(parts.into_iter().map(Self::negated).collect()),
        }
    }

    /// Both are true, or both are false; unknown where one is.
    pub(super) fn same(self, other: Self) -> Self {
        let neither = Self::And(vec![self.clone().negated(), other.clone().negated()]);
        Self::Or(vec![Self::And(vec![self, other]), neither])
    }

    /// Calls `seen` for every term in it.
    pub(super) fn each_term<'f>(&'f self, seen: &mut impl FnMut(&'f Term)) {
        match self {
            Self::Constant(_) => {}
            Self::Compare(_, left, right) => {
                seen(left);
                seen(right);
            }
            Self::Matches { term, .. } | Self::Null(term, _) => seen(term),
            Self::Is { inner, .. } => inner.each_term(seen),
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.each_term(seen);
                }
            }
        }
    }

    /// The columns in it, each once, in their order.
    pub(super) fn columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        self.each_term(&mut |term| term.each_column(&mut |column| columns.push(column)));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The parts that must each hold.
    pub(super) fn conjuncts(self) -> Vec<Self> {
        match self {
            Self::And(parts) => parts.into_iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }
}
