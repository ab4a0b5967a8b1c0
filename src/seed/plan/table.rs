//! The plan of one table.

use super::drafts::{self, About, Draft};
use super::drivers;
use super::fields;
use super::keys::{self, Trouble};
use super::options::Problem;
use super::partial;
use super::partitions;
use super::planner::Planner;
use super::prepared::Prepared;
use super::references;
use crate::seed::checks;
use crate::seed::generate::{Field, Follow, TableRows, Unit};
use crate::seed::schema::{Check, Filled, Table};
use crate::seed::shape::{Permutation, key};

/// A table that can be filled.
pub(super) struct Made {
    pub(super) rows: TableRows,
    /// Columns that are left to the server.
    pub(super) left: Vec<Problem>,
    /// Checks that were not understood, and why.
    pub(super) opaque: Vec<(Check, String)>,
    /// Keys of which only a server knows whether rows differ in them.
    pub(super) opaque_keys: Vec<OpaqueKey>,
}

/// A key over what is computed from a column that is unique.
#[derive(Debug)]
pub(crate) struct OpaqueKey {
    pub(crate) key: String,
    /// By its place.
    pub(crate) column: usize,
    /// As SQL.
    pub(crate) expression: String,
}

/// What came of planning a table.
pub(super) enum Outcome {
    Made(Box<Made>),
    /// There is room for so many rows only, and why.
    Room(u64, String),
}

/// Plans one table, or names everything in it that cannot be filled.
pub(super) fn make(planner: &Planner<'_>, place: usize) -> Result<Outcome, Vec<Problem>> {
    let source = &planner.schema.tables[place];
    let left_null = planner.left_null.get(&source.name);
    let left_null = left_null.map_or(&[][..], Vec::as_slice);
    let prepared = Prepared::of(source, left_null, false);
    if prepared.partial.is_empty() {
        return planned(planner, place, &prepared);
    }
    if !planner.strict.contains(&place)
        && prepared.understands_partial()
        && let Ok(made @ Outcome::Made(_)) = planned(planner, place, &prepared)
    {
        return Ok(made);
    }
    planned(planner, place, &Prepared::of(source, left_null, true))
}

fn planned(
    planner: &Planner<'_>,
    place: usize,
    prepared: &Prepared,
) -> Result<Outcome, Vec<Problem>> {
    let source = &planner.schema.tables[place];
    let mut problems = Vec::new();
    let table = &prepared.table;
    let known = planner.profile.and_then(|p| p.table(&table.name));
    let rows = planner.rows[place];
    let chosen = references::chosen(planner.schema, table, &mut problems);
    let (leaves, moved) = partitions::leaves(table, known, rows).map_err(|p| vec![p])?;
    let about = About {
        table,
        known,
        rows,
        chosen: &chosen,
        nulls: &prepared.understanding.nulls,
        domains: &prepared.understanding.domains,
        leaves: &leaves,
    };
    let mut drafts = drafts::drafts(planner, &about);
    let orphans = match references::orphans(planner, &about, &drafts) {
        Ok(left) => left,
        Err(Trouble::Problem(problem)) => return Err(vec![problem]),
        Err(Trouble::Room(rows, reason)) => return Ok(Outcome::Room(rows, reason)),
    };
    let spans = prepared.spans(&mut drafts, &mut problems);
    for key in prepared.keys() {
        match keys::keep(&about, &mut drafts, key) {
            Ok(()) => {}
            Err(Trouble::Problem(problem)) => problems.push(problem),
            Err(Trouble::Room(rows, reason)) => return Ok(Outcome::Room(rows, reason)),
        }
    }
    let Some(conditions) = partial::keep(&about, &mut drafts, &prepared.partial) else {
        return Err(problems);
    };
    refuse_shared_leaves(&about, &drafts, &mut problems);
    in_order(prepared, &mut drafts);
    drivers::arrange(&about, &mut drafts);
    let fields = fields::fields(
        planner,
        &about,
        &prepared.understanding,
        &mut drafts,
        &spans,
    );
    problems.extend(fields.problems);
    if let Some((rows, reason)) = fields.room {
        return Ok(Outcome::Room(rows, reason));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let units = units(&drafts, rows);
    if let Some((rows, reason)) = crowded(&about, &drafts, &units) {
        return Ok(Outcome::Room(rows, reason));
    }
    Ok(Outcome::Made(Box::new(Made {
        rows: assemble(
            prepared.understanding.rules.clone(),
            table,
            (rows, units),
            (fields.list, conditions.clone()),
            &drafts,
        ),
        left: unknown(planner, &about)
            .into_iter()
            .chain(moved)
            .chain(without_nulls(&about, &drafts))
            .chain(orphans)
            .chain(prepared.kept_out())
            .chain(partial::said(
                &about,
                &drafts,
                &prepared.partial,
                &conditions,
            ))
            .chain(fields.left)
            .collect(),
        opaque: prepared.opaque(source),
        opaque_keys: prepared.opaque_keys(),
    })))
}

/// What a profile does not tell of.
fn unknown(planner: &Planner<'_>, about: &About<'_>) -> Vec<Problem> {
    let table = about.table;
    let why = "the profile has no statistics of it: filled by its type and its name";
    if about.rows == 0 {
        return Vec::new();
    }
    match (planner.profile, about.known) {
        (None, _) => Vec::new(),
        (Some(_), None) => vec![Problem {
            table: table.name.clone(),
            subject: None,
            reason: why.to_owned(),
        }],
        (Some(_), Some(known)) => table
            .columns
            .iter()
            .filter(|c| !known.columns.contains_key(&c.name))
            .filter(|c| !matches!(c.filled, Filled::Generated(_)))
            .map(|column| Problem::of(&table.name, &column.name, why))
            .collect(),
    }
}

/// Columns that have nulls on the source, and none here: keys and what refers to them need a value in every row.
fn without_nulls(about: &About<'_>, drafts: &[Draft]) -> Vec<Problem> {
    let of = |place: usize| {
        let draft = drafts.iter().find(|d| d.columns.contains(&place))?;
        let column = &about.table.columns[place];
        let known = about.known?.columns.get(&column.name)?;
        let changed = known.null_frac * about.rows as f64 >= 1.0
            && draft.distribution.nulls == 0
            && !about.is_never_null(place);
        let reason = "without nulls: a key needs a value in every row";
        changed.then(|| Problem::of(&about.table.name, &column.name, reason))
    };
    (0..about.table.columns.len()).filter_map(of).collect()
}

/// A foreign key's column that decides about the partition would have to be laid out for each of them.
fn refuse_shared_leaves(about: &About<'_>, drafts: &[Draft], problems: &mut Vec<Problem>) {
    let by_leaf = |column: usize| about.leaves.iter().any(|l| l.domains.contains_key(&column));
    for draft in drafts.iter().filter(|d| d.foreign_key.is_some()) {
        if let Some(column) = draft.columns.iter().find(|column| by_leaf(**column)) {
            problems.push(Problem::of(
                &about.table.name,
                &about.table.columns[*column].name,
                "it decides about the partition and refers to another table: which rows it may refer to is not known for each partition",
            ));
        }
    }
}

/// The later of two times has the order of the earlier, so that rows with an early one have an early other.
fn in_order(prepared: &Prepared, drafts: &mut [Draft]) {
    let ordered = prepared.understanding.rules.ordered();
    for (earlier, later) in prepared.pairs.iter().chain(&ordered) {
        let unit = |column: usize| drafts.iter().position(|d| d.columns == [column]);
        let (Some(first), Some(second)) = (unit(*earlier), unit(*later)) else {
            continue;
        };
        let plain = |draft: &Draft| matches!(draft.follow, Follow::Itself) && !draft.by_leaf;
        if plain(&drafts[first]) && plain(&drafts[second]) && drafts[first].order_of.is_none() {
            drafts[second].order_of = Some(first);
        }
    }
}

fn units(drafts: &[Draft], rows: u64) -> Vec<Unit> {
    let order = |draft: &Draft| {
        if draft.in_order {
            Permutation::identity(rows)
        } else {
            draft.distribution.order(rows, draft.key)
        }
    };
    drafts
        .iter()
        .map(|draft| Unit {
            order: order(draft.order_of.map_or(draft, |other| &drafts[other])),
            layout: draft.distribution.layout(rows, draft.key),
            follow: draft.follow.clone(),
            key: key(draft.key, &["unit"]),
        })
        .collect()
}

/// A part of a key that has fewer values than some value of its lead has rows, and how many rows it has room for.
fn crowded(about: &About<'_>, drafts: &[Draft], units: &[Unit]) -> Option<(u64, String)> {
    (units.iter().zip(drafts)).find_map(|(unit, draft)| {
        let Follow::Within {
            lead,
            divisor,
            differs,
            ..
        } = &unit.follow
        else {
            return None;
        };
        let last = !units.iter().any(
            |other| matches!(&other.follow, Follow::Within { lead: l, divisor: d, .. } if l == lead && d > divisor),
        );
        let lead = &units[*lead].layout;
        let values = unit.layout.values().saturating_sub(u64::from(*differs));
        let room = values.saturating_mul(*divisor);
        if !last || lead.largest() <= room {
            return None;
        }
        let most = (lead.values().saturating_mul(room) / 2).min(about.rows / 2);
        let column = &about.table.columns[draft.columns[0]].name;
        Some((most.max(1), format!("{column} has {} different values only", unit.layout.values())))
    })
}

fn assemble(
    rules: checks::Rules,
    table: &Table,
    (rows, units): (u64, Vec<Unit>),
    (fields, conditions): (Vec<Field>, Vec<Option<usize>>),
    drafts: &[Draft],
) -> TableRows {
    let fixed = |column: usize| {
        let draft = drafts.iter().find(|d| d.columns.contains(&column));
        // A column without a draft is the server's; one that leads to a partition leads to another when it changes.
        draft.is_none_or(|draft| draft.fixed || draft.by_leaf || draft.foreign_key.is_some())
    };
    // Of several columns that refer to a row together each would refer to another.
    let redrawn = |column: usize| {
        let mut drafts = drafts.iter();
        let draft = drafts.find(|d| d.columns.contains(&column));
        draft.is_some_and(|draft| {
            !draft.fixed && !draft.by_leaf && !draft.shared && draft.columns.len() == 1
        })
    };
    let copied: Vec<usize> = (0..fields.len())
        .filter(|column| !matches!(fields[*column], Field::Omitted))
        .collect();
    let generated = |column: usize| matches!(table.columns[column].filled, Filled::Generated(_));
    TableRows {
        name: table.name.clone(),
        rows,
        units,
        columns: copied
            .iter()
            .map(|column| table.columns[*column].name.clone())
            .collect(),
        copied,
        fixed: (0..fields.len()).map(fixed).collect(),
        redrawn: (0..fields.len()).map(redrawn).collect(),
        nullable: (0..fields.len())
            .map(|column| !table.columns[column].is_never_null() && !generated(column))
            .collect(),
        rules,
        conditions,
        fields,
    }
}
