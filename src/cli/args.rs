//! Flags of every command. What a flag means is said here once and shown by `--help`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use jiff::Timestamp;

use super::capture::CaptureArgs;
use super::chart::ChartArgs;
use super::fleet::FleetArgs;
use super::plan_files::PlanFileArgs;
use super::prove::{DespiteArg, ProveArgs};
use super::values::{bytes, define, duration, duration_or_zero, rate, weighted_file};
use crate::collect::Refusal;
use crate::drive::{Shard, Stages};
use crate::workload::Think;

/// Where does the time of a request go, and what change would give it back?
///
/// dbperf watches a PostgreSQL server for a while, joins what it sees with the results of a load
/// test, and reports where the time goes: database execution, waiting for a connection, network,
/// application. It only reads, unless a flag says otherwise.
#[derive(Debug, Parser)]
#[command(
    name = "dbperf",
    version,
    max_term_width = 100,
    subcommand_required = true
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags that every command has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Global {
    /// How the result is written.
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Text)]
    pub(super) format: OutputFormat,
    /// Write the result to a file instead of standard output.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Exit with 1 if a finding or a missed target is at least this severe.
    #[arg(long, global = true, value_enum, default_value_t = FailOn::Never)]
    pub(super) fail_on: FailOn,
    /// Say nothing but the result and errors.
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Say more on standard error about what is being done.
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// When to use colour; `auto` respects `NO_COLOR` and pipes.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(super) color: Color,
    /// Show no progress on standard error.
    #[arg(long, global = true)]
    pub(super) no_progress: bool,
}

/// Format of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// Tables for a terminal, 80 to 200 columns.
    Text,
    /// The document of the JSON contract; see `dbperf schema`.
    Json,
    /// Tables for a pull request or a wiki.
    Markdown,
}

/// Lowest severity that makes the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Critical findings.
    Critical,
    /// Warnings, critical findings and missed targets.
    Warning,
    /// Nothing.
    Never,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Watch a server for a while and conclude where the time goes.
    Analyze(AnalyzeArgs),
    /// The statements section of `analyze`, by itself.
    ///
    /// Without a window, a workload, a load command or results of an API it answers at once, from what the server has
    /// counted since its statistics were reset.
    Slow(AnalyzeArgs),
    /// The index sections of `analyze`, by themselves.
    ///
    /// Without a window, a workload, a load command or results of an API they answer at once, from what the server has
    /// counted since its statistics were reset.
    Indexes(AnalyzeArgs),
    /// The replication section of `analyze`, by itself.
    Lag(AnalyzeArgs),
    /// Plans of statements, with causes and cures.
    Explain(Box<super::explain::ExplainArgs>),
    /// Run a workload through an instrumented connection pool.
    Replay(ReplayArgs),
    /// Load a service over HTTP and WebSocket with a scenario.
    ///
    /// Each user has connections, cookies and TLS sessions of its own. Redirects are not followed and proxies are not
    /// used.
    Load(Box<super::load::LoadArgs>),
    /// Find the size of a connection pool by measuring, and prove it.
    ///
    /// Measures one pool at several sizes under the same load, each early and late, more closely around the
    /// knee, then replays the recommended size in turns with the present one (`--pool-size`) and the next ones.
    Pool(Box<super::pool::PoolArgs>),
    /// Write the shape of a database's data to a file, without its rows.
    ///
    /// Tables, types and constraints, and what the planner's statistics know of their rows. No row is read, and unless
    /// `--values keep` asks for them no value is in the file.
    Profile(super::profile::ProfileArgs),
    /// Fill an empty database with production-like data.
    ///
    /// Everything is one transaction: whatever ends it early leaves nothing.
    Seed(super::seed::SeedArgs),
    /// Make a workload of what a server has run.
    Capture(CaptureArgs),
    /// Show what the result files of a load tool say.
    Import(ImportArgs),
    /// Look again at a saved run, without a server.
    Report(ReportArgs),
    /// Add the saved runs of several machines that drove the same load together.
    Merge(MergeArgs),
    /// Keep a throwaway server for several commands.
    Lab(LabArgs),
    /// Put indexes back that an interrupted proof (`analyze --prove`) has left.
    ///
    /// It looks at what is there and can be run again.
    Undo(super::prove::UndoArgs),
    /// Print the JSON Schema of `--format json`.
    Schema,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages to a folder.
    Man {
        /// The folder; it is made if it does not exist.
        dir: PathBuf,
    },
}

/// Which server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetArgs {
    /// URL (`postgres://…`), `key=value` string or database name.
    ///
    /// Without it `DBPERF_DATABASE_URL`, `DATABASE_URL` and libpq's `PG…` variables are tried.
    #[arg(value_name = "DSN")]
    pub(super) dsn: Option<String>,
    /// Use a throwaway server, filled with the sample application, and remove it afterwards.
    #[arg(long, conflicts_with = "dsn")]
    pub(super) lab: bool,
    /// Add a streaming standby to the throwaway server.
    #[arg(long, requires = "lab", conflicts_with = "dsn")]
    pub(super) lab_standby: bool,
    /// Send the replay through PgBouncer in front of the throwaway server, and watch it.
    #[arg(long, requires = "lab", conflicts_with = "dsn")]
    pub(super) lab_pgbouncer: bool,
    /// Server connections of that PgBouncer; without it PgBouncer's own default of 20.
    #[arg(long, value_name = "N", requires = "lab_pgbouncer", conflicts_with = "dsn",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) pgbouncer_pool_size: Option<u32>,
    /// Folder with the PostgreSQL programs for the throwaway server.
    #[arg(long, value_name = "DIR", requires = "lab", conflicts_with = "dsn")]
    pub(super) pg_bin: Option<PathBuf>,
    /// A standby to ask directly; may be repeated.
    #[arg(long, value_name = "DSN")]
    pub(super) replica: Vec<String>,
    /// The PgBouncer that the load goes through: its console is asked during the window.
    ///
    /// The user must be in `stats_users` or `admin_users`; the database of the string does not matter.
    #[arg(long, value_name = "DSN", conflicts_with = "lab")]
    pub(super) pgbouncer: Option<String>,
}

/// How load is driven. All but the seed number, which also makes the sample data, say nothing where
/// no workload is replayed, and are refused there.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Replay")]
#[command(group = ArgGroup::new("drive").multiple(true).requires("load"))]
pub(super) struct DriveArgs {
    /// Concurrent clients, each waiting for its answer before the next request; with a rate, the most
    /// requests under way at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), group = "drive")]
    pub(super) clients: Option<u32>,
    /// Requests per second that are due whatever the answers do; latency counts from when they were due.
    #[arg(long, value_name = "N/s", value_parser = rate, conflicts_with_all = ["stages", "think"], group = "drive")]
    pub(super) rate: Option<f64>,
    /// Distances of requests with a rate. [default: poisson]
    #[arg(long, value_enum, group = "drive")]
    pub(super) arrival: Option<ArrivalArg>,
    /// How long to measure; without it a captured workload runs to its end. [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration, group = "drive")]
    pub(super) duration: Option<Duration>,
    /// Run before measuring, and record nothing. [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = duration_or_zero, group = "drive")]
    pub(super) warmup: Option<Duration>,
    /// Load that rises and falls in straight lines: `10:30s,10:2m,50:0s,50:30s,0:10s` clients, or rates as in
    /// `100/s:30s`; a stage of 0s is a jump.
    #[arg(long, value_name = "TARGET:TIME,…", value_parser = clap::value_parser!(Stages), conflicts_with_all = ["clients", "duration"], group = "drive")]
    pub(super) stages: Option<Stages>,
    /// Pause of a client between requests: `100ms` or `1s..5s`.
    #[arg(long, value_name = "TIME", value_parser = clap::value_parser!(Think), group = "drive")]
    pub(super) think: Option<Think>,
    /// A request with a rate that is later than this is not sent, but counted as skipped.
    #[arg(long, value_name = "TIME", value_parser = duration, group = "drive")]
    pub(super) max_schedule_lag: Option<Duration>,
    /// Where connections come from: a pool, or one for each client. `replay` compares several in turns, such as
    /// `deadpool,sqlx,none`, each for the duration. [default: deadpool]
    #[arg(
        long,
        value_enum,
        value_name = "POOL",
        value_delimiter = ',',
        group = "drive"
    )]
    pub(super) pool: Vec<PoolArg>,
    /// Largest number of connections of the pool.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), group = "drive")]
    pub(super) pool_size: Option<u32>,
    /// Threads that drive the load, each with its part of the clients. [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256), group = "drive")]
    pub(super) driver_threads: Option<u32>,
    /// Give up waiting for a connection after this time. [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = duration, group = "drive")]
    pub(super) acquire_timeout: Option<Duration>,
    /// Cancel a statement after this time.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration, group = "drive")]
    pub(super) statement_timeout: Duration,
    /// The same number draws the same parameters (and the same sample data).
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub(super) seed: u64,
    /// Stop after this many failed operations.
    #[arg(long, value_name = "N", default_value_t = 1000, group = "drive")]
    pub(super) max_errors: u64,
    /// Speed of a captured workload: so many times the original, or `max` for as fast as possible.
    /// [default: 1]
    #[arg(long, value_name = "X", value_parser = clap::value_parser!(Speed), group = "drive")]
    pub(super) speed: Option<Speed>,
    /// Begin to measure at this moment, such as 2026-11-24T12:00:00Z; the warm-up runs before it.
    #[arg(long, value_name = "TIME", value_parser = clap::value_parser!(Timestamp), group = "drive")]
    pub(super) start_at: Option<Timestamp>,
    /// This is machine I of N that drive the load together: it takes its share.
    #[arg(long, value_name = "I/N", value_parser = clap::value_parser!(Shard), group = "drive")]
    pub(super) shard: Option<Shard>,
    /// Variable of pgbench scripts.
    #[arg(short = 'D', value_name = "NAME=VALUE", value_parser = define, group = "drive")]
    pub(super) define: Vec<(String, String)>,
    /// Allow a workload that writes; needs `--target-db`.
    #[arg(long, group = "drive")]
    pub(super) writes: bool,
    /// Name of the database that may be written to; must be the connected one.
    #[arg(long, value_name = "NAME", requires = "writes", group = "drive")]
    pub(super) target_db: Option<String>,
    /// Write although the server has a name like production, is followed by standbys, or is used by many others.
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        requires = "writes",
        group = "drive"
    )]
    writes_despite: Vec<DespiteArg>,
}

impl DriveArgs {
    pub(super) fn writes_despite(&self) -> Vec<Refusal> {
        self.writes_despite
            .iter()
            .map(|arg| arg.refusal())
            .collect()
    }
}

/// Speed of a captured workload; `None` for as fast as possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Speed(pub(super) Option<f64>);

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self(None));
        }
        let factor = text.parse().ok();
        factor
            .filter(|factor: &f64| factor.is_finite() && *factor > 0.0)
            .map(|factor| Self(Some(factor)))
            .ok_or_else(|| "expected a factor above 0 such as 2 or 0.5, or `max`".to_owned())
    }
}

/// Distances of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ArrivalArg {
    /// As of many independent users.
    Poisson,
    /// All the same.
    Even,
}

/// Where connections come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PoolArg {
    /// deadpool-postgres.
    Deadpool,
    /// sqlx's pool and driver.
    Sqlx,
    /// One connection for each client.
    None,
}

/// Flags of `analyze` and its sections.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("load").args(["workload", "lab"]).multiple(true))]
pub(super) struct AnalyzeArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) watch: WatchArgs,
    #[command(flatten)]
    pub(super) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(super) drive: DriveArgs,
    #[command(flatten)]
    pub(super) prove: ProveArgs,
}

/// What is watched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Window")]
pub(super) struct WatchArgs {
    /// How long to watch; with a workload or a command the window is as long as that. Without any of them
    /// `analyze` and `lag` watch for 60s; `slow` and `indexes` read once what the server has counted so far.
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["workload", "command", "drive"])]
    pub(super) window: Option<Duration>,
    /// Replay a workload file while watching.
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    pub(super) workload: Option<PathBuf>,
    /// Analyse a saved run; no server is touched.
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "dsn", "lab", "lab_standby", "lab_pgbouncer", "pgbouncer_pool_size", "pg_bin", "replica",
        "pgbouncer", "window", "workload", "command", "drive",
        "seed", "save", "explain", "explain_analyze", "prove", "max_index_size", "no_hypopg",
    ])]
    pub(super) from: Option<PathBuf>,
    /// Save the run, to analyse it again with `--from` or `dbperf report`.
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Get the plans of this many statements, those with the most time.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) explain: usize,
    /// Execute SELECT statements of the workload once more, read-only, with EXPLAIN ANALYZE.
    #[arg(long)]
    pub(super) explain_analyze: bool,
    /// Most that the recommended indexes may take together, such as `500MB`.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(super) max_index_size: Option<u64>,
    /// Say of every index that was thought of for this table why it is recommended or not.
    #[arg(long, value_name = "NAME")]
    pub(super) table: Option<String>,
    /// Make no hypothetical indexes, even where the extension HypoPG is installed.
    #[arg(long)]
    pub(super) no_hypopg: bool,
    /// A load command that is the window, after `--`.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "drive")]
    pub(super) command: Vec<String>,
}

/// What else is known.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Evidence")]
pub(super) struct EvidenceArgs {
    /// Result files of an API load test, recognised by content; may be repeated.
    #[arg(long, value_name = "FILE", num_args = 1)]
    pub(super) api: Vec<PathBuf>,
    /// Which endpoint runs which statements (TOML).
    #[arg(long, value_name = "FILE")]
    pub(super) map: Option<PathBuf>,
    /// Targets (TOML) instead of the built-in ones.
    #[arg(long, value_name = "FILE")]
    pub(super) sla: Option<PathBuf>,
    /// A run saved by `--save` of the same database, on another day or on a standby: scans of indexes that it found
    /// count too; may be repeated.
    #[arg(long, value_name = "RUN", num_args = 1)]
    pub(super) usage: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) plan_files: PlanFileArgs,
    #[command(flatten)]
    pub(super) fleet: FleetArgs,
}

/// Flags of `replay`, and of `pool` beside its own.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("load").args(["workload", "file"]).multiple(true).required(true))]
pub(super) struct ReplayArgs {
    /// The workload: dbperf's own file, a pgbench script, or a captured one.
    #[arg(value_name = "WORKLOAD")]
    pub(super) workload: Option<PathBuf>,
    /// A workload or script with its share of the load; may be repeated, and stands for WORKLOAD.
    #[arg(short, long, value_name = "FILE[@WEIGHT]", value_parser = weighted_file)]
    pub(super) file: Vec<(PathBuf, u32)>,
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) drive: DriveArgs,
    /// Save the run.
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    #[command(flatten)]
    pub(super) fleet: FleetArgs,
}

/// Flags of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A file that `--save` wrote.
    #[arg(value_name = "RUN")]
    pub(super) run: PathBuf,
    #[command(flatten)]
    pub(super) evidence: EvidenceArgs,
    #[command(flatten)]
    pub(super) chart: ChartArgs,
}

/// Flags of `merge`.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Files that `--save` wrote, one of each machine; merged ones too.
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    pub(super) runs: Vec<PathBuf>,
    /// Save the merged run.
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
}

/// Flags of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Result files of one load test, recognised by content.
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
}

/// Flags of `lab`.
#[derive(Debug, Args)]
pub(super) struct LabArgs {
    #[command(subcommand)]
    pub(super) action: LabAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum LabAction {
    /// Start a throwaway server that stays, and print how to connect.
    Start {
        /// Add a streaming standby.
        #[arg(long)]
        standby: bool,
        /// Put PgBouncer in front of it, in transaction mode.
        #[arg(long)]
        pgbouncer: bool,
        /// Folder with the PostgreSQL programs.
        #[arg(long, value_name = "DIR")]
        pg_bin: Option<PathBuf>,
    },
    /// Stop it and remove everything it had.
    Stop,
    /// Say whether one runs, and how to connect.
    Status,
}
