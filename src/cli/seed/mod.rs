//! `seed`: an empty database is filled.

mod args;
mod seen;
mod verified;
mod watch;

use std::fmt::Display;

use jiff::Timestamp;

pub(super) use args::SeedArgs;
use seen::Seen;
use watch::Watch;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::measure::{run_id, without_server};
use super::{output, target};
use crate::analyze;
use crate::pg::{Session, SessionOptions, Target, read_server};
use crate::record::run::Host;
use crate::record::server::Server;
use crate::record::{SeedSummary, SeedTable};
use crate::seed::load::{self, Load, LoadError, LoadOptions, Loaded};
use crate::seed::profile::Profile;
use crate::seed::schema::{self, Name, SchemaFile, When};
use crate::seed::{PlanOptions, PrepareError, Prepared, left_alone, prepare};
use crate::workload::Workload;

/// What the flags ask for.
struct Job {
    file: Option<SchemaFile>,
    profile: Option<Profile>,
    workload: Option<Workload>,
    plan: PlanOptions,
    load: LoadOptions,
}

/// `seed`.
pub(super) async fn run(args: &SeedArgs, context: &Context) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen()?;
    let job = args.job()?;
    let target = target::resolve(args.dsn())?;
    let id = run_id();
    let guarded = connect(&target, SessionOptions::new(&id), &interrupt).await?;
    let looked = async {
        let seen = Seen::of(&guarded).await;
        let seen = seen.map_err(|e| Failure::precondition(&e))?;
        let looked = Box::pin(look(args, &job, &guarded, &target, context)).await?;
        Ok::<_, Failure>((seen, looked))
    };
    let looked = interrupt.or(Box::pin(looked)).await;
    if looked.is_err() {
        // What it executes must not go on without us; that it is gone already is as good.
        let _ = guarded.cancel().await;
    }
    guarded.close().await;
    let (seen, looked) = looked??;
    match looked {
        Looked::Shown(statements) => output::emit(statements.as_bytes(), context),
        Looked::Ready(server, prepared) => {
            let started_at = Timestamp::now();
            let to = (&target, &seen);
            let filled = fill(&job, to, &id, prepared, &interrupt, context);
            let filled = Box::pin(filled).await?;
            let verified = verified::verify(&job, to, &id, &filled, &interrupt, context);
            let verified = Box::pin(verified).await;
            let summary = summary(&filled, &job);
            let mut run = without_server(id, started_at, Host::default());
            run.meta.interrupted = filled.loaded.interrupted || verified.interrupted;
            run.server = Some(filled.server.unwrap_or(*server));
            let failed = verified.failed();
            run.coverage = verified.coverage;
            let exit = output::write(&analyze::filled(&run, summary, verified.fidelity), context)?;
            Ok(match exit {
                Exit::Done if run.meta.interrupted => Exit::Interrupted,
                Exit::Done if failed => Exit::Precondition,
                exit => exit,
            })
        }
    }
}

async fn connect(
    target: &Target,
    options: SessionOptions,
    interrupt: &Interrupt,
) -> Result<Session, Failure> {
    let session = interrupt
        .or(Session::connect(&target.conninfo, &options))
        .await?;
    session.map_err(|e| Failure::precondition(&e))
}

/// What a look at the server came to.
enum Looked {
    /// The statements of a dry run.
    Shown(String),
    /// The tables can be filled; of a file's tables nothing is known yet.
    Ready(Box<Server>, Option<Prepared>),
}

/// Everything that can be said before anything is written. All reasons against it are said at once.
async fn look(
    args: &SeedArgs,
    job: &Job,
    session: &Session,
    target: &Target,
    context: &Context,
) -> Result<Looked, Failure> {
    let failed = |e: &dyn std::error::Error| Failure::precondition(e);
    let server = read_server(session, target).await.map_err(|e| failed(&e))?;
    say_target(&server, session, context);
    let permitted = load::permit(session, args.target_db(), &args.despite()).await;
    let mut against = lines(&permitted.map_err(|e| failed(&e))?);
    if job.file.is_some() {
        refuse(&against)?;
        return Ok(if args.is_dry() {
            Looked::Shown(of_file(job))
        } else {
            Looked::Ready(Box::new(server), None)
        });
    }
    let schema = schema::read(session).await.map_err(|e| failed(&e))?;
    if schema.tables.is_empty() {
        return Err(Failure::new(
            Exit::Precondition,
            "the database has no tables to fill: create them first, or name a file that does with --schema",
        ));
    }
    let prepared = match prepare(session, &schema, job.profile.as_ref(), &job.plan).await {
        Ok(prepared) => Some(some_tables(prepared)?),
        Err(PrepareError::Unfillable(problems)) => {
            against.extend(lines(&problems));
            None
        }
        Err(error) => return Err(failed(&error)),
    };
    let names: Vec<(Name, bool)> = if let Some(prepared) = &prepared {
        let tables = prepared.tables.iter();
        tables.map(|t| (t.name().clone(), t.rows() > 0)).collect()
    } else {
        // What is wrong with these names has been said.
        let left = left_alone(&schema, &job.plan).unwrap_or_default();
        let tables = schema.tables.iter().map(|t| &t.name);
        let tables = tables.filter(|name| !left.iter().any(|l| l.table == **name));
        tables.map(|name| (name.clone(), true)).collect()
    };
    let refused = load::refusals(session, &names, &job.load).await;
    against.extend(lines(&refused.map_err(|e| failed(&e))?));
    refuse(&against)?;
    if args.is_dry()
        && let Some(prepared) = &prepared
    {
        return Ok(Looked::Shown(statements(session, prepared, job).await?));
    }
    Ok(Looked::Ready(Box::new(server), prepared))
}

fn some_tables(prepared: Prepared) -> Result<Prepared, Failure> {
    if prepared.tables.is_empty() {
        let left = lines(&prepared.left).join("\n  ");
        let why = format!("no table is to be filled:\n  {left}");
        return Err(Failure::new(Exit::Precondition, why));
    }
    Ok(prepared)
}

fn lines<T: Display>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn refuse(against: &[String]) -> Result<(), Failure> {
    if against.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Precondition,
        format!("nothing was loaded:\n  {}", against.join("\n  ")),
    ))
}

fn say_target(server: &Server, session: &Session, context: &Context) {
    let size = server.size_bytes.map_or_else(
        || "size unknown".to_owned(),
        |size| analyze::figures::bytes(size.0),
    );
    context.say(&format!(
        "dbperf: rows go to {}, database {}, system identifier {}, {size} ({})",
        session.address(),
        server.database,
        server.system_identifier.as_deref().unwrap_or("unknown"),
        session.protection()
    ));
}

async fn statements(session: &Session, prepared: &Prepared, job: &Job) -> Result<String, Failure> {
    let all = load::statements(session, &prepared.tables, &job.load).await;
    let all = all.map_err(|e| Failure::precondition(&e))?;
    Ok(ended(all.iter().map(String::as_str)))
}

/// Statements with their semicolons, a line each.
fn ended<'a>(statements: impl Iterator<Item = &'a str>) -> String {
    statements.fold(String::new(), |mut text, sql| {
        text.extend([sql, ";\n"]);
        text
    })
}

/// The statements of a file. What comes between them depends on tables that are not there yet.
fn of_file(job: &Job) -> String {
    let mut text = format!("{};\n", Session::BEGIN_WRITING);
    let Some(file) = &job.file else { return text };
    for line in &file.left_out {
        text.extend(["-- ", line.as_str(), "\n"]);
    }
    let of = |when| ended(file.of(when).map(|statement| statement.sql.as_str()));
    text.push_str(&of(When::First));
    text.push_str(
        "-- Here the tables that this makes are filled: the statements for that are known when the tables are.\n",
    );
    text.push_str(&of(When::Last));
    text.push_str("COMMIT /* dbperf */;\n-- VACUUM (ANALYZE) of each table.\n");
    text
}

/// What came of it.
struct Filled {
    loaded: Loaded,
    /// What is filled otherwise than asked for.
    left: Vec<String>,
    /// Tables that are left as they are.
    left_alone: Vec<Name>,
    /// The server as it is now; `None` where it cannot be asked any more.
    server: Option<Server>,
}

/// Fills, in one transaction.
async fn fill(
    job: &Job,
    (target, seen): (&Target, &Seen),
    id: &str,
    prepared: Option<Prepared>,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Filled, Failure> {
    let session = connect(target, SessionOptions::loading(id), interrupt).await?;
    interrupt.or(seen.check(&session)).await??;
    let watch = Watch::new(context);
    let filled = async {
        let mut load = Load::begin(&session, interrupt.signal()).await?;
        let prepared = match prepared {
            Some(prepared) => prepared,
            None => made(&mut load, &session, job).await?,
        };
        let left = lines(&prepared.left);
        let tell = |step: &load::Step<'_>| watch.tell(step);
        let loaded = load.fill(&prepared.tables, &job.load, &tell).await?;
        let server = read_server(&session, target).await.ok();
        Ok(Filled {
            loaded,
            left,
            left_alone: prepared.left_alone,
            server,
        })
    };
    let filled = Box::pin(filled).await;
    session.close().await;
    match filled {
        Ok(filled) => {
            watch.done(&filled.loaded);
            Ok(filled)
        }
        Err(Stopped::Load(LoadError::Interrupted)) => Err(Failure::new(
            Exit::Interrupted,
            LoadError::Interrupted.to_string(),
        )),
        Err(Stopped::Load(LoadError::Refused(refused))) => {
            refuse(&lines(&refused))?;
            Err(Failure::new(Exit::Precondition, "nothing was loaded"))
        }
        Err(Stopped::Load(error)) => Err(Failure::precondition(&error)),
        Err(Stopped::Failed(failure)) => Err(failure),
    }
}

/// Why a load has ended.
enum Stopped {
    Load(LoadError),
    Failed(Failure),
}

impl From<LoadError> for Stopped {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

/// Makes the tables of the file, and plans their rows; where that fails nothing of them is kept.
async fn made(load: &mut Load<'_>, session: &Session, job: &Job) -> Result<Prepared, Stopped> {
    load.make(job.file.clone().unwrap_or_default()).await?;
    match Box::pin(plan(session, job)).await {
        Ok(prepared) => Ok(prepared),
        Err(failure) => {
            load.undo().await;
            Err(Stopped::Failed(failure))
        }
    }
}

/// Plans the rows of tables that the transaction itself has made.
async fn plan(session: &Session, job: &Job) -> Result<Prepared, Failure> {
    let schema = schema::read(session).await;
    let schema = schema.map_err(|e| Failure::precondition(&e))?;
    if schema.tables.is_empty() {
        return Err(Failure::new(
            Exit::Precondition,
            "the file makes no tables, and the database has none: nothing was kept",
        ));
    }
    match prepare(session, &schema, job.profile.as_ref(), &job.plan).await {
        Ok(prepared) => some_tables(prepared),
        Err(PrepareError::Unfillable(problems)) => {
            refuse(&lines(&problems))?;
            Err(Failure::new(Exit::Precondition, "nothing was loaded"))
        }
        Err(error) => Err(Failure::precondition(&error)),
    }
}

fn summary(filled: &Filled, job: &Job) -> SeedSummary {
    let loaded = &filled.loaded;
    let rate = |rows: u64, ms: f64| (rows > 0 && ms > 0.0).then(|| rows as f64 * 1000.0 / ms);
    let tables = loaded.tables.iter().map(|table| {
        let copy_ms = table.took.as_secs_f64() * 1000.0;
        SeedTable {
            schema: table.name.schema.clone(),
            table: table.name.name.clone(),
            rows: table.rows,
            copied_bytes: table.copied.0,
            copy_ms,
            rows_per_sec: rate(table.rows, copy_ms),
            frozen: table.frozen,
            analyzed: table.analyzed,
        }
    });
    let tables: Vec<SeedTable> = tables.collect();
    let rows = tables.iter().map(|t| t.rows).sum();
    let copy_ms = tables.iter().map(|t| t.copy_ms).sum();
    SeedSummary {
        rows,
        copied_bytes: tables.iter().map(|t| t.copied_bytes).sum(),
        copy_ms,
        transaction_ms: loaded.took.as_secs_f64() * 1000.0,
        rows_per_sec: rate(rows, copy_ms),
        scale_ratio: job.plan.scale,
        seed: job.plan.seed,
        jobs: job.load.jobs as u64,
        left: filled.left.clone(),
        notes: loaded.notes.clone(),
        tables,
    }
}
