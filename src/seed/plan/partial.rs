//! Partial unique indexes over columns that are not unique in all rows, such as one of what is deleted.

use super::drafts::{About, Draft};
use super::keys;
use super::options::Problem;
use crate::seed::generate::Follow;
use crate::seed::schema::Key;

/// Of each index the unit of which rows beyond the first of each value have to stay out of it; `None` where all rows may
/// be in it. Nothing where an index cannot be kept like that.
pub(super) fn keep(
    about: &About<'_>,
    drafts: &mut Vec<Draft>,
    keys: &[Key],
) -> Option<Vec<Option<usize>>> {
    let kept = keys.iter().map(|key| {
        if of_all_rows(about, drafts, key) {
            Some(None)
        } else {
            one_of_each_value(about, drafts, key).map(Some)
        }
    });
    kept.collect()
}

/// Lets the key hold in all rows, where that changes little: of several columns that are unique together, and of one
/// that nearly is.
fn of_all_rows(about: &About<'_>, drafts: &mut Vec<Draft>, key: &Key) -> bool {
    let Some(units) = keys::units(about.table, drafts, key) else {
        return false;
    };
    let is_unique = |unit: &usize| {
        let draft = &drafts[*unit];
        draft.unique || !draft.free && keys::is_nearly_unique(about, draft)
    };
    if units.len() < 2 && !units.iter().any(is_unique) {
        return false;
    }
    let mut trial = drafts.clone();
    let kept = keys::keep(about, &mut trial, key).is_ok();
    if kept {
        *drafts = trial;
    }
    kept
}

/// A unit whose values are counted as the rows are laid out: of rows with the same value the first is known.
fn one_of_each_value(about: &About<'_>, drafts: &mut [Draft], key: &Key) -> Option<usize> {
    let units = keys::units(about.table, drafts, key)?;
    let is_of_key = |column: &usize| {
        let name = &about.table.columns[*column].name;
        key.columns.contains(&Some(name.clone()))
    };
    let counts = |unit: &usize| {
        let draft = &drafts[*unit];
        let plain = !draft.shared && !draft.by_leaf && matches!(draft.follow, Follow::Itself);
        // Different rows of another table may have the same value in a part of their key.
        plain && draft.columns.iter().all(is_of_key)
    };
    let values = |unit: &usize| drafts[*unit].distribution.distinct();
    let units = units.into_iter().filter(counts);
    let unit = units
        .max_by_key(values)
        .filter(|_| !key.nulls_not_distinct)?;
    drafts[unit].fixed = true;
    drafts[unit].looked_up = true;
    Some(unit)
}

/// What is done otherwise than on the source.
pub(super) fn said<'a>(
    about: &'a About<'_>,
    drafts: &'a [Draft],
    keys: &'a [Key],
    conditions: &'a [Option<usize>],
) -> impl Iterator<Item = Problem> + 'a {
    let held = keys.iter().zip(conditions);
    held.filter_map(|(key, unit)| {
        let column = &about.table.columns[*drafts[(*unit)?].columns.first()?].name;
        let reason = format!("at most one row of each {column} is in this partial index");
        Some(Problem::of(&about.table.name, &key.name, reason))
    })
}
