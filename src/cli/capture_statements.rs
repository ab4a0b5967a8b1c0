//! `capture statements`: a workload from what `pg_stat_statements` has counted.

use std::collections::BTreeMap;

use clap::Args;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::{output, target};
use crate::pg::{SearchPath, Session, SessionOptions};
use crate::workload::statements::{self, CaptureError, CaptureOptions, StatementsCapture};

/// Flags of `capture statements`.
#[derive(Debug, Args)]
pub(super) struct CaptureStatementsArgs {
    /// URL (`postgres://…`), `key=value` string or database name.
    ///
    /// Without it `DBPERF_DATABASE_URL`, `DATABASE_URL` and libpq's `PG…` variables are tried.
    #[arg(value_name = "DSN")]
    dsn: Option<String>,
    /// Capture statements that write or take row locks, too. Nothing is written now.
    #[arg(long)]
    writes: bool,
    /// At most this many statements, those with the most execution time.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    top: u32,
    /// Only statements that were called at least this often.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    min_calls: i64,
}

/// `capture statements`.
pub(super) async fn run(args: &CaptureStatementsArgs, context: &Context) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen()?;
    let target = target::resolve(args.dsn.as_deref())?;
    let progress = Progress::step(
        context,
        "Reading the statements that the server has counted",
    );
    let connect = async {
        let pinned = SessionOptions::new("capture");
        let role = SessionOptions {
            search_path: SearchPath::Role,
            ..SessionOptions::new("capture")
        };
        let catalogue = Session::connect(&target.conninfo, &pinned).await?;
        let application = Session::connect(&target.conninfo, &role).await?;
        Ok((catalogue, application))
    };
    let connected = interrupt.or(connect).await?;
    let (catalogue, application) = connected.map_err(|e| failure(&CaptureError::Server(e)))?;
    let options = CaptureOptions {
        writes: args.writes,
        top: usize::try_from(args.top).unwrap_or(usize::MAX),
        min_calls: args.min_calls,
    };
    // Boxed: the futures of every statement are part of it.
    let captured = Box::pin(statements::capture(&catalogue, &application, options));
    let captured = match interrupt.or(captured).await {
        Ok(captured) => captured,
        Err(interrupted) => {
            // What they execute must not go on without them; that they are gone already is as good.
            let _ = catalogue.cancel().await;
            let _ = application.cancel().await;
            return Err(interrupted);
        }
    };
    catalogue.close().await;
    application.close().await;
    let captured = captured.map_err(|e| failure(&e))?;
    progress.done(&format!(
        "Captured {} statements of database {}",
        captured.statements, captured.database
    ));
    let exit = output::emit(captured.text.as_bytes(), context)?;
    for line in summary(&captured) {
        context.say(&line);
    }
    Ok(exit)
}

fn failure(error: &CaptureError) -> Failure {
    Failure::precondition(error)
}

/// What the file covers, and what not; the file itself lists every statement that was left out.
fn summary(captured: &StatementsCapture) -> Vec<String> {
    let share = if captured.all_calls > 0 {
        100.0 * captured.calls as f64 / captured.all_calls as f64
    } else {
        0.0
    };
    let time = captured.time_ratio.map_or_else(String::new, |ratio| {
        format!(" and {:.1} % of the execution time", 100.0 * ratio)
    });
    let mut lines = vec![format!(
        "{} statements: {share:.1} % of the calls{time} in database {}",
        captured.statements, captured.database
    )];
    if captured.assumed > 0 {
        lines.push(format!(
            "{} of them have a value that was assumed: look for `Assumed` in the file",
            captured.assumed
        ));
    }
    if captured.left_out.is_empty() {
        return lines;
    }
    lines.push("left out; the end of the file lists each with its reason:".to_owned());
    let mut reasons: BTreeMap<&str, (usize, Option<i64>)> = BTreeMap::new();
    for left in &captured.left_out {
        let (count, calls) = reasons.entry(&left.reason).or_insert((0, Some(0)));
        *count += 1;
        *calls = calls.zip(left.calls).map(|(sum, calls)| sum + calls);
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, (_, calls))| std::cmp::Reverse(*calls));
    for (reason, (count, calls)) in reasons.iter().take(SHOWN) {
        let times = if *count > 1 {
            format!(" ({count} times)")
        } else {
            String::new()
        };
        let calls = match calls {
            Some(1) => "1 call".to_owned(),
            Some(calls) => format!("{calls} calls"),
            None => "calls not known".to_owned(),
        };
        lines.push(format!("  {calls}: {reason}{times}"));
    }
    if reasons.len() > SHOWN {
        lines.push(format!("  and {} more reasons", reasons.len() - SHOWN));
    }
    lines
}

/// Reasons that are shown.
const SHOWN: usize = 10;
