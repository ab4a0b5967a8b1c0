//! The cumulative counters of an entry, and arithmetic over all of them at once.

use serde::{Deserialize, Serialize};

use crate::record::Millis;

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

pub(super) fn difference(
    later: &StatementCounters,
    earlier: &StatementCounters,
) -> StatementCounters {
    map_counters!(
        later,
        earlier,
        |x: i64, y: i64| x - y,
        |x: Millis, y: Millis| x - y
    )
}

impl StatementCounters {
    /// Every counter of both added; what the first does not have stays absent.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        map_counters!(
            self,
            other,
            |a: i64, b: i64| a + b,
            |a: Millis, b: Millis| a + b
        )
    }

    /// Generation, inlining, optimisation and emission of machine code together; `None` before extension 1.10.
    #[must_use]
    pub fn jit_time(&self) -> Option<Millis> {
        let times = [
            self.jit_generation_time?,
            self.jit_inlining_time?,
            self.jit_optimization_time?,
            self.jit_emission_time?,
        ];
        Some(times.into_iter().sum())
    }

    /// Time of reading and writing temporary blocks; `None` before extension 1.10, 0 unless `track_io_timing` is on.
    #[must_use]
    pub fn temp_blk_time(&self) -> Option<Millis> {
        Some(self.temp_blk_read_time? + self.temp_blk_write_time?)
    }
}

pub(super) fn zero_like(counters: &StatementCounters) -> StatementCounters {
    map_counters!(
        counters,
        counters,
        |_: i64, _: i64| 0,
        |_: Millis, _: Millis| Millis(0.0)
    )
}

pub(super) fn combine(
    banked: &StatementCounters,
    last: &StatementCounters,
    baseline: &StatementCounters,
) -> StatementCounters {
    difference(last, baseline).plus(banked)
}

pub(super) fn any_decreased(earlier: &StatementCounters, later: &StatementCounters) -> bool {
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
