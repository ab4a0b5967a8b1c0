//! The whole analysis: every section in its order, then the rules, then the targets.

use jiff::{SignedDuration, Timestamp};

use super::conclusions::{
    Conclusions, CoverageRow, LoadCommandInfo, Overhead, RunInfo, SCHEMA_VERSION, ServerInfo,
    SinceInfo,
};
use super::sla::{Sla, SlaFacts};
use super::{
    breakdown, checklist, database_time, health, indexes, load, missing_indexes, pages, pool,
    proofs, replication, rules, sla, statements, traces,
};
use crate::import::EndpointMap;
use crate::import::Imported;
use crate::record::fidelity::Fidelity;
use crate::record::server::{Disturbance, Server};
use crate::record::{CaptureSummary, Coverage, Millis, Run, SeedSummary, Status};

/// What the user knows beside the run.
#[derive(Debug, Default)]
pub struct Options {
    /// Which endpoint runs which statements.
    pub map: Option<EndpointMap>,
    /// Targets.
    pub sla: Sla,
    /// The application's instances, and what else connects.
    pub fleet: pool::PoolOptions,
    /// A table of which the user asks why an index is not recommended.
    pub table: Option<String>,
}

/// Settings that conclusions rest on; all others stay in the run file.
const SETTINGS_SHOWN: [&str; 19] = [
    "autovacuum",
    "effective_cache_size",
    "fsync",
    "idle_in_transaction_session_timeout",
    "jit",
    "max_connections",
    "max_wal_size",
    "pg_stat_statements.max",
    "pg_stat_statements.track",
    "random_page_cost",
    "reserved_connections",
    "shared_buffers",
    "shared_preload_libraries",
    "superuser_reserved_connections",
    "synchronous_commit",
    "track_io_timing",
    "pg_stat_statements.track_planning",
    "wal_level",
    "work_mem",
];

/// Concludes everything that a run allows.
///
/// # Errors
/// The mapping file names statements or tables that the run does not have.
pub fn conclude(run: &Run, options: &Options) -> Result<Conclusions, breakdown::MapError> {
    let (statements, statements_coverage) = statements::conclude(run);
    let missing_indexes = missing_indexes::conclude(run, statements.as_deref().unwrap_or_default());
    let mut conclusions = Conclusions {
        schema_version: SCHEMA_VERSION,
        run: run_info(run),
        server: run.server.as_ref().map(server_info),
        coverage: run.coverage.iter().map(coverage_row).collect(),
        disturbances: run.disturbances.iter().map(disturbance).collect(),
        overhead: overhead(run),
        database_time: database_time::conclude(run),
        breakdown: breakdown::conclude(run, options.map.as_ref())?,
        statement_leaders: statements
            .as_deref()
            .map(statements::leaders)
            .unwrap_or_default(),
        statements,
        explained: None,
        statements_coverage,
        indexes: None,
        missing_indexes,
        proofs: None,
        table_advice: options
            .table
            .as_deref()
            .map(|table| missing_indexes::considered::conclude(run, table)),
        pool: pool::conclude(run, &options.fleet),
        replication: replication::conclude(run),
        health: health::conclude(run),
        capture: None,
        seed: None,
        fidelity: None,
        load: load::conclude(run),
        traces: traces::conclude(&run.traces),
        pages: pages::conclude(&run.pages),
        findings: None,
        not_evaluated: None,
        sla: None,
        checklist: None,
    };
    proofs::apply(run, &mut conclusions);
    let facts = rules::Facts::new(run, &conclusions);
    let (mut findings, not_evaluated) = rules::evaluate(&facts);
    let mut indexes = facts.into_judged().map(indexes::in_order);
    if let Some(proofs) = &conclusions.proofs {
        proofs::follow(&mut findings, proofs);
        rules::sort(&mut findings);
        proofs::apply_to_indexes(indexes.as_deref_mut().unwrap_or_default(), proofs);
    }
    conclusions.indexes = indexes;
    conclusions.findings = Some(findings);
    conclusions.not_evaluated = Some(not_evaluated);
    health::judge(run, &mut conclusions);
    conclusions.sla = Some(sla::conclude(&conclusions, SlaFacts::of(run), &options.sla));
    conclusions.checklist = Some(checklist::conclude(&conclusions));
    Ok(conclusions)
}

pub(super) fn run_info(run: &Run) -> RunInfo {
    let meta = &run.meta;
    RunInfo {
        run_id: meta.run_id.clone(),
        started_at: meta.started_at.to_string(),
        ended_at: meta.ended_at.to_string(),
        window_ms: meta.window.0,
        since: meta.since.map(|since| SinceInfo {
            read_at: since.read_at.to_string(),
            statements_reset_at: since.statements.map(|at| at.to_string()),
            statements_ms: since.statements_age().map(|age| age.0),
            database_reset_at: since.database.map(|at| at.to_string()),
            database_ms: since.database_age().map(|age| age.0),
        }),
        dbperf_version: meta.dbperf_version.clone(),
        command: meta.command.clone(),
        interrupted: meta.interrupted,
        lab: meta.lab,
        load_command: meta.load_command.as_ref().map(|c| LoadCommandInfo {
            command: c.command.clone(),
            exit_code: c.exit_code,
            cpu_cores: c
                .cpu
                .filter(|_| meta.window.0 > 0.0)
                .map(|cpu| cpu.0 / meta.window.0),
            // Locust's users are coroutines of one Python process.
            cpu_cores_max: if run.api.iter().any(|api| api.source.tool == "locust") {
                Some(1.0)
            } else {
                run.host.cores.map(f64::from)
            },
        }),
    }
}

pub(super) fn server_info(server: &Server) -> ServerInfo {
    ServerInfo {
        version: server.version.clone(),
        version_num: server.version_num,
        system_identifier: server.system_identifier.clone(),
        database: server.database.clone(),
        size_bytes: server.size_bytes.map(|b| b.0),
        in_recovery: server.in_recovery,
        tls: server.tls,
        address: server.address.clone(),
        target_source: server.target_source.clone(),
        role: server.privileges.role.clone(),
        cores: server.cores,
        extensions: server.extensions.clone(),
        settings: SETTINGS_SHOWN
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), shown(server, name)?)))
            .collect(),
    }
}

/// A setting as SHOW writes it: sizes in the largest unit that divides them.
fn shown(server: &Server, name: &str) -> Option<String> {
    let setting = server.settings.get(name)?;
    let (value, unit) = (&setting.reset_val, setting.unit.as_deref());
    let size = unit.and_then(kilobytes).zip(value.parse::<u64>().ok());
    Some(match (size, unit) {
        (Some((unit, count)), _) => in_largest_unit(unit * count),
        (None, Some(unit)) => format!("{value}{unit}"),
        (None, None) => value.clone(),
    })
}

/// Size of a unit of `pg_settings.unit` in kilobytes, such as 8 for `8kB`; `None` for times.
fn kilobytes(unit: &str) -> Option<u64> {
    let digits = unit.len() - unit.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (count, name) = unit.split_at(digits);
    let scale = match name {
        "kB" => 1,
        "MB" => 1024,
        "GB" => 1024 * 1024,
        _ => return None,
    };
    let count: u64 = if count.is_empty() {
        1
    } else {
        count.parse().ok()?
    };
    Some(count * scale)
}

fn in_largest_unit(kilobytes: u64) -> String {
    let (mut size, mut unit) = (kilobytes, "kB");
    for larger in ["MB", "GB", "TB"] {
        if size == 0 || size % 1024 != 0 {
            break;
        }
        (size, unit) = (size / 1024, larger);
    }
    format!("{size}{unit}")
}

pub(super) fn coverage_row(coverage: &Coverage) -> CoverageRow {
    CoverageRow {
        collector: coverage.collector.clone(),
        status: match coverage.status {
            Status::Ok => "ok",
            Status::Partial => "partial",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
        }
        .to_owned(),
        reason: coverage.reason.clone(),
        duration_ms: coverage.duration.map(|d| d.0),
    }
}

fn disturbance(disturbance: &Disturbance) -> String {
    match disturbance {
        Disturbance::StatementsReset => {
            "pg_stat_statements was reset inside the window: statement numbers count from the \
             reset on, what ran just before it is lost"
                .to_owned()
        }
        Disturbance::StatementsEvicted { passes } => format!(
            "pg_stat_statements evicted entries inside the window ({passes} passes): statements \
             are missing or partial; raise pg_stat_statements.max"
        ),
        Disturbance::DatabaseStatsReset => {
            "pg_stat_reset() ran inside the window: table, index and database counters are not \
             comparable"
                .to_owned()
        }
        Disturbance::Crash => {
            "a backend crashed or the statistics were lost inside the window: counters began anew"
                .to_owned()
        }
        Disturbance::Restart => "the server was restarted inside the window".to_owned(),
        Disturbance::Failover => {
            "another server answered in the course of the window (failover or promotion): the \
             window is not comparable"
                .to_owned()
        }
        Disturbance::ConnectionLost => {
            "the connection was lost for a part of the window".to_owned()
        }
    }
}

/// The cost of measuring: own statements' execution time over the window of one core.
fn overhead(run: &Run) -> Option<Overhead> {
    // One look costs one reading of each view, which the coverage tells; the counters hold earlier ones as well.
    if run.meta.since.is_some() {
        return None;
    }
    let own = run.statements.as_ref().map(|s| {
        let own = s
            .own
            .iter()
            .map(|d| d.counters.total_exec_time + d.counters.total_plan_time);
        own.sum::<Millis>().0
    });
    // A load over HTTP has no server, but a driver.
    if run.server.is_none() && run.replay.is_none() {
        return None;
    }
    Some(Overhead {
        own_exec_ms: own,
        own_exec_ratio: own
            .filter(|_| run.meta.window.0 > 0.0)
            .map(|ms| ms / run.meta.window.0),
        driver_cpu_ratio: run.replay.as_ref().and_then(|r| r.driver_cpu_ratio),
    })
}

/// Concludes what can be said of imported files alone, without a server.
#[must_use]
pub fn imported(imported: &Imported, dbperf_version: &str) -> Conclusions {
    let results = &imported.loads;
    let traced = imported.traces.iter();
    let began = results.iter().filter_map(|r| r.started_at);
    let began = began
        .chain(traced.clone().filter_map(|t| t.started_at))
        .chain(imported.pages.iter().filter_map(|p| p.loaded_at))
        .min();
    let ended = results.iter().filter_map(|r| r.ended_at);
    let ended = ended.chain(traced.clone().filter_map(|t| t.ended_at)).max();
    let text = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    let spans = traced.filter_map(|t| Some(t.ended_at?.duration_since(t.started_at?)));
    let length = results
        .iter()
        .filter_map(|r| r.length)
        .map(|l| l.0)
        .chain(spans.map(|span| span.as_secs_f64() * 1000.0));
    Conclusions {
        schema_version: SCHEMA_VERSION,
        run: RunInfo {
            run_id: "import".to_owned(),
            started_at: text(began),
            ended_at: text(ended),
            window_ms: length.max_by(f64::total_cmp).unwrap_or_default(),
            since: None,
            dbperf_version: dbperf_version.to_owned(),
            command: "dbperf import".to_owned(),
            interrupted: false,
            lab: false,
            load_command: None,
        },
        load: load::of_results(results),
        traces: traces::conclude(&imported.traces),
        pages: pages::conclude(&imported.pages),
        ..Conclusions::empty()
    }
}

/// The document of a captured workload.
#[must_use]
pub fn captured(summary: CaptureSummary, command: &str, dbperf_version: &str) -> Conclusions {
    let span = SignedDuration::try_from_secs_f64(summary.span_ms / 1000.0).unwrap_or_default();
    let ended = summary.started_at.saturating_add(span).ok();
    Conclusions {
        schema_version: SCHEMA_VERSION,
        run: RunInfo {
            run_id: "capture".to_owned(),
            started_at: summary.started_at.to_string(),
            ended_at: ended.map_or_else(String::new, |at| at.to_string()),
            window_ms: summary.span_ms,
            since: None,
            dbperf_version: dbperf_version.to_owned(),
            command: command.to_owned(),
            interrupted: false,
            lab: false,
            load_command: None,
        },
        capture: Some(summary),
        ..Conclusions::empty()
    }
}

/// The document of `seed`: what was loaded, where, and how well it stands for the source of its profile.
#[must_use]
pub fn filled(run: &Run, summary: SeedSummary, fidelity: Option<Fidelity>) -> Conclusions {
    Conclusions {
        schema_version: SCHEMA_VERSION,
        run: run_info(run),
        server: run.server.as_ref().map(server_info),
        coverage: run.coverage.iter().map(coverage_row).collect(),
        seed: Some(summary),
        fidelity,
        ..Conclusions::empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_show_writes_them() {
        for (unit, count, written) in [
            ("8kB", 16_384, "128MB"),
            ("8kB", 524_288, "4GB"),
            ("kB", 4096, "4MB"),
            ("kB", 100, "100kB"),
            ("MB", 1024, "1GB"),
            ("8kB", 0, "0kB"),
        ] {
            assert_eq!(in_largest_unit(kilobytes(unit).unwrap() * count), written);
        }
        assert_eq!(kilobytes("ms"), None);
    }
}
