//! `load`: a scenario over HTTP and WebSocket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use url::Url;

use super::analyze;
use super::args::ArrivalArg;
use super::conclude::{Files, View, conclude};
use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::measure;
use super::progress::Progress;
use super::target::read_input;
use super::values::{define, duration, duration_or_zero, rate};
use crate::analyze::Options;
use crate::collect::HostMeter;
use crate::drive::{
    self, Arrivals, Control, DriveError, HttpOptions, LoadShape, Replayed, Shard, Stages,
};
use crate::workload::Think;
use crate::workload::scenario::Scenario;

/// Flags of `load`.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// The scenario: what users do (TOML).
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// Address of the service, in front of every path of the scenario, such as `http://localhost:8000`.
    #[arg(long, value_name = "URL", value_parser = clap::value_parser!(Url))]
    base_url: Option<Url>,
    /// Save the run, for `report`, `merge`, and as `--api` evidence of `analyze`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Judge the load by these targets (TOML); without a file it is not judged.
    #[arg(long, value_name = "FILE")]
    sla: Option<PathBuf>,
    #[command(flatten)]
    drive: HttpDriveArgs,
}

/// How load over HTTP is driven; without a flag as the scenario proposes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
struct HttpDriveArgs {
    /// Concurrent users, each with its own connections and cookies, each waiting for its answer before the next
    /// request; with a rate, the most requests under way at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: Option<u32>,
    /// Requests per second that are due whatever the answers do; latency counts from when they were due.
    #[arg(long, value_name = "N/s", value_parser = rate, conflicts_with_all = ["stages", "think"])]
    rate: Option<f64>,
    /// Distances of requests with a rate. [default: poisson]
    #[arg(long, value_enum)]
    arrival: Option<ArrivalArg>,
    /// How long to measure. [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Run before measuring, and record nothing. [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = duration_or_zero)]
    warmup: Option<Duration>,
    /// Load that rises and falls in straight lines: `10:30s,10:2m,50:0s,50:30s,0:10s` users, or rates as in
    /// `100/s:30s`; a stage of 0s is a jump.
    #[arg(long, value_name = "TARGET:TIME,…", value_parser = clap::value_parser!(Stages), conflicts_with_all = ["clients", "duration"])]
    stages: Option<Stages>,
    /// Pause of a user after each step, in place of what the scenario says: `100ms` or `1s..5s`.
    #[arg(long, value_name = "TIME", value_parser = clap::value_parser!(Think))]
    think: Option<Think>,
    /// Each step alone, so many times, by one user without pauses; the load ends with the last.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        conflicts_with_all = ["clients", "rate", "stages", "think", "shard"])]
    baseline: Option<u32>,
    /// A request, a connect or an answer that takes longer has failed. [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// A request with a rate that is later than this is not sent, but counted as skipped.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_schedule_lag: Option<Duration>,
    /// Threads that drive the load, each with its part of the users. [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    driver_threads: Option<u32>,
    /// The same number draws the same requests.
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Stop after this many failed requests; without it failures are counted and the load goes on.
    #[arg(long, value_name = "N")]
    max_errors: Option<u64>,
    /// Begin to measure at this moment, such as 2026-11-24T12:00:00Z; the warm-up runs before it.
    #[arg(long, value_name = "TIME", value_parser = clap::value_parser!(Timestamp))]
    start_at: Option<Timestamp>,
    /// This is machine I of N that drive the load together: it takes its share.
    #[arg(long, value_name = "I/N", value_parser = clap::value_parser!(Shard))]
    shard: Option<Shard>,
    /// A value of the scenario that is always the same.
    #[arg(short = 'D', value_name = "NAME=VALUE", value_parser = define)]
    define: Vec<(String, String)>,
}

/// `load`.
pub(super) async fn run(args: &LoadArgs, context: &Context) -> Result<Exit, Failure> {
    let scenario = read(args)?;
    let options = options(args, &scenario)?;
    // A slip in the targets is said before the load and not after it.
    let sla = analyze::targets(args.sla.as_deref())?;
    let view = if args.sla.is_some() {
        View::JudgedLoad
    } else {
        View::Load
    };
    let interrupt = Interrupt::listen()?;
    let run_id = measure::run_id();
    let host = HostMeter::start();
    let begun = Timestamp::now();
    let loaded = drive(scenario, options, &interrupt, context).await?;
    let started_at = loaded.load.started_at.unwrap_or(begun);
    let interrupted = loaded.interrupted || interrupt.asked();
    let mut run = measure::without_server(run_id, started_at, host.finish(false));
    run.meta.window = loaded.load.length.unwrap_or_default();
    run.meta.interrupted = interrupted;
    run.replay = Some(loaded.load);
    let judged_by = Options {
        sla,
        ..Options::default()
    };
    let conclusions = super::conclude::conclusions(&run, &judged_by)?;
    let files = Files::saved(args.save.as_deref());
    conclude(run, conclusions, view, files, context)
}

fn read(args: &LoadArgs) -> Result<Scenario, Failure> {
    let name = args.scenario.display().to_string();
    let text = String::from_utf8(read_input(&args.scenario)?)
        .map_err(|_| Failure::input(format!("{name} is not UTF-8 text")))?;
    let env = |name: &str| std::env::var(name).ok();
    let parsed = Scenario::parse(&text, &name, &env, &args.drive.define);
    parsed.map_err(|error| Failure::input(error.to_string()))
}

/// What the load is told: flags win over the scenario.
fn options(args: &LoadArgs, scenario: &Scenario) -> Result<HttpOptions, Failure> {
    let flags = &args.drive;
    let base_url = match (&args.base_url, &scenario.base_url) {
        (Some(url), _) => url.clone(),
        (None, Some(text)) => text.parse().map_err(|error| {
            let file = &scenario.file;
            Failure::input(format!(
                "{file}: base_url is no address such as http://localhost:8000: {error}"
            ))
        })?,
        (None, None) => {
            return Err(Failure::usage(format!(
                "{} names no service: give one with --base-url, such as --base-url http://localhost:8000",
                scenario.file
            )));
        }
    };
    let proposed = HttpOptions::proposed_by(scenario, base_url);
    let mut options = proposed.map_err(|error| Failure::input(error.to_string()))?;
    let shape = match (&flags.stages, flags.rate, flags.clients) {
        (Some(stages), ..) => Some(LoadShape::Stages(stages.clone())),
        (None, Some(rate), _) => Some(LoadShape::Open { rate }),
        // A rate that the scenario proposes stays, with at most so many requests at once.
        (None, None, Some(_)) if options.drive.is_open() => None,
        (None, None, Some(clients)) => Some(LoadShape::Closed { clients }),
        (None, None, None) => None,
    };
    if options.baseline.is_some() && shape.is_some() {
        return Err(Failure::usage(format!(
            "{} is a baseline, with one user: --clients, --rate and --stages are for other scenarios",
            scenario.file
        )));
    }
    if let Some(times) = flags.baseline {
        options = options.as_baseline(times, flags.duration, flags.warmup);
    }
    let drive = &mut options.drive;
    drive.load = shape.unwrap_or_else(|| drive.load.clone());
    drive.open_clients = flags.clients;
    drive.arrivals = match flags.arrival {
        None => drive.arrivals,
        Some(ArrivalArg::Poisson) => Arrivals::Poisson,
        Some(ArrivalArg::Even) => Arrivals::Even,
    };
    drive.duration = flags.duration.unwrap_or(drive.duration);
    drive.warmup = flags.warmup.unwrap_or(drive.warmup);
    drive.threads = flags.driver_threads.unwrap_or(drive.threads);
    drive.seed = flags.seed;
    drive.max_errors = flags.max_errors;
    drive.max_schedule_lag = flags.max_schedule_lag;
    drive.start_at = flags.start_at;
    drive.shard = flags.shard.unwrap_or_default();
    options.timeout = flags.timeout.unwrap_or(options.timeout);
    options.think = flags.think.or(options.think);
    check(flags, &options)?;
    Ok(options)
}

/// A flag that would say nothing is refused, not ignored.
fn check(flags: &HttpDriveArgs, options: &HttpOptions) -> Result<(), Failure> {
    let open = options.drive.is_open();
    let staged = matches!(options.drive.load, LoadShape::Stages(_));
    let unfit = [
        ("--arrival", flags.arrival.is_some() && !open, "a rate"),
        (
            "--max-schedule-lag",
            flags.max_schedule_lag.is_some() && !open,
            "a rate",
        ),
        (
            "--think",
            flags.think.is_some() && open,
            "users that wait for their answers, not a rate",
        ),
        (
            "--clients",
            flags.clients.is_some() && staged && !open,
            "a load without stages; replace them with --stages",
        ),
        (
            "--duration",
            flags.duration.is_some() && staged,
            "a load without stages, which have lengths of their own",
        ),
    ];
    match unfit.into_iter().find(|(_, wrong, _)| *wrong) {
        None => Ok(()),
        Some((flag, _, needs)) => Err(Failure::usage(format!("{flag} is for {needs}"))),
    }
}

/// Drives the load on a thread of its own, and shows how far it is.
async fn drive(
    scenario: Scenario,
    options: HttpOptions,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<Replayed, Failure> {
    let control = Control::default();
    let (stopper, counts) = (control.stopper(), control.progress());
    let length = match options.baseline {
        // It ends when it is done.
        Some(_) => Duration::ZERO,
        None => options.drive.warmup + options.drive.length(),
    };
    let bar = Progress::of(context, "Loading", length.as_secs());
    let started = Instant::now();
    let thread = tokio::task::spawn_blocking(move || drive::load(scenario, &options, &control));
    while !thread.is_finished() {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = interrupt.wait() => stopper.stop(),
        }
        if interrupt.asked() {
            break;
        }
        bar.at(started.elapsed().as_secs(), &told(&counts));
    }
    let ended = thread.await;
    let result = ended.map_err(|e| Failure::new(Exit::Bug, format!("the load failed: {e}")))?;
    let loaded = partial(result, context)?;
    bar.done(&format!("Sent {} requests", loaded.load.total.requests));
    Ok(loaded)
}

fn told(counts: &Arc<drive::Progress>) -> String {
    let (done, errors) = (counts.requests(), counts.errors());
    match errors {
        0 => format!("Loading, {done} requests"),
        errors => format!("Loading, {done} requests, {errors} failed"),
    }
}

/// What was recorded before too many failures is not lost.
fn partial(result: Result<Replayed, DriveError>, context: &Context) -> Result<Replayed, Failure> {
    let error = match result {
        Ok(loaded) => return Ok(loaded),
        Err(DriveError::Interrupted) => return Err(Failure::interrupted()),
        Err(error) => error,
    };
    let failure = match &error {
        DriveError::BaseUrl(_) | DriveError::NoShare { .. } | DriveError::Past(_) => {
            Failure::usage(error.to_string())
        }
        error => Failure::precondition(error),
    };
    match error {
        DriveError::TooManyErrors {
            partial: Some(partial),
            ..
        } => {
            context.fail_later(&failure);
            Ok(*partial)
        }
        _ => Err(failure),
    }
}
