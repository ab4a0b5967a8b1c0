//! A row that rules look at and change before it is sent.

use super::field::set_length;
use super::table::{TableRows, Tables};
use crate::seed::checks::Cells;

/// The values of one row, by the table's columns.
#[derive(Debug, Default)]
pub(super) struct Row {
    values: Vec<Vec<u8>>,
    present: Vec<bool>,
}

/// A column, its value, and whether it has one.
pub(super) type Kept = (usize, Vec<u8>, bool);

/// The row with what is needed to draw other values.
pub(super) struct Changing<'a> {
    pub(super) row: &'a mut Row,
    pub(super) tables: &'a Tables,
    pub(super) table: &'a TableRows,
    pub(super) number: u64,
}

impl Row {
    pub(super) fn fill(&mut self, tables: &Tables, table: &TableRows, number: u64) {
        let columns = table.fields().len();
        self.values.resize_with(columns, Vec::new);
        self.present.clear();
        for (column, value) in self.values.iter_mut().enumerate() {
            value.clear();
            let present = table.write_field(tables, column, number, value);
            self.present.push(present);
        }
    }

    /// These columns as they are.
    pub(super) fn taken(&self, columns: &[usize]) -> Vec<Kept> {
        let kept = columns.iter().map(|column| {
            let value = self.values[*column].clone();
            (*column, value, self.present[*column])
        });
        kept.collect()
    }

    pub(super) fn put_back(&mut self, kept: Vec<Kept>) {
        for (column, value, present) in kept {
            self.values[column] = value;
            self.present[column] = present;
        }
    }

    pub(super) fn write(&self, column: usize, out: &mut Vec<u8>) {
        if !self.present[column] {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return;
        }
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.values[column]);
        set_length(out, at);
    }

    pub(super) fn bytes(&self, column: usize) -> Option<&[u8]> {
        self.present[column].then(|| self.values[column].as_slice())
    }
}

impl Changing<'_> {
    /// Gives a column what another row has.
    pub(super) fn take(&mut self, column: usize, other: u64) {
        let value = &mut self.row.values[column];
        value.clear();
        let present = self.table.write_field(self.tables, column, other, value);
        self.row.present[column] = present;
    }
}

impl Cells for Changing<'_> {
    fn bytes(&self, column: usize) -> Option<&[u8]> {
        self.row.bytes(column)
    }

    fn set(&mut self, column: usize, bytes: &[u8]) {
        let value = &mut self.row.values[column];
        value.clear();
        value.extend_from_slice(bytes);
        self.row.present[column] = true;
    }

    fn set_null(&mut self, column: usize) -> bool {
        let allowed = self.table.may_be_null(column);
        if allowed {
            self.row.present[column] = false;
        }
        allowed
    }

    fn is_fixed(&self, column: usize) -> bool {
        self.table.is_fixed(column)
    }

    fn is_held_to(&self, condition: usize) -> bool {
        self.table.is_held_to(condition, self.number)
    }

    fn redraw(&mut self, column: usize, attempt: u32) -> bool {
        if !self.table.may_be_redrawn(column) {
            return false;
        }
        let mut other = Vec::new();
        let attempt = (self.number, attempt);
        let written = self
            .table
            .write_other(self.tables, column, attempt, &mut other);
        if written {
            self.row.values[column] = other;
            self.row.present[column] = true;
        }
        written
    }
}
