//! `pool`: sizes of one pool under the same load, the size that follows, and its proof.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::analyze;
use super::args::{DriveArgs, ReplayArgs};
use super::chart::ChartArgs;
use super::conclude::{self, Files, View};
use super::consent;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::measure::{self, Job, Load, Plans, SweepJob, WhatIfOptions};
use super::target::{self, Servers};
use super::values::duration;
use crate::analyze::Options;
use crate::analyze::pool::{SweepPlan, usable_connections};
use crate::collect::pg_stat_activity;
use crate::drive::{DriveOptions, LoadShape, PoolKind, SweepTerms};
use crate::pg::{OWN_PREFIX, Session, SessionOptions, read_server};

/// How long the blocks of all sizes take together, without their warm-ups.
const DURATION: Duration = Duration::from_secs(60);

/// Blocks that a sweep has, about: two of each first size, of each size around the knee, and those of the proof.
const BLOCKS: u32 = 60;

/// Shortest and longest block (ours): below it, its begin and its end weigh too much; above it a drift of the
/// machine is no longer the same for neighbours.
const BLOCK: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(250)..=Duration::from_secs(10);

/// Load before each block that is not recorded.
const BLOCK_WARMUP: Duration = Duration::from_millis(250);

/// Largest pool in an open loop (ours), which says nothing about how many requests there are at once.
const LARGEST: u32 = 64;

/// Rounds of the proof.
const VERIFY_ROUNDS: u32 = 8;

/// Share of the free connections that stays free while a sweep runs.
const RESERVE_RATIO: f64 = 0.2;

/// Flags of `pool`.
#[derive(Debug, Args)]
pub(super) struct PoolArgs {
    #[command(flatten)]
    replay: ReplayArgs,
    /// Sizes to measure, instead of those around the knee.
    #[arg(long, value_name = "N,N…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sizes: Option<Vec<u32>>,
    /// Response time that 99 % of requests are to stay below; without it the best that any size gives, and a
    /// tenth.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    target_p99: Option<Duration>,
    /// Do not replay the recommended size against the present and the next ones.
    #[arg(long)]
    no_verify: bool,
    #[command(flatten)]
    chart: ChartArgs,
}

/// `pool`.
pub(super) async fn run(args: &PoolArgs, context: &Context) -> Result<Exit, Failure> {
    let ReplayArgs {
        drive, fleet, save, ..
    } = &args.replay;
    let (files, target) = analyze::replayed_files(&args.replay);
    check(drive)?;
    args.chart
        .check(&[save.as_deref(), context.output.as_deref()])?;
    let load = analyze::workload_load(&files, drive, target.lab)?;
    let Load::Replay(job) = load else {
        return Err(Failure::new(Exit::Bug, "a workload is replayed".to_owned()));
    };
    let Job::Workload { workload, options } = *job else {
        return Err(Failure::usage(
            "the sessions of a captured workload keep their own connections, so there is no pool to size: \
             use a workload file or a pgbench script",
        ));
    };
    let interrupt = Interrupt::listen()?;
    let walk = async {
        let servers = target::prepare(&target, drive.seed, &interrupt, context).await?;
        if workload.writes {
            consent::to_write(drive, &servers).await?;
        }
        let room = interrupt.or(Box::pin(room(&servers))).await??;
        let terms = terms(args, &options, room)?;
        let job = Job::Sweep(SweepJob {
            workload: Arc::clone(&workload),
            options: options.clone(),
            terms,
            plan: SweepPlan {
                sizes: args.sizes.clone(),
                verify_rounds: if args.no_verify { 0 } else { VERIFY_ROUNDS },
            },
        });
        let load = Load::Replay(Box::new(job));
        let plans = Plans {
            count: 0,
            analyze: false,
            what_if: WhatIfOptions::default(),
        };
        Box::pin(measure::run(&servers, load, plans, &interrupt, context)).await
    };
    let measured = Box::pin(walk).await;
    target::release(&interrupt, context).await;
    let run = measured?;
    let options = Options {
        fleet: fleet.options(),
        ..Options::default()
    };
    let conclusions = crate::analyze::conclude(&run, &options)
        .map_err(|e| Failure::new(Exit::Bug, format!("the sweep cannot be read: {e}")))?;
    let files = Files {
        save: save.as_deref(),
        chart: Some(&args.chart),
    };
    conclude::conclude(run, conclusions, View::Pool, files, context)
}

/// What needs one long window, or has no pool, does not go with a sweep.
fn check(drive: &DriveArgs) -> Result<(), Failure> {
    let flags = [
        ("--stages", drive.stages.is_some()),
        ("--start-at", drive.start_at.is_some()),
        ("--shard", drive.shard.is_some()),
        ("--speed", drive.speed.is_some()),
    ];
    if let Some((flag, _)) = flags.into_iter().find(|(_, given)| *given) {
        return Err(Failure::usage(format!(
            "{flag} cannot be used with a sweep, which measures each size in short blocks of the same load"
        )));
    }
    match drive.pool.as_slice() {
        [] => Ok(()),
        [one] if one.kind() != PoolKind::None => Ok(()),
        [_] => Err(Failure::usage(
            "--pool none has a connection for each client, so there is no size to find: name a pool",
        )),
        _ => Err(Failure::usage(
            "a sweep is of one pool: compare pools with `dbperf replay WORKLOAD --pool …`",
        )),
    }
}

/// Connections that a sweep may take from the server.
#[derive(Debug, Clone, Copy)]
struct Room {
    usable: u32,
    in_use: u32,
    free: u32,
}

/// What the server can spare; `None` where that is not visible, or where a pooler stands in front.
async fn room(servers: &Servers) -> Result<Option<Room>, Failure> {
    let options = SessionOptions::new("pool");
    let session = Session::connect(&servers.target.conninfo, &options).await;
    let session = session.map_err(|e| Failure::precondition(&e))?;
    let server = read_server(&session, &servers.target).await;
    let server = server.map_err(|e| Failure::precondition(&e))?;
    let reading = pg_stat_activity::read(&session, OWN_PREFIX).await;
    session.close().await;
    let pooled = servers.pgbouncer.is_some() || server.through_pooler == Some(true);
    let (Some(usable), Ok(reading), false) = (usable_connections(&server), reading, pooled) else {
        return Ok(None);
    };
    let idle: u32 = reading.idle.values().sum();
    let busy = u32::try_from(reading.sessions.len()).unwrap_or(u32::MAX);
    let in_use = idle.saturating_add(busy);
    let spare = f64::from(usable.saturating_sub(in_use)) * (1.0 - RESERVE_RATIO);
    Ok(Some(Room {
        usable,
        in_use,
        free: crate::stats::round_to_count(spare.floor()).max(1),
    }))
}

fn terms(
    args: &PoolArgs,
    options: &DriveOptions,
    room: Option<Room>,
) -> Result<SweepTerms, Failure> {
    let wanted = match (&args.sizes, &options.load) {
        (Some(sizes), _) => sizes.iter().copied().max().unwrap_or(1),
        // More connections than clients are never in use.
        (None, LoadShape::Closed { clients }) => *clients,
        (None, _) => LARGEST.max(options.pool_size),
    };
    let free = room.map_or(u32::MAX, |room| room.free);
    let short = room.filter(|room| wanted > room.free);
    if let (Some(_), Some(room)) = (&args.sizes, short) {
        return Err(Failure::new(
            Exit::Precondition,
            format!(
                "--sizes up to {wanted} would take more connections than the {} that the server can spare: of {} \
                 usable connections {} are in use, and a fifth of the others stays free",
                room.free, room.usable, room.in_use
            ),
        ));
    }
    let bound = short.map(|room| {
        format!(
            "sizes above {} were not measured: of {} usable connections {} are in use, and a fifth of the \
             others stays free",
            room.free, room.usable, room.in_use
        )
    });
    let duration = args.replay.drive.duration.unwrap_or(DURATION);
    Ok(SweepTerms {
        current: options.pool_size,
        largest: wanted.min(free),
        bound,
        target_p99: args.target_p99,
        block: (duration / BLOCKS).clamp(*BLOCK.start(), *BLOCK.end()),
        block_warmup: BLOCK_WARMUP.min(args.replay.drive.warmup.unwrap_or(BLOCK_WARMUP)),
    })
}
