//! One pool at several sizes, each for a while, under the same load.
//!
//! Which size comes next is decided by whoever calls: it depends on what was measured so far. Each block is a
//! replay of its own, with new connections, a warm-up and the same seed number.

use std::time::{Duration, Instant};

use crate::pg::Connector;
use crate::record::load::{Arrival, LoadResult};
use crate::record::sweep::{PoolSweep, SizeBlock, SizeTurn};
use crate::workload::{Think, Workload};

use super::arrivals::Arrivals;
use super::compare::place;
use super::options::{LoadShape, PoolKind};
use super::replay::{replay_one, runtime};
use super::{Control, DriveError, DriveOptions, Replayed};

/// What a sweep is told beside the load.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepTerms {
    /// The size that is asked about.
    pub current: u32,
    /// Largest size that may be measured.
    pub largest: u32,
    /// Why no larger one, where something else than the load sets the bound.
    pub bound: Option<String>,
    /// What the 99th percentile of the response time is to stay below.
    pub target_p99: Option<Duration>,
    /// Length of a block.
    pub block: Duration,
    /// Load before each block that is not recorded: time enough to connect and to prepare.
    pub block_warmup: Duration,
}

/// Says which blocks come next, in their order; none for the end.
pub type NextTurns<'n> = dyn FnMut(&PoolSweep) -> Vec<SizeTurn> + 'n;

/// Replays a workload through pools of several sizes, until `next` has enough, and blocks until all connections
/// are closed. A size that fails ends the sweep, and what was measured is returned.
///
/// # Errors
/// The options make no sense for a sweep, or not one block could be measured.
pub fn sweep(
    workload: &Workload,
    target: &Connector,
    options: &DriveOptions,
    terms: &SweepTerms,
    control: &Control,
    next: &mut NextTurns<'_>,
) -> Result<Replayed, DriveError> {
    options.check(workload)?;
    check(options)?;
    let mut course = Course {
        workload,
        target,
        options,
        terms,
        control,
        sweep: begun(options, terms),
        load: None,
        error: None,
    };
    if !options.warmup.is_zero() {
        let largest = terms.largest.max(terms.current);
        course.replay(largest, options.warmup, Duration::ZERO);
        course.go_on()?;
    }
    control.warm();
    runtime()?.block_on(async {
        tokio::select! {
            () = control.gate_opened() => {}
            () = control.stopped() => {}
        }
    });
    let opened = Instant::now();
    course.run(next);
    course.finish(opened)
}

fn check(options: &DriveOptions) -> Result<(), DriveError> {
    let unfit = [
        (matches!(options.load, LoadShape::Stages(_)), "--stages"),
        (options.start_at.is_some(), "--start-at"),
        (options.shard.count > 1, "--shard"),
        (options.pool == PoolKind::None, "--pool none"),
        (!options.compare_with.is_empty(), "several pools"),
    ];
    match unfit.into_iter().find(|(given, _)| *given) {
        Some((_, flag)) => Err(DriveError::NotInTurns(flag)),
        None => Ok(()),
    }
}

fn begun(options: &DriveOptions, terms: &SweepTerms) -> PoolSweep {
    PoolSweep {
        pool: options.pool.name().to_owned(),
        arrival: options.arrival(),
        clients: options.clients(),
        rate_per_sec: match options.load {
            LoadShape::Open { rate } => Some(rate),
            LoadShape::Closed { .. } | LoadShape::Stages(_) => None,
        },
        arrival_scv: match (&options.load, options.arrivals) {
            (LoadShape::Closed { .. } | LoadShape::Stages(_), _) => None,
            (LoadShape::Open { .. }, Arrivals::Poisson) => Some(1.0),
            (LoadShape::Open { .. }, Arrivals::Even) => Some(0.0),
        },
        thinks: options.think != Think::default(),
        current: terms.current,
        largest: terms.largest,
        bound: terms.bound.clone(),
        target_p99: terms.target_p99.map(Into::into),
        block: terms.block.into(),
        block_warmup: terms.block_warmup.into(),
        blocks: Vec::new(),
        failure: None,
        interrupted: false,
    }
}

/// A sweep on its way.
struct Course<'a> {
    workload: &'a Workload,
    target: &'a Connector,
    options: &'a DriveOptions,
    terms: &'a SweepTerms,
    control: &'a Control,
    sweep: PoolSweep,
    load: Option<LoadResult>,
    error: Option<DriveError>,
}

impl Course<'_> {
    /// One replay at one size; `None` if it failed, which is noted, or if the sweep was stopped.
    fn replay(&mut self, size: u32, length: Duration, warmup: Duration) -> Option<Replayed> {
        let options = DriveOptions {
            pool_size: size,
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
                self.sweep.interrupted = true;
                None
            }
            Err(error) => {
                self.sweep.failure = Some(format!("with {size} connections: {error}"));
                self.error = Some(error);
                None
            }
        }
    }

    /// Nothing more can come of a sweep whose load does not run at all.
    fn go_on(&mut self) -> Result<(), DriveError> {
        match self.error.take() {
            Some(error) => Err(error),
            None if self.sweep.interrupted => Err(DriveError::Interrupted),
            None => Ok(()),
        }
    }

    fn run(&mut self, next: &mut NextTurns<'_>) {
        let SweepTerms {
            block,
            block_warmup,
            ..
        } = *self.terms;
        loop {
            let turns = next(&self.sweep);
            if turns.is_empty() {
                return;
            }
            for turn in turns {
                let Some(replayed) = self.replay(turn.pool_size, block, block_warmup) else {
                    return;
                };
                self.keep(turn, replayed);
            }
        }
    }

    fn keep(&mut self, turn: SizeTurn, replayed: Replayed) {
        let Replayed { mut load, pool, .. } = replayed;
        let mut block = SizeBlock::new(turn, &load, pool.unwrap_or_default());
        let window = self.sweep.block.0;
        // What began in a block, over its length, is the rate, as long as as many requests end as begin: in a closed
        // loop always, in an open one where its leases do not fill the pool. There the wait for the last answers
        // would count against small pools, where it is a large part of a short block.
        let capacity = f64::from(block.pool_size) * window;
        if self.sweep.arrival == Arrival::Closed || block.pool.lease_total.0 < capacity {
            block.length.0 = block.length.0.min(window);
        }
        self.sweep.blocks.push(block);
        match &mut self.load {
            Some(all) => {
                place(&mut load, all);
                all.follow(&load);
            }
            None => self.load = Some(load),
        }
    }

    fn finish(mut self, opened: Instant) -> Result<Replayed, DriveError> {
        let Some(load) = self.load.take() else {
            self.go_on()?;
            return Err(DriveError::Interrupted);
        };
        Ok(Replayed {
            load,
            pool: None,
            comparison: None,
            interrupted: self.sweep.interrupted,
            sweep: Some(self.sweep),
            window_started: opened,
            window_ended: Instant::now(),
        })
    }
}
