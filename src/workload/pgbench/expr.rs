//! An expression as a tree.

use std::fmt;
use std::sync::Arc;

use super::VarId;

/// An expression of `\set`, `\if` or `\elif`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// The tree.
    pub root: Node,
    /// Line of its command, from 1; run-time errors name it.
    pub line: usize,
}

/// A value while an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
}

/// A node of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A constant.
    Const(Scalar),
    /// A variable.
    Var {
        /// Its place.
        id: VarId,
        /// Its name.
        name: Arc<str>,
    },
    /// A function or operator.
    Call {
        /// Which one.
        function: Function,
        /// As many as it takes, at most [`Function::MAX_ARGS`] unless it is a CASE.
        args: Box<[Node]>,
    },
}

/// Functions and operators. `a > b` is `b < a`, `-a` is `0 - a`, `~a` is `-1 # a`, as in pgbench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is called as pgbench calls it")]
pub enum Function {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Eq,
    Ne,
    Le,
    Lt,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    And,
    Or,
    Not,
    Is,
    Case,
    Abs,
    Debug,
    Double,
    Exp,
    Greatest,
    HashFnv1a,
    HashMurmur2,
    Int,
    Least,
    Ln,
    Permute,
    Pi,
    Pow,
    Random,
    RandomExponential,
    RandomGaussian,
    RandomZipfian,
    Sqrt,
}

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arity {
    /// Exactly so many.
    Exactly(usize),
    /// At least one.
    AtLeastOne,
    /// So many, and one more that is `:default_seed` where it is left out.
    Seeded(usize),
}

impl Function {
    /// Most arguments that a call may have.
    pub const MAX_ARGS: usize = 16;

    /// The function with this name, in any case.
    pub(super) fn named(name: &str) -> Option<(Self, Arity)> {
        use Arity::{AtLeastOne, Exactly, Seeded};
        let lower = name.to_ascii_lowercase();
        Some(match lower.as_str() {
            "abs" => (Self::Abs, Exactly(1)),
            "debug" => (Self::Debug, Exactly(1)),
            "double" => (Self::Double, Exactly(1)),
            "exp" => (Self::Exp, Exactly(1)),
            "greatest" => (Self::Greatest, AtLeastOne),
            "hash" | "hash_murmur2" => (Self::HashMurmur2, Seeded(1)),
            "hash_fnv1a" => (Self::HashFnv1a, Seeded(1)),
            "int" => (Self::Int, Exactly(1)),
            "least" => (Self::Least, AtLeastOne),
            "ln" => (Self::Ln, Exactly(1)),
            "mod" => (Self::Mod, Exactly(2)),
            "permute" => (Self::Permute, Seeded(2)),
            "pi" => (Self::Pi, Exactly(0)),
            "pow" | "power" => (Self::Pow, Exactly(2)),
            "random" => (Self::Random, Exactly(2)),
            "random_exponential" => (Self::RandomExponential, Exactly(3)),
            "random_gaussian" => (Self::RandomGaussian, Exactly(3)),
            "random_zipfian" => (Self::RandomZipfian, Exactly(3)),
            "sqrt" => (Self::Sqrt, Exactly(1)),
            _ => return None,
        })
    }

    /// How it is written: between its arguments, or before their parentheses.
    fn spelling(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Le => "<=",
            Self::Lt => "<",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "#",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Not => "NOT",
            Self::Is => "IS",
            Self::Case => "CASE",
            Self::Abs => "abs",
            Self::Debug => "debug",
            Self::Double => "double",
            Self::Exp => "exp",
            Self::Greatest => "greatest",
            Self::HashFnv1a => "hash_fnv1a",
            Self::HashMurmur2 => "hash_murmur2",
            Self::Int => "int",
            Self::Least => "least",
            Self::Ln => "ln",
            Self::Permute => "permute",
            Self::Pi => "pi",
            Self::Pow => "pow",
            Self::Random => "random",
            Self::RandomExponential => "random_exponential",
            Self::RandomGaussian => "random_gaussian",
            Self::RandomZipfian => "random_zipfian",
            Self::Sqrt => "sqrt",
        }
    }

    fn is_operator(self) -> bool {
        use Function::{
            Add, And, BitAnd, BitOr, BitXor, Div, Eq, Is, Le, Lt, Mod, Mul, Ne, Or, ShiftLeft,
            ShiftRight, Sub,
        };
        matches!(
            self,
            Add | Sub
                | Mul
                | Div
                | Mod
                | Eq
                | Ne
                | Le
                | Lt
                | BitAnd
                | BitOr
                | BitXor
                | ShiftLeft
                | ShiftRight
                | And
                | Or
                | Is
        )
    }
}

impl Expr {
    /// Variables that it names, in order, with repetitions.
    #[must_use]
    pub fn variables(&self) -> Vec<VarId> {
        fn walk(node: &Node, found: &mut Vec<VarId>) {
            match node {
                Node::Const(_) => {}
                Node::Var { id, .. } => found.push(*id),
                Node::Call { args, .. } => args.iter().for_each(|arg| walk(arg, found)),
            }
        }
        let mut found = Vec::new();
        walk(&self.root, &mut found);
        found
    }
}

/// Written with every parenthesis, so that it reads the same again.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(true) => f.write_str("TRUE"),
            Self::Bool(false) => f.write_str("FALSE"),
            Self::Int(value) => write!(f, "{value}"),
            // The shortest form that reads as the same double, and never as an integer.
            Self::Double(value) => write!(f, "{value:?}"),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(scalar) => scalar.fmt(f),
            Self::Var { name, .. } => write!(f, ":{name}"),
            Self::Call { function, args } => match (function, &args[..]) {
                (Function::Case, args) => write_case(f, args),
                (Function::BitXor, [Self::Const(Scalar::Int(-1)), arg]) => write!(f, "(~ {arg})"),
                (Function::Not, [arg]) => write!(f, "(NOT {arg})"),
                (operator, [left, right]) if operator.is_operator() => {
                    write!(f, "({left} {} {right})", operator.spelling())
                }
                (function, args) => {
                    write!(f, "{}(", function.spelling())?;
                    for (index, arg) in args.iter().enumerate() {
                        let comma = if index == 0 { "" } else { ", " };
                        write!(f, "{comma}{arg}")?;
                    }
                    f.write_str(")")
                }
            },
        }
    }
}

fn write_case(f: &mut fmt::Formatter<'_>, args: &[Node]) -> fmt::Result {
    f.write_str("CASE")?;
    for pair in args.chunks(2) {
        match pair {
            [when, then] => write!(f, " WHEN {when} THEN {then}")?,
            [otherwise] => write!(f, " ELSE {otherwise}")?,
            _ => {}
        }
    }
    f.write_str(" END")
}
