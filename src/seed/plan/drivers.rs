//! Columns whose values others tell, as extended statistics have seen it.

use super::drafts::{About, Draft};
use super::statistics::{Distribution, whole};
use crate::seed::generate::{Driver, Follow};
use crate::seed::profile::{ExtendedStats, Value};
use crate::seed::shape::{Layout, Permutation, mix};

/// Dependencies weaker than this are left out (ours): the planner hardly sees them either.
const LEAST_DEGREE: f64 = 0.3;
/// A column that differs from row to row tells everything, and says nothing.
const TELLS_NOTHING: f64 = 0.5;

/// Common combinations of two columns, by the values of the first.
type Combinations = Vec<(Value, Value, f64)>;

/// Lets columns follow those that determine them.
pub(super) fn arrange(about: &About<'_>, drafts: &mut [Draft]) {
    let Some(known) = about.known else { return };
    for statistics in &known.extended {
        for (from, to, degree) in dependencies(statistics) {
            let unit = |place: usize| {
                let column = about.table.column(statistics.columns.get(place)?)?;
                drafts.iter().position(|d| d.columns.contains(&column))
            };
            if let (Some(driver), Some(follower)) = (unit(from), unit(to))
                && fits(about, drafts, driver, follower)
            {
                let common = combinations(statistics, from, to);
                drafts[follower].follow = Follow::Driven(driver_of(
                    about,
                    drafts,
                    (driver, follower),
                    degree,
                    &common,
                ));
            }
        }
    }
}

/// Pairs of columns with how strongly the first determines the second, strongest first; pairs with common combinations
/// only have no degree.
fn dependencies(statistics: &ExtendedStats) -> Vec<(usize, usize, f64)> {
    let mut pairs: Vec<(usize, usize, f64)> = statistics
        .dependencies
        .iter()
        .filter_map(|(from, to, degree)| match from.as_slice() {
            [from] if *degree >= LEAST_DEGREE => Some((*from, *to, *degree)),
            _ => None,
        })
        .collect();
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
    if !statistics.most_common.is_empty() {
        for to in 1..statistics.columns.len() {
            pairs.push((0, to, 0.0));
        }
    }
    pairs
}

fn fits(about: &About<'_>, drafts: &[Draft], driver: usize, follower: usize) -> bool {
    let plain = |unit: usize| {
        let draft = &drafts[unit];
        !draft.unique && !draft.by_leaf && draft.order_of.is_none()
    };
    let leads = drafts
        .iter()
        .any(|d| matches!(&d.follow, Follow::Within { lead, .. } if *lead == follower));
    let distinct = drafts[driver].distribution.distinct() as f64;
    driver != follower
        && plain(driver)
        && plain(follower)
        && !drafts[follower].looked_up
        && !leads
        && matches!(drafts[follower].follow, Follow::Itself)
        && !follows(drafts, driver, follower)
        && distinct <= (TELLS_NOTHING * about.rows as f64).max(2.0)
}

/// Directly or through others.
fn follows(drafts: &[Draft], unit: usize, other: usize) -> bool {
    match &drafts[unit].follow {
        Follow::Driven(driver) => driver.unit == other || follows(drafts, driver.unit, other),
        Follow::Within { lead, .. } => *lead == other || follows(drafts, *lead, other),
        Follow::Itself => false,
    }
}

/// Combinations of two columns among those of all.
fn combinations(statistics: &ExtendedStats, from: usize, to: usize) -> Combinations {
    let mut found: Combinations = Vec::new();
    for (values, frequency) in &statistics.most_common {
        let (Some(Some(a)), Some(Some(b))) = (values.get(from), values.get(to)) else {
            continue;
        };
        if *a == Value::Untold || *b == Value::Untold {
            continue;
        }
        match found.iter_mut().find(|(x, y, _)| (x, y) == (a, b)) {
            Some((_, _, sum)) => *sum += frequency,
            None => found.push((a.clone(), b.clone(), *frequency)),
        }
    }
    found
}

fn driver_of(
    about: &About<'_>,
    drafts: &[Draft],
    (driver, follower): (usize, usize),
    degree: f64,
    combinations: &Combinations,
) -> Driver {
    let (from, to) = (&drafts[driver].distribution, &drafts[follower].distribution);
    let common = (from.values.iter().zip(&from.atoms)).map(|(value, atom)| {
        let mut sum = 0.0;
        let of_value = combinations.iter().filter(|(a, _, _)| a == value);
        let shares = of_value.filter_map(|(_, b, frequency)| {
            let number = to.values.iter().position(|other| other == b)?;
            sum += frequency / atom.frequency.max(*frequency);
            Some((sum.min(1.0), u32::try_from(number).ok()?))
        });
        shares.collect()
    });
    let common: Vec<Vec<(f64, u32)>> = common.collect();
    let (atoms, rest) = dealt(about, (from, to), &common, drafts[follower].key);
    Driver {
        unit: driver,
        degree,
        common,
        atoms,
        rest,
        scramble: Permutation::full(from.distinct().max(1), drafts[follower].key),
    }
}

/// Slots of the follower that are left.
struct Left {
    start: u64,
    slots: f64,
}

/// Deals the slots out to the driver's values, so that the follower's values keep their shares: what the common
/// combinations have not taken goes to the driver's other atoms, the largest to where most is left, and what is left
/// after them to all other values. The slot of each atom, and the slots of the others.
fn dealt(
    about: &About<'_>,
    (from, to): (&Distribution, &Distribution),
    common: &[Vec<(f64, u32)>],
    key: u64,
) -> (Vec<u64>, Vec<(u64, u64)>) {
    let layout = to.layout(about.rows, key);
    let mut left = parts(&layout);
    let rows = about.rows as f64;
    for (atom, shares) in from.atoms.iter().zip(common) {
        let mut before = 0.0;
        for (until, number) in shares {
            let taken = (until - before) * atom.frequency * rows;
            before = *until;
            if let Some((start, _)) = layout.slots_of_atom(*number)
                && let Some(part) = left.iter_mut().find(|part| part.start == start)
            {
                part.slots -= taken;
            }
        }
    }
    let mut order: Vec<usize> = (0..from.atoms.len()).collect();
    order.sort_by(|a, b| {
        from.atoms[*b]
            .frequency
            .total_cmp(&from.atoms[*a].frequency)
    });
    let mut slots = vec![0; from.atoms.len()];
    for atom in order {
        let told = common[atom].last().map_or(0.0, |(until, _)| *until);
        let most = left.iter_mut().max_by(|a, b| a.slots.total_cmp(&b.slots));
        if let Some(part) = most {
            // Anywhere in the part: it may be a run of many values.
            slots[atom] = part.start + mix(key ^ atom as u64) % whole(part.slots.max(1.0));
            part.slots -= (1.0 - told) * from.atoms[atom].frequency * rows;
        }
    }
    let rest = left.iter().filter(|part| part.slots >= 1.0);
    (
        slots,
        rest.map(|part| (part.start, whole(part.slots))).collect(),
    )
}

/// Atoms, and what lies between them.
fn parts(layout: &Layout) -> Vec<Left> {
    let parts = layout.parts().map(|(start, slots)| Left {
        start,
        slots: slots as f64,
    });
    parts.collect()
}
