//! `--prove`: what is recommended about indexes is tried.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::{DriveArgs, TargetArgs};
use super::conclude::View;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::measure::{Job, Load};
use super::progress::Progress;
use super::target::Servers;
use super::values::duration;
use crate::analyze::{self, Options, figures, proofs};
use crate::drive::DriveOptions;
use crate::pg::{Connector, Session, SessionOptions, read_life};
use crate::prove::{self, Judges, ProveError, Refusal, Terms};
use crate::record::proof::{Change, Proofs};
use crate::record::{Coverage, Millis, Run, Status};
use crate::workload::Workload;

/// Time for everything that is tried.
const DURATION: Duration = Duration::from_secs(120);

/// Part of a change's share of the time that the fewest rounds are to take (ours), so that there is time for more.
const LEAST_PART: f64 = 0.6;

/// Shortest block, the usual one, and the longest (ours): below it, its begin and its end weigh too much; above it a
/// drift of the machine is no longer the same for neighbours.
const BLOCK: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(10),
];

/// Requests that a block should have (ours), so that its mean is one.
const BLOCK_REQUESTS: f64 = 50.0;

/// Load before each block that is not recorded: time enough to connect, to prepare, and to read what the change put
/// into other places.
const BLOCK_WARMUP: Duration = Duration::from_millis(300);

/// What is tried, and for how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Proof")]
pub(super) struct ProveArgs {
    /// Try what is recommended about indexes: make each change, replay with it and without it in turns, undo it.
    ///
    /// On a server that is no throwaway it needs `--writes --target-db NAME` too.
    #[arg(long, requires = "load")]
    prove: bool,
    /// Time for all that is tried. [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "prove")]
    prove_duration: Option<Duration>,
    /// Try it although the server has a name like production, is followed by standbys, or is used by many others.
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        requires = "prove"
    )]
    prove_despite: Vec<DespiteArg>,
}

/// A reason for which nothing is tried, or loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DespiteArg {
    /// Its name sounds like production.
    Name,
    /// Standbys follow it.
    Standbys,
    /// Many others use it.
    Sessions,
}

/// A proof that was asked for.
pub(super) struct Proving {
    workload: Arc<Workload>,
    options: DriveOptions,
    duration: Duration,
    despite: Vec<Refusal>,
}

impl ProveArgs {
    /// What was asked for; `None` without `--prove`.
    ///
    /// # Errors
    /// The load is one that cannot be run in turns, or nobody agreed that the server is changed.
    pub(super) fn proving(
        &self,
        view: View,
        load: &Load,
        drive: &DriveArgs,
        target: &TargetArgs,
    ) -> Result<Option<Proving>, Failure> {
        if !self.prove {
            return Ok(None);
        }
        if !matches!(view, View::Everything | View::Indexes) {
            return Err(Failure::usage(
                "--prove tries indexes, which this command does not look at: use `dbperf analyze` or `dbperf indexes`",
            ));
        }
        check(drive)?;
        let Load::Replay(job) = load else {
            return Err(Failure::usage(
                "--prove replays a workload with each change and without it: it needs --workload, or --lab without \
                 --window",
            ));
        };
        let Job::Workload { workload, options } = job.as_ref() else {
            return Err(Failure::usage(
                "--prove runs the same short load again and again, which a captured workload, with its own times, is \
                 not: use a workload file or a pgbench script",
            ));
        };
        let consented = target.lab || (drive.writes && drive.target_db.is_some());
        if !consented {
            return Err(Failure::usage(
                "--prove creates and drops indexes: confirm the database with --writes --target-db NAME, or try it \
                 with --lab",
            ));
        }
        Ok(Some(Proving {
            workload: Arc::clone(workload),
            options: options.clone(),
            duration: self.prove_duration.unwrap_or(DURATION),
            despite: self.prove_despite.iter().map(|arg| arg.refusal()).collect(),
        }))
    }
}

impl DespiteArg {
    /// What it overrides.
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::Name => Refusal::Name,
            Self::Standbys => Refusal::Standbys,
            Self::Sessions => Refusal::Sessions,
        }
    }
}

/// What needs one long window does not go with short blocks.
fn check(drive: &DriveArgs) -> Result<(), Failure> {
    let flags = [
        ("--stages", drive.stages.is_some()),
        ("--start-at", drive.start_at.is_some()),
        ("--shard", drive.shard.is_some()),
    ];
    match flags.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::usage(format!(
            "{flag} cannot be used with --prove, which compares short blocks of the same load"
        ))),
    }
}

impl Proving {
    /// Looks at the server before anything is measured: whether it is the one that was named, one to try things on,
    /// and free of what an earlier proof may have left.
    ///
    /// # Errors
    /// It is not.
    pub(super) async fn permit(
        &self,
        drive: &DriveArgs,
        servers: &Servers,
        context: &Context,
    ) -> Result<(), Failure> {
        if servers.lab {
            return Ok(());
        }
        super::consent::to_database(drive, servers).await?;
        let options = SessionOptions::new("prove");
        let session = Session::connect(&servers.target.conninfo, &options).await;
        let session = session.map_err(|e| Failure::precondition(&e))?;
        let looked = async {
            prove::check(&session, &self.despite).await?;
            Ok::<_, ProveError>(read_life(&session, None).await?)
        };
        let life = looked.await.map_err(|e| Failure::precondition(&e))?;
        let (address, database) = (session.address().to_owned(), session.database().to_owned());
        let protection = session.protection().to_string();
        session.close().await;
        let system = life.system_identifier.as_deref();
        if let Some(left) = prove::unfinished(&ledger_folder(), &database, system).first() {
            let ledger = left.display();
            return Err(Failure::new(
                Exit::Precondition,
                format!(
                    "an earlier proof on this database was cut short, and not everything was undone: run `dbperf undo \
                     {ledger} --target-db {database}` first"
                ),
            ));
        }
        context.say(&format!(
            "dbperf: changes are tried and undone on {address}, database {database}, system identifier {} ({protection})",
            system.unwrap_or("unknown")
        ));
        Ok(())
    }

    /// Tries what the run recommends, and puts what came of it into the run. Whatever goes wrong, the run stays.
    pub(super) async fn run(
        &self,
        run: &mut Run,
        servers: &Servers,
        interrupt: &Interrupt,
        context: &Context,
    ) {
        let Some(server) = &run.server else { return };
        let plan = match analyze::conclude(run, &Options::default()) {
            Ok(conclusions) => proofs::plan(run, &conclusions),
            Err(_) => return,
        };
        let query_ids = run.statements.iter().flat_map(|window| &window.deltas);
        let query_ids = query_ids
            .filter(|delta| delta.key.dbid == server.database_oid)
            .map(|delta| delta.key.queryid.0)
            .collect::<BTreeSet<i64>>();
        let options = self.block(run, plan.changes.len());
        let job = Job::Workload {
            workload: Arc::clone(&self.workload),
            options,
        };
        let Job::Workload { options, .. } = job.behind(&servers.load).await else {
            return;
        };
        let terms = Terms {
            conninfo: servers.target.conninfo.clone(),
            load: Connector::new(servers.load.clone()),
            run_id: run.meta.run_id.clone(),
            workload: Arc::clone(&self.workload),
            options,
            duration: self.duration,
            lab: servers.lab,
            ledger_folder: ledger_folder(),
            database_oid: server.database_oid,
            query_ids,
            system_identifier: server.system_identifier.clone(),
        };
        let began = std::time::Instant::now();
        let tried = try_all(plan.changes, &terms, interrupt, context).await;
        let row = match tried {
            Ok(mut tried) => {
                tried.left_out.splice(0..0, plan.left_out);
                say_left(&tried, &terms, context);
                let row = coverage(&tried);
                run.proofs = Some(tried);
                row
            }
            Err(error) => {
                let failure = Failure::precondition(&error);
                context.fail_later(&failure);
                Coverage::not_ok("proof", Status::Failed, failure.to_string())
            }
        };
        run.coverage.push(Coverage {
            duration: Some(Millis::from(began.elapsed())),
            ..row
        });
        run.meta.interrupted |= interrupt.asked();
    }

    /// The load of a block: as long as its share of the time allows, with requests enough for a mean.
    fn block(&self, run: &Run, changes: usize) -> DriveOptions {
        let share = self.duration / u32::try_from(changes.max(1)).unwrap_or(u32::MAX);
        let warmup = self.options.warmup.min(BLOCK_WARMUP);
        let rounds = u32::try_from(proofs::LEAST_ROUNDS).unwrap_or(u32::MAX);
        let round = share.mul_f64(LEAST_PART) / rounds;
        let fits = (round.saturating_sub(prove::ROUND_OVERHEAD) / 2).saturating_sub(warmup);
        let [shortest, usual, longest] = BLOCK;
        let rate = run.replay.as_ref().and_then(|load| {
            let seconds = load.length?.secs();
            (seconds > 0.0).then(|| load.total.requests as f64 / seconds)
        });
        let wanted = rate.filter(|rate| *rate > 0.0).map_or(usual, |rate| {
            Duration::from_secs_f64((BLOCK_REQUESTS / rate).min(longest.as_secs_f64()))
        });
        DriveOptions {
            duration: fits.clamp(shortest, usual).max(wanted).min(longest),
            warmup,
            compare_with: Vec::new(),
            ..self.options.clone()
        }
    }
}

async fn try_all(
    changes: Vec<Change>,
    terms: &Terms,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Proofs, ProveError> {
    let count = changes.len() as u64;
    let progress = Progress::step(context, "Trying what is recommended");
    let bar = progress.bar();
    let judges = Judges {
        least_rounds: proofs::LEAST_ROUNDS,
        enough: &proofs::enough,
        tell: &|what| bar.set_message(what.to_owned()),
    };
    if !terms.lab {
        interrupt.last_words(Some(format!(
            "dbperf: what was being tried is not undone; the newest ledger in {} says what it is, and `dbperf undo \
             LEDGER` undoes it",
            terms.ledger_folder.display()
        )));
    }
    let stop = interrupt.signal();
    let tried = Box::pin(prove::prove(changes, terms, &judges, &stop)).await;
    interrupt.last_words(None);
    if let Ok(tried) = &tried {
        let done = tried.tried.len() as u64;
        progress.done(&format!(
            "Tried {done} of {}",
            figures::plural(count, "change", "changes")
        ));
    }
    tried
}

/// What could not be undone is said at once, not only in the report.
fn say_left(tried: &Proofs, terms: &Terms, context: &Context) {
    for left in tried.tried.iter().filter(|tried| !tried.left.is_empty()) {
        let reason = left
            .failure
            .as_deref()
            .unwrap_or("the change could not be undone");
        context.fail_later(&Failure::new(
            Exit::Precondition,
            format!(
                "{reason}; when the server can be reached again, `dbperf undo` with the ledger of the run {} in {} \
                 undoes it, or by hand: {}",
                terms.run_id,
                terms.ledger_folder.display(),
                left.left.join(" ")
            ),
        ));
    }
}

fn coverage(tried: &Proofs) -> Coverage {
    let mut failed = tried
        .tried
        .iter()
        .filter_map(|tried| tried.failure.as_deref());
    match failed.next_back() {
        Some(reason) => Coverage::not_ok("proof", Status::Partial, reason),
        None if tried.interrupted => {
            Coverage::not_ok("proof", Status::Partial, "it was interrupted")
        }
        None => Coverage {
            collector: "proof".to_owned(),
            status: Status::Ok,
            reason: None,
            duration: None,
        },
    }
}

fn ledger_folder() -> std::path::PathBuf {
    prove::ledger_folder(&|name| std::env::var(name).ok())
}

/// Flags of `undo`.
#[derive(Debug, Args)]
pub(super) struct UndoArgs {
    /// The file that the interrupted proof has left.
    #[arg(value_name = "LEDGER")]
    ledger: std::path::PathBuf,
    /// The server, as for `analyze`.
    #[arg(value_name = "DSN")]
    dsn: Option<String>,
    /// Name of the database in which indexes are put back; must be the connected one.
    #[arg(long, value_name = "NAME")]
    target_db: String,
}

/// `undo`.
pub(super) async fn undo(args: &UndoArgs, context: &Context) -> Result<Exit, Failure> {
    let target = super::target::resolve(args.dsn.as_deref())?;
    let database = target.conninfo.dbname();
    if database != args.target_db {
        return Err(Failure::new(
            Exit::Precondition,
            format!(
                "--target-db says {}, but the connection goes to {database}: nothing was changed",
                args.target_db
            ),
        ));
    }
    let mut ledger = open(&args.ledger)?;
    let undone = Box::pin(prove::undo_ledger(&mut ledger, &target.conninfo)).await;
    let undone = undone.map_err(|e| Failure::precondition(&e))?;
    let mut text = String::new();
    for line in &undone.done {
        text.push_str(line);
        text.push('\n');
    }
    if text.is_empty() && undone.left.is_empty() {
        text.push_str("nothing is left to undo\n");
    }
    let exit = super::output::emit(text.as_bytes(), context)?;
    for (reason, sql) in &undone.left {
        context.fail_later(&Failure::new(
            Exit::Precondition,
            format!("{reason}; by hand: {}", sql.join(" ")),
        ));
    }
    ledger.finish().map_err(|e| Failure::precondition(&e))?;
    Ok(context.failed().unwrap_or(exit))
}

fn open(path: &Path) -> Result<prove::Ledger, Failure> {
    prove::Ledger::open(path).map_err(|error| match error {
        prove::LedgerError::InUse(_) => Failure::precondition(&error),
        _ => Failure::input(error.to_string()),
    })
}
