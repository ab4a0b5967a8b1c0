//! `lab start|stop|status`: a throwaway server that stays for several commands.

use tokio_postgres::NoTls;

use super::args::{LabAction, LabArgs, OutputFormat};
use super::context::Context;
use super::exit::{Exit, Failure};
use super::output;
use super::progress::Progress;
use crate::lab::{self, KeptLab, LabOptions};

/// `lab`.
pub(super) fn run(args: &LabArgs, context: &Context) -> Result<Exit, Failure> {
    match &args.action {
        LabAction::Start {
            standby,
            pgbouncer,
            pg_bin,
        } => {
            let progress = Progress::step(context, "Starting a throwaway PostgreSQL server");
            let options = LabOptions {
                pg_bin: pg_bin.clone(),
                standby: *standby,
                pgbouncer: *pgbouncer,
                ..LabOptions::default()
            };
            let kept = lab::start_kept(&options).map_err(|e| Failure::precondition(&e))?;
            progress.done("Started a throwaway PostgreSQL server");
            create_extension(&kept.primary.dsn)?;
            say(Some(&kept), "", context)
        }
        LabAction::Stop => {
            let stopped = lab::stop_kept(None).map_err(|e| Failure::precondition(&e))?;
            let text = match stopped {
                Some(_) => "stopped and removed",
                None => "no lab was running",
            };
            say(None, text, context)
        }
        LabAction::Status => {
            let status = lab::status_kept(None).map_err(|e| Failure::precondition(&e))?;
            say(status.as_ref(), "no lab is running", context)
        }
    }
}

/// The extension is preloaded; its view has to be created before anything can be counted by it.
fn create_extension(dsn: &str) -> Result<(), Failure> {
    let created = super::on_runtime(async {
        let (client, connection) = tokio_postgres::connect(dsn, NoTls)
            .await
            .map_err(|e| Failure::precondition(&e))?;
        let connection = tokio::spawn(connection);
        client
            .batch_execute("CREATE /* dbperf */ EXTENSION IF NOT EXISTS pg_stat_statements")
            .await
            .map_err(|e| Failure::precondition(&e))?;
        drop(client);
        // The session has ended when its task has.
        let _ = connection.await;
        Ok(Exit::Done)
    });
    created.map(|_| ())
}

/// Writes what is known of the lab, in the format that was asked for.
fn say(kept: Option<&KeptLab>, otherwise: &str, context: &Context) -> Result<Exit, Failure> {
    let text = match (context.format, kept) {
        (OutputFormat::Json, kept) => format!("{:#}\n", document(kept)),
        (_, Some(kept)) => describe(kept),
        (_, None) => format!("{otherwise}\n"),
    };
    output::emit(text.as_bytes(), context)
}

/// `{ running, version, primary, standby, pgbouncer }`; the last four are null without a lab.
fn document(kept: Option<&KeptLab>) -> serde_json::Value {
    serde_json::json!({
        "running": kept.is_some_and(KeptLab::running),
        "version": kept.map(|k| k.version.clone()),
        "primary": kept.map(|k| k.primary.dsn.clone()),
        "standby": kept.and_then(|k| k.standby.as_ref()).map(|s| s.dsn.clone()),
        "pgbouncer": kept.and_then(|k| k.pgbouncer.as_ref()).map(|s| s.dsn.clone()),
    })
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
    if let Some(pooler) = &kept.pgbouncer {
        text.push_str("pgbouncer  ");
        text.push_str(&pooler.dsn);
        text.push('\n');
    }
    text
}
