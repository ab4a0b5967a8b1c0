//! What an index costs its table's writes.

use crate::record::indexes::IndexFacts;
use crate::record::run::CountedSince;
use crate::record::tables::StatUserTable;

use super::look::Look;

/// Entries that were added to the index per second of the window, or, where the counters were read once,
/// of the time since their reset: one for each row inserted, and one
/// for each update that was not HOT. Rows that a partial index leaves out are counted, so for one it
/// is an upper bound. `None` where the counters were not read or were disturbed.
pub(super) fn write_cost(look: &Look<'_>, facts: &IndexFacts) -> Option<f64> {
    let since = look.run.meta.since.as_ref();
    let time = since.map_or(Some(look.run.meta.window), CountedSince::database_age)?;
    if look.disturbed || time.0 <= 0.0 {
        return None;
    }
    let members = look.members(facts);
    let added = members.iter().map(|member| {
        let last = entries(look.tables_last.get(&member.indrelid)?);
        let first = match since {
            Some(_) => 0,
            None => entries(look.tables_first.get(&member.indrelid)?),
        };
        (last >= first).then_some(last - first)
    });
    added
        .sum::<Option<i64>>()
        .map(|added| added as f64 / time.secs())
}

/// Entries that each index of the table got since the counters were reset.
pub(super) fn entries(table: &StatUserTable) -> i64 {
    table.n_tup_ins + table.n_tup_upd - table.n_tup_hot_upd
}
