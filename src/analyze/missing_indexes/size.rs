//! The size of an index that nobody has built.
//!
//! HypoPG's own figure is no size but a cost for the planner: it adds 30 %, aligns nothing, knows of no
//! shared keys, and counts rows by the pages of the table, dead ones too. A limit of bytes that is
//! kept by such figures leaves useful indexes out, so a btree is computed from the statistics of its
//! columns.

use crate::analyze::indexes::size::{Column, column, distinct, of_btree};
use crate::analyze::rules::thresholds as t;
use crate::record::Run;
use crate::record::what_if::{ColumnStats, TriedIndex, WhatIf, WhatIfMethod};

use super::candidate::Candidate;

const PAGE_BYTES: f64 = 8192.0;
/// Bytes of an entry's header with its line pointer.
const ENTRY_BYTES: f64 = 12.0;

/// The size as it was measured or computed; that of HypoPG where columns are not known or the index is
/// no btree.
pub(super) fn of(
    run: &Run,
    what_if: &WhatIf,
    candidate: &Candidate,
    tried: &TriedIndex,
) -> Option<u64> {
    let told = tried.size_bytes?.0;
    match what_if.method {
        WhatIfMethod::Built => Some(told),
        WhatIfMethod::Hypopg(_) => Some(computed(run, what_if, candidate, told).unwrap_or(told)),
    }
}

/// Most bytes that sizes may come to together, so that what is built keeps the limit asked for.
pub(super) fn limit(what_if: &WhatIf) -> Option<u64> {
    let asked = what_if.max_bytes?.0;
    match what_if.method {
        WhatIfMethod::Built => Some(asked),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a size is not negative"
        )]
        WhatIfMethod::Hypopg(_) => Some((asked as f64 * (1.0 - t::INDEX_SIZE_ERROR_RATIO)) as u64),
    }
}

fn computed(run: &Run, what_if: &WhatIf, candidate: &Candidate, told: u64) -> Option<u64> {
    if candidate.method != "btree" || candidate.keys.iter().any(|k| k.is_expression) {
        return None;
    }
    let table = super::find_by_oid(run, candidate.relid)?;
    let keys = candidate.keys.iter().map(|k| &k.text);
    let names: Vec<&String> = keys.chain(&candidate.include).collect();
    let stats = |name: &&String| {
        let mut all = what_if.columns.iter();
        all.find(|s| s.attrelid == table.relid && s.attname == **name)
    };
    let stats: Vec<&ColumnStats> = names.iter().map(stats).collect::<Option<_>>()?;
    let columns = stats.iter().map(|stats| column(table, stats));
    let columns: Vec<Column> = columns.collect::<Option<_>>()?;
    let rows = super::rows_of(run, table);
    let rows = match candidate.predicate {
        None => rows,
        Some(_) => rows_behind(told, &stats)?.min(rows),
    };
    let distinct = match candidate.include[..] {
        [] => distinct(table, &stats, rows),
        _ => None,
    };
    Some(of_btree(rows, &columns, distinct))
}

/// Rows that a partial index of HypoPG has, whose pages are entries × (widths + 12) × 1.3 ÷ 8152.
fn rows_behind(told: u64, stats: &[&ColumnStats]) -> Option<f64> {
    let widths = stats.iter().map(|s| s.avg_width.map(f64::from));
    let width: f64 = widths.sum::<Option<f64>>()?;
    // Less than a page is told as none.
    let pages = (told as f64 / PAGE_BYTES).max(0.5);
    Some(pages * 8152.0 / 1.3 / (width + ENTRY_BYTES))
}

#[cfg(test)]
mod tests {
    use super::super::candidate::Key;
    use super::super::testing::column as column_of_tasks;
    use super::*;
    use crate::analyze::fixture::run_with_indexes;
    use crate::record::Bytes;

    fn what_if(method: WhatIfMethod) -> WhatIf {
        WhatIf {
            method,
            statements: Vec::new(),
            columns: Vec::new(),
            indexes: Vec::new(),
            trials: Vec::new(),
            max_bytes: None,
            cut_short: None,
        }
    }

    /// Pages of a candidate on `a` of 100 000 rows, of which HypoPG tells 10 pages.
    fn pages(
        n_distinct: f32,
        include: &[&str],
        predicate: Option<&str>,
        method: &'static str,
    ) -> u64 {
        let run = run_with_indexes(vec![]);
        let mut what_if = what_if(WhatIfMethod::Hypopg("1.4.1".to_owned()));
        what_if.columns = ["a", "b"]
            .map(|name| column_of_tasks(name, n_distinct))
            .to_vec();
        let mut candidate = Candidate::btree(1, vec![Key::column("a")]);
        candidate.include = include.iter().map(|c| (*c).to_owned()).collect();
        candidate.predicate = predicate.map(str::to_owned);
        candidate.method = method;
        let tried = TriedIndex {
            definition: String::new(),
            size_bytes: Some(Bytes(10 * 8192)),
            refused: None,
        };
        of(&run, &what_if, &candidate, &tried).unwrap() / 8192
    }

    #[test]
    fn equal_keys_share_an_entry_and_carried_columns_forbid_it() {
        assert_eq!(pages(-1.0, &[], None, "btree"), 276);
        assert_eq!(pages(100.0, &[], None, "btree"), 91);
        assert_eq!(pages(100.0, &["b"], None, "btree"), 276);
    }

    #[test]
    fn a_partial_index_has_the_rows_of_the_estimate_and_no_more_than_the_table() {
        // 10 pages of 16 bytes with 1.3: 3919 rows of 20 bytes.
        assert_eq!(pages(-1.0, &[], Some("b IS NULL"), "btree"), 13);
    }

    #[test]
    fn what_cannot_be_computed_is_as_told() {
        assert_eq!(pages(-1.0, &[], None, "gin"), 10);
        assert_eq!(pages(-1.0, &["unknown"], None, "btree"), 10);
    }

    #[test]
    fn what_is_computed_leaves_room_for_its_error_and_what_is_built_has_none() {
        let mut hypothetical = what_if(WhatIfMethod::Hypopg("1.4.1".to_owned()));
        assert_eq!(limit(&hypothetical), None);
        hypothetical.max_bytes = Some(Bytes(1000));
        assert_eq!(limit(&hypothetical), Some(950));
        let mut built = what_if(WhatIfMethod::Built);
        built.max_bytes = Some(Bytes(1000));
        assert_eq!(limit(&built), Some(1000));
    }
}
