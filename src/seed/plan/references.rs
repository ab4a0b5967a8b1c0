//! Which foreign keys give columns their values, and which follow from those.

use std::collections::BTreeSet;

use super::drafts::{About, Draft};
use super::keys::Trouble;
use super::options::Problem;
use super::planner::Planner;
use crate::seed::generate::Shared;
use crate::seed::schema::{Filled, ForeignKey, Name, Schema, Table};

/// The foreign key that fills a column, and the column's place in it.
pub(super) type FilledBy = Option<(usize, usize)>;

/// How foreign keys fill columns.
#[derive(Debug)]
pub(super) struct Chosen {
    /// By column.
    pub(super) filled: Vec<FilledBy>,
    /// By foreign key: the column that another one fills already.
    pub(super) shared: Vec<Option<Shared>>,
}

/// For every column the foreign key that fills it. A key whose columns others fill already must follow from them; one
/// that shares a column must refer to rows that have it from the same table.
pub(super) fn chosen(schema: &Schema, table: &Table, problems: &mut Vec<Problem>) -> Chosen {
    let mut chosen = Chosen {
        filled: vec![None; table.columns.len()],
        shared: vec![None; table.foreign_keys.len()],
    };
    let mut keys: Vec<usize> = (0..table.foreign_keys.len()).collect();
    // One over more columns says more.
    keys.sort_by_key(|key| std::cmp::Reverse(table.foreign_keys[*key].columns.len()));
    for number in keys {
        let key = &table.foreign_keys[number];
        let places: Option<Vec<usize>> = key.columns.iter().map(|c| table.column(c)).collect();
        let Some(places) = places else { continue };
        let generated =
            |place: &&usize| matches!(table.columns[**place].filled, Filled::Generated(_));
        if let Some(place) = places.iter().find(generated) {
            let reason = format!(
                "its column {} is generated, so that it cannot be made to refer to a row",
                table.columns[*place].name
            );
            problems.push(Problem::of(&table.name, &key.name, reason));
            continue;
        }
        let taken = |place: &usize| chosen.filled[*place].is_some();
        let shared = shares(schema, table, (key, &places), &chosen.filled);
        if !places.iter().any(taken) || shared.is_some() {
            chosen.shared[number] = shared;
            for (position, place) in places.iter().enumerate() {
                chosen.filled[*place].get_or_insert((number, position));
            }
        } else if !follows(schema, table, key, &places, &chosen.filled) {
            let reason = format!(
                "it shares columns with other foreign keys, and which rows all of them may refer to is not known: {}",
                key.columns.join(", ")
            );
            problems.push(Problem::of(&table.name, &key.name, reason));
        }
    }
    chosen
}

/// The one column of a key that another fills, if both referenced tables have it from the same column of a third.
fn shares(
    schema: &Schema,
    table: &Table,
    (key, places): (&ForeignKey, &[usize]),
    filled: &[FilledBy],
) -> Option<Shared> {
    let mut taken = (0..places.len()).filter(|position| filled[places[*position]].is_some());
    let (position, None) = (taken.next()?, taken.next()) else {
        return None;
    };
    if places.len() < 2 {
        return None;
    }
    let (other, at) = filled[places[position]]?;
    let other = &table.foreign_keys[other];
    let first = origin(schema, &other.references, other.referenced_columns.get(at)?)
        .unwrap_or((&other.references, other.referenced_columns.get(at)?));
    let referenced = key.referenced_columns.get(position)?;
    let second = origin(schema, &key.references, referenced)?;
    let target = schema.table(&key.references)?;
    (first == second && target.name != table.name).then_some(Shared {
        column: places[position],
        referenced: target.column(referenced)?,
    })
}

/// Columns of which rows with a given value are looked up, by table and place: another table's row has that value from
/// one foreign key, and refers to one of these rows by another.
pub(super) fn looked_up(schema: &Schema) -> BTreeSet<(Name, usize)> {
    let mut found = BTreeSet::new();
    for table in &schema.tables {
        let chosen = chosen(schema, table, &mut Vec::new());
        let keys = table.foreign_keys.iter().zip(chosen.shared);
        let columns =
            keys.filter_map(|(key, shared)| Some((key.references.clone(), shared?.referenced)));
        found.extend(columns);
    }
    found
}

/// Where a column has its values from: the one foreign key that it is a part of, and that it is alone in.
fn origin<'a>(schema: &'a Schema, table: &Name, column: &String) -> Option<(&'a Name, &'a String)> {
    let mut keys = schema.table(table)?.foreign_keys.iter();
    let key = keys.find(|key| key.columns.contains(column))?;
    if key.columns.len() > 1 || keys.any(|key| key.columns.contains(column)) {
        return None;
    }
    Some((&key.references, key.referenced_columns.first()?))
}

/// Rows refer to the table's rows by this column.
pub(super) fn is_referred_to(schema: &Schema, table: &Name, column: &String) -> bool {
    let mut keys = schema.tables.iter().flat_map(|other| &other.foreign_keys);
    keys.any(|key| key.references == *table && key.referenced_columns.contains(column))
}

/// References to tables that get no rows: what is said of those that may be null, or how many rows the table has room
/// for, and why.
pub(super) fn orphans(
    planner: &Planner<'_>,
    about: &About<'_>,
    drafts: &[Draft],
) -> Result<Vec<Problem>, Trouble> {
    let mut left = Vec::new();
    for draft in drafts.iter().filter(|d| d.parents == 0 && about.rows > 0) {
        let Some(number) = draft.foreign_key else {
            continue;
        };
        let key = &about.table.foreign_keys[number];
        let required = draft.columns.iter().any(|c| about.is_never_null(*c));
        let problem = |reason: &str| {
            let reason = format!(
                "{reason}: it refers to {}, which gets no rows",
                key.references
            );
            Problem::of(&about.table.name, &key.columns.join(", "), reason)
        };
        if !required {
            left.push(problem("left null"));
        } else if planner.schema.table(&key.references).is_none() {
            return Err(Trouble::Problem(problem("it may not be null")));
        } else {
            let reason = format!(
                "{} refers to {}, which gets none",
                key.columns.join(", "),
                key.references
            );
            return Err(Trouble::Room(0, reason));
        }
    }
    Ok(left)
}

/// Rows of other tables refer to the table's rows by this column and others: every value of it should have rows.
pub(super) fn is_shared(schema: &Schema, table: &Name, column: &String) -> bool {
    let keys = schema.tables.iter().flat_map(|other| &other.foreign_keys);
    keys.filter(|key| key.references == *table && key.columns.len() > 1)
        .any(|key| key.referenced_columns.contains(column))
}

/// Each of the columns refers to the same column of the same table in another way: directly, or through the row that
/// fills it, which refers there itself.
fn follows(
    schema: &Schema,
    table: &Table,
    key: &ForeignKey,
    places: &[usize],
    filled: &[FilledBy],
) -> bool {
    // Of two columns each could refer to another row.
    let mut by: Vec<Option<usize>> = places.iter().map(|p| filled[*p].map(|f| f.0)).collect();
    by.dedup();
    let [Some(other)] = by[..] else {
        return false;
    };
    let other = &table.foreign_keys[other];
    let target = (&key.references, &key.referenced_columns);
    let columns: Vec<String> = places
        .iter()
        .filter_map(|place| {
            let (_, position) = filled[*place]?;
            other.referenced_columns.get(position).cloned()
        })
        .collect();
    reaches(schema, (&other.references, &columns), target, 0)
}

/// The columns of a table hold a key of the target: they are it, or a foreign key of theirs leads there.
fn reaches(
    schema: &Schema,
    from: (&Name, &Vec<String>),
    target: (&Name, &Vec<String>),
    depth: usize,
) -> bool {
    const DEEPEST: usize = 16;
    if from == target {
        return true;
    }
    let Some(table) = schema.table(from.0).filter(|_| depth < DEEPEST) else {
        return false;
    };
    table.foreign_keys.iter().any(|key| {
        let through: Option<Vec<String>> = from
            .1
            .iter()
            .map(|column| {
                let at = key.columns.iter().position(|c| c == column)?;
                key.referenced_columns.get(at).cloned()
            })
            .collect();
        through
            .is_some_and(|columns| reaches(schema, (&key.references, &columns), target, depth + 1))
    })
}
