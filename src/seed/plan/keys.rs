//! What must be unique, made so by how its columns are laid out.

use super::drafts::{About, Draft};
use super::expressions;
use super::free;
use super::options::Problem;
use crate::seed::generate::Follow;
use crate::seed::schema::{Key, Table};

/// From this share of the rows on, a column's values are as good as unique: it can be made so (ours).
const NEARLY_UNIQUE: f64 = 0.9;

/// Why a key cannot be kept as things are.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is room for so many rows only.
    Room(u64, String),
    /// It cannot be kept.
    Problem(Problem),
}

/// Arranges the drafts so that the key holds.
pub(super) fn keep(about: &About<'_>, drafts: &mut [Draft], key: &Key) -> Result<(), Trouble> {
    let table = about.table;
    let Some(units) = units(table, drafts, key) else {
        return by_expression(about, drafts, key);
    };
    let never_there = |unit: &usize| drafts[*unit].distribution.nulls >= about.rows;
    if holds(drafts, &units) || !key.nulls_not_distinct && units.iter().any(never_there) {
        return Ok(());
    }
    // Which row a shared one refers to is not its own choice: the others have to tell the rows apart.
    let own: Vec<usize> = units
        .iter()
        .copied()
        .filter(|unit| !drafts[*unit].shared)
        .collect();
    if own.len() < units.len().min(2) {
        return Err(problem(
            table,
            key,
            "a column of it refers to rows that another foreign key has a part in choosing",
        ));
    }
    match own.as_slice() {
        [] => Err(problem(table, key, "it has no column that is filled")),
        [only] => make_unique(about, &mut drafts[*only], key),
        _ => together(about, drafts, &own, key),
    }
}

/// The drafts of the key's columns; `None` where a part of it is an expression, or not filled.
pub(super) fn units(table: &Table, drafts: &[Draft], key: &Key) -> Option<Vec<usize>> {
    let mut units = Vec::new();
    for column in &key.columns {
        let place = table.column(column.as_ref()?)?;
        let unit = drafts.iter().position(|d| d.columns.contains(&place))?;
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    Some(units)
}

fn holds(drafts: &[Draft], units: &[usize]) -> bool {
    units.iter().any(|unit| {
        let alone = drafts[*unit].unique;
        let paired = matches!(&drafts[*unit].follow,
            Follow::Within { lead, divisor: 1, .. } if units.contains(lead));
        alone || paired
    })
}

fn problem(table: &Table, key: &Key, reason: &str) -> Trouble {
    Trouble::Problem(Problem::of(&table.name, &key.name, reason))
}

/// An expression of one column, such as `lower(email)`, differs where the column does.
fn by_expression(about: &About<'_>, drafts: &mut [Draft], key: &Key) -> Result<(), Trouble> {
    let telling = telling(about.table, key);
    let named: Vec<usize> = (0..drafts.len())
        .filter(|unit| {
            let draft = &drafts[*unit];
            draft.foreign_key.is_none() && draft.columns.iter().any(|c| telling.contains(c))
        })
        .collect();
    if let Some(unit) = named.iter().find(|unit| drafts[**unit].unique) {
        drafts[*unit].fixed = true;
        return Ok(());
    }
    // What tells a tenant's rows apart stands behind the tenant, and has more values.
    let values = |unit: &&usize| drafts[**unit].distribution.distinct();
    let told = named.iter().max_by_key(values).copied();
    let only_the_server_knows = || {
        let (place, _) = opaque(about.table, key)?;
        drafts.iter().position(|d| d.columns == [place])
    };
    match told.or_else(only_the_server_knows) {
        Some(unit) => {
            drafts[unit].fixed = true;
            make_unique(about, &mut drafts[unit], key)
        }
        None => Err(problem(
            about.table,
            key,
            "it is over an expression, and which values of its columns make it unique is not known",
        )),
    }
}

/// Of a key that nothing else tells about: a column of texts, and what is computed from it. It is made unique, and the
/// server is asked whether that is, too.
pub(super) fn opaque(table: &Table, key: &Key) -> Option<(usize, String)> {
    let is_told = key.columns.iter().all(Option::is_some) || key.predicate.is_some();
    if is_told || !telling(table, key).is_empty() {
        return None;
    }
    let parts = expressions::opaque(table, key).into_iter();
    let mut of_texts = parts.filter_map(|(column, expression)| {
        let place = table.column(&column)?;
        let refers = table
            .foreign_keys
            .iter()
            .any(|key| key.columns.contains(&column));
        let tells = free::is_text(&table.columns[place]) && !refers;
        tells.then_some((place, expression))
    });
    of_texts.next()
}

/// Columns of a key that tell its rows apart by themselves, by their place.
pub(super) fn telling(table: &Table, key: &Key) -> Vec<usize> {
    let parts = expressions::parts(table, key);
    parts
        .iter()
        .filter_map(|part| {
            let place = table.column(&part.column)?;
            let column = &table.columns[place];
            let tells = free::tells_rows_apart(column) && (!part.of_text || free::is_text(column));
            tells.then_some(place)
        })
        .collect()
}

fn make_unique(about: &About<'_>, draft: &mut Draft, key: &Key) -> Result<(), Trouble> {
    if matches!(draft.follow, Follow::Within { .. }) {
        return Err(problem(
            about.table,
            key,
            "a column of it is part of another key already, which it would have to be unique beside",
        ));
    }
    if key.nulls_not_distinct {
        // One row could be without a value; it is none.
        draft.distribution.nulls = 0;
    }
    let filled = about.rows - draft.distribution.nulls.min(about.rows);
    if draft.foreign_key.is_some() && filled > draft.parents {
        return Err(Trouble::Room(
            draft.parents,
            format!(
                "{} can refer to {} rows only, each once",
                key.name, draft.parents
            ),
        ));
    }
    draft.unique = true;
    draft.fixed = true;
    draft.distribution =
        std::mem::replace(&mut draft.distribution, free::own(0, 0, 0)).made_unique(about.rows);
    if draft.free && draft.foreign_key.is_none() && key.primary {
        draft.in_order = true;
    }
    Ok(())
}

/// Several columns that are unique together.
fn together(
    about: &About<'_>,
    drafts: &mut [Draft],
    units: &[usize],
    key: &Key,
) -> Result<(), Trouble> {
    if let Some(unit) = tells_apart(about, drafts, units) {
        return make_unique(about, &mut drafts[unit], key);
    }
    if let Some(unit) = only_one_that_varies(about, drafts, units) {
        return make_unique(about, &mut drafts[unit], key);
    }
    let free_units: Vec<usize> = units
        .iter()
        .copied()
        .filter(|unit| matches!(drafts[*unit].follow, Follow::Itself))
        .collect();
    let looked_up = |unit: &usize| drafts[*unit].looked_up;
    // Of equal ones the first of the key: rows are more often read, and stored, by it.
    let most = free_units.iter().copied().reduce(|best, unit| {
        let distinct = |unit: usize| drafts[unit].distribution.distinct();
        if distinct(unit) > distinct(best) && drafts[unit].foreign_key.is_some() {
            unit
        } else {
            best
        }
    });
    let lead = free_units.iter().copied().find(looked_up).or(most);
    let leads_already = |unit: usize| {
        drafts
            .iter()
            .any(|draft| matches!(&draft.follow, Follow::Within { lead, .. } if *lead == unit))
    };
    let mut followers: Vec<usize> = free_units
        .iter()
        .copied()
        .filter(|unit| Some(*unit) != lead && !leads_already(*unit) && !looked_up(unit))
        .collect();
    let (Some(lead), false) = (lead, followers.is_empty()) else {
        return Err(problem(
            about.table,
            key,
            "its columns are parts of other keys already, and which combinations are left is not known",
        ));
    };
    // Those that can be numbered first, then those with the most values.
    followers.sort_by_key(|unit| {
        let draft = &drafts[*unit];
        (
            !is_numbered(about, draft),
            std::cmp::Reverse(draft.distribution.distinct()),
        )
    });
    follow(about, drafts, lead, &followers, key)
}

/// Its values differ in nearly every row that has one.
pub(super) fn is_nearly_unique(about: &About<'_>, draft: &Draft) -> bool {
    let filled = about.rows - draft.distribution.nulls.min(about.rows);
    draft.distribution.distinct() as f64 >= NEARLY_UNIQUE * filled as f64
}

/// A column whose values differ for nearly every row anyway, or one that each partition has its own values of.
fn tells_apart(about: &About<'_>, drafts: &[Draft], units: &[usize]) -> Option<usize> {
    let own = |unit: &&usize| drafts[**unit].foreign_key.is_none();
    let differs = |unit: &&usize| {
        let draft = &drafts[**unit];
        let column = &about.table.columns[draft.columns[0]];
        if draft.free {
            free::tells_rows_apart(column) && most_values(about, draft) >= about.rows
        } else {
            is_nearly_unique(about, draft)
        }
    };
    let by_leaf = |unit: &&usize| drafts[**unit].by_leaf;
    // A list names the values of a partition, which are few.
    let listed = |unit: &&usize| {
        let mut domains = about.leaves.iter().map(|leaf| &leaf.domains);
        let column = drafts[**unit].columns[0];
        domains.any(|of| of.get(&column).is_some_and(|d| d.one_of.is_some()))
    };
    let own_units = || units.iter().filter(own);
    let numbered = |unit: &&usize| {
        let draft = &drafts[**unit];
        draft.free
            && !draft.by_leaf
            && is_numbered(about, draft)
            && most_values(about, draft) == u64::MAX
    };
    // The bounds of a partition leave room for many times, and for few numbers.
    own_units()
        .filter(|unit| !by_leaf(unit))
        .find(differs)
        .or_else(|| {
            let mut bounded = own_units().filter(|unit| by_leaf(unit) && !listed(unit));
            bounded.find(differs)
        })
        .or_else(|| {
            let leaves = own_units().any(|unit| by_leaf(&unit));
            own_units().filter(|_| leaves).find(numbered)
        })
        .or_else(|| own_units().find(by_leaf))
        .copied()
}

/// The column beside which all others of the key have one value only, as an enum of one label has.
fn only_one_that_varies(about: &About<'_>, drafts: &[Draft], units: &[usize]) -> Option<usize> {
    let varies = |unit: &&usize| most_values(about, &drafts[**unit]) > 1;
    let mut vary = units.iter().filter(varies);
    let only = vary.next().filter(|_| vary.next().is_none());
    only.copied()
}

fn is_numbered(about: &About<'_>, draft: &Draft) -> bool {
    let whole = |c: &usize| free::integer_bytes(&about.table.columns[*c].type_).is_some();
    draft.foreign_key.is_none() && draft.columns.iter().all(whole)
}

/// Values that the columns can have at most.
fn most_values(about: &About<'_>, draft: &Draft) -> u64 {
    let of =
        |place: &usize| free::most_values(&about.table.columns[*place], &about.domains[*place]);
    draft.columns.iter().map(of).min().unwrap_or(u64::MAX)
}

fn follow(
    about: &About<'_>,
    drafts: &mut [Draft],
    lead: usize,
    followers: &[usize],
    key: &Key,
) -> Result<(), Trouble> {
    let mut divisor: u64 = 1;
    let mut room: u64 = 1;
    // Other columns of the key may change: these keep its rows apart by themselves.
    drafts[lead].fixed = true;
    for unit in followers {
        let largest = drafts[lead].largest(about.rows);
        if room >= largest && divisor > 1 {
            break;
        }
        let wanted = largest.div_ceil(divisor);
        let most = most_values(about, &drafts[*unit]);
        // Of few values each should have rows, not the first of them alone.
        let numbered =
            is_numbered(about, &drafts[*unit]) && most > free::FEW_VALUES && wanted <= most;
        if numbered {
            let distribution = &mut drafts[*unit].distribution;
            distribution.nulls = 0;
            distribution.at_least(wanted);
            distribution.level();
        }
        let differs = refer_alike(about, &drafts[lead], &drafts[*unit]);
        if differs {
            let values = drafts[lead].distribution.distinct();
            drafts[*unit].distribution.at_least(values);
            drafts[*unit].distribution = drafts[*unit].distribution.clone().limited_to(values);
        }
        let values = drafts[*unit].distribution.distinct();
        let values = values.saturating_sub(u64::from(differs)).max(1);
        drafts[*unit].fixed = true;
        drafts[*unit].follow = Follow::Within {
            lead,
            numbered,
            divisor,
            differs,
        };
        drafts[*unit].distribution.nulls = 0;
        room = room.saturating_mul(values);
        divisor = divisor.saturating_mul(values);
        if room >= largest {
            break;
        }
    }
    let draft = &mut drafts[lead];
    if draft.free {
        draft.in_order = true;
    }
    if key.nulls_not_distinct {
        draft.distribution.nulls = 0;
    }
    draft.distribution =
        std::mem::replace(&mut draft.distribution, free::own(0, 0, 0)).held_below(room, about.rows);
    if draft.largest(about.rows) > room {
        let most = draft.distribution.distinct().saturating_mul(room) / 2;
        return Err(Trouble::Room(
            most.max(1),
            format!("{} has room for about {most} different rows", key.name),
        ));
    }
    Ok(())
}

/// Both refer to the same columns of the same table.
fn refer_alike(about: &About<'_>, one: &Draft, other: &Draft) -> bool {
    let target = |draft: &Draft| {
        let key = &about.table.foreign_keys[draft.foreign_key?];
        Some((&key.references, &key.referenced_columns))
    };
    target(one).is_some() && target(one) == target(other)
}

impl Draft {
    fn largest(&self, rows: u64) -> u64 {
        self.distribution.layout(rows, self.key).largest()
    }
}
