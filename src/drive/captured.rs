//! A captured workload replayed: every session with a connection of its own, its calls in their order, at
//! the times at which they came, faster, or as fast as possible.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::pg::{Connector, Opened};
use crate::record::load::{Arrival, DriverRecord};
use crate::workload::{CapturedFile, Event, EventKind};

use super::captured_session::{Call, Session};
use super::detail::Statements;
use super::doubt::{self, Doubt};
use super::failure::Failure;
use super::options::Shard;
use super::program::OperationNames;
use super::recorder::{Frame, Moments, Recorder, StageFrame};
use super::replay::runtime;
use super::switch::{Phase, Switch};
use super::timer::Timer;
use super::times::Times;
use super::trace::Trace;
use super::{Control, DriveError, Replayed, session};

/// Calls that were read and not done, at most (ours): a file of any size takes no more memory than these.
const READ_AHEAD: usize = 20_000;

/// Distinct statements that are recorded apart (ours); the others share one operation.
const MOST_OPERATIONS: usize = 5_000;

/// Name of the operation that the others share.
const OTHERS: &str = "(other statements)";

/// How long calls under way may take after the last was sent before they are cancelled (ours).
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How a captured workload is replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturedOptions {
    /// So many times the original speed; `None` for as fast as possible.
    pub speed: Option<f64>,
    /// Stop after this time; `None` for the whole file.
    pub duration: Option<Duration>,
    /// A statement is cancelled after this time; `None` for never.
    pub statement_timeout: Option<Duration>,
    /// Stop after more failures than this that the captured server did not have; `None` for never.
    pub max_errors: Option<u64>,
    /// Begin at this moment.
    pub start_at: Option<Timestamp>,
    /// Which machine this is: sessions are divided among them.
    pub shard: Shard,
    /// The user agreed that this target may be written to.
    pub allow_writes: bool,
}

/// Replays a captured workload, and blocks until it is over and all its connections are closed.
///
/// # Errors
/// The file cannot be read, it writes and that was not agreed to, the server cannot be reached, or there
/// were more failures than allowed; the last error carries what was recorded.
pub fn replay_captured(
    path: &Path,
    target: Connector,
    options: &CapturedOptions,
    control: &Control,
) -> Result<Replayed, DriveError> {
    let file = CapturedFile::open(path)?;
    let name = path.display().to_string();
    let header = file.header();
    if header.writes && !options.allow_writes {
        return Err(DriveError::Writes { file: name });
    }
    if let Some(at) = options.start_at.filter(|at| *at < Timestamp::now()) {
        return Err(DriveError::Past(at));
    }
    let mut remarks = Vec::new();
    for left_out in &header.left_out {
        let (calls, reason) = (left_out.calls, &left_out.reason);
        let calls = match calls {
            1 => "1 call of the log is".to_owned(),
            calls => format!("{calls} calls of the log are"),
        };
        remarks.push(format!("{calls} not in the file: {reason}"));
    }
    if header.databases.len() > 1 {
        remarks.push(format!(
            "the sessions were on {} databases ({}), and all are replayed on one: capture one with \
             --database",
            header.databases.len(),
            header.databases.join(", ")
        ));
    }
    let connector = session::guarded(target, header.writes);
    let run = CapturedRun {
        name,
        connector,
        options: options.clone(),
        switch: Switch::new(),
        recorder: RefCell::new(Recorder::empty(&stage(options, header.sessions))),
        operations: RefCell::default(),
        expected_failures: Cell::new(0),
        too_many_errors: Cell::new(false),
        progress: control.progress(),
        window: Cell::new(None),
        sessions_open: Cell::new(0),
        sessions_most: Cell::new(0),
    };
    let local = LocalSet::new();
    local.block_on(&runtime()?, conduct(Rc::new(run), file, control, remarks))
}

fn stage(options: &CapturedOptions, sessions: u64) -> StageFrame {
    StageFrame {
        name: match options.speed {
            Some(speed) => format!("{sessions} sessions at {speed} × the original pace"),
            None => format!("{sessions} sessions as fast as possible"),
        },
        users: u32::try_from(sessions).unwrap_or(u32::MAX),
        rate_per_sec: None,
        end: Duration::MAX,
    }
}

/// What the sessions of a captured workload share; they live on one thread.
pub(super) struct CapturedRun {
    name: String,
    pub(super) connector: Connector,
    pub(super) options: CapturedOptions,
    pub(super) switch: Switch,
    recorder: RefCell<Recorder>,
    /// Indexes in the recorder, by the statement's normalised text.
    operations: RefCell<HashMap<Arc<str>, usize>>,
    expected_failures: Cell<u64>,
    too_many_errors: Cell<bool>,
    progress: Arc<super::Progress>,
    window: Cell<Option<(Instant, Timestamp)>>,
    sessions_open: Cell<u32>,
    sessions_most: Cell<u32>,
}

impl CapturedRun {
    /// The operation of a statement.
    fn operation(&self, normalized: &str) -> usize {
        let mut known = self.operations.borrow_mut();
        if let Some(index) = known.get(normalized) {
            return *index;
        }
        let name = if known.len() < MOST_OPERATIONS {
            normalized
        } else {
            OTHERS
        };
        if let Some(index) = known.get(name) {
            return *index;
        }
        let one_line = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let own = std::iter::once(("statement".to_owned(), name.to_owned()));
        let names = OperationNames::new(&one_line, own);
        let index = self
            .recorder
            .borrow_mut()
            .operation(Statements::new(&names));
        known.insert(name.into(), index);
        index
    }

    /// A call ended.
    pub(super) fn record(
        &self,
        call: &Call,
        moments: Moments,
        trace: &Trace,
        failure: Option<&Failure>,
    ) {
        // What failed on the captured server too is what was to happen.
        let expected = call.failed && matches!(failure, Some(Failure::Sql(_)));
        if expected {
            self.expected_failures.set(self.expected_failures.get() + 1);
        }
        let failure = failure.filter(|_| !expected);
        let index = self.operation(&call.statement.normalized);
        let opened = self.window.get().map(|(opened, _)| opened);
        let mut recorder = self.recorder.borrow_mut();
        recorder.request(opened, index, moments, trace, failure);
        self.progress.count(failure.is_some());
        let limit = self.options.max_errors;
        let counts = failure.is_some_and(|f| *f != Failure::Cancelled);
        if counts && limit.is_some_and(|limit| self.progress.errors() > limit) {
            self.too_many_errors.set(true);
            self.switch.enter(Phase::Cancel);
        }
    }

    /// A session connected (`true`) or left.
    pub(super) fn session(&self, begins: bool) {
        let open = self.sessions_open.get();
        let open = if begins {
            open + 1
        } else {
            open.saturating_sub(1)
        };
        self.sessions_open.set(open);
        self.sessions_most.set(self.sessions_most.get().max(open));
    }
}

async fn conduct(
    run: Rc<CapturedRun>,
    file: CapturedFile,
    control: &Control,
    mut remarks: Vec<String>,
) -> Result<Replayed, DriveError> {
    // A server that cannot be reached is an error and not thousands of failed calls.
    let Opened { client, task, .. } = run.connector.connect().await?;
    drop(client);
    let _ = task.await;
    if let Some(at) = run.options.start_at {
        let rest = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = control.stopped() => return Err(DriveError::Interrupted),
        }
    }
    control.warm();
    tokio::select! {
        () = control.gate_opened() => {}
        () = control.stopped() => return Err(DriveError::Interrupted),
    }
    let opened = Instant::now();
    run.window.set(Some((opened, Timestamp::now())));
    let ids = [doubt::thread_id()];
    let before = Times::read(&ids);
    let mut sessions = Sessions::new(&run);
    let (outcome, interrupted) = {
        let mut walk = pin!(sessions.walk(file, opened));
        let limit = run.options.duration.unwrap_or(Duration::MAX);
        tokio::select! {
            outcome = &mut walk => (outcome, false),
            () = control.stopped() => (Ok(()), true),
            () = run.switch.reached(Phase::Cancel) => (Ok(()), false),
            () = tokio::time::sleep(limit) => (Ok(()), false),
        }
    };
    if interrupted {
        run.switch.enter(Phase::Cancel);
    }
    let stopped = sessions.end(control).await;
    let ended = Instant::now();
    let driver = Times::read(&ids).since(&before, Vec::new());
    session::wait_until_gone(&run.connector).await;
    outcome?;
    let expected = run.expected_failures.get();
    if expected > 0 {
        remarks.push(format!(
            "{expected} calls failed as they had failed on the captured server, and are not counted as failures"
        ));
    }
    conclude(&run, ended, driver, interrupted || stopped, remarks)
}

fn conclude(
    run: &CapturedRun,
    ended: Instant,
    driver: DriverRecord,
    interrupted: bool,
    remarks: Vec<String>,
) -> Result<Replayed, DriveError> {
    let recorder = run
        .recorder
        .replace(Recorder::empty(&stage(&run.options, 0)));
    let most = recorder.failures.iter().max_by_key(|(_, count)| **count);
    let most = most.map_or_else(String::new, |(key, count)| format!("{key} ({count} times)"));
    let doubt = Doubt {
        record: driver.clone(),
        // A session that is still busy with one call begins the next one late.
        schedule_lag: None,
        clients_were_busy: false,
    };
    let mut warnings = doubt.warnings();
    warnings.extend(remarks);
    let opened = run.window.get();
    let window_started = opened.map_or(ended, |(opened, _)| opened);
    let paced = run.options.speed.is_some();
    let frame = Frame {
        tool: "dbperf replay",
        file: run.name.clone(),
        arrival: if paced {
            Arrival::Open
        } else {
            Arrival::Closed
        },
        opened,
        ended,
        ended_at: Timestamp::now(),
        driver,
        saturated: doubt.saturated(),
        warnings,
        notes: Vec::new(),
        clients: None,
    };
    let replayed = Replayed {
        load: recorder.finish(frame),
        pool: None,
        comparison: None,
        sweep: None,
        interrupted,
        window_started,
        window_ended: ended,
    };
    if run.too_many_errors.get() {
        return Err(DriveError::TooManyErrors {
            errors: run.progress.errors(),
            limit: run.options.max_errors.unwrap_or_default(),
            most,
            partial: Some(Box::new(replayed)),
        });
    }
    Ok(replayed)
}

/// The sessions that are open, and the reader that feeds them.
struct Sessions<'a> {
    run: &'a Rc<CapturedRun>,
    open: HashMap<u64, mpsc::UnboundedSender<Call>>,
    tasks: Vec<JoinHandle<()>>,
    /// Room for calls that were read and not done.
    room: Arc<Semaphore>,
}

impl<'a> Sessions<'a> {
    fn new(run: &'a Rc<CapturedRun>) -> Self {
        Self {
            run,
            open: HashMap::new(),
            tasks: Vec::new(),
            room: Arc::new(Semaphore::new(READ_AHEAD)),
        }
    }

    /// Reads the file and gives every call to its session when it is due.
    async fn walk(&mut self, file: CapturedFile, opened: Instant) -> Result<(), DriveError> {
        let timer = Timer::new().map_err(DriveError::Runtime)?;
        let mut since_pause = 0;
        for event in file.events() {
            let event = event?;
            let shard = self.run.options.shard;
            if event.session % u64::from(shard.count) != u64::from(shard.index - 1) {
                continue;
            }
            let due = self
                .run
                .options
                .speed
                .map(|speed| opened + event.at.div_f64(speed));
            since_pause += 1;
            match due {
                Some(due) if due > Instant::now() => {
                    timer.wait_until(due).await;
                    since_pause = 0;
                }
                _ if since_pause > 64 => {
                    tokio::task::yield_now().await;
                    since_pause = 0;
                }
                _ => {}
            }
            self.give(event, due).await;
        }
        Ok(())
    }

    async fn give(&mut self, event: Event, due: Option<Instant>) {
        let Event { session, what, .. } = event;
        match what {
            EventKind::Begin { .. } => {
                self.begin(session);
            }
            EventKind::End => {
                self.open.remove(&session);
            }
            EventKind::Statement {
                statement,
                text,
                params,
                protocol,
                failed,
                took: _,
            } => {
                // The permit comes back when the call is done; the semaphore is never closed.
                let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
                    return;
                };
                let call = Call {
                    statement,
                    text,
                    params,
                    protocol,
                    failed,
                    due,
                    _room: room,
                };
                let sender = self.begin(session);
                // A session that has ended by itself has said why.
                let _ = sender.send(call);
            }
        }
    }

    /// The session's queue; the session connects with its first entry.
    fn begin(&mut self, session: u64) -> &mpsc::UnboundedSender<Call> {
        let (run, tasks) = (self.run, &mut self.tasks);
        self.open.entry(session).or_insert_with(|| {
            let (sender, calls) = mpsc::unbounded_channel();
            let session = Session::new(Rc::clone(run));
            tasks.retain(|task: &JoinHandle<()>| !task.is_finished());
            tasks.push(spawn_local(session.run(calls)));
            sender
        })
    }

    /// Lets the sessions do what they were given, for a while. True if it was stopped.
    async fn end(self, control: &Control) -> bool {
        let Self {
            run, open, tasks, ..
        } = self;
        drop(open);
        let mut all = pin!(futures_util::future::join_all(tasks));
        let (ended, stopped) = tokio::select! {
            ended = &mut all => (Some(ended), false),
            () = tokio::time::sleep(DRAIN_LIMIT) => (None, false),
            () = control.stopped() => (None, true),
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            run.switch.enter(Phase::Cancel);
            all.await
        };
        for task in ended {
            if let Err(panicked) = task
                && panicked.is_panic()
            {
                std::panic::resume_unwind(panicked.into_panic());
            }
        }
        stopped
    }
}
