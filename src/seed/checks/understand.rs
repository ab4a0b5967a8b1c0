//! What the CHECK constraints of a table and of its columns' domains demand.

use super::domains::{self, Part};
use super::formula::{Comparison, Formula, Function, Term};
use super::read;
use super::rules::{Rule, Rules};
use super::scope::Scope;
use super::value::Kind;
use crate::seed::domain::Domain;
use crate::seed::schema::{Check, Filled, Table, Type, TypeKind};

/// What is understood of a table.
#[derive(Debug, Clone)]
pub(crate) struct Understanding {
    /// Which values each column may have; the default is all.
    pub(crate) domains: Vec<Domain>,
    /// Whether each column may be null.
    pub(crate) nulls: Vec<Nulls>,
    /// What concerns several columns of a row, or cannot be said by a domain.
    pub(crate) rules: Rules,
    /// Constraints that are not understood, each with the reason.
    pub(crate) opaque: Vec<(String, String)>,
}

/// Whether a column may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// As far as its checks are concerned.
    Allowed,
    /// It has to have a value.
    Never,
    /// No value would satisfy its checks.
    Always,
}

/// What the checks of a table and of its columns' domains demand; and others that concern some rows only, those of the
/// condition that is the check's number here.
pub(crate) fn understand(table: &Table, of_some_rows: &[Check]) -> Understanding {
    let mut reader = Reader {
        parts: vec![all(); table.columns.len()],
        rules: Vec::new(),
        constraints: Vec::new(),
        opaque: Vec::new(),
    };
    for (column, definition) in table.columns.iter().enumerate() {
        if definition.not_null {
            reader.parts[column].nulls = false;
        }
        reader.domain(&definition.type_, column);
    }
    for check in &table.checks {
        reader.check(check, &Scope::Table(table), None);
    }
    for (condition, check) in of_some_rows.iter().enumerate() {
        reader.check(check, &Scope::Table(table), Some(condition));
    }
    reader.finish(table)
}

fn all() -> Part {
    Part {
        values: Some(Domain::default()),
        nulls: true,
    }
}

struct Reader {
    parts: Vec<Part>,
    rules: Vec<Rule>,
    constraints: Vec<String>,
    opaque: Vec<(String, String)>,
}

impl Reader {
    /// The checks of a domain, and of those that it is made of.
    fn domain(&mut self, type_: &Type, column: usize) {
        match &type_.kind {
            TypeKind::Domain {
                base,
                not_null,
                checks,
            } => {
                self.parts[column].nulls &= !not_null;
                for check in checks {
                    self.check(check, &Scope::Value(type_, column), None);
                }
                self.domain(base, column);
            }
            TypeKind::Array(element) => self.inside(element, "elements of an array"),
            TypeKind::Composite(fields) => {
                for (_, field) in fields {
                    self.inside(field, "a part of a composite type");
                }
            }
            _ => {}
        }
    }

    /// Checks of domains inside of other types.
    fn inside(&mut self, type_: &Type, of: &str) {
        if let TypeKind::Domain { base, checks, .. } = &type_.kind {
            for check in checks {
                let reason = format!("it concerns {of}");
                self.opaque.push((check.name.clone(), reason));
            }
            self.inside(base, of);
        }
    }

    fn check(&mut self, check: &Check, scope: &Scope<'_>, condition: Option<usize>) {
        let conjuncts = match read::formula(&check.expression, scope) {
            Ok(formula) => formula.conjuncts(),
            // What is understood beside what is not is obeyed all the same.
            Err(reason) => {
                self.opaque.push((check.name.clone(), reason));
                read::understood(&check.expression, scope)
            }
        };
        for conjunct in conjuncts {
            if let Err(reason) = self.conjunct(&check.name, conjunct, scope, condition) {
                let known = self.opaque.iter().any(|(name, _)| *name == check.name);
                if !known {
                    self.opaque.push((check.name.clone(), reason.to_owned()));
                }
            }
        }
    }

    fn conjunct(
        &mut self,
        name: &str,
        formula: Formula,
        scope: &Scope<'_>,
        condition: Option<usize>,
    ) -> Result<(), &'static str> {
        let columns = formula.columns();
        if let ([column], None) = (columns.as_slice(), condition) {
            let type_ = scope
                .type_of(*column)
                .ok_or("a column in it is not known")?;
            if let Some(part) = domains::part(&formula, *column, scope) {
                let before = std::mem::replace(&mut self.parts[*column], all());
                let both = join(&before, part, type_);
                self.parts[*column] = before;
                if let Some(both) = both {
                    if both.values.is_none() && !both.nulls {
                        return Err("no value satisfies it together with what else is demanded");
                    }
                    self.parts[*column] = both;
                    return Ok(());
                }
            }
        }
        if matches!(formula, Formula::Constant(None | Some(true))) {
            return Ok(());
        }
        if depends_on_clock(&formula) {
            return Err("it depends on when it is asked");
        }
        if columns.is_empty() || !can_be_tried(&formula) {
            return Err("it compares values of types that are not understood here");
        }
        let constraint = self.constraints.iter().position(|known| known == name);
        let constraint = constraint.unwrap_or_else(|| {
            self.constraints.push(name.to_owned());
            self.constraints.len() - 1
        });
        self.rules
            .push(Rule::new(constraint, formula, columns, condition));
        Ok(())
    }

    fn finish(self, table: &Table) -> Understanding {
        let nulls = self.parts.iter().map(|part| match part {
            Part { values: None, .. } => Nulls::Always,
            Part { nulls: true, .. } => Nulls::Allowed,
            _ => Nulls::Never,
        });
        let nulls = nulls.collect();
        let domains = self.parts.into_iter();
        let domains: Vec<Domain> = domains
            .map(|part| part.values.unwrap_or_default())
            .collect();
        let types = table.columns.iter().map(|column| column.type_.clone());
        let generated = table.columns.iter();
        let generated = generated.map(|column| matches!(column.filled, Filled::Generated(_)));
        let rules = Rules::new(
            self.rules,
            self.constraints,
            types.collect(),
            &domains,
            generated.collect(),
        );
        Understanding {
            domains,
            nulls,
            rules,
            opaque: self.opaque,
        }
    }
}

/// Both; without any value where none is left.
fn join(before: &Part, part: Part, type_: &Type) -> Option<Part> {
    let values = match (&before.values, part.values) {
        (Some(a), Some(b)) => Some(a.and(&b, type_)?),
        _ => None,
    };
    Some(Part {
        values: values.filter(|domain| !domain.is_empty(type_)),
        nulls: before.nulls && part.nulls,
    })
}

fn depends_on_clock(formula: &Formula) -> bool {
    let mut depends = false;
    formula.each_term(&mut |term| depends |= is_clock(term));
    depends
}

fn is_clock(term: &Term) -> bool {
    match term {
        Term::Call(function, _, arguments) => {
            *function == Function::Now || arguments.iter().any(is_clock)
        }
        _ => false,
    }
}

/// Nothing in it is beyond what can be evaluated.
fn can_be_tried(formula: &Formula) -> bool {
    match formula {
        Formula::Compare(comparison, left, right) => {
            let ordered = left.kind().is_ordered() && right.kind().is_ordered();
            (ordered || !comparison.orders()) && readable(left) && readable(right)
        }
        Formula::Matches {
            term,
            pattern,
            found,
        } => readable(term) && (*found || pattern.whole),
        Formula::Constant(_) | Formula::Null(..) => true,
        Formula::Is { inner, truth, not } => {
            can_be_tried(inner) && ((*truth && !*not) || has_whole_patterns(inner))
        }
        Formula::And(parts) | Formula::Or(parts) => parts.iter().all(can_be_tried),
    }
}

/// Where a pattern finds nothing here the server finds nothing, either.
fn has_whole_patterns(formula: &Formula) -> bool {
    match formula {
        Formula::Matches { pattern, .. } => pattern.whole,
        Formula::Is { inner, .. } => has_whole_patterns(inner),
        Formula::And(parts) | Formula::Or(parts) => parts.iter().all(has_whole_patterns),
        Formula::Constant(_) | Formula::Null(..) | Formula::Compare(..) => true,
    }
}

fn readable(term: &Term) -> bool {
    match term {
        Term::Column(..) => true,
        Term::Constant { text, value, .. } => text.is_none() || value.is_some(),
        Term::Call(_, _, arguments) => arguments.iter().all(readable),
    }
}

/// Of a rule that orders two columns, the lower and the higher.
pub(super) fn ordered(formula: &Formula) -> Option<(usize, usize)> {
    let Formula::Compare(comparison, left, right) = formula else {
        return None;
    };
    let (left, right) = (left.column()?, right.column()?);
    match comparison {
        Comparison::Less | Comparison::LessOrEqual => Some((left, right)),
        Comparison::Greater | Comparison::GreaterOrEqual => Some((right, left)),
        _ => None,
    }
}

/// Kinds of the columns' types.
pub(super) fn kinds(types: Vec<Type>) -> Vec<(Type, Kind)> {
    let with_kind = |type_: Type| {
        let kind = Kind::of(&type_);
        (type_, kind)
    };
    types.into_iter().map(with_kind).collect()
}
