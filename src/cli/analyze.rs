//! `analyze`, its sections `slow`, `indexes` and `lag`, `replay` and `report`: one walk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::{AnalyzeArgs, DriveArgs, EvidenceArgs, ReplayArgs, ReportArgs, TargetArgs};
use super::conclude::{Files, View, conclude, conclusions};
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::measure::{self, Job, Load, Plans, SweepJob, WhatIfOptions};
use super::target::{self, Servers, read_input};
use super::{captured, consent, import, run_file, usage};
use crate::analyze::pool::PoolOptions;
use crate::analyze::{Options, Sla};
use crate::import::EndpointMap;
use crate::record::Run;
use crate::seed;
use crate::workload::Workload;

/// Window of `analyze` and `lag` without a workload or a command.
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);

/// `analyze` and its sections.
pub(super) async fn run(
    args: &AnalyzeArgs,
    view: View,
    context: &Context,
) -> Result<Exit, Failure> {
    check_flags(args, view)?;
    // Whatever can be wrong with the inputs is said before anything is measured.
    let mut options = Options {
        table: args.watch.table.clone(),
        ..options(&args.evidence)?
    };
    let usages = usage::read(&args.evidence.usage)?;
    let plan_files = &args.evidence.plan_files;
    plan_files.check()?;
    if let Some(path) = &args.watch.from {
        let mut run = run_file::load(path)?;
        usage::add(&mut run, usages)?;
        plan_files.add(&mut run, context)?;
        import::add_api(&mut run, &args.evidence.api)?;
        demand_api(&run, &args.evidence)?;
        let conclusions = conclusions(&run, &options)?;
        return conclude(run, conclusions, view, Files::default(), context);
    }
    if args.watch.command.is_empty() {
        import::check_api(&args.evidence.api)?;
    }
    let before = import::last_written(&args.evidence.api);
    let load = load(args, view)?;
    if args.watch.explain_analyze && !matches!(load, Load::Replay(_)) {
        return Err(Failure::usage(
            "--explain-analyze executes the statements of a workload: it needs --workload or --lab",
        ));
    }
    let plans = Plans {
        count: args.watch.explain,
        analyze: args.watch.explain_analyze,
        what_if: WhatIfOptions {
            wanted: matches!(view, View::Everything | View::Indexes),
            hypopg: !args.watch.no_hypopg,
            max_bytes: args.watch.max_index_size,
        },
    };
    let proving = args.prove.proving(view, &load, &args.drive, &args.target)?;
    let interrupt = Interrupt::listen()?;
    let walk = async {
        let servers = servers(&args.target, &args.drive, &load, &interrupt, context).await?;
        if let Some(proving) = &proving {
            let permitted = proving.permit(&args.drive, &servers, context);
            interrupt.or(Box::pin(permitted)).await??;
        }
        let mut run = Box::pin(measure::run(&servers, load, plans, &interrupt, context)).await?;
        if let Some(proving) = proving.filter(|_| !interrupt.asked()) {
            Box::pin(proving.run(&mut run, &servers, &interrupt, context)).await;
        }
        Ok::<_, Failure>(run)
    };
    let measured = Box::pin(walk).await;
    target::release(&interrupt, context).await;
    let mut run = measured?;
    let written = if args.watch.command.is_empty() {
        Ok(())
    } else {
        import::check_written(&args.evidence.api, &before)
    };
    // What was measured is not lost to a result file that the load command did not write, nor to a
    // slip in the mapping.
    let mut failed = None;
    let added = [
        usage::add(&mut run, usages),
        plan_files.add(&mut run, context),
    ];
    for failure in added.into_iter().filter_map(Result::err) {
        context.error(&failure);
        failed = Some(failure.exit);
    }
    if let Err(failure) = written.and_then(|()| import::add_api(&mut run, &args.evidence.api)) {
        import::say_missing(&mut run, &failure);
        context.error(&failure);
        failed = Some(failure.exit);
    }
    let conclusions = match conclusions(&run, &options) {
        Ok(conclusions) => conclusions,
        Err(failure) => {
            context.error(&failure);
            failed = Some(failure.exit);
            options.map = None;
            let mut without = super::conclude::conclusions(&run, &options)?;
            if let Some(breakdown) = &mut without.breakdown {
                breakdown.notes.push(failure.to_string());
            }
            without
        }
    };
    let files = Files::saved(args.watch.save.as_deref());
    let exit = conclude(run, conclusions, view, files, context)?;
    Ok(match failed {
        Some(failed) if exit != Exit::Interrupted => failed,
        _ => exit,
    })
}

/// Flags that say nothing without another, or of another section.
fn check_flags(args: &AnalyzeArgs, view: View) -> Result<(), Failure> {
    if args.watch.from.is_none() && args.evidence.map.is_some() && args.evidence.api.is_empty() {
        return Err(no_api());
    }
    if args.drive.pool.len() > 1 {
        return Err(Failure::usage(
            "several pools are compared by `dbperf replay WORKLOAD --pool …`; name one --pool here",
        ));
    }
    if view == View::Replication && !args.evidence.plan_files.plans.is_empty() {
        return Err(Failure::usage(
            "--plans is about statements: use it with `dbperf analyze`, `dbperf slow` or `dbperf indexes`",
        ));
    }
    if view != View::Everything && args.evidence.fleet.options() != PoolOptions::default() {
        return Err(Failure::usage(
            "the fleet's numbers are about pools: use them with `dbperf analyze`, `dbperf replay` or `dbperf pool`",
        ));
    }
    if let Some(flag) = index_flag(args)
        && !matches!(view, View::Everything | View::Indexes)
    {
        return Err(Failure::usage(format!(
            "{flag} is about indexes: use it with `dbperf indexes` or `dbperf analyze`"
        )));
    }
    Ok(())
}

/// `replay`.
pub(super) async fn replay(args: &ReplayArgs, context: &Context) -> Result<Exit, Failure> {
    let (files, target) = replayed_files(args);
    check_pools(&args.drive)?;
    let load = workload_load(&files, &args.drive, target.lab)?;
    let plans = Plans {
        count: 0,
        analyze: false,
        what_if: WhatIfOptions::default(),
    };
    let interrupt = Interrupt::listen()?;
    let walk = async {
        let servers = servers(&target, &args.drive, &load, &interrupt, context).await?;
        // The walk's state is large: on the heap it costs callers nothing.
        Box::pin(measure::run(&servers, load, plans, &interrupt, context)).await
    };
    let measured = Box::pin(walk).await;
    target::release(&interrupt, context).await;
    let run = measured?;
    let options = Options {
        fleet: args.fleet.options(),
        ..Options::default()
    };
    let conclusions = conclusions(&run, &options)?;
    conclude(
        run,
        conclusions,
        View::Replay,
        Files::saved(args.save.as_deref()),
        context,
    )
}

/// The files of a replay and its target: beside `-f` the one positional argument is the DSN.
pub(super) fn replayed_files(args: &ReplayArgs) -> (Vec<(PathBuf, u32)>, TargetArgs) {
    let mut target = args.target.clone();
    let mut files = args.file.clone();
    match &args.workload {
        Some(dsn) if !files.is_empty() && target.dsn.is_none() => {
            target.dsn = Some(dsn.display().to_string());
        }
        Some(workload) => files.insert(0, (workload.clone(), 1)),
        None => {}
    }
    (files, target)
}

/// Several pools are compared in blocks of a second: what needs one long window does not go with them.
fn check_pools(drive: &DriveArgs) -> Result<(), Failure> {
    let flags = [
        ("--stages", drive.stages.is_some()),
        ("--start-at", drive.start_at.is_some()),
        ("--shard", drive.shard.is_some()),
    ];
    let unfit = flags.into_iter().find(|(_, given)| *given);
    match unfit.filter(|_| drive.pool.len() > 1) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::usage(format!(
            "{flag} cannot be used with several pools, which are compared in short blocks: name one --pool"
        ))),
    }
}

/// `report`.
pub(super) fn report(args: &ReportArgs, context: &Context) -> Result<Exit, Failure> {
    args.chart
        .check(&[Some(&args.run), context.output.as_deref()])?;
    let options = options(&args.evidence)?;
    let mut run = run_file::load(&args.run)?;
    usage::add(&mut run, usage::read(&args.evidence.usage)?)?;
    args.evidence.plan_files.check()?;
    args.evidence.plan_files.add(&mut run, context)?;
    import::add_api(&mut run, &args.evidence.api)?;
    demand_api(&run, &args.evidence)?;
    let conclusions = conclusions(&run, &options)?;
    let files = Files {
        save: None,
        chart: Some(&args.chart),
    };
    conclude(run, conclusions, View::Everything, files, context)
}

/// The servers of a load; one that writes goes only where it may.
async fn servers(
    target_args: &TargetArgs,
    drive: &DriveArgs,
    load: &Load,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Servers, Failure> {
    let servers = target::prepare(target_args, drive.seed, interrupt, context).await?;
    if let Load::Replay(job) = load
        && job_writes(job)?
    {
        consent::to_write(drive, &servers).await?;
    }
    Ok(servers)
}

/// A mapping says which endpoint runs what: without endpoints there is nothing to map.
fn demand_api(run: &Run, evidence: &EvidenceArgs) -> Result<(), Failure> {
    if evidence.map.is_some() && run.api.is_empty() {
        return Err(no_api());
    }
    Ok(())
}

fn no_api() -> Failure {
    Failure::usage("--map maps the endpoints of an API's results: add the results with --api FILE")
}

fn options(evidence: &EvidenceArgs) -> Result<Options, Failure> {
    let name = |path: &Path| path.display().to_string();
    let sla = targets(evidence.sla.as_deref())?;
    let map = match &evidence.map {
        Some(path) => Some(
            EndpointMap::parse(&name(path), &read_input(path)?)
                .map_err(|e| Failure::input(e.to_string()))?,
        ),
        None => None,
    };
    Ok(Options {
        map,
        sla,
        fleet: evidence.fleet.options(),
        table: None,
    })
}

/// A flag that says something about missing indexes alone.
fn index_flag(args: &AnalyzeArgs) -> Option<&'static str> {
    let watch = &args.watch;
    let flags = [
        ("--usage", !args.evidence.usage.is_empty()),
        ("--table", watch.table.is_some()),
        ("--max-index-size", watch.max_index_size.is_some()),
        ("--no-hypopg", watch.no_hypopg),
    ];
    flags
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
}

/// The targets of a file, or the built-in ones.
///
/// # Errors
/// The file cannot be read or is no SLA.
pub(super) fn targets(file: Option<&Path>) -> Result<Sla, Failure> {
    let Some(path) = file else {
        return Ok(Sla::default());
    };
    let name = path.display();
    let text = String::from_utf8(read_input(path)?)
        .map_err(|_| Failure::input(format!("{name} is not UTF-8 text")))?;
    Sla::parse(&text).map_err(|e| Failure::input(format!("{name}: {e}")))
}

fn load(args: &AnalyzeArgs, view: View) -> Result<Load, Failure> {
    if !args.watch.command.is_empty() {
        return Ok(Load::Command(args.watch.command.clone()));
    }
    if let Some(path) = &args.watch.workload {
        return workload_load(&[(path.clone(), 1)], &args.drive, args.target.lab);
    }
    match args.watch.window {
        Some(window) => Ok(Load::Watch(window)),
        // A lab that nobody uses has nothing to tell: it gets the sample's workload.
        None if args.target.lab => {
            let workload = Workload::parse(seed::SAMPLE_WORKLOAD, "the sample workload")
                .map_err(|e| Failure::new(Exit::Bug, e.to_string()))?;
            Ok(replay_load(workload, &args.drive, true))
        }
        None if is_quick_look(args, view) => Ok(Load::Once),
        None => Ok(Load::Watch(DEFAULT_WINDOW)),
    }
}

/// `slow` and `indexes` alone ask what the server has counted so far. Results of an API and PgBouncer's console tell of
/// a window only.
fn is_quick_look(args: &AnalyzeArgs, view: View) -> bool {
    matches!(view, View::Statements | View::Indexes)
        && args.evidence.api.is_empty()
        && args.target.pgbouncer.is_none()
}

pub(super) fn workload_load(
    files: &[(PathBuf, u32)],
    drive: &DriveArgs,
    lab: bool,
) -> Result<Load, Failure> {
    if let [(path, _)] = files
        && captured::recognises(path)?
    {
        return captured::load(path, drive, lab);
    }
    if drive.speed.is_some() {
        return Err(Failure::usage(
            "--speed is for captured workloads: how fast another workload runs is said by --rate, \
             --clients, --think or --stages",
        ));
    }
    let mut parsed = Vec::new();
    for (path, weight) in files {
        let name = path.display().to_string();
        let text = String::from_utf8(read_input(path)?)
            .map_err(|_| Failure::input(format!("{name} is not UTF-8 text")))?;
        let workload = Workload::parse(&text, &name).map_err(|e| Failure::input(e.to_string()))?;
        parsed.push((workload, *weight));
    }
    let mut workload = Workload::join(parsed).map_err(|e| Failure::input(e.to_string()))?;
    if let [(name, _), ..] = drive.define.as_slice()
        && workload.scripts.is_empty()
    {
        return Err(Failure::usage(format!(
            "-D {name}=… sets a variable of pgbench scripts, and {} is none",
            workload.file
        )));
    }
    workload.defines.clone_from(&drive.define);
    if workload.writes && !lab && !drive.writes {
        return Err(refused_writes(&workload.file));
    }
    Ok(replay_load(workload, drive, lab || drive.writes))
}

/// A workload that writes needs two flags.
pub(super) fn refused_writes(file: &str) -> Failure {
    Failure::usage(format!(
        "{file} writes to the database: add --writes --target-db NAME if that is meant, or run it with \
         --lab"
    ))
}

/// Whether what is replayed may write.
fn job_writes(job: &Job) -> Result<bool, Failure> {
    match job {
        Job::Workload { workload, .. } | Job::Sweep(SweepJob { workload, .. }) => {
            Ok(workload.writes)
        }
        Job::Captured { path, .. } => captured::writes(path),
    }
}

fn replay_load(workload: Workload, drive: &DriveArgs, allow_writes: bool) -> Load {
    let options = drive.options(&workload, allow_writes);
    Load::Replay(Box::new(Job::Workload {
        workload: Arc::new(workload),
        options,
    }))
}
