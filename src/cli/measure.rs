//! The window: the server is observed while nothing, a replay, or the user's own command runs.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::args::DriveArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::redact::redacted_command;
use super::target::Servers;
use crate::collect::{HostMeter, ObserveOptions, Observer};
use crate::drive::{self, Control, DriveError, DriveOptions, Gate, Replayed, Stopper};
use crate::explain::{self, Candidate, ExplainOptions};
use crate::pg::{SearchPath, Session, SessionOptions};
use crate::record::run::{LoadCommand, RUN_FORMAT, Run, RunMeta};
use crate::record::statements::StatementDelta;
use crate::record::{self, Coverage, Millis, Status};
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

/// How long an interrupted load command may take to write its results.
const STOP_LIMIT: Duration = Duration::from_secs(5);

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
    let workload = match &load {
        Load::Replay { workload, .. } => Some(Arc::clone(workload)),
        _ => None,
    };
    let driver = match &load {
        Load::Replay {
            workload, options, ..
        } => Some(Driver::warm_up(workload, options, servers, interrupt, context).await?),
        _ => None,
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
    let mut run = Box::pin(window.close(servers.lab, interrupt, context)).await;
    let outcome = outcome?;
    run.meta.load_command = outcome.command;
    run.meta.interrupted = interrupt.asked();
    if let Some(replayed) = outcome.replayed {
        run.replay = Some(replayed.load);
        run.pool = Some(replayed.pool);
    }
    if !interrupt.asked() {
        get_plans(
            &mut run,
            servers,
            workload.as_deref(),
            plans,
            interrupt,
            context,
        )
        .await;
    }
    Ok(run)
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

    async fn close(self, lab: bool, interrupt: &Interrupt, context: &Context) -> Run {
        let progress = Progress::step(context, "Reading the server's counters");
        let observed = self.observer.finish().await;
        let ended_at = Timestamp::now();
        progress.done("Read the server's counters");
        let server_is_local = observed.server.cores.is_some();
        let meta = RunMeta {
            run_id: self.run_id,
            started_at: self.started_at,
            ended_at,
            window: observed.window,
            dbperf_version: env!("CARGO_PKG_VERSION").to_owned(),
            command: redacted_command(&std::env::args().collect::<Vec<_>>()),
            interrupted: interrupt.asked(),
            lab,
            load_command: None,
        };
        Run {
            format: RUN_FORMAT,
            meta,
            server: Some(observed.server),
            host: self.host.finish(server_is_local),
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
            replay: None,
            pool: None,
            api: Vec::new(),
        }
    }
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
            outcome.command = Some(run_command(command, interrupt, context).await?);
        }
        (Load::Replay { .. }, Some(driver)) => {
            outcome.replayed = Some(driver.measure(interrupt, context).await?);
        }
        (Load::Replay { .. }, None) => {}
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

async fn run_command(
    command: &[String],
    interrupt: &Interrupt,
    context: &Context,
) -> Result<LoadCommand, Failure> {
    let shown = redacted_command(command);
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
            Failure::usage(format!(
                "cannot run the load command {program}: {e}; is it installed and on PATH?"
            ))
        })?;
    let status: ExitStatus = tokio::select! {
        status = child.wait() => status,
        () = interrupt.wait() => {
            stop_child(&mut child).await
        }
    }
    .map_err(|e| {
        Failure::new(
            Exit::Precondition,
            format!("waiting for {program} failed: {e}"),
        )
    })?;
    if !status.success() && !interrupt.asked() {
        context.say(&format!(
            "dbperf: the load command ended with {status}; its results may be partial"
        ));
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
    if let Ok(status) = tokio::time::timeout(STOP_LIMIT, child.wait()).await {
        return status;
    }
    child.kill().await?;
    child.wait().await
}

/// A replay on its own thread, with its own runtime.
struct Driver {
    thread: JoinHandle<Result<Replayed, DriveError>>,
    gate: Gate,
    stopper: Stopper,
    progress: Arc<drive::Progress>,
    length: Duration,
}

impl Driver {
    /// Starts the load and waits until it is warm.
    async fn warm_up(
        workload: &Arc<Workload>,
        options: &DriveOptions,
        servers: &Servers,
        interrupt: &Interrupt,
        context: &Context,
    ) -> Result<Self, Failure> {
        let config = servers.target.conninfo.tokio_config();
        let config = config.map_err(|e| Failure::precondition(&e))?;
        let (warm, is_warm) = oneshot::channel();
        let (control, gate) = Control::gated(move || {
            // Nobody waits any more if the command is being interrupted.
            let _ = warm.send(());
        });
        let (stopper, counts) = (control.stopper(), control.progress());
        let (workload, options) = (Arc::clone(workload), options.clone());
        let length = options.duration;
        let progress = Progress::step(context, "Warming up");
        let thread = tokio::task::spawn_blocking(move || {
            drive::replay(&workload, config, &options, &control)
        });
        let driver = Self {
            thread,
            gate,
            stopper,
            progress: counts,
            length,
        };
        tokio::select! {
            warm = is_warm => match warm {
                Ok(()) => {
                    progress.done("Warmed up");
                    Ok(driver)
                }
                // The replay ended before it was warm: it says why.
                Err(_) => match driver.join().await {
                    Err(failure) => Err(failure),
                    Ok(_) => Err(Failure::interrupted()),
                },
            },
            () = interrupt.wait() => {
                driver.abandon().await;
                Err(Failure::interrupted())
            }
        }
    }

    /// Opens the window and waits for its end.
    async fn measure(self, interrupt: &Interrupt, context: &Context) -> Result<Replayed, Failure> {
        self.gate.open();
        let bar = Progress::of(context, "Replaying", self.length.as_secs());
        let started = Instant::now();
        while !self.thread.is_finished() {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
                () = interrupt.wait() => self.stopper.stop(),
            }
            if interrupt.asked() {
                break;
            }
            let (done, errors) = (self.progress.requests(), self.progress.errors());
            let failed = if errors > 0 {
                format!(", {errors} failed")
            } else {
                String::new()
            };
            bar.at(
                started.elapsed().as_secs(),
                &format!("Replaying, {done} operations{failed}"),
            );
        }
        let replayed = self.join().await?;
        bar.done(&format!(
            "Replayed {} operations",
            replayed.load.total.requests
        ));
        Ok(replayed)
    }

    /// Ends a replay whose result nobody will read.
    async fn abandon(self) {
        self.stopper.stop();
        // Its connections are closed when it returns; what it says does not matter any more.
        let _ = self.thread.await;
    }

    async fn join(self) -> Result<Replayed, Failure> {
        let ended = self.thread.await;
        let result =
            ended.map_err(|e| Failure::new(Exit::Bug, format!("the replay failed: {e}")))?;
        result.map_err(|e| match e {
            DriveError::Interrupted => Failure::interrupted(),
            e => Failure::precondition(&e),
        })
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
    let candidates = candidates(run, server.database_oid, workload, plans);
    if candidates.is_empty() {
        run.coverage.push(Coverage::not_ok(
            "explain",
            Status::Skipped,
            if plans.count == 0 {
                "--explain 0"
            } else {
                "no statement to explain"
            },
        ));
        return;
    }
    let progress = Progress::step(context, "Asking for plans");
    let started = Instant::now();
    let session_options = SessionOptions {
        statement_timeout: EXPLAIN_TIMEOUT,
        search_path: SearchPath::Role,
        ..SessionOptions::new(&run.meta.run_id)
    };
    let session = Session::connect(&servers.target.conninfo, &session_options);
    let session = match interrupt.or(session).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => {
            run.coverage.push(Coverage::not_ok(
                "explain",
                Status::Failed,
                error.to_string(),
            ));
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
        // The session ends anyway; the statement need not go on without it.
        let _ = session.cancel().await;
        return;
    }
    session.close().await;
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
    let candidate = |delta: &StatementDelta| {
        let text = window.texts.get(&delta.key.queryid.0)?;
        let sent = text
            .fingerprint
            .as_deref()
            .and_then(|fingerprint| as_sent(workload?, fingerprint));
        let (text, sample_params) = match sent {
            // The view counts constants as parameters too; the workload's own text does not.
            Some((sql, values)) => (sql, Some(values)),
            None => (text.query.clone(), None),
        };
        explain::explainable(&text).then_some(Candidate {
            query_id: delta.key.queryid,
            text,
            sample_params,
            analyze: plans.analyze,
        })
    };
    deltas
        .into_iter()
        .filter_map(candidate)
        .take(plans.count)
        .collect()
}

/// A statement as the workload sends it, with one draw of its parameters; `None` where a value comes
/// from another statement's row and is not known here.
fn as_sent(workload: &Workload, fingerprint: &str) -> Option<(String, Vec<Option<String>>)> {
    for (o, operation) in workload.operations.iter().enumerate() {
        for (s, statement) in operation.statements.iter().enumerate() {
            if record::fingerprint(&statement.sql).as_deref() == Some(fingerprint) {
                let drawn = workload.sample_params(o, s, 1)?;
                let known = drawn.iter().all(Option::is_some);
                return known.then(|| (statement.sql.clone(), drawn));
            }
        }
    }
    None
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
        let proposed = DriveOptions::proposed_by(workload);
        DriveOptions {
            clients: self.clients.unwrap_or(proposed.clients),
            duration: self.duration,
            warmup: self.warmup,
            think: self.think.unwrap_or(proposed.think),
            pool_size: self.pool_size.unwrap_or(proposed.pool_size),
            acquire_timeout: self.acquire_timeout,
            statement_timeout: Some(self.statement_timeout),
            seed: self.seed,
            max_errors: Some(self.max_errors),
            allow_writes,
        }
    }
}
