//! What an index costs its table's writes.

use crate::analyze::conclusions::WriteBytesBasis;
use crate::record::indexes::IndexFacts;
use crate::record::run::CountedSince;
use crate::record::tables::StatUserTable;
use crate::record::{Millis, Run};

use super::look::Look;

/// What writes add to an index per second of the window, or, where the counters were read once, of the
/// time since their reset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WriteCost {
    /// One for each row inserted, and one for each update that was not HOT. Rows that a partial index
    /// leaves out are counted, so for one it is an upper bound.
    pub(super) entries: f64,
    /// Bytes of these entries, and where their size is from.
    pub(super) bytes: Option<(f64, WriteBytesBasis)>,
}

/// `None` where the counters were not read or were disturbed.
pub(super) fn write_cost(look: &Look<'_>, facts: &IndexFacts) -> Option<WriteCost> {
    let time = time(look.run)?;
    if look.disturbed || time.0 <= 0.0 {
        return None;
    }
    let mut cost = WriteCost {
        entries: 0.0,
        bytes: Some((0.0, WriteBytesBasis::ColumnWidths)),
    };
    for member in look.members(facts) {
        let added = added(look, member)? as f64 / time.secs();
        cost.entries += added;
        cost.bytes = cost
            .bytes
            .zip(entry_bytes(look, member))
            .map(|((sum, all), (entry, basis))| (sum + added * entry, all.weaker(basis)));
    }
    Some(cost)
}

fn time(run: &Run) -> Option<Millis> {
    let since = run.meta.since.as_ref();
    since.map_or(Some(run.meta.window), CountedSince::database_age)
}

fn added(look: &Look<'_>, member: &IndexFacts) -> Option<i64> {
    let last = entries(look.tables_last.get(&member.indrelid)?);
    let first = match &look.run.meta.since {
        Some(_) => 0,
        None => entries(look.tables_first.get(&member.indrelid)?),
    };
    (last >= first).then_some(last - first)
}

/// Bytes of one entry: by the widths of its columns, else the size of the index over its entries, which
/// counts free space with them.
fn entry_bytes(look: &Look<'_>, member: &IndexFacts) -> Option<(f64, WriteBytesBasis)> {
    let widths = look.widths.as_ref();
    if let Some(bytes) = widths.and_then(|w| w.entry_bytes(member)) {
        return Some((bytes, WriteBytesBasis::ColumnWidths));
    }
    let rows = f64::from(member.reltuples);
    let size = member.size_bytes?.0 as f64;
    (rows > 0.0).then(|| (size / rows, WriteBytesBasis::IndexSize))
}

/// Entries that each index of the table got since the counters were reset.
pub(super) fn entries(table: &StatUserTable) -> i64 {
    table.n_tup_ins + table.n_tup_upd - table.n_tup_hot_upd
}

/// Bytes of write-ahead log per second of the window (14+).
pub(super) fn wal_bytes_per_sec(run: &Run) -> Option<f64> {
    let span = run.database.stat_wal.as_ref()?;
    let (first, last) = (span.first.first()?, span.last.first()?);
    let bytes = last.wal_bytes - first.wal_bytes;
    let whole = first.stats_reset == last.stats_reset && bytes > 0 && run.meta.since.is_none();
    let time = run.meta.window;
    (whole && time.0 > 0.0).then(|| bytes as f64 / time.secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{column_stats, index, run_with_indexes, span};
    use crate::record::database::StatWal;

    /// Sixty rows per second, half of them HOT updates, in an index of 2 560 pages.
    fn run() -> Run {
        let mut run = run_with_indexes(vec![(index(1, 1, "i", &[2]), 0)]);
        let last = &mut run.tables.stat_user_tables.as_mut().unwrap().last[0];
        last.n_tup_ins += 1_800;
        last.n_tup_upd += 1_800;
        last.n_tup_hot_upd += 1_800;
        run
    }

    fn cost(run: &Run) -> Option<WriteCost> {
        let look = Look::new(run).unwrap();
        write_cost(&look, &look.facts[0])
    }

    #[test]
    fn bytes_are_those_of_entries_with_the_widths_of_their_columns() {
        let mut run = run();
        run.tables.column_stats = Some(vec![column_stats(1, 2, "a", 4, "i")]);
        let cost = cost(&run).unwrap();
        assert!((cost.entries - 30.0).abs() < 1e-9);
        // Four bytes of pointer, eight of header, four of the value with four to the end.
        assert_eq!(cost.bytes, Some((600.0, WriteBytesBasis::ColumnWidths)));
    }

    #[test]
    fn without_widths_the_size_of_the_index_tells() {
        let mut run = run();
        let per_entry = f64::from(20 << 20) / 100_000.0;
        let (bytes, basis) = cost(&run).unwrap().bytes.unwrap();
        assert!((bytes - 30.0 * per_entry).abs() < 1e-6);
        assert_eq!(basis, WriteBytesBasis::IndexSize);
        run.indexes.facts.as_mut().unwrap()[0].reltuples = -1.0;
        assert_eq!(cost(&run).unwrap().bytes, None);
        run.tables.stat_user_tables = None;
        assert_eq!(cost(&run), None);
    }

    #[test]
    fn the_log_counts_in_a_window_without_a_reset() {
        let wal = |wal_bytes, stats_reset| StatWal {
            wal_records: 0,
            wal_fpi: 0,
            wal_bytes,
            wal_buffers_full: 0,
            stats_reset,
        };
        let mut run = run();
        assert_eq!(wal_bytes_per_sec(&run), None);
        run.database.stat_wal = Some(span(vec![wal(0, None)], vec![wal(6_000, None)]));
        assert_eq!(wal_bytes_per_sec(&run), Some(100.0));
        let reset = Some(crate::analyze::fixture::at(1));
        run.database.stat_wal = Some(span(vec![wal(0, None)], vec![wal(6_000, reset)]));
        assert_eq!(wal_bytes_per_sec(&run), None);
    }
}
