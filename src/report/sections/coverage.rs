//! What was looked at, what looking cost, and who the server is.

use crate::analyze::conclusions::Conclusions;
use crate::report::doc::{Cell, Column, Section, Table, Tone};
use crate::report::format::{bytes, duration, moment, percent};

/// Collectors and how they ended.
pub(super) fn coverage(c: &Conclusions) -> Section {
    const TITLE: &str = "Coverage";
    if c.coverage.is_empty() {
        return Section::nothing(TITLE, "Not measured: nothing on a server was looked at.");
    }
    let mut table = Table::new([
        Column::word("Collector"),
        Column::word("Status"),
        Column::number("Took"),
        Column::prose("Why"),
    ]);
    for row in &c.coverage {
        let status = match row.status.as_str() {
            "ok" => Cell::new("ok").tone(Tone::Good),
            "failed" => Cell::new("FAILED").tone(Tone::Bad),
            "partial" => Cell::new("PARTIAL").tone(Tone::Warn),
            other => Cell::new(other).tone(Tone::Dim),
        };
        table.row([
            Cell::new(row.collector.clone()),
            status,
            row.duration_ms
                .map_or_else(|| Cell::new(""), |ms| Cell::new(duration(ms))),
            Cell::new(row.reason.clone().unwrap_or_default()),
        ]);
    }
    let mut section =
        Section::new(TITLE).source("time is what dbperf waited for the server, over all samples");
    section.table(table);
    for disturbance in &c.disturbances {
        section.text(disturbance.clone());
    }
    section
}

/// The cost of measuring.
pub(super) fn overhead(c: &Conclusions) -> Section {
    const TITLE: &str = "Overhead of measuring";
    let Some(overhead) = &c.overhead else {
        return Section::nothing(TITLE, "Not measured.");
    };
    let mut table = Table::new([
        Column::word("Metric"),
        Column::number("Value"),
        Column::prose("How measured"),
    ]);
    for (metric, value, how) in [
        (
            "dbperf's own statements",
            Cell::known(overhead.own_exec_ms, duration),
            "their execution time on the server; left out of every list above",
        ),
        (
            "the same, of one core",
            Cell::known(overhead.own_exec_ratio, percent),
            "over the length of the window",
        ),
        (
            "load driver's CPU",
            Cell::known(overhead.driver_cpu_ratio, percent),
            "CPU time over the time of its threads",
        ),
    ] {
        table.row([Cell::new(metric), value, Cell::new(how).tone(Tone::Dim)]);
    }
    let mut section = Section::new(TITLE);
    section.blocks.push(crate::report::doc::Block::Table(table));
    section
}

/// The server and the run.
pub(super) fn server(c: &Conclusions) -> Section {
    const TITLE: &str = "Server and run";
    let Some(server) = &c.server else {
        return Section::nothing(TITLE, "Not measured: no server was looked at.");
    };
    let mut section = Section::new(TITLE);
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let mut table = Table::new([Column::word("Fact"), Column::prose("Value")]);
    let mut row = |fact: &str, value: String| table.row([Cell::new(fact), Cell::new(value)]);
    row("command", c.run.command.clone());
    row(
        "window",
        format!(
            "{} to {}",
            moment(&c.run.started_at),
            moment(&c.run.ended_at)
        ),
    );
    row(
        "target",
        format!("{} (from {})", server.address, server.target_source),
    );
    row("role", server.role.clone());
    row("encrypted", yes_no(server.tls));
    row("standby", yes_no(server.in_recovery));
    row("version", server.version.clone());
    let unknown = || super::super::format::NOT_MEASURED.to_owned();
    row("size", server.size_bytes.map_or_else(unknown, bytes));
    row(
        "cores",
        server.cores.map_or_else(unknown, |n| n.to_string()),
    );
    row(
        "system identifier",
        server.system_identifier.clone().unwrap_or_else(unknown),
    );
    let list = |map: &std::collections::BTreeMap<String, String>, sign: &str| {
        let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}{sign}{v}")).collect();
        if pairs.is_empty() {
            "none read".to_owned()
        } else {
            pairs.join(", ")
        }
    };
    row("extensions", list(&server.extensions, " "));
    row("settings", list(&server.settings, " = "));
    section.table(table);
    section
}
