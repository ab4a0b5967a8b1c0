//! What the columns of a row have to do with each other.

use super::bounds::Bounds;
use super::eval::Sight;
use super::formula::{Comparison, Formula, Term};
use super::understand::{kinds, ordered};
use super::value::{Kind, Value};
use crate::seed::domain::Domain;
use crate::seed::schema::Type;

/// How often a row is drawn anew before it is given up.
const DRAWS: u32 = 64;

/// A row under way, by the places of its table's columns.
pub(crate) trait Cells {
    /// A value in binary form; `None` is null.
    fn bytes(&self, column: usize) -> Option<&[u8]>;
    /// Gives it another value.
    fn set(&mut self, column: usize, bytes: &[u8]);
    /// Makes it null; false where it may not be.
    fn set_null(&mut self, column: usize) -> bool;
    /// Another value of the column's own that is not null (of a reference another row of what it refers to); false where
    /// there is no other.
    fn redraw(&mut self, column: usize, attempt: u32) -> bool;
    /// It cannot be given any value that is not its own: a key, a reference, or one that the server fills.
    fn is_fixed(&self, column: usize) -> bool;
    /// A rule that concerns some rows only, by the number of what it depends on, concerns this one.
    fn is_held_to(&self, condition: usize) -> bool;
}

/// What concerns several columns of a row, and what a domain cannot say of one.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(super) list: Vec<Rule>,
    constraints: Vec<String>,
    pub(super) types: Vec<(Type, Kind)>,
    bounds: Vec<Bounds>,
    /// The rule that computes a column.
    pub(super) computed: Vec<Option<usize>>,
    generated: Vec<bool>,
}

/// A part of a constraint.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    constraint: usize,
    pub(super) formula: Formula,
    pub(super) columns: Vec<usize>,
    /// What rows it concerns, where it does not concern all of them.
    pub(super) condition: Option<usize>,
}

impl Rule {
    pub(super) fn new(
        constraint: usize,
        formula: Formula,
        columns: Vec<usize>,
        condition: Option<usize>,
    ) -> Self {
        Self {
            constraint,
            formula,
            columns,
            condition,
        }
    }

    /// The columns that it can compute from the others: what stands alone on a side of an equation.
    fn computes(&self) -> Vec<usize> {
        let Formula::Compare(Comparison::Equal, left, right) = &self.formula else {
            return Vec::new();
        };
        if self.condition.is_some() {
            return Vec::new();
        }
        let alone = |side: &Term, other: &Term| {
            let column = side.column()?;
            (!other.columns().contains(&column)).then_some(column)
        };
        let sides = [alone(left, right), alone(right, left)];
        let mut columns: Vec<usize> = sides.into_iter().flatten().collect();
        columns.sort_unstable_by_key(|column| std::cmp::Reverse(*column));
        columns
    }
}

impl Rules {
    pub(super) fn new(
        rules: Vec<Rule>,
        constraints: Vec<String>,
        types: Vec<Type>,
        domains: &[Domain],
        generated: Vec<bool>,
    ) -> Self {
        let bounds = domains.iter().zip(&types);
        let bounds = bounds.map(|(domain, type_)| Bounds::new(domain, type_));
        let bounds = bounds.collect();
        let mut all = Self {
            computed: vec![None; types.len()],
            list: rules,
            constraints,
            types: kinds(types),
            bounds,
            generated,
        };
        for index in 0..all.list.len() {
            let candidates = all.list[index].computes();
            let free = candidates.into_iter().find(|c| all.may_compute(*c, index));
            if let Some(column) = free {
                all.computed[column] = Some(index);
            }
        }
        all
    }

    /// No other rule computes the column, and nothing that this one needs is computed from it.
    fn may_compute(&self, column: usize, rule: usize) -> bool {
        let mut seen = vec![rule];
        let mut at = 0;
        while let Some(&rule) = seen.get(at) {
            for needed in self.list[rule].columns.iter().filter(|c| **c != column) {
                let Some(next) = self.computed[*needed].filter(|next| !seen.contains(next)) else {
                    continue;
                };
                if self.list[next].columns.contains(&column) {
                    return false;
                }
                seen.push(next);
            }
            at += 1;
        }
        self.computed[column].is_none() && !self.generated[column]
    }

    /// There are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Columns whose values depend on others, or may be changed by [`Self::apply`].
    #[cfg(test)]
    pub(crate) fn touched(&self) -> Vec<usize> {
        let columns = self.list.iter().flat_map(|rule| rule.columns.clone());
        let mut columns: Vec<usize> = columns.filter(|column| !self.generated[*column]).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Pairs of columns of which the first is never higher than the second. Values of both that are drawn at the same
    /// place of their orders (the lowest with the lowest, the highest with the highest) keep that by themselves,
    /// wherever the source kept it, and each column keeps its distribution.
    pub(crate) fn ordered(&self) -> Vec<(usize, usize)> {
        let of_all_rows = self.list.iter().filter(|rule| rule.condition.is_none());
        of_all_rows
            .filter_map(|rule| ordered(&rule.formula))
            .collect()
    }

    /// Columns that are computed from others: whatever value they are given first is lost.
    #[cfg(test)]
    pub(crate) fn computed(&self) -> Vec<usize> {
        let columns = self.computed.iter().enumerate();
        columns
            .filter_map(|(column, rule)| rule.map(|_| column))
            .collect()
    }

    /// The row is as rules demand of those that a condition concerns, whether it concerns this one or not.
    pub(crate) fn is_as_if_held(&self, condition: usize, row: &impl Cells) -> bool {
        let mut rules = self.of(condition);
        rules.all(|rule| self.sight(row).passes(&rule.formula))
    }

    /// Columns that these rules speak of, some more than once.
    pub(crate) fn columns_of(&self, condition: usize) -> impl Iterator<Item = usize> {
        self.of(condition)
            .flat_map(|rule| rule.columns.iter().copied())
    }

    fn of(&self, condition: usize) -> impl Iterator<Item = &Rule> {
        let rules = self.list.iter();
        rules.filter(move |rule| rule.condition == Some(condition))
    }

    /// The name of a constraint that [`Self::apply`] could not satisfy.
    pub(crate) fn constraint(&self, index: usize) -> &str {
        self.constraints.get(index).map_or("", String::as_str)
    }

    /// Makes the row satisfy them. The error says which constraint could not be satisfied.
    pub(crate) fn apply(&self, row: &mut impl Cells) -> Result<(), usize> {
        let Some(mut broken) = self.settle(row) else {
            return Ok(());
        };
        for attempt in 1..=DRAWS {
            for column in &self.list[broken].columns {
                row.redraw(*column, attempt);
            }
            match self.settle(row) {
                None => return Ok(()),
                Some(rule) => broken = rule,
            }
        }
        Err(self.list[broken].constraint)
    }

    /// The first rule that a row breaks.
    #[cfg(test)]
    pub(crate) fn broken(&self, row: &impl Cells) -> Option<usize> {
        let broken = self.list.iter().find(|rule| !self.is_obeyed(rule, row));
        broken.map(|rule| rule.constraint)
    }

    /// Whether every rule passes and every column that they touch has a value that it may have; `None` where it cannot
    /// be said.
    #[cfg(test)]
    pub(crate) fn holds(&self, row: &impl Cells) -> Option<bool> {
        for rule in &self.list {
            if self.sight(row).formula(&rule.formula).ok()? == Some(false) {
                return Some(false);
            }
        }
        Some(
            self.touched()
                .iter()
                .all(|column| self.allows(*column, row)),
        )
    }

    /// Repairs rule after rule until none is broken, or names one that stays so.
    fn settle(&self, row: &mut dyn Cells) -> Option<usize> {
        // A chain of rules settles within as many rounds as it has links; two that work against each other never do.
        let rounds = self.list.len() + 2;
        for _ in 0..rounds {
            let mut settled = true;
            for (index, rule) in self.list.iter().enumerate() {
                if self.is_obeyed(rule, row) {
                    continue;
                }
                settled = false;
                if !self.repair(index, row) {
                    return Some(index);
                }
            }
            if settled {
                return None;
            }
        }
        let mut rules = self.list.iter();
        rules.position(|rule| !self.is_obeyed(rule, row))
    }

    /// It passes, or does not concern the row.
    pub(super) fn is_obeyed(&self, rule: &Rule, row: &dyn Cells) -> bool {
        let concerns = |condition| row.is_held_to(condition);
        !rule.condition.is_none_or(concerns) || self.sight(row).passes(&rule.formula)
    }

    pub(super) fn sight<'a>(&'a self, cells: &'a dyn Cells) -> Sight<'a> {
        Sight {
            types: &self.types,
            cells,
        }
    }

    /// The column's value is one that its domain allows.
    pub(super) fn allows(&self, column: usize, row: &dyn Cells) -> bool {
        match self.sight(row).column(column) {
            Ok(Some(value)) => self.bounds[column].allow(&value),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// A rule may give the column any value.
    pub(super) fn may_set(&self, column: usize, rule: usize, row: &dyn Cells) -> bool {
        self.may_draw(column, rule) && !row.is_fixed(column)
    }

    /// A rule may ask for another value of the column's own, or for none.
    pub(super) fn may_draw(&self, column: usize, rule: usize) -> bool {
        self.computed[column].is_none_or(|by| by == rule) && !self.generated[column]
    }

    /// Gives a column a value; false where it does not fit.
    pub(super) fn set(&self, column: usize, value: &Value, row: &mut dyn Cells) -> bool {
        let mut bytes = Vec::with_capacity(16);
        let (type_, kind) = &self.types[column];
        if !value.write(type_, *kind, &mut bytes) {
            return false;
        }
        row.set(column, &bytes);
        self.allows(column, row)
    }
}
