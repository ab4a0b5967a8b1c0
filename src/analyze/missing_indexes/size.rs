//! The size of an index that was tried.

use crate::record::Run;
use crate::record::what_if::{TriedIndex, WhatIf, WhatIfMethod};

use super::candidate::Candidate;

/// Bytes of a row's place in a list of equal keys (`ItemPointerData`).
const PLACE_BYTES: f64 = 6.0;
/// Bytes of an entry beside its key: line pointer and header.
const ENTRY_BYTES: f64 = 12.0;
/// A list of equal keys takes at most about this (a tenth of a page, `BTMaxItemSize` ÷ 3 less).
const LIST_BYTES: f64 = 800.0;

/// The size as it was measured, or as HypoPG estimates it, less what equal keys share.
pub(super) fn of(
    run: &Run,
    what_if: &WhatIf,
    candidate: &Candidate,
    tried: &TriedIndex,
) -> Option<u64> {
    let bytes = tried.size_bytes?.0;
    let share = match what_if.method {
        WhatIfMethod::Built => 1.0,
        WhatIfMethod::Hypopg(_) => shared(run, what_if, candidate).unwrap_or(1.0),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a size is a size"
    )]
    let bytes = (bytes as f64 * share) as u64;
    Some(bytes)
}

/// Size with deduplication over size without. HypoPG knows nothing of it: an index of 100 different
/// values in 200 000 rows took 180 pages, and 546 were computed. PostgreSQL shares equal keys of a
/// btree without INCLUDE columns, but not of types whose equal values may differ, as `numeric`.
fn shared(run: &Run, what_if: &WhatIf, candidate: &Candidate) -> Option<f64> {
    if candidate.method != "btree" || !candidate.include.is_empty() {
        return None;
    }
    let table = super::find_by_oid(run, candidate.relid)?;
    let rows = super::rows_of(run, table);
    let (mut distinct, mut width) = (1.0_f64, 0.0);
    for key in &candidate.keys {
        let column = table.columns.iter().find(|c| c.attname == key.text)?;
        let stats = what_if
            .columns
            .iter()
            .find(|s| s.attrelid == table.relid && s.attname == key.text)?;
        let not_shared = ["numeric", "double precision", "real", "jsonb"];
        if key.is_expression || not_shared.iter().any(|t| column.type_name.starts_with(t)) {
            return None;
        }
        let known = f64::from(stats.n_distinct?);
        distinct *= if known < 0.0 { -known * rows } else { known };
        width += f64::from(stats.avg_width?);
    }
    // As if columns knew nothing of each other: more different keys than there may be.
    let equal = rows / distinct.clamp(1.0, rows.max(1.0));
    let entry = ENTRY_BYTES + (width / 8.0).ceil() * 8.0;
    let in_a_list = equal.min(LIST_BYTES / PLACE_BYTES);
    let per_row = (entry + PLACE_BYTES * in_a_list) / in_a_list;
    (equal >= 2.0).then(|| (per_row / entry).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::candidate::Key;
    use super::*;
    use crate::analyze::fixture::run_with_indexes;
    use crate::record::Bytes;
    use crate::record::what_if::ColumnStats;

    fn size(n_distinct: f32, include: &[&str]) -> u64 {
        let run = run_with_indexes(vec![]);
        let what_if = WhatIf {
            method: WhatIfMethod::Hypopg("1.4.1".to_owned()),
            statements: Vec::new(),
            columns: vec![ColumnStats {
                attrelid: 1,
                attname: "a".to_owned(),
                bytewise: None,
                relallvisible: 0,
                n_distinct: Some(n_distinct),
                null_frac: Some(0.0),
                avg_width: Some(4),
            }],
            indexes: Vec::new(),
            trials: Vec::new(),
            max_bytes: None,
            cut_short: None,
        };
        let mut candidate = Candidate::btree(1, vec![Key::column("a")]);
        candidate.include = include.iter().map(|c| (*c).to_owned()).collect();
        let tried = TriedIndex {
            definition: String::new(),
            size_bytes: Some(Bytes(546 * 8192)),
            refused: None,
        };
        of(&run, &what_if, &candidate, &tried).unwrap()
    }

    #[test]
    fn equal_keys_are_written_once() {
        // Measured: 180 of 546 pages with 100 different values.
        let pages = size(100.0, &[]) / 8192;
        assert!((160..=200).contains(&pages), "{pages} pages");
        assert_eq!(size(-1.0, &[]) / 8192, 546);
        assert_eq!(size(100.0, &["b"]) / 8192, 546, "INCLUDE shares nothing");
    }
}
