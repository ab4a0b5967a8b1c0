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
    let large = |t: &TableFacts| {
        t.size_bytes.is_some_and(|size| size.0 >= LARGE_BYTES) || large_index.contains(&t.relid)
    };
    let tables = tables.iter().filter(|t| t.relkind != "p");
    let weights = tables.map(|t| Weight {
        relid: t.relid,
        is_large: large(t),
        written: written.get(&t.relid).copied().unwrap_or(0),
    });
    in_order(weights.collect())
}

/// What makes a table matter.
#[derive(Debug, Clone, Copy)]
struct Weight {
    relid: u32,
    is_large: bool,
    written: i64,
}

/// Those that matter, in the order in which they do.
fn in_order(mut weights: Vec<Weight>) -> Vec<u32> {
    // After a reset of the counters the difference is negative.
    weights.retain(|w| w.is_large || w.written != 0);
    weights.sort_by_key(|w| (Reverse(w.is_large), Reverse(w.written), w.relid));
    weights.into_iter().map(|w| w.relid).collect()
}

fn writes(table: &StatUserTable) -> i64 {
    table.n_tup_ins + table.n_tup_upd + table.n_tup_del
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_written_tables_matter() {
        let weight = |relid, is_large, written| Weight {
            relid,
            is_large,
            written,
        };
        let weights = vec![
            weight(1, false, 0),
            weight(2, false, 1),
            weight(3, true, 0),
            weight(4, true, 0),
            weight(5, false, 900),
            weight(6, false, -7),
        ];
        assert_eq!(in_order(weights), [3, 4, 5, 2, 6]);
    }
}
