//! What is left of sequences.
//!
//! A sequence ends at its own last value or at the largest that a column of it can hold, whichever
//! comes first. How much is used counts from where it begins, so that a sequence that was started at
//! the least integer on purpose is not taken for half empty or half full.

use std::cmp::Ordering;

use crate::analyze::conclusions::SequenceUse;
use crate::record::health::{Sequence, SequenceColumn};

/// What is used of one sequence; `None` where it never gave a value, or none was read.
#[must_use]
pub fn used(sequence: &Sequence) -> Option<SequenceUse> {
    let last = i128::from(sequence.last_value.filter(|_| sequence.value_read)?);
    let upwards = sequence.seqincrement > 0;
    let own = i128::from(if upwards {
        sequence.seqmax
    } else {
        sequence.seqmin
    });
    let narrowest = narrowest(&sequence.columns, upwards);
    let by_column =
        narrowest.filter(|(_, limit)| if upwards { *limit < own } else { *limit > own });
    let limit = by_column.map_or(own, |(_, limit)| limit);
    let first = i128::from(if upwards {
        sequence.seqmin
    } else {
        sequence.seqmax
    });
    let step = i128::from(sequence.seqincrement);
    let left = ((limit - last) / step).max(0);
    let column = by_column.map(|(c, _)| c).or(sequence.columns.first());
    Some(SequenceUse {
        schema: sequence.schemaname.clone(),
        sequence: sequence.relname.clone(),
        column: column.map(|c| format!("{}.{}.{}", c.schemaname, c.relname, c.attname)),
        column_type: column.map(|c| c.type_name.clone()),
        last_value: last.to_string(),
        limit: limit.to_string(),
        limited_by: if by_column.is_some() {
            "column"
        } else {
            "sequence"
        }
        .to_owned(),
        used_ratio: ((last - first).abs() + 1) as f64 / ((limit - first).abs() + 1) as f64,
        left: left.to_string(),
        // A column that is too small overflows before the sequence comes to its end.
        cycles: sequence.seqcycle && by_column.is_none(),
    })
}

/// The column that can hold least in the direction of the sequence.
fn narrowest(columns: &[SequenceColumn], upwards: bool) -> Option<(&SequenceColumn, i128)> {
    let limits = columns.iter().filter_map(|column| {
        let (least, most) = match column.type_name.as_str() {
            "smallint" => (i128::from(i16::MIN), i128::from(i16::MAX)),
            "integer" => (i128::from(i32::MIN), i128::from(i32::MAX)),
            "bigint" => (i128::from(i64::MIN), i128::from(i64::MAX)),
            _ => return None,
        };
        Some((column, if upwards { most } else { least }))
    });
    limits.min_by_key(|(_, limit)| limit.abs())
}

/// Sequences that gave values, fullest first.
#[must_use]
pub fn fullest(sequences: &[Sequence]) -> Vec<SequenceUse> {
    let mut all: Vec<SequenceUse> = sequences.iter().filter_map(used).collect();
    all.sort_by(|a, b| {
        let ratio = b.used_ratio.total_cmp(&a.used_ratio);
        ratio.then_with(|| name(a).cmp(&name(b)))
    });
    // One that cycles is never full.
    all.sort_by(|a, b| match (a.cycles, b.cycles) {
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ => Ordering::Equal,
    });
    all
}

fn name(used: &SequenceUse) -> (&str, &str) {
    (&used.schema, &used.sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::health::testing::sequence;

    fn column(type_name: &str) -> SequenceColumn {
        SequenceColumn {
            schemaname: "public".to_owned(),
            relname: "t".to_owned(),
            attname: "id".to_owned(),
            type_name: type_name.to_owned(),
        }
    }

    #[test]
    fn the_column_may_be_smaller_than_its_sequence() {
        let mut ids = sequence(2_040_109_466);
        ids.columns = vec![column("bigint"), column("integer")];
        let used = used(&ids).unwrap();
        assert_eq!(used.limited_by, "column");
        assert_eq!(used.limit, "2147483647");
        assert_eq!(used.left, "107374181");
        assert!((used.used_ratio - 0.95).abs() < 1e-9);
    }

    #[test]
    fn a_column_that_cannot_hold_the_last_value_is_past_its_end() {
        let mut ids = sequence(3_000_000_000);
        ids.columns = vec![column("integer")];
        let used = used(&ids).unwrap();
        assert!(used.used_ratio > 1.0);
        assert_eq!(used.left, "0");
    }

    #[test]
    fn downwards_the_lower_end_counts() {
        let mut ids = sequence(-30_000);
        (ids.seqmin, ids.seqmax, ids.seqincrement) = (i64::MIN, -1, -10);
        ids.columns = vec![column("smallint")];
        let used = used(&ids).unwrap();
        assert_eq!((used.limit.as_str(), used.left.as_str()), ("-32768", "276"));
        assert!((used.used_ratio - 30_000.0 / 32_768.0).abs() < 1e-9);
    }

    #[test]
    fn a_start_at_the_least_integer_is_no_half_of_anything() {
        let mut ids = sequence(-2_147_483_648 + 42_949_672);
        (ids.seqmin, ids.seqmax) = (i64::from(i32::MIN), i64::from(i32::MAX));
        assert!((used(&ids).unwrap().used_ratio - 0.01).abs() < 1e-6);
    }

    #[test]
    fn the_whole_of_64_bits_does_not_overflow() {
        let mut ids = sequence(i64::MAX);
        ids.seqmin = i64::MIN;
        let used = used(&ids).unwrap();
        assert!((used.used_ratio - 1.0).abs() < 1e-9);
        assert_eq!(used.left, "0");
    }

    #[test]
    fn only_its_own_end_makes_a_sequence_cycle() {
        let mut ids = sequence(95);
        (ids.seqmax, ids.seqcycle) = (100, true);
        assert!(used(&ids).unwrap().cycles);
        ids.seqmax = i64::MAX;
        ids.columns = vec![column("smallint")];
        assert!(!used(&ids).unwrap().cycles);
    }

    #[test]
    fn one_that_was_never_used_or_read_has_no_use() {
        let mut ids = sequence(1);
        ids.last_value = None;
        assert_eq!(used(&ids), None);
        let mut unread = sequence(1);
        unread.value_read = false;
        assert_eq!(used(&unread), None);
    }
}
