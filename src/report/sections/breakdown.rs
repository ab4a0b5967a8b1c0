//! Where a request's time went, in total and by endpoint.

use crate::analyze::conclusions::{Basis, Breakdown, Conclusions, Endpoint, PartKind, TimePart};
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{self, count, duration, number, percent};

use super::answer::part_name;

const PARTS: [PartKind; 5] = [
    PartKind::DbExec,
    PartKind::PoolWait,
    PartKind::Network,
    PartKind::App,
    PartKind::Unattributed,
];

/// Endpoints in the table, most total time first; the JSON has all.
const ENDPOINT_ROWS: usize = 40;

/// Statements by endpoint that are listed; the JSON has all.
const STATEMENT_ROWS: usize = 20;

/// The guide's bottleneck analysis.
pub(super) fn breakdown(c: &Conclusions) -> Section {
    const TITLE: &str = "Bottleneck breakdown";
    let Some(breakdown) = &c.breakdown else {
        return Section::nothing(
            TITLE,
            "Not measured: a request's parts need response times (--workload or --api).",
        );
    };
    let mut section = Section::new(TITLE).source(format!(
        "{}; shares of the client's mean response time, which add up to 100 % with unattributed",
        breakdown.source
    ));
    section.table(total(breakdown));
    for sentence in [waits(breakdown), slowest(breakdown)].into_iter().flatten() {
        section.text(sentence);
    }
    if !breakdown.endpoints.is_empty() {
        section.heading("By endpoint");
        section.table(by_endpoint(&breakdown.endpoints));
        section.more(
            breakdown.endpoints.len(),
            ENDPOINT_ROWS,
            "endpoint",
            "endpoints",
        );
        section.dim(
            "m measured, d derived (arithmetic on measured values), i inferred (a model), b bound.",
        );
    }
    statements(c, breakdown, &mut section);
    for note in &breakdown.notes {
        section.dim(note.clone());
    }
    section
}

fn total(breakdown: &Breakdown) -> Table {
    let mut table = Table::new([
        Column::word("Part"),
        Column::number("Mean"),
        Column::number("Share"),
        Column::number("Interval"),
        Column::word("Basis"),
        Column::prose("Note"),
    ]);
    for part in &breakdown.total.parts {
        table.row([
            Cell::new(part_name(part.part)),
            Cell::known(part.mean_ms, duration),
            Cell::known(part.share_ratio, percent),
            interval(part),
            format::basis(part.basis),
            Cell::new(part.note.clone().unwrap_or_default()),
        ]);
    }
    if table.rows.iter().all(|row| row[3].text.is_empty()) {
        table.columns.remove(3);
        for row in &mut table.rows {
            row.remove(3);
        }
    }
    table
}

/// What execution in the database waits for.
fn waits(breakdown: &Breakdown) -> Option<String> {
    let exec = breakdown
        .total
        .parts
        .iter()
        .find(|p| p.part == PartKind::DbExec)?;
    if exec.waits.is_empty() {
        return None;
    }
    let words: Vec<String> = exec
        .waits
        .iter()
        .map(|w| {
            format!(
                "{} {}",
                w.wait_class,
                format::percent_with_error(w.share_ratio, w.share_error_ratio)
            )
        })
        .collect();
    Some(format!(
        "Execution in the database, by what it waits for: {}.",
        words.join(", ")
    ))
}

/// What the slowest requests spend their time on.
fn slowest(breakdown: &Breakdown) -> Option<String> {
    let slow = breakdown.total.slowest.as_ref()?;
    let mut parts: Vec<&TimePart> = slow
        .parts
        .iter()
        .filter(|p| p.share_ratio.is_some())
        .collect();
    parts.sort_by(|a, b| {
        b.share_ratio
            .unwrap_or(0.0)
            .total_cmp(&a.share_ratio.unwrap_or(0.0))
    });
    let words: Vec<String> = parts
        .into_iter()
        .map(|p| {
            format!(
                "{} {}",
                part_name(p.part),
                percent(p.share_ratio.unwrap_or(0.0))
            )
        })
        .collect();
    Some(format!(
        "The slowest {} of {} requests take {} ({}): {}.",
        percent(slow.slowest_ratio),
        count(slow.told_requests),
        duration(slow.mean_ms),
        slow.spans,
        words.join(", ")
    ))
}

fn interval(part: &TimePart) -> Cell {
    Cell::new(match (part.low_ratio, part.high_ratio) {
        (Some(low), Some(high)) => format!("{} to {}", percent(low), percent(high)),
        (Some(low), None) => format!("≥ {}", percent(low)),
        (None, Some(high)) => format!("≤ {}", percent(high)),
        (None, None) => String::new(),
    })
}

fn by_endpoint(endpoints: &[Endpoint]) -> Table {
    let mut columns = vec![
        Column::name("Endpoint"),
        // Both stand in the table by endpoint of the load already.
        Column::number("Count").drop(2),
        Column::number("Mean").drop(1),
    ];
    columns.extend(PARTS.map(|part| {
        Column::number(match part {
            // The longest name would take the room of the endpoint's.
            PartKind::App => "app",
            part => part_name(part),
        })
    }));
    let mut table = Table::new(columns);
    for endpoint in endpoints.iter().take(ENDPOINT_ROWS) {
        let mut row = vec![
            Cell::code(endpoint.name.clone()),
            Cell::new(count(endpoint.requests)),
            Cell::known(endpoint.mean_ms, duration),
        ];
        row.extend(PARTS.map(|kind| {
            let part = endpoint.parts.iter().find(|p| p.part == kind);
            part.map_or_else(Cell::not_measured, share)
        }));
        table.row(row);
    }
    table
}

fn share(part: &TimePart) -> Cell {
    let letter = match part.basis {
        Basis::Measured => "m",
        Basis::Derived => "d",
        Basis::Inferred => "i",
        Basis::Bound => "b",
        Basis::NotMeasured => return Cell::not_measured(),
    };
    Cell::known(part.share_ratio, |ratio| {
        match (part.low_ratio, part.high_ratio) {
            // An inferred share of 5 % that may be 0 must not read like one that was measured.
            (Some(low), Some(high)) if part.basis == Basis::Inferred => {
                format!(
                    "{} ({} to {}) {letter}",
                    percent(ratio),
                    percent(low),
                    percent(high)
                )
            }
            _ => format!("{} {letter}", percent(ratio)),
        }
    })
}

/// Which statements an endpoint runs, most executions per request first: an endpoint that runs a
/// statement for every row of another one stands at the top.
fn statements(c: &Conclusions, breakdown: &Breakdown, section: &mut Section) {
    let mut pairs: Vec<_> = breakdown
        .endpoints
        .iter()
        .flat_map(|e| e.statements.iter().map(move |s| (e, s)))
        .collect();
    if pairs.is_empty() {
        return;
    }
    pairs.sort_by(|a, b| b.1.calls_per_request.total_cmp(&a.1.calls_per_request));
    let mut table = Table::new([
        Column::name("Endpoint"),
        Column::number("Calls per request"),
        Column::word("Basis"),
        Column::word("Id"),
        Column::cut("Statement"),
    ]);
    for (endpoint, statement) in pairs.iter().take(STATEMENT_ROWS) {
        let listed = c.statements.as_deref();
        let label = format::label(listed, &statement.query_id);
        let text = listed
            .and_then(|all| all.iter().find(|s| s.has_id(&statement.query_id)))
            .map_or_else(
                || format!("queryid {}", statement.query_id),
                |s| format::one_line(&s.query),
            );
        let calls = match (statement.low, statement.high) {
            (Some(low), Some(high)) => format!(
                "{} ({} to {})",
                number(statement.calls_per_request),
                number(low),
                number(high)
            ),
            _ => number(statement.calls_per_request),
        };
        table.row([
            Cell::code(endpoint.name.clone()),
            Cell::new(calls),
            format::basis(statement.basis),
            Cell::new(label.unwrap_or_default()),
            Cell::code(text),
        ]);
    }
    section.heading("Statements of an endpoint");
    section.table(table);
    section.more(pairs.len(), STATEMENT_ROWS, "row", "rows");
}
