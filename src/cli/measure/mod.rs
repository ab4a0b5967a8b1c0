//! The window: the server is observed while nothing, a replay, or the user's own command runs.

mod command;
mod driver;
mod hidden;
mod plans;
mod what_if;

pub(super) use driver::{Job, SweepJob};
pub(super) use plans::Plans;
pub(super) use what_if::WhatIfOptions;

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::context::Context;
use super::exit::Failure;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::redact::redacted_command;
use super::target::Servers;
use crate::collect::{self, HostMeter, ObserveOptions, Observer};
use crate::drive::Replayed;
use crate::record::Millis;
use crate::record::run::{Host, LoadCommand, Run, RunMeta};
use driver::Driver;

/// What runs inside the window.
#[derive(Debug)]
pub(super) enum Load {
    /// Nothing of ours: the server is watched for this long.
    Watch(Duration),
    /// A workload of our own driver.
    Replay(Box<Job>),
    /// The user's own load command.
    Command(Vec<String>),
    /// No window: what the server has counted so far is read once.
    Once,
}

/// Measures one window.
///
/// # Errors
/// No connection at the start, or a replay that could not do anything.
pub(super) async fn run(
    servers: &Servers,
    load: Load,
    plans: Plans,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Run, Failure> {
    if let Load::Once = load {
        let mut run = Box::pin(once(servers, interrupt, context)).await?;
        plans::get_plans(&mut run, servers, None, plans, interrupt, context).await;
        if !interrupt.asked() {
            what_if::ask(&mut run, servers, None, plans, interrupt, context).await;
            Box::pin(hidden::ask(
                &mut run, servers, None, plans, interrupt, context,
            ))
            .await;
        }
        return Ok(run);
    }
    let driver = match &load {
        Load::Replay(job) => Some(Driver::warm_up(job, servers, interrupt, context).await?),
        Load::Watch(_) | Load::Command(_) | Load::Once => None,
    };
    let window = match Box::pin(Window::open(servers, interrupt)).await {
        Ok(window) => window,
        Err(failure) => {
            if let Some(driver) = driver {
                driver.abandon().await;
            }
            return Err(failure);
        }
    };
    let outcome = within_window(&load, driver, interrupt, context).await;
    let ending = match &load {
        Load::Watch(_) | Load::Once => collect::LoadState::GoesOn,
        Load::Replay(_) | Load::Command(_) => collect::LoadState::Ended,
    };
    let mut run = Box::pin(window.close(servers.lab, ending, interrupt, context)).await;
    let outcome = outcome?;
    run.meta.load_command = outcome.command;
    run.meta.interrupted = interrupt.asked();
    if let Some(replayed) = outcome.replayed {
        run.replay = Some(replayed.load);
        run.pool = replayed.pool;
        run.comparison = replayed.comparison;
        run.sweep = replayed.sweep;
    }
    if !interrupt.asked() {
        let workload = match &load {
            Load::Replay(job) => job.workload(),
            Load::Watch(_) | Load::Command(_) | Load::Once => None,
        };
        plans::get_plans(&mut run, servers, workload, plans, interrupt, context).await;
        if !interrupt.asked() {
            what_if::ask(&mut run, servers, workload, plans, interrupt, context).await;
            Box::pin(hidden::ask(
                &mut run, servers, workload, plans, interrupt, context,
            ))
            .await;
        }
    }
    Ok(run)
}

/// What the server has counted so far, read once.
async fn once(servers: &Servers, interrupt: &Interrupt, context: &Context) -> Result<Run, Failure> {
    let progress = Progress::step(context, "Reading the server's counters");
    let started_at = Timestamp::now();
    let run_id = run_id();
    let options = ObserveOptions {
        replicas: servers.replicas.clone(),
        ..ObserveOptions::new(&run_id)
    };
    let looked = interrupt.or(Box::pin(collect::glance(&servers.target, &options)));
    let (observed, since) = looked.await?.map_err(|e| Failure::precondition(&e))?;
    progress.done("Read the server's counters");
    let server_is_local = observed.server.cores.is_some();
    // Nothing is known of how busy it was over time.
    let host = Host {
        cpu_busy_ratio: None,
        own_cpu: None,
        ..HostMeter::start().finish(server_is_local)
    };
    let blank = without_server(run_id, started_at, host);
    let meta = RunMeta {
        window: observed.window,
        since: Some(since),
        lab: servers.lab,
        ..blank.meta.clone()
    };
    Ok(of_observed(observed, meta, blank))
}

/// An open window: the server is being observed.
struct Window {
    run_id: String,
    observer: Observer,
    host: HostMeter,
    started_at: Timestamp,
}

impl Window {
    async fn open(servers: &Servers, interrupt: &Interrupt) -> Result<Self, Failure> {
        let run_id = run_id();
        let options = ObserveOptions {
            replicas: servers.replicas.clone(),
            pgbouncer: servers.pgbouncer.clone(),
            ..ObserveOptions::new(&run_id)
        };
        let started = interrupt.or(Observer::start(&servers.target, options));
        let (observer, _) = Box::pin(started)
            .await?
            .map_err(|e| Failure::precondition(&e))?;
        // The window's clock began a moment ago, at the first sample.
        let since = observer.started().elapsed();
        let now = Timestamp::now();
        Ok(Self {
            run_id,
            observer,
            host: HostMeter::start(),
            started_at: now.checked_sub(since).unwrap_or(now),
        })
    }

    async fn close(
        self,
        lab: bool,
        ending: collect::LoadState,
        interrupt: &Interrupt,
        context: &Context,
    ) -> Run {
        let progress = Progress::step(context, "Reading the server's counters");
        let observed = self.observer.finish(ending).await;
        let ended_at = Timestamp::now();
        progress.done("Read the server's counters");
        let server_is_local = observed.server.cores.is_some();
        let blank = without_server(
            self.run_id,
            self.started_at,
            self.host.finish(server_is_local),
        );
        let meta = RunMeta {
            ended_at,
            window: observed.window,
            interrupted: interrupt.asked(),
            lab,
            ..blank.meta.clone()
        };
        of_observed(observed, meta, blank)
    }
}

/// The server's part of a run beside what `blank` knows.
fn of_observed(observed: collect::Observed, meta: RunMeta, blank: Run) -> Run {
    Run {
        meta,
        server: Some(observed.server),
        coverage: observed.coverage,
        life: observed.life,
        disturbances: observed.disturbances,
        activity: observed.activity,
        statements: observed.statements,
        database: observed.database,
        tables: observed.tables,
        indexes: observed.indexes,
        replication: observed.replication,
        health: observed.health,
        pgbouncer: observed.pgbouncer,
        ..blank
    }
}

/// A run that nothing is known of but its time, which ends now, and its machine.
pub(super) fn without_server(run_id: String, started_at: Timestamp, host: Host) -> Run {
    let ended_at = Timestamp::now();
    let window = ended_at.duration_since(started_at).as_secs_f64() * 1000.0;
    let meta = RunMeta {
        run_id,
        started_at,
        ended_at,
        window: Millis(window),
        since: None,
        dbperf_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: redacted_command(&std::env::args().collect::<Vec<_>>()),
        interrupted: false,
        lab: false,
        load_command: None,
    };
    Run::of(meta, host)
}

/// What the window's load left behind.
#[derive(Debug, Default)]
struct Outcome {
    replayed: Option<Replayed>,
    command: Option<LoadCommand>,
}

async fn within_window(
    load: &Load,
    driver: Option<Driver>,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    match (load, driver) {
        (Load::Watch(length), _) => watch(*length, interrupt, context).await,
        (Load::Command(command), _) => {
            outcome.command = Some(command::run_command(command, interrupt, context).await?);
        }
        (Load::Replay(_), Some(driver)) => {
            outcome.replayed = Some(driver.measure(interrupt, context).await?);
        }
        (Load::Replay(_), None) | (Load::Once, _) => {}
    }
    Ok(outcome)
}

async fn watch(length: Duration, interrupt: &Interrupt, context: &Context) {
    let progress = Progress::of(context, "Watching the server", length.as_secs());
    let started = Instant::now();
    while started.elapsed() < length && !interrupt.asked() {
        let rest = length.saturating_sub(started.elapsed());
        tokio::select! {
            () = tokio::time::sleep(rest.min(Duration::from_millis(500))) => {}
            () = interrupt.wait() => {}
        }
        progress.at(started.elapsed().as_secs(), "Watching the server");
    }
    progress.done("Watched the server");
}

/// `20261123T161500-4f2a`: sorts by time, and two at once differ.
pub(super) fn run_id() -> String {
    let now = Timestamp::now();
    let salt = std::process::id() ^ now.subsec_nanosecond().unsigned_abs();
    format!("{}-{:04x}", now.strftime("%Y%m%dT%H%M%S"), salt & 0xFFFF)
}
