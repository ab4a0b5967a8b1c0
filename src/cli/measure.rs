//! The window: the server is observed while nothing, a replay, or the user's own command runs.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::args::DriveArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::target::Servers;
use crate::collect::{HostMeter, ObserveOptions, Observed, Observer};
use crate::drive::{self, Control, DriveOptions, Replayed};
use crate::explain::{self, Candidate, ExplainOptions};
use crate::pg::{Session, SessionOptions};
use crate::record::run::{LoadCommand, RUN_FORMAT, Run, RunMeta};
use crate::record::{Coverage, Millis, Status};
use crate::workload::Workload;

/// What runs inside the window.
#[derive(Debug)]
pub(super) enum Load {
    /// Nothing of ours: the server is watched for this long.
    Watch(Duration),
    /// A workload, through our own pool.
    Replay {
        /// What to run.
        workload: Arc<Workload>,
        /// How.
        options: DriveOptions,
        /// The file, or the sample's name.
        file: String,
    },
    /// The user's own load command.
    Command(Vec<String>),
}

/// What is asked of the server beside the counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plans {
    /// Statements to get plans of, at most.
    pub(super) count: usize,
    /// Execute the workload's SELECT statements once more with EXPLAIN ANALYZE.
    pub(super) analyze: bool,
}

/// Longest time that one EXPLAIN may take.
const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(10);

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
    let run_id = run_id();
    let options = ObserveOptions {
        replicas: servers.replicas.clone(),
        run_id: run_id.clone(),
        ..ObserveOptions::default()
    };
    let workload = match &load {
        Load::Replay { workload, .. } => Some(Arc::clone(workload)),
        _ => None,
    };
    let started = interrupt
        .or(Observer::start(&servers.target, options))
        .await?;
    let (observer, _) = started.map_err(|e| Failure::precondition(&e))?;
    let host = HostMeter::start();
    let started_at = Timestamp::now();
    let origin = observer.started();

    let outcome = within_window(&load, servers, origin, interrupt, context).await;
    let progress = Progress::step(context, "Reading the server's counters");
    let observed = observer.finish().await;
    let ended_at = Timestamp::now();
    progress.done("Read the server's counters");
    let outcome = outcome?;

    let mut run = assemble(Parts {
        run_id,
        started_at,
        ended_at,
        lab: servers.lab,
        interrupted: interrupt.asked(),
        observed,
        host,
        outcome,
        load: &load,
    });
    if !interrupt.asked() {
        get_plans(&mut run, servers, workload.as_deref(), plans, interrupt, context).await;
    }
    Ok(run)
}

/// What the window's load left behind.
#[derive(Debug, Default)]
struct Outcome {
    replayed: Option<Replayed>,
    command: Option<LoadCommand>,
}

async fn within_window(
    load: &Load,
    servers: &Servers,
    origin: Instant,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Outcome, Failure> {
    match load {
        Load::Watch(length) => {
            watch(*length, interrupt, context).await;
            Ok(Outcome::default())
        }
        Load::Command(command) => Ok(Outcome {
            command: Some(run_command(command, interrupt, context).await?),
            ..Outcome::default()
        }),
        Load::Replay {
            workload, options, ..
        } => {
            let replayed = replay(workload, options, servers, origin, interrupt, context).await?;
            Ok(Outcome {
                replayed: Some(replayed),
                ..Outcome::default()
            })
        }
    }
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

async fn run_command(
    command: &[String],
    interrupt: &Interrupt,
    context: &Context,
) -> Result<LoadCommand, Failure> {
    let shown = super::analyze::redacted_command(command);
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Failure::usage("there is no command after --"))?;
    context.detail(&format!("Running {shown}"));
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        // The report owns standard output; what the command says goes beside it.
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| {
            Failure::usage(format!("cannot run the load command {program}: {e}; is it installed and on PATH?"))
        })?;
    let status: ExitStatus = tokio::select! {
        status = child.wait() => status,
        () = interrupt.wait() => {
            stop_child(&mut child).await
        }
    }
    .map_err(|e| Failure::new(Exit::Precondition, format!("waiting for {program} failed: {e}")))?;
    if !status.success() && !interrupt.asked() {
        context.say(&format!("dbperf: the load command ended with {status}; its results may be partial"));
    }
    Ok(LoadCommand {
        command: shown,
        exit_code: status.code(),
    })
}

/// The terminal's Ctrl-C reaches the command too; it gets time to write its results.
async fn stop_child(child: &mut tokio::process::Child) -> std::io::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have gone already.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGTERM);
    }
    match tokio::time::timeout(Duration::from_secs(5), child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            child.kill().await?;
            child.wait().await
        }
    }
}

async fn replay(
    workload: &Arc<Workload>,
    options: &DriveOptions,
    servers: &Servers,
    origin: Instant,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Replayed, Failure> {
    let total = options.warmup + options.duration;
    let progress = Progress::of(context, "Replaying", total.as_secs());
    let control = Arc::new(Control::new());
    let config = servers.target.conninfo.tokio_config();
    let thread = {
        let (workload, options, control) = (Arc::clone(workload), options.clone(), Arc::clone(&control));
        tokio::task::spawn_blocking(move || drive::replay(&workload, config, &options, origin, &control))
    };
    tokio::pin!(thread);
    let started = Instant::now();
    let joined = loop {
        tokio::select! {
            joined = &mut thread => break joined,
            () = tokio::time::sleep(Duration::from_millis(250)) => {}
        }
        if interrupt.asked() {
            control.stop();
        }
        let done = control.operations();
        progress.at(started.elapsed().as_secs(), &format!("Replaying, {done} operations so far"));
    };
    let replayed = joined
        .map_err(|e| Failure::new(Exit::Bug, format!("the replay failed: {e}")))?
        .map_err(|e| Failure::precondition(&e))?;
    progress.done(&format!("Replayed {} operations", replayed.load.total.requests));
    Ok(replayed)
}

struct Parts<'a> {
    run_id: String,
    started_at: Timestamp,
    ended_at: Timestamp,
    lab: bool,
    interrupted: bool,
    observed: Observed,
    host: HostMeter,
    outcome: Outcome,
    load: &'a Load,
}

fn assemble(parts: Parts<'_>) -> Run {
    let observed = parts.observed;
    let server_is_local = observed.server.cores.is_some();
    let (mut replay, pool) = match parts.outcome.replayed {
        Some(replayed) => (Some(replayed.load), Some(replayed.pool)),
        None => (None, None),
    };
    if let (Some(result), Load::Replay { file, .. }) = (&mut replay, parts.load) {
        result.source.files = vec![file.clone()];
    }
    Run {
        format: RUN_FORMAT,
        meta: RunMeta {
            run_id: parts.run_id,
            started_at: parts.started_at,
            ended_at: parts.ended_at,
            window: observed.window,
            dbperf_version: env!("CARGO_PKG_VERSION").to_owned(),
            command: super::analyze::redacted_command(&std::env::args().collect::<Vec<_>>()),
            interrupted: parts.interrupted,
            lab: parts.lab,
            load_command: parts.outcome.command,
        },
        server: Some(observed.server),
        host: parts.host.finish(server_is_local),
        coverage: observed.coverage,
        life: observed.life,
        disturbances: observed.disturbances,
        activity: observed.activity,
        statements: observed.statements,
        database: observed.database,
        tables: observed.tables,
        indexes: observed.indexes,
        plans: Vec::new(),
        replication: observed.replication,
        replay,
        pool,
        api: Vec::new(),
    }
}

/// Asks for the plans of the statements with the most time. Runs after the window: planning can
/// count as an index scan.
async fn get_plans(
    run: &mut Run,
    servers: &Servers,
    workload: Option<&Workload>,
    plans: Plans,
    interrupt: &Interrupt,
    context: &Context,
) {
    let Some(server) = &run.server else { return };
    let major = server.major();
    let candidates = candidates(run, server.database_oid, workload, plans);
    if candidates.is_empty() {
        run.coverage.push(Coverage::not_ok(
            "explain",
            Status::Skipped,
            if plans.count == 0 { "--explain 0" } else { "no statement to explain" },
        ));
        return;
    }
    let progress = Progress::step(context, "Asking for plans");
    let started = Instant::now();
    let session = Session::connect(
        &servers.target.conninfo,
        &SessionOptions::new(&run.meta.run_id).statement_timeout(EXPLAIN_TIMEOUT),
    );
    let session = match interrupt.or(session).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => {
            run.coverage.push(Coverage::not_ok("explain", Status::Failed, error.to_string()));
            return;
        }
        Err(_) => return,
    };
    let options = ExplainOptions::default();
    let asked = explain::plans(session.client(), &candidates, &options);
    if let Ok((records, coverage)) = interrupt.or(asked).await {
        progress.done(&format!("Asked for {} plans", records.len()));
        run.plans = records;
        run.coverage.extend(coverage.into_iter().map(|mut row| {
            row.duration.get_or_insert(Millis::from(started.elapsed()));
            row
        }));
    } else {
        session.cancel().await;
    }
}

/// The statements with the most execution time in the connected database, each with parameters of
/// the workload where it has the same statement.
fn candidates(
    run: &Run,
    database_oid: u32,
    workload: Option<&Workload>,
    plans: Plans,
) -> Vec<Candidate> {
    let Some(window) = &run.statements else {
        return Vec::new();
    };
    let mut deltas: Vec<_> = window
        .deltas
        .iter()
        .filter(|d| d.key.dbid == database_oid && d.key.toplevel != Some(false))
        .collect();
    deltas.sort_by(|a, b| {
        b.counters
            .total_exec_time
            .0
            .total_cmp(&a.counters.total_exec_time.0)
    });
    let texts = deltas.iter().filter_map(|delta| {
        let text = window.texts.get(&delta.key.queryid.0)?;
        explain::explainable(&text.query).then(|| Candidate {
            query_id: delta.key.queryid,
            text: text.query.clone(),
            sample_params: workload.and_then(|w| w.sample_params(text.fingerprint.as_deref()?)),
            analyze: plans.analyze,
        })
    });
    texts.take(plans.count).collect()
}

/// `20261123T161500-4f2a`: sorts by time, and two at once differ.
fn run_id() -> String {
    let now = Timestamp::now();
    let salt = std::process::id() ^ now.subsec_nanosecond().unsigned_abs();
    format!("{}-{:04x}", now.strftime("%Y%m%dT%H%M%S"), salt & 0xFFFF)
}

impl DriveArgs {
    /// What the drive is told: flags win over the workload file's own header.
    pub(super) fn options(&self, workload: &Workload, allow_writes: bool) -> DriveOptions {
        let defaults = &workload.defaults;
        DriveOptions {
            clients: self.clients.or(defaults.clients).unwrap_or(10),
            duration: self.duration,
            warmup: self.warmup,
            think: self.think.or(defaults.think).unwrap_or_default(),
            pool_size: self.pool_size.or(defaults.pool_size).unwrap_or(10),
            acquire_timeout: self.acquire_timeout,
            statement_timeout: self.statement_timeout,
            seed: self.seed,
            max_errors: self.max_errors,
            allow_writes,
        }
    }
}
