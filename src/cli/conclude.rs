//! The end of every command that reports: its section of the conclusions, what it leaves, and its verdict.

use std::path::Path;

use super::chart::ChartArgs;
use super::context::Context;
use super::exit::{Exit, Failure};
use super::{output, run_file};
use crate::analyze::conclusions::Conclusions;
use crate::analyze::{self, Options};
use crate::record::Run;

/// Which sections are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// `analyze`, `report`.
    Everything,
    /// `slow`.
    Statements,
    /// `indexes`.
    Indexes,
    /// `lag`.
    Replication,
    /// `replay`.
    Replay,
    /// `load`.
    Load,
    /// `load` with targets of its own.
    JudgedLoad,
    /// `pool`.
    Pool,
}

pub(super) fn conclusions(run: &Run, options: &Options) -> Result<Conclusions, Failure> {
    analyze::conclude(run, options)
        .map_err(|e| Failure::input(format!("the mapping file does not fit this run: {e}")))
}

/// What a command leaves beside its report.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Files<'a> {
    /// The run.
    pub(super) save: Option<&'a Path>,
    /// The picture of a sweep.
    pub(super) chart: Option<&'a ChartArgs>,
}

impl<'a> Files<'a> {
    /// The run only.
    pub(super) fn saved(save: Option<&'a Path>) -> Self {
        Self { save, chart: None }
    }
}

pub(super) fn conclude(
    run: Run,
    conclusions: Conclusions,
    view: View,
    files: Files<'_>,
    context: &Context,
) -> Result<Exit, Failure> {
    let interrupted = run.meta.interrupted;
    // What is not saved makes room for the report.
    let saved = files.save.map(move |path| (path, run));
    let shown = only(conclusions, view);
    let picture = match files.chart {
        Some(chart) => chart.draw(&shown, context)?,
        None => None,
    };
    let written = match (nothing_to_show(&shown, view), &picture) {
        (Some(failure), _) => Err(failure),
        (None, Some(picture)) => output::write_with_picture(&shown, &picture.address, context),
        (None, None) => output::write(&shown, context),
    };
    // What can still be written is, whatever else could not.
    let drawn = picture.map_or(Ok(()), |picture| picture.write(context));
    if let Some((path, run)) = &saved {
        run_file::save(run, path)?;
        context.detail(&format!("Saved the run to {}", path.display()));
    }
    drawn?;
    let written = written?;
    if written != Exit::Done {
        return Ok(written);
    }
    if interrupted {
        return Ok(Exit::Interrupted);
    }
    if let Some(failed) = context.failed() {
        return Ok(failed);
    }
    Ok(output::verdict(&shown, context))
}

/// A command whose one section could not be measured has nothing to say but why.
fn nothing_to_show(shown: &Conclusions, view: View) -> Option<Failure> {
    let (absent, collector) = match view {
        View::Statements => (shown.statements.is_none(), "pg_stat_statements"),
        View::Indexes => (shown.indexes.is_none(), "pg_index"),
        View::Replication => (shown.replication.is_none(), "pg_stat_replication"),
        View::Everything | View::Replay | View::Load | View::JudgedLoad | View::Pool => {
            return None;
        }
    };
    let rows = shown.coverage.iter();
    let mut reasons = rows.filter(|row| row.collector == collector);
    let reason = reasons.find_map(|row| row.reason.as_deref());
    absent.then(|| {
        Failure::new(
            Exit::Precondition,
            format!(
                "{collector} was not read: {}",
                reason.unwrap_or("this run does not have it")
            ),
        )
    })
}

/// Leaves only the sections that a command shows.
fn only(all: Conclusions, view: View) -> Conclusions {
    if view == View::Everything {
        return all;
    }
    let section = |wanted: View| view == wanted;
    let keep_rules = |kinds: &'static [&'static str]| move |kind: &str| kinds.contains(&kind);
    let kinds = match view {
        View::Statements => keep_rules(&["statement", "endpoint"]),
        View::Indexes => keep_rules(&["index", "table"]),
        View::Replication => keep_rules(&["standby", "slot"]),
        View::Load | View::JudgedLoad => keep_rules(&["driver"]),
        View::Replay | View::Pool | View::Everything => keep_rules(&["pool", "driver"]),
    };
    Conclusions {
        health: None,
        database_time: None,
        breakdown: all.breakdown.filter(|_| section(View::Replay)),
        statements: all.statements.filter(|_| section(View::Statements)),
        statement_leaders: if section(View::Statements) {
            all.statement_leaders
        } else {
            Vec::new()
        },
        statements_coverage: all
            .statements_coverage
            .filter(|_| section(View::Statements)),
        indexes: all.indexes.filter(|_| section(View::Indexes)),
        missing_indexes: all.missing_indexes.filter(|_| section(View::Indexes)),
        proofs: all.proofs.filter(|_| section(View::Indexes)),
        table_advice: all.table_advice.filter(|_| section(View::Indexes)),
        pool: all
            .pool
            .filter(|_| section(View::Replay) || section(View::Pool)),
        replication: all.replication.filter(|_| section(View::Replication)),
        load: all
            .load
            .filter(|_| section(View::Replay) || section(View::Load) || section(View::JudgedLoad)),
        traces: Vec::new(),
        pages: Vec::new(),
        findings: all.findings.map(|findings| {
            let mine = findings.into_iter().filter(|f| kinds(&f.subject.kind));
            mine.collect()
        }),
        not_evaluated: None,
        sla: all.sla.filter(|_| section(View::JudgedLoad)),
        checklist: None,
        ..all
    }
}
