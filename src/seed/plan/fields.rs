//! How each column of a table gets its values.

use super::drafts::{About, Draft};
use super::free;
use super::options::Problem;
use super::partitions::Leaf;
use super::planner::Planner;
use super::statistics::{Distribution, whole};
use crate::seed::checks::Understanding;
use crate::seed::domain::Domain;
use crate::seed::generate::{Field, Follow, LeafField, Own, Reference, Span, Unit, Used};
use crate::seed::profile::{ColumnStats, Histogram, Value};
use crate::seed::schema::{Column, Filled, TypeKind};
use crate::seed::shape::{Permutation, key};
use crate::seed::values::{Ask, Maker, Spread};

/// Of so few rows one is a good part (ours).
const FEW_ROWS: f64 = 8.0;

/// The fields of a table, and what stands against them.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) list: Vec<Field>,
    pub(super) problems: Vec<Problem>,
    /// Columns left to the server.
    pub(super) left: Vec<Problem>,
    /// There is room for so many rows only.
    pub(super) room: Option<(u64, String)>,
}

/// Fields by column; the drafts' distributions become those of the values that can be made.
pub(super) fn fields(
    planner: &Planner<'_>,
    about: &About<'_>,
    understood: &Understanding,
    drafts: &mut [Draft],
    spans: &[usize],
) -> Fields {
    let mut fields = Fields::default();
    for (place, column) in about.table.columns.iter().enumerate() {
        let unit = drafts.iter().position(|d| d.columns.contains(&place));
        let Some(unit) = unit else {
            fields.list.push(Field::Omitted);
            continue;
        };
        let draft = &mut drafts[unit];
        if draft.foreign_key.is_some() {
            let field = reference(planner, about, draft, unit, place);
            let field = field.unwrap_or_else(|reason| {
                fields.left_null(about, column, reason);
                // Not by its default, which could refer to a row that is not there.
                draft.distribution.nulls = about.rows;
                Field::Own(unit, Own::nothing())
            });
            fields.list.push(field);
            continue;
        }
        let asked = Asked {
            planner,
            about,
            column,
            place,
            domain: &understood.domains[place],
        };
        let made = if spans.contains(&place) {
            asked.span(draft, unit)
        } else if draft.by_leaf {
            asked.by_leaf(draft)
        } else {
            asked.own(draft, unit)
        };
        match made {
            Ok(field) => fields.list.push(field),
            Err(Short::Room(rows, reason)) => {
                fields.room = Some((rows, reason));
                fields.list.push(Field::Omitted);
            }
            Err(Short::Unfillable(reason)) => fields.leave(about, column, reason),
        }
    }
    fields
}

/// Why a column has too few values.
enum Short {
    Room(u64, String),
    Unfillable(String),
}

impl Fields {
    /// A column that cannot be filled stays null or gets its default, if it may.
    fn leave(&mut self, about: &About<'_>, column: &Column, reason: String) {
        if matches!(column.filled, Filled::Default(_)) {
            let reason = format!("left to its default: {reason}");
            self.left
                .push(Problem::of(&about.table.name, &column.name, reason));
        } else {
            self.left_null(about, column, reason);
        }
        self.list.push(Field::Omitted);
    }

    /// A column that cannot be filled and has no default that could stand for it.
    fn left_null(&mut self, about: &About<'_>, column: &Column, reason: String) {
        let problem = |reason| Problem::of(&about.table.name, &column.name, reason);
        if column.is_never_null() {
            self.problems.push(problem(reason));
        } else {
            self.left.push(problem(format!("left null: {reason}")));
        }
    }
}

fn reference(
    planner: &Planner<'_>,
    about: &About<'_>,
    draft: &Draft,
    unit: usize,
    place: usize,
) -> Result<Field, String> {
    let number = draft.foreign_key.unwrap_or_default();
    let foreign_key = &about.table.foreign_keys[number];
    let position = about.chosen.filled[place].map_or(0, |(_, position)| position);
    let target = &planner.schema.tables;
    let table = target.iter().position(|t| t.name == foreign_key.references);
    let table = table.unwrap_or_default();
    let referenced = &target[table];
    let name = &foreign_key.referenced_columns[position];
    let column = referenced.column(name).unwrap_or_default();
    let to_itself = referenced.name == about.table.name;
    let of_its_own = referenced
        .foreign_keys
        .iter()
        .all(|key| !key.columns.contains(name));
    let partitioned = referenced.partitioning.is_some();
    let (own, theirs) = (&about.table.columns[place], &referenced.columns[column]);
    let width = match free::written(own, theirs) {
        Some(free::Written::Alike) => None,
        Some(free::Written::Width(bytes)) => Some(bytes),
        None => {
            let [own, theirs] = [own, theirs].map(|c| &c.type_.base().name.name);
            return Err(format!(
                "it is of the type {own} and refers to a column of the type {theirs}, which is written otherwise"
            ));
        }
    };
    Ok(Field::Reference(Reference {
        unit,
        used: Used {
            rows: draft.parents,
            count: draft.distribution.distinct().min(draft.parents),
            by_key: foreign_key.columns.len() == 1 && of_its_own && !to_itself && !partitioned,
            to_itself,
        },
        table,
        column,
        shared: about.chosen.shared[number],
        width,
    }))
}

/// A column whose values are to be made.
struct Asked<'a> {
    planner: &'a Planner<'a>,
    about: &'a About<'a>,
    column: &'a Column,
    place: usize,
    domain: &'a Domain,
}

impl Asked<'_> {
    fn stats(&self) -> Option<&ColumnStats> {
        self.about.known?.columns.get(&self.column.name)
    }

    /// Common values in binary form, where all of them are known.
    fn literals(&self, distribution: &Distribution) -> Option<Vec<Vec<u8>>> {
        let type_ = &self.column.type_;
        let texts: Option<Vec<&String>> = distribution
            .values
            .iter()
            .map(|value| match value {
                Value::Kept(text) => Some(text),
                _ => None,
            })
            .collect();
        self.planner.literals.all(type_, texts?.into_iter())
    }

    fn spread(&self) -> Spread {
        let Some(stats) = self.stats() else {
            return Spread::Free;
        };
        match &stats.histogram {
            Histogram::Kept(bounds) => self
                .planner
                .literals
                .all(&self.column.type_, bounds.iter())
                .map_or(Spread::Free, Spread::Bounds),
            Histogram::Shape(shape) => {
                let read = self.planner.profile.map(|p| p.collected_at);
                read.map_or(Spread::Free, |read| Spread::Shape(shape.clone(), read))
            }
            Histogram::None | Histogram::Untold(_) => Spread::Free,
        }
    }

    fn maker(
        &self,
        (distinct, crowd): (u64, Option<u64>),
        (spread, domain, avoid): (Spread, &Domain, &[Vec<u8>]),
        seed: u64,
    ) -> Result<Maker, Short> {
        let stats = self.stats();
        Maker::new(&Ask {
            table: &self.about.table.name.name,
            column: &self.column.name,
            type_: &self.column.type_,
            distinct,
            crowd,
            width: stats.map(|s| f64::from(s.avg_width)),
            spread,
            domain,
            avoid,
            elements: stats.and_then(|s| s.elements.as_ref()),
            json: stats.and_then(|s| s.json.as_ref()),
            seed,
        })
        .map_err(|unfillable| Short::Unfillable(unfillable.0))
    }

    /// Rows from one bound of the histogram to the next: more different values have no rows.
    fn crowd(&self, draft: &Draft) -> Option<u64> {
        if draft.free || draft.unique || matches!(draft.follow, Follow::Within { .. }) {
            return None;
        }
        let intervals = self.stats()?.histogram.bounds().checked_sub(1)?;
        let common: f64 = draft.distribution.atoms.iter().map(|a| a.frequency).sum();
        let rows = self.about.rows as f64;
        let others = rows - draft.distribution.nulls as f64 - rows * common;
        let each = others / intervals as f64;
        // Of a few rows one less would be many values less.
        let each = if each < FEW_ROWS { each.ceil() } else { each };
        (intervals > 0).then(|| whole(each))
    }

    fn own(&self, draft: &mut Draft, unit: usize) -> Result<Field, Short> {
        let rows = self.about.rows;
        let filled = rows - draft.distribution.nulls.min(rows);
        if filled == 0 {
            draft.distribution = free::own(rows, rows, 0);
            return Ok(Field::Own(unit, Own::nothing()));
        }
        let literals = self.literals(&draft.distribution).unwrap_or_default();
        let wanted = if draft.unique || draft.free {
            filled
        } else if literals.is_empty() {
            draft.distribution.distinct()
        } else {
            draft.distribution.distinct() - literals.len() as u64
        };
        let wanted = if draft.free && !draft.unique {
            let kinds = free::kinds(self.about.table, self.column);
            kinds.map_or(wanted, |kinds| kinds.min(wanted))
        } else {
            wanted
        };
        let wanted = match draft.follow {
            Follow::Within { .. } => wanted.max(draft.distribution.distinct().min(filled)),
            _ => wanted,
        };
        if wanted == 0 {
            let own = Own {
                literals,
                maker: None,
            };
            return Ok(Field::Own(unit, own));
        }
        let crowd = self.crowd(draft);
        let maker = self.maker(
            (wanted, crowd),
            (self.spread(), self.domain, &literals),
            draft.key,
        );
        let maker = match maker {
            // What cannot be made can still be taken from the values that are known.
            Err(Short::Unfillable(_)) if !literals.is_empty() && !draft.unique => {
                draft.distribution.pieces.clear();
                let own = Own {
                    literals,
                    maker: None,
                };
                return Ok(Field::Own(unit, own));
            }
            maker => maker?,
        };
        self.fit(draft, &maker, wanted, literals.len() as u64)?;
        Ok(Field::Own(
            unit,
            Own {
                literals,
                maker: Some(maker),
            },
        ))
    }

    /// The distribution is that of the values that can be made.
    fn fit(&self, draft: &mut Draft, maker: &Maker, wanted: u64, told: u64) -> Result<(), Short> {
        let rows = self.about.rows;
        let values = maker.distinct();
        if values == 0 {
            return Err(Short::Unfillable(
                "no value satisfies its constraints".to_owned(),
            ));
        }
        if draft.unique && values < wanted {
            return Err(Short::Room(
                values,
                format!(
                    "{} can have {values} different values only",
                    self.column.name
                ),
            ));
        }
        let follows = matches!(draft.follow, Follow::Within { .. });
        if follows && values < draft.distribution.distinct() && told == 0 {
            return Err(Short::Room(
                rows / draft.distribution.distinct().max(1) * values,
                format!(
                    "{} can have {values} different values only",
                    self.column.name
                ),
            ));
        }
        if draft.free && !draft.unique && !follows {
            draft.distribution = free::own(draft.distribution.nulls, rows, values);
        } else if values < wanted {
            let distribution = std::mem::replace(&mut draft.distribution, free::own(0, 0, 0));
            draft.distribution = distribution.limited_to(values.saturating_add(told));
        }
        if !draft.free && !draft.unique && !follows {
            draft.distribution.grouped(maker.groups());
        }
        Ok(())
    }

    fn span(&self, draft: &mut Draft, unit: usize) -> Result<Field, Short> {
        let TypeKind::Range(subtype) = &self.column.type_.base().kind else {
            return Err(Short::Unfillable("it is no range".to_owned()));
        };
        let filled = self.about.rows - draft.distribution.nulls.min(self.about.rows);
        draft.distribution = free::own(draft.distribution.nulls, self.about.rows, filled);
        let domain = Domain::default();
        let ends = Maker::new(&Ask {
            table: &self.about.table.name.name,
            column: &self.column.name,
            type_: subtype,
            distinct: filled.saturating_mul(2),
            crowd: None,
            width: None,
            spread: Spread::Free,
            domain: &domain,
            avoid: &[],
            elements: None,
            json: None,
            seed: draft.key,
        })
        .map_err(|unfillable| Short::Unfillable(unfillable.0))?;
        if ends.distinct() < filled.saturating_mul(2) {
            return Err(Short::Room(
                ends.distinct() / 2,
                format!(
                    "{} has room for {} ranges that do not overlap",
                    self.column.name,
                    ends.distinct() / 2
                ),
            ));
        }
        Ok(Field::Span(Span { unit, ends }))
    }

    fn by_leaf(&self, draft: &mut Draft) -> Result<Field, Short> {
        let leaves = self.about.leaves.iter();
        let fields: Result<Vec<LeafField>, Short> =
            leaves.map(|leaf| self.in_leaf(draft, leaf)).collect();
        Ok(Field::ByLeaf(fields?))
    }

    /// The column in one partition: its values are within the bounds, spread evenly over them.
    fn in_leaf(&self, draft: &Draft, leaf: &Leaf) -> Result<LeafField, Short> {
        let bounds = leaf.domains.get(&self.place).cloned().unwrap_or_default();
        let Some(domain) = bounds.and(self.domain, &self.column.type_) else {
            return Err(Short::Unfillable(
                "no value of a partition satisfies its constraints".to_owned(),
            ));
        };
        let share = leaf.rows as f64 / self.about.rows.max(1) as f64;
        let distinct = if draft.unique || draft.free {
            leaf.rows
        } else {
            let scaled = draft.distribution.distinct() as f64 * share;
            super::statistics::whole(scaled.ceil()).clamp(1, leaf.rows)
        };
        let key = key(draft.key, &[&leaf.first.to_string()]);
        // Where the ends of a histogram are not told, it says nothing of the part within a partition's bounds.
        let spread = match self.spread() {
            Spread::Shape(..) if leaf.domains.contains_key(&self.place) => Spread::Free,
            spread => spread,
        };
        let maker = self.maker((distinct, None), (spread, &domain, &[]), key)?;
        if maker.distinct() == 0 {
            return Err(Short::Unfillable(
                "no value that leads to a partition satisfies its constraints".to_owned(),
            ));
        }
        if draft.unique && maker.distinct() < leaf.rows {
            return Err(Short::Unfillable(format!(
                "a partition has room for {} different values only",
                maker.distinct()
            )));
        }
        let mut distribution = free::own(0, leaf.rows, maker.distinct().min(distinct));
        if !draft.unique {
            distribution.grouped(maker.groups());
        }
        let in_order = draft.in_order || draft.distribution.correlation.is_some_and(|c| c > 0.5);
        let order = if in_order {
            Permutation::identity(leaf.rows)
        } else {
            Permutation::full(leaf.rows, key)
        };
        Ok(LeafField {
            first: leaf.first,
            unit: Unit {
                order,
                layout: distribution.layout(leaf.rows, key),
                follow: Follow::Itself,
                key,
            },
            own: Own {
                literals: Vec::new(),
                maker: Some(maker),
            },
        })
    }
}
