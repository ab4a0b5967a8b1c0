//! How the rows of a column are laid out over its values, in the order of values.

use super::mix::mix;

/// A value that has more rows than others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Atom {
    /// Its share of all rows, nulls included.
    pub(crate) frequency: f64,
    /// How many of the other values come before it.
    pub(crate) after: u64,
}

/// Other values, with their share of the rows that are neither null nor an atom's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    /// How many values.
    pub(crate) values: u64,
    /// Their share; all pieces' shares add up to 1.
    pub(crate) share: f64,
}

/// From the slot of a row (its place in the order of values) to its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    segments: Vec<Segment>,
    /// Slots that are not null; nulls take the last ones.
    filled: u64,
    /// Values, atoms included.
    values: u64,
    key: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    start: u64,
    rows: u64,
    /// Values before it, atoms included.
    first: u64,
    /// Atoms before it.
    atoms: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// An atom by its number.
    Atom(u32),
    /// So many values that are no atoms.
    Run(u64),
}

/// The value of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The value's number in the order of all values, atoms included.
    pub(crate) ordinal: u64,
    /// Its number among those that are no atoms; of an atom, how many of them come before it.
    pub(crate) rest: u64,
    /// The atom's number, where it is one.
    pub(crate) atom: Option<u32>,
    /// How many slots of the same value come before this one.
    pub(crate) nth: u64,
    /// How many slots the value has.
    pub(crate) of: u64,
}

impl Layout {
    /// Lays out `rows` rows, the last `nulls` of them null. Atoms are in the order of values. There are never more
    /// values than rows for them, and every value has a row.
    pub(crate) fn new(rows: u64, nulls: u64, atoms: &[Atom], pieces: &[Piece], key: u64) -> Self {
        let filled = rows - nulls.min(rows);
        let atom_rows = rows_of_atoms(rows, filled, atoms, pieces.iter().all(|p| p.values == 0));
        let rest_rows = filled - atom_rows.iter().sum::<u64>();
        let rest = rest_of(rest_rows, pieces);
        let mut built = Builder {
            segments: Vec::with_capacity(atoms.len() * 2 + rest.len()),
            slot: 0,
            ordinal: 0,
            atoms: 0,
        };
        let wanted: u64 = pieces.iter().map(|p| p.values).sum();
        let kept: u64 = rest.iter().map(|r| r.0).sum();
        let mut rest = rest.into_iter().peekable();
        let mut before = 0;
        for (number, (atom, rows)) in (0_u32..).zip(atoms.iter().zip(atom_rows)) {
            // Where there are fewer rows than values, atoms keep their place among those that are left.
            let after = if kept == wanted {
                atom.after.min(kept)
            } else {
                scaled(atom.after.min(wanted), kept, wanted)
            };
            built.runs(&mut rest, after.saturating_sub(before));
            before = before.max(after);
            built.atom(number, rows);
        }
        built.runs(&mut rest, u64::MAX);
        Self {
            segments: built.segments,
            filled,
            values: built.ordinal,
            key,
        }
    }

    /// Different values.
    pub(crate) fn values(&self) -> u64 {
        self.values
    }

    /// Slots with a value.
    pub(crate) fn filled(&self) -> u64 {
        self.filled
    }

    /// Most slots of one value.
    pub(crate) fn largest(&self) -> u64 {
        let most = |segment: &Segment| match segment.kind {
            Kind::Atom(_) => segment.rows,
            // Of less than two slots each, so many have two and the others one.
            Kind::Run(values) if segment.rows / values <= 1 => segment.rows.div_ceil(values),
            // What is spread unevenly has less than twice its mean.
            Kind::Run(values) => (segment.rows / values).saturating_mul(2).max(1) + 1,
        };
        if self.is_unique() {
            return u64::from(self.filled > 0);
        }
        self.segments.iter().map(most).max().unwrap_or(0)
    }

    /// How many slots values have, and how many values have so many; of long runs some values stand for all.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u64, f64)> {
        const LOOKED_AT: u64 = 512;
        self.segments.iter().flat_map(move |segment| {
            let (all, looks) = match segment.kind {
                Kind::Atom(_) => (1, 1),
                // Of less than two slots each, so many have two and the others one.
                Kind::Run(values) if segment.rows / values == 1 => (values, 2),
                Kind::Run(values) => (values, values.min(LOOKED_AT)),
            };
            let few = all > 1 && segment.rows / all == 1;
            let twice = segment.rows - all.min(segment.rows);
            // Anywhere in each part, because numbers of slots may come in a pattern.
            let apart = (all / looks).max(1);
            let slots = move |look: u64| {
                let value = (scaled(look, all, looks) + mix(look) % apart).min(all - 1);
                self.begin(segment, all, value + 1) - self.begin(segment, all, value)
            };
            (0..looks).map(move |look| match look {
                0 if few => (1, (all - twice) as f64),
                1 if few => (2, twice as f64),
                look => (slots(look), all as f64 / looks as f64),
            })
        })
    }

    /// The first slot and the number of slots of each atom and of each run between atoms, in their order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.segments.iter().map(|s| (s.start, s.rows))
    }

    /// The first slot and the number of slots of an atom; `None` where it has no row.
    pub(crate) fn slots_of_atom(&self, number: u32) -> Option<(u64, u64)> {
        let found = self.segments.iter().find(|s| s.kind == Kind::Atom(number));
        found.map(|s| (s.start, s.rows))
    }

    /// Every slot has a value of its own.
    pub(crate) fn is_unique(&self) -> bool {
        self.values == self.filled
    }

    /// The value of a slot; `None` for null.
    pub(crate) fn at(&self, slot: u64) -> Option<Place> {
        if slot >= self.filled {
            return None;
        }
        let segment = match self.segments.as_slice() {
            [only] => only,
            segments => &segments[segments.partition_point(|s| s.start <= slot) - 1],
        };
        let offset = slot - segment.start;
        Some(match segment.kind {
            Kind::Atom(number) => Place {
                ordinal: segment.first,
                rest: segment.first - segment.atoms,
                atom: Some(number),
                nth: offset,
                of: segment.rows,
            },
            Kind::Run(values) => self.in_run(offset, segment, values),
        })
    }

    /// The first slot and the number of slots of a value.
    pub(crate) fn slots(&self, ordinal: u64) -> Option<(u64, u64)> {
        let at = self.segments.partition_point(|s| s.first <= ordinal);
        let segment = &self.segments[at.checked_sub(1)?];
        let within = ordinal - segment.first;
        match segment.kind {
            Kind::Atom(_) if within == 0 => Some((segment.start, segment.rows)),
            Kind::Run(values) if within < values => {
                let start = self.begin(segment, values, within);
                let end = self.begin(segment, values, within + 1);
                Some((segment.start + start, end - start))
            }
            _ => None,
        }
    }

    /// A value by its ordinal.
    pub(crate) fn place(&self, ordinal: u64) -> Place {
        let after = self.segments.partition_point(|s| s.first <= ordinal);
        let (rest, atom) = match after.checked_sub(1).map(|at| &self.segments[at]) {
            Some(Segment {
                first,
                atoms,
                kind: Kind::Atom(number),
                ..
            }) => (first - atoms, Some(*number)),
            Some(segment) => (ordinal - segment.atoms, None),
            None => (ordinal, None),
        };
        Place {
            ordinal,
            rest,
            atom,
            nth: 0,
            of: 1,
        }
    }

    /// Rows of a run's values differ: each value's first slot lies anywhere in the first part of its equal share, and
    /// every value has one slot at least.
    fn in_run(&self, offset: u64, segment: &Segment, values: u64) -> Place {
        let (rows, first) = (segment.rows, segment.first);
        let place = |value: u64, nth, of| Place {
            ordinal: first + value,
            rest: first + value - segment.atoms,
            atom: None,
            nth,
            of,
        };
        if rows == values {
            return place(offset, 0, 1);
        }
        let begin = |value: u64| self.begin(segment, values, value);
        let mut value = (scaled(offset, values, rows) + 1).min(values - 1);
        while begin(value) > offset {
            value -= 1;
        }
        let start = begin(value);
        place(value, offset - start, begin(value + 1) - start)
    }

    /// The first slot of a run's value, counted from the run's own.
    fn begin(&self, segment: &Segment, values: u64, value: u64) -> u64 {
        let even = scaled(value.min(values), segment.rows, values);
        if value == 0 || value >= values {
            return even;
        }
        even + mix(self.key ^ (segment.first + value)) % (segment.rows / values)
    }
}

/// `number · to / from`, rounded down.
fn scaled(number: u64, to: u64, from: u64) -> u64 {
    if from == 0 {
        return 0;
    }
    match number.checked_mul(to) {
        Some(product) => product / from,
        None => u64::try_from(u128::from(number) * u128::from(to) / u128::from(from))
            .unwrap_or(u64::MAX),
    }
}

struct Builder {
    segments: Vec<Segment>,
    slot: u64,
    ordinal: u64,
    atoms: u64,
}

impl Builder {
    fn atom(&mut self, number: u32, rows: u64) {
        if rows > 0 {
            self.push(rows, Kind::Atom(number), 1);
            self.atoms += 1;
        }
    }

    /// Takes the next so many values from what is left of the pieces, each with its values and rows.
    fn runs(
        &mut self,
        rest: &mut std::iter::Peekable<std::vec::IntoIter<(u64, u64)>>,
        values: u64,
    ) {
        let mut wanted = values;
        while wanted > 0
            && let Some((left, rows)) = rest.peek_mut()
        {
            let take = (*left).min(wanted);
            let with = if take == *left {
                *rows
            } else {
                scaled(take, *rows, *left)
            };
            if take > 0 {
                self.push(with, Kind::Run(take), take);
            }
            *left -= take;
            *rows -= with;
            wanted -= take;
            if *left == 0 {
                rest.next();
            }
        }
    }

    fn push(&mut self, rows: u64, kind: Kind, values: u64) {
        self.segments.push(Segment {
            start: self.slot,
            rows,
            first: self.ordinal,
            atoms: self.atoms,
            kind,
        });
        self.slot += rows;
        self.ordinal += values;
    }
}

/// Rows of each atom: rounded so that the sum is what the sum of the shares says.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count; the cast saturates"
)]
fn rows_of_atoms(rows: u64, filled: u64, atoms: &[Atom], nothing_else: bool) -> Vec<u64> {
    let total: f64 = atoms.iter().map(|a| a.frequency).sum();
    let room = filled as f64 / (rows.max(1)) as f64;
    // Atoms that are all there is take every row; those that are too many for the rows are made fewer.
    let factor = if total > 0.0 && (nothing_else || total > room) {
        room / total
    } else {
        1.0
    };
    let mut sum = 0.0;
    let mut before = 0;
    let mut counts: Vec<u64> = atoms
        .iter()
        .map(|atom| {
            sum += atom.frequency * factor * rows as f64;
            let until = ((sum + 0.5) as u64).min(filled);
            let count = until - before;
            before = until;
            count
        })
        .collect();
    if nothing_else && let Some(last) = counts.iter_mut().rev().find(|count| **count > 0) {
        *last += filled - before;
    }
    counts
}

/// Values and rows of each piece, with no more values than rows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count; the cast saturates"
)]
fn rest_of(rows: u64, pieces: &[Piece]) -> Vec<(u64, u64)> {
    let mut share = 0.0;
    let mut before = 0;
    let last = pieces.iter().rposition(|p| p.values > 0);
    let mut rest = Vec::with_capacity(pieces.len());
    for (number, piece) in pieces.iter().enumerate() {
        if piece.values == 0 {
            continue;
        }
        share += piece.share;
        let until = if Some(number) == last {
            rows
        } else {
            ((share * rows as f64 + 0.5) as u64).clamp(before, rows)
        };
        let with = until - before;
        before = until;
        if with > 0 {
            rest.push((piece.values.min(with), with));
        }
    }
    rest
}

#[cfg(test)]
mod tests;
