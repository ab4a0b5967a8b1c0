//! The server of a command: named by the user, or a throwaway one filled with the sample.

use std::path::Path;

use super::args::TargetArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::progress::Progress;
use crate::collect::PgBouncerTarget;
use crate::lab::{Cluster, Lab, LabOptions, PgBouncer};
use crate::pg::{self, Connector, Conninfo, Opened, Target};
use crate::seed::{self, SampleOptions};

/// Where to connect.
#[derive(Debug)]
pub(super) struct Servers {
    /// The primary target.
    pub(super) target: Target,
    /// Where a replay connects: the target, or the lab's PgBouncer in front of it.
    pub(super) load: Conninfo,
    /// PgBouncer to watch.
    pub(super) pgbouncer: Option<PgBouncerTarget>,
    /// Standbys to ask directly.
    pub(super) replicas: Vec<Target>,
    /// The target is a throwaway server.
    pub(super) lab: bool,
}

/// Resolves the target; with `--lab` starts the server and fills it. The lab is held by
/// `interrupt`, so that it goes whatever happens.
///
/// # Errors
/// The target cannot be resolved, or the lab cannot be started or filled.
pub(super) async fn prepare(
    args: &TargetArgs,
    seed: u64,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Servers, Failure> {
    let mut replicas = Vec::new();
    for dsn in &args.replica {
        replicas.push(resolve(Some(dsn))?);
    }
    let pgbouncer = match args.pgbouncer.as_deref() {
        Some(dsn) => Some(PgBouncerTarget::named(resolve(Some(dsn))?)),
        None => None,
    };
    if !args.lab {
        let target = resolve(args.dsn.as_deref())?;
        return Ok(Servers {
            load: target.conninfo.clone(),
            target,
            pgbouncer,
            replicas,
            lab: false,
        });
    }
    let started = start_lab(args, interrupt, context).await?;
    if let Some(standby) = started.standby {
        replicas.push(resolve(Some(&standby))?);
    }
    let target = Target {
        source: "--lab".to_owned(),
        ..resolve(Some(&started.primary))?
    };
    let (mut load, mut pgbouncer) = (target.conninfo.clone(), None);
    if let Some((dsn, console)) = started.pgbouncer {
        load = resolve(Some(&dsn))?.conninfo;
        pgbouncer = Some(PgBouncerTarget::of_lab(resolve(Some(&console))?));
    }
    interrupt
        .or(fill(&target.conninfo, seed, context))
        .await??;
    Ok(Servers {
        load,
        target,
        pgbouncer,
        replicas,
        lab: true,
    })
}

/// The server that the user names.
///
/// # Errors
/// The connection string cannot be read.
pub(super) fn resolve(dsn: Option<&str>) -> Result<Target, Failure> {
    let target = pg::resolve(dsn, &|name| std::env::var(name).ok());
    let target = target.map_err(|e| Failure::new(Exit::Usage, e.to_string()))?;
    Ok(target)
}

/// How to connect to the servers of a lab.
struct Started {
    primary: String,
    standby: Option<String>,
    /// Through PgBouncer, and to its console.
    pgbouncer: Option<(String, String)>,
}

async fn start_lab(
    args: &TargetArgs,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Started, Failure> {
    let progress = Progress::step(context, "Starting a throwaway PostgreSQL server");
    let options = LabOptions {
        pg_bin: args.pg_bin.clone(),
        standby: args.lab_standby,
        pgbouncer: args.lab_pgbouncer,
        pgbouncer_settings: args
            .pgbouncer_pool_size
            .map(|size| ("default_pool_size".to_owned(), size.to_string()))
            .into_iter()
            .collect(),
        ..LabOptions::default()
    };
    interrupt.lab_work(true);
    let started = tokio::task::spawn_blocking(move || Lab::start(&options)).await;
    let lab = started
        .map_err(|e| Failure::new(Exit::Bug, format!("starting the lab failed: {e}")))?
        .map_err(|e| Failure::precondition(&e))?;
    let primary = lab.primary().dsn();
    let standby = lab.standby().map(Cluster::dsn);
    let pooled = |pooler: &PgBouncer| (pooler.dsn(), pooler.console_dsn());
    let pgbouncer = lab.pgbouncer().map(pooled);
    let sentence = format!(
        "Started PostgreSQL {}{}",
        lab.primary().version(),
        match (&standby, &pgbouncer) {
            (Some(_), Some(_)) => " with a streaming standby and PgBouncer",
            (Some(_), None) => " with a streaming standby",
            (None, Some(_)) => " with PgBouncer",
            (None, None) => "",
        }
    );
    interrupt.hold_lab(lab);
    interrupt.lab_work(false);
    progress.done(&sentence);
    if interrupt.asked() {
        return Err(Failure::interrupted());
    }
    Ok(Started {
        primary,
        standby,
        pgbouncer,
    })
}

async fn fill(conninfo: &Conninfo, seed: u64, context: &Context) -> Result<(), Failure> {
    let progress = Progress::of(context, "Filling it with the sample application", 0);
    let bar = progress.bar();
    let opened = Connector::new(conninfo.clone()).connect().await;
    let Opened {
        mut client, task, ..
    } = opened.map_err(|e| Failure::precondition(&e))?;
    let report = seed::load_sample(
        &mut client,
        &SampleOptions {
            seed,
            ..SampleOptions::default()
        },
        &|what, done, total| {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(what.to_owned());
        },
    )
    .await
    .map_err(|e| Failure::precondition(&e))?;
    drop(client);
    // The session's counters are flushed when it has ended.
    let _ = task.await;
    progress.done(&format!(
        "Filled {} tables with {} rows in {:.1} s (seed number {seed})",
        report.tables.len(),
        report.rows,
        report.took.as_secs_f64()
    ));
    Ok(())
}

/// Stops the lab, if there is one, and removes everything it had.
pub(super) async fn release(interrupt: &Interrupt, context: &Context) {
    // First, so that the lab is always in one of the two places where the second signal looks.
    interrupt.lab_work(true);
    let Some(lab) = interrupt.take_lab() else {
        interrupt.lab_work(false);
        return;
    };
    let stopped = tokio::task::spawn_blocking(move || lab.stop()).await;
    if let Ok(Err(error)) = stopped {
        context.say(&format!(
            "dbperf: the throwaway server did not stop cleanly: {error}"
        ));
    }
    interrupt.lab_work(false);
}

/// Reads a whole input file.
///
/// # Errors
/// It cannot be read.
pub(super) fn read_input(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::input(format!("cannot read {}: {e}", path.display())))
}
