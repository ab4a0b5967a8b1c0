//! What indexes are made of, by the statistics of their columns.

use std::collections::HashMap;

use crate::analyze::heap::fillfactor;
use crate::record::Run;
use crate::record::indexes::IndexFacts;
use crate::record::tables::TableFacts;
use crate::record::what_if::ColumnStats;

use super::size::{self, Column};

/// The statistics that were read, by table; those of expressions by their index.
#[derive(Debug)]
pub struct Widths<'a>(HashMap<u32, Vec<&'a ColumnStats>>);

impl<'a> Widths<'a> {
    /// `None` where no statistics were read.
    #[must_use]
    pub fn of_run(run: &'a Run) -> Option<Self> {
        let mut by_relation: HashMap<u32, Vec<&ColumnStats>> = HashMap::new();
        for column in run.tables.column_stats.as_ref()? {
            by_relation.entry(column.attrelid).or_default().push(column);
        }
        // As they stand in a row: alignment depends on what comes before.
        for columns in by_relation.values_mut() {
            columns.sort_by_key(|c| c.attnum);
        }
        Some(Self(by_relation))
    }

    /// Every column of a table, each of a known width; `None` where the table was never analysed, or may not be read.
    #[must_use]
    pub fn of_table(&self, relid: u32) -> Option<&[&'a ColumnStats]> {
        let columns = self.0.get(&relid)?;
        // NULL in every row leaves no width.
        let known = |c: &&ColumnStats| c.avg_width.is_some();
        columns.iter().all(known).then_some(columns)
    }

    /// The columns of an index in their order, those that it carries along among them.
    #[must_use]
    pub fn of_index(&self, index: &IndexFacts) -> Option<Vec<&'a ColumnStats>> {
        let column = |(place, attnum): (usize, &i16)| {
            let (relid, attnum) = match attnum {
                0 => (index.indexrelid, i16::try_from(place + 1).ok()?),
                attnum => (index.indrelid, *attnum),
            };
            let mut all = self.0.get(&relid)?.iter();
            all.find(|c| c.attnum == attnum && c.avg_width.is_some())
                .copied()
        };
        index.indkey.iter().enumerate().map(column).collect()
    }

    /// Bytes of an entry of a btree with its line pointer, on average.
    pub(super) fn entry_bytes(&self, index: &IndexFacts) -> Option<f64> {
        let columns = self.columns(index)?;
        Some(size::entry_bytes(&columns))
    }

    /// Bytes of a btree that is built anew over so many entries.
    #[must_use]
    pub fn built_bytes(&self, index: &IndexFacts, table: &TableFacts, rows: f64) -> Option<u64> {
        let columns = self.columns(index)?;
        let distinct = self.distinct(index, table, rows);
        let fill = fillfactor(&index.reloptions).unwrap_or(size::FILL);
        Some(size::of_filled_btree(rows, &columns, distinct, fill))
    }

    fn columns(&self, index: &IndexFacts) -> Option<Vec<Column>> {
        if index.amname != "btree" {
            return None;
        }
        let stats = self.of_index(index)?;
        stats.into_iter().map(size::of_stats).collect()
    }

    /// Different keys, where equal ones share an entry and it is known how many there are.
    fn distinct(&self, index: &IndexFacts, table: &TableFacts, rows: f64) -> Option<f64> {
        let shares = !index.reloptions.iter().any(|o| {
            matches!(
                o.as_str(),
                "deduplicate_items=off" | "deduplicate_items=false"
            )
        });
        let carries = usize::try_from(index.indnkeyatts) != Ok(index.indkey.len());
        if !shares || carries || index.indkey.contains(&0) {
            return None;
        }
        size::distinct(table, &self.of_index(index)?, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{column_stats, index, run_with_indexes, table};

    fn run(columns: Vec<ColumnStats>) -> Run {
        let mut run = run_with_indexes(vec![]);
        run.tables.column_stats = Some(columns);
        run
    }

    #[test]
    fn an_index_has_the_columns_of_its_table_and_its_own_expressions() {
        let mut lower = column_stats(9, 1, "lower", -1, "i");
        lower.avg_width = Some(6);
        let run = run(vec![column_stats(1, 2, "a", 4, "i"), lower]);
        let widths = Widths::of_run(&run).unwrap();
        let mut facts = index(9, 1, "i", &[0, 2]);
        let found = widths.of_index(&facts).unwrap();
        let names: Vec<_> = found.iter().map(|c| c.attname.as_str()).collect();
        assert_eq!(names, ["lower", "a"]);
        // Twelve bytes of pointer and header, six and four of values, and what aligns them.
        assert!((widths.entry_bytes(&facts).unwrap() - 28.0).abs() < 1e-9);
        facts.amname = "gin".to_owned();
        assert_eq!(widths.entry_bytes(&facts), None);
        assert!(widths.of_index(&index(8, 1, "i", &[3])).is_none());
    }

    #[test]
    fn equal_keys_share_an_entry_unless_that_is_switched_off() {
        let mut a = column_stats(1, 2, "a", 4, "i");
        a.n_distinct = Some(100.0);
        let run = run(vec![a]);
        let widths = Widths::of_run(&run).unwrap();
        let mut facts = index(9, 1, "i", &[2]);
        let pages = |facts: &IndexFacts| {
            let bytes = widths.built_bytes(facts, &table(1, "tasks"), 100_000.0);
            bytes.unwrap() / 8192
        };
        assert_eq!(pages(&facts), 91);
        facts.reloptions = vec!["deduplicate_items=off".to_owned()];
        assert_eq!(pages(&facts), 276);
        facts.reloptions.push("fillfactor=50".to_owned());
        assert!(pages(&facts) > 480, "{}", pages(&facts));
    }

    #[test]
    fn a_table_that_was_never_analysed_has_no_widths() {
        let mut a = column_stats(1, 2, "a", 4, "i");
        a.avg_width = None;
        let run = run(vec![a]);
        let widths = Widths::of_run(&run).unwrap();
        assert!(widths.of_table(1).is_none() && widths.of_table(2).is_none());
    }
}
