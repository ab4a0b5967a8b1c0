//! The value of a column in a row.

use super::table::{TableRows, Tables};
use super::unit::Unit;
use crate::seed::shape::{Place, mix};
use crate::seed::values::Maker;

/// How a column gets its value.
#[derive(Debug)]
pub(crate) enum Field {
    /// It is not filled: the server does.
    Omitted,
    /// From the place of a unit.
    Own(usize, Own),
    /// It is a column of the row that a unit refers to.
    Reference(Reference),
    /// Ranges that never overlap.
    Span(Span),
    /// It decides about the partition, and is laid out for each.
    ByLeaf(Vec<LeafField>),
}

/// Values of a column's own.
#[derive(Debug)]
pub(crate) struct Own {
    /// Bytes of atoms that are known; the others are made.
    pub(crate) literals: Vec<Vec<u8>>,
    /// Makes what is no literal.
    pub(crate) maker: Option<Maker>,
}

/// A column of a referenced row.
#[derive(Debug)]
pub(crate) struct Reference {
    /// The unit of the foreign key.
    pub(crate) unit: usize,
    /// Which rows are referred to.
    pub(crate) used: Used,
    /// The referenced table, by its place in the plan.
    pub(crate) table: usize,
    /// Its column.
    pub(crate) column: usize,
    /// A column of the row is filled by another foreign key already.
    pub(crate) shared: Option<Shared>,
    /// Bytes of the column's integers, where the referenced column has integers of other widths.
    pub(crate) width: Option<usize>,
}

/// Two foreign keys share a column, such as a tenant: both referenced rows have the same value there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    /// The column that another foreign key fills.
    pub(crate) column: usize,
    /// The column of the referenced table that must be the same.
    pub(crate) referenced: usize,
}

/// Rows of a table that others refer to.
#[derive(Debug, Clone)]
pub(crate) struct Used {
    /// Rows of the table.
    pub(crate) rows: u64,
    /// Of these so many are referred to, spread over them.
    pub(crate) count: u64,
    /// The number of a row is its place in the order of its key's values, else the row's own number.
    pub(crate) by_key: bool,
    /// The table refers to itself: to rows before the row, so that there is no cycle.
    pub(crate) to_itself: bool,
}

/// Ranges between values of a subtype, each after the last.
#[derive(Debug)]
pub(crate) struct Span {
    /// Its place is the range's.
    pub(crate) unit: usize,
    /// Makes twice as many ends.
    pub(crate) ends: Maker,
}

/// A column that decides about the partition.
#[derive(Debug)]
pub(crate) struct LeafField {
    /// The first row of the partition.
    pub(crate) first: u64,
    /// Its place in the partition.
    pub(crate) unit: Unit,
    /// Its values.
    pub(crate) own: Own,
}

impl Own {
    /// No value: the unit is null in every row.
    pub(crate) fn nothing() -> Self {
        Self {
            literals: Vec::new(),
            maker: None,
        }
    }

    /// Appends the value of a place.
    pub(crate) fn write(&self, place: Place, out: &mut Vec<u8>) {
        let literal = place.atom.and_then(|atom| self.literals.get(atom as usize));
        match (literal, &self.maker) {
            (Some(bytes), _) => out.extend_from_slice(bytes),
            (None, Some(maker)) => maker.write(self.ordinal(place), out),
            (None, None) => {}
        }
    }

    /// The ordinal that the maker knows: without atoms where these are given as literals.
    fn ordinal(&self, place: Place) -> u64 {
        if self.literals.is_empty() {
            place.ordinal
        } else {
            place.rest
        }
    }
}

impl Used {
    /// The referenced row of a place, as [`Self::by_key`] counts them; `None` where the row can refer to none.
    pub(crate) fn row(&self, place: Place, from: u64) -> Option<u64> {
        let row = if self.count == self.rows {
            place.ordinal
        } else {
            let scaled = u128::from(place.ordinal) * u128::from(self.rows);
            u64::try_from(scaled / u128::from(self.count.max(1))).unwrap_or(0)
        };
        let row = row.min(self.rows.saturating_sub(1));
        if !self.to_itself {
            return Some(row);
        }
        if from == 0 {
            return None;
        }
        let before = u128::from(row) * u128::from(from) / u128::from(self.rows.max(1));
        Some(u64::try_from(before).unwrap_or(0).min(from - 1))
    }

    /// The place of a row among those that are referred to; `None` where it is not.
    fn ordinal(&self, row: u64) -> Option<u64> {
        if self.count == self.rows {
            return Some(row);
        }
        let rows = u128::from(self.rows.max(1));
        let ordinal = (u128::from(row) * u128::from(self.count)).div_ceil(rows);
        let back = ordinal * rows / u128::from(self.count.max(1));
        (back == u128::from(row)).then(|| u64::try_from(ordinal).unwrap_or(0))
    }
}

impl Reference {
    /// Appends the value; false for null.
    pub(crate) fn write(
        &self,
        tables: &Tables,
        (from, place): (&TableRows, Place),
        row: u64,
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        let written = self.write_referenced(tables, (from, place), row, out);
        match self.width {
            Some(width) if written => resize(out, start, width),
            _ => written,
        }
    }

    /// Appends the value as the referenced column has it.
    fn write_referenced(
        &self,
        tables: &Tables,
        (from, place): (&TableRows, Place),
        row: u64,
        out: &mut Vec<u8>,
    ) -> bool {
        let target = &tables.0[self.table];
        if let Some(shared) = self.shared {
            let found = shared.row(tables, (from, target), row);
            return found.is_some_and(|row| target.write_field(tables, self.column, row, out));
        }
        match self.used.row(place, row) {
            Some(row) if self.used.by_key => target.write_key(self.column, row, out),
            Some(row) => target.write_field(tables, self.column, row, out),
            // The first row of a table that refers to itself has none before it: where null is not allowed it
            // refers to itself.
            None if self.used.to_itself && target.must_refer(self.column) => {
                target.write_field(tables, self.column, 0, out)
            }
            None => false,
        }
    }
}

impl Shared {
    /// One of the target's rows that have the row's value of the shared column.
    fn row(
        self,
        tables: &Tables,
        (from, target): (&TableRows, &TableRows),
        row: u64,
    ) -> Option<u64> {
        let Field::Reference(theirs) = &target.fields[self.referenced] else {
            return None;
        };
        let key = from.key_of(tables, self.column, row, theirs)?;
        let unit = &target.units[theirs.unit];
        let (start, slots) = unit.layout.slots(theirs.used.ordinal(key)?)?;
        Some(unit.order.inverse(start + mix(unit.key ^ mix(row)) % slots))
    }
}

impl Span {
    /// Appends a range from one end to the next, without the upper one.
    pub(crate) fn write(&self, place: Place, out: &mut Vec<u8>) {
        const LOWER_INCLUSIVE: u8 = 0x02;
        out.push(LOWER_INCLUSIVE);
        for end in [place.ordinal * 2, place.ordinal * 2 + 1] {
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            self.ends.write(end, out);
            set_length(out, at);
        }
    }
}

/// Gives the integer from `start` on so many bytes; false, and nothing of it, where it does not fit.
fn resize(out: &mut Vec<u8>, start: usize, width: usize) -> bool {
    let bytes = &out[start..];
    let negative = bytes.first().is_some_and(|byte| *byte & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[8 - bytes.len()..].copy_from_slice(bytes);
    // What is cut off says nothing but the sign of what is left.
    let (cut, kept) = wide.split_at(8 - width);
    let sign = if kept[0] & 0x80 == 0 { 0 } else { 0xff };
    let fits = cut.iter().all(|byte| *byte == sign);
    out.truncate(start);
    if fits {
        out.extend_from_slice(&wide[8 - width..]);
    }
    fits
}

/// Sets the length word at `at` to the number of bytes after it.
pub(crate) fn set_length(out: &mut [u8], at: usize) {
    let length = i32::try_from(out.len() - at - 4).unwrap_or(i32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_of_another_width_is_the_same_number_or_none() {
        for (from, to) in [
            (
                5_i64.to_be_bytes().to_vec(),
                Some(5_i32.to_be_bytes().to_vec()),
            ),
            (
                (-5_i64).to_be_bytes().to_vec(),
                Some((-5_i32).to_be_bytes().to_vec()),
            ),
            (
                i64::from(i32::MIN).to_be_bytes().to_vec(),
                Some(i32::MIN.to_be_bytes().to_vec()),
            ),
            ((1_i64 << 31).to_be_bytes().to_vec(), None),
            (
                (-7_i16).to_be_bytes().to_vec(),
                Some((-7_i32).to_be_bytes().to_vec()),
            ),
        ] {
            let mut out = vec![1];
            out.extend(&from);
            assert_eq!(resize(&mut out, 1, 4), to.is_some(), "{from:?}");
            assert_eq!(out[1..], to.unwrap_or_default(), "{from:?}");
        }
        let mut out = i32::MIN.to_be_bytes().to_vec();
        assert!(resize(&mut out, 0, 8));
        assert_eq!(out, i64::from(i32::MIN).to_be_bytes());
    }
}
