//! The parts of expressions that are values: columns, constants, functions of them.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AConst, AExprKind, FuncCall, MinMaxOp, Node, SqlValueFunctionOp, TypeCast, TypeName, a_const,
};

use super::formula::{Function, Term};
use super::functions;
use super::read;
use super::scope::Scope;
use super::value::{Kind, Value};

pub(super) fn read(node: &Node, scope: &Scope<'_>) -> Result<Term, String> {
    match node.node.as_ref().ok_or("it is empty")? {
        NodeEnum::ColumnRef(reference) => {
            let name = last_name(&reference.fields).ok_or("it speaks of whole rows")?;
            let found = scope.find(name);
            let (column, type_) = found.ok_or_else(|| format!("there is no column {name}"))?;
            if let Some(expression) = scope.generated(column) {
                return read::term(expression, scope);
            }
            Ok(Term::Column(column, Kind::of(type_)))
        }
        NodeEnum::AConst(constant) => Ok(literal(constant)),
        NodeEnum::TypeCast(cast) => casted(cast, scope),
        NodeEnum::CollateClause(collated) => {
            read(collated.arg.as_ref().ok_or("it is empty")?, scope)
        }
        NodeEnum::AExpr(expression) if expression.kind == AExprKind::AexprOp as i32 => {
            let operator = last_name(&expression.name).unwrap_or_default();
            let right = expression.rexpr.as_deref().ok_or("it is empty")?;
            let right = read(right, scope)?;
            match &expression.lexpr {
                Some(left) => functions::binary(operator, read(left, scope)?, right, scope),
                None => functions::unary(operator, right),
            }
        }
        NodeEnum::FuncCall(call) => called(call, scope),
        NodeEnum::CoalesceExpr(call) => {
            functions::alike(Function::Coalesce, all(&call.args, scope)?)
        }
        NodeEnum::MinMaxExpr(call) => {
            let greatest = call.op == MinMaxOp::IsGreatest as i32;
            let function = if greatest {
                Function::Greatest
            } else {
                Function::Least
            };
            functions::alike(function, all(&call.args, scope)?)
        }
        NodeEnum::SqlvalueFunction(asked) => now(asked.op),
        NodeEnum::CaseExpr(_) => Err("a CASE of values is not understood".to_owned()),
        _ => Err("a part of it is not understood".to_owned()),
    }
}

fn now(op: i32) -> Result<Term, String> {
    use SqlValueFunctionOp as Op;
    let kind = match Op::try_from(op) {
        Ok(Op::SvfopCurrentDate) => Kind::Date,
        Ok(
            Op::SvfopCurrentTimestamp
            | Op::SvfopCurrentTimestampN
            | Op::SvfopLocaltimestamp
            | Op::SvfopLocaltimestampN,
        ) => Kind::Moment,
        _ => return Err("it depends on when or by whom it is asked".to_owned()),
    };
    Ok(Term::Call(Function::Now, kind, Vec::new()))
}

fn all(nodes: &[Node], scope: &Scope<'_>) -> Result<Vec<Term>, String> {
    nodes.iter().map(|node| read(node, scope)).collect()
}

fn called(call: &FuncCall, scope: &Scope<'_>) -> Result<Term, String> {
    let names = names(&call.funcname);
    let name = match names.as_slice() {
        ["pg_catalog", name] | [name] => *name,
        _ => return Err(format!("the function {} is not known", names.join("."))),
    };
    if call.func_variadic || call.agg_star {
        return Err(format!(
            "the function {name} is not understood in this form"
        ));
    }
    functions::named(name, all(&call.args, scope)?, scope)
}

/// A constant as it is written.
fn literal(constant: &AConst) -> Term {
    let (text, kind) = match &constant.val {
        _ if constant.isnull => (None, Kind::Other),
        Some(a_const::Val::Ival(number)) => (Some(number.ival.to_string()), Kind::Integer),
        Some(a_const::Val::Fval(number)) => {
            let whole = number.fval.bytes().all(|c| c.is_ascii_digit());
            let kind = if whole { Kind::Integer } else { Kind::Numeric };
            (Some(number.fval.clone()), kind)
        }
        Some(a_const::Val::Boolval(flag)) => (Some(flag.boolval.to_string()), Kind::Flag),
        Some(a_const::Val::Sval(text)) => (Some(text.sval.clone()), Kind::Text),
        // Zero is not written into the tree.
        None => (Some("0".to_owned()), Kind::Integer),
        Some(a_const::Val::Bsval(bits)) => (Some(bits.bsval.clone()), Kind::Other),
    };
    constant_of(text, kind)
}

/// A constant of this text; of kind [`Kind::Other`] it has no value that is known here.
pub(super) fn constant_of(text: Option<String>, kind: Kind) -> Term {
    let value = text.as_deref().and_then(|text| Value::literal(text, kind));
    Term::Constant { text, value, kind }
}

fn casted(cast: &TypeCast, scope: &Scope<'_>) -> Result<Term, String> {
    let inner = cast.arg.as_ref().ok_or("it is empty")?;
    let to = cast.type_name.as_ref().ok_or("it is empty")?;
    if !to.array_bounds.is_empty() {
        return Err("it casts to an array".to_owned());
    }
    let name = last_name(&to.names).unwrap_or_default();
    let kind = kind_of(to);
    if kind == Kind::Integer
        && let Some(counted) = read::counted(inner, scope)
    {
        return Ok(counted);
    }
    let term = read(inner, scope)?;
    if let Term::Constant { text, value, .. } = term {
        let value = text
            .as_deref()
            .and_then(|text| Value::literal(text, kind))
            .or(value);
        let constant = Term::Constant { text, value, kind };
        return Ok(functions::sized(constant, typmod(to)));
    }
    functions::cast(term, kind, name, typmod(to))
}

/// The kind of a named type; one that somebody made is taken for an enum in constants.
fn kind_of(name: &TypeName) -> Kind {
    match names(&name.names).as_slice() {
        ["pg_catalog", name] | [name] => match Kind::named(name) {
            Kind::Other if !functions::is_shipped(name) => Kind::Text,
            kind => kind,
        },
        _ => Kind::Text,
    }
}

/// The digits behind the point that a cast to numeric(p, s) keeps.
fn typmod(name: &TypeName) -> Option<u32> {
    let numbers = name.typmods.iter().map(|node| match &node.node {
        Some(NodeEnum::AConst(constant)) => match literal(constant) {
            Term::Constant { text, .. } => text?.parse().ok(),
            _ => None,
        },
        _ => None,
    });
    match numbers.collect::<Vec<Option<u32>>>().as_slice() {
        [_, scale] => *scale,
        [Some(_)] => Some(0),
        _ => None,
    }
}

/// The constants of an array or a list.
pub(super) fn elements(node: &Node, scope: &Scope<'_>) -> Result<Vec<Term>, String> {
    match node.node.as_ref().ok_or("it is empty")? {
        NodeEnum::AArrayExpr(array) => all(&array.elements, scope),
        NodeEnum::List(list) => all(&list.items, scope),
        NodeEnum::TypeCast(cast) => {
            let inner = cast.arg.as_ref().ok_or("it is empty")?;
            let kind = cast.type_name.as_ref().map_or(Kind::Other, kind_of);
            if let Some(NodeEnum::AConst(constant)) = &inner.node {
                let Term::Constant {
                    text: Some(text), ..
                } = literal(constant)
                else {
                    return Err("an array in it is null".to_owned());
                };
                return split(&text, kind).ok_or_else(|| "an array in it is not read".to_owned());
            }
            let inside = elements(inner, scope)?.into_iter();
            Ok(inside.map(|element| retyped(element, kind)).collect())
        }
        _ => Err("it compares with an array that is no constant".to_owned()),
    }
}

/// The elements of an array's text form.
fn split(text: &str, kind: Kind) -> Option<Vec<Term>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (mut parts, mut part, mut quoted, mut was_quoted) = (vec![], String::new(), false, false);
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => (quoted, was_quoted) = (!quoted, true),
            '\\' => part.push(characters.next()?),
            ',' if !quoted => {
                parts.push((std::mem::take(&mut part), std::mem::take(&mut was_quoted)));
            }
            '{' | '}' if !quoted => return None,
            other => part.push(other),
        }
    }
    if !inner.is_empty() {
        parts.push((part, was_quoted));
    }
    let element = |(part, quoted): (String, bool)| {
        let null = !quoted && part.eq_ignore_ascii_case("null");
        constant_of((!null).then_some(part), kind)
    };
    Some(parts.into_iter().map(element).collect())
}

/// A constant as one of another kind, where it can be read as such.
fn retyped(term: Term, kind: Kind) -> Term {
    match term {
        Term::Constant { text, value, .. } => {
            let value = text
                .as_deref()
                .and_then(|text| Value::literal(text, kind))
                .or(value);
            Term::Constant { text, value, kind }
        }
        other => other,
    }
}

/// A constant as one of the other side's kind.
pub(super) fn like(term: Term, other: &Term) -> Term {
    let kind = other.kind();
    let numbers = |kind| matches!(kind, Kind::Integer | Kind::Numeric | Kind::Float);
    let keeps = term.kind() == kind || other.is_constant();
    match term {
        // `2.5` beside an integer stays what it is.
        term if keeps || (numbers(term.kind()) && numbers(kind)) => term,
        // A moment beside a date keeps its hour.
        term if matches!((term.kind(), kind), (Kind::Moment, Kind::Date)) => term,
        term => retyped(term, kind),
    }
}

/// Values of both kinds can be compared.
pub(super) fn comparable(a: Kind, b: Kind) -> bool {
    let group = |kind| match kind {
        Kind::Integer | Kind::Numeric | Kind::Float => 0,
        Kind::Date | Kind::Moment => 1,
        Kind::Text | Kind::Padded => 2,
        Kind::Time => 3,
        Kind::Span => 4,
        Kind::Flag => 5,
        Kind::Other => 6,
    };
    group(a) == group(b)
}

/// The pattern of SIMILAR TO, which the parser hides in a function.
pub(super) fn similar(node: &Node, scope: &Scope<'_>) -> Option<String> {
    let Some(NodeEnum::FuncCall(call)) = &node.node else {
        return None;
    };
    let escape = matches!(
        last_name(&call.funcname)?,
        "similar_to_escape" | "similar_escape"
    );
    // With a second argument another character escapes.
    let [pattern] = call.args.as_slice() else {
        return None;
    };
    match read(Some(pattern).filter(|_| escape)?, scope).ok()? {
        Term::Constant { text, .. } => text,
        _ => None,
    }
}

/// Names such as those of a column, a type or an operator.
fn names(nodes: &[Node]) -> Vec<&str> {
    let parts = nodes.iter();
    parts
        .map_while(|part| match &part.node {
            Some(NodeEnum::String(text)) => Some(text.sval.as_str()),
            _ => None,
        })
        .collect()
}

/// The last of them.
pub(super) fn last_name(nodes: &[Node]) -> Option<&str> {
    match &nodes.last()?.node {
        Some(NodeEnum::String(text)) => Some(&text.sval),
        _ => None,
    }
}
