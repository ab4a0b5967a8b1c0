//! Pools compared: blocks of the same load in turns, A B C C B A, so that what drifts hits all of them.
//!
//! Before the window each pool runs once without a warm-up: the server is warm then, and the connections
//! of a new pool have been timed. Two blocks of the first pool in a row follow, to show what differs when
//! nothing does. Each block is a replay of its own, with new connections and the same seed number.

use std::time::{Duration, Instant};

use crate::pg::Connector;
use crate::record::Millis;
use crate::record::comparison::{ComparedPool, PoolBlock, PoolComparison};
use crate::record::load::LoadResult;
use crate::record::pool::PoolRecord;
use crate::workload::{Think, Workload};

use super::options::{LoadShape, PoolKind};
use super::replay::{replay_one, runtime};
use super::{Control, DriveError, DriveOptions, Replayed};

/// Length of a block where the duration allows it.
const BLOCK: Duration = Duration::from_secs(1);

/// Shortest block (ours): below it, its begin and its end weigh too much.
const SHORTEST_BLOCK: Duration = Duration::from_millis(200);

/// Blocks of each pool, where they are as long as [`BLOCK`]; more time makes longer blocks.
const ROUNDS: std::ops::RangeInclusive<u32> = 10..=40;

/// Warm-up of a block: time enough to connect and to prepare.
const BLOCK_WARMUP: Duration = Duration::from_millis(250);

/// How many blocks each pool has, and how long they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Blocks {
    rounds: u32,
    length: Duration,
}

impl Blocks {
    /// Blocks whose lengths add up to `duration`. Their number is even, so that every pool is as often
    /// before the others as behind them.
    fn of(duration: Duration) -> Self {
        let fit = |block: Duration| {
            u32::try_from(duration.as_nanos() / block.as_nanos()).unwrap_or(u32::MAX)
        };
        let wanted = fit(BLOCK).clamp(*ROUNDS.start(), *ROUNDS.end());
        let rounds = wanted.min(fit(SHORTEST_BLOCK).max(2));
        let rounds = rounds - rounds % 2;
        Self {
            rounds,
            length: duration / rounds,
        }
    }

    /// The pools of a round in their order.
    fn order(round: u32, pools: usize) -> Vec<usize> {
        if round.is_multiple_of(2) {
            (0..pools).collect()
        } else {
            (0..pools).rev().collect()
        }
    }
}

/// Replays a workload through several pools in turns. What is returned as the load is that of the first pool that
/// worked.
///
/// # Errors
/// No pool worked, for the reason of the first; or the options make no sense for a comparison.
pub(super) fn compare(
    workload: &Workload,
    target: &Connector,
    options: &DriveOptions,
    control: &Control,
) -> Result<Replayed, DriveError> {
    options.check(workload)?;
    if let LoadShape::Stages(_) = options.load {
        return Err(DriveError::NotInTurns("--stages"));
    }
    if options.start_at.is_some() {
        return Err(DriveError::NotInTurns("--start-at"));
    }
    if options.shard.count > 1 {
        return Err(DriveError::NotInTurns("--shard"));
    }
    let mut course = Course::new(workload, target, options, control);
    course.make_warm()?;
    control.warm();
    let runtime = runtime()?;
    runtime.block_on(async {
        tokio::select! {
            () = control.gate_opened() => {}
            () = control.stopped() => {}
        }
    });
    drop(runtime);
    let opened = Instant::now();
    course.twice()?;
    course.rounds()?;
    course.finish(opened)
}

/// One pool on its way.
struct Runner {
    kind: PoolKind,
    record: ComparedPool,
    load: Option<LoadResult>,
    doubts: Doubts,
    error: Option<DriveError>,
}

/// What the blocks of a pool say against themselves. One block in which something else ran does not
/// make the whole comparison that of the driver.
#[derive(Debug, Default)]
struct Doubts {
    blocks: usize,
    saturated: usize,
    warned: usize,
    first_warning: Option<String>,
}

impl Doubts {
    /// Takes the doubts of a block.
    fn take(&mut self, load: &mut LoadResult) {
        self.blocks += 1;
        self.saturated += usize::from(load.driver_saturated == Some(true));
        let warnings = std::mem::take(&mut load.source.warnings);
        if let Some(warning) = warnings.into_iter().next() {
            self.warned += 1;
            self.first_warning.get_or_insert(warning);
        }
    }

    /// Says them of all blocks together: the driver was the limit if it was in half of them (ours).
    fn tell(self, load: &mut LoadResult) {
        load.driver_saturated = load
            .driver_saturated
            .map(|_| 2 * self.saturated >= self.blocks);
        load.source.warnings.extend(self.first_warning.map(|first| {
            format!(
                "{} of {} blocks had a warning, the first: {first}",
                self.warned, self.blocks
            )
        }));
    }
}

/// A comparison on its way.
struct Course<'a> {
    workload: &'a Workload,
    target: &'a Connector,
    options: &'a DriveOptions,
    control: &'a Control,
    blocks: Blocks,
    warmup: Duration,
    runners: Vec<Runner>,
    twice: Vec<PoolBlock>,
    interrupted: bool,
}

impl<'a> Course<'a> {
    fn new(
        workload: &'a Workload,
        target: &'a Connector,
        options: &'a DriveOptions,
        control: &'a Control,
    ) -> Self {
        let kinds = std::iter::once(&options.pool).chain(&options.compare_with);
        let mut runners: Vec<Runner> = Vec::new();
        for kind in kinds {
            let same = runners.iter().filter(|runner| runner.kind == *kind).count();
            let name = match same {
                0 => kind.name().to_owned(),
                _ => format!("{} ({})", kind.name(), same + 1),
            };
            runners.push(Runner {
                kind: *kind,
                record: ComparedPool {
                    name,
                    ..ComparedPool::default()
                },
                load: None,
                doubts: Doubts::default(),
                error: None,
            });
        }
        Self {
            workload,
            target,
            options,
            control,
            blocks: Blocks::of(options.duration),
            warmup: options.warmup.min(BLOCK_WARMUP),
            runners,
            twice: Vec::new(),
            interrupted: false,
        }
    }

    /// One block of a pool; `None` if it failed, which is noted, or if the comparison was stopped.
    fn block(&mut self, pool: usize, length: Duration, warmup: Duration) -> Option<Replayed> {
        if self.interrupted || self.runners[pool].error.is_some() {
            return None;
        }
        let options = DriveOptions {
            pool: self.runners[pool].kind,
            compare_with: Vec::new(),
            duration: length,
            warmup,
            ..self.options.clone()
        };
        let control = self.control.block();
        let replayed = replay_one(self.workload, self.target.clone(), &options, &control);
        self.control.progress().add(&control.progress());
        match replayed {
            // A block that was cut short is no block.
            Ok(replayed) if !replayed.interrupted => Some(replayed),
            Ok(_) | Err(DriveError::Interrupted) => {
                self.interrupted = true;
                None
            }
            Err(error) => {
                self.runners[pool].record.failure = Some(error.to_string());
                self.runners[pool].error = Some(error);
                None
            }
        }
    }

    /// Stops if nothing more can come of it.
    fn go_on(&mut self) -> Result<(), DriveError> {
        if self.runners.iter().any(|runner| runner.error.is_none()) {
            return Ok(());
        }
        let any_blocks = self.runners.iter().any(|runner| runner.load.is_some());
        let first = self.runners[0].error.take();
        match first {
            Some(error) if !any_blocks => Err(error),
            _ => Ok(()),
        }
    }

    /// Every pool once, from nothing.
    fn make_warm(&mut self) -> Result<(), DriveError> {
        if self.options.warmup.is_zero() {
            return Ok(());
        }
        let pools = u32::try_from(self.runners.len()).unwrap_or(1);
        let length = (self.options.warmup / pools).max(SHORTEST_BLOCK);
        for pool in 0..self.runners.len() {
            if let Some(replayed) = self.block(pool, length, Duration::ZERO)
                && let Some(record) = &replayed.pool
            {
                self.runners[pool].record.first_connects = record.connect.clone();
            }
        }
        if self.interrupted {
            return Err(DriveError::Interrupted);
        }
        self.go_on()
    }

    /// The first pool, and once more.
    fn twice(&mut self) -> Result<(), DriveError> {
        for round in 0..2 {
            if let Some(replayed) = self.block(0, self.blocks.length, self.warmup) {
                let block = PoolBlock::new(round, &replayed.load, replayed.pool.as_ref());
                self.twice.push(block);
            }
        }
        self.go_on()
    }

    fn rounds(&mut self) -> Result<(), DriveError> {
        for round in 0..self.blocks.rounds {
            for pool in Blocks::order(round, self.runners.len()) {
                if let Some(replayed) = self.block(pool, self.blocks.length, self.warmup) {
                    self.runners[pool].keep(round, replayed.load, replayed.pool);
                }
            }
            self.go_on()?;
        }
        Ok(())
    }

    fn finish(mut self, opened: Instant) -> Result<Replayed, DriveError> {
        let shown = self.runners.iter_mut().find(|runner| runner.load.is_some());
        let Some(shown) = shown else {
            return Err(DriveError::Interrupted);
        };
        let pool = shown.record.pool.clone();
        let Some(mut load) = shown.load.take() else {
            return Err(DriveError::Interrupted);
        };
        std::mem::take(&mut shown.doubts).tell(&mut load);
        let pools = self.runners.into_iter().map(|runner| {
            let mut record = runner.record;
            // They are in the pool of the run, once.
            if let Some(pool) = &mut record.pool {
                pool.gauges = Vec::new();
            }
            record
        });
        let comparison = PoolComparison {
            arrival: self.options.arrival(),
            thinks: self.options.think != Think::default(),
            block: self.blocks.length.into(),
            block_warmup: self.warmup.into(),
            rounds: self.blocks.rounds,
            pools: pools.collect(),
            twice: self.twice,
        };
        Ok(Replayed {
            load,
            pool,
            comparison: Some(comparison),
            sweep: None,
            interrupted: self.interrupted,
            window_started: opened,
            window_ended: Instant::now(),
        })
    }
}

impl Runner {
    /// Adds a block to what this pool has.
    fn keep(&mut self, round: u32, mut load: LoadResult, pool: Option<PoolRecord>) {
        self.doubts.take(&mut load);
        self.record
            .blocks
            .push(PoolBlock::new(round, &load, pool.as_ref()));
        if let Some(histogram) = &load.total.latency.histogram {
            self.record.latency.add(histogram);
        }
        match (&mut self.record.pool, pool) {
            (Some(all), Some(pool)) => all.follow(&pool),
            (all @ None, Some(pool)) => *all = Some(pool),
            (_, None) => {}
        }
        match &mut self.load {
            Some(all) => {
                place(&mut load, all);
                all.follow(&load);
            }
            None => self.load = Some(load),
        }
    }
}

/// Puts the intervals of a later block to where they are in the time since the first.
pub(super) fn place(later: &mut LoadResult, first: &LoadResult) {
    let Some((began, first_began)) = later.started_at.zip(first.started_at) else {
        return;
    };
    let since = Millis(began.duration_since(first_began).as_secs_f64() * 1000.0);
    for interval in &mut later.intervals {
        interval.from = interval.from.map(|from| from + since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_add_up_to_the_duration() {
        for (seconds, rounds, millis) in [
            (60.0, 40, 1500),
            (30.0, 30, 1000),
            (25.0, 24, 1042),
            (10.0, 10, 1000),
            (4.0, 10, 400),
            (1.0, 4, 250),
            (0.1, 2, 50),
        ] {
            let blocks = Blocks::of(Duration::from_secs_f64(seconds));
            assert_eq!(blocks.rounds, rounds, "{seconds}");
            let length = blocks.length.as_secs_f64() * 1000.0;
            assert!(
                (length - f64::from(millis)).abs() < 1.0,
                "{seconds}: {length}"
            );
        }
    }

    /// A block of a second with one request.
    fn block(saturated: bool, warnings: &[&str]) -> LoadResult {
        serde_json::from_value(serde_json::json!({
            "source": {
                "tool": "dbperf replay", "version": null, "files": [], "arrival": "closed",
                "percentile_method": "histogram", "warnings": warnings,
            },
            "length": 1000.0, "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:01Z",
            "total": {
                "name": "Total", "requests": 1, "failures": 0, "errors": {}, "parts": null,
                "latency": {
                    "mean": null, "min": null, "max": null, "percentiles": {}, "histogram": null,
                },
            },
            "operations": [], "intervals": [], "stages": [], "driver_saturated": saturated,
            "driver_cpu_ratio": null,
        }))
        .unwrap()
    }

    #[test]
    fn one_disturbed_block_does_not_condemn_the_others() {
        for (disturbed, saturated) in [(1, false), (2, true)] {
            let mut runner = Runner {
                kind: PoolKind::None,
                record: ComparedPool::default(),
                load: None,
                doubts: Doubts::default(),
                error: None,
            };
            for round in 0..4 {
                let warning = format!("{round} ms late");
                let warnings: &[&str] = if round < disturbed { &[&warning] } else { &[] };
                runner.keep(round, block(round < disturbed, warnings), None);
            }
            let mut load = runner.load.unwrap();
            runner.doubts.tell(&mut load);
            assert_eq!(load.driver_saturated, Some(saturated), "{disturbed} of 4");
            let said = format!("{disturbed} of 4 blocks had a warning, the first: 0 ms late");
            assert_eq!(load.source.warnings, [said]);
            assert_eq!((load.total.requests, runner.record.blocks.len()), (4, 4));
        }
    }

    #[test]
    fn no_pool_is_always_first() {
        let order: Vec<usize> = (0..3).flat_map(|round| Blocks::order(round, 3)).collect();
        assert_eq!(order, [0, 1, 2, 2, 1, 0, 0, 1, 2]);
    }
}
