//! Where the time of requests went by the application's own traces.

use super::load::sentence;
use crate::analyze::conclusions::{Conclusions, TracedPart, TracedPoolUse, TracedRoute, Traces};
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{count, duration, number, percent};

/// Routes and statements in the tables; the JSON has all.
const ROWS: usize = 20;

/// Statements of one route.
const STATEMENTS: usize = 5;

/// All files of traces.
pub(super) fn traces(c: &Conclusions) -> Section {
    let mut section = Section::new("Traces");
    for set in &c.traces {
        if !set.endpoints.is_empty() {
            section.text(format!(
                "{}: {} spans. Where spans overlap, the database comes first, then the pool, then other services.",
                set.files.join(", "),
                count(set.spans)
            ));
            section.table(routes(set));
            section.text("What a request spends its time on, on average:");
            section.table(parts(set, |route| &route.parts));
            let slow = parts(set, |route| &route.slow_parts);
            if !slow.rows.is_empty() {
                section.text("The slowest 5 % of the requests by themselves:");
                section.table(slow);
            }
            section.table(statements(set));
        }
        if !set.pools.is_empty() {
            section.text(format!("Pools by the metrics in {}:", set.files.join(", ")));
            section.table(pools(&set.pools));
        }
        for warning in &set.warnings {
            section.dim(sentence(warning));
        }
    }
    section.dim("Sampling decides which requests have a trace: shares are told, rates are not.");
    section
}

fn part(parts: &[TracedPart], name: &str) -> Cell {
    let part = parts.iter().find(|p| p.part == name);
    let told = part.and_then(|p| p.mean_ms.zip(p.share_ratio));
    Cell::known(told, |(ms, share)| {
        format!("{} ({})", duration(ms), percent(share))
    })
}

fn part_cells(parts: &[TracedPart]) -> [Cell; 4] {
    ["database", "pool_wait", "other_calls", "app"].map(|name| part(parts, name))
}

fn routes(set: &Traces) -> Table {
    let mut table = Table::new([
        Column::name("Endpoint"),
        Column::number("Requests"),
        Column::number("Failed"),
        Column::number("Mean"),
        Column::number("p95"),
        Column::number("Outside"),
    ]);
    for route in set.endpoints.iter().take(ROWS) {
        table.row([
            Cell::code(route.name.clone()),
            Cell::new(count(route.requests)),
            Cell::new(count(route.failures)),
            Cell::new(duration(route.mean_ms)),
            Cell::known(route.p95_ms, duration),
            Cell::known(route.outside_mean_ms, duration),
        ]);
    }
    table
}

/// The parts of requests by endpoint, of all requests or of the slow ones; a route without them is left out.
fn parts(set: &Traces, of: impl Fn(&TracedRoute) -> &[TracedPart]) -> Table {
    let mut table = Table::new([
        Column::name("Endpoint"),
        Column::number("Database"),
        Column::number("Pool wait"),
        Column::number("Other calls").drop(1),
        Column::number("App"),
    ]);
    let told = set.endpoints.iter().filter(|route| !of(route).is_empty());
    for route in told.take(ROWS) {
        let [database, pool, other, app] = part_cells(of(route));
        table.row([Cell::code(route.name.clone()), database, pool, other, app]);
    }
    table
}

fn statements(set: &Traces) -> Table {
    let mut table = Table::new([
        Column::name("Endpoint"),
        Column::cut("Statement"),
        Column::number("Calls a request"),
        Column::number("Mean"),
    ]);
    for route in set.endpoints.iter().take(ROWS) {
        for call in route.statements.iter().take(STATEMENTS) {
            table.row([
                Cell::code(route.name.clone()),
                Cell::code(call.name.clone()),
                Cell::new(number(call.calls_per_request)),
                Cell::new(duration(call.mean_ms)),
            ]);
        }
    }
    table
}

fn pools(pools: &[TracedPoolUse]) -> Table {
    let mut table = Table::new([
        Column::name("Pool"),
        Column::number("Acquires"),
        Column::number("Mean wait"),
        Column::number("Uses"),
        Column::number("Mean use"),
        Column::number("Timeouts"),
        Column::word("Connections at most"),
        Column::number("Waiting at most"),
    ]);
    for pool in pools.iter().take(ROWS) {
        let most: Vec<String> = pool
            .connections_max
            .iter()
            .map(|(state, n)| format!("{} {state}", count(*n)))
            .collect();
        table.row([
            Cell::code(pool.name.clone()),
            Cell::new(count(pool.waits)),
            Cell::known(pool.wait_mean_ms, duration),
            Cell::new(count(pool.uses)),
            Cell::known(pool.use_mean_ms, duration),
            Cell::new(count(pool.timeouts)),
            Cell::known((!most.is_empty()).then_some(most), |m| m.join(", ")),
            Cell::known(pool.pending_max, count),
        ]);
    }
    table
}
