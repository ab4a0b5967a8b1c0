//! CASE: which value it has under which conditions.

use pg_query::NodeEnum;
use pg_query::protobuf::{CaseExpr, Node};

use super::compute;
use super::eval;
use super::formula::{Comparison, Formula, Term};
use super::functions;
use super::read::{self, two};
use super::scope::Scope;
use super::terms;
use super::value::{Kind, Value};

/// Ways in which a comparison may come out, above which it is given up (ours): six CASEs of two values have 64.
const MOST: usize = 64;

/// What something is, and the conditions that must all be true for that.
type Outcome<T> = (Vec<Formula>, T);

/// `CASE WHEN a THEN b ELSE c END` of conditions: a and b, or not a and c.
pub(super) fn condition(case: &CaseExpr, scope: &Scope<'_>) -> Result<Formula, String> {
    let arms = arms(case, scope, Formula::Constant(None), read::read)?;
    let all = |(mut given, result): Outcome<Formula>| {
        given.push(result);
        Formula::And(given)
    };
    Ok(Formula::Or(arms.into_iter().map(all).collect()))
}

/// The results of a CASE; `otherwise` is what it is without ELSE.
fn arms<T>(
    case: &CaseExpr,
    scope: &Scope<'_>,
    otherwise: T,
    result: impl Fn(&Node, &Scope<'_>) -> Result<T, String>,
) -> Result<Vec<Outcome<T>>, String> {
    let (mut arms, mut before) = (Vec::new(), Vec::new());
    for when in &case.args {
        let Some(NodeEnum::CaseWhen(when)) = &when.node else {
            return Err("a CASE of this form is not understood".to_owned());
        };
        let asked = when.expr.as_ref().ok_or("it is empty")?;
        let met = match &case.arg {
            Some(subject) => two(
                Comparison::Equal,
                terms::read(subject, scope)?,
                terms::read(asked, scope)?,
            )?,
            None => read::read(asked, scope)?,
        };
        let is = |not| Formula::Is {
            inner: Box::new(met.clone()),
            truth: true,
            not,
        };
        let mut given = before.clone();
        given.push(is(false));
        let then = when.result.as_ref().ok_or("it is empty")?;
        arms.push((given, result(then, scope)?));
        before.push(is(true));
    }
    let last = match &case.defresult {
        Some(node) => result(node, scope)?,
        None => otherwise,
    };
    arms.push((before, last));
    Ok(arms)
}

/// It is a CASE, or computed from one.
pub(super) fn is_in(node: &Node) -> bool {
    match &node.node {
        Some(NodeEnum::CaseExpr(_)) => true,
        Some(NodeEnum::AExpr(computed)) => {
            let sides = [computed.lexpr.as_deref(), computed.rexpr.as_deref()];
            sides.into_iter().flatten().any(is_in)
        }
        _ => false,
    }
}

/// A comparison of values that depend on conditions: one of the ways in which it is true.
pub(super) fn compared(
    comparison: Comparison,
    left: &Node,
    right: &Node,
    scope: &Scope<'_>,
) -> Result<Formula, String> {
    let mut ways = Vec::new();
    for (given, (left, right)) in pairs(left, right, scope)? {
        let known = constant(&left).zip(constant(&right));
        let known = known.and_then(|(left, right)| eval::compared(comparison, &left, &right).ok());
        let met = match known {
            Some(truth) => Formula::Constant(Some(truth)),
            None => two(comparison, left, right)?,
        };
        match met {
            Formula::Constant(Some(false)) => {}
            Formula::Constant(Some(true)) => ways.push(Formula::And(given)),
            met => ways.push(Formula::And([given, vec![met]].concat())),
        }
    }
    match ways.pop() {
        Some(only) if ways.is_empty() => Ok(only),
        last => {
            ways.extend(last);
            Ok(Formula::Or(ways))
        }
    }
}

fn pairs(
    left: &Node,
    right: &Node,
    scope: &Scope<'_>,
) -> Result<Vec<Outcome<(Term, Term)>>, String> {
    let (left, right) = (outcomes(left, scope)?, outcomes(right, scope)?);
    if left.len() * right.len() > MOST {
        return Err("it has too many CASEs".to_owned());
    }
    let with = |(given, one): &Outcome<Term>| {
        let pair = |(also, other): &Outcome<Term>| {
            let both = [given.clone(), also.clone()].concat();
            (both, (one.clone(), other.clone()))
        };
        right.iter().map(pair).collect::<Vec<_>>()
    };
    Ok(left.iter().flat_map(with).collect())
}

fn outcomes(node: &Node, scope: &Scope<'_>) -> Result<Vec<Outcome<Term>>, String> {
    match &node.node {
        Some(NodeEnum::CaseExpr(case)) => {
            let null = terms::constant_of(None, Kind::Other);
            arms(case, scope, null, terms::read)
        }
        Some(NodeEnum::AExpr(computed)) if is_in(node) => {
            let (Some(left), Some(right)) = (&computed.lexpr, &computed.rexpr) else {
                return Err("a CASE of this form is not understood".to_owned());
            };
            let operator = terms::last_name(&computed.name).unwrap_or_default();
            let pairs = pairs(left, right, scope)?.into_iter();
            pairs
                .map(|(given, (left, right))| {
                    Ok((given, functions::binary(operator, left, right, scope)?))
                })
                .collect()
        }
        _ => Ok(vec![(Vec::new(), terms::read(node, scope)?)]),
    }
}

/// What a term of constants is.
fn constant(term: &Term) -> Option<Value> {
    match term {
        Term::Column(..) => None,
        Term::Constant { value, .. } => value.clone(),
        Term::Call(function, kind, arguments) => {
            let values = arguments.iter().map(constant).collect::<Option<Vec<_>>>()?;
            compute::call(*function, *kind, &values).ok()?
        }
    }
}
