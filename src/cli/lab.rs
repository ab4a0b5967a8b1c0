//! `lab start|stop|status`: a throwaway server that stays for several commands.

use tokio_postgres::NoTls;

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
            create_extension(&kept.primary.dsn)?;
            output::plain(&describe(&kept), context)
        }
        LabAction::Stop => {
            let stopped = lab::stop_kept(None).map_err(|e| Failure::precondition(&e))?;
            let text = match stopped {
                Some(_) => "stopped and removed\n",
                None => "no lab was running\n",
            };
            output::plain(text, context)
        }
        LabAction::Status => {
            let status = lab::status_kept(None).map_err(|e| Failure::precondition(&e))?;
            let text = status.map_or_else(|| "no lab is running\n".to_owned(), |k| describe(&k));
            output::plain(&text, context)
        }
    }
}

/// The extension is preloaded; its view has to be created before anything can be counted by it.
fn create_extension(dsn: &str) -> Result<(), Failure> {
    super::on_runtime(async {
        let failed = |e: &dyn std::error::Error| Failure::precondition(e);
        let (client, connection) = tokio_postgres::connect(dsn, NoTls)
            .await
            .map_err(|e| failed(&e))?;
        let connection = tokio::spawn(connection);
        client
            .batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            .await
            .map_err(|e| failed(&e))?;
        drop(client);
        // The session has ended when its task has.
        let _ = connection.await;
        Ok(Exit::Done)
    })
    .map(|_| ())
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
