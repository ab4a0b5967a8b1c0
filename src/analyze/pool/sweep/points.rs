//! What each size of a sweep came to.

use std::collections::BTreeMap;

use crate::analyze::database_time::{counts, is_own_replay};
use crate::record::activity::ActivitySample;
use crate::record::sweep::{PoolSweep, Purpose, SizeBlock};
use crate::record::{Millis, Run};
use crate::stats::{LatencyHistogram, student_t_quantile};

/// One size, over its blocks.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) size: u32,
    pub(super) blocks: usize,
    pub(super) requests: u64,
    pub(super) failures: u64,
    /// Mean over the blocks, weighted by their length.
    pub(super) throughput: f64,
    /// Variance of the throughput of its blocks, as a share of the squared mean; 0 of one block.
    pub(super) block_variance: f64,
    /// Each of its blocks.
    pub(super) measured: Vec<BlockFigures>,
    pub(super) latency: LatencyHistogram,
    pub(super) permit_wait: LatencyHistogram,
    pub(super) lease: LatencyHistogram,
    /// Acquires per second.
    pub(super) acquires_per_sec: f64,
    /// Mean time for which a permit is gone: the lease, connecting or checking before it, and what comes after.
    pub(super) occupied_ms: f64,
    /// Mean time of a lease in which statements were under way.
    pub(super) statements_ms: f64,
    pub(super) held_idle_ratio: f64,
    /// Time for new connections over the time of leases.
    pub(super) connect_ratio: f64,
    /// Mean number of connections in use.
    pub(super) in_use_mean: f64,
    /// Connections that the rate of an open loop keeps busy; `None` in a closed one.
    pub(super) offered: Option<f64>,
    /// Acquires that gave up over all.
    pub(super) timed_out_ratio: f64,
    /// Share of the blocks in which the driver was the limit.
    pub(super) driver_saturated_ratio: f64,
    /// What the server did meanwhile; `None` without samples.
    pub(super) server: Option<ServerShare>,
    pub(super) queue: Queue,
}

/// What of one block decides among sizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockFigures {
    pub(super) round: u32,
    /// Of requests that succeeded; of half a request where none did, which has a logarithm.
    pub(super) throughput: f64,
    /// `None` without a request.
    pub(super) p99_ms: Option<f64>,
}

impl BlockFigures {
    fn of(block: &SizeBlock) -> Self {
        let done = (block.requests - block.failures) as f64;
        Self {
            round: block.round,
            throughput: done.max(0.5) / block.length.secs(),
            p99_ms: block.latency.quantile_ms(0.99).filter(|ms| *ms > 0.0),
        }
    }
}

/// Clients that a pooler in front of the server lets wait for one of its server connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Queue {
    /// There is none that is known of.
    NoPooler,
    /// There is one, and its console was not asked.
    NotAsked,
    /// Their mean number.
    Waiting(f64),
}

/// What the sessions of the load did, by samples of `pg_stat_activity` in the blocks of one size.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerShare {
    pub(super) samples: u64,
    /// Mean number of active sessions of the load.
    pub(super) active: f64,
    /// Mean number of them that were not waiting.
    pub(super) on_cpu: f64,
    /// Mean number of active sessions of others.
    pub(super) others: f64,
    /// Mean number of the load's sessions in each class of waits.
    pub(super) waiting: BTreeMap<String, f64>,
}

impl Point {
    fn of(size: u32, blocks: &[&SizeBlock], rate_per_sec: Option<f64>) -> Self {
        let length: Millis = blocks.iter().map(|block| block.length).sum();
        let sum = |of: &dyn Fn(&SizeBlock) -> f64| blocks.iter().map(|b| of(b)).sum::<f64>();
        let lease_total = sum(&|b| b.pool.lease_total.0);
        let held_idle = sum(&|b| b.pool.held_idle_total.0);
        let total = |of: &LatencyHistogram| of.mean_ms().unwrap_or(0.0) * of.count() as f64;
        let leases = sum(&|b| b.pool.lease.count() as f64);
        let connecting = sum(&|b| total(&b.pool.connect));
        let acquires = sum(&|b| b.pool.counters.acquires as f64);
        let add = |of: fn(&SizeBlock) -> &LatencyHistogram| {
            let mut all = LatencyHistogram::new();
            for block in blocks {
                all.add(of(block));
            }
            all
        };
        let (requests, failures) = blocks
            .iter()
            .fold((0, 0), |(r, f), b| (r + b.requests, f + b.failures));
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Self {
            size,
            blocks: blocks.len(),
            requests,
            failures,
            throughput: ratio((requests - failures) as f64, length.secs()),
            block_variance: block_variance(blocks),
            measured: blocks.iter().map(|block| BlockFigures::of(block)).collect(),
            latency: add(|b| &b.latency),
            permit_wait: add(|b| &b.pool.permit_wait),
            lease: add(|b| &b.pool.lease),
            acquires_per_sec: ratio(acquires, length.secs()),
            occupied_ms: ratio(sum(&|b| b.pool.occupied_ms()), leases),
            statements_ms: ratio(lease_total - held_idle, leases),
            held_idle_ratio: ratio(held_idle, lease_total),
            connect_ratio: ratio(connecting, lease_total),
            in_use_mean: ratio(sum(&|b| b.pool.in_use_mean * b.length.0), length.0),
            offered: rate_per_sec.map(|rate| rate * ratio(lease_total, leases) / 1000.0),
            timed_out_ratio: ratio(sum(&|b| b.pool.counters.timed_out as f64), acquires),
            driver_saturated_ratio: ratio(
                sum(&|b| f64::from(u8::from(b.driver_saturated == Some(true)))),
                blocks.len() as f64,
            ),
            server: None,
            queue: Queue::NoPooler,
        }
    }

    /// The rate keeps more connections busy than there are (Little's law): requests pile up, and what was measured
    /// depends on how long they had to.
    pub(super) fn is_overloaded(&self) -> bool {
        self.offered
            .is_some_and(|busy| busy >= f64::from(self.size))
    }

    pub(super) fn p50_ms(&self) -> f64 {
        self.latency.quantile_ms(0.5).unwrap_or(0.0)
    }

    pub(super) fn p99_ms(&self) -> f64 {
        self.latency.quantile_ms(0.99).unwrap_or(0.0)
    }

    pub(super) fn wait_p99_ms(&self) -> f64 {
        self.permit_wait.quantile_ms(0.99).unwrap_or(0.0)
    }

    pub(super) fn wait_mean_ms(&self) -> f64 {
        self.permit_wait.mean_ms().unwrap_or(0.0)
    }

    /// Half of the 95 % interval of the throughput; `None` of one block.
    pub(super) fn throughput_margin(&self) -> Option<f64> {
        let degrees = self.blocks.checked_sub(1).filter(|d| *d > 0)? as f64;
        let error = (self.block_variance / self.blocks as f64).sqrt() * self.throughput;
        Some(student_t_quantile(0.975, degrees)? * error)
    }
}

/// Variance of the throughput of blocks, as a share of the squared mean.
fn block_variance(blocks: &[&SizeBlock]) -> f64 {
    let rates: Vec<f64> = blocks.iter().filter_map(|b| b.throughput()).collect();
    let count = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / count;
    if rates.len() < 2 || mean <= 0.0 {
        return 0.0;
    }
    let squares: f64 = rates.iter().map(|rate| (rate / mean - 1.0).powi(2)).sum();
    squares / (count - 1.0)
}

/// The sizes that were measured for this purpose, smallest first.
pub(super) fn points(sweep: &PoolSweep, purpose: Option<Purpose>) -> Vec<Point> {
    let mut by_size: BTreeMap<u32, Vec<&SizeBlock>> = BTreeMap::new();
    for block in &sweep.blocks {
        if purpose.is_none_or(|wanted| wanted == block.purpose) {
            by_size.entry(block.pool_size).or_default().push(block);
        }
    }
    let points = by_size
        .iter()
        .map(|(size, blocks)| Point::of(*size, blocks, sweep.rate_per_sec));
    points.collect()
}

/// The same with what the server, and `PgBouncer` in front of it, did in all blocks of each size.
pub(super) fn points_with_server(
    run: &Run,
    sweep: &PoolSweep,
    purpose: Option<Purpose>,
) -> Vec<Point> {
    let mut points = points(sweep, purpose);
    for point in &mut points {
        let blocks = sweep.blocks.iter().filter(|b| b.pool_size == point.size);
        let spans: Vec<(f64, f64)> = blocks.filter_map(|block| span(run, block)).collect();
        let within = |at: Millis| spans.iter().any(|(from, to)| (*from..*to).contains(&at.0));
        point.server = run.activity.as_ref().and_then(|series| {
            let samples = series.samples.iter();
            share(samples.filter(|sample| within(sample.at)))
        });
        point.queue = queue(run, within);
    }
    points
}

/// Begin and end of a block in milliseconds since the start of the window.
fn span(run: &Run, block: &SizeBlock) -> Option<(f64, f64)> {
    let since = block.started_at?.duration_since(run.meta.started_at);
    let from = since.as_secs_f64() * 1000.0;
    Some((from, from + block.length.0))
}

/// The queue in a pooler at these times.
fn queue(run: &Run, within: impl Fn(Millis) -> bool) -> Queue {
    let samples = run.pgbouncer.iter().flat_map(|window| &window.samples);
    let (mut count, mut sum) = (0_u32, 0.0);
    for sample in samples.filter(|sample| within(sample.at)) {
        let waiting = sample.pools.iter().map(|pool| pool.cl_waiting as f64);
        (count, sum) = (count + 1, sum + waiting.sum::<f64>());
    }
    let through = run.server.as_ref().and_then(|s| s.through_pooler) == Some(true);
    match count {
        0 if through || run.pgbouncer.is_some() => Queue::NotAsked,
        0 => Queue::NoPooler,
        _ => Queue::Waiting(sum / f64::from(count)),
    }
}

fn share<'a>(samples: impl Iterator<Item = &'a ActivitySample>) -> Option<ServerShare> {
    let mut share = ServerShare::default();
    for sample in samples {
        share.samples += 1;
        for session in sample.sessions.iter().filter(|session| counts(session)) {
            if !is_own_replay(session) {
                share.others += 1.0;
                continue;
            }
            share.active += 1.0;
            match &session.wait_event_type {
                None => share.on_cpu += 1.0,
                Some(class) => *share.waiting.entry(class.clone()).or_default() += 1.0,
            }
        }
    }
    if share.samples == 0 {
        return None;
    }
    let samples = share.samples as f64;
    for sum in [&mut share.active, &mut share.on_cpu, &mut share.others]
        .into_iter()
        .chain(share.waiting.values_mut())
    {
        *sum /= samples;
    }
    Some(share)
}
