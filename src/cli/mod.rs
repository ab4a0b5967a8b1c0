//! Every command: its flags, then its steps in order; the only room that prints.
//!
//! No arithmetic and no SQL.

mod analyze;
mod args;
mod capture;
mod capture_statements;
mod captured;
mod chart;
mod conclude;
mod consent;
mod context;
mod exit;
mod explain;
mod fleet;
mod import;
mod interrupt;
mod lab;
mod load;
mod measure;
mod merge;
mod output;
mod plan_files;
mod pool;
mod profile;
mod progress;
mod prove;
mod redact;
mod run_file;
mod seed;
mod target;
mod usage;
mod values;
mod whole_file;
mod workload_plans;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use capture::CaptureSource;
use conclude::View;
use context::Context;
use exit::{Exit, Failure};

/// The whole program: parses the command line, runs the command, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for_help = !error.use_stderr();
            // Nothing can be done about a closed terminal.
            let _ = error.print();
            return if asked_for_help {
                Exit::Done
            } else {
                Exit::Usage
            }
            .into();
        }
    };
    match catch_unwind(AssertUnwindSafe(|| run(cli))) {
        Ok(exit) => exit.into(),
        // The panic hook has already said where.
        Err(_) => Exit::Bug.into(),
    }
}

fn run(cli: Cli) -> Exit {
    let context = Context::new(&cli.global);
    let result = match cli.command {
        Command::Completions { shell } => completions(shell),
        Command::Man { dir } => man(&dir),
        Command::Schema => output::schema(&context),
        Command::Import(args) => import::run(&args, &context),
        Command::Merge(args) => merge::run(&args, &context),
        Command::Lab(args) => lab::run(&args, &context),
        Command::Analyze(args) => on_runtime(analyze::run(&args, View::Everything, &context)),
        Command::Slow(args) => on_runtime(analyze::run(&args, View::Statements, &context)),
        Command::Indexes(args) => on_runtime(analyze::run(&args, View::Indexes, &context)),
        Command::Lag(args) => on_runtime(analyze::run(&args, View::Replication, &context)),
        Command::Replay(args) => on_runtime(analyze::replay(&args, &context)),
        Command::Load(args) => on_runtime(load::run(&args, &context)),
        Command::Pool(args) => on_runtime(pool::run(&args, &context)),
        Command::Seed(args) => on_runtime(seed::run(&args, &context)),
        Command::Capture(args) => match args.source {
            CaptureSource::Log(args) => capture::log(&args, &context),
            CaptureSource::Statements(args) => on_runtime(capture_statements::run(&args, &context)),
        },
        Command::Profile(args) => on_runtime(profile::run(&args, &context)),
        Command::Explain(args) => on_runtime(explain::run(&args, &context)),
        Command::Report(args) => analyze::report(&args, &context),
        Command::Undo(args) => on_runtime(prove::undo(&args, &context)),
    };
    match result {
        Ok(exit) => exit,
        Err(failure) => {
            context.error(&failure);
            failure.exit
        }
    }
}

/// Two worker threads: one for the samplers, one for everything else. A replay brings its own.
fn on_runtime(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Bug, format!("cannot start the async runtime: {e}")))?;
    runtime.block_on(work)
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dbperf", &mut text);
    output::to_stdout(&text)
}

fn man(dir: &std::path::Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        .map_err(|e| {
            let dir = dir.display();
            Failure::new(
                Exit::Precondition,
                format!("cannot write manual pages to {dir}: {e}"),
            )
        })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
