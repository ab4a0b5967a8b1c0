//! Rows changed until a rule holds.

use super::compute::plus;
use super::eval::Sight;
use super::formula::{Comparison, Formula, Function, Term};
use super::rules::{Cells, Rules};
use super::solve::solve;
use super::time::{DAY, Span};
use super::understand::ordered;
use super::value::{Kind, Value};
use crate::seed::schema::TypeKind;

/// How often one value is drawn anew within a repair.
const DRAWS: u32 = 32;

/// Values of columns before they were changed.
struct Before(Vec<(usize, Option<Vec<u8>>)>);

impl Before {
    fn of(columns: &[usize], row: &dyn Cells) -> Self {
        let bytes = |column: &usize| (*column, row.bytes(*column).map(<[u8]>::to_vec));
        Self(columns.iter().map(bytes).collect())
    }

    fn back(&self, row: &mut dyn Cells) {
        for (column, bytes) in &self.0 {
            match bytes {
                Some(bytes) => row.set(*column, bytes),
                None => {
                    row.set_null(*column);
                }
            }
        }
    }
}

impl Rules {
    /// Changes the row until a rule passes; false, and nothing changed, where no way was found. A way that breaks no
    /// other rule is taken first.
    pub(super) fn repair(&self, rule: usize, row: &mut dyn Cells) -> bool {
        let formula = &self.list[rule].formula;
        self.make(formula, rule, row)
    }

    /// Makes a formula pass.
    fn make(&self, formula: &Formula, rule: usize, row: &mut dyn Cells) -> bool {
        if self.sight(row).passes(formula) {
            return true;
        }
        match formula {
            Formula::Constant(_) => false,
            Formula::Null(Term::Column(column, _), true) => {
                self.may_draw(*column, rule) && row.set_null(*column)
            }
            Formula::Null(..) | Formula::Matches { .. } => self.redraw(formula, rule, row),
            Formula::Compare(comparison, left, right) => {
                self.compare(formula, (*comparison, left, right), rule, row)
            }
            Formula::Is { inner, truth, not } => {
                self.decide(formula, inner, *truth != *not, rule, row)
            }
            Formula::And(parts) => {
                let before = Before::of(&formula.columns(), row);
                // A later part may undo an earlier one once.
                for _ in 0..2 {
                    let made = parts.iter().all(|part| self.make(part, rule, row));
                    if made && self.sight(row).passes(formula) {
                        return true;
                    }
                }
                before.back(row);
                false
            }
            Formula::Or(parts) => self.either(parts, rule, row),
        }
    }

    /// The branch that changes least, and of several like it one that depends on the row.
    fn either(&self, parts: &[Formula], rule: usize, row: &mut dyn Cells) -> bool {
        let columns = &self.list[rule].columns;
        let turn = mixed(columns, row) % parts.len().max(1);
        let turned = parts.iter().cycle().skip(turn).take(parts.len());
        let mut branches: Vec<(u32, &Formula)> = turned
            .map(|part| (cost(part, self.sight(row)), part))
            .collect();
        branches.sort_by_key(|(cost, _)| *cost);
        for strict in [true, false] {
            for (_, branch) in &branches {
                let before = Before::of(&branch.columns(), row);
                let passed = self.passing(&branch.columns(), row);
                if self.make(branch, rule, row) && (!strict || self.keep(&passed, false, row)) {
                    return true;
                }
                before.back(row);
            }
        }
        false
    }

    /// Makes a formula true (or false), where unknown is not enough.
    fn decide(
        &self,
        formula: &Formula,
        inner: &Formula,
        truth: bool,
        rule: usize,
        row: &mut dyn Cells,
    ) -> bool {
        let before = Before::of(&formula.columns(), row);
        let wanted = if truth {
            inner.clone()
        } else {
            inner.clone().negated()
        };
        if self.sight(row).formula(inner) == Ok(None) {
            for column in inner.columns() {
                if row.bytes(column).is_none() && self.may_draw(column, rule) {
                    row.redraw(column, 0);
                }
            }
        }
        if self.make(&wanted, rule, row) && self.sight(row).passes(formula) {
            return true;
        }
        before.back(row);
        false
    }

    /// Draws the formula's columns anew, one after the other.
    fn redraw(&self, formula: &Formula, rule: usize, row: &mut dyn Cells) -> bool {
        let columns = formula.columns();
        let before = Before::of(&columns, row);
        for attempt in 0..DRAWS {
            for column in &columns {
                if self.may_draw(*column, rule)
                    && row.redraw(*column, attempt)
                    && self.sight(row).passes(formula)
                {
                    return true;
                }
            }
        }
        before.back(row);
        false
    }

    fn compare(
        &self,
        formula: &Formula,
        sides: (Comparison, &Term, &Term),
        rule: usize,
        row: &mut dyn Cells,
    ) -> bool {
        let (comparison, left, right) = sides;
        for (counts, number) in [(left, right), (right, left)] {
            if let Term::Call(function, _, counted) = counts {
                let nulls = *function == Function::CountNulls;
                if (nulls || *function == Function::CountNonNulls)
                    && self.count(formula, counted, number, nulls, rule, row)
                {
                    return true;
                }
            }
        }
        if [left, right]
            .iter()
            .any(|side| self.empty_array(formula, side, rule, row))
        {
            return true;
        }
        let ways = match comparison {
            Comparison::NotEqual => Vec::new(),
            Comparison::Equal => self.equal(left, right, rule, row),
            Comparison::Less | Comparison::LessOrEqual => self.order(left, right, rule, row),
            Comparison::Greater | Comparison::GreaterOrEqual => self.order(right, left, rule, row),
        };
        for strict in [true, false] {
            for way in &ways {
                let columns: Vec<usize> = way.iter().map(|(column, _)| *column).collect();
                let before = Before::of(&columns, row);
                let passed = self.passing(&columns, row);
                let set = way
                    .iter()
                    .all(|(column, value)| self.set(*column, value, row));
                let made = set && self.sight(row).passes(formula);
                if made && (!strict || self.keep(&passed, way.len() > 1, row)) {
                    return true;
                }
                before.back(row);
            }
        }
        self.redraw(formula, rule, row)
    }

    /// Columns that make both sides equal, each with its value.
    fn equal(&self, left: &Term, right: &Term, rule: usize, row: &dyn Cells) -> Vec<Way> {
        let sight = self.sight(row);
        let mut ways = Vec::new();
        for (side, other) in [(left, right), (right, left)] {
            let Ok(Some(target)) = sight.term(other) else {
                continue;
            };
            for column in side.columns() {
                if !self.may_set(column, rule, row) {
                    continue;
                }
                if let Some(value) = solve(side, &target, column, sight) {
                    // What the rule computes first, then what stands alone.
                    let rank = match self.computed[column] {
                        Some(_) => 0,
                        None if side.column().is_some() => 1,
                        None => 2,
                    };
                    ways.push((rank, vec![(column, value)]));
                }
            }
        }
        ways.sort_by_key(|(rank, _)| *rank);
        ways.into_iter().map(|(_, way)| way).collect()
    }

    /// Ways to get the lower side below the higher: both exchanged, or one of them as far beyond the other as it was
    /// before it, or nearer.
    fn order(&self, lower: &Term, higher: &Term, rule: usize, row: &dyn Cells) -> Vec<Way> {
        let sight = self.sight(row);
        let (Ok(Some(low)), Ok(Some(high))) = (sight.term(lower), sight.term(higher)) else {
            return Vec::new();
        };
        let may = |column: &usize| self.may_set(*column, rule, row);
        let mut ways = Vec::new();
        if let (Some(a), Some(b)) = (lower.column(), higher.column())
            && [a, b].iter().all(may)
            && self.types[a].1 == self.types[b].1
        {
            ways.push(vec![(a, high.clone()), (b, low.clone())]);
        }
        let mut sides = [(higher, &low, 1), (lower, &high, -1)];
        // What stands alone is moved rather than a part of something computed.
        sides.sort_by_key(|(side, ..)| side.column().is_none());
        for distance in distances(&low, &high) {
            for (side, end, sign) in sides {
                let Some(target) = moved(end, &distance, sign) else {
                    continue;
                };
                for column in side.columns().into_iter().filter(|column| may(column)) {
                    if let Some(value) = solve(side, &target, column, sight) {
                        ways.push(vec![(column, value)]);
                    }
                }
            }
        }
        ways
    }

    /// Fills or empties columns until as many are null as should be.
    fn count(
        &self,
        formula: &Formula,
        counted: &[Term],
        number: &Term,
        nulls: bool,
        rule: usize,
        row: &mut dyn Cells,
    ) -> bool {
        if !number.is_constant() {
            return false;
        }
        let columns: Vec<usize> = counted.iter().filter_map(Term::column).collect();
        let before = Before::of(&columns, row);
        let turn = mixed(&columns, row) % columns.len().max(1);
        // Towards more nulls, then towards fewer: the comparison itself says when it is enough.
        for more in [nulls, !nulls] {
            for column in columns.iter().cycle().skip(turn).take(columns.len()) {
                if !self.may_draw(*column, rule) || row.bytes(*column).is_none() == more {
                    continue;
                }
                let changed = if more {
                    row.set_null(*column)
                } else {
                    row.redraw(*column, 0)
                };
                if changed && self.sight(row).passes(formula) {
                    return true;
                }
            }
            before.back(row);
        }
        false
    }

    /// Gives a column whose elements are counted an array without any, where that is enough.
    fn empty_array(
        &self,
        formula: &Formula,
        counted: &Term,
        rule: usize,
        row: &mut dyn Cells,
    ) -> bool {
        let Term::Call(Function::Cardinality, _, arguments) = counted else {
            return false;
        };
        let Some(column) = arguments.first().and_then(Term::column) else {
            return false;
        };
        let TypeKind::Array(element) = &self.types[column].0.base().kind else {
            return false;
        };
        if !self.may_set(column, rule, row) {
            return false;
        }
        let before = Before::of(&[column], row);
        // No dimension, no null, and the type of what could be in it.
        let bytes = [0, 0, element.oid].map(u32::to_be_bytes).concat();
        row.set(column, &bytes);
        if self.sight(row).passes(formula) {
            return true;
        }
        before.back(row);
        false
    }

    /// Rules about these columns that pass.
    fn passing(&self, columns: &[usize], row: &dyn Cells) -> Vec<usize> {
        let concerned = self.list.iter().enumerate();
        let concerned =
            concerned.filter(|(_, rule)| rule.columns.iter().any(|c| columns.contains(c)));
        let passing = concerned.filter(|(_, rule)| self.is_obeyed(rule, row));
        passing.map(|(index, _)| index).collect()
    }

    /// They all still do, but for equations whose computed column follows; and for orders where two values were
    /// exchanged, for that goes on until all are sorted.
    fn keep(&self, passed: &[usize], exchanged: bool, row: &dyn Cells) -> bool {
        passed.iter().all(|index| {
            let rule = &self.list[*index];
            let follows = self.computed.contains(&Some(*index));
            follows || (exchanged && ordered(&rule.formula).is_some()) || self.is_obeyed(rule, row)
        })
    }
}

/// Values for columns.
type Way = Vec<(usize, Value)>;

/// How far two values are apart, then halves of it down to a step, then nothing.
fn distances(low: &Value, high: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    if let Some(distance) = plus(low, high, -1) {
        for halves in 0..10_u32 {
            all.extend(part(&distance, halves));
        }
    }
    all.extend(match low {
        Value::Number(_) => ["1", "0.01", "0.0001"]
            .map(number)
            .into_iter()
            .flatten()
            .collect(),
        Value::Float(_) => vec![Value::Float(1.0), Value::Float(1e-3)],
        Value::Day(_) => number("1").into_iter().collect::<Vec<_>>(),
        _ => [DAY / 24, 1_000_000, 1]
            .map(|micros| span(0, micros))
            .to_vec(),
    });
    all.extend(part(all.first().unwrap_or(&span(0, 0)), u32::MAX));
    all
}

fn number(text: &str) -> Option<Value> {
    Value::literal(text, Kind::Numeric)
}

fn span(days: i64, micros: i64) -> Value {
    Value::Span(Span {
        months: 0,
        days,
        micros,
    })
}

/// A distance halved so often; nothing is left after very many times.
fn part(distance: &Value, halves: u32) -> Option<Value> {
    let by = 1_i64.checked_shl(halves).unwrap_or(i64::MAX);
    Some(match distance {
        Value::Number(number) if halves < 32 => Value::Number(number.checked_div(by.into())?),
        Value::Number(_) => Value::Number(0.into()),
        Value::Float(number) => Value::Float(number / by as f64),
        Value::Span(whole) => {
            let micros = whole.length() / i128::from(by);
            span(0, i64::try_from(micros).ok()?)
        }
        _ => return None,
    })
}

fn moved(end: &Value, distance: &Value, sign: i64) -> Option<Value> {
    match (end, distance) {
        // Whole days, so that a date stays on the side that is meant.
        (Value::Day(_), Value::Number(days)) => plus(end, &Value::Number(days.trunc()), sign),
        _ => plus(end, distance, sign),
    }
}

/// How much a row has to be changed for a formula to pass.
fn cost(formula: &Formula, sight: Sight<'_>) -> u32 {
    if sight.passes(formula) {
        return 0;
    }
    match formula {
        Formula::Is { inner, .. } => 1 + weight(inner),
        Formula::And(parts) => parts.iter().map(|part| cost(part, sight)).sum(),
        Formula::Or(parts) => parts
            .iter()
            .map(|part| cost(part, sight))
            .min()
            .unwrap_or(1000),
        other => weight(other),
    }
}

/// How much a formula changes: a column's own kind more than whether there is something, and that more than how much.
fn weight(formula: &Formula) -> u32 {
    match formula {
        Formula::Constant(_) => 1000,
        Formula::Null(..) => 4,
        Formula::Compare(_, left, right) => match (left, right) {
            (Term::Column(..), Term::Constant { .. })
            | (Term::Constant { .. }, Term::Column(..)) => 6,
            _ => 2,
        },
        Formula::Matches { .. } => 3,
        Formula::Is { inner, .. } => weight(inner),
        Formula::And(parts) => parts.iter().map(weight).sum(),
        Formula::Or(parts) => parts.iter().map(weight).min().unwrap_or(1000),
    }
}

/// A number that the bytes of some columns make (FNV-1a), so that ties are broken by the row and nothing else.
fn mixed(columns: &[usize], row: &dyn Cells) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for column in columns {
        for byte in row.bytes(*column).unwrap_or(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    usize::try_from(hash >> 33).unwrap_or_default()
}
