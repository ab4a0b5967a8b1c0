//! Counters that were read once, without a window: what every entry did since it began to count.

use super::{StatementDelta, StatementKey, StatementSample, StatementWindow};

/// What one reading tells: every entry from its beginning, when it was at zero, to the reading. An entry that was
/// evicted and came back counts from its return; nothing here shows what was lost before.
///
/// `own` decides which entries are dbperf's.
#[must_use]
pub fn counted_so_far(
    sample: StatementSample,
    own: impl Fn(&StatementKey) -> bool,
) -> StatementWindow {
    let mut window = StatementWindow {
        hidden_rows: sample.hidden_rows,
        covered_ratio: 1.0,
        ..StatementWindow::default()
    };
    for row in sample.rows {
        // Only planned so far, or kept by the server with its text alone.
        if row.counters.calls == 0 {
            continue;
        }
        let delta = StatementDelta {
            key: row.key,
            counters: row.counters,
            stddev_exec_time: Some(row.stddev_exec_time),
            partial: false,
            stats_since: row.stats_since,
        };
        if own(&delta.key) {
            window.own.push(delta);
        } else {
            window.deltas.push(delta);
        }
    }
    window.deltas.sort_by_key(|d| d.key);
    window.own.sort_by_key(|d| d.key);
    window
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::statements::{StatementCounters, StatementRow};
    use crate::record::{Millis, QueryId};

    fn row(id: i64, calls: i64) -> StatementRow {
        StatementRow {
            key: StatementKey {
                userid: 10,
                dbid: 5,
                queryid: QueryId(id),
                toplevel: Some(true),
            },
            counters: StatementCounters {
                calls,
                total_exec_time: Millis(2.0 * calls as f64),
                ..StatementCounters::default()
            },
            stddev_exec_time: Millis(0.5),
            stats_since: None,
        }
    }

    #[test]
    fn every_entry_counts_from_zero_and_own_ones_stay_apart() {
        let sample = StatementSample {
            at: Millis(0.0),
            rows: vec![row(3, 7), row(2, 1), row(1, 0)],
            hidden_rows: 4,
        };
        let window = counted_so_far(sample, |key| key.queryid == QueryId(2));
        let [delta] = &window.deltas[..] else {
            panic!("{:?}", window.deltas);
        };
        assert_eq!((delta.key.queryid, delta.counters.calls), (QueryId(3), 7));
        assert_eq!(delta.stddev_exec_time, Some(Millis(0.5)));
        assert!(!delta.partial);
        assert_eq!((window.own.len(), window.hidden_rows), (1, 4));
    }
}
