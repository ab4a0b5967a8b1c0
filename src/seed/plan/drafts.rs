//! What a table's columns and foreign keys draw, before it is laid out.

use super::estimator;
use super::free;
use super::partitions::Leaf;
use super::planner::Planner;
use super::references::{self, Chosen};
use super::statistics::{Distribution, whole};
use crate::seed::checks::Nulls;
use crate::seed::domain::Domain;
use crate::seed::generate::Follow;
use crate::seed::profile::{ColumnStats, Histogram, TableProfile};
use crate::seed::schema::{Filled, Table};
use crate::seed::shape::{Piece, key};

/// A unit while it is planned.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The columns that it fills, by their place.
    pub(super) columns: Vec<usize>,
    /// The foreign key that it draws rows for, by its place in the table.
    pub(super) foreign_key: Option<usize>,
    /// Rows of the referenced table.
    pub(super) parents: u64,
    /// How it is distributed.
    pub(super) distribution: Distribution,
    /// Nothing was known of it.
    pub(super) free: bool,
    /// No two rows have the same value.
    pub(super) unique: bool,
    /// It keeps the rows of a key apart, or others refer to it: its values cannot be changed one by one.
    pub(super) fixed: bool,
    /// What it follows.
    pub(super) follow: Follow,
    /// Rows are in the order of its values, or as the distribution says.
    pub(super) in_order: bool,
    /// It has the order of another, by its place.
    pub(super) order_of: Option<usize>,
    /// It decides about the partition.
    pub(super) by_leaf: bool,
    /// It refers to rows that another foreign key has a part in choosing.
    pub(super) shared: bool,
    /// Rows of other tables look up which rows have a value of it, or a partial unique index counts them, which only a
    /// unit that follows no other tells.
    pub(super) looked_up: bool,
    /// Makes it differ from others.
    pub(super) key: u64,
}

/// What is known of the table that units are drafted for.
pub(super) struct About<'a> {
    pub(super) table: &'a Table,
    pub(super) known: Option<&'a TableProfile>,
    pub(super) rows: u64,
    pub(super) chosen: &'a Chosen,
    pub(super) nulls: &'a [Nulls],
    pub(super) domains: &'a [Domain],
    pub(super) leaves: &'a [Leaf],
}

/// One draft for each foreign key that fills columns, and one for each other column that is filled.
pub(super) fn drafts(planner: &Planner<'_>, about: &About<'_>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    for (place, filled_by) in about.chosen.filled.iter().enumerate() {
        if let Some((number, _)) = filled_by {
            match drafts.iter_mut().find(|d| d.foreign_key == Some(*number)) {
                Some(draft) => draft.columns.push(place),
                None => drafts.push(of_reference(planner, about, *number, place)),
            }
        } else if !matches!(about.table.columns[place].filled, Filled::Generated(_)) {
            drafts.push(of_column(planner, about, place));
        }
    }
    // Rows that refer to these columns compute their values from the row's number.
    let table = &about.table.name;
    let is_referred_to = |place: &usize| {
        references::is_referred_to(planner.schema, table, &about.table.columns[*place].name)
    };
    for draft in &mut drafts {
        draft.fixed = draft.columns.iter().any(is_referred_to);
    }
    drafts
}

fn empty(columns: usize, key: u64) -> Draft {
    Draft {
        columns: vec![columns],
        foreign_key: None,
        parents: 0,
        distribution: free::own(0, 0, 0),
        free: false,
        unique: false,
        fixed: false,
        follow: Follow::Itself,
        in_order: false,
        order_of: None,
        by_leaf: false,
        shared: false,
        looked_up: false,
        key,
    }
}

fn of_column(planner: &Planner<'_>, about: &About<'_>, place: usize) -> Draft {
    let column = &about.table.columns[place];
    let key = key(
        planner.options.seed,
        &[
            &about.table.name.schema,
            &about.table.name.name,
            &column.name,
        ],
    );
    let mut draft = empty(place, key);
    draft.by_leaf = about.leaves.iter().any(|l| l.domains.contains_key(&place));
    let stats = about
        .known
        .and_then(|known| known.columns.get(&column.name));
    draft.distribution = if let Some(stats) = stats {
        let distinct = scaled_distinct(stats, about.rows);
        let mut measured = Distribution::measured(stats, about.rows, distinct, key);
        let most = about.rows - measured.nulls.min(about.rows);
        estimator::fit(&mut measured, stats, (about.rows, most), distinct, key);
        measured
    } else {
        draft.free = true;
        draft.in_order = free::grows_with_rows(column);
        // How many values there can be is known when they are made.
        let most = free::most_values(column, &about.domains[place]);
        free::own(free::nulls(column, about.rows), about.rows, most)
    };
    draft.distribution.nulls = allowed(planner, about, &[place], draft.distribution.nulls);
    draft
}

fn of_reference(planner: &Planner<'_>, about: &About<'_>, number: usize, place: usize) -> Draft {
    let foreign_key = &about.table.foreign_keys[number];
    let key = key(
        planner.options.seed,
        &[
            &about.table.name.schema,
            &about.table.name.name,
            &foreign_key.name,
        ],
    );
    let mut draft = empty(place, key);
    draft.foreign_key = Some(number);
    draft.parents = planner.rows_of(&foreign_key.references);
    let places: Vec<usize> = foreign_key
        .columns
        .iter()
        .filter_map(|name| about.table.column(name))
        .collect();
    // Of several columns the one with the most values tells most about the rows referred to.
    let stats = places
        .iter()
        .filter_map(|place| {
            let name = &about.table.columns[*place].name;
            about.known?.columns.get(name)
        })
        .max_by(|a, b| {
            let distinct = |s: &ColumnStats| scaled_distinct(s, about.rows);
            distinct(a).total_cmp(&distinct(b))
        });
    let source = planner.known_rows(&foreign_key.references);
    draft.distribution = if let Some(stats) = stats {
        let known = about.known.map_or(0.0, |known| known.rows);
        measured_reference(stats, about.rows, (known, source, draft.parents), key)
    } else {
        draft.free = true;
        let nulls = free::nulls(&about.table.columns[place], about.rows);
        free::reference(nulls, about.rows, draft.parents, key)
    };
    draft.distribution.nulls = allowed(planner, about, &places, draft.distribution.nulls);
    draft.shared = about.chosen.shared[number].is_some();
    let looked_up = |place: &usize| {
        let column = (about.table.name.clone(), *place);
        planner.looked_up.contains(&column)
    };
    draft.looked_up = places.iter().any(looked_up);
    let is_shared = |place: &usize| {
        let column = &about.table.columns[*place].name;
        references::is_shared(planner.schema, &about.table.name, column)
    };
    if places.iter().any(is_shared) {
        draft.distribution.at_least(draft.parents);
    }
    if draft.parents == 0 {
        draft.distribution.nulls = about.rows;
    }
    draft
}

/// References of a column with statistics: as many of the parents as on the source, and where its values lie there.
fn measured_reference(
    stats: &ColumnStats,
    rows: u64,
    (known_rows, known_parents, parents): (f64, Option<f64>, u64),
    key: u64,
) -> Distribution {
    let distinct = if stats.n_distinct < 0.0 {
        -stats.n_distinct * known_rows
    } else {
        stats.n_distinct
    };
    let used = match known_parents {
        Some(known) if known >= 1.0 => (distinct / known).min(1.0) * parents as f64,
        _ => distinct,
    };
    let used = used.round().clamp(1.0, parents.max(1) as f64);
    let mut distribution = Distribution::measured(stats, rows, used, key).limited_to(whole(used));
    let others: u64 = distribution.pieces.iter().map(|p| p.values).sum();
    if let Some(positions) = positions(&stats.histogram) {
        distribution.laid_over(pieces(&positions, others));
    }
    estimator::fit(&mut distribution, stats, (rows, parents), used, key);
    distribution
}

/// Where the bounds lie between the first and the last, of numbers.
fn positions(histogram: &Histogram) -> Option<Vec<f64>> {
    match histogram {
        Histogram::Shape(shape) => Some(shape.positions.clone()),
        Histogram::Kept(bounds) => {
            let numbers: Option<Vec<f64>> = bounds.iter().map(|b| b.parse().ok()).collect();
            let numbers = numbers?;
            let (low, high) = (*numbers.first()?, *numbers.last()?);
            let span = high - low;
            (span > 0.0 && span.is_finite())
                .then(|| numbers.iter().map(|n| (n - low) / span).collect())
        }
        _ => None,
    }
}

/// Between two bounds are as many rows as between the next two, and more or fewer values.
fn pieces(positions: &[f64], values: u64) -> Vec<Piece> {
    let share = 1.0 / (positions.len().max(2) - 1) as f64;
    let mut pieces: Vec<Piece> = Vec::with_capacity(positions.len());
    let (mut before, mut waiting) = (0, 0.0);
    for position in positions.iter().skip(1) {
        let until = whole(position * values as f64 + 0.5).clamp(before, values);
        waiting += share;
        if until > before {
            pieces.push(Piece {
                values: until - before,
                share: waiting,
            });
            waiting = 0.0;
        }
        before = until;
    }
    if let Some(last) = pieces.last_mut() {
        last.values += values - before;
        last.share += waiting;
    } else {
        pieces.push(Piece { values, share: 1.0 });
    }
    pieces
}

/// Distinct values in as many rows. Of a type without an equality operator (json, xml, point) ANALYZE counts none: all
/// are taken to differ.
fn scaled_distinct(stats: &ColumnStats, rows: u64) -> f64 {
    if stats.n_distinct < 0.0 {
        -stats.n_distinct * rows as f64
    } else if stats.n_distinct <= 0.0 {
        (1.0 - stats.null_frac) * rows as f64
    } else {
        stats.n_distinct.min(rows as f64)
    }
}

/// Nulls that constraints allow in all of the columns.
fn allowed(planner: &Planner<'_>, about: &About<'_>, places: &[usize], nulls: u64) -> u64 {
    let referred = |place: &usize| {
        let column = &about.table.columns[*place].name;
        references::is_referred_to(planner.schema, &about.table.name, column)
    };
    if places.iter().any(|p| about.is_never_null(*p)) {
        0
    } else if places.iter().any(|p| about.nulls[*p] == Nulls::Always) {
        about.rows
    } else if places.iter().any(referred) {
        // A row without a key is none that others could refer to.
        0
    } else {
        nulls.min(about.rows)
    }
}

impl About<'_> {
    /// NOT NULL, or by a constraint.
    pub(super) fn is_never_null(&self, place: usize) -> bool {
        self.table.columns[place].is_never_null() || self.nulls[place] == Nulls::Never
    }
}
