//! Which columns' widths are worth reading: a database may have ten thousand tables.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::ends::{End, Facts};
use super::ledger::Ledger;
use super::planner_columns;
use crate::pg::Session;
use crate::record::Status;
use crate::record::indexes::IndexFacts;
use crate::record::tables::{StatUserTable, TableFacts};
use crate::record::what_if::ColumnStats;

/// Tables that are asked about at most (ours): some ten thousand columns, a few megabytes.
const MOST_TABLES: usize = 500;
/// The size from which the bloat of a table or an index is estimated.
const LARGE_BYTES: u64 = 100 * 1024 * 1024;
/// The row of the coverage.
const COLLECTOR: &str = "pg_stats";

/// Reads the statistics of large tables, of those with large indexes, and of those that were written to
/// between the two ends, without any value.
pub(super) async fn read(
    session: &Session,
    first: &End,
    last: &End,
    facts: &Facts,
    ledger: &mut Ledger,
) -> Option<Vec<ColumnStats>> {
    let (tables, indexes) = (facts.tables(), facts.indexes());
    let matter = matter(first.tables(), last.tables(), tables, indexes);
    if matter.len() > MOST_TABLES {
        let reason = format!(
            "the column widths of {} of {} tables were read: the large ones and those with the most \
             writes",
            MOST_TABLES,
            matter.len()
        );
        ledger.note(COLLECTOR, Status::Partial, reason);
    }
    let asked: HashSet<u32> = matter.into_iter().take(MOST_TABLES).collect();
    let own = tables.iter().filter(|t| asked.contains(&t.relid));
    let own = own.map(|t| (t.relid, t.relname.as_str()));
    // Expressions have statistics of their own.
    let expressions = indexes
        .iter()
        .filter(|i| i.expressions.is_some() && asked.contains(&i.indrelid));
    let expressions = expressions.map(|i| (i.indexrelid, i.indexrelname.as_str()));
    let relations: Vec<(u32, &str)> = own.chain(expressions).collect();
    if relations.is_empty() {
        return Some(Vec::new());
    }
    let reading = planner_columns::read(session, &relations);
    ledger.time(COLLECTOR, reading).await.ok()
}

/// Tables by their oid, the large ones first, then those with the most writes.
fn matter(
    first: &[StatUserTable],
    last: &[StatUserTable],
    tables: &[TableFacts],
    indexes: &[IndexFacts],
) -> Vec<u32> {
    let before: HashMap<u32, i64> = first.iter().map(|t| (t.relid, writes(t))).collect();
    let written: HashMap<u32, i64> = last
        .iter()
        .map(|t| {
            let before = before.get(&t.relid).copied().unwrap_or(0);
            (t.relid, writes(t) - before)
        })
        .collect();
    let large_index: HashSet<u32> = indexes
        .iter()
        .filter(|i| i.size_bytes.is_some_and(|size| size.0 >= LARGE_BYTES))
        .map(|i| i.indrelid)
        .collect();
    let mut matter: Vec<(bool, i64, u32)> = tables
        .iter()
        .filter(|t| t.relkind != "p")
        .map(|t| {
            let large = t.size_bytes.is_some_and(|size| size.0 >= LARGE_BYTES);
            let large = large || large_index.contains(&t.relid);
            let written = written.get(&t.relid).copied().unwrap_or(0);
            (large, written, t.relid)
        })
        // After a reset of the counters the difference is negative.
        .filter(|(large, written, _)| *large || *written != 0)
        .collect();
    matter.sort_by_key(|(large, written, relid)| (Reverse(*large), Reverse(*written), *relid));
    matter.into_iter().map(|(_, _, relid)| relid).collect()
}

fn writes(table: &StatUserTable) -> i64 {
    table.n_tup_ins + table.n_tup_upd + table.n_tup_del
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, table, table_stats};
    use crate::record::Bytes;

    #[test]
    fn large_and_written_tables_matter() {
        let names = ["idle", "busy", "large", "indexed", "new", "parts"];
        let mut tables: Vec<TableFacts> = (1..).zip(names).map(|(i, n)| table(i, n)).collect();
        tables[2].size_bytes = Some(Bytes(LARGE_BYTES));
        tables[5].relkind = "p".to_owned();
        let mut wide = index(9, 4, "i", &[2]);
        wide.size_bytes = Some(Bytes(LARGE_BYTES));
        let first: Vec<_> = (1..=4).map(|i| table_stats(i, "t")).collect();
        let mut last: Vec<_> = (1..=5).map(|i| table_stats(i, "t")).collect();
        last[1].n_tup_ins += 1;
        assert_eq!(matter(&first, &last, &tables, &[wide]), [3, 4, 5, 2]);
    }
}
