//! The guide's checklist, each item met, missed or not measured, with what that rests on.
//!
//! An item that is an agreement between people, or a comparison with a production that dbperf does
//! not see, is never met by guessing: it says why no tool can tell.

use super::conclusions::{ChecklistItem, Conclusions, IndexVerdict, LoadStage, SlaRow, SlaStatus};
use super::figures::{bytes, duration, plural};
use super::sla::{self, name};

/// A load that lasts this long is a soak test. The guide gives no number; leaks, bloat and
/// autovacuum debt need at least this long to show (rule of thumb).
const SOAK_MS: f64 = 3_600_000.0;

type Verdict = (SlaStatus, String);

/// Every item of the guide's checklist, in its order. `conclusions.sla` must be filled already.
#[must_use]
pub fn conclude(conclusions: &Conclusions) -> Vec<ChecklistItem> {
    let mut items = Vec::new();
    let mut section = |section: &str, rows: Vec<(String, Verdict)>| {
        items.extend(
            rows.into_iter()
                .map(|(item, (status, evidence))| ChecklistItem {
                    section: section.to_owned(),
                    item,
                    status,
                    evidence,
                }),
        );
    };
    section("Pre-load testing", before(conclusions));
    section("Load testing", load(conclusions));
    section("Front-end performance", front_end(conclusions));
    section("Database performance", database(conclusions));
    items
}

fn pass(evidence: impl Into<String>) -> Verdict {
    (SlaStatus::Pass, evidence.into())
}

fn fail(evidence: impl Into<String>) -> Verdict {
    (SlaStatus::Fail, evidence.into())
}

fn open(evidence: impl Into<String>) -> Verdict {
    (SlaStatus::NotMeasured, evidence.into())
}

fn before(c: &Conclusions) -> Vec<(String, Verdict)> {
    vec![
        (
            "Baseline measurements taken for all endpoints".into(),
            baseline(c),
        ),
        (
            "Load testing environment matches production".into(),
            if c.run.lab {
                fail("the server was a throwaway lab cluster")
            } else {
                open("dbperf sees this server only; compare its settings with production's")
            },
        ),
        ("Database has production-like data volume".into(), volume(c)),
        ("Monitoring/APM tools configured".into(), monitoring(c)),
        (
            "Performance budgets defined".into(),
            match c.sla.as_ref().map_or(0, |rows| {
                rows.iter().filter(|r| r.subject.is_none()).count()
            }) {
                0 => open("no SLA was evaluated"),
                n => pass(format!(
                    "{} in the SLA of this run",
                    plural(n as u64, "target", "targets")
                )),
            },
        ),
        (
            "Acceptance criteria agreed".into(),
            open("an agreement between people; no tool can tell"),
        ),
    ]
}

fn baseline(c: &Conclusions) -> Verdict {
    let Some(load) = &c.load else {
        return open("no load was measured: give --workload or --api");
    };
    let all = load.operations.len() as u64;
    let silent = load.operations.iter().filter(|o| o.requests == 0).count() as u64;
    if all == 0 {
        open("the load does not tell its endpoints apart")
    } else if silent > 0 {
        fail(format!(
            "{silent} of {} had no request",
            plural(all, "endpoint", "endpoints")
        ))
    } else {
        pass(format!(
            "{} of the load measured in this run; endpoints outside of it are not known to dbperf",
            plural(all, "endpoint", "endpoints")
        ))
    }
}

fn volume(c: &Conclusions) -> Verdict {
    match c.server.as_ref().and_then(|s| s.size_bytes) {
        Some(size) => open(format!(
            "the database has {}; whether production has as much is not known here",
            bytes(size)
        )),
        None => open("the size of the database could not be read"),
    }
}

/// What dbperf can see of monitoring is the server's half of it.
fn monitoring(c: &Conclusions) -> Verdict {
    let Some(server) = &c.server else {
        return open("no server was looked at");
    };
    if c.statements.is_none() {
        return if server.extensions.contains_key("pg_stat_statements") {
            open("pg_stat_statements is installed and could not be read")
        } else {
            fail("pg_stat_statements is not installed")
        };
    }
    let timing = match server.settings.get("track_io_timing").map(String::as_str) {
        Some("on") => "track_io_timing is on",
        Some(_) => "track_io_timing is off",
        None => "track_io_timing is not known",
    };
    open(format!(
        "pg_stat_statements collects, {timing}; the application's own monitoring is not visible here"
    ))
}

fn load(c: &Conclusions) -> Vec<(String, Verdict)> {
    vec![
        (
            "Normal load test (100 concurrent users) passed".into(),
            level(c, 100, Some(500)),
        ),
        (
            "Peak load test (500 concurrent users) passed".into(),
            level(c, 500, Some(1000)),
        ),
        (
            "Stress test (1000+ concurrent users) passed".into(),
            level(c, 1000, None),
        ),
        ("Soak test (sustained load) passed".into(), soak(c)),
        target(c, name::ERRORS, "Error rate"),
        target(c, name::RESPONSE_P95, "P95 response time"),
    ]
}

/// The stages with at least `least` and fewer than `below` users, judged by their own targets.
fn level(c: &Conclusions, least: u32, below: Option<u32>) -> Verdict {
    let Some(load) = &c.load else {
        return open("no load was measured: give --workload or --api");
    };
    let fits = |s: &&LoadStage| s.users >= least && below.is_none_or(|b| s.users < b);
    let Some(stage) = load
        .stages
        .iter()
        .filter(fits)
        .max_by(|a, b| a.length_ms.total_cmp(&b.length_ms))
    else {
        let largest = load.stages.iter().map(|s| s.users).max();
        return open(match largest {
            Some(users) => format!(
                "no stage of that size; the largest had {}",
                plural(u64::from(users), "user", "users")
            ),
            None => "the load does not tell its stages or numbers of users".to_owned(),
        });
    };
    let words = format!("stage `{}`, {}", stage.name, duration(stage.length_ms));
    match sla::status_of(
        c.sla.as_deref().unwrap_or_default(),
        sla::STAGE,
        &stage.name,
    ) {
        Some(SlaStatus::Pass) => pass(format!("{words}: p95 and errors within target")),
        Some(SlaStatus::Fail) => fail(format!("{words}: {}", missed(c, &stage.name))),
        Some(SlaStatus::NotMeasured) => open(format!("{words}: its p95 was not recorded by stage")),
        None => open(format!("{words}: the SLA has no target for a stage")),
    }
}

/// The targets that a stage missed, in words.
fn missed(c: &Conclusions, stage: &str) -> String {
    let of_stage = |r: &&SlaRow| {
        r.status == SlaStatus::Fail
            && r.subject
                .as_ref()
                .is_some_and(|s| s.kind == sla::STAGE && s.name == stage)
    };
    let words: Vec<String> = c
        .sla
        .iter()
        .flatten()
        .filter(of_stage)
        .map(|r| {
            format!(
                "{} {} (target {})",
                r.name,
                r.actual.as_deref().unwrap_or("unknown"),
                r.target
            )
        })
        .collect();
    words.join(", ")
}

fn soak(c: &Conclusions) -> Verdict {
    let rows = c.sla.as_deref().unwrap_or_default();
    if c.load.is_none() {
        return open("no load was measured: give --workload or --api");
    }
    if c.run.window_ms < SOAK_MS {
        return open(format!(
            "the window lasted {}; a soak test lasts an hour or more",
            duration(c.run.window_ms)
        ));
    }
    let words = format!("{} of load", duration(c.run.window_ms));
    let status = |n: &str| sla::row(rows, n).map(|r| r.status);
    match (status(name::RESPONSE_P95), status(name::ERRORS)) {
        (Some(SlaStatus::Fail), _) | (_, Some(SlaStatus::Fail)) => {
            fail(format!("{words}: p95 or errors missed their target"))
        }
        (Some(SlaStatus::Pass), Some(SlaStatus::Pass)) => {
            pass(format!("{words}: p95 and errors within target"))
        }
        _ => open(format!(
            "{words}: p95 or errors were not measured against a target"
        )),
    }
}

fn front_end(c: &Conclusions) -> Vec<(String, Verdict)> {
    vec![
        target(c, name::PAGE_LIGHTHOUSE, "Lighthouse score"),
        target(c, name::PAGE_FCP, "FCP"),
        target(c, name::PAGE_LCP, "LCP"),
        target(c, name::PAGE_CLS, "CLS"),
        target(c, name::PAGE_TTI, "TTI"),
        target(c, name::WEBSOCKET_MESSAGE, "WebSocket latency"),
    ]
}

fn database(c: &Conclusions) -> Vec<(String, Verdict)> {
    vec![
        target(
            c,
            name::DATABASE_P95,
            "Query response time (95th percentile)",
        ),
        target(c, name::POOL_EFFICIENCY, "Connection pool efficiency"),
        target(c, name::SLOW_STATEMENTS, "Slow queries:"),
        ("Indexes are being used".into(), indexes(c)),
        target(c, name::REPLICATION_LAG, "Replication lag"),
    ]
}

fn indexes(c: &Conclusions) -> Verdict {
    let Some(indexes) = &c.indexes else {
        return open("the indexes were not read");
    };
    let unused: Vec<&str> = indexes
        .iter()
        .filter(|i| i.verdict == IndexVerdict::DropUnused)
        .map(|i| i.index.as_str())
        .collect();
    let all = plural(indexes.len() as u64, "index", "indexes");
    match unused.as_slice() {
        [] if indexes.is_empty() => open("the database has no index"),
        [] => pass(format!("none of {all} is judged unused")),
        few if few.len() <= 3 => fail(format!("{} of {all} unused: {}", few.len(), few.join(", "))),
        many => fail(format!(
            "{} of {all} unused: {} …",
            many.len(),
            many[..3].join(", ")
        )),
    }
}

/// An item that is one of the SLA's targets: its words carry the target of this run.
fn target(c: &Conclusions, row: &str, words: &str) -> (String, Verdict) {
    let Some(rows) = &c.sla else {
        return (
            words.trim_end_matches(':').to_owned(),
            open("no SLA was evaluated"),
        );
    };
    let Some(row) = sla::row(rows, row) else {
        return (
            words.trim_end_matches(':').to_owned(),
            open("the SLA has no such target"),
        );
    };
    let note = row.note.as_deref().unwrap_or_default();
    let evidence = match &row.actual {
        Some(actual) if note.is_empty() => actual.clone(),
        Some(actual) => format!("{actual}: {note}"),
        None => note.to_owned(),
    };
    (format!("{words} {}", row.target), (row.status, evidence))
}

#[cfg(test)]
mod tests;
