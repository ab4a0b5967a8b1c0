//! What was captured from logs.

use std::fmt::Write as _;

use crate::analyze::conclusions::Conclusions;
use crate::record::CaptureSummary;
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{self, bytes, count, duration, plural};

/// Statements in the table; the JSON has more.
const ROWS: usize = 20;

const NO_CAPTURE: &str = "Not measured: nothing was captured.";

/// The files, and what became of what is in them.
pub(super) fn capture(c: &Conclusions) -> Section {
    const TITLE: &str = "Captured workload";
    let Some(capture) = &c.capture else {
        return Section::nothing(TITLE, NO_CAPTURE);
    };
    let mut section = Section::new(TITLE);
    section.text(totals(capture));
    section.text(if capture.writes {
        "It has statements that may change data."
    } else {
        "It only reads."
    });
    let mut table = Table::new([
        Column::name("File"),
        Column::word("Format"),
        Column::number("Size"),
        Column::number("Lines"),
        Column::number("Records"),
        Column::prose("Not understood"),
    ]);
    for source in &capture.sources {
        let mut damage = match source.first_damaged_line {
            Some(line) => format!("{} (first at line {line})", count(source.damaged)),
            None => "none".to_owned(),
        };
        if let Some(reason) = &source.cut_off {
            let _ = write!(damage, "; ends early: {reason}");
        }
        table.row([
            Cell::code(source.file.clone()),
            Cell::new(source.format.clone()),
            Cell::new(bytes(source.size_bytes)),
            Cell::new(count(source.lines)),
            Cell::new(count(source.records)),
            Cell::new(damage),
        ]);
    }
    section.table(table);
    for (reason, calls) in &capture.left_out {
        section.text(format!(
            "{} left out: {reason}.",
            plural(*calls, "call", "calls")
        ));
    }
    for note in &capture.notes {
        section.text(format!("{note}."));
    }
    section
}

fn totals(capture: &CaptureSummary) -> String {
    let mut words = format!(
        "{} in {} over {}",
        plural(capture.calls, "call", "calls"),
        plural(capture.sessions, "session", "sessions"),
        duration(capture.span_ms)
    );
    if capture.failed > 0 {
        let _ = write!(words, ", {} of them failed", count(capture.failed));
    }
    if !capture.databases.is_empty() {
        let databases: Vec<&str> = capture
            .databases
            .iter()
            .take(10)
            .map(String::as_str)
            .collect();
        let _ = write!(words, "; databases {}", databases.join(", "));
    }
    words.push('.');
    words
}

/// The statements with the most time.
pub(super) fn statements(c: &Conclusions) -> Section {
    const TITLE: &str = "Captured statements";
    let Some(capture) = &c.capture else {
        return Section::nothing(TITLE, NO_CAPTURE);
    };
    let mut section =
        Section::new(TITLE).source("durations of the log, which end with the last row");
    let mut table = Table::new([
        Column::number("Calls"),
        Column::number("Failed"),
        Column::number("Time"),
        Column::number("Mean"),
        Column::prose("Statement"),
    ]);
    for row in capture.statements.iter().take(ROWS) {
        let mean = (row.calls > 0 && row.total_ms > 0.0).then(|| row.total_ms / row.calls as f64);
        let total = (row.total_ms > 0.0).then_some(row.total_ms);
        table.row([
            Cell::new(count(row.calls)),
            Cell::new(count(row.failed)),
            Cell::known(total, duration),
            Cell::known(mean, duration),
            Cell::code(format::one_line(&row.query)),
        ]);
    }
    section.table(table);
    let shown = capture.statements.len().min(ROWS) as u64;
    if capture.distinct_statements > shown {
        section.dim(format!(
            "{} of {} statements, those with the most time; --format json has more.",
            count(shown),
            count(capture.distinct_statements)
        ));
    }
    section
}
