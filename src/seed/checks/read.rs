//! Expressions into formulas, by PostgreSQL's own parser. The error is the reason why one is not understood.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AExpr, AExprKind, BoolExprType, BoolTestType, BooleanTest, Node, NullTestType,
};

use super::cases;
use super::formula::{Comparison, Formula, Function, Pattern, Term};
use super::patterns;
use super::scope::Scope;
use super::terms;
use super::value::{Kind, Value};

/// An expression as a formula over the columns of a scope.
pub(super) fn formula(expression: &str, scope: &Scope<'_>) -> Result<Formula, String> {
    read(&parsed(expression)?, scope)
}

/// An expression that is a value.
pub(super) fn term(expression: &str, scope: &Scope<'_>) -> Result<Term, String> {
    terms::read(&parsed(expression)?, scope)
}

/// Those parts of an expression's outermost AND that are understood.
pub(super) fn understood(expression: &str, scope: &Scope<'_>) -> Vec<Formula> {
    let Ok(node) = parsed(expression) else {
        return Vec::new();
    };
    let Some(NodeEnum::BoolExpr(all)) = &node.node else {
        return Vec::new();
    };
    if all.boolop != BoolExprType::AndExpr as i32 {
        return Vec::new();
    }
    let parts = all.args.iter().filter_map(|part| read(part, scope).ok());
    parts.flat_map(Formula::conjuncts).collect()
}

/// An expression as PostgreSQL's parser reads it.
pub(crate) fn parsed(expression: &str) -> Result<Node, String> {
    let unread = || "it does not parse".to_owned();
    let sql = format!("SELECT WHERE {expression}");
    let parsed = pg_query::parse(&sql, pg_query::ParserOptions::DEFAULT).map_err(|_| unread())?;
    let statement = parsed.protobuf.stmts.into_iter().next();
    let node = statement.and_then(|statement| statement.stmt?.node);
    let Some(NodeEnum::SelectStmt(select)) = node else {
        return Err(unread());
    };
    select.where_clause.map(|node| *node).ok_or_else(unread)
}

pub(super) fn read(node: &Node, scope: &Scope<'_>) -> Result<Formula, String> {
    match node.node.as_ref().ok_or("it is empty")? {
        NodeEnum::BoolExpr(expression) => {
            let parts = expression.args.iter().map(|part| read(part, scope));
            let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
            match BoolExprType::try_from(expression.boolop) {
                Ok(BoolExprType::AndExpr) => Ok(Formula::And(parts)),
                Ok(BoolExprType::OrExpr) => Ok(Formula::Or(parts)),
                _ => Ok(parts.pop().ok_or("it is empty")?.negated()),
            }
        }
        NodeEnum::NullTest(test) => {
            let null = test.nulltesttype == NullTestType::IsNull as i32;
            let inner = test.arg.as_ref().ok_or("it is empty")?;
            Ok(Formula::Null(terms::read(inner, scope)?, null))
        }
        NodeEnum::BooleanTest(test) => truth(test, scope),
        NodeEnum::CaseExpr(case) => cases::condition(case, scope),
        NodeEnum::AExpr(expression) => compared(expression, scope),
        _ => flag(node, scope),
    }
}

/// A term that is true or false by itself.
fn flag(node: &Node, scope: &Scope<'_>) -> Result<Formula, String> {
    let term = terms::read(node, scope)?;
    if let Term::Constant { text, value, .. } = &term {
        return match (text, value) {
            (None, _) => Ok(Formula::Constant(None)),
            (_, Some(Value::Flag(truth))) => Ok(Formula::Constant(Some(*truth))),
            _ => Err("a constant in it is no truth value".to_owned()),
        };
    }
    if term.kind() != Kind::Flag {
        return Err("a part of it is no truth value that is known".to_owned());
    }
    let truth = Term::Constant {
        text: Some("true".to_owned()),
        value: Some(Value::Flag(true)),
        kind: Kind::Flag,
    };
    Ok(Formula::Compare(Comparison::Equal, term, truth))
}

fn truth(test: &BooleanTest, scope: &Scope<'_>) -> Result<Formula, String> {
    let inner = read(test.arg.as_ref().ok_or("it is empty")?, scope)?;
    let is = |truth, not| {
        let inner = Box::new(inner.clone());
        Formula::Is { inner, truth, not }
    };
    Ok(match BoolTestType::try_from(test.booltesttype) {
        Ok(BoolTestType::IsTrue) => is(true, false),
        Ok(BoolTestType::IsNotTrue) => is(true, true),
        Ok(BoolTestType::IsFalse) => is(false, false),
        Ok(BoolTestType::IsNotFalse) => is(false, true),
        Ok(BoolTestType::IsUnknown) => Formula::And(vec![is(true, true), is(false, true)]),
        _ => Formula::Or(vec![is(true, false), is(false, false)]),
    })
}

fn compared(expression: &AExpr, scope: &Scope<'_>) -> Result<Formula, String> {
    let operator = terms::last_name(&expression.name).unwrap_or_default();
    let left = expression.lexpr.as_deref();
    let right = expression.rexpr.as_deref();
    let (Some(left), Some(right)) = (left, right) else {
        return Err(format!("the operator {operator} is not understood"));
    };
    match AExprKind::try_from(expression.kind) {
        Ok(AExprKind::AexprOp) => operation(operator, left, right, scope),
        Ok(AExprKind::AexprOpAny) => each(operator, left, right, true, scope),
        Ok(AExprKind::AexprOpAll) => each(operator, left, right, false, scope),
        Ok(AExprKind::AexprIn) => each(operator, left, right, operator == "=", scope),
        Ok(AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar) => {
            matches(operator, left, right, scope)
        }
        Ok(AExprKind::AexprBetween) => between(left, right, scope),
        Ok(AExprKind::AexprNotBetween) => Ok(between(left, right, scope)?.negated()),
        Ok(AExprKind::AexprDistinct) => distinct(left, right, scope),
        Ok(AExprKind::AexprNotDistinct) => Ok(distinct(left, right, scope)?.negated()),
        _ => Err(format!("the operator {operator} is not understood")),
    }
}

fn operation(
    operator: &str,
    left: &Node,
    right: &Node,
    scope: &Scope<'_>,
) -> Result<Formula, String> {
    if matches!(operator, "=" | "<>") && (is_condition(left) || is_condition(right)) {
        let same = read(left, scope)?.same(read(right, scope)?);
        return Ok(if operator == "=" {
            same
        } else {
            same.negated()
        });
    }
    match Comparison::of(operator) {
        Some(comparison) if cases::is_in(left) || cases::is_in(right) => {
            cases::compared(comparison, left, right, scope)
        }
        Some(comparison) => two(
            comparison,
            terms::read(left, scope)?,
            terms::read(right, scope)?,
        ),
        None if patterns::is_operator(operator) => matches(operator, left, right, scope),
        None => Err(format!("the operator {operator} is not understood")),
    }
}

/// A comparison; a constant that says no type is taken for one of the other side's.
pub(super) fn two(comparison: Comparison, left: Term, right: Term) -> Result<Formula, String> {
    let (left, right) = (terms::like(left, &right), right);
    let right = terms::like(right, &left);
    let (a, b) = (left.kind(), right.kind());
    let constant = left.is_constant() || right.is_constant();
    if comparison.orders() && !a.is_ordered() && !constant {
        return Err("it orders values whose order is not known here".to_owned());
    }
    if !terms::comparable(a, b) {
        return Err("it compares values of types that are not understood together".to_owned());
    }
    Ok(Formula::Compare(comparison, left, right))
}

/// `= ANY (ARRAY[…])`, `<> ALL (…)`, IN.
fn each(
    operator: &str,
    left: &Node,
    right: &Node,
    any: bool,
    scope: &Scope<'_>,
) -> Result<Formula, String> {
    let parts = terms::elements(right, scope)?.into_iter().map(|element| {
        let comparison = Comparison::of(operator);
        match (comparison, &element) {
            (Some(comparison), _) => two(comparison, terms::read(left, scope)?, element),
            (
                None,
                Term::Constant {
                    text: Some(text), ..
                },
            ) if patterns::is_operator(operator) => {
                matched(operator, terms::read(left, scope)?, text)
            }
            _ => Err(format!("the operator {operator} is not understood")),
        }
    });
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    Ok(if any {
        Formula::Or(parts)
    } else {
        Formula::And(parts)
    })
}

fn between(left: &Node, right: &Node, scope: &Scope<'_>) -> Result<Formula, String> {
    let ends = terms::elements(right, scope)?;
    let [low, high] = <[Term; 2]>::try_from(ends).map_err(|_| "BETWEEN needs two ends")?;
    let value = terms::read(left, scope)?;
    Ok(Formula::And(vec![
        two(Comparison::GreaterOrEqual, value.clone(), low)?,
        two(Comparison::LessOrEqual, value, high)?,
    ]))
}

fn distinct(left: &Node, right: &Node, scope: &Scope<'_>) -> Result<Formula, String> {
    let (left, right) = (terms::read(left, scope)?, terms::read(right, scope)?);
    let null = |term: &Term, null| Formula::Null(term.clone(), null);
    let differ = Formula::Is {
        inner: Box::new(two(Comparison::NotEqual, left.clone(), right.clone())?),
        truth: true,
        not: false,
    };
    Ok(Formula::Or(vec![
        Formula::And(vec![null(&left, true), null(&right, false)]),
        Formula::And(vec![null(&left, false), null(&right, true)]),
        differ,
    ]))
}

fn matches(
    operator: &str,
    left: &Node,
    right: &Node,
    scope: &Scope<'_>,
) -> Result<Formula, String> {
    let term = terms::read(left, scope)?;
    let padded_to = padded_to(left, scope).map(|characters| (term.clone(), characters));
    let matched = if let Some(similar) = terms::similar(right, scope) {
        let operator = if operator.starts_with('!') {
            "!similar"
        } else {
            "similar"
        };
        matched(operator, term, &similar)?
    } else {
        match terms::read(right, scope)? {
            Term::Constant {
                text: Some(text), ..
            } => matched(operator, term, &text)?,
            _ => return Err("its pattern is no constant".to_owned()),
        }
    };
    Ok(match padded_to {
        Some((term, characters)) => filled_up(matched, term, characters),
        None => matched,
    })
}

/// Characters of a `char(n)` that a pattern sees with the blanks at its end, because nothing casts it to text.
fn padded_to(node: &Node, scope: &Scope<'_>) -> Option<i32> {
    let NodeEnum::ColumnRef(column) = node.node.as_ref()? else {
        return None;
    };
    let (_, type_) = scope.find(terms::last_name(&column.fields)?)?;
    let base = type_.base();
    (base.name.name == "bpchar" && base.typmod > 4).then_some(base.typmod - 4)
}

/// A pattern that ends where the text does sees no end before the blanks: the text has to go up to them.
fn filled_up(matched: Formula, term: Term, characters: i32) -> Formula {
    let Formula::Matches { pattern, found, .. } = &matched else {
        return matched;
    };
    if !pattern.source.ends_with('$') {
        return matched;
    }
    let whole = Term::Constant {
        text: Some(characters.to_string()),
        value: Some(Value::Number(characters.into())),
        kind: Kind::Integer,
    };
    let length = Term::Call(Function::Length, Kind::Integer, vec![term]);
    if *found {
        let filled = Formula::Compare(Comparison::Equal, length, whole);
        Formula::And(vec![matched, filled])
    } else {
        let shorter = Formula::Compare(Comparison::NotEqual, length, whole);
        Formula::Or(vec![matched, shorter])
    }
}

fn matched(operator: &str, term: Term, text: &str) -> Result<Formula, String> {
    if !term.kind().is_text() {
        return Err("it looks for a pattern in what is no text".to_owned());
    }
    let source = patterns::source(operator, text)?;
    let pattern = match patterns::compile(&source) {
        Ok(regex) => Pattern {
            source,
            regex,
            whole: true,
        },
        Err(reason) => {
            let source = patterns::without_looking(&source).ok_or(reason)?;
            Pattern {
                regex: patterns::compile(&source)?,
                source,
                whole: false,
            }
        }
    };
    Ok(Formula::Matches {
        term,
        pattern,
        found: !operator.starts_with('!'),
    })
}

/// It is a condition by its form, not a value.
fn is_condition(node: &Node) -> bool {
    match &node.node {
        Some(NodeEnum::BoolExpr(_) | NodeEnum::NullTest(_) | NodeEnum::BooleanTest(_)) => true,
        Some(NodeEnum::AExpr(expression)) => {
            let operator = terms::last_name(&expression.name).unwrap_or_default();
            Comparison::of(operator).is_some() || patterns::is_operator(operator)
        }
        _ => false,
    }
}

/// `IS NULL` of a column as a number of one or zero.
pub(super) fn counted(node: &Node, scope: &Scope<'_>) -> Option<Term> {
    match read(node, scope).ok()? {
        Formula::Null(term @ Term::Column(..), null) => {
            let function = if null {
                Function::CountNulls
            } else {
                Function::CountNonNulls
            };
            Some(Term::Call(function, Kind::Integer, vec![term]))
        }
        _ => None,
    }
}
