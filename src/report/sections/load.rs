//! The load: in total, by endpoint, by stage. The guide's tables.

use crate::analyze::conclusions::{Conclusions, Load, LoadOperation, SlaRow};
use crate::analyze::sla::{self, name};
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{self, count, duration, percent, rate};

/// Endpoints in the table; the JSON has all.
const ROWS: usize = 40;

/// Kinds of failures of one endpoint that are shown.
const FAILURES: usize = 5;

const NO_LOAD: &str = "Not measured: no load ran and none was imported (--workload or --api).";

/// Where the numbers of the load come from.
fn source(load: &Load) -> String {
    let failures = match load.failures_timed.as_deref() {
        Some("all") => ", failures included",
        Some("answered") => ", failures with an answer included",
        _ => "",
    };
    format!("{}, {} loop{failures}", load.source, load.arrival)
}

/// The same, with what one has to know of its percentiles; said once, in the summary.
fn source_with_caveats(load: &Load) -> String {
    let mut words = source(load);
    if let Some(note) = &load.percentile_note {
        words.push_str("; ");
        words.push_str(note);
    }
    words
}

/// Failures of an operation as a cell, of their share of its requests. What the source does not tell is not 0, and
/// what it tells in part is the least there was.
fn failed(operation: &LoadOperation, show: impl Fn(f64) -> String) -> Cell {
    let untold = operation.failures_untold.is_some();
    if operation.requests == 0 || (untold && operation.failures == 0) {
        return Cell::not_measured();
    }
    let shown = show(operation.failures as f64 / operation.requests as f64);
    Cell::new(if untold {
        format!("≥ {shown}")
    } else {
        shown
    })
}

fn rows(c: &Conclusions) -> &[SlaRow] {
    c.sla.as_deref().unwrap_or_default()
}

/// The guide's summary.
pub(super) fn summary(c: &Conclusions) -> Section {
    const TITLE: &str = "Summary";
    let Some(load) = &c.load else {
        return Section::nothing(TITLE, NO_LOAD);
    };
    let total = &load.total;
    let mut table = Table::new([
        Column::word("Metric"),
        Column::number("Value"),
        Column::number("Target"),
        Column::word("Status"),
    ]);
    let failed = failed(total, |ratio| {
        format!("{} ({})", count(total.failures), percent(ratio))
    });
    let ms = |value| Cell::known(value, duration);
    for (metric, value, target) in [
        ("Test duration", ms(load.length_ms), None),
        ("Total requests", Cell::new(count(total.requests)), None),
        ("Failed requests", failed, Some(name::ERRORS)),
        ("Mean response time", ms(total.mean_ms), None),
        (
            "p50 response time",
            ms(total.p50_ms),
            Some(name::RESPONSE_P50),
        ),
        (
            "p95 response time",
            ms(total.p95_ms),
            Some(name::RESPONSE_P95),
        ),
        (
            "p99 response time",
            ms(total.p99_ms),
            Some(name::RESPONSE_P99),
        ),
        (
            "p99.9 response time",
            ms(total.p999_ms),
            Some(name::RESPONSE_P999),
        ),
        ("Max response time", ms(total.max_ms), None),
        (
            "Throughput",
            Cell::known(total.throughput_per_sec, rate),
            Some(name::THROUGHPUT),
        ),
    ] {
        let row = target.and_then(|name| sla::row(rows(c), name));
        let (target, status) = row.map_or_else(
            || (Cell::new(""), Cell::new("")),
            |row| (Cell::new(row.target.clone()), format::status(row.status)),
        );
        table.row([Cell::new(metric), value, target, status]);
    }
    let mut section = Section::new(TITLE).source(source_with_caveats(load));
    section.table(table);
    if let Some(why) = &total.failures_untold {
        section.dim(format!("Not every failed request is known: {why}."));
    }
    if total.skipped > 0 {
        let skipped = count(total.skipped);
        section.dim(format!(
            "{skipped} requests were due and not sent: they were too late. To the targets they are failed ones."
        ));
    }
    section.dim(match load.driver_saturated {
        Some(true) => "The load driver was the limit of this load.",
        Some(false) => "The load driver was not the limit.",
        None => "Whether the load driver was the limit was not measured.",
    });
    for warning in &load.warnings {
        section.dim(if load.driver.is_some() {
            sentence(warning)
        } else {
            // Its first word may be the name of an endpoint or of a tool, and stays as it is.
            format!("Remark: {warning}.")
        });
    }
    section
}

/// A remark as a sentence.
pub(super) fn sentence(remark: &str) -> String {
    let mut letters = remark.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// The guide's table by endpoint.
pub(super) fn endpoints(c: &Conclusions) -> Section {
    const TITLE: &str = "By endpoint";
    let Some(load) = &c.load else {
        return Section::nothing(TITLE, NO_LOAD);
    };
    if load.operations.is_empty() {
        return Section::nothing(
            TITLE,
            "Not measured: the load does not tell its endpoints apart.",
        );
    }
    let mut table = Table::new([
        Column::name("Endpoint"),
        Column::number("Count"),
        Column::number("Rate").drop(3),
        Column::number("Mean"),
        Column::number("p50").drop(4),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("Max").drop(5),
        Column::number("Lag p99").drop(2),
        Column::number("Errors"),
        Column::word("Status"),
    ]);
    for o in load.operations.iter().take(ROWS) {
        table.row([
            Cell::code(o.name.clone()),
            Cell::new(count(o.requests)),
            Cell::known(o.throughput_per_sec, rate),
            Cell::known(o.mean_ms, duration),
            Cell::known(o.p50_ms, duration),
            Cell::known(o.p95_ms, duration),
            Cell::known(o.p99_ms, duration),
            Cell::known(o.max_ms, duration),
            Cell::known(o.schedule_lag_p99_ms, duration),
            failed(o, percent),
            status(c, sla::ENDPOINT, &o.name),
        ]);
    }
    let mut section = Section::new(TITLE).source(source(load));
    if load.arrival == "closed" {
        // In a closed loop there is no schedule to be late for.
        table.columns.remove(8);
        for row in &mut table.rows {
            row.remove(8);
        }
    }
    section.table(table);
    section.more(load.operations.len(), ROWS, "endpoint", "endpoints");
    for o in load.operations.iter().take(ROWS) {
        if let Some(failures) = failures(o) {
            section.dim(format!("Failures of {}: {failures}.", o.name));
        }
    }
    status_note(c, &mut section);
    section
}

/// The most frequent failures of an operation; `None` without any that are told apart.
fn failures(operation: &LoadOperation) -> Option<String> {
    let mut kinds: Vec<(&String, &u64)> = operation.errors.iter().collect();
    kinds.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let shown = kinds.iter().take(FAILURES);
    let mut shown: Vec<String> = shown
        .map(|(key, n)| format!("{key} ({})", count(**n)))
        .collect();
    if kinds.len() > FAILURES {
        shown.push(format!("{} more kinds", kinds.len() - FAILURES));
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// The guide's load test results.
pub(super) fn stages(c: &Conclusions) -> Section {
    const TITLE: &str = "Load stages";
    let Some(load) = &c.load else {
        return Section::nothing(TITLE, NO_LOAD);
    };
    if load.stages.is_empty() {
        return Section::nothing(
            TITLE,
            "Not measured: the load had one stage, or does not tell its number of users over time.",
        );
    }
    let mut table = Table::new([
        Column::name("Stage"),
        Column::number(if load.arrival == "open" {
            "Due"
        } else {
            "Users"
        }),
        Column::number("Length"),
        Column::number("Requests").drop(1),
        Column::number("Rate"),
        Column::number("Mean"),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("Errors"),
        Column::word("Status"),
    ]);
    for stage in &load.stages {
        let total = &stage.total;
        table.row([
            Cell::new(stage.name.clone()),
            match stage.rate_per_sec {
                Some(due) => Cell::new(rate(due)),
                None => Cell::new(count(u64::from(stage.users))),
            },
            Cell::new(duration(stage.length_ms)),
            Cell::new(count(total.requests)),
            Cell::known(total.throughput_per_sec, rate),
            Cell::known(total.mean_ms, duration),
            Cell::known(total.p95_ms, duration),
            Cell::known(total.p99_ms, duration),
            failed(total, percent),
            status(c, sla::STAGE, &stage.name),
        ]);
    }
    let mut section = Section::new(TITLE).source(source(load));
    section.table(table);
    status_note(c, &mut section);
    section
}

fn status(c: &Conclusions, kind: &str, name: &str) -> Cell {
    sla::status_of(rows(c), kind, name).map_or_else(|| Cell::new("no target"), format::status)
}

/// What the status of an endpoint or a stage is made of.
fn status_note(c: &Conclusions, section: &mut Section) {
    let targets: Vec<String> = [name::RESPONSE_P95, name::ERRORS]
        .iter()
        .filter_map(|n| sla::row(rows(c), n))
        .map(|row| format!("{} {}", row.name, row.target))
        .collect();
    if !targets.is_empty() {
        section.dim(format!("Status: {}.", targets.join(" and ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, Style, render};

    #[test]
    fn failures_are_said_to_be_included_where_they_are() {
        let full = include_str!("../../../fixtures/conclusions/full.json");
        let mut load = serde_json::from_str::<Conclusions>(full)
            .unwrap()
            .load
            .unwrap();
        for (timed, end) in [
            (Some("all"), "loop, failures included"),
            (Some("answered"), "loop, failures with an answer included"),
            (None, "loop"),
        ] {
            load.failures_timed = timed.map(str::to_owned);
            assert!(source(&load).ends_with(end), "{}", source(&load));
        }
    }

    #[test]
    fn the_test_lasted_as_long_as_the_load_and_not_as_the_window() {
        let full = include_str!("../../../fixtures/conclusions/full.json");
        let mut all: Conclusions = serde_json::from_str(full).unwrap();
        let mut shown = |length_ms| {
            all.load.as_mut().unwrap().length_ms = length_ms;
            let report = render(&all, Format::Text, &Style::default()).unwrap();
            let report = String::from_utf8(report).unwrap();
            let line = report.lines().find(|l| l.contains("Test duration"));
            line.unwrap().to_owned()
        };
        assert!(shown(Some(42_000.0)).contains("42.0 s"));
        assert!(shown(None).contains("not measured"));
    }

    #[test]
    fn failures_that_are_not_told_are_not_zero() {
        let mut operation = LoadOperation {
            requests: 200,
            ..LoadOperation::default()
        };
        assert_eq!(failed(&operation, percent).text, "0 %");
        operation.failures_untold = Some("it does not say".to_owned());
        assert!(failed(&operation, percent).absent);
        operation.failures = 2;
        assert_eq!(failed(&operation, percent).text, "≥ 1.0 %");
    }

    #[test]
    fn a_remark_of_a_source_claims_no_more_than_it_says() {
        let full = include_str!("../../../fixtures/conclusions/full.json");
        let mut all: Conclusions = serde_json::from_str(full).unwrap();
        let load = all.load.as_mut().unwrap();
        load.driver = None;
        // One that adds up to another number, and one that is untold.
        load.warnings = vec![
            "the endpoints add up to 3 requests, the total says 4".to_owned(),
            "get_x is not shown: the summary does not tell its number of requests".to_owned(),
        ];
        let style = Style {
            width: 120,
            ..Style::default()
        };
        let report = String::from_utf8(render(&all, Format::Text, &style).unwrap()).unwrap();
        for line in [
            "Remark: the endpoints add up to 3 requests, the total says 4.",
            "Remark: get_x is not shown: the summary does not tell its number of requests.",
        ] {
            assert!(report.contains(line), "{report}");
        }
    }
}
