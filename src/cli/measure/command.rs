//! The user's own load command as the window.

use std::process::ExitStatus;
use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::redact::redacted_command;
use crate::collect::ChildrenMeter;
use crate::record::run::LoadCommand;

/// How long an interrupted load command may take to write its results.
const STOP_LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn run_command(
    command: &[String],
    interrupt: &Interrupt,
    context: &Context,
) -> Result<LoadCommand, Failure> {
    let shown = redacted_command(command);
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Failure::usage("there is no command after --"))?;
    context.detail(&format!("Running {shown}"));
    let cpu = ChildrenMeter::start();
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
        cpu: cpu.finish(),
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
