//! What an expression is worth.

use rand::RngCore;

use super::{EvalError, EvalProblem, Expr, Function, Node, Scalar, Var, hash, random};

/// Failures are rare and boxed, so that values stay small.
type Result_<T> = Result<T, Box<EvalProblem>>;

/// The value of an expression, with the variables of a client and its random numbers. Allocates nothing
/// unless it fails.
///
/// `debug(x)` is `x`; see [`eval_with_debug`] to hear of it.
///
/// # Errors
/// A variable is not set or not a number, a value has the wrong type or leaves its range, an integer is
/// divided by zero, or a random function or a permutation gets parameters that it cannot work with.
pub fn eval<R: RngCore>(expr: &Expr, vars: &[Var], rng: &mut R) -> Result<Var, EvalError> {
    eval_with_debug(expr, vars, rng, &mut |_| {})
}

/// As [`eval`], and `debug` gets the argument of each `debug(x)`.
///
/// # Errors
/// As for [`eval`].
pub fn eval_with_debug<R: RngCore>(
    expr: &Expr,
    vars: &[Var],
    rng: &mut R,
    debug: &mut dyn FnMut(Scalar),
) -> Result<Var, EvalError> {
    let mut evaluation = Evaluation { vars, rng, debug };
    let value = evaluation.node(&expr.root);
    value.map(Var::from).map_err(|problem| EvalError {
        line: expr.line,
        problem: *problem,
    })
}

/// Whether a condition holds: true, or a number other than zero. NULL does not.
#[must_use]
pub fn truth(value: &Var) -> bool {
    match value {
        Var::Bool(value) => *value,
        Var::Int(value) => *value != 0,
        Var::Double(value) => *value != 0.0,
        Var::Unset | Var::Null | Var::Text(_) => false,
    }
}

struct Evaluation<'a, R> {
    vars: &'a [Var],
    rng: &'a mut R,
    debug: &'a mut dyn FnMut(Scalar),
}

impl<R: RngCore> Evaluation<'_, R> {
    fn node(&mut self, node: &Node) -> Result_<Scalar> {
        match node {
            Node::Const(scalar) => Ok(*scalar),
            Node::Var { id, name } => {
                let var = self.vars.get(id.index()).unwrap_or(&Var::Unset);
                Ok(var.scalar(name)?)
            }
            Node::Call { function, args } => match function {
                Function::And => self.logical(args, false),
                Function::Or => self.logical(args, true),
                Function::Case => self.case(args),
                function => self.strict(*function, args),
            },
        }
    }

    /// AND and OR: the second argument is not looked at where the first is `decisive`, or NULL.
    fn logical(&mut self, args: &[Node], decisive: bool) -> Result_<Scalar> {
        for arg in args {
            match self.node(arg)? {
                Scalar::Null => return Ok(Scalar::Null),
                value if boolean(value)? == decisive => return Ok(Scalar::Bool(decisive)),
                _ => {}
            }
        }
        Ok(Scalar::Bool(!decisive))
    }

    fn case(&mut self, args: &[Node]) -> Result_<Scalar> {
        for pair in args.chunks(2) {
            match pair {
                [when, then] if truth(&self.node(when)?.into()) => return self.node(then),
                [otherwise] => return self.node(otherwise),
                _ => {}
            }
        }
        Ok(Scalar::Null)
    }

    /// A function that looks at all of its arguments first.
    fn strict(&mut self, function: Function, args: &[Node]) -> Result_<Scalar> {
        // Most have one or two, which then need no room for sixteen.
        match args {
            [only] => {
                let value = self.node(only)?;
                self.call(function, &[value])
            }
            [left, right] => {
                let values = [self.node(left)?, self.node(right)?];
                self.call(function, &values)
            }
            args => self.many(function, args),
        }
    }

    fn many(&mut self, function: Function, args: &[Node]) -> Result_<Scalar> {
        let mut values = [Scalar::Null; Function::MAX_ARGS];
        for (value, arg) in values.iter_mut().zip(args) {
            *value = self.node(arg)?;
        }
        self.call(function, &values[..args.len().min(Function::MAX_ARGS)])
    }

    /// A function of values; most are NULL if one of them is.
    fn call(&mut self, function: Function, values: &[Scalar]) -> Result_<Scalar> {
        match (function, values) {
            (Function::Debug, [value]) => {
                (self.debug)(*value);
                Ok(*value)
            }
            (Function::Is, [left, right]) => Ok(Scalar::Bool(left == right)),
            _ if values.iter().any(|value| matches!(value, Scalar::Null)) => Ok(Scalar::Null),
            (Function::Random, [lo, hi]) => {
                let (lo, hi) = range(*lo, *hi)?;
                Ok(Scalar::Int(random::uniform(self.rng, lo, hi)))
            }
            (
                Function::RandomExponential | Function::RandomGaussian | Function::RandomZipfian,
                [lo, hi, parameter],
            ) => self.shaped(function, *lo, *hi, *parameter),
            _ => apply(function, values),
        }
    }

    fn shaped(
        &mut self,
        function: Function,
        lo: Scalar,
        hi: Scalar,
        parameter: Scalar,
    ) -> Result_<Scalar> {
        let (lo, hi) = range(lo, hi)?;
        let parameter = double(parameter)?;
        let value = match function {
            Function::RandomGaussian if parameter >= 2.0 => {
                random::gaussian(self.rng, lo, hi, parameter)
            }
            Function::RandomGaussian => return Err(EvalProblem::Gaussian.into()),
            Function::RandomZipfian if (1.001..=1000.0).contains(&parameter) => {
                random::zipfian(self.rng, lo, hi, parameter)
            }
            Function::RandomZipfian => return Err(EvalProblem::Zipfian.into()),
            _ if parameter > 0.0 => random::exponential(self.rng, lo, hi, parameter),
            _ => return Err(EvalProblem::Exponential.into()),
        };
        Ok(Scalar::Int(value))
    }
}

/// Both ends of a random range.
fn range(lo: Scalar, hi: Scalar) -> Result_<(i64, i64)> {
    let (lo, hi) = (integer(lo)?, integer(hi)?);
    if lo > hi {
        return Err(EvalProblem::EmptyRange.into());
    }
    let count = hi.checked_sub(lo).and_then(|most| most.checked_add(1));
    match count {
        Some(_) => Ok((lo, hi)),
        None => Err(EvalProblem::RangeTooLarge.into()),
    }
}

/// A function of values that are not NULL, without side effects.
fn apply(function: Function, values: &[Scalar]) -> Result_<Scalar> {
    match (function, values) {
        (Function::Pi, []) => Ok(Scalar::Double(std::f64::consts::PI)),
        (_, [value]) if !matches!(function, Function::Least | Function::Greatest) => {
            unary(function, *value)
        }
        (Function::Least, _) => extreme(values, |new, old| new < old, |new, old| new < old),
        (Function::Greatest, _) => extreme(values, |new, old| new > old, |new, old| new > old),
        (Function::Pow, [base, exponent]) => {
            Ok(Scalar::Double(double(*base)?.powf(double(*exponent)?)))
        }
        (Function::HashFnv1a, [value, seed]) => {
            Ok(Scalar::Int(hash::fnv1a(integer(*value)?, integer(*seed)?)))
        }
        (Function::HashMurmur2, [value, seed]) => Ok(Scalar::Int(hash::murmur2(
            integer(*value)?,
            integer(*seed)?,
        ))),
        (Function::Permute, [value, size, seed]) => {
            let (value, size, seed) = (integer(*value)?, integer(*size)?, integer(*seed)?);
            if size <= 0 {
                return Err(EvalProblem::PermuteSize.into());
            }
            Ok(Scalar::Int(hash::permute(value, size, seed)))
        }
        (_, [left, right]) => match (left, right) {
            (Scalar::Double(_), _) | (_, Scalar::Double(_)) if takes_doubles(function) => {
                Ok(with_doubles(function, double(*left)?, double(*right)?))
            }
            _ => with_integers(function, integer(*left)?, integer(*right)?),
        },
        // The parser gives every function the arguments that it takes.
        _ => Ok(Scalar::Null),
    }
}

fn unary(function: Function, value: Scalar) -> Result_<Scalar> {
    Ok(match function {
        Function::Not => Scalar::Bool(!boolean(value)?),
        Function::Int => Scalar::Int(integer(value)?),
        Function::Abs => match value {
            Scalar::Int(value) => Scalar::Int(value.wrapping_abs()),
            value => {
                let value = double(value)?;
                Scalar::Double(if value < 0.0 { -value } else { value })
            }
        },
        Function::Sqrt => Scalar::Double(double(value)?.sqrt()),
        Function::Ln => Scalar::Double(double(value)?.ln()),
        Function::Exp => Scalar::Double(double(value)?.exp()),
        _ => Scalar::Double(double(value)?),
    })
}

/// The smallest or largest: of doubles if there is one, else of integers.
fn extreme(
    values: &[Scalar],
    double_beats: impl Fn(f64, f64) -> bool,
    integer_beats: impl Fn(i64, i64) -> bool,
) -> Result_<Scalar> {
    let doubles = values.iter().any(|v| matches!(v, Scalar::Double(_)));
    let Some((first, rest)) = values.split_first() else {
        return Ok(Scalar::Null);
    };
    if doubles {
        let mut best = double(*first)?;
        for value in rest {
            let value = double(*value)?;
            // As C's macro does: where the old one does not beat it, not a number included, the new
            // one is taken.
            best = if double_beats(best, value) {
                best
            } else {
                value
            };
        }
        return Ok(Scalar::Double(best));
    }
    let mut best = integer(*first)?;
    for value in rest {
        let value = integer(*value)?;
        best = if integer_beats(best, value) {
            best
        } else {
            value
        };
    }
    Ok(Scalar::Int(best))
}

/// Operators that are done with doubles where one side is a double.
fn takes_doubles(function: Function) -> bool {
    use Function::{Add, Div, Eq, Le, Lt, Mul, Ne, Sub};
    matches!(function, Add | Sub | Mul | Div | Eq | Ne | Le | Lt)
}

#[expect(clippy::float_cmp, reason = "the script asks for exactly this")]
fn with_doubles(function: Function, left: f64, right: f64) -> Scalar {
    match function {
        Function::Add => Scalar::Double(left + right),
        Function::Sub => Scalar::Double(left - right),
        Function::Mul => Scalar::Double(left * right),
        Function::Div => Scalar::Double(left / right),
        Function::Eq => Scalar::Bool(left == right),
        Function::Ne => Scalar::Bool(left != right),
        Function::Le => Scalar::Bool(left <= right),
        _ => Scalar::Bool(left < right),
    }
}

fn with_integers(function: Function, left: i64, right: i64) -> Result_<Scalar> {
    let checked = |value: Option<i64>, name| {
        value
            .map(Scalar::Int)
            .ok_or_else(|| EvalProblem::Overflow(name).into())
    };
    match function {
        Function::Add => checked(left.checked_add(right), "add"),
        Function::Sub => checked(left.checked_sub(right), "sub"),
        Function::Mul => checked(left.checked_mul(right), "mul"),
        Function::Div | Function::Mod if right == 0 => Err(EvalProblem::DivisionByZero.into()),
        Function::Div => checked(left.checked_div(right), "div"),
        Function::Mod => Ok(Scalar::Int(left.wrapping_rem(right))),
        Function::Eq => Ok(Scalar::Bool(left == right)),
        Function::Ne => Ok(Scalar::Bool(left != right)),
        Function::Le => Ok(Scalar::Bool(left <= right)),
        Function::Lt => Ok(Scalar::Bool(left < right)),
        Function::BitAnd => Ok(Scalar::Int(left & right)),
        Function::BitOr => Ok(Scalar::Int(left | right)),
        Function::BitXor => Ok(Scalar::Int(left ^ right)),
        // Only the lowest six bits of the distance count, as on the processors that pgbench runs on.
        Function::ShiftLeft => Ok(Scalar::Int(left.wrapping_shl(distance(right)))),
        _ => Ok(Scalar::Int(left.wrapping_shr(distance(right)))),
    }
}

fn distance(bits: i64) -> u32 {
    u32::try_from(bits & 63).unwrap_or(0)
}

fn coerce<T>(value: Scalar, to: &'static str) -> Result_<T> {
    let from = match value {
        Scalar::Null => "null",
        Scalar::Bool(_) => "boolean",
        Scalar::Int(_) => "int",
        Scalar::Double(_) => "double",
    };
    Err(EvalProblem::Coerce { from, to }.into())
}

fn boolean(value: Scalar) -> Result_<bool> {
    match value {
        Scalar::Bool(value) => Ok(value),
        other => coerce(other, "boolean"),
    }
}

fn double(value: Scalar) -> Result_<f64> {
    match value {
        Scalar::Double(value) => Ok(value),
        Scalar::Int(value) => Ok(value as f64),
        other => coerce(other, "double"),
    }
}

/// Doubles are rounded, halves to the even neighbour.
fn integer(value: Scalar) -> Result_<i64> {
    match value {
        Scalar::Int(value) => Ok(value),
        Scalar::Double(value) => {
            let rounded = value.round_ties_even();
            // -2^63 is a double, 2^63 is the first one above the range.
            let limit = i64::MIN as f64;
            if !(limit..-limit).contains(&rounded) {
                return Err(EvalProblem::DoubleToInt.into());
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number in the range"
            )]
            let value = rounded as i64;
            Ok(value)
        }
        other => coerce(other, "int"),
    }
}

#[cfg(test)]
mod tests;
