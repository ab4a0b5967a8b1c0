//! Pools of machines that ran at the same time.

use crate::record::Millis;
use crate::record::add::both;
use crate::record::load::LoadResult;
use crate::record::pool::{PoolGauge, PoolRecord};

use super::since;

/// The pools of two machines as one.
pub(super) fn add_pool(
    mine: &PoolRecord,
    my_load: &LoadResult,
    theirs: &PoolRecord,
    their_load: &LoadResult,
) -> PoolRecord {
    let start = |load: &LoadResult| load.started_at.unwrap_or_default();
    let (my_start, their_start) = (start(my_load), start(their_load));
    let begin = my_start.min(their_start);
    let (my_offset, their_offset) = (since(begin, my_start), since(begin, their_start));
    let end = (my_offset + mine.length)
        .0
        .max((their_offset + theirs.length).0);
    let in_use = mine.in_use_ms() + theirs.in_use_ms();
    let mut all = mine.clone();
    all.add_counts(theirs);
    all.pool_size += theirs.pool_size;
    all.clients += theirs.clients;
    all.length = Millis(end);
    let until = |pool: &PoolRecord, offset: Millis| Some((offset + pool.begun?).0);
    let ends = until(mine, my_offset).zip(until(theirs, their_offset));
    all.begun = ends.map(|(mine, theirs)| Millis(mine.max(theirs)));
    all.in_use_mean = if end > 0.0 { in_use / end } else { 0.0 };
    all.in_use_max += theirs.in_use_max;
    all.gauges = add_gauges(
        &at_zero_after(mine, my_offset),
        &at_zero_after(theirs, their_offset),
    );
    all
}

/// The gauges of a pool since a common begin. When its window is over it has no connections.
fn at_zero_after(pool: &PoolRecord, offset: Millis) -> Vec<PoolGauge> {
    let mut gauges: Vec<PoolGauge> = pool
        .gauges
        .iter()
        .map(|gauge| PoolGauge {
            at: gauge.at + offset,
            ..*gauge
        })
        .collect();
    let end = pool.length + offset;
    // A merged pool has ended already.
    if let Some(last) = gauges
        .last()
        .copied()
        .filter(|last| last.size > 0 || last.at < end)
    {
        let end = Millis(last.at.0.max(end.0));
        let idle = last.idle.map(|_| 0);
        gauges.push(PoolGauge {
            at: end,
            idle,
            ..PoolGauge::default()
        });
    }
    gauges
}

/// Both as steps: at every reading of either, the sum of the latest readings.
fn add_gauges(a: &[PoolGauge], b: &[PoolGauge]) -> Vec<PoolGauge> {
    let mut sum = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let next = |gauges: &[PoolGauge], index: usize| gauges.get(index).map(|g| g.at.0);
        let at = next(a, i)
            .unwrap_or(f64::INFINITY)
            .min(next(b, j).unwrap_or(f64::INFINITY));
        i += usize::from(next(a, i).is_some_and(|mine| mine <= at));
        j += usize::from(next(b, j).is_some_and(|theirs| theirs <= at));
        let latest = |gauges: &[PoolGauge], index: usize| {
            let before = index.checked_sub(1).and_then(|index| gauges.get(index));
            before.copied().unwrap_or(PoolGauge {
                idle: Some(0),
                ..PoolGauge::default()
            })
        };
        let (mine, theirs) = (latest(a, i), latest(b, j));
        sum.push(PoolGauge {
            at: Millis(at),
            size: mine.size + theirs.size,
            idle: both(mine.idle, theirs.idle, |a, b| a + b),
            in_use: mine.in_use + theirs.in_use,
            waiting: mine.waiting + theirs.waiting,
        });
    }
    sum
}
