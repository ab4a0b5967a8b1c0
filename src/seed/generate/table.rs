//! The rows of a table.

use std::ops::Range;
use std::sync::Arc;

use super::cells::{Changing, Row};
use super::field::{Field, Reference, set_length};
use super::unit::Unit;
use crate::seed::checks::Rules as Checks;
use crate::seed::rows::{RowError, Rows};
use crate::seed::schema::Name;
use crate::seed::shape::{Place, mix};

/// Rows of one value that its first row stands in for at most (ours): with more of them it is as good as sure.
const MOST_STOOD_IN_FOR: u64 = 64;

/// The tables of a plan; fields refer to them by their place.
#[derive(Debug)]
pub(crate) struct Tables(pub(crate) Vec<TableRows>);

/// One of the tables that are to be filled.
#[derive(Debug, Clone)]
pub(crate) struct TablePlan {
    tables: Arc<Tables>,
    place: usize,
}

/// How the rows of a table are made.
#[derive(Debug)]
pub(crate) struct TableRows {
    pub(crate) name: Name,
    pub(crate) rows: u64,
    pub(crate) units: Vec<Unit>,
    pub(crate) fields: Vec<Field>,
    /// Columns that COPY names, by their place.
    pub(crate) copied: Vec<usize>,
    /// Their names.
    pub(crate) columns: Vec<String>,
    /// Columns that have no value but their own: of keys and references, and those that the server fills.
    pub(crate) fixed: Vec<bool>,
    /// Columns that can have the value of another row instead.
    pub(crate) redrawn: Vec<bool>,
    /// Columns that may be null.
    pub(crate) nullable: Vec<bool>,
    /// What concerns several columns.
    pub(crate) rules: Checks,
    /// Of each condition of a rule the unit of which rows beyond the first of each value are held to it; `None` for
    /// no rows.
    pub(crate) conditions: Vec<Option<usize>>,
}

impl TablePlan {
    /// A table by its place.
    pub(crate) fn new(tables: Arc<Tables>, place: usize) -> Self {
        Self { tables, place }
    }

    fn table(&self) -> &TableRows {
        &self.tables.0[self.place]
    }

    /// The values of a row, by the table's columns, generated ones included as null.
    pub(crate) fn values(&self, number: u64) -> Result<Vec<Option<Vec<u8>>>, RowError> {
        let table = self.table();
        let mut row = Row::default();
        table.settle(&self.tables, &mut row, number)?;
        let values = (0..table.fields.len()).map(|column| row.bytes(column).map(<[u8]>::to_vec));
        Ok(values.collect())
    }

    /// A column that may not be null and, in these values of a row, is.
    pub(crate) fn missing(&self, values: &[Option<Vec<u8>>]) -> Option<&str> {
        let table = self.table();
        let mut copied = table.copied.iter().zip(&table.columns);
        let found =
            copied.find(|(column, _)| !table.nullable[**column] && values[**column].is_none());
        found.map(|(_, name)| name.as_str())
    }
}

impl Rows for TablePlan {
    fn name(&self) -> &Name {
        &self.table().name
    }

    fn columns(&self) -> &[String] {
        &self.table().columns
    }

    fn rows(&self) -> u64 {
        self.table().rows
    }

    /// The same rows are the same bytes, whoever asks.
    fn write(&self, rows: Range<u64>, out: &mut Vec<u8>) -> Result<(), RowError> {
        let table = self.table();
        let fields = i16::try_from(table.copied.len()).unwrap_or(i16::MAX);
        let mut row = Row::default();
        for number in rows {
            out.extend_from_slice(&fields.to_be_bytes());
            if table.rules.is_empty() {
                table.write_tuple(&self.tables, number, out);
            } else {
                table.settle(&self.tables, &mut row, number)?;
                for column in &table.copied {
                    row.write(*column, out);
                }
            }
        }
        Ok(())
    }
}

impl TableRows {
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(super) fn is_fixed(&self, column: usize) -> bool {
        self.fixed[column]
    }

    pub(super) fn is_held_to(&self, condition: usize, row: u64) -> bool {
        let place = self.counted(condition, row);
        place.is_some_and(|place| place.nth > 0)
    }

    /// Which row of its value it is that a condition counts.
    fn counted(&self, condition: usize, row: u64) -> Option<Place> {
        let unit = self.conditions.get(condition).copied().flatten()?;
        self.units[unit].draw(&self.units, row)
    }

    /// Rows beyond the first of each value are held to a condition. The first takes the place of those among them that
    /// would not have been as it demands: so about as many are not in the end, as far as there are values.
    fn stand_in(&self, changing: &mut Changing<'_>, condition: usize) {
        let Some(place) = self.counted(condition, changing.number) else {
            return;
        };
        if place.nth > 0 || !self.rules.is_as_if_held(condition, changing) {
            return;
        }
        let columns = self.rules.columns_of(condition);
        let columns: Vec<usize> = columns.filter(|column| !self.fixed[*column]).collect();
        let before = changing.row.taken(&columns);
        for other in 1..place.of.min(MOST_STOOD_IN_FOR) {
            let other = mix(changing.number ^ mix(other)) % self.rows;
            for column in &columns {
                changing.take(*column, other);
            }
            if !self.rules.is_as_if_held(condition, changing) {
                return;
            }
        }
        changing.row.put_back(before);
    }

    pub(super) fn may_be_redrawn(&self, column: usize) -> bool {
        self.redrawn[column]
    }

    /// Appends another value of the column; false where there is none.
    pub(super) fn write_other(
        &self,
        tables: &Tables,
        column: usize,
        (row, attempt): (u64, u32),
        out: &mut Vec<u8>,
    ) -> bool {
        let any = |unit: usize| self.units[unit].any(row, attempt);
        match &self.fields[column] {
            Field::Own(unit, own) => any(*unit).map(|place| own.write(place, out)).is_some(),
            Field::Reference(reference) => any(reference.unit)
                .is_some_and(|place| reference.write(tables, (self, place), row, out)),
            _ => false,
        }
    }

    pub(super) fn may_be_null(&self, column: usize) -> bool {
        self.nullable[column]
    }

    fn write_tuple(&self, tables: &Tables, number: u64, out: &mut Vec<u8>) {
        for column in &self.copied {
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            if self.write_field(tables, *column, number, out) {
                set_length(out, at);
            } else {
                out[at..at + 4].copy_from_slice(&(-1_i32).to_be_bytes());
            }
        }
    }

    fn settle(&self, tables: &Tables, row: &mut Row, number: u64) -> Result<(), RowError> {
        row.fill(tables, self, number);
        let mut changing = Changing {
            row,
            tables,
            table: self,
            number,
        };
        for condition in 0..self.conditions.len() {
            self.stand_in(&mut changing, condition);
        }
        self.rules.apply(&mut changing).map_err(|rule| RowError {
            table: self.name.clone(),
            row: number,
            why: format!(
                "no row was found that satisfies {} together with its other constraints",
                self.rules.constraint(rule)
            ),
        })
    }

    /// Appends the value of a column in a row; false for null.
    pub(crate) fn write_field(
        &self,
        tables: &Tables,
        column: usize,
        row: u64,
        out: &mut Vec<u8>,
    ) -> bool {
        match &self.fields[column] {
            Field::Omitted => false,
            Field::Own(unit, own) => {
                let place = self.units[*unit].draw(&self.units, row);
                place.map(|place| own.write(place, out)).is_some()
            }
            Field::Reference(reference) => {
                match self.units[reference.unit].draw(&self.units, row) {
                    Some(place) => reference.write(tables, (self, place), row, out),
                    None => false,
                }
            }
            Field::Span(span) => {
                let place = self.units[span.unit].draw(&self.units, row);
                place.map(|place| span.write(place, out)).is_some()
            }
            Field::ByLeaf(leaves) => {
                let leaf = &leaves[leaves.partition_point(|leaf| leaf.first <= row) - 1];
                let place = leaf.unit.draw(&[], row - leaf.first);
                place.map(|place| leaf.own.write(place, out)).is_some()
            }
        }
    }

    /// Appends the value of a column that is a key by itself, by its place in the order of values.
    pub(super) fn write_key(&self, column: usize, ordinal: u64, out: &mut Vec<u8>) -> bool {
        if let Field::Own(unit, own) = &self.fields[column]
            && let Some(place) = self.units[*unit].layout.at(ordinal)
        {
            own.write(place, out);
            return true;
        }
        false
    }

    /// The row that a column of a row refers to, directly or through the rows that it refers to, as the references
    /// of `alike` to the same column count it. `None` where it refers to none of them.
    pub(super) fn key_of(
        &self,
        tables: &Tables,
        column: usize,
        row: u64,
        alike: &Reference,
    ) -> Option<u64> {
        let Field::Reference(reference) = &self.fields[column] else {
            return None;
        };
        let place = self.units[reference.unit].draw(&self.units, row)?;
        let referenced = reference.used.row(place, row)?;
        let same = (reference.table, reference.column) == (alike.table, alike.column);
        if same && reference.used.by_key == alike.used.by_key {
            return Some(referenced);
        }
        tables.0[reference.table].key_of(tables, reference.column, referenced, alike)
    }

    /// A column of which other columns of the table must refer to a row.
    pub(super) fn must_refer(&self, referenced: usize) -> bool {
        self.fields.iter().enumerate().any(|(column, field)| {
            matches!(field, Field::Reference(r) if r.used.to_itself && r.column == referenced)
                && !self.nullable[column]
        })
    }
}
