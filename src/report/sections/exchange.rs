//! Inside of requests: what the client saw on the wire, and what the service told of itself.

use crate::analyze::conclusions::{Conclusions, LoadOperation};
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{count, duration};

/// Endpoints in the table; the JSON has all.
const ROWS: usize = 40;

/// Entries of `Server-Timing` in a cell.
const ENTRIES: usize = 5;

/// Whether the load tells anything of the inside of its requests.
pub(super) fn is_told(c: &Conclusions) -> bool {
    c.load
        .as_ref()
        .is_some_and(|load| load.operations.iter().any(tells))
}

fn tells(operation: &LoadOperation) -> bool {
    operation.phases.is_some() || !operation.server_timing.is_empty()
}

/// Means over the requests that told them.
pub(super) fn exchanges(c: &Conclusions) -> Section {
    const TITLE: &str = "Inside of requests";
    let Some(load) = c.load.as_ref().filter(|_| is_told(c)) else {
        return Section::nothing(TITLE, "Not measured: the load tells nothing of it.");
    };
    let mut table = Table::new([
        Column::name("Endpoint"),
        Column::number("Answers").drop(1),
        Column::number("Lookup").drop(2),
        Column::number("Connect"),
        Column::number("TLS"),
        Column::number("Waiting"),
        Column::number("Receiving"),
        Column::prose("Server-Timing"),
    ]);
    let told: Vec<&LoadOperation> = load.operations.iter().filter(|o| tells(o)).collect();
    for operation in told.iter().take(ROWS) {
        let phases = operation.phases.as_ref();
        let ms = |value: Option<f64>| Cell::known(value, duration);
        table.row([
            Cell::code(operation.name.clone()),
            Cell::known(phases.map(|p| p.requests), count),
            ms(phases.and_then(|p| p.dns_ms)),
            ms(phases.and_then(|p| p.connecting_ms)),
            ms(phases.and_then(|p| p.tls_ms)),
            ms(phases.and_then(|p| p.waiting_ms)),
            ms(phases.and_then(|p| p.receiving_ms)),
            server_timing(operation),
        ]);
    }
    let mut section = Section::new(TITLE).source(format!(
        "{}; means over the requests that told them",
        load.source
    ));
    section.table(table);
    section.more(told.len(), ROWS, "endpoint", "endpoints");
    section
}

/// The entries with the most time.
fn server_timing(operation: &LoadOperation) -> Cell {
    if operation.server_timing.is_empty() {
        return Cell::new("none");
    }
    let mut entries: Vec<_> = operation.server_timing.iter().collect();
    let time = |mean_ms: f64, requests: u64| mean_ms * requests as f64;
    entries.sort_by(|a, b| time(b.mean_ms, b.requests).total_cmp(&time(a.mean_ms, a.requests)));
    let shown = entries.iter().take(ENTRIES);
    let shown: Vec<String> = shown
        .map(|entry| format!("{} {}", entry.name, duration(entry.mean_ms)))
        .collect();
    Cell::new(shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::{LoadPhases, LoadServerTiming};

    #[test]
    fn only_what_was_told_is_shown() {
        let text = include_str!("../../../fixtures/conclusions/full.json");
        let mut c: Conclusions = serde_json::from_str(text).unwrap();
        assert!(!is_told(&c));
        let first = &mut c.load.as_mut().unwrap().operations[0];
        first.phases = Some(LoadPhases {
            requests: 7,
            waiting_ms: Some(12.0),
            ..LoadPhases::default()
        });
        let told = |name: &str, mean_ms: f64| LoadServerTiming {
            name: name.to_owned(),
            requests: 7,
            mean_ms,
        };
        first.server_timing = vec![told("app", 1.0), told("db", 8.0)];
        assert!(is_told(&c));
        let shown = format!("{:?}", exchanges(&c));
        assert!(shown.contains("db 8.00 ms, app 1.00 ms"), "{shown}");
        assert!(shown.contains("12.0 ms"), "{shown}");
    }
}
