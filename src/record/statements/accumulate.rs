//! From a chain of samples to deltas.

use std::collections::{BTreeSet, HashMap};

use super::counters::{any_decreased, combine, difference, zero_like};
use super::{
    StatementCounters, StatementDelta, StatementInterval, StatementKey, StatementRow,
    StatementSample, StatementWindow,
};
use crate::record::{Millis, QueryId};

#[derive(Debug)]
struct Track {
    first: StatementRow,
    baseline: StatementCounters,
    banked: StatementCounters,
    last: StatementRow,
    partial: bool,
    seen_in: u64,
    fresh: bool,
}

/// Turns a chain of samples into deltas.
///
/// Feed every sample in the order of time to [`Self::push`]; then [`Self::finish`].
#[derive(Debug, Default)]
pub struct StatementAccumulator {
    tracks: HashMap<StatementKey, Track>,
    intervals: Vec<StatementInterval>,
    samples: u64,
    last_at: Millis,
    hidden_rows: u64,
    lost: Millis,
    gap: bool,
}

impl StatementAccumulator {
    /// An accumulator without any sample.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the server was unreachable, or the view reset as a whole, since the last sample:
    /// the interval up to the next sample counts as not covered.
    pub fn mark_gap(&mut self) {
        self.gap = true;
    }

    /// Adds the next sample.
    pub fn push(&mut self, sample: StatementSample) {
        let first_sample = self.samples == 0;
        self.samples += 1;
        self.hidden_rows = sample.hidden_rows;
        let mut interval = StatementInterval {
            from: self.last_at,
            to: sample.at,
            ..StatementInterval::default()
        };
        for row in sample.rows {
            self.push_row(row, first_sample, &mut interval);
        }
        if !first_sample {
            let missing = self
                .tracks
                .values()
                .filter(|t| t.seen_in + 1 == self.samples);
            interval.lost_entries += missing.count() as u64;
            if self.gap {
                self.lost += interval.to - interval.from;
            }
            self.intervals.push(interval);
        }
        self.gap = false;
        self.last_at = sample.at;
    }

    fn push_row(
        &mut self,
        row: StatementRow,
        first_sample: bool,
        interval: &mut StatementInterval,
    ) {
        let samples = self.samples;
        let Some(track) = self.tracks.get_mut(&row.key) else {
            // An entry that appears inside the window began at zero inside the window.
            let baseline = if first_sample {
                row.counters
            } else {
                add_interval(interval, row.key.queryid, &row.counters);
                zero_like(&row.counters)
            };
            self.tracks.insert(
                row.key,
                Track {
                    first: row.clone(),
                    baseline,
                    banked: zero_like(&row.counters),
                    last: row,
                    partial: false,
                    seen_in: samples,
                    fresh: !first_sample,
                },
            );
            return;
        };
        let returned = track.seen_in + 1 < samples;
        let reset = match (track.last.stats_since, row.stats_since) {
            (Some(before), Some(now)) => before != now,
            _ => false,
        };
        let decreased = any_decreased(&track.last.counters, &row.counters)
            || spread_decreased(&track.last, &row);
        if returned || reset || decreased {
            track.banked = combine(&track.banked, &track.last.counters, &track.baseline);
            // With `stats_since`, or after an absence, the counters are known to have begun at
            // zero; otherwise the interval in which they fell is discarded for this row.
            let from_zero = returned || reset;
            track.baseline = if from_zero {
                add_interval(interval, row.key.queryid, &row.counters);
                zero_like(&row.counters)
            } else {
                interval.lost_entries += 1;
                row.counters
            };
            track.partial = true;
        } else {
            let step = difference(&row.counters, &track.last.counters);
            add_interval(interval, row.key.queryid, &step);
        }
        track.seen_in = samples;
        track.last = row;
    }

    /// The deltas of the whole window, with the number of evicted entries, the intervals and the
    /// share of the window that was covered. `own` decides which entries are dbperf's.
    #[must_use]
    pub fn finish(self, own: impl Fn(&StatementKey) -> bool) -> StatementWindow {
        let mut window = StatementWindow {
            hidden_rows: self.hidden_rows,
            ..StatementWindow::default()
        };
        for track in self.tracks.values() {
            let evicted = track.seen_in < self.samples;
            if evicted {
                window.evicted += 1;
            }
            let counters = combine(&track.banked, &track.last.counters, &track.baseline);
            if counters.calls == 0 && !(evicted && counters.total_exec_time.0 > 0.0) {
                continue;
            }
            let partial = track.partial || evicted;
            let delta = StatementDelta {
                key: track.last.key,
                stddev_exec_time: (!partial).then(|| interval_stddev(track)).flatten(),
                counters,
                partial,
                stats_since: track.last.stats_since,
            };
            if own(&delta.key) {
                window.own.push(delta);
            } else {
                window.deltas.push(delta);
            }
        }
        window.deltas.sort_by_key(|d| d.key);
        window.own.sort_by_key(|d| d.key);
        // An id that others send, too, is not dbperf's.
        let mut only_own: BTreeSet<i64> = window.own.iter().map(|d| d.key.queryid.0).collect();
        for delta in &window.deltas {
            only_own.remove(&delta.key.queryid.0);
        }
        window.intervals = self.intervals;
        for interval in &mut window.intervals {
            interval.calls.retain(|id, _| !only_own.contains(id));
        }
        let length = self.last_at.0;
        window.covered_ratio = if length > 0.0 {
            (1.0 - self.lost.0 / length).clamp(0.0, 1.0)
        } else {
            0.0
        };
        window
    }
}

/// The squared deviations of all executions, `stddev² × calls`, only grow while an entry lives: each new execution adds
/// to them. Where every counter has overtaken what it was before a reset, they may still tell.
fn spread_decreased(earlier: &StatementRow, later: &StatementRow) -> bool {
    let squares = |row: &StatementRow| row.stddev_exec_time.0.powi(2) * row.counters.calls as f64;
    let (before, now) = (squares(earlier), squares(later));
    // The server adds them up in double precision and hands out a root: the last digits move.
    now < before * (1.0 - 1e-6) - 1e-9
}

fn add_interval(interval: &mut StatementInterval, id: QueryId, step: &StatementCounters) {
    if step.calls > 0 || step.total_exec_time.0 > 0.0 {
        let entry = interval.calls.entry(id.0).or_default();
        entry.0 += step.calls;
        entry.1 += step.total_exec_time;
    }
}

/// Standard deviation of the window's executions from the cumulative ones at both ends: with A, B
/// the samples, `M2 = sB²·nB − sA²·nA − δ²·nA·nΔ/nB` (Chan, Golub and `LeVeque` 1979, inverted).
fn interval_stddev(track: &Track) -> Option<Millis> {
    let (a, b) = (&track.first, &track.last);
    let (na, ta, sa) = if track.fresh {
        (0.0, 0.0, 0.0)
    } else {
        (
            a.counters.calls as f64,
            a.counters.total_exec_time.0,
            a.stddev_exec_time.0,
        )
    };
    let (nb, tb, sb) = (
        b.counters.calls as f64,
        b.counters.total_exec_time.0,
        b.stddev_exec_time.0,
    );
    let n = nb - na;
    if n <= 0.0 {
        return None;
    }
    let mean = (tb - ta) / n;
    let shift = if na > 0.0 { mean - ta / na } else { 0.0 };
    let m2 = sb * sb * nb - sa * sa * na - shift * shift * na * n / nb;
    Some(Millis((m2 / n).max(0.0).sqrt()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn row(id: i64, calls: i64, total: f64, stddev: f64) -> StatementRow {
        StatementRow {
            key: StatementKey {
                userid: 10,
                dbid: 5,
                queryid: QueryId(id),
                toplevel: Some(true),
            },
            counters: StatementCounters {
                calls,
                total_exec_time: Millis(total),
                ..StatementCounters::default()
            },
            stddev_exec_time: Millis(stddev),
            stats_since: None,
        }
    }

    fn since(mut row: StatementRow, second: i64) -> StatementRow {
        row.stats_since = Some(Timestamp::from_second(second).unwrap());
        row
    }

    fn window(samples: Vec<Vec<StatementRow>>) -> StatementWindow {
        let mut accumulator = StatementAccumulator::new();
        for (i, rows) in samples.into_iter().enumerate() {
            accumulator.push(StatementSample {
                at: Millis(1000.0 * i as f64),
                rows,
                hidden_rows: 0,
            });
        }
        accumulator.finish(|_| false)
    }

    #[test]
    fn standard_deviation_of_the_interval_is_derived_from_both_ends() {
        // The worked numbers of the reference: A(4, 20, 1.870829), B(7, 44, 3.493434).
        let w = window(vec![
            vec![row(1, 4, 20.0, 1.870_829)],
            vec![row(1, 7, 44.0, 3.493_434)],
        ]);
        let delta = &w.deltas[0];
        assert_eq!(delta.counters.calls, 3);
        assert!((delta.mean_exec_time().unwrap().0 - 8.0).abs() < 1e-9);
        assert!((delta.stddev_exec_time.unwrap().0 - 4.320_494).abs() < 1e-4);
        assert!(!delta.partial);
    }

    #[test]
    fn an_entry_that_appears_counts_from_zero() {
        let w = window(vec![vec![], vec![row(1, 3, 30.0, 0.0)]]);
        assert_eq!(w.deltas[0].counters.calls, 3);
        assert!(!w.deltas[0].partial);
        assert_eq!(w.intervals[0].calls[&1], (3, Millis(30.0)));
    }

    #[test]
    fn a_reset_entry_banks_what_it_had_and_loses_one_interval() {
        let w = window(vec![
            vec![row(1, 10, 100.0, 0.0)],
            vec![row(1, 15, 150.0, 0.0)],
            vec![row(1, 2, 20.0, 0.0)],
            vec![row(1, 6, 60.0, 0.0)],
        ]);
        let delta = &w.deltas[0];
        assert_eq!(delta.counters.calls, 5 + 4);
        assert!(delta.partial);
        assert_eq!(delta.stddev_exec_time, None);
        assert_eq!(w.intervals[1].lost_entries, 1);
    }

    #[test]
    fn stats_since_tells_a_reset_that_calls_alone_hide() {
        // 5 → evicted → 9 looks like +4 without stats_since.
        let w = window(vec![
            vec![since(row(1, 5, 50.0, 0.0), 100)],
            vec![since(row(1, 9, 90.0, 0.0), 200)],
        ]);
        assert_eq!(w.deltas[0].counters.calls, 9);
        assert!(w.deltas[0].partial);
    }

    #[test]
    fn another_counter_that_falls_discards_the_interval() {
        let mut later = row(1, 9, 90.0, 0.0);
        let mut earlier = row(1, 5, 50.0, 0.0);
        earlier.counters.shared_blks_hit = 10;
        later.counters.shared_blks_hit = 3;
        let w = window(vec![vec![earlier], vec![later]]);
        assert!(w.deltas.is_empty(), "nothing is known about the interval");
        assert_eq!(w.intervals[0].lost_entries, 1);
    }

    #[test]
    fn a_spread_that_shrinks_tells_a_reset_that_every_counter_hides() {
        // 5 calls with one of 100 ms, then reset, and 9 calls of 20 ms each: every counter grew.
        let w = window(vec![
            vec![row(1, 5, 140.0, 36.0)],
            vec![row(1, 9, 180.0, 0.5)],
            vec![row(1, 11, 220.0, 0.5)],
        ]);
        assert_eq!(w.deltas[0].counters.calls, 2);
        assert!(w.deltas[0].partial);
        // The same spread in another last digit is no reset.
        let w = window(vec![
            vec![row(1, 5, 140.0, 36.0)],
            vec![row(1, 5, 140.0, 35.999_999_99)],
        ]);
        assert!(w.deltas.is_empty() && w.intervals[0].lost_entries == 0);
    }

    #[test]
    fn an_evicted_entry_is_marked_and_one_that_returns_counts_from_zero() {
        let w = window(vec![
            vec![row(1, 10, 100.0, 0.0), row(2, 1, 1.0, 0.0)],
            vec![row(1, 12, 120.0, 0.0), row(2, 4, 4.0, 0.0)],
            vec![],
            vec![row(1, 20, 200.0, 0.0)],
        ]);
        assert_eq!(w.evicted, 1);
        let by_id = |id| {
            let found = w.deltas.iter().find(|d| d.key.queryid == QueryId(id));
            found.unwrap()
        };
        assert_eq!(by_id(1).counters.calls, 2 + 20);
        assert!(by_id(1).partial);
        assert_eq!(by_id(2).counters.calls, 3);
        assert!(by_id(2).partial);
    }

    #[test]
    fn a_gap_lowers_the_covered_share() {
        let mut accumulator = StatementAccumulator::new();
        for i in 0..5 {
            if i == 3 {
                accumulator.mark_gap();
            }
            accumulator.push(StatementSample {
                at: Millis(1000.0 * f64::from(i)),
                ..StatementSample::default()
            });
        }
        assert!((accumulator.finish(|_| false).covered_ratio - 0.75).abs() < 1e-9);
    }

    #[test]
    fn own_statements_stay_apart() {
        let mut accumulator = StatementAccumulator::new();
        accumulator.push(StatementSample::default());
        accumulator.push(StatementSample {
            at: Millis(1.0),
            rows: vec![row(1, 1, 1.0, 0.0), row(2, 1, 1.0, 0.0)],
            hidden_rows: 0,
        });
        let w = accumulator.finish(|key| key.queryid == QueryId(2));
        assert_eq!((w.deltas.len(), w.own.len()), (1, 1));
        assert!(!w.intervals[0].calls.contains_key(&2));
    }
}
