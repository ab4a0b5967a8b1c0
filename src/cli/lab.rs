//! `lab start|stop|status`: a throwaway server that stays for several commands.

use super::args::{LabAction, LabArgs};
use super::context::Context;
use super::exit::{Exit, Failure};
use super::output;
use super::progress::Progress;
use crate::lab::{self, KeptLab, LabOptions};

/// `lab`.
pub(super) fn run(args: &LabArgs, context: &Context) -> Result<Exit, Failure> {
    match &args.action {
        LabAction::Start { standby, pg_bin } => {
            let progress = Progress::step(context, "Starting a throwaway PostgreSQL server");
            let options = LabOptions {
                pg_bin: pg_bin.clone(),
                standby: *standby,
                ..LabOptions::default()
            };
            let kept = lab::start_kept(&options).map_err(|e| Failure::precondition(&e))?;
            progress.done("Started a throwaway PostgreSQL server");
            Ok(output::to_stdout(describe(&kept).as_bytes()))
        }
        LabAction::Stop => {
            let stopped = lab::stop_kept(None).map_err(|e| Failure::precondition(&e))?;
            let text = match stopped {
                Some(_) => "stopped and removed\n",
                None => "no lab was running\n",
            };
            Ok(output::to_stdout(text.as_bytes()))
        }
        LabAction::Status => {
            let status = lab::status_kept(None).map_err(|e| Failure::precondition(&e))?;
            let text = status.map_or_else(|| "no lab is running\n".to_owned(), |k| describe(&k));
            Ok(output::to_stdout(text.as_bytes()))
        }
    }
}

fn describe(kept: &KeptLab) -> String {
    let state = if kept.running() {
        "running"
    } else {
        "not running"
    };
    let mut text = format!(
        "PostgreSQL {} {state}\nprimary  {}\n",
        kept.version, kept.primary.dsn
    );
    if let Some(standby) = &kept.standby {
        text.push_str("standby  ");
        text.push_str(&standby.dsn);
        text.push('\n');
    }
    text
}
