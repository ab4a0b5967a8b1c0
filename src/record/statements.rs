//! `pg_stat_statements`: samples become deltas here, and only here.
//!
//! A window is read as a chain of samples. Every row keeps a baseline; when a row was reset or
//! evicted inside the window, what it had up to the sample before is banked, the interval in which
//! it happened is lost, and the row is marked `partial`. So no delta is ever negative.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::server::Disturbance;
use super::{Millis, QueryId};

/// The server's own key of an entry. `toplevel` is `None` before extension 1.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_statements under their own names"
)]
pub struct StatementKey {
    pub userid: u32,
    pub dbid: u32,
    pub queryid: QueryId,
    pub toplevel: Option<bool>,
}

/// The cumulative counters of one entry; every one only grows between resets.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the columns of pg_stat_statements under their own names"
)]
pub struct StatementCounters {
    pub calls: i64,
    pub rows: i64,
    pub total_exec_time: Millis,
    /// 0 unless `track_planning` is on.
    pub plans: i64,
    /// 0 unless `track_planning` is on.
    pub total_plan_time: Millis,
    pub shared_blks_hit: i64,
    pub shared_blks_read: i64,
    pub shared_blks_dirtied: i64,
    pub shared_blks_written: i64,
    pub local_blks_read: i64,
    pub local_blks_written: i64,
    pub temp_blks_read: i64,
    pub temp_blks_written: i64,
    /// `shared_blk_read_time` (1.11+) or `blk_read_time`; 0 unless `track_io_timing` is on.
    pub shared_blk_read_time: Millis,
    /// `shared_blk_write_time` (1.11+) or `blk_write_time`.
    pub shared_blk_write_time: Millis,
    /// 1.10+.
    pub temp_blk_read_time: Option<Millis>,
    /// 1.10+.
    pub temp_blk_write_time: Option<Millis>,
    pub wal_records: i64,
    pub wal_fpi: i64,
    pub wal_bytes: i64,
    /// 1.10+: sum of generation, inlining, optimisation and emission is JIT time.
    pub jit_functions: Option<i64>,
    /// 1.10+.
    pub jit_generation_time: Option<Millis>,
    /// 1.10+.
    pub jit_inlining_time: Option<Millis>,
    /// 1.10+.
    pub jit_optimization_time: Option<Millis>,
    /// 1.10+.
    pub jit_emission_time: Option<Millis>,
    /// 1.12+.
    pub parallel_workers_to_launch: Option<i64>,
    /// 1.12+.
    pub parallel_workers_launched: Option<i64>,
}

/// One row as read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementRow {
    /// The server's key.
    pub key: StatementKey,
    /// Cumulative counters.
    pub counters: StatementCounters,
    /// `stddev_exec_time` over the life of the entry: population standard deviation.
    pub stddev_exec_time: Millis,
    /// `stats_since` (1.11+).
    pub stats_since: Option<Timestamp>,
}

/// One reading of the view.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatementSample {
    /// Time since the start of the window on dbperf's clock.
    pub at: Millis,
    /// Rows with a visible `queryid`.
    pub rows: Vec<StatementRow>,
    /// Rows whose `queryid` is hidden from the role.
    pub hidden_rows: u64,
}

/// What one entry did between two moments. Never negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementDelta {
    /// The server's key.
    pub key: StatementKey,
    /// Later minus earlier.
    pub counters: StatementCounters,
    /// Population standard deviation of the executions of the window, derived from the two ends;
    /// `None` for a partial row or without a call.
    pub stddev_exec_time: Option<Millis>,
    /// The entry was reset or evicted inside the window: a part of its executions is missing.
    pub partial: bool,
    /// The counters have only run since this moment (1.11+).
    pub stats_since: Option<Timestamp>,
}

impl StatementDelta {
    /// Mean execution time; `None` without a call.
    #[must_use]
    pub fn mean_exec_time(&self) -> Option<Millis> {
        (self.counters.calls > 0)
            .then(|| Millis(self.counters.total_exec_time.0 / self.counters.calls as f64))
    }
}

/// Calls and execution time per statement id within one short interval, for inference.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatementInterval {
    /// Start since the start of the window.
    pub from: Millis,
    /// End since the start of the window.
    pub to: Millis,
    /// Δcalls and Δ`total_exec_time` by `queryid` (all users, databases and levels of the id,
    /// dbperf's own excluded); ids without a call are absent.
    pub calls: BTreeMap<i64, (i64, Millis)>,
    /// Entries that were lost in this interval (reset, evicted or unreadable).
    pub lost_entries: u64,
}

/// The text of a statement, as the view keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementText {
    /// `pg_stat_statements.query`; constants are `$n`.
    pub query: String,
    /// Fingerprint of the parse tree (`pg_query`); `None` where the text does not parse.
    pub fingerprint: Option<String>,
}

/// `pg_stat_statements` over the window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatementWindow {
    /// Extension version, such as `1.10`.
    pub extension_version: String,
    /// Deltas of every entry with a call in the window, dbperf's own excluded.
    pub deltas: Vec<StatementDelta>,
    /// dbperf's own entries (marker comment), to state the cost of observing.
    pub own: Vec<StatementDelta>,
    /// Texts by `queryid`.
    pub texts: BTreeMap<i64, StatementText>,
    /// Short intervals in the order of time.
    pub intervals: Vec<StatementInterval>,
    /// Entries seen in an earlier sample and missing in the last one: their last part is unknown.
    pub evicted: u64,
    /// Rows whose `queryid` the role may not see, in the last sample.
    pub hidden_rows: u64,
    /// What disturbed the counters.
    pub disturbances: Vec<Disturbance>,
    /// Part of the window during which the counters were continuous (0 to 1): intervals in which
    /// the whole view was reset or unreadable count as not covered.
    pub covered_ratio: f64,
}

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
        let decreased = any_decreased(&track.last.counters, &row.counters);
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
    pub fn finish(self, own: impl Fn(QueryId) -> bool) -> StatementWindow {
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
            if own(delta.key.queryid) {
                window.own.push(delta);
            } else {
                window.deltas.push(delta);
            }
        }
        window.deltas.sort_by_key(|d| d.key);
        window.own.sort_by_key(|d| d.key);
        window.intervals = self.intervals;
        for interval in &mut window.intervals {
            interval.calls.retain(|id, _| !own(QueryId(*id)));
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

/// Applies one operation to every counter; the only place that lists them all.
macro_rules! map_counters {
    ($a:expr, $b:expr, $int:expr, $ms:expr) => {{
        let (a, b, int, ms) = ($a, $b, $int, $ms);
        let opt_ms = |x: Option<Millis>, y: Option<Millis>| Some(ms(x?, y.unwrap_or_default()));
        let opt_int = |x: Option<i64>, y: Option<i64>| Some(int(x?, y.unwrap_or_default()));
        StatementCounters {
            calls: int(a.calls, b.calls),
            rows: int(a.rows, b.rows),
            total_exec_time: ms(a.total_exec_time, b.total_exec_time),
            plans: int(a.plans, b.plans),
            total_plan_time: ms(a.total_plan_time, b.total_plan_time),
            shared_blks_hit: int(a.shared_blks_hit, b.shared_blks_hit),
            shared_blks_read: int(a.shared_blks_read, b.shared_blks_read),
            shared_blks_dirtied: int(a.shared_blks_dirtied, b.shared_blks_dirtied),
            shared_blks_written: int(a.shared_blks_written, b.shared_blks_written),
            local_blks_read: int(a.local_blks_read, b.local_blks_read),
            local_blks_written: int(a.local_blks_written, b.local_blks_written),
            temp_blks_read: int(a.temp_blks_read, b.temp_blks_read),
            temp_blks_written: int(a.temp_blks_written, b.temp_blks_written),
            shared_blk_read_time: ms(a.shared_blk_read_time, b.shared_blk_read_time),
            shared_blk_write_time: ms(a.shared_blk_write_time, b.shared_blk_write_time),
            temp_blk_read_time: opt_ms(a.temp_blk_read_time, b.temp_blk_read_time),
            temp_blk_write_time: opt_ms(a.temp_blk_write_time, b.temp_blk_write_time),
            wal_records: int(a.wal_records, b.wal_records),
            wal_fpi: int(a.wal_fpi, b.wal_fpi),
            wal_bytes: int(a.wal_bytes, b.wal_bytes),
            jit_functions: opt_int(a.jit_functions, b.jit_functions),
            jit_generation_time: opt_ms(a.jit_generation_time, b.jit_generation_time),
            jit_inlining_time: opt_ms(a.jit_inlining_time, b.jit_inlining_time),
            jit_optimization_time: opt_ms(a.jit_optimization_time, b.jit_optimization_time),
            jit_emission_time: opt_ms(a.jit_emission_time, b.jit_emission_time),
            parallel_workers_to_launch: opt_int(
                a.parallel_workers_to_launch,
                b.parallel_workers_to_launch,
            ),
            parallel_workers_launched: opt_int(
                a.parallel_workers_launched,
                b.parallel_workers_launched,
            ),
        }
    }};
}

fn difference(later: &StatementCounters, earlier: &StatementCounters) -> StatementCounters {
    map_counters!(
        later,
        earlier,
        |x: i64, y: i64| x - y,
        |x: Millis, y: Millis| x - y
    )
}

fn sum(x: &StatementCounters, y: &StatementCounters) -> StatementCounters {
    map_counters!(x, y, |a: i64, b: i64| a + b, |a: Millis, b: Millis| a + b)
}

fn zero_like(counters: &StatementCounters) -> StatementCounters {
    map_counters!(
        counters,
        counters,
        |_: i64, _: i64| 0,
        |_: Millis, _: Millis| Millis(0.0)
    )
}

fn combine(
    banked: &StatementCounters,
    last: &StatementCounters,
    baseline: &StatementCounters,
) -> StatementCounters {
    sum(&difference(last, baseline), banked)
}

fn any_decreased(earlier: &StatementCounters, later: &StatementCounters) -> bool {
    let fell = std::cell::Cell::new(false);
    let check_int = |x: i64, y: i64| {
        fell.set(fell.get() || x < y);
        x
    };
    let check_ms = |x: Millis, y: Millis| {
        fell.set(fell.get() || x.0 < y.0);
        x
    };
    let _ = map_counters!(later, earlier, check_int, check_ms);
    fell.get()
}

#[cfg(test)]
mod tests {
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
        let w = accumulator.finish(|id| id == QueryId(2));
        assert_eq!((w.deltas.len(), w.own.len()), (1, 1));
        assert!(!w.intervals[0].calls.contains_key(&2));
    }
}
