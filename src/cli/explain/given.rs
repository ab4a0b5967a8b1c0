//! The part of `explain` that needs no server: plans that are there already.

use std::fs;

use jiff::Timestamp;

use super::input::{Log, without_constants};
use super::server::Told;
use crate::cli::context::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::measure::{run_id, without_server};
use crate::cli::progress::Progress;
use crate::explain::scrub;
use crate::import::plan::{Gather, GivenPlan, LoggedPlan};
use crate::record::plan::{ExplainedPlan, PlanMode};
use crate::record::run::Host;
use crate::record::{self, Coverage, QueryId, Run, Status};
use crate::workload::{LogError, PlansRead};

/// What is wanted of a log.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    pub(super) prefix: Option<&'a str>,
    pub(super) top: u32,
    pub(super) literals: bool,
}

/// A run without a server.
pub(super) fn run(command: String, coverage: Option<Coverage>) -> Run {
    let mut run = without_server(run_id(), Timestamp::now(), Host::default());
    run.meta.command = command;
    run.coverage.extend(coverage);
    run
}

/// Plans of a file.
pub(super) fn plans(name: &str, plans: Vec<GivenPlan>, literals: bool) -> Vec<Told> {
    let several = plans.len() > 1;
    let numbered = plans.into_iter().enumerate();
    numbered
        .map(|(i, given)| {
            let executed = given.document.pointer("/Plan/Actual Loops").is_some();
            let id = given.document.get("Query Identifier");
            let id = id.and_then(serde_json::Value::as_i64);
            let plan = ExplainedPlan {
                source: Some(if several {
                    format!("{name}, plan {}", i + 1)
                } else {
                    name.to_owned()
                }),
                query_id: id.map(QueryId),
                fingerprint: given.query.as_deref().and_then(record::fingerprint),
                text: given.query,
                parameter_types: Vec::new(),
                logged: None,
                mode: if executed {
                    PlanMode::Analyzed
                } else {
                    PlanMode::Custom
                },
                plan: Some(given.document),
                error: None,
                notes: Vec::new(),
            };
            told(plan, literals)
        })
        .collect()
}

/// Plans of a log, the statements with the slowest execution first.
///
/// # Errors
/// The log cannot be read, or has no plan.
pub(super) fn log(
    log: &Log,
    terms: &Terms<'_>,
    context: &Context,
) -> Result<(Vec<Told>, Coverage), Failure> {
    let size = fs::metadata(&log.path).map_or(0, |m| m.len());
    let progress = Progress::of(context, "Reading the log", size);
    let mut gather = Gather::default();
    let read = log.options(terms.prefix).plans(
        &mut |plan| {
            gather.add(&LoggedPlan {
                at: plan.at,
                took: plan.took,
                database: plan.database,
                body: plan.body,
            });
        },
        &mut |bytes| progress.at(bytes, "Reading the log"),
    );
    let read = read.map_err(|e| {
        let exit = match e {
            LogError::Prefix { .. } => Exit::Usage,
            _ => Exit::Input,
        };
        Failure::new(exit, e.to_string())
    })?;
    drop(progress);
    let counted = Counted {
        unread: gather.unread,
        beyond: gather.beyond,
        own: gather.own,
    };
    let mut plans = gather.finish();
    if plans.is_empty() {
        return Err(Failure::input(no_plans(&log.name, &read, &counted)));
    }
    let statements = plans.len();
    plans.truncate(usize::try_from(terms.top).unwrap_or(usize::MAX));
    let shown = plans.len();
    let coverage = coverage(&read, (statements, shown), &counted);
    let told = plans.into_iter().map(|plan| told(plan, terms.literals));
    Ok((told.collect(), coverage))
}

/// Plans that are not shown.
struct Counted {
    unread: u64,
    beyond: u64,
    own: u64,
}

fn no_plans(name: &str, read: &PlansRead, counted: &Counted) -> String {
    if counted.own > 0 {
        return format!(
            "{name}: {} of its {} plans are of dbperf's own statements, and none is of another that is understood",
            counted.own, read.plans
        );
    }
    if read.plans > 0 {
        return format!(
            "{name}: none of its {} plans is understood; auto_explain.log_format has to be text or json",
            read.plans
        );
    }
    format!(
        "{name}: there is no plan in its {} records: auto_explain writes them, if it is loaded and \
         auto_explain.log_min_duration is not above what the statements take",
        read.records
    )
}

/// What of the log is shown, and what could not be read.
fn coverage(read: &PlansRead, (statements, shown): (usize, usize), counted: &Counted) -> Coverage {
    let Counted {
        unread,
        beyond,
        own,
    } = counted;
    let mut words = vec![format!(
        "{} plans of {statements} statements in {} records",
        read.plans, read.records
    )];
    if shown < statements {
        words.push(format!(
            "the {shown} with the slowest execution are shown (--top)"
        ));
    }
    if *own > 0 {
        words.push(format!("{own} plans are of dbperf's own statements"));
    }
    let mut partial = Vec::new();
    if *unread > 0 {
        partial.push(format!(
            "{unread} plans are damaged or in another format than text and JSON"
        ));
    }
    if *beyond > 0 {
        partial.push(format!(
            "{beyond} plans are of further statements, which are not told apart"
        ));
    }
    if read.damaged > 0 {
        partial.push(format!("{} places of the log are damaged", read.damaged));
    }
    partial.extend(read.cut_off.iter().cloned());
    let status = if partial.is_empty() {
        Status::Ok
    } else {
        Status::Partial
    };
    words.extend(partial);
    Coverage {
        collector: "auto_explain".to_owned(),
        status,
        reason: Some(words.join("; ")),
        duration: None,
    }
}

/// A plan as it may be shown.
fn told(mut plan: ExplainedPlan, literals: bool) -> Told {
    if !literals {
        if let Some(document) = &mut plan.plan {
            scrub(document);
        }
        plan.text = plan.text.as_deref().map(without_constants);
        plan.notes
            .push("Constants and values are hidden; --include-literals shows them.".to_owned());
    }
    Told {
        plan,
        not_executed: None,
        failed: false,
    }
}
